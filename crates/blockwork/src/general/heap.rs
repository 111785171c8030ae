//! [`Heap`]: blocks of all sizes, which end together or one by one.
//!
//! ```text
//! size ≤ 8 KiB ───► slabs of 64 KiB, by class ───┐
//! size ≤ 256 KiB ─► runs of 4 KiB blocks ────────┼─► spans of 64 KiB blocks, 1 MiB at a time ─► parent
//! beyond ────────────────────────────────────────┘
//! ```
//!
//! | | |
//! |---|---|
//! | time | that of slabs up to 8 KiB, of spans beyond |
//! | space | eight words for each slab, two for each span; 6 KiB for the heap |
//! | sharing | single-threaded (`Cell`); a [`Locked`](crate::Locked) around it shares it |
//! | failure | when the parent has no memory |
//! | granted | the class; whole 4 KiB up to 256 KiB; whole 64 KiB beyond |
//! | offers | [`Reset`]; growing and shrinking in place, in steps of what is granted |
//!
//! A heap is a value: as many as one likes, for each request, plugin or document one,
//! and dropping it, or its [`reset`](Reset::reset), takes every block back that is
//! left, in time that depends on the number of slabs and chunks.
//!
//! When not to use it: where blocks never come back before the end, an
//! [`Arena`](crate::Arena) is shorter; for one size, a
//! [`BlockPool`](crate::BlockPool); for the few blocks of a small program, 1 MiB at a
//! time may be too much.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Counted, Heap, System};
//!
//! let parent = Counted::new(System);
//! let document = Heap::new(&parent);
//! for size in [10, 5_000, 50_000, 5_000_000] {
//!     document.allocate(Layout::array::<u8>(size).unwrap())?;
//! }
//! drop(document);
//! assert_eq!(parent.counts().blocks_live, 0);
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Core, Reset, Valid, can_resize, empty},
    combine::size_classes::SizeClasses,
    math::{
        amount::Const,
        size_class::{Classes, Quad},
    },
    strategy::{
        slab::{SlabHead, SlabPolicy},
        span_pool::{SpanPool, SpanPoolConfig, SpanPoolCore, Threshold},
    },
};

/// The largest block of a slab.
const SMALL_MAX: usize = 8 * 1024;

/// The largest block that is a run of small blocks of spans.
const MEDIUM_MAX: usize = 256 * 1024;

const SLAB: usize = 64 * 1024;
const PAGE: usize = 4096;

type Small<A> = SizeClasses<Quad<SMALL_MAX>, SlabHead<Const<SLAB>>, SpanPool<A>>;

const fn slabs() -> Valid<SlabPolicy<Const<SLAB>>> {
    match (SlabPolicy { slab_size: Const, keep: 1 }).check() {
        Ok(policy) => policy,
        #[expect(clippy::panic, reason = "when compiled")]
        Err(_) => panic!("a valid configuration"),
    }
}

/// Runs of `block` bytes, from chunks of `chunk`.
const fn runs(block: usize, chunk: usize) -> Valid<SpanPoolConfig> {
    let config = SpanPoolConfig { block, backing_request: Some(chunk), ..SpanPoolConfig::DEFAULT };
    match config.check() {
        Ok(config) => config,
        #[expect(clippy::panic, reason = "when compiled")]
        Err(_) => panic!("a valid configuration"),
    }
}

/// Blocks of all sizes; see the [module](self).
#[derive(Debug)]
pub struct Heap<A: Allocate> {
    medium: SpanPoolCore,
    small: Small<A>,
}

/// Where a block is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Small,
    Medium,
    Large,
}

impl Side {
    #[inline]
    fn of(layout: Layout) -> Self {
        if Quad::<SMALL_MAX>.round(layout).is_some() {
            Self::Small
        } else if layout.size() <= MEDIUM_MAX && layout.align() <= PAGE {
            Self::Medium
        } else {
            Self::Large
        }
    }
}

impl<A: Allocate> Heap<A> {
    /// A heap whose memory comes from `parent`; it takes nothing until the first
    /// request.
    pub const fn new(parent: A) -> Self {
        const SPANS: Valid<SpanPoolConfig> = runs(SLAB, 1 << 20);
        const MEDIUM: Valid<SpanPoolConfig> = runs(PAGE, 512 << 10);
        const SLABS: Valid<SlabPolicy<Const<SLAB>>> = slabs();
        Self { medium: SpanPoolCore::new(MEDIUM), small: SizeClasses::new(SpanPool::new(parent, SPANS), SLABS) }
    }

