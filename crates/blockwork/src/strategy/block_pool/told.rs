//! [`Told`]: a pool's state, told for one call what never changes. Here is how
//! blocks are had when none is free; what walks the books is in `upkeep`.

use core::{alloc::Layout, cell::Cell, ops::Deref, ptr::NonNull};

use super::{
    config::{ChunkSize, books},
    policy::{FreeBlocks, FreePolicy},
    shape::BlockShape,
};
use crate::{
    alloc::{AllocError, Allocate},
    math::{align::padding, books::Books},
    os::track,
    raw::chunk::{Chunks, FOOTER_SIZE},
};

/// What changes in a pool.
#[derive(Debug)]
pub(super) struct State<F: FreePolicy> {
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
}

impl<F: FreePolicy> State<F> {
    /// No chunk, no block.
    pub(super) const fn new() -> Self {
        Self {
            free: F::Blocks::NEW,
            tail: Cell::new(NonNull::dangling()),
            tail_end: Cell::new(NonNull::dangling()),
            used: Chunks::new(),
            spare: Chunks::new(),
            span: Cell::new(None),
        }
    }
}

// SAFETY: chunks and span belong to whoever holds the state, and may change
// threads.
unsafe impl<F: FreePolicy> Send for State<F> {}

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

/// A state, told how it grows and what its blocks look like; see the [module](self).
pub(super) struct Told<'a, S, F: FreePolicy> {
    pub(super) state: &'a State<F>,
    pub(super) growth: Growth,
    pub(super) shape: S,
}

impl<S, F: FreePolicy> Deref for Told<'_, S, F> {
    type Target = State<F>;

    fn deref(&self) -> &State<F> {
        self.state
    }
}

impl<S: BlockShape, F: FreePolicy> Told<'_, S, F> {
    /// A block, when none is in the list.
    pub(super) fn carve_or_grow<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        match self.carve() {
            Some(block) => Ok(block),
            None => self.grow(parent),
        }
    }

    #[inline]
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
            unsafe { crate::alloc::give_back(parent, base, span) }
            return if body == 0 { Err(AllocError) } else { Ok(()) };
        }
        self.span.set(Some(base));
        self.rewind_span(base, parent.granted(span));
        Ok(())
    }

    fn set_tail(&self, first: NonNull<u8>, body: usize) {
        track::hide_all(first, body);
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
        let stride = self.shape.stride();
        let head = padding(address, stride.align()).min(size);
        let rest = size.saturating_sub(head);
        let books = Books { once: 0, group: F::Blocks::GROUP_SIZE };
        (head, books.blocks_in(rest, stride.size()).wrapping_mul(stride.size()))
    }

    /// What a chunk looks like: the same for every chunk, since configuration
    /// and grants never change.
    pub(super) fn plan<A: Allocate + ?Sized>(&self, parent: &A, size: ChunkSize) -> Result<Plan, AllocError> {
        let stride = self.shape.stride();
        // A valid configuration has a layout.
        let group_size = F::Blocks::GROUP_SIZE;
        let layout = size.layout(stride, group_size).map_err(|_| AllocError)?;
        let fit = books(group_size).blocks_in(parent.granted(layout), stride.size());
        // By groups, only blocks within the alignment find the base of their chunk.
        let most = if group_size == 0 { fit } else { self.blocks_in(layout.align()) };
        Ok(Plan { layout, body: fit.min(most).wrapping_mul(stride.size()) })
    }

    /// Bytes of untouched blocks in the chunk being carved.
    pub(super) fn tail_size(&self) -> usize {
        self.tail_end.get().addr().get().wrapping_sub(self.tail.get().addr().get())
    }
}
