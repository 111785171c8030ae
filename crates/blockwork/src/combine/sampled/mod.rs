//! [`Sampled`]: who holds the memory, by looking at one byte in many.
//!
//! ```text
//! allocate(layout) ─► parent ─► bytes left > size ─ yes ─► bytes left -= size
//!                                     └──────────── no ──► note the block, its size and who called;
//!                                                          draw the bytes until the next sample
//! ```
//!
//! Each byte that is allocated is a sample with the same small chance, one in
//! `mean`, whatever came before it: a Poisson process over bytes, as jemalloc,
//! tcmalloc and Go sample their heaps. A block with a sampled byte is noted
//! until it is freed. How likely that was follows from its size alone, so the
//! notes of the live blocks [estimate](Sampled::estimate) all live blocks without
//! bias, and [`pprof::write`] makes of them a live heap profile for `pprof` and
//! continuous profilers.
//!
//! | | |
//! |---|---|
//! | time | off: nothing if `mean` is `Const<0>`, a test per call if it is 0 at run time; on: a subtraction and a test per allocation, a look into a table per free; a sample with [`Unwind`]: thousands of instructions |
//! | space | some 250 bytes of the parent's per live sample, and a table |
//! | sharing | single-threaded (`Cell`): sample inside the lock, `.sampled(..).locked()` |
//! | failure | whenever the parent fails; a sample that finds no memory is [missed](Sampled::missed) |
//! | granted | the parent's; samples count bytes as asked for |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! A block that grows in place has more bytes that may be sampled; one that
//! shrinks stays noted with the chance that a block of its new size would have
//! had. Both keep the estimate right.
//!
//! **Who called** is asked of a [`CaptureStack`]. [`Unwind`] uses the unwinder
//! that std brings, and the tables that every program has for it: it needs no
//! frame pointers, reads no memory that is not stack, and does not allocate; a
//! sample with the callers of a benchmark takes some 17,000 instructions. `()`
//! asks nobody. Whoever builds
//! with frame pointers can bring a walk of their own.
//!
//! When not to use it: for exact numbers, [`Counted`](crate::Counted); for the
//! order of events, [`Recorded`](crate::Recorded). Over a parent for one small
//! size there is no memory for notes.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Sampled, System};
//!
//! let heap = Sampled::new(System, 4096_usize, ());
//! let layout = Layout::new::<[u8; 1000]>();
//! let blocks: Vec<_> = (0..1000).flat_map(|_| heap.allocate(layout)).collect();
//!
//! let estimate = heap.estimate();
//! assert!((800_000.0..1_200_000.0).contains(&estimate.bytes), "{estimate:?}");
//! assert!(heap.live_samples() < 300);
//! for block in blocks {
//!     // SAFETY: allocated above with this layout.
//!     unsafe { heap.deallocate(block, layout) };
//! }
//! assert_eq!(heap.live_samples(), 0);
//! ```

#[cfg(feature = "std")]
pub mod pprof;
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use core::{alloc::Layout, cell::Cell, fmt, ptr::NonNull};

use self::samples::Samples;
use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset},
    math::{
        amount::Amount,
        chance::{chance, next_random, unit, wait},
    },
    os,
};

/// The callers that a sample has room for.
pub const DEPTH: usize = 26;

/// Says who called.
///
/// It is asked from within an allocation: it must not ask the allocator that is
/// sampled, and if it panics, the program ends.
pub trait CaptureStack {
    /// Writes return addresses to the front of `frames`, the nearest caller
    /// first, and says how many.
    fn capture(&self, frames: &mut [usize]) -> usize;
}

/// Asks nobody: all samples are as of one caller.
impl CaptureStack for () {
    #[inline]
    fn capture(&self, _: &mut [usize]) -> usize {
        0
    }
}

/// Asks the unwinder of std; where there is none that can be asked, nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwind;

