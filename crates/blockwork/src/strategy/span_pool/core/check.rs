//! The walk through the books of the core.

use super::{Chunk, ChunkHead, List, Run, SpanPoolCore};
use crate::{alloc::Check, math::bins::bin_of};

/// What a walk over chunks has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    chunks: usize,
    spans_live: usize,
    runs_free: usize,
    blocks_total: usize,
    blocks_free: usize,
    /// What the directory should hold.
    keys: usize,
}

impl Check for SpanPoolCore {
    fn check(&self) -> Result<(), &'static str> {
        let mut tally = Tally::default();
        self.check_list(&self.busy, &mut tally, |spans_live, chunk| {
            ensure(spans_live != 0, "a busy chunk has no live span")?;
            self.check_listed(chunk)
        })?;
        for idle in [&self.idle, &self.idle_large] {
            self.check_list(idle, &mut tally, |spans_live, chunk| {
                ensure(spans_live == 0, "an idle chunk has a live span")?;
                ensure(core::ptr::eq(idle, self.idle_of(chunk)), "an idle chunk is in the wrong list")?;
                self.check_listed(chunk)
            })?;
        }
        self.check_bins(tally)?;
        let stats = self.stats();
        ensure(tally.chunks == stats.chunks, "the chunks do not add up")?;
        ensure(tally.spans_live == stats.spans_live, "the live spans do not add up")?;
        ensure(tally.blocks_total == stats.blocks_total, "the blocks do not add up")?;
        ensure(tally.blocks_free == stats.blocks_free, "the free blocks do not add up")?;
        ensure(stats.blocks_total <= self.shape.capacity, "the pool has more blocks than its capacity")?;
        ensure(tally.keys == self.directory.used(), "the directory has lost or kept a key")?;
        ensure(tally.keys == self.directory.count(), "the directory has miscounted its keys")
    }
}

impl SpanPoolCore {
    fn check_list(
        &self,
        list: &List<ChunkHead>,
        tally: &mut Tally,
        check: impl Fn(usize, Chunk) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let mut next = list.first();
        while let Some(node) = next {
            // SAFETY: chunks in the lists are open.
            let chunk = unsafe { Chunk::from_ptr(node) };
            let spans_before = tally.spans_live;
            self.check_chunk(chunk, tally)?;
            check(tally.spans_live.wrapping_sub(spans_before), chunk)?;
            tally.chunks = tally.chunks.wrapping_add(1);
            // SAFETY: it is in this list.
            next = unsafe { list.after(node) };
        }
        Ok(())
    }

    /// Walks `chunk` from run to run.
    fn check_chunk(&self, chunk: Chunk, tally: &mut Tally) -> Result<(), &'static str> {
        let len = chunk.head().len;
        let (mut at, mut after_free) = (0, false);
        while at < len {
            let live = chunk.live_at(at as usize);
            let run = live.or_else(|| chunk.free_at(at)).ok_or("no run begins where one ended")?;
            ensure(run.len != 0, "a run has no blocks")?;
            ensure(run.len <= len.wrapping_sub(at), "a run leaves its chunk")?;
            ensure(run.ends_agree(), "the ends of a run disagree")?;
            if live.is_some() {
                tally.spans_live = tally.spans_live.wrapping_add(1);
                self.check_span(run, tally)?;
            } else {
                ensure(!after_free, "two free runs touch")?;
                let aside = run.is_whole() || !self.is_listed(chunk);
                ensure(run.is_aside() == aside, "a free run is aside, or is not, by mistake")?;
                tally.runs_free = tally.runs_free.wrapping_add(1);
                tally.blocks_free = tally.blocks_free.wrapping_add(run.len as usize);
            }
            after_free = live.is_none();
            at = at.wrapping_add(run.len);
        }
        tally.blocks_total = tally.blocks_total.wrapping_add(len as usize);
        tally.keys = tally.keys.wrapping_add(usize::from(self.is_listed(chunk)));
        Ok(())
    }

    fn check_span(&self, span: Run, tally: &mut Tally) -> Result<(), &'static str> {
        if !self.is_listed(span.chunk) {
            tally.keys = tally.keys.wrapping_add(1);
        }
        ensure(self.span_at(self.start_of(span)) == Some(span), "a live span is not found by its address")
    }

    fn check_listed(&self, chunk: Chunk) -> Result<(), &'static str> {
        let found = self.directory.find(chunk.head().base.addr().get());
        ensure(!self.is_listed(chunk) || found == Some(chunk.as_ptr()), "a chunk is not found by its address")
    }

    /// Checks that the bins hold the free runs that the chunks have.
    fn check_bins(&self, tally: Tally) -> Result<(), &'static str> {
        let (mut runs, mut blocks) = (0_usize, 0_usize);
        for (bin, run) in self.bins.iter() {
            runs = runs.wrapping_add(1);
            blocks = blocks.wrapping_add(run.len as usize);
            ensure(runs <= tally.runs_free, "the bins hold more runs than are free")?;
            ensure(run.chunk.free_at(run.at) == Some(run), "a run in a bin is not free")?;
            ensure(bin == bin_of(run.len), "a run is in the bin of another length")?;
        }
        ensure(runs == tally.runs_free && blocks == tally.blocks_free, "a free run is in no bin")?;
        ensure(self.bins.set_agrees(), "the set of filled bins is wrong")
    }
}

const fn ensure(holds: bool, broken: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(broken) }
}
