//! The usual ways of a request and a free, for spans of few blocks in chunks of
//! one backing request. What is rarer is left to the general ways in the
//! [parent module](super), always as the last step: so nothing has to be kept
//! across a call, and the usual ways are short.

use core::{alloc::Layout, ptr::NonNull};

use super::{Chunk, Run, SpanPoolCore};
use crate::{
    alloc::{AllocError, Allocate},
    math::bins::plainly_share_bin,
    os,
};

impl SpanPoolCore {
    /// A span from the front of a run that is sure to fit, in a chunk that is
    /// busy and in the directory; any other way if there is none.
    #[inline(never)]
    pub(super) fn allocate_near<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        layout: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > self.shape.block {
            return self.miss(parent, layout);
        }
        let Some(len) = self.shape.short_len_of(layout) else { return self.miss(parent, layout) };
        let Some(bin) = self.bins.near(len) else { return self.allocate_far(parent, layout, len) };
        match self.take_first(bin, len) {
            Some(span) => Ok(span),
            None => self.miss(parent, layout),
        }
    }

    /// The same, from a much longer run.
    #[cold]
    #[inline(never)]
    fn allocate_far<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        layout: Layout,
        len: u32,
    ) -> Result<NonNull<u8>, AllocError> {
        let span = self.bins.far(len).and_then(|bin| self.take_first(bin, len));
        span.map_or_else(|| self.miss(parent, layout), Ok)
    }

    /// `len` blocks from the first run of `bin`, which is sure to hold them.
    #[inline(always)]
    fn take_first(&self, bin: u32, len: u32) -> Option<NonNull<u8>> {
        let (run, least) = self.bins.first_plain(bin)?;
        let (span, rest) = run.split(len);
        if rest.len == 0 {
            self.bins.remove_first(bin);
        } else if least <= rest.len {
            rest.mark_free();
        } else {
            return Some(self.cut_first(bin, run.chunk, run.at, len, rest.len));
        }
        span.mark_live();
        Some(self.count_begin(span))
    }

    /// As [`cut`](Self::cut) from the first run of `bin`, of which a rest stays
    /// that belongs to another. (In pieces, because these stay in registers.)
    #[inline(never)]
    fn cut_first(&self, bin: u32, chunk: Chunk, at: u32, len: u32, rest_len: u32) -> NonNull<u8> {
        let (span, rest) = Run { chunk, at, len: len.wrapping_add(rest_len) }.split(len);
        self.bins.move_first(bin, rest.len);
        rest.mark_free();
        span.mark_live();
        self.count_begin(span)
    }

    /// Takes back the span at `block`, if its chunk is in the directory.
    #[inline(never)]
    pub(super) fn deallocate_near<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout) {
        let address = block.addr().get();
        let Some(chunk) = self.directory.find_near(address & self.shape.slots) else {
            return self.deallocate_far(parent, block, layout);
        };
        // SAFETY: chunks in the directory are open.
        let chunk = unsafe { Chunk::from_ptr(chunk) };
        // What has the start of the slot as its key begins there, and has all of it.
        let Some(span) = chunk.plain_live_at(self.shape.block_in_slot(address)) else {
            return self.deallocate_far(parent, block, layout);
        };
        os::check(self.start_of(span) == block, "block is not the start of its span");
        os::check(self.shape.len_of(layout) == Ok(span.len), "layout does not fit the span");
        self.count_end(span);
        let all = match (span.is_after_free(), span.plain_free_after()) {
            // SAFETY: it was live; marked below.
            (false, None) if unsafe { self.bins.insert_short(span) } => span,
            (false, Some(back)) if plainly_share_bin(span.join(back).len, back.len) => span.join(back),
            _ => return self.put_back_in(parent, chunk, span.at, span.len),
        };
        all.mark_free();
        if all.len >= self.shape.notable {
            self.settle(parent, chunk, all.len);
        }
    }

    /// [`put_back`](Self::put_back), with its run in pieces.
    #[inline(never)]
    fn put_back_in<A: Allocate + ?Sized>(&self, parent: &A, chunk: Chunk, at: u32, len: u32) {
        self.put_back(parent, Run { chunk, at, len });
    }
}
