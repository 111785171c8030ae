//! [`Holes`]: strips of a slab without memory, and the blocks that are missing for it.
//!
//! ```text
//! strips   │   0    │   1    │   2    │   3    │ …      4 KiB each, 16 of a slab
//! holes             │▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│
//! blocks   [ 0 ][ 1 ][ 2 ][ 3 ][ 4 ][ 5 ][ 6 ] …
//! missing       └──── 1 to 5 ────────┘
//! ```
//!
//! A block is missing if a part of it lies in a hole. So which ones are need not be
//! remembered, and closing a hole brings back those that no other hole has a part of.

use core::ops::Range;

/// Bytes of a strip: of a page of the system, where its pages are small.
pub(crate) const STRIP: usize = 1 << STRIP_BITS;
const STRIP_BITS: u32 = 12;

/// The strips of a slab.
const STRIPS: u32 = 16;

/// Bytes of a slab.
const SLAB: u32 = STRIPS << STRIP_BITS;

/// What a slab of equal blocks looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of a block: one at least.
    pub(crate) size: u32,
    /// Blocks that were made, from the start of the slab on.
    pub(crate) made: u32,
}

impl Shape {
    /// The blocks that have a part in `strip`, whether they were made or not.
    const fn blocks_in(self, strip: u32) -> Range<u32> {
        let (start, end) = (strip << STRIP_BITS, strip.wrapping_add(1) << STRIP_BITS);
        match start.checked_div(self.size) {
            Some(first) => first..end.div_ceil(self.size),
            None => 0..0,
        }
    }

    /// Whether `strip` has nothing but parts of blocks that were made, up to the
    /// last that the slab has room for.
    const fn is_made(self, strip: u32) -> bool {
        let Range { start, end } = self.blocks_in(strip);
        let is_full = match SLAB.checked_div(self.size) {
            Some(room) => self.made == room,
            None => false,
        };
        start < self.made && (end <= self.made || is_full)
    }
}

/// A set of strips; see the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holes(u16);

impl Holes {
    /// Those that [`bits`](Self::bits) were.
    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// The strips in which all that was made is free.
    pub(crate) fn of_free(shape: Shape, is_free: impl Fn(u32) -> bool) -> Self {
        let is_hole = |&strip: &u32| {
            shape.is_made(strip) && shape.blocks_in(strip).filter(|&block| block < shape.made).all(&is_free)
        };
        Self((0..STRIPS).filter(is_hole).fold(0, |bits, strip| bits | 1 << strip))
    }

    /// Whether the block of this number is missing.
    pub(crate) const fn have(self, shape: Shape, block: u32) -> bool {
        let start = block.wrapping_mul(shape.size);
        let last = start.wrapping_add(shape.size.wrapping_sub(1));
        let (first, last) = (start >> STRIP_BITS, last >> STRIP_BITS);
        // The strips from `first` to `last`.
        let mask = (2_u32.wrapping_shl(last)).wrapping_sub(1_u32.wrapping_shl(first));
        self.0 as u32 & mask != 0
    }

    /// The number of missing blocks.
    pub(crate) fn count(self, shape: Shape) -> u32 {
        (0..shape.made).filter(|&block| self.have(shape, block)).fold(0, |count, _| count.wrapping_add(1))
    }

    /// The number of strips.
    pub(crate) const fn strips(self) -> u32 {
        self.0.count_ones()
    }