impl CaptureStack for Unwind {
    #[cfg(all(
        feature = "std",
        unix,
        any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    ))]
    fn capture(&self, frames: &mut [usize]) -> usize {
        os::stack::walk(frames)
    }

    #[cfg(not(all(
        feature = "std",
        unix,
        any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    )))]
    fn capture(&self, _: &mut [usize]) -> usize {
        0
    }
}

/// A live block that was sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    size: usize,
    depth: u8,
    frames: [usize; DEPTH],
}

impl Sample {
    /// A sample of nothing, to fill arrays with.
    pub const EMPTY: Self = Self { size: 0, depth: 0, frames: [0; DEPTH] };

    /// The bytes that were asked for.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The return addresses of who called, the nearest first.
    #[must_use]
    pub fn frames(&self) -> &[usize] {
        self.frames.get(..usize::from(self.depth)).unwrap_or_default()
    }

    /// Has `capture` write return addresses and say how many.
    pub(crate) fn fill(&mut self, capture: impl FnOnce(&mut [usize]) -> usize) {
        let depth = capture(&mut self.frames);
        self.depth = u8::try_from(depth.min(DEPTH)).unwrap_or(0);
    }

    /// What it stands for, if one byte in `mean` was a sample.
    #[must_use]
    pub fn stands_for(&self, mean: usize) -> Estimate {
        if self.size == 0 || mean == 0 {
            return Estimate::default();
        }
        let blocks = 1.0 / chance(self.size as f64 / mean as f64);
        Estimate { blocks, bytes: blocks * self.size as f64 }
    }
}

/// What is live, as far as samples tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Blocks.
    pub blocks: f64,
    /// Bytes in them, as asked for.
    pub bytes: f64,
}

/// Samples the blocks of `A`; see the [module](self).
pub struct Sampled<A: Allocate, N: Amount = usize, C: CaptureStack = Unwind> {
    parent: A,
    /// Bytes per sample; 0 is off.
    mean: N,
    capture: C,
    /// Bytes until the next sample. 0: not drawn yet.
    left: Cell<usize>,
    random: Cell<u64>,
    missed: Cell<u64>,
    samples: Samples,
}

impl<A: Allocate, N: Amount, C: CaptureStack> Sampled<A, N, C> {
    /// Samples one byte in `mean` of what passes to `parent`, none if it is 0.
    /// Profilers take 524,288.
    pub const fn new(parent: A, mean: N, capture: C) -> Self {
        Self::with_seed(parent, mean, capture, 0)
    }

    /// As [`new`](Self::new), with chance that begins at `seed`.
    pub const fn with_seed(parent: A, mean: N, capture: C, seed: u64) -> Self {
        Self {
            parent,
            mean,
            capture,
            left: Cell::new(0),
            random: Cell::new(seed),
            missed: Cell::new(0),
            samples: Samples::new(),
        }
    }

    /// What is sampled.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Bytes per sample.
    #[must_use]
    pub fn mean(&self) -> usize {
        self.mean.get()
    }

    /// Live blocks that were sampled.
    #[must_use]
    pub const fn live_samples(&self) -> usize {
        self.samples.live()
    }

