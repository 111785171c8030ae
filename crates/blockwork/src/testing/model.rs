//! [`Model`]: what must be true of the blocks that are live.
//!
//! ```text
//! addresses ──[ block 0 ]──[ block 2 ][ block 1 ]────────►   disjoint
//!              0 0 0 0      2 2 2 2 2  1 1 1 1                each full of its own bytes
//! ```
//!
//! The model keeps an ordered map of live blocks beside the allocator. Every
//! block is filled, to the last granted byte, with a pattern of its own, which
//! must still be there when the block is resized or freed.

use core::{alloc::Layout, ptr::NonNull};

use heap::{collections::BTreeMap, format};

use super::{
    bytes,
    law::{Law, Violation},
};

/// A live block, as the model knows it.
#[derive(Debug)]
struct Live {
    block: NonNull<u8>,
    /// The bytes that are its own.
    granted: usize,
    /// The bytes that its pattern fills. Invariant: `granted <= filled`.
    filled: usize,
    /// Whose pattern fills it.
    id: usize,
}

impl Live {
    fn write(&mut self) {
        // SAFETY: the caller of `begin` or `change` said that the block is live.
        unsafe { bytes::write_pattern(self.block, self.granted, self.id) }
        self.filled = self.granted;
    }

    fn verify(&self, len: usize) -> Result<(), Violation> {
        // SAFETY: `write` filled the block up to its grant, and it is live.
        match unsafe { bytes::pattern_differs(self.block, len, self.id) } {
            None => Ok(()),
            Some(at) => {
                Err(blocks(format!("byte {at} of the live block {:p} ({} bytes) changed", self.block, self.granted)))
            }
        }
    }
}

fn not_live(block: NonNull<u8>) -> Violation {
    blocks(format!("{block:p} is no live block"))
}

fn blocks(detail: heap::string::String) -> Violation {
    Violation::new(Law::Blocks, detail)
}

/// The live blocks of one allocator, and their bytes; see the [module](self).
#[derive(Debug, Default)]
pub struct Model {
    live: BTreeMap<usize, Live>,
    /// The next pattern.
    next: usize,
}

impl Model {
    /// A model of an allocator without live blocks.
    #[must_use]
    pub const fn new() -> Self {
        Self { live: BTreeMap::new(), next: 0 }
    }

    /// Live blocks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no block is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// A block was allocated for `layout`: fills it with its pattern.
    ///
    /// # Errors
    ///
    /// It is not aligned, or overlaps a live block; then it is not touched.
    ///
    /// # Safety
    ///
    /// - Unless it overlaps a live block, `block` is valid for `granted` bytes
    ///   until it leaves the model.
    pub unsafe fn begin(&mut self, block: NonNull<u8>, layout: Layout, granted: usize) -> Result<(), Violation> {
        if !block.addr().get().is_multiple_of(layout.align()) {
            return Err(blocks(format!("the block {block:p} is not aligned to {}", layout.align())));
        }
        self.is_free(block, granted)?;
        let mut live = Live { block, granted, filled: 0, id: self.next };
        self.next = self.next.wrapping_add(1);
        live.write();
        self.live.insert(block.addr().get(), live);
        Ok(())
    }

    /// A block is about to be freed: it leaves the model.
    ///
    /// # Errors
    ///
    /// It is not live, or its bytes changed.
    pub fn end(&mut self, block: NonNull<u8>) -> Result<(), Violation> {
        let live = self.live.remove(&block.addr().get());
        live.map_or_else(|| Err(not_live(block)), |live| live.verify(live.granted))
    }

    /// A block is about to be resized to `granted` bytes: if these are less, the
    /// rest is no longer its own.
    ///
    /// # Errors
    ///
    /// It is not live.
    pub fn narrow(&mut self, block: NonNull<u8>, granted: usize) -> Result<(), Violation> {
        let Some(live) = self.live.get_mut(&block.addr().get()) else { return Err(not_live(block)) };
        live.granted = live.filled.min(granted);
        Ok(())
    }

    /// The resize was refused: the block is again what it was before `narrow`.
    ///
    /// # Errors
    ///
    /// It is not live, or its bytes changed, or are another block's.
    pub fn restore(&mut self, block: NonNull<u8>) -> Result<(), Violation> {
        let Some(mut live) = self.live.remove(&block.addr().get()) else { return Err(not_live(block)) };
        self.is_free(block, live.filled)?;
        live.granted = live.filled;
        live.verify(live.granted)?;
        self.live.insert(block.addr().get(), live);
        Ok(())
    }

