//! The parent that counts: the program's global allocator, which peers use too.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use blockwork::{AllocError, Allocate};

/// The system's allocator, which counts while it is asked to. Elsewhere in the suite it is not: one
/// branch, and only for who asks the global allocator.
struct Counting;

#[global_allocator]
static GLOBAL: Counting = Counting;

static IS_ON: AtomicBool = AtomicBool::new(false);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator, whatever is counted.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { std::alloc::System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { std::alloc::System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size().wrapping_neg());
        // SAFETY: the caller's promise.
        unsafe { std::alloc::System.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { std::alloc::System.realloc(block, layout, size) }
    }
}

#[inline]
fn count(bytes: usize) {
    if IS_ON.load(Ordering::Relaxed) {
        TAKEN.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Bytes that `work` took and did not give back.
pub(super) fn taken<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = TAKEN.load(Ordering::Relaxed);
    IS_ON.store(true, Ordering::Relaxed);
    let outcome = work();
    IS_ON.store(false, Ordering::Relaxed);
    (outcome, TAKEN.load(Ordering::Relaxed).wrapping_sub(before))
}

/// The same allocator as a parent of our parts.
#[derive(Clone, Copy)]
pub(super) struct Parent;

// SAFETY: a global allocator keeps the same contract; no part asks for nothing.
unsafe impl Allocate for Parent {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        assert_ne!(layout.size(), 0, "parts that take memory take some");
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { GLOBAL.alloc(layout) }).ok_or(AllocError)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: allocated above with this layout, as sizes are granted as asked.
        unsafe { GLOBAL.dealloc(block.as_ptr(), layout) };
    }
}
