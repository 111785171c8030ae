//! Taking the memory out of free runs, which keep their addresses.

use core::{alloc::Layout, ptr::NonNull};

use super::{Chunk, SpanPoolCore};
use crate::{
    alloc::{AllocError, Allocate, Core},
    raw::{list::List, span::chunk::ChunkHead},
};

impl SpanPoolCore {
    /// Has `decommit` called with free runs until those that may have memory are
    /// no more than `keep` bytes; returns the bytes for which it said yes.
    ///
    /// What it is to do is in [`Purge::purge`](crate::alloc::Purge::purge).
    pub(crate) fn purge(&self, keep: usize, decommit: &mut dyn FnMut(NonNull<[u8]>) -> bool) -> usize {
        let mut kept = self.unclean();
        let mut purged = 0_usize;
        for chunk in self.dirty_chunks() {
            if kept <= keep {
                break;
            }
            kept = kept.saturating_sub(self.free_bytes(chunk));
            purged = purged.saturating_add(self.clean(chunk, decommit));
        }
        purged
    }

    /// See [`Purge::unclean`](crate::Purge::unclean).
    pub(crate) fn unclean(&self) -> usize {
        self.dirty_chunks().map(|chunk| self.free_bytes(chunk)).sum()
    }

    fn dirty_chunks(&self) -> impl Iterator<Item = Chunk> {
        let lists = [&self.idle_large, &self.idle, &self.busy];
        lists.into_iter().flat_map(|list| self.chunks_of(list)).filter(|chunk| chunk.head().dirty.get())
    }

    /// As [`Core::allocate`], and whether no free memory of the span's chunk has
    /// been a span before, or all of it was decommitted since.
    ///
    /// # Safety
    ///
    /// - As for [`Core::allocate`].
    pub(crate) unsafe fn allocate_noting<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        layout: Layout,
    ) -> Result<(NonNull<u8>, bool), AllocError> {
        // SAFETY: the parent of every call, says the caller.
        let block = unsafe { self.allocate(parent, layout)? };
        let clean = layout.size() == 0 || self.span_at(block).is_some_and(|span| !span.chunk.head().dirty.get());
        Ok((block, clean))
    }

    fn clean(&self, chunk: Chunk, decommit: &mut dyn FnMut(NonNull<[u8]>) -> bool) -> usize {
        let (mut all, mut purged) = (true, 0_usize);
        for run in chunk.free_runs() {
            let bytes = self.shape.bytes(run.len as usize);
            let is_clean = decommit(NonNull::slice_from_raw_parts(self.start_of(run), bytes));
            all &= is_clean;
            purged = purged.saturating_add(if is_clean { bytes } else { 0 });
        }
        chunk.head().dirty.set(!all);
        purged
    }

    fn free_bytes(&self, chunk: Chunk) -> usize {
        self.shape.bytes(chunk.free_runs().map(|run| run.len as usize).sum())
    }

    fn chunks_of(&self, list: &List<ChunkHead>) -> impl Iterator<Item = Chunk> {
        // SAFETY: nobody takes them out meanwhile.
        let nodes = core::iter::successors(list.first(), |&node| unsafe { list.after(node) });
        // SAFETY: chunks in the lists are open.
        nodes.map(|node| unsafe { Chunk::from_ptr(node) })
    }
}
