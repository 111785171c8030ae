//! [`Counted`]: exact books of what passes through it.
//!
//! ```text
//! allocate(layout) ─► parent ─ ok ─► live += granted, blocks += 1, peak = max(peak, live)
//!                        └──── no ─► failures += 1
//! ```
//!
//! | | |
//! |---|---|
//! | time | one grant and a few adds per operation |
//! | space | seven words, nothing per block |
//! | sharing | single-threaded (`Cell`): count inside the lock, `.counted().locked()` |
//! | failure | whenever the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! Bytes are counted as granted: that is what a request really takes, and it is
//! the same for every layout that fits a block, so the books balance whichever
//! comes back. Requests for zero bytes take nothing and are not counted.
//!
//! When not to use it: to limit what is counted; that is a quota's job.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, Counted};
//!
//! let mut memory = [MaybeUninit::uninit(); 64];
//! let heap = Counted::new(Buffer::new(&mut memory));
//!
//! let layout = Layout::new::<[u8; 40]>();
//! let block = heap.allocate(layout)?;
//! assert_eq!(heap.counts().bytes_live, 40);
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! assert!(heap.allocate(Layout::new::<[u8; 65]>()).is_err());
//!
//! let counts = heap.counts();
//! assert_eq!((counts.bytes_live, counts.bytes_peak, counts.failures), (0, 40, 1));
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Census, Check, Owns, Reset},
    os,
};

/// Counts the blocks and bytes of `A`; see the [module](self).
#[derive(Debug)]
pub struct Counted<A> {
    parent: A,
    /// Sum of grants over live blocks. Invariant: `bytes_live <= bytes_peak`.
    bytes_live: Cell<usize>,
    bytes_peak: Cell<usize>,
    bytes_total: Cell<u64>,
    blocks_live: Cell<usize>,
    requests: Cell<u64>,
    resizes: Cell<u64>,
    failures: Cell<u64>,
}

/// What [`Counted`] has counted, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Bytes in live blocks, as granted.
    pub bytes_live: usize,
    /// The most bytes that were live at once.
    pub bytes_peak: usize,
    /// Bytes ever granted: those of every block, and what growing one in place
    /// added.
    pub bytes_total: u64,
    /// Blocks that are live.
    pub blocks_live: usize,
    /// Requests for a block, whether served or not.
    pub requests: u64,
    /// Blocks that were resized in place.
    pub resizes: u64,
    /// Requests for a block that were not served.
    pub failures: u64,
}

impl<A> Counted<A> {
    /// Counts what passes to `parent` from now on.
    pub const fn new(parent: A) -> Self {
        Self {
            parent,
            bytes_live: Cell::new(0),
            bytes_peak: Cell::new(0),
            bytes_total: Cell::new(0),
            blocks_live: Cell::new(0),
            requests: Cell::new(0),
            resizes: Cell::new(0),
            failures: Cell::new(0),
        }
    }

    /// The counts at this moment.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        Counts {
            bytes_live: self.bytes_live.get(),
            bytes_peak: self.bytes_peak.get(),
            bytes_total: self.bytes_total.get(),
            blocks_live: self.blocks_live.get(),
            requests: self.requests.get(),
            resizes: self.resizes.get(),
            failures: self.failures.get(),
        }
    }

    /// What is counted.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged, so they are valid,
// aligned and disjoint because `A`'s are; nothing here panics.
unsafe impl<A: Allocate> Allocate for Counted<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.count(layout, self.parent.allocate(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            self.give(self.parent.granted(layout));
        }
        // SAFETY: from `A` (we never make blocks); the caller gives a layout
        // that fits it.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: from `A` (we never make blocks); the caller says `old` fits it.
        unsafe { self.parent.resize(block, old, new)? }
        self.exchange(self.parent.granted(old), self.parent.granted(new));
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.count(layout, self.parent.allocate_zeroed(layout))
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns> Owns for Counted<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

/// Ends every block; the peak, the totals and the failures stay.
impl<A: Reset> Reset for Counted<A> {
    fn reset(&mut self) {
        self.parent.reset();
        self.bytes_live.set(0);
        self.blocks_live.set(0);
    }
}

impl<A> Census for Counted<A> {
    fn blocks_out(&self) -> usize {
        self.blocks_live.get()
    }
}

impl<A: Check> Check for Counted<A> {
    fn check(&self) -> Result<(), &'static str> {
        let counts = self.counts();
        if counts.bytes_live > counts.bytes_peak {
            return Err("counted: more bytes are live than the peak says");
        }
        if (counts.bytes_live == 0) != (counts.blocks_live == 0) {
            return Err("counted: live bytes without live blocks, or the reverse");
        }
        if counts.blocks_live > counts.bytes_live {
            return Err("counted: more blocks are live than bytes");
        }
        if counts.failures > counts.requests {
            return Err("counted: more failures than requests");
        }
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate] Counted<A>);

impl<A: Allocate> Counted<A> {
    /// Enters the outcome of a request into the books, and passes it on.
    #[inline]
    fn count(&self, layout: Layout, outcome: Result<NonNull<u8>, AllocError>) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return outcome;
        }
        one_more(&self.requests);
        match outcome {
            Ok(_) => self.take(self.parent.granted(layout)),
            Err(AllocError) => one_more(&self.failures),
        }
        outcome
    }
}

impl<A> Counted<A> {
    fn take(&self, bytes: usize) {
        self.blocks_live.set(self.blocks_live.get().wrapping_add(1));
        self.exchange_live(0, bytes);
    }

