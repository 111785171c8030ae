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
    // SAFETY: valid for writes of a `T` and aligned for it, says the caller.
    unsafe { place.write_volatile(value) }
}

/// Where the first of `len` bytes from `start` on is that is not `pattern`.
///
/// # Safety
///
/// - `start` is valid for reads of `len` bytes, all of which are initialised.
pub(crate) unsafe fn first_other(start: NonNull<u8>, len: usize, pattern: u8) -> Option<usize> {
    // SAFETY: the caller's promise; nobody writes to them meanwhile.
    let bytes = unsafe { NonNull::slice_from_raw_parts(start, len).as_ref() };
    // Many at once first: slices of bytes are compared fast in any build.
    let many = [pattern; 64];
    let is_other = |part: &[u8]| many.get(..part.len()) != Some(part);
    let (number, part) = bytes.chunks(many.len()).enumerate().find(|(_, part)| is_other(part))?;
    let at = part.iter().position(|&byte| byte != pattern)?;
    Some(number.wrapping_mul(many.len()).wrapping_add(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_found() {
        let mut memory = [9_u8; 140];
        let start = NonNull::from(&mut memory).cast::<u8>();
        // SAFETY: so many initialised bytes.
        assert_eq!(unsafe { first_other(start, 140, 9) }, None);
        for at in (0..140).rev() {
            // SAFETY: inside.
            let there = unsafe { start.add(at) };
            // SAFETY: a byte of ours.
            unsafe { there.write(8) }
            // SAFETY: as above.
            assert_eq!(unsafe { first_other(start, 140, 9) }, Some(at));
            // SAFETY: as above, the first of them.
            assert_eq!(unsafe { first_other(start, at, 9) }, None);
        }
    }

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
