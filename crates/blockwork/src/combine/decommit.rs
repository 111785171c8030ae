//! [`Decommit`]: what a pool keeps free has addresses, but little memory.
//!
//! ```text
//! deallocate ─► pool   [ live | free | live | free ········ ]
//!    └─ every so many bytes: how much of what is free may have memory?
//!                      [ live | free | live | ··· none ···· ] ─► the system
//! ```
//!
//! | | |
//! |---|---|
//! | time | a counter per free; a walk over the free runs for every `keep` freed bytes, and a system call for each run that loses its memory; a page fault for each page that is used again |
//! | space | six words |
//! | sharing | that of the parent |
//! | failure | whenever the parent fails |
//! | zeroed blocks | at no cost where the memory is known to be new |
//! | passes on | [`Owns`], where the parent has it |
//!
//! Less than twice `keep` bytes have memory that nobody uses: so much may be freed
//! before it looks. The pool joins neighbours all the same, so addresses do
//! not run out; and what is asked for again soon still has its memory. With a
//! [share](Decommit::with_share), a program that uses much keeps more, in
//! proportion to what is live.
//!
//! What is kept and not needed goes too, if someone says when: what nobody took
//! from one [round](Decommit::round) to the next.
//!
//! When not to use it: over a pool that gives its chunks back soon enough, or where
//! the blocks are smaller than a page of the system.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Decommit, Pages, SpanPool, SpanPoolConfig};
//!
//! let config = SpanPoolConfig { block: 1 << 16, ..SpanPoolConfig::DEFAULT };
//! // SAFETY: a pool over pages.
//! let spans = unsafe { Decommit::new(SpanPool::try_new(Pages, config)?, 32 << 20) };
//! let layout = Layout::new::<[u8; 100_000]>();
//! let span = spans.allocate_zeroed(layout)?; // new: nothing is written
//! # unsafe { spans.deallocate(span, layout) };
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Purge},
    source::pages::Pages,
};

/// Gives memory back that a pool keeps; see the [module](self).
#[derive(Debug)]
pub struct Decommit<A> {
    parent: A,
    keep: Cell<usize>,
    /// Thousandths of the live bytes that may be kept, if that is more.
    share: usize,
    live: Cell<usize>,
    /// Bytes freed since the last look.
    freed: Cell<usize>,
    /// Free bytes that may have memory, as far as was counted since the round began.
    free: Cell<usize>,
    /// The fewest there were in this round.
    fewest: Cell<usize>,
}

impl<A> Decommit<A> {
    /// Lets `keep` bytes that `parent` has free keep their memory.
    ///
    /// # Safety
    ///
    /// - The memory of `parent` is as [`Pages`] gives it: private, backed by no
    ///   file, zero at first.
    #[must_use]
    pub const unsafe fn new(parent: A, keep: usize) -> Self {
        Self {
            parent,
            keep: Cell::new(keep),
            share: 0,
            live: Cell::new(0),
            freed: Cell::new(0),
            free: Cell::new(0),
            fewest: Cell::new(0),
        }
    }

    /// The same, but it keeps so many thousandths of the bytes that are live where
    /// that is more.
    #[must_use]
    pub const fn with_share(mut self, permille: u16) -> Self {
        self.share = permille as usize;
        self
    }

    /// Lets `keep` bytes keep their memory from now on.
    pub fn set_keep(&self, keep: usize) {
        self.keep.set(keep);
    }

    /// Bytes that are live.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live.get()
    }

    /// Where the blocks come from.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    fn limit(&self) -> usize {
        self.keep.get().max((self.live.get() / 1000).saturating_mul(self.share))
    }

    /// Counts `bytes` as live.
    fn took(&self, bytes: usize) {
        self.live.set(self.live.get().saturating_add(bytes));
        self.free.set(self.free.get().saturating_sub(bytes));
        self.fewest.set(self.fewest.get().min(self.free.get()));
    }

    /// Counts `bytes` as free.
    fn gave(&self, bytes: usize) {
        self.live.set(self.live.get().saturating_sub(bytes));
        self.free.set(self.free.get().saturating_add(bytes));
        self.freed.set(self.freed.get().saturating_add(bytes));
    }
}

impl<A: Purge> Decommit<A> {
    /// Gives all memory back that nobody uses; returns its bytes.
    pub fn purge(&self) -> usize {
        self.purge_to(0)
    }

    /// Ends a round: gives memory back that nobody has needed in it; returns its
    /// bytes.
    ///
    /// A round is what the program makes of it: so many milliseconds, a request
    /// served.
    pub fn round(&self) -> usize {
        let unneeded = self.fewest.get();
        let purged = match unneeded {
            0 => 0,
            _ => self.purge_to(self.parent.unclean().saturating_sub(unneeded)),
        };
        // The count drifts, as what is taken need not have had memory.
        let unclean = self.parent.unclean();
        self.free.set(unclean);
        self.fewest.set(unclean);
        purged
    }

    #[cold]
    #[inline(never)]
    fn purge_to(&self, keep: usize) -> usize {
        self.freed.set(0);
        self.free.set(self.free.get().min(keep));
        self.fewest.set(self.fewest.get().min(keep));
        // SAFETY: nobody's, and memory of pages, as was promised to `new`.
        self.parent.purge(keep, &mut |range| unsafe { Pages::decommit(range) }.is_ok())
    }
}

