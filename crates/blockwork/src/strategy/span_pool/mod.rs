//! [`SpanPool`]: runs of neighbouring blocks, pooled, from chunks of the parent.
//!
//! ```text
//! chunk   [ span ·········· | free | span | free ··· ]   whole blocks, nothing else
//! books   [ length at both ends of each run, and links of the free ones ]   elsewhere
//!
//! allocate ─► shortest bin with a run that fits ─ found ─► split ─► span
//!                                               └ none ──► a new chunk
//! free     ─► join with both neighbours ─► is it the chunk? ─ and enough is kept ─► parent
//! ```
//!
//! | | |
//! |---|---|
//! | time | constant, whatever the number of live spans: 110 to 180 instructions for a pair of up to 15 blocks |
//! | space | beside the blocks: two words each, some fifteen words per chunk, 2 KiB per pool |
//! | waste | the last block of each span |
//! | sharing | single-threaded (`Cell`) |
//! | failure | when no free run is long enough and the parent fails, or at the capacity |
//! | offers | [`Owns`], [`Reset`], growing and shrinking in place by whole blocks |
//!
//! The instructions are those of `cargo xtask instr`: the fewest when a span is cut
//! from a long run and joins it again, the most when spans of all sizes come and
//! go at random; a tenth more at most for a million live spans than for a hundred.
//! What a free looks at, and what is not in the cache when any of a million may be
//! freed, is an entry of the directory, the head of the chunk's books, and there
//! the tags and perhaps the link of the span.
//!
//! When not to use it: for many blocks of one size, where a `BlockPool` is
//! shorter and faster; for objects much smaller than a block, which are better
//! cut from spans by a `Slab`. And where nobody asks what is
//! [`granted`](Allocate::granted), a block that is large for its requests is
//! mostly waste.
//!
//! # How a span is found again
//!
//! Chunks are aligned to the `backing_request`, so an address tells the start of
//! its chunk, and a hash table, the directory, leads from there to the books.
//! A chunk that had to be larger is not in the directory; the live spans in it
//! are, each by its address. So nothing takes longer for a large chunk, and no
//! foreign memory is read. Books at the start of each chunk would need no table,
//! but cost a block of every chunk, and a page-sized span would no longer fit a
//! page-sized request; a radix tree would take pages where a small pool takes
//! 128 bytes.
//!
//! The books of chunks of one request share blocks of the parent as far as it
//! grants more than they need, so a parent that only has whole pages is not
//! asked for a page of books for every chunk.
//!
//! # Which run is taken
//!
//! The shortest that holds the request, within an eighth: lengths below 16 have a
//! bin each, longer ones eight bins to a doubling, and two bit scans find the
//! bin. Chunks above one request are rounded up to such a step, if the parent
//! has that much, so that the next request of the kind finds the chunk again.
//!
//! An alignment above the block is served from a run that happens to have it, or
//! from a new chunk. If that alignment is above the `backing_request`, or the
//! span longer, the chunk goes back as soon as it is free.
//!
//! # From pooled-block-alloc
//!
//! Its configuration has become:
//!
//! | there | here |
//! |---|---|
//! | `block_size`, `backing_request_size` | [`SpanPoolConfig::block`], [`backing_request`](SpanPoolConfig::backing_request) |
//! | `auto_shrink`, `auto_shrink_threshold` | [`SpanPoolConfig::retain`], in thousandths instead of floats |
//! | `index_type` | [`SpanPoolConfig::capacity`], in force |
//! | `secure_wipe_freed_memory` | the part `Scrubbed` on top: the pool never writes to a block |
//! | `safety_checks`, `safety_check_severity` | the part `Checked` on top |
//! | `alloc_error_behavior` | [`AllocError`], or the part `OnFailure` |
//! | `BlockAllocator`, the whole span | [`granted`](Allocate::granted) |
//! | `shrink_if_possible`, `release_all_memory` | [`SpanPool::trim_to`], [`SpanPool::release_all`], drop |
//! | – | [`SpanPool::trim_aged`]: by how long a chunk has been free |
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, SpanPool, SpanPoolConfig, System};
//!
//! let spans = SpanPool::try_new(System, SpanPoolConfig { block: 4096, ..SpanPoolConfig::DEFAULT })?;
//! let asked = Layout::new::<[u8; 777]>();
//! assert_eq!(spans.granted(asked), 4096);
//!
//! let span = spans.allocate(asked)?;
//! // SAFETY: all that is granted is ours to write.
//! unsafe { span.write_bytes(0xFF, 4096) };
//! // SAFETY: allocated above, with a layout of the same grant.
//! unsafe { spans.deallocate(span, Layout::new::<[u8; 4096]>()) };
//! assert_eq!(spans.stats().spans_live, 0);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use ::core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{
        AllocError, Allocate, Census, Check, ConfigError, Core as _, Owns, Purge, Reset, Valid, bridge,
        over_core::over_core,
    },
    os::track,
};

mod config;
mod core;
#[cfg(test)]
mod tests;

pub use self::{
    config::{Retain, SpanPoolConfig, Threshold},
    core::SpanPoolCore,
};