    /// Samples that the parent had no memory for; the estimate lacks them.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed.get()
    }

    /// Copies live samples to the front of `room`, and says how many.
    ///
    /// Allocates nothing, so it may be called with a lock held that the room was
    /// allocated through.
    pub fn copy_samples(&self, room: &mut [Sample]) -> usize {
        self.samples.copy(room)
    }

    /// What is live now, as far as the samples tell: right on average, and the
    /// closer the more of them there are.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let (mean, mut all) = (self.mean(), Estimate::default());
        self.samples.for_each(|size, sample| {
            let one = Sample { size, ..*sample }.stands_for(mean);
            all.blocks += one.blocks;
            all.bytes += one.bytes;
        });
        all
    }

    /// Counts the bytes of a new block.
    #[inline]
    fn count(&self, outcome: Result<NonNull<u8>, AllocError>, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if self.mean.get() != 0
            && let Ok(block) = outcome
        {
            let left = self.left.get();
            if layout.size() < left {
                self.left.set(left.wrapping_sub(layout.size()));
            } else {
                self.reach(block, layout.size(), layout.size());
            }
        }
        outcome
    }

    /// `bytes` more have been allocated, in a block that has `size` now: no
    /// fewer than were left.
    #[cold]
    fn reach(&self, block: NonNull<u8>, bytes: usize, size: usize) {
        if self.left.get() == 0 {
            self.left.set(wait(self.mean.get(), self.random()));
        }
        let left = self.left.get();
        if bytes < left {
            self.left.set(left.wrapping_sub(bytes));
            return;
        }
        // The process has no memory: what comes after the block is independent
        // of where in it the sample was.
        self.left.set(wait(self.mean.get(), self.random()));
        let mut sample = Sample::EMPTY;
        sample.fill(|frames| os::contain(|| self.capture.capture(frames)));
        if !self.samples.insert(&self.parent, block, size, sample) {
            self.missed.set(self.missed.get().saturating_add(1));
        }
    }

    fn random(&self) -> u64 {
        let (random, state) = next_random(self.random.get());
        self.random.set(state);
        random
    }

    #[inline]
    fn forget(&self, block: NonNull<u8>) {
        if self.mean.get() != 0 && self.samples.live() != 0 {
            // SAFETY: all samples are in memory of this parent.
            unsafe { self.samples.remove(&self.parent, block) };
        }
    }

    /// A block has `new` bytes in place of `old`.
    fn follow(&self, block: NonNull<u8>, old: usize, new: usize) {
        let known = self.samples.find(block);
        let old = known.map_or(old, Cell::get);
        if let Some(size) = known {
            size.set(new);
        }
        if new < old {
            let chance = |size: usize| chance(size as f64 / self.mean.get() as f64);
            if known.is_some() && unit(self.random()) * chance(old) > chance(new) {
                self.forget(block);
            }
            return;
        }
        let (left, more) = (self.left.get(), new.wrapping_sub(old));
        if more < left {
            self.left.set(left.wrapping_sub(more));
        } else if known.is_some() {
            self.left.set(wait(self.mean.get(), self.random()));
        } else {
            self.reach(block, more, new);
        }
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged, so they are valid,
// aligned and disjoint because `A`'s are; what a capture panics with stays in.
unsafe impl<A: Allocate, N: Amount, C: CaptureStack> Allocate for Sampled<A, N, C> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.count(self.parent.allocate(layout), layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.forget(block);
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
        if self.mean.get() != 0 {
            self.follow(block, old.size(), new.size());
        }
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.count(self.parent.allocate_zeroed(layout), layout)
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact. Those of
// the samples are `A`'s too, and nobody can ask about them.
unsafe impl<A: Owns, N: Amount, C: CaptureStack> Owns for Sampled<A, N, C> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

/// Ends every block, and with them the samples.
impl<A: Allocate + Reset, N: Amount, C: CaptureStack> Reset for Sampled<A, N, C> {
    fn reset(&mut self) {
        self.parent.reset();
        self.samples.abandon();
    }
}

impl<A: Allocate + Check, N: Amount, C: CaptureStack> Check for Sampled<A, N, C> {
    fn check(&self) -> Result<(), &'static str> {
        if self.mean.get() == 0 && self.samples.live() != 0 {
            return Err("sampled: samples although it is off");
        }
        self.samples.check()?;
        self.parent.check()
    }
}

impl<A: Allocate, N: Amount, C: CaptureStack> Drop for Sampled<A, N, C> {
    fn drop(&mut self) {
        // SAFETY: all samples are in memory of this parent.
        unsafe { self.samples.clear(&self.parent) };
    }
}

impl<A: Allocate + fmt::Debug, N: Amount, C: CaptureStack> fmt::Debug for Sampled<A, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Sampled");
        shown.field("parent", &self.parent).field("mean", &self.mean).field("live_samples", &self.live_samples());
        shown.finish_non_exhaustive()
    }
}

crate::alloc::bridge!([A: Allocate, N: Amount, C: CaptureStack] Sampled<A, N, C>);
