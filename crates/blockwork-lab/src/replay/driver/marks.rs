//! What the driver writes into a block to touch it, and to know it again.
//!
//! ```text
//! ends   | tag, 8 bytes |                             mark |
//! pages  | tag, 8 bytes | … | mark | … | mark | …     mark |
//! all    | tag, 8 bytes | tag | tag | tag | tag | tag | ta |
//!        0                  4096     8192            len-1
//! ```
//!
//! A mark is the tag's first byte. A block shorter than the tag has marks only,
//! or what there is room for of the tag.

use std::ptr::NonNull;

use serde::{Deserialize, Serialize};

/// The distance between marks, so that every page of a block has one.
const PAGE: usize = 4096;

const TAG: usize = size_of::<u64>();

/// What of a block a replay writes, and looks at again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// Nothing: the allocator alone, as if the program never used a block
    None,
    /// The first word and the last byte
    Ends,
    /// These, and a byte of every page
    #[default]
    Pages,
    /// Every byte
    All,
}

/// What one block carries.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    tag: u64,
    touch: Touch,
}

impl Mark {
    /// What the block of `slot` carries.
    #[inline]
    pub fn new(slot: usize, touch: Touch) -> Self {
        Self { tag: (slot as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15), touch }
    }

    /// How much of it is touched.
    #[inline]
    pub fn touch(self) -> Touch {
        self.touch
    }

    /// The tag's first byte.
    #[inline]
    fn first(self) -> u8 {
        let [first, ..] = self.tag.to_ne_bytes();
        first
    }

    /// Marks a block whose first `from` bytes are marked already, its old end aside.
    ///
    /// # Safety
    ///
    /// - `block` is valid for writes of `len` bytes.
    #[inline]
    pub unsafe fn write(self, block: NonNull<u8>, from: usize, len: usize) {
        let Some(last) = len.checked_sub(1) else { return };
        match self.touch {
            Touch::None => return,
            // SAFETY: as promised by the caller.
            Touch::All => return unsafe { self.fill(block, from, len) },
            Touch::Ends | Touch::Pages => {}
        }
        if len >= TAG {
            // SAFETY: the first eight bytes are inside the block.
            unsafe { block.cast::<u64>().write_unaligned(self.tag) }
        } else {
            // SAFETY: the first byte is inside the block.
            unsafe { block.write(self.first()) }
        }
        if last != TAG - 1 {
            // SAFETY: the last byte is inside the block.
            unsafe { put(block, last, self.first()) }
        }
        if self.touch == Touch::Pages {
            for at in (from.next_multiple_of(PAGE).max(PAGE)..len).step_by(PAGE) {
                // SAFETY: `at < len`.
                unsafe { put(block, at, self.first()) }
            }
        }
    }

    /// Writes the tag again and again, from byte `from` on, or a little before.
    ///
    /// # Safety
    ///
    /// - `block` is valid for writes of `len` bytes.
    unsafe fn fill(self, block: NonNull<u8>, from: usize, len: usize) {
        let whole = len / TAG;
        for word in from / TAG..whole {
            // SAFETY: the word ends inside the block.
            let place = unsafe { block.add(word * TAG) };
            // SAFETY: as above.
            unsafe { place.cast::<u64>().write_unaligned(self.tag) }
        }
        for (at, byte) in (whole * TAG..len).zip(self.tag.to_ne_bytes()) {
            // SAFETY: `at < len`.
            unsafe { put(block, at, byte) }
        }
    }

    /// Whether the block still begins with its tag, as far as it is `len` bytes long.
    ///
    /// # Safety
    ///
    /// - `block` is valid for reads of `len` bytes, and was written with this mark.
    #[inline]
    pub unsafe fn tagged(self, block: NonNull<u8>, len: usize) -> bool {
        match len {
            _ if self.touch == Touch::None => true,
            0 => true,
            // SAFETY: the first byte is inside the block.
            1..TAG => unsafe { block.read() == self.first() },
            // SAFETY: the first eight bytes are inside the block.
            _ => unsafe { block.cast::<u64>().read_unaligned() == self.tag },
        }
    }