    fn give(&self, bytes: usize) {
        os::check(self.blocks_live.get() != 0, "freed more blocks than were live");
        os::check(bytes <= self.bytes_live.get(), "freed more bytes than were live");
        self.blocks_live.set(self.blocks_live.get().wrapping_sub(1));
        // Neither the peak nor the total changes.
        self.bytes_live.set(self.bytes_live.get().wrapping_sub(bytes));
    }

    fn exchange(&self, old: usize, new: usize) {
        one_more(&self.resizes);
        self.exchange_live(old, new);
    }

    /// Takes `old` bytes off the books and puts `new` on them.
    #[inline]
    fn exchange_live(&self, old: usize, new: usize) {
        os::check(old <= self.bytes_live.get(), "freed more bytes than were live");
        // Live blocks are disjoint in memory, so their sum fits.
        let live = self.bytes_live.get().wrapping_sub(old).wrapping_add(new);
        self.bytes_live.set(live);
        self.bytes_peak.set(self.bytes_peak.get().max(live));
        add(&self.bytes_total, new.saturating_sub(old));
    }
}

/// Counts one, of which no program lives to see 2^64.
#[inline]
fn one_more(count: &Cell<u64>) {
    count.set(count.get().wrapping_add(1));
}

/// Adds to a total, which stays at the top once it is there.
#[inline]
fn add(total: &Cell<u64>, more: usize) {
    total.set(total.get().saturating_add(u64::try_from(more).unwrap_or(u64::MAX)));
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::{combine::testers::Rounding, source::buffer::Buffer};

    #[test]
    fn a_block_is_counted_by_what_it_is_granted() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Counted::new(Rounding(Buffer::new(&mut memory)));
        assert!(heap.allocate(Layout::new::<[u8; 20]>()).is_ok());
        let counts = heap.counts();
        assert_eq!((counts.bytes_live, counts.blocks_live, counts.requests), (32, 1, 1));
    }

    #[test]
    fn any_layout_that_fits_balances_the_books() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Counted::new(Rounding(Buffer::new(&mut memory)));
        let block = heap.allocate(Layout::new::<[u8; 20]>()).unwrap();
        // SAFETY: live, and 31 bytes are of the same class as 20.
        unsafe { heap.deallocate(block, Layout::new::<[u8; 31]>()) };
        assert_eq!(heap.counts().bytes_live, 0);
        assert_eq!(heap.counts().blocks_live, 0);
        assert_eq!(heap.check(), Ok(()));
    }

    #[test]
    fn the_peak_outlives_the_blocks() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Counted::new(Buffer::new(&mut memory));
        for layout in [Layout::new::<[u8; 50]>(), Layout::new::<[u8; 9]>()] {
            let block = heap.allocate(layout).unwrap();
            // SAFETY: live, and allocated with this layout.
            unsafe { heap.deallocate(block, layout) };
        }
        let counts = heap.counts();
        assert_eq!((counts.bytes_live, counts.bytes_peak, counts.bytes_total), (0, 50, 59));
    }

    #[test]
    fn a_failure_counts_as_such_and_as_nothing_else() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let heap = Counted::new(Buffer::new(&mut memory));
        assert!(heap.allocate(Layout::new::<[u8; 9]>()).is_err());
        assert!(heap.allocate_zeroed(Layout::new::<[u8; 9]>()).is_err());
        assert_eq!(heap.counts(), Counts { requests: 2, failures: 2, ..Counts::default() });
    }

    #[test]
    fn a_resize_moves_the_live_bytes_and_a_refused_one_nothing() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Counted::new(Buffer::new(&mut memory));
        let [two, nine, all, more] = [2, 9, 64, 65].map(|size| Layout::from_size_align(size, 1).unwrap());
        let block = heap.allocate(nine).unwrap();
        // SAFETY: live, and allocated with `nine`.
        assert_eq!(unsafe { heap.resize(block, nine, two) }, Ok(()));
        // SAFETY: live, and resized to `two`.
        assert_eq!(unsafe { heap.resize(block, two, all) }, Ok(()));
        // SAFETY: live, and resized to `all`.
        assert_eq!(unsafe { heap.resize(block, all, more) }, Err(AllocError));
        let counts = heap.counts();
        assert_eq!((counts.bytes_live, counts.bytes_peak, counts.bytes_total), (64, 64, 71));
        assert_eq!((counts.blocks_live, counts.resizes, counts.failures), (1, 2, 0));
    }

    #[test]
    fn nothing_is_not_counted() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let heap = Counted::new(Buffer::new(&mut memory));
        let nothing = Layout::new::<[u64; 0]>();
        let block = heap.allocate(nothing).unwrap();
        // SAFETY: an empty block.
        unsafe { heap.deallocate(block, nothing) };
        // Who answers zero itself may give back what was never asked for here.
        // SAFETY: an empty block.
        unsafe { heap.deallocate(block, nothing) };
        assert_eq!(heap.counts(), Counts::default());
    }

    #[test]
    fn a_reset_keeps_the_peak() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut heap = Counted::new(Buffer::new(&mut memory));
        assert!(heap.allocate(Layout::new::<u8>()).is_ok());
        heap.reset();
        let counts = heap.counts();
        assert_eq!((counts.bytes_live, counts.blocks_live, counts.bytes_peak, counts.requests), (0, 0, 1, 1));
        assert_eq!(heap.check(), Ok(()));
    }
}
