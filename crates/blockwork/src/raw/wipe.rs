//! [`wipe`]: overwriting memory that is about to be given away.
//!
//! Plain writes to memory that nobody reads again are writes that a compiler
//! may leave out. Volatile ones stay; the fence keeps them before whatever the
//! next owner does.

use core::ptr::NonNull;

use crate::sync::compiler_fence;

/// Sets `len` bytes from `start` on to `pattern`, for good.
///
/// # Safety
///
/// - `start` is valid for writes of `len` bytes.
pub(crate) unsafe fn wipe(start: NonNull<u8>, len: usize, pattern: u8) {
    const WORD: usize = size_of::<usize>();
    let word = usize::from_ne_bytes([pattern; WORD]);
    let uneven = start.align_offset(WORD).min(len);
    let even = len.saturating_sub(uneven) / WORD;
    for at in 0..uneven {
        // SAFETY: below `len`.
        unsafe { set(start, at, pattern) }
    }
    for at in (uneven..).step_by(WORD).take(even) {
        // SAFETY: a whole word ends at or before `len`, and begins at a
        // multiple of its size.
        unsafe { set(start, at, word) }
    }
    for at in uneven.saturating_add(even.saturating_mul(WORD))..len {
        // SAFETY: below `len`.
        unsafe { set(start, at, pattern) }
    }
    compiler_fence();
}

/// Writes `value` at `start + at`.
///
/// # Safety
///
/// - That place is valid for writes of a `T`, and aligned for it.
#[inline]
unsafe fn set<T>(start: NonNull<u8>, at: usize, value: T) {
    // SAFETY: the caller names a place inside.
    let place = unsafe { start.add(at) }.cast::<T>();
    // SAFETY: the caller says so.
    unsafe { place.write_volatile(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_the_range_is_set_and_none_beside_it() {
        for from in 0..17 {
            for len in 0..=40 - from {
                let mut memory = [7_u64; 5];
                let start = NonNull::from(&mut memory).cast::<u8>();
                // SAFETY: 40 bytes.
                let there = unsafe { start.add(from) };
                // SAFETY: as above.
                unsafe { wipe(there, len, 0xAB) };
                // SAFETY: 40 initialised bytes.
                let bytes = unsafe { start.cast::<[u8; 40]>().read() };
                let plain = 7_u64.to_ne_bytes();
                for (at, byte) in bytes.into_iter().enumerate() {
                    let expected = if (from..from + len).contains(&at) { 0xAB } else { plain[at % 8] };
                    assert_eq!(byte, expected, "byte {at} of {len} from {from}");
                }
            }
        }
    }
}