/// Hands out runs of whole blocks; see the [module](self).
#[derive(Debug)]
pub struct SpanPool<A: Allocate> {
    core: SpanPoolCore,
    parent: A,
}

/// What a span pool holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanPoolStats {
    /// Chunks that the parent has not got back.
    pub chunks: usize,
    /// Spans that are live.
    pub spans_live: usize,
    /// Blocks of all chunks, live and free.
    pub blocks_total: usize,
    /// Blocks in no live span.
    pub blocks_free: usize,
    /// Bytes that the parent granted and has not got back, books included.
    pub parent_bytes: usize,
}

impl<A: Allocate> SpanPool<A> {
    /// Puts a pool over `parent`; it takes nothing until the first request.
    pub const fn new(parent: A, config: Valid<SpanPoolConfig>) -> Self {
        Self { core: SpanPoolCore::new(config), parent }
    }

    /// Checks `config`, then puts a pool over `parent`.
    ///
    /// # Errors
    ///
    /// The first field of `config` that breaks a rule, and the rule.
    pub fn try_new(parent: A, config: SpanPoolConfig) -> Result<Self, ConfigError> {
        Ok(Self::new(parent, config.check()?))
    }

    /// Bytes in a block.
    #[must_use]
    pub const fn block_size(&self) -> usize {
        self.core.block_size()
    }

    /// What the pool holds now.
    #[must_use]
    pub const fn stats(&self) -> SpanPoolStats {
        self.core.stats()
    }

    /// Where the chunks come from.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Gives back every chunk that is free as a whole; returns their bytes.
    pub fn trim(&self) -> usize {
        self.trim_to_valid(Threshold::NOTHING)
    }

    /// Gives back chunks that are free as a whole until fewer bytes are free
    /// than the most of `keep`, but none that its least needs; returns their
    /// bytes.
    ///
    /// # Errors
    ///
    /// If the least of `keep` is above its most, or a share above the whole.
    pub fn trim_to(&self, keep: Threshold) -> Result<usize, ConfigError> {
        Ok(self.trim_to_valid(keep.check()?))
    }

    /// Ends a round, and gives back every chunk that has been free as a whole for
    /// `age` whole rounds; returns their bytes.
    ///
    /// A round is what the program makes of it: a request served, a frame drawn, a
    /// second of a timer. The pool has no clock of its own. With an age of zero
    /// this is [`trim`](Self::trim).
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use blockwork::{Allocate, Retain, SpanPool, SpanPoolConfig, System};
    ///
    /// let config = SpanPoolConfig { retain: Retain::never_release(), ..SpanPoolConfig::DEFAULT };
    /// let spans = SpanPool::try_new(System, config)?;
    /// let layout = Layout::new::<[u8; 5000]>();
    /// let span = spans.allocate(layout)?;
    /// // SAFETY: just allocated with this layout.
    /// unsafe { spans.deallocate(span, layout) };
    ///
    /// assert_eq!(spans.trim_aged(1), 0); // freed in the round that ends here
    /// assert_eq!(spans.trim_aged(1), 65_536); // free for a whole round
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn trim_aged(&self, age: u16) -> usize {
        // SAFETY: always this parent.
        unsafe { self.core.trim_aged(&self.parent, age) }
    }

    /// Gives everything back, live spans included; the pool is as good as new.
    pub fn release_all(&mut self) {
        // SAFETY: always this parent.
        unsafe { self.core.release(&self.parent) }
    }

    fn trim_to_valid(&self, keep: Valid<Threshold>) -> usize {
        // SAFETY: always this parent.
        unsafe { self.core.trim(&self.parent, keep) }
    }
}

over_core!([A: Allocate] SpanPool<A>);
bridge!([A: Allocate] SpanPool<A>);

// SAFETY: the first block of a span is found exactly, by the directory and the
// tag that only it has; another's block elsewhere in a span is at no such block.
// One at the very start of a span belongs to someone we lent it to, and so did
// not come from here by itself: who holds the pool by value has lent it to nobody.
unsafe impl<A: Allocate> Owns for SpanPool<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.core.owns(block, layout)
    }
}

// SAFETY: what is free is no block's, and a chunk is clean when every free run of it
// was decommitted and none was freed since, or none ever was.
unsafe impl<A: Allocate> Purge for SpanPool<A> {
    fn purge(&self, keep: usize, decommit: &mut dyn FnMut(NonNull<[u8]>) -> bool) -> usize {
        self.core.purge(keep, decommit)
    }

    fn unclean(&self) -> usize {
        self.core.unclean()
    }

    fn allocate_noting(&self, layout: Layout) -> Result<(NonNull<u8>, bool), AllocError> {
        // SAFETY: always this parent.
        let (block, clean) = unsafe { self.core.allocate_noting(&self.parent, layout)? };
        if track::ON {
            track::show(block, self.granted(layout));
        }
        Ok((block, clean))
    }
}

impl<A: Allocate> Reset for SpanPool<A> {
    fn reset(&mut self) {
        self.release_all();
    }
}

impl<A: Allocate> Census for SpanPool<A> {
    fn blocks_out(&self) -> usize {
        self.stats().spans_live
    }
}

impl<A: Allocate + Check> Check for SpanPool<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.check()?;
        self.parent.check()
    }
}