    /// A block was resized in place, and now has `granted` bytes: its first
    /// `kept` bytes must be the old ones; then all are filled again.
    ///
    /// # Errors
    ///
    /// The block is not live, or now overlaps another one, or lost bytes.
    ///
    /// # Safety
    ///
    /// - Unless it overlaps another live block, `block` is valid for `granted`
    ///   bytes until it leaves the model.
    pub unsafe fn change(&mut self, block: NonNull<u8>, kept: usize, granted: usize) -> Result<(), Violation> {
        let Some(mut live) = self.live.remove(&block.addr().get()) else { return Err(not_live(block)) };
        live.verify(kept.min(live.granted).min(granted))?;
        self.is_free(block, granted)?;
        live.granted = granted;
        live.write();
        self.live.insert(block.addr().get(), live);
        Ok(())
    }

    /// Every block ended at once.
    pub fn clear(&mut self) {
        self.live.clear();
    }

    /// Compares the bytes of every live block.
    ///
    /// # Errors
    ///
    /// Some changed.
    pub fn verify(&self) -> Result<(), Violation> {
        self.live.values().try_for_each(|live| live.verify(live.granted))
    }

    /// Whether no live block has any of the `len` bytes at `block`.
    fn is_free(&self, block: NonNull<u8>, len: usize) -> Result<(), Violation> {
        let start = block.addr().get();
        let Some(end) = start.checked_add(len) else {
            return Err(blocks(format!("the block {block:p} of {len} bytes wraps around")));
        };
        // The last block that begins before our end is the only one that can reach us.
        match self.live.range(..end).next_back() {
            Some((&at, other)) if at.saturating_add(other.granted) > start => Err(blocks(format!(
                "the block {block:p} of {len} bytes overlaps the live block {:p} of {} bytes",
                other.block, other.granted
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{alloc::Allocate as _, testing::Strict};

    /// Blocks of sixteen bytes in a small region.
    struct Region {
        model: Model,
        strict: Strict,
        start: NonNull<u8>,
    }

    impl Region {
        fn new() -> Self {
            let strict = Strict::new();
            let start = strict.allocate(Layout::new::<[u128; 4]>()).unwrap();
            Self { model: Model::new(), strict, start }
        }

        fn begin(&mut self, offset: usize) -> Result<NonNull<u8>, Violation> {
            // SAFETY: at most 48 bytes into a block of 64.
            let block = unsafe { self.start.add(offset) };
            assert!(self.strict.contains(block, 16));
            // SAFETY: sixteen bytes of a block that stays until the model goes.
            unsafe { self.model.begin(block, Layout::new::<[u8; 16]>(), 16) }.map(|()| block)
        }
    }

    #[test]
    fn neighbours_are_not_overlaps() {
        let mut region = Region::new();
        for offset in [16, 48, 32, 0] {
            assert!(region.begin(offset).is_ok());
        }
        assert_eq!((region.model.len(), region.model.verify()), (4, Ok(())));
    }

    #[test]
    fn an_overlap_by_one_byte_is_found_on_either_side() {
        for offset in [1, 31] {
            let mut region = Region::new();
            assert!(region.begin(16).is_ok());
            assert!(region.begin(offset).is_err());
        }
    }

    #[test]
    fn a_block_that_may_shrink_leaves_its_tail_to_others() {
        let mut region = Region::new();
        let block = region.begin(0).unwrap();
        region.model.narrow(block, 8).unwrap();
        // SAFETY: inside a block of 64 bytes.
        let tail = unsafe { block.add(8) };
        // SAFETY: eight bytes of that block.
        unsafe { region.model.begin(tail, Layout::new::<u64>(), 8) }.unwrap();
        assert!(region.model.restore(block).is_err());
    }

    #[test]
    fn a_block_that_does_not_shrink_has_its_tail_again() {
        let mut region = Region::new();
        let block = region.begin(0).unwrap();
        region.model.narrow(block, 8).unwrap();
        region.model.restore(block).unwrap();
        assert!(region.begin(8).is_err());
    }

    #[test]
    fn a_changed_byte_is_found_when_its_block_ends() {
        let mut region = Region::new();
        let block = region.begin(0).unwrap();
        // SAFETY: inside a block of 64 bytes.
        let byte = unsafe { block.add(15) };
        // SAFETY: inside a block of 64 bytes, all written by the model.
        let before = unsafe { byte.read() };
        // SAFETY: as above.
        unsafe { byte.write(!before) };
        assert!(region.model.end(block).is_err());
        assert!(region.model.is_empty());
    }
}
