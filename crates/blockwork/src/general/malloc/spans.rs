//! [`Spans`]: what all heaps take slabs and large blocks from.
//!
//! ```text
//! allocate ─► pool, in chunks of 32 MiB ─ has none ─► mapped by itself
//! ```
//!
//! Where addresses are limited (`ulimit -v`) no chunk may be left to be had, but
//! what was asked for. As long as nothing was mapped by itself, a free does not
//! ask where the block is from.

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns},
    combine::{decommit::Decommit, locked::Locked},
    os::futex::FutexLock,
    raw::page_map::PAGE,
    source::pages::{PageOptions, Pages},
    strategy::span_pool::{Retain, SpanPool, SpanPoolConfig},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Bytes of free spans that keep their memory.
pub(super) const KEPT: usize = 32 << 20;

/// Thousandths of the live bytes that keep it, if that is more.
const KEPT_SHARE: u16 = 60;

pub(super) const CONFIG: SpanPoolConfig = SpanPoolConfig {
    block: PAGE,
    backing_request: Some(32 << 20),
    retain: Retain::bytes(0..=64 << 20),
    ..SpanPoolConfig::DEFAULT
};

/// The pool that all heaps share.
type Pool = Decommit<SpanPool<Chunks>>;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Spans {
    pool: Locked<Pool, FutexLock>,
    /// Live blocks that were mapped by themselves.
    alone: AtomicUsize,
}

impl Spans {
    #[expect(clippy::panic, reason = "when compiled")]
    pub(super) const fn new() -> Self {
        let Ok(config) = CONFIG.check() else { panic!("a valid configuration") };
        // SAFETY: a pool over pages.
        let pool = unsafe { Decommit::new(SpanPool::new(Chunks, config), KEPT) };
        Self { pool: Locked::with_lock(pool.with_share(KEPT_SHARE), FutexLock::new()), alone: AtomicUsize::new(0) }
    }

    /// Runs `look` on the pool while no other thread uses it.
    pub(super) fn with_pool<R>(&self, look: impl FnOnce(&Pool) -> R) -> R {
        self.pool.with_parent(look)
    }

    /// Keeps every other thread out until the [`release`](Self::release).
    pub(super) fn hold(&self) {
        self.pool.hold();
    }

    /// Ends a [`hold`](Self::hold).
    pub(super) fn release(&self) {
        self.pool.release();
    }

    /// A block mapped by itself: zeroes.
    #[cold]
    fn alone(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = Pages.allocate(self.alone_layout(layout))?;
        // Relaxed: whoever frees the block was told of it, and so of this.
        self.alone.fetch_add(1, Ordering::Relaxed);
        Ok(block)
    }

    /// A request as the pages know it: aligned and granted as in the pool.
    fn alone_layout(&self, layout: Layout) -> Layout {
        Layout::from_size_align(self.granted(layout), layout.align().max(PAGE)).unwrap_or(layout)
    }

    #[inline]
    fn is_alone(&self, block: NonNull<u8>, layout: Layout) -> bool {
        // Relaxed: as in `alone`.
        self.alone.load(Ordering::Relaxed) != 0 && !self.pool.owns(block, layout)
    }
}

// SAFETY: a block is the pool's or a mapping of its own, with the same grant, and
// each is asked whose it is before it goes back; nothing panics.
unsafe impl Allocate for Spans {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.pool.allocate(layout).or_else(|AllocError| self.alone(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if self.is_alone(block, layout) {
            // Relaxed: as in `alone`.
            self.alone.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: not the pool's, so mapped with this layout.
            return unsafe { Pages.deallocate(block, self.alone_layout(layout)) };
        }
        // SAFETY: the caller's promise; the pool's.
        unsafe { self.pool.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.pool.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if self.is_alone(block, old) {
            return if self.granted(old) == self.granted(new) { Ok(()) } else { Err(AllocError) };
        }
        // SAFETY: the caller's promise; the pool's.
        unsafe { self.pool.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.pool.allocate_zeroed(layout).or_else(|AllocError| self.alone(layout))
    }
}

impl Check for Spans {
    fn check(&self) -> Result<(), &'static str> {
        self.pool.check()
    }
}

/// Whether huge pages are asked for.
static HUGE: AtomicBool = AtomicBool::new(false);

/// Pages, which from now on are huge ones where the system has them.
pub(super) fn ask_for_huge_pages(huge: bool) {
    // Relaxed: a wish.
    HUGE.store(huge, Ordering::Relaxed);
}

pub(super) fn asks_for_huge_pages() -> bool {
    // Relaxed: a wish.
    HUGE.load(Ordering::Relaxed)
}

/// Where chunks come from.
#[derive(Debug)]
pub(super) struct Chunks;

// SAFETY: `Pages` with the options of the moment, which frees and resizes blocks
// whatever they were made with; nothing panics.
unsafe impl Allocate for Chunks {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let huge = asks_for_huge_pages();
        Pages::with(PageOptions { huge, ..PageOptions::DEFAULT }).allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: `allocate` asked `Pages` for it, with a layout that fits, says the caller.
        unsafe { Pages.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        Pages.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: `allocate` asked `Pages` for it, with a layout that `old` fits, says the caller.
        unsafe { Pages.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }
}

impl Check for Chunks {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}