    /// Whether all that was written into the first `len` bytes is there, the end
    /// of the block aside.
    ///
    /// # Safety
    ///
    /// - `block` is valid for reads of `len` bytes, and was written with this mark.
    pub unsafe fn marked(self, block: NonNull<u8>, len: usize) -> bool {
        match self.touch {
            Touch::None => true,
            // SAFETY: as promised by the caller.
            Touch::Ends => unsafe { self.tagged(block, len) },
            Touch::Pages => {
                // SAFETY: as promised by the caller.
                let tagged = unsafe { self.tagged(block, len) };
                // SAFETY: each `at < len`.
                tagged && (PAGE..len).step_by(PAGE).all(|at| unsafe { get(block, at) } == self.first())
            }
            Touch::All => {
                // SAFETY: as promised by the caller; all of it was written, and nobody writes while we look.
                let bytes = unsafe { NonNull::slice_from_raw_parts(block, len).as_ref() };
                let tag = self.tag.to_ne_bytes();
                bytes.chunks(TAG).all(|word| tag.starts_with(word))
            }
        }
    }

    /// Whether the last byte of a block of `len` bytes is there.
    ///
    /// # Safety
    ///
    /// - `block` is valid for reads of `len` bytes, and was written with this mark and this length.
    pub unsafe fn ends(self, block: NonNull<u8>, len: usize) -> bool {
        match self.touch {
            // SAFETY: the last byte is inside the block.
            Touch::Ends | Touch::Pages => len == 0 || len == TAG || unsafe { get(block, len - 1) } == self.first(),
            // Its mark is no other than the rest's.
            Touch::None | Touch::All => true,
        }
    }
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

    fn intact(bytes: &mut [u8], mark: Mark) -> bool {
        let (block, len) = (block(bytes), bytes.len());
        // SAFETY: the slice has `len` bytes.
        let marked = unsafe { mark.marked(block, len) };
        // SAFETY: as above.
        marked && unsafe { mark.ends(block, len) }
    }

    /// Whether damage to byte `at` of a block of `len` is noticed.
    #[track_caller]
    fn notices(touch: Touch, len: usize, at: usize) -> bool {
        let (mut bytes, mark) = (vec![0x55_u8; len], Mark::new(3, touch));
        // SAFETY: the vector has `len` bytes.
        unsafe { mark.write(block(&mut bytes), 0, len) }
        assert!(intact(&mut bytes, mark), "{len} bytes");
        bytes[at] = !bytes[at];
        !intact(&mut bytes, mark)
    }

    #[test]
    fn damage_to_head_tail_and_pages_is_noticed() {
        let ends = [(1, 0), (2, 1), (7, 0), (7, 6), (8, 0), (8, 7), (9, 8), (4097, 4096), (20_000, 19_999)];
        for (len, at) in ends {
            for touch in [Touch::Ends, Touch::Pages, Touch::All] {
                assert!(notices(touch, len, at), "byte {at} of {len}, {touch:?}");
            }
        }
        assert!(notices(Touch::Pages, 20_000, 8192) && !notices(Touch::Ends, 20_000, 8192));
    }

    #[test]
    fn where_all_is_touched_damage_to_any_byte_is_noticed() {
        for len in [1, 3, 8, 13, 100] {
            assert!((0..len).all(|at| notices(Touch::All, len, at)), "{len}");
        }
        assert!(!notices(Touch::Pages, 100, 50));
    }

    #[test]
    fn where_nothing_is_touched_nothing_is_written() {
        let mut bytes = [0x55_u8; 100];
        // SAFETY: as long as that.
        unsafe { Mark::new(3, Touch::None).write(block(&mut bytes), 0, 100) }
        assert_eq!(bytes, [0x55; 100]);
        assert!(intact(&mut bytes, Mark::new(4, Touch::None)));
    }

    #[test]
    fn a_block_that_grows_and_shrinks_keeps_its_marks() {
        for touch in [Touch::None, Touch::Ends, Touch::Pages, Touch::All] {
            let (mut bytes, mark) = (vec![0_u8; 20_000], Mark::new(1, touch));
            let mut old = 0;
            for len in [9000, 5000, 8, 3, 12, 20_000, 4096, 4097] {
                // SAFETY: no length is above 20,000.
                unsafe { mark.write(block(&mut bytes), len.min(old), len) }
                assert!(intact(&mut bytes[..len], mark), "{old} to {len}, {touch:?}");
                old = len;
            }
        }
    }
}
