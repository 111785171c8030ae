//! What the driver writes into a block to touch it, and to know it again.
//!
//! ```text
//! | tag, 8 bytes | … | mark | … | mark | … | mark |
//! 0                  4096     8192            len-1
//! ```
//!
//! A mark is the tag's first byte. A block shorter than the tag has marks only.

use std::ptr::NonNull;

/// The distance between marks, so that every page of a block has one.
const PAGE: usize = 4096;

const TAG: usize = size_of::<u64>();

/// What the block of `slot` carries.
#[inline]
pub fn tag(slot: usize) -> u64 {
    (slot as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The tag's first byte.
#[inline]
fn first(tag: u64) -> u8 {
    let [first, ..] = tag.to_ne_bytes();
    first
}

/// Writes the tag, the marks from byte `from` on, and the last byte.
///
/// # Safety
///
/// - `block` is valid for writes of `len` bytes.
#[inline]
pub unsafe fn write(block: NonNull<u8>, from: usize, len: usize, tag: u64) {
    let Some(last) = len.checked_sub(1) else { return };
    if len >= TAG {
        // SAFETY: the first eight bytes are inside the block.
        unsafe { block.cast::<u64>().write_unaligned(tag) }
    } else {
        // SAFETY: the first byte is inside the block.
        unsafe { block.write(first(tag)) }
    }
    if last != TAG - 1 {
        // SAFETY: the last byte is inside the block.
        unsafe { put(block, last, first(tag)) }
    }
    for at in (from.next_multiple_of(PAGE).max(PAGE)..len).step_by(PAGE) {
        // SAFETY: `at < len`.
        unsafe { put(block, at, first(tag)) }
    }
}

/// Whether the block still begins with its tag, as far as it is `len` bytes long.
///
/// # Safety
///
/// - `block` is valid for reads of `len` bytes, and was written with this tag.
#[inline]
pub unsafe fn tagged(block: NonNull<u8>, len: usize, tag: u64) -> bool {
    match len {
        0 => true,
        // SAFETY: the first byte is inside the block.
        1..TAG => unsafe { block.read() == first(tag) },
        // SAFETY: the first eight bytes are inside the block.
        _ => unsafe { block.cast::<u64>().read_unaligned() == tag },
    }
}

/// Whether the tag and the marks on the pages of the first `len` bytes are there.
///
/// # Safety
///
/// - `block` is valid for reads of `len` bytes, and was written with this tag.
pub unsafe fn marked(block: NonNull<u8>, len: usize, tag: u64) -> bool {
    // SAFETY: as promised by the caller.
    let tagged = unsafe { tagged(block, len, tag) };
    // SAFETY: each `at < len`.
    tagged && (PAGE..len).step_by(PAGE).all(|at| unsafe { get(block, at) } == first(tag))
}

/// Whether the last byte of a block of `len` bytes is there.
///
/// # Safety
///
/// - `block` is valid for reads of `len` bytes, and was written with this tag and this length.
pub unsafe fn ends(block: NonNull<u8>, len: usize, tag: u64) -> bool {
    // SAFETY: the last byte is inside the block.
    len == 0 || len == TAG || unsafe { get(block, len - 1) } == first(tag)
}

/// Whether all `len` bytes are zero.
///
/// # Safety
///
/// - `block` is valid for reads of `len` bytes that have been initialised.
pub unsafe fn zero(block: NonNull<u8>, len: usize) -> bool {
    // SAFETY: as promised by the caller; nobody writes while we look.
    let bytes = unsafe { NonNull::slice_from_raw_parts(block, len).as_ref() };
    bytes.iter().all(|byte| *byte == 0)
}

/// # Safety
///
/// - `block` is valid for writes of more than `at` bytes.
#[inline]
unsafe fn put(block: NonNull<u8>, at: usize, byte: u8) {
    // SAFETY: `at` is inside the block.
    let place = unsafe { block.add(at) };
    // SAFETY: as above.
    unsafe { place.write(byte) }
}

/// # Safety
///
/// - `block` is valid for reads of more than `at` bytes.
#[inline]
unsafe fn get(block: NonNull<u8>, at: usize) -> u8 {
    // SAFETY: `at` is inside the block.
    let place = unsafe { block.add(at) };
    // SAFETY: as above.
    unsafe { place.read() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: &mut [u8]) -> NonNull<u8> {
        NonNull::from(bytes).cast()
    }

    fn intact(bytes: &mut [u8], tag: u64) -> bool {
        let (block, len) = (block(bytes), bytes.len());
        // SAFETY: the slice has `len` bytes.
        let marked = unsafe { marked(block, len, tag) };
        // SAFETY: as above.
        marked && unsafe { ends(block, len, tag) }
    }

    #[test]
    fn damage_to_head_tail_and_pages_is_noticed() {
        let places =
            [(1, 0), (2, 1), (7, 0), (7, 6), (8, 0), (8, 7), (9, 8), (4097, 4096), (20_000, 8192), (20_000, 19_999)];
        for (len, at) in places {
            let mut bytes = vec![0x55_u8; len];
            // SAFETY: the vector has `len` bytes.
            unsafe { write(block(&mut bytes), 0, len, tag(3)) }
            assert!(intact(&mut bytes, tag(3)), "{len} bytes");
            bytes[at] = !bytes[at];
            assert!(!intact(&mut bytes, tag(3)), "byte {at} of {len}");
        }
    }

    #[test]
    fn a_block_that_grows_and_shrinks_keeps_its_marks() {
        let mut bytes = vec![0_u8; 20_000];
        let mut old = 0;
        for len in [9000, 5000, 8, 3, 12, 20_000, 4096, 4097] {
            // SAFETY: no length is above 20,000.
            unsafe { write(block(&mut bytes), len.min(old), len, tag(1)) }
            assert!(intact(&mut bytes[..len], tag(1)), "{old} to {len}");
            old = len;
        }
    }
}
