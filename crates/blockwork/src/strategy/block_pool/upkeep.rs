//! What a block pool does between requests: all of it walks the books.

use core::{iter, ptr::NonNull};

use super::{
    policy::{FreeBlocks, FreePolicy},
    shape::BlockShape,
    told::{Growth, Plan, Told},
};
use crate::{
    alloc::{AllocError, Allocate},
    math::align::SIZE_MAX,
    os::track,
    raw::{chunk::Chunks, free_list::FreeList},
};

impl<S: BlockShape, F: FreePolicy> Told<'_, S, F> {
    /// Takes chunks until `blocks` requests can be served without the parent.
    pub(super) fn prealloc<A: Allocate + ?Sized>(&self, parent: &A, blocks: usize) -> Result<(), AllocError> {
        match self.growth {
            Growth::Chunks(size) => self.prealloc_chunks(parent, self.plan(parent, size)?, blocks),
            Growth::Span(span) => {
                let is_fresh = self.span.get().is_none();
                if is_fresh {
                    self.open_span(parent, span)?;
                }
                if blocks <= self.blocks_free(parent) {
                    return Ok(());
                }
                if is_fresh {
                    self.give_back_unused(parent);
                }
                Err(AllocError)
            }
        }
    }

    fn prealloc_chunks<A: Allocate + ?Sized>(&self, parent: &A, plan: Plan, blocks: usize) -> Result<(), AllocError> {
        // More than any memory has is not taken piece by piece until all is gone.
        blocks.checked_mul(self.shape.stride().size()).filter(|&bytes| bytes <= SIZE_MAX).ok_or(AllocError)?;
        let fresh = Chunks::new();
        let mut blocks_free = self.blocks_free(parent);
        while blocks_free < blocks {
            let Ok(base) = parent.allocate(plan.layout) else {
                give_back(&fresh, parent, plan);
                return Err(AllocError);
            };
            // SAFETY: the parent granted the body and the footer, aligned.
            unsafe { fresh.push(base, plan.body) }
            blocks_free = blocks_free.saturating_add(self.blocks_in(plan.body));
        }
        move_chunks(&fresh, &self.spare, plan.body);
        Ok(())
    }

    /// Ends every block; keeps all memory.
    pub(super) fn free_all<A: Allocate + ?Sized>(&self, parent: &A) {
        self.free.nodes().clear();
        self.set_no_tail();
        match self.growth {
            Growth::Chunks(size) => {
                if let Ok(plan) = self.plan(parent, size) {
                    if track::ON {
                        // SAFETY: all chunks have this body.
                        unsafe { self.used.iter(plan.body) }.for_each(|base| track::hide_all(base, plan.body));
                    }
                    move_chunks(&self.used, &self.spare, plan.body);
                }
            }
            Growth::Span(span) => {
                if let Some(base) = self.span.get() {
                    self.rewind_span(base, parent.granted(span));
                }
            }
        }
    }

    /// Ends every block, and gives all memory back.
    pub(super) fn release<A: Allocate + ?Sized>(&self, parent: &A) {
        self.free_all(parent);
        self.give_back_unused(parent);
    }

    /// Gives back the chunks in which no block is live.
    pub(super) fn trim<A: Allocate + ?Sized>(&self, parent: &A) {
        match self.growth {
            Growth::Chunks(size) => {
                if let Ok(plan) = self.plan(parent, size) {
                    self.spare_free_chunks(plan);
                }
            }
            Growth::Span(_) => {
                if self.blocks_live(parent) == 0 {
                    self.free_all(parent);
                }
            }
        }
        self.give_back_unused(parent);
    }

    /// Moves the chunks in which no block is live to the spare ones.
    ///
    /// With free blocks and chunks both in the order of their addresses, the
    /// blocks of the first chunk are in front, and need only be counted. Where a
    /// node stands for several blocks, they are of one chunk.
    fn spare_free_chunks(&self, plan: Plan) {
        let nodes = self.free.nodes();
        nodes.sort();
        self.used.sort();
        let (live, kept) = (Chunks::new(), FreeList::new());
        // SAFETY: all chunks have this body.
        while let Some(base) = unsafe { self.used.pop(plan.body) } {
            // SAFETY: the body lies in the chunk.
            let end = unsafe { base.add(plan.body) };
            let is_current = end == self.tail_end.get();
            let untouched = if is_current { self.blocks_in(self.tail_size()) } else { 0 };
            // SAFETY: from the list.
            let of_chunk = || nodes.iter().take_while(|&node| unsafe { F::Blocks::first(node) } < end);
            // SAFETY: from the list.
            let freed = of_chunk().map(|node| unsafe { F::Blocks::count(node) }).fold(0, usize::wrapping_add);
            let of_chunk = iter::from_fn(|| nodes.pop()).take(of_chunk().count());
            if freed.wrapping_add(untouched) == self.blocks_in(plan.body) {
                of_chunk.for_each(drop);
                if is_current {
                    self.set_no_tail();
                }
                // SAFETY: it was in the other stack, so it fits this one.
                unsafe { self.spare.push(base, plan.body) }
            } else {
                // SAFETY: it was in the other list, so it fits this one.
                of_chunk.for_each(|node| unsafe { kept.push(node) });
                // SAFETY: it was in the other stack, with the same body, so it fits this one.
                unsafe { live.push(base, plan.body) }
            }
        }
        while let Some(node) = kept.pop() {
            // SAFETY: as above. The highest comes first, so the lowest ends in front.
            unsafe { nodes.push(node) }
        }
        move_chunks(&live, &self.used, plan.body);
    }

    /// Gives back the spare chunks, or the span if it is wholly untouched.
    fn give_back_unused<A: Allocate + ?Sized>(&self, parent: &A) {
        match self.growth {
            Growth::Chunks(size) => {
                if let Ok(plan) = self.plan(parent, size) {
                    give_back(&self.spare, parent, plan);
                }
            }
            Growth::Span(span) => {
                if self.blocks_carved(parent) == 0
                    && let Some(base) = self.span.take()
                {
                    self.set_no_tail();
                    // SAFETY: from this parent with this layout; no block in
                    // it is live.
                    unsafe { crate::alloc::give_back(parent, base, span) }
                }
            }
        }
    }

    fn set_no_tail(&self) {
        self.tail.set(NonNull::dangling());
        self.tail_end.set(NonNull::dangling());
    }

    /// Chunks held, spare ones included.
    pub(super) fn chunks(&self) -> usize {
        let spans = usize::from(self.span.get().is_some());
        self.used.len().wrapping_add(self.spare.len()).wrapping_add(spans)
    }

    /// Blocks that can be had without the parent.
    pub(super) fn blocks_free<A: Allocate + ?Sized>(&self, parent: &A) -> usize {
        let spare = match self.growth {
            Growth::Chunks(size) => {
                self.plan(parent, size).map_or(0, |plan| self.blocks_in(plan.body).saturating_mul(self.spare.len()))
            }
            Growth::Span(_) => 0,
        };
        self.blocks_freed().saturating_add(self.blocks_in(self.tail_size())).saturating_add(spare)
    }

    /// Blocks handed out and not freed.
    pub(super) fn blocks_live<A: Allocate + ?Sized>(&self, parent: &A) -> usize {
        self.blocks_carved(parent).saturating_sub(self.blocks_freed())
    }

    /// Blocks that were carved and are free.
    fn blocks_freed(&self) -> usize {
        // SAFETY: from the list.
        self.free.nodes().iter().map(|node| unsafe { F::Blocks::count(node) }).fold(0, usize::saturating_add)
    }

    /// Blocks that were taken from the untouched ones.
    fn blocks_carved<A: Allocate + ?Sized>(&self, parent: &A) -> usize {
        self.carved(parent).map(|(_, size)| self.blocks_in(size)).fold(0, usize::saturating_add)
    }

    /// Where blocks were carved: the first one of each chunk, and their bytes.
    fn carved<A: Allocate + ?Sized>(&self, parent: &A) -> impl Iterator<Item = (NonNull<u8>, usize)> {
        let body = match self.growth {
            Growth::Chunks(size) => self.plan(parent, size).map_or(0, |plan| plan.body),
            Growth::Span(_) => 0,
        };
        // SAFETY: all chunks have this body.
        let chunks = unsafe { self.used.iter(body) }.map(move |base| (base, body));
        let span = self.span.get().and_then(|base| {
            let Growth::Span(span) = self.growth else { return None };
            let (head, body) = self.fit(base.addr().get(), parent.granted(span));
            // SAFETY: the head lies in the span.
            Some((unsafe { base.add(head) }, body))
        });
        chunks.chain(span).map(|(first, body)| {
            // SAFETY: the blocks lie in the chunk or span.
            let is_current = unsafe { first.add(body) } == self.tail_end.get();
            (first, if is_current { body.saturating_sub(self.tail_size()) } else { body })
        })
    }

    /// How many blocks are `bytes` long together.
    pub(super) fn blocks_in(&self, bytes: usize) -> usize {
        self.shape.blocks_in(bytes)
    }

    /// Every free block was carved, and none is free twice.
    pub(super) fn check<A: Allocate + ?Sized>(&self, parent: &A) -> Result<(), &'static str> {
        if self.tail.get() > self.tail_end.get() {
            return Err("the untouched tail ends before it begins");
        }
        if !self.tail_size().is_multiple_of(self.shape.stride().size()) {
            return Err("the untouched tail is not whole blocks");
        }
        // A block that is in the list twice makes the list a loop.
        let most = self.blocks_carved(parent);
        let nodes = self.free.nodes();
        if nodes.iter().take(most.saturating_add(1)).count() > most {
            return Err("more blocks are free than were carved");
        }
        self.free.check(self.shape)?;
        // SAFETY: carved blocks, all those of a chunk.
        let noted = self.carved(parent).map(|(first, size)| unsafe { self.free.noted(first, size, self.shape) });
        if noted.sum::<Option<usize>>().is_some_and(|free| free != self.blocks_freed()) {
            return Err("the list has not all the blocks that are noted to be free");
        }
        let is_block = |block: NonNull<u8>| {
            self.carved(parent).any(|(first, size)| {
                let offset = block.addr().get().wrapping_sub(first.addr().get());
                offset < size && offset.is_multiple_of(self.shape.stride().size())
            })
        };
        // SAFETY: from the list.
        if nodes.iter().all(|node| unsafe { F::Blocks::blocks(node, self.shape) }.all(is_block)) {
            Ok(())
        } else {
            Err("a free block is not one of the pool's")
        }
    }
}

/// Gives all of `chunks` back, which nobody uses.
fn give_back<A: Allocate + ?Sized>(chunks: &Chunks, parent: &A, plan: Plan) {
    // SAFETY: all chunks have this body.
    while let Some(base) = unsafe { chunks.pop(plan.body) } {
        // SAFETY: from this parent with this layout; no block in it is live.
        unsafe { crate::alloc::give_back(parent, base, plan.layout) }
    }
}

/// Turns `from` over onto `to`, so that its last chunk is on top.
fn move_chunks(from: &Chunks, to: &Chunks, body: usize) {
    // SAFETY: all chunks have this body.
    while let Some(base) = unsafe { from.pop(body) } {
        // SAFETY: it was in the other stack, so it fits this one.
        unsafe { to.push(base, body) }
    }
}
