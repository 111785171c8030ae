//! A block whose holes are filled from above.
//!
//! ```text
//! base (a multiple of 32 KiB)                                base + 32 KiB
//! [ header: line marks | free …… | objects | live lines | objects ]
//!                      ^ limit   ^ cursor
//! ```
//!
//! The header lies in the first bytes, so that marking an object finds the marks
//! of its lines by a mask of its address.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{AllocError, Allocate, HeadedBlock, math::align::align_down};

use crate::lines::{CAPACITY, Hole, LINE, LineMarks};

/// What objects are aligned to, at least.
pub(crate) const ALIGN: usize = 16;

/// The first two lines of a block.
#[repr(C, align(128))]
pub(crate) struct BlockHeader {
    pub(crate) lines: LineMarks,
}

/// 32 KiB with their header.
pub(crate) type ImmixBlock<'p, A> = HeadedBlock<BlockHeader, { 32 << 10 }, &'p A>;

/// Bytes before the lines, the same over any parent.
pub(crate) const BODY: usize = size_of::<BlockHeader>();

const _: () = assert!(BODY + CAPACITY == 32 << 10 && BODY == 2 * LINE, "header and lines are all of a block");

/// A block, and the hole in it that is being filled.
pub(crate) struct BumpBlock<'p, A: Allocate> {
    block: ImmixBlock<'p, A>,
    hole: Hole,
}

/// Bytes that are enough for `front` bytes, a multiple of 16, and an object of
/// `layout` right behind them, wherever a multiple of 16 they end.
pub(crate) fn needed(front: usize, layout: Layout) -> Option<usize> {
    let size = layout.size().checked_next_multiple_of(ALIGN)?;
    size.checked_add(front)?.checked_add(layout.align().saturating_sub(ALIGN))
}

impl<'p, A: Allocate> BumpBlock<'p, A> {
    /// A block that is one hole.
    pub(crate) fn new(parent: &'p A) -> Result<Self, AllocError> {
        let block = ImmixBlock::new_in(BlockHeader { lines: LineMarks::new() }, parent)?;
        Ok(Self { block, hole: Hole { cursor: CAPACITY, limit: 0 } })
    }

    pub(crate) fn lines(&self) -> &LineMarks {
        &self.block.header().lines
    }

    /// Bytes left in the current hole.
    pub(crate) fn hole_size(&self) -> usize {
        self.hole.cursor.wrapping_sub(self.hole.limit)
    }

    /// Starts again at the uppermost hole; there may be none.
    pub(crate) fn restart(&mut self) -> bool {
        let hole = self.lines().find_hole(CAPACITY, LINE);
        self.hole = hole.unwrap_or(Hole { cursor: 0, limit: 0 });
        hole.is_some()
    }

    /// Takes `front` bytes, a multiple of 16, and an object of `layout` behind
    /// them; returns where the object is.
    pub(crate) fn alloc(&mut self, front: usize, layout: Layout) -> Option<NonNull<u8>> {
        let (needed, mut hole) = (needed(front, layout)?, self.hole);
        let object = loop {
            match place(hole, front, layout) {
                Some(object) => break object,
                None => hole = self.lines().find_hole(hole.limit, needed)?,
            }
        };
        self.hole = Hole { cursor: object.wrapping_sub(front).wrapping_sub(BODY), ..hole };
        // SAFETY: at most the size of the block.
        Some(unsafe { self.block.block().base().add(object) })
    }
}

/// How far into the block an object lies that ends as high as it can in `hole`.
///
/// The block is aligned to all of its size, so what is aligned within it is.
fn place(hole: Hole, front: usize, layout: Layout) -> Option<usize> {
    let end = hole.cursor.checked_add(BODY)?;
    let object = align_down(end.checked_sub(layout.size())?, layout.align().max(ALIGN));
    let start = object.checked_sub(front)?;
    (start >= hole.limit.checked_add(BODY)?).then_some(object)
}
