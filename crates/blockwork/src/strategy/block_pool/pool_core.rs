//! [`BlockPoolCore`]: a block pool without its parent. Here is what a request
//! runs through; what walks the books is in `upkeep`.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{
    config::{BlockPoolConfig, ChunkSize, books},
    policy::{FreeBlocks, FreePolicy, Lifo},
    shape::BlockShape,
};
use crate::{
    alloc::{AllocError, Allocate, Core, Valid, empty},
    math::{align::padding, books::Books},
    raw::chunk::{Chunks, FOOTER_SIZE},
};

/// A [`BlockPool`](super::BlockPool) without its parent.
#[derive(Debug)]
pub struct BlockPoolCore<S, F: FreePolicy = Lifo> {
    /// Blocks that were carved and are free.
    pub(super) free: F::Blocks,
    /// The next block that was never used, in the chunk being carved. Equal to
    /// `tail_end` when there is none, both dangling when there is no chunk.
    pub(super) tail: Cell<NonNull<u8>>,
    pub(super) tail_end: Cell<NonNull<u8>>,
    /// Chunks of which every block was carved, and the one being carved.
    pub(super) used: Chunks,
    /// Chunks of which no block was carved.
    pub(super) spare: Chunks,
    /// The one span of a pool that does not grow, once it is taken.
    pub(super) span: Cell<Option<NonNull<u8>>>,
    pub(super) growth: Growth,
    pub(super) shape: S,
}

/// Where blocks come from when none is free.
#[derive(Clone, Copy, Debug)]
pub(super) enum Growth {
    /// Chunks, as many as it takes.
    Chunks(ChunkSize),
    /// One span, aligned to nothing, which blocks share without a footer.
    Span(Layout),
}

/// A chunk: what is asked of the parent, and how much of the grant holds blocks.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) layout: Layout,
    /// Bytes of blocks, a multiple of the stride; the footer comes next.
    pub(super) body: usize,
}

impl<S: BlockShape, F: FreePolicy> BlockPoolCore<S, F> {
    /// An empty pool; see [`BlockPool::new`](super::BlockPool::new).
    #[must_use]
    pub const fn new(config: Valid<BlockPoolConfig<S>>) -> Self {
        let BlockPoolConfig { block, chunk } = config.get();
        Self::with_growth(block, Growth::Chunks(chunk))
    }

    pub(super) const fn with_growth(shape: S, growth: Growth) -> Self {
        let nowhere = NonNull::dangling();
        Self {
            free: F::Blocks::NEW,
            tail: Cell::new(nowhere),
            tail_end: Cell::new(nowhere),
            used: Chunks::new(),
            spare: Chunks::new(),
            span: Cell::new(None),
            growth,
            shape,
        }
    }

    /// Returns a block, of the shape of all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when none is free and the parent has no more.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    #[inline]
    pub unsafe fn alloc_block<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        match self.free.pop(self.shape) {
            Some(block) => Ok(block),
            None => self.carve_or_grow(parent),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this core.
    #[inline]
    pub unsafe fn free_block(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.free.push(block, self.shape) }
    }

    #[cold]
    #[inline(never)]
    fn carve_or_grow<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        match self.carve() {
            Some(block) => Ok(block),
            None => self.grow(parent),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        loop {
            match self.growth {
                Growth::Chunks(size) => self.open_chunk(parent, size)?,
                Growth::Span(span) => self.open_span(parent, span)?,
            }
            if let Some(block) = self.carve() {
                return Ok(block);
            }
        }
    }

    /// Takes the first block of the untouched tail.
    fn carve(&self) -> Option<NonNull<u8>> {
        let first = self.tail.get();
        if first == self.tail_end.get() {
            return None;
        }
        // SAFETY: the tail is the last blocks of the chunk that was opened
        // last, and only this takes from it.
        let (block, taken) = unsafe { self.free.carve(first, self.tail_size(), self.shape) };
        // SAFETY: no more is taken than there is.
        self.tail.set(unsafe { first.add(taken) });
        Some(block)
    }

    /// Makes a spare chunk the one to carve, or takes one from the parent.
    fn open_chunk<A: Allocate + ?Sized>(&self, parent: &A, size: ChunkSize) -> Result<(), AllocError> {
        let plan = self.plan(parent, size)?;
        // SAFETY: all chunks have this body.
        if let Some(base) = unsafe { self.spare.pop(plan.body) } {
            // SAFETY: it was in the other stack, so it fits this one.
            unsafe { self.used.push(base, plan.body) }
            let mask = plan.layout.align().wrapping_sub(1);
            self.free.place(0, mask, plan.body.wrapping_add(FOOTER_SIZE));
            self.set_tail(base, plan.body);
        } else {
            let base = parent.allocate(plan.layout)?;
            // The parent may have called back, and that request have opened a
            // chunk: this one waits its turn.
            // SAFETY: the parent granted the body and the footer, aligned.
            unsafe { self.spare.push(base, plan.body) }
        }
        Ok(())
    }

