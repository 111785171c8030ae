//! [`OneAtATime`]: any heap, for all threads, behind one lock.

use std::{alloc::Layout, ptr::NonNull};

use blockwork::{DefaultLock, Lock};

use super::heap::{Heap, Resized};

/// A heap that one thread at a time may call.
#[derive(Debug)]
pub struct OneAtATime<'a, H> {
    heap: &'a H,
    lock: DefaultLock,
}

// SAFETY: the heap is reached only inside the lock, and whoever made this says
// that it may go from thread to thread.
unsafe impl<H> Sync for OneAtATime<'_, H> {}

impl<'a, H: Heap> OneAtATime<'a, H> {
    /// Puts `heap` behind a lock.
    ///
    /// # Safety
    ///
    /// - Nobody else uses the heap, or what it stands on, while another thread does.
    /// - Nothing of it belongs to one thread, such as what is in thread-local storage without a lock.
    pub unsafe fn new(heap: &'a H) -> Self {
        Self { heap, lock: DefaultLock::new() }
    }
}

// SAFETY: the heap's own promises.
unsafe impl<H: Heap> Heap for OneAtATime<'_, H> {
    const KEEPS: bool = H::KEEPS;

    fn align(layout: Layout) -> usize {
        H::align(layout)
    }

    #[inline]
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        self.lock.with(|| self.heap.allocate(layout, zeroed))
    }

    #[inline]
    unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised by the caller.
        self.lock.with(|| unsafe { self.heap.free(block, layout) });
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
        // SAFETY: as promised by the caller.
        self.lock.with(|| unsafe { self.heap.resize(block, old, new) })
    }

    #[inline]
    unsafe fn granted(&self, block: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: as promised by the caller.
        self.lock.with(|| unsafe { self.heap.granted(block, layout) })
    }
}