    /// Gives back what is kept without need.
    pub fn trim(&self) {
        self.small.trim();
        // SAFETY: always this parent.
        unsafe { self.medium.trim(self.spans(), Threshold::NOTHING) };
        self.spans().trim();
    }

    /// Where slabs and large blocks come from.
    const fn spans(&self) -> &SpanPool<A> {
        self.small.parent()
    }

    fn release(&mut self) {
        // SAFETY: always this parent.
        unsafe { self.medium.release(self.small.parent()) }
        self.small.reset();
        self.small.parent_mut().release_all();
    }
}

// SAFETY: each layout goes to the same side as every other that its block fits,
// since a side's grants are the side's own; each side keeps the contract; nothing
// panics.
unsafe impl<A: Allocate> Allocate for Heap<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match Side::of(layout) {
            Side::Small => self.small.allocate(layout),
            // SAFETY: always this parent.
            Side::Medium => unsafe { self.medium.allocate(self.spans(), layout) },
            Side::Large => self.spans().allocate(layout),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        match Side::of(layout) {
            // SAFETY: the caller's promise; from this side.
            Side::Small => unsafe { self.small.deallocate(block, layout) },
            // SAFETY: the caller's promise; from this side, and always this parent.
            Side::Medium => unsafe { self.medium.deallocate(self.spans(), block, layout) },
            // SAFETY: the caller's promise; from this side.
            Side::Large => unsafe { self.spans().deallocate(block, layout) },
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        if layout.size() == 0 {
            return 0;
        }
        match Side::of(layout) {
            Side::Small => self.small.granted(layout),
            Side::Medium => self.medium.granted(self.spans(), layout),
            Side::Large => self.spans().granted(layout),
        }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let side = Side::of(old);
        if old.size() == 0 || new.size() == 0 || side != Side::of(new) {
            return if self.granted(old) == self.granted(new) { Ok(()) } else { Err(AllocError) };
        }
        match side {
            // SAFETY: the caller's promise; from this side.
            Side::Small => unsafe { self.small.resize(block, old, new) },
            // SAFETY: the caller's promise; from this side, and always this parent.
            Side::Medium => unsafe { self.medium.resize(self.spans(), block, old, new) },
            // SAFETY: the caller's promise; from this side.
            Side::Large => unsafe { self.spans().resize(block, old, new) },
        }
    }
}

crate::alloc::bridge!([A: Allocate] Heap<A>);

impl<A: Allocate> Drop for Heap<A> {
    fn drop(&mut self) {
        self.release();
    }
}

impl<A: Allocate> Reset for Heap<A> {
    fn reset(&mut self) {
        self.release();
    }
}

impl<A: Allocate + Check> Check for Heap<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.medium.check()?;
        self.small.check()
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::{Counted, Locked, System};

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn all_that_is_live_goes_with_the_heap() {
        let parent = Counted::new(System);
        let mut heap = Heap::new(&parent);
        for round in 0..3 {
            for size in [1, 100, 8192, 8193, 100_000, MEDIUM_MAX, MEDIUM_MAX + 1, 9 << 20] {
                for _ in 0..10 {
                    assert!(heap.allocate(layout(size)).is_ok());
                }
            }
            assert_eq!(heap.check(), Ok(()));
            if round < 2 {
                heap.reset();
                assert_eq!(parent.counts().blocks_live, 0);
            }
        }
        drop(heap);
        assert_eq!(parent.counts().blocks_live, 0);
    }

    #[test]
    fn what_comes_back_block_by_block_is_given_up_at_a_trim() {
        let parent = Counted::new(System);
        let heap = Heap::new(&parent);
        let layouts: Vec<_> = (0..2000).map(|i| layout(1 + i * i % 300_000)).collect();
        let blocks: Vec<_> = layouts.iter().map(|&layout| heap.allocate(layout).unwrap()).collect();
        for (&block, &layout) in blocks.iter().zip(&layouts) {
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout) }
        }
        assert_eq!(heap.check(), Ok(()));
        heap.trim();
        assert!(parent.counts().bytes_live < 10 << 20, "{}", parent.counts().bytes_live);
    }

    #[test]
    fn a_heap_may_be_a_static_behind_a_lock() {
        static HEAP: Locked<Heap<System>> = Locked::new(Heap::new(System));
        std::thread::scope(|scope| {
            for size in [10, 1000, 100_000] {
                scope.spawn(move || {
                    let block = HEAP.allocate(layout(size)).unwrap();
                    // SAFETY: just allocated with this layout.
                    unsafe { HEAP.deallocate(block, layout(size)) }
                });
            }
        });
        assert_eq!(HEAP.check(), Ok(()));
    }
}
