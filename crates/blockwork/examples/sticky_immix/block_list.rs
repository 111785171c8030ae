//! Which block is filled next.
//!
//! ```text
//! head       small objects, into its holes        ┐ full ─► rest
//! overflow   medium ones that miss head's hole    ┘           │ sweep
//! recycle ─► the next head  ◄── some holes ───────────────────┤
//! free    ─► the next of either  ◄── nothing lives ───────────┘
//! ```
//!
//! Small objects fill holes. A medium one that does not fit the current hole
//! would skip it, and all small holes below, so it goes to a block of its kind.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{AllocError, Allocate};

use crate::{
    bump_block::{BumpBlock, needed},
    lines::{CAPACITY, LINE},
};

/// All blocks of a heap.
pub(crate) struct BlockList<'p, A: Allocate> {
    parent: &'p A,
    head: Option<BumpBlock<'p, A>>,
    overflow: Option<BumpBlock<'p, A>>,
    /// Full, as far as is known.
    rest: Vec<BumpBlock<'p, A>>,
    /// With at least one hole of a line.
    recycle: Vec<BumpBlock<'p, A>>,
    /// Without anything that lives.
    free: Vec<BumpBlock<'p, A>>,
}

impl<'p, A: Allocate> BlockList<'p, A> {
    pub(crate) const fn new(parent: &'p A) -> Self {
        Self { parent, head: None, overflow: None, rest: Vec::new(), recycle: Vec::new(), free: Vec::new() }
    }

    /// Takes `front` bytes and an object of `layout` behind them, which a block
    /// has room for; returns where the object is.
    pub(crate) fn alloc(&mut self, front: usize, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let needed = needed(front, layout).filter(|&needed| needed <= CAPACITY).ok_or(AllocError)?;
        let fits_hole = self.head.as_ref().is_some_and(|head| head.hole_size() >= needed);
        let current = if needed <= LINE || fits_hole { &mut self.head } else { &mut self.overflow };
        if let Some(object) = current.as_mut().and_then(|block| block.alloc(front, layout)) {
            return Ok(object);
        }
        // A hole of a line is enough for small ones only.
        let recycled = if needed <= LINE { self.recycle.pop() } else { None };
        let next = match recycled.or_else(|| self.free.pop()) {
            Some(block) => block,
            None => BumpBlock::new(self.parent)?,
        };
        self.rest.extend(current.replace(next));
        current.as_mut().and_then(|block| block.alloc(front, layout)).ok_or(AllocError)
    }

    /// Says of all lines whether they are marked.
    pub(crate) fn set_all_lines(&self, marked: bool) {
        let listed = self.rest.iter().chain(&self.recycle).chain(&self.free);
        listed.chain(&self.head).chain(&self.overflow).for_each(|block| block.lines().set_all(marked));
    }

    /// Sorts all blocks by their marks.
    pub(crate) fn sweep(&mut self) {
        let mut blocks = core::mem::take(&mut self.rest);
        blocks.append(&mut self.recycle);
        blocks.append(&mut self.free);
        blocks.extend(self.head.take());
        blocks.extend(self.overflow.take());
        for mut block in blocks {
            let has_hole = block.restart();
            let list = if block.lines().is_clear() {
                &mut self.free
            } else if has_hole {
                &mut self.recycle
            } else {
                &mut self.rest
            };
            list.push(block);
        }
    }

    /// Gives the blocks back in which nothing lives; returns how many.
    pub(crate) fn trim(&mut self) -> usize {
        self.free.drain(..).count()
    }

    /// Blocks in use and free.
    pub(crate) fn len(&self) -> usize {
        let current = self.head.iter().chain(&self.overflow).count();
        [&self.rest, &self.recycle, &self.free].map(Vec::len).iter().fold(current, |sum, len| sum.saturating_add(*len))
    }
}
