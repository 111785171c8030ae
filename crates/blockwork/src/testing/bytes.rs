//! Patterns in memory, written and compared a chunk at a time: debug builds
//! check megabytes, and a loop over bytes would take seconds.

use core::{ptr::NonNull, slice};

/// The length of the noise, a prime: no power of two maps it onto itself, so
/// bytes that moved by one do not match.
const PERIOD: usize = 4093;

/// Two periods, so that a whole period can be read from any offset.
static NOISE: [u8; 2 * PERIOD] = noise();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "const: checked by the compiler")]
const fn noise() -> [u8; 2 * PERIOD] {
    let mut bytes = [0; 2 * PERIOD];
    let mut state = 0x9E37_79B9_u32;
    let mut at = 0;
    while at < PERIOD {
        // xorshift32: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8, 2003.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let [byte, ..] = state.to_le_bytes();
        bytes[at] = byte;
        bytes[at + PERIOD] = byte;
        at += 1;
    }
    bytes
}

/// One period of noise for block `id`, beginning where no neighbour's does.
fn noise_of(id: usize) -> &'static [u8] {
    let start = id.wrapping_mul(101) % PERIOD;
    NOISE.get(start..).and_then(|tail| tail.get(..PERIOD)).unwrap_or(&NOISE)
}

/// Writes the pattern of `id`.
///
/// # Safety
///
/// - `start` is valid for writes of `len` bytes.
pub(super) unsafe fn write_pattern(start: NonNull<u8>, len: usize, id: usize) {
    let noise = noise_of(id);
    let mut done = 0;
    while done < len {
        let step = len.wrapping_sub(done).min(noise.len());
        // SAFETY: `done < len`, inside the caller's bytes.
        let at = unsafe { start.add(done) };
        // SAFETY: `step` bytes are left at `at`, and the noise is as long.
        unsafe { at.copy_from_nonoverlapping(NonNull::from(noise).cast(), step) };
        done = done.wrapping_add(step);
    }
}

/// Where the bytes first differ from the pattern of `id`.
///
/// # Safety
///
/// - `start` is valid for reads of `len` initialised bytes.
pub(super) unsafe fn pattern_differs(start: NonNull<u8>, len: usize, id: usize) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { first_difference(start, len, noise_of(id)) }
}

/// Where the bytes first differ from `byte`.
///
/// # Safety
///
/// - `start` is valid for reads of `len` initialised bytes.
pub(super) unsafe fn fill_differs(start: NonNull<u8>, len: usize, byte: u8) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { first_difference(start, len, &[byte; 1024]) }
}

/// Where the bytes first differ from `expected`, repeated for ever.
///
/// # Safety
///
/// - `start` is valid for reads of `len` initialised bytes.
unsafe fn first_difference(start: NonNull<u8>, len: usize, expected: &[u8]) -> Option<usize> {
    // SAFETY: the caller's promise; nobody writes while we compare.
    let bytes = unsafe { slice::from_raw_parts(start.as_ptr(), len) };
    if expected.get(..len) == Some(bytes) {
        return None;
    }
    let (chunk_at, chunk) = bytes
        .chunks(expected.len())
        .enumerate()
        .find(|(_, chunk)| expected.get(..chunk.len()).is_some_and(|same| *chunk != same))?;
    let inside = chunk.iter().zip(expected).position(|(found, wanted)| found != wanted)?;
    Some(chunk_at.wrapping_mul(expected.len()).wrapping_add(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_its_own_and_nobody_elses() {
        let mut bytes = [0_u8; 10_000];
        let start = NonNull::from(&mut bytes).cast();
        // SAFETY: inside the array.
        unsafe { write_pattern(start, 10_000, 7) };
        // SAFETY: inside the array.
        assert_eq!(unsafe { pattern_differs(start, 10_000, 7) }, None);
        // SAFETY: inside the array.
        assert!(unsafe { pattern_differs(start, 10_000, 8) }.is_some());
        // SAFETY: inside the array.
        let second = unsafe { start.add(1) };
        // SAFETY: inside the array.
        assert!(unsafe { pattern_differs(second, 9_999, 7) }.is_some());
    }

    #[test]
    fn the_first_difference_is_found() {
        let mut bytes = [3_u8; 5_000];
        bytes[4_321] = 4;
        let start = NonNull::from(&mut bytes).cast();
        // SAFETY: inside the array.
        assert_eq!(unsafe { fill_differs(start, 5_000, 3) }, Some(4_321));
        // SAFETY: inside the array.
        assert_eq!(unsafe { fill_differs(start, 4_321, 3) }, None);
    }
}