// SAFETY: every method forwards to `A`; what nobody uses loses its contents, which
// are zero from then on; nothing panics.
unsafe impl<A: Purge> Allocate for Decommit<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate(layout)?;
        self.took(self.parent.granted(layout));
        Ok(block)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.gave(self.parent.granted(layout));
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
        let limit = self.limit();
        if self.freed.get() > limit {
            self.purge_to(limit);
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.resize(block, old, new)? }
        let (old, new) = (self.parent.granted(old), self.parent.granted(new));
        if new > old {
            self.took(new.wrapping_sub(old));
        } else {
            self.gave(old.wrapping_sub(new));
        }
        Ok(())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let (block, clean) = self.parent.allocate_noting(layout)?;
        let granted = self.parent.granted(layout);
        self.took(granted);
        if !clean {
            // SAFETY: a fresh block is valid for writes of its granted size.
            unsafe { block.write_bytes(0, granted) }
        }
        Ok(block)
    }
}

// SAFETY: the blocks are the parent's, one for one.
unsafe impl<A: Owns + Purge> Owns for Decommit<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Check> Check for Decommit<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Purge] Decommit<A>);

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::{SpanPool, SpanPoolConfig};

    const BLOCK: usize = 1 << 16;

    fn spans(keep: usize) -> Decommit<SpanPool<Pages>> {
        let config = SpanPoolConfig { block: BLOCK, backing_request: Some(16 * BLOCK), ..SpanPoolConfig::DEFAULT };
        // SAFETY: a pool over pages.
        unsafe { Decommit::new(SpanPool::try_new(Pages, config).unwrap(), keep) }
    }

    fn layout(blocks: usize) -> Layout {
        Layout::from_size_align(blocks * BLOCK, 16).unwrap()
    }

    fn is_zero(block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: a live block, written or zero.
        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), layout.size()) };
        bytes.iter().all(|&byte| byte == 0)
    }

    /// Writes all over a block, and frees it.
    fn soil(spans: &impl Allocate, block: NonNull<u8>, layout: Layout) {
        // SAFETY: a live block of that size.
        unsafe { block.write_bytes(0xA5, layout.size()) }
        // SAFETY: allocated with this layout, and not used again.
        unsafe { spans.deallocate(block, layout) }
    }

    #[test]
    fn zeroed_blocks_are_zero_whatever_was_there() {
        for keep in [0, BLOCK, 5 * BLOCK, usize::MAX] {
            let spans = spans(keep);
            for blocks in (1..8).chain([20, 3, 20]) {
                let held = [(); 3].map(|()| spans.allocate_zeroed(layout(blocks)).unwrap());
                assert!(held.iter().all(|&block| is_zero(block, layout(blocks))));
                held.into_iter().for_each(|block| soil(&spans, block, layout(blocks)));
                assert_eq!(spans.check(), Ok(()));
            }
        }
    }

    #[test]
    fn what_is_kept_free_is_bounded_and_purged() {
        let spans = spans(4 * BLOCK);
        let held: Vec<_> = (0..10).map(|_| spans.allocate(layout(1)).unwrap()).collect();
        for &block in held.iter().step_by(2) {
            soil(&spans, block, layout(1));
        }
        assert_eq!(spans.freed.get(), 0, "at the fifth it looked");
        assert_eq!(spans.purge(), 0, "and left nothing");
        soil(&spans, held[1], layout(1));
        assert!(spans.purge() >= BLOCK);
        for &block in held.iter().skip(3).step_by(2) {
            soil(&spans, block, layout(1));
        }
    }

    #[test]
    fn a_round_gives_back_what_nobody_took_in_it() {
        let spans = spans(usize::MAX);
        let [keeper, used, unused] = [(); 3].map(|()| spans.allocate(layout(1)).unwrap());
        soil(&spans, used, layout(1));
        soil(&spans, unused, layout(1));
        spans.round();
        // A program that takes one again and again keeps that.
        for _ in 0..3 {
            let again = spans.allocate(layout(1)).unwrap();
            spans.round();
            soil(&spans, again, layout(1));
        }
        assert_eq!(spans.live(), BLOCK);
        // The one of the end of the last round, which then is not needed.
        spans.round();
        assert!(spans.round() >= BLOCK);
        assert_eq!((spans.round(), spans.parent().unclean()), (0, 0));
        soil(&spans, keeper, layout(1));
    }

    #[test]
    fn who_uses_much_keeps_more() {
        let spans = spans(BLOCK).with_share(500);
        let held: Vec<_> = (0..30).map(|_| spans.allocate(layout(1)).unwrap()).collect();
        for &block in held.iter().take(9) {
            soil(&spans, block, layout(1));
        }
        assert_eq!(spans.freed.get(), 9 * BLOCK, "a half of 21 may stay");
        for &block in held.iter().skip(9) {
            soil(&spans, block, layout(1));
        }
        assert!(spans.freed.get() <= 2 * BLOCK, "nothing is live");
    }

    #[test]
    fn a_range_that_cannot_be_decommitted_stays_dirty() {
        let spans = spans(usize::MAX);
        let keeper = spans.allocate(layout(1)).unwrap();
        let block = spans.allocate(layout(2)).unwrap();
        soil(&spans, block, layout(2));
        assert_eq!(spans.parent().purge(0, &mut |_| false), 0);
        let again = spans.allocate_zeroed(layout(2)).unwrap();
        assert!(is_zero(again, layout(2)));
        soil(&spans, again, layout(2));
        soil(&spans, keeper, layout(1));
    }
}