    /// Those that are not in `others`.
    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The strips, as long runs as there are.
    pub(crate) fn runs(self) -> impl Iterator<Item = Range<u32>> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let start = rest.trailing_zeros();
            let long = rest.checked_shr(start)?.trailing_ones();
            let end = start.wrapping_add(long);
            // The strips below `end` are done with.
            rest &= u16::MAX.checked_shl(end).unwrap_or(0);
            Some(start..end)
        })
    }

    /// Closes holes from the first on, until blocks are back that were missing:
    /// these. None if there is no hole.
    pub(crate) fn close(&mut self, shape: Shape) -> Range<u32> {
        while self.0 != 0 {
            let strip = self.0.trailing_zeros();
            self.0 &= self.0.wrapping_sub(1);
            let blocks = shape.blocks_in(strip);
            let mut back = blocks.filter(|&block| block < shape.made && !self.have(shape, block));
            if let Some(first) = back.next() {
                return first..back.next_back().unwrap_or(first).wrapping_add(1);
            }
        }
        0..0
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;

    /// The strips that each block has a part of, byte by byte.
    fn strips_of_blocks(shape: Shape) -> Vec<Vec<u32>> {
        let mut strips: Vec<Vec<u32>> = Vec::new();
        for at in 0..SLAB {
            let block = at.checked_div(shape.size).unwrap() as usize;
            strips.resize(strips.len().max(block.saturating_add(1)), Vec::new());
            strips[block].push(at >> STRIP_BITS);
            strips[block].dedup();
        }
        strips.truncate(SLAB.checked_div(shape.size).unwrap() as usize);
        strips
    }

    /// Shapes of every size of block that a slab has, whole and half made.
    fn shapes() -> impl Iterator<Item = Shape> {
        [16, 48, 80, 112, 160, 320, 1024, 1280, 3584, 4096, 5120, 7168, 20_480, 32_768].into_iter().flat_map(|size| {
            let room = SLAB.checked_div(size).unwrap();
            [room, room / 2, 1].map(|made| Shape { size, made })
        })
    }

    #[test]
    fn a_block_is_missing_if_a_part_of_it_lies_in_a_hole() {
        for shape in shapes() {
            let strips = strips_of_blocks(shape);
            for bits in [0, 1, 2, 0x8000, 0xFFFF, 0xF0F0, 0x8421] {
                let holes = Holes(bits);
                let missing = |block: u32| strips[block as usize].iter().any(|strip| bits >> strip & 1 == 1);
                assert!((0..shape.made).all(|block| holes.have(shape, block) == missing(block)), "{shape:?} {bits:x}");
                assert_eq!(holes.count(shape) as usize, (0..shape.made).filter(|&block| missing(block)).count());
            }
        }
    }

    #[test]
    fn a_strip_may_go_if_all_that_is_in_it_was_made_and_is_free() {
        for shape in shapes() {
            let strips = strips_of_blocks(shape);
            for live in [0, 1, shape.made / 2, shape.made - 1] {
                let holes = Holes::of_free(shape, |block| {
                    assert!(block < shape.made, "{shape:?}: {block} was not made");
                    block != live
                });
                assert!(!holes.have(shape, live), "{shape:?}");
                for strip in 0..STRIPS {
                    let mut blocks = (0_u32..).zip(&strips).filter(|(_, strips)| strips.contains(&strip)).peekable();
                    let may = blocks.peek().is_some() && blocks.all(|(block, _)| block < shape.made && block != live);
                    assert_eq!(holes.0 >> strip & 1 == 1, may, "{shape:?}, strip {strip}");
                }
            }
        }
    }

    #[test]
    fn closing_hole_after_hole_brings_every_block_back_once() {
        for shape in shapes() {
            for live in [0, shape.made / 3] {
                let mut holes = Holes::of_free(shape, |block| block != live);
                let mut missing: Vec<_> = (0..shape.made).filter(|&block| holes.have(shape, block)).collect();
                while holes != Holes(0) {
                    let back: Vec<_> = holes.close(shape).collect();
                    assert!(!back.is_empty() || holes == Holes(0));
                    assert!(back.iter().all(|&block| block < shape.made && !holes.have(shape, block)));
                    missing.retain(|block| !back.contains(block));
                    assert_eq!(missing.len(), holes.count(shape) as usize);
                }
                assert!(missing.is_empty(), "{shape:?}: {missing:?}");
            }
        }
    }

    #[test]
    fn a_set_is_what_its_bits_say() {
        assert_eq!(STRIP * STRIPS as usize, SLAB as usize);
        for bits in 0..=u16::MAX {
            assert_eq!(Holes::from_bits(bits).bits(), bits);
        }
    }

    #[test]
    fn runs_are_as_long_as_can_be() {
        let runs = |bits| Holes(bits).runs().collect::<Vec<_>>();
        assert_eq!(runs(0), []);
        assert_eq!(runs(0x7FFF), core::iter::once(0..15).collect::<Vec<_>>());
        assert_eq!(runs(0b1000_0000_0011_0110), [1..3, 4..6, 15..16]);
        assert_eq!(Holes(0b1110).without(Holes(0b0100)).strips(), 2);
    }
}