    /// Takes the one span, unless it is taken or too small for a block.
    pub(super) fn open_span<A: Allocate + ?Sized>(&self, parent: &A, span: Layout) -> Result<(), AllocError> {
        if self.span.get().is_some() || span.size() == 0 {
            return Err(AllocError);
        }
        let base = parent.allocate(span)?;
        let (_, body) = self.fit(base.addr().get(), parent.granted(span));
        if body == 0 || self.span.get().is_some() {
            // SAFETY: from this parent with this layout, and unused.
            unsafe { parent.deallocate(base, span) }
            return if body == 0 { Err(AllocError) } else { Ok(()) };
        }
        self.span.set(Some(base));
        self.rewind_span(base, parent.granted(span));
        Ok(())
    }

    fn set_tail(&self, first: NonNull<u8>, body: usize) {
        self.tail.set(first);
        // SAFETY: the body of a chunk or span, which is ours.
        self.tail_end.set(unsafe { first.add(body) });
    }

    /// Makes every block of the span untouched.
    pub(super) fn rewind_span(&self, base: NonNull<u8>, size: usize) {
        let (head, body) = self.fit(base.addr().get(), size);
        // SAFETY: the head lies in the span.
        let first = unsafe { base.add(head) };
        self.free.place(first.addr().get(), usize::MAX, body);
        self.set_tail(first, body);
    }

    /// The bytes before the first block, and those of all blocks, in a span.
    pub(super) fn fit(&self, address: usize, size: usize) -> (usize, usize) {
        let stride = self.stride();
        let head = padding(address, stride.align()).min(size);
        let rest = size.saturating_sub(head);
        let books = Books { once: 0, group: F::Blocks::GROUP_SIZE };
        (head, books.blocks_in(rest, stride.size()).wrapping_mul(stride.size()))
    }

    /// What a chunk looks like: the same for every chunk, since configuration
    /// and grants never change.
    pub(super) fn plan<A: Allocate + ?Sized>(&self, parent: &A, size: ChunkSize) -> Result<Plan, AllocError> {
        let stride = self.stride();
        // A valid configuration has a layout.
        let group_size = F::Blocks::GROUP_SIZE;
        let layout = size.layout(stride, group_size).map_err(|_| AllocError)?;
        let fit = books(group_size).blocks_in(parent.granted(layout), stride.size());
        // By groups, only blocks within the alignment find the base of their chunk.
        let most = if group_size == 0 { fit } else { self.blocks_in(layout.align()) };
        Ok(Plan { layout, body: fit.min(most).wrapping_mul(stride.size()) })
    }

    #[inline]
    pub(super) fn stride(&self) -> Layout {
        self.shape.stride()
    }

    /// Whether a block fits `layout`.
    #[inline]
    fn serves(&self, layout: Layout) -> bool {
        let stride = self.stride();
        layout.size() <= stride.size() && layout.align() <= stride.align()
    }

    /// Bytes of untouched blocks in the chunk being carved.
    pub(super) fn tail_size(&self) -> usize {
        self.tail_end.get().addr().get().wrapping_sub(self.tail.get().addr().get())
    }
}

// SAFETY: chunks and span belong to whoever holds the core, and may change
// threads.
unsafe impl<S: Send, F: FreePolicy> Send for BlockPoolCore<S, F> {}

// SAFETY: a block is either free (in the list or untouched) or live, and lies
// at a multiple of the stride in memory that the parent gave; grants are the
// stride; nothing panics.
unsafe impl<S: BlockShape, F: FreePolicy> Core for BlockPoolCore<S, F> {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if !self.serves(layout) {
            return Err(AllocError);
        }
        // SAFETY: the caller gives the usual parent.
        unsafe { self.alloc_block(parent) }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, _parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller's promise.
            unsafe { self.free_block(block) }
        }
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, _parent: &A, layout: Layout) -> usize {
        if layout.size() != 0 && self.serves(layout) { self.stride().size() } else { layout.size() }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.free_all(parent);
        self.give_back_unused(parent);
    }
}
