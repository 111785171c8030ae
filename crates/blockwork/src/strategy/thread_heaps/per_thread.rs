//! [`PerThread`]: a [`HeapPool`] that knows which heap is whose.
//!
//! ```text
//! allocate ─► key of the system ─► heap of this thread ─► slab
//!                   └─ none yet ─► one of the pool, from now on this thread's, until it ends
//! ```
//!
//! | | |
//! |---|---|
//! | time | that of a [`PooledHeap`](crate::PooledHeap), and a call of `pthread_getspecific` |
//! | space | that of the pool, and one of the 1,024 keys that a process has |
//! | sharing | any thread |
//! | failure | when the parent or the memory for the books fails |
//! | granted | the class; beyond the classes whole 64 KiB |
//! | offers | [`Describe`] |
//!
//! A thread that ends leaves its heap to the next one. While there is no key to be had,
//! each call takes a heap of the pool and puts it back.
//!
//! When not to use it: where the whole program allocates from it all the time,
//! [`Malloc`](crate::Malloc) finds its heap in two instructions. Where threads can
//! be handed their heap, they need no key. And a process with threads that forks:
//! nothing sees to it that the child finds the locks of the pool and of its parent
//! free.
//!
//! # Example
//!
//! A malloc of one's own: `examples/own_malloc.rs` is the same with statistics.
//!
//! ```
//! use blockwork::{Decommit, FutexLock, HeapPool, Locked, Pages, PerThread, Quad, SpanPool, SpanPoolConfig};
//!
//! type Spans = Locked<Decommit<SpanPool<Pages>>, FutexLock>;
//!
//! const CONFIG: SpanPoolConfig = SpanPoolConfig { block: 64 << 10, ..SpanPoolConfig::DEFAULT };
//!
//! // Classes up to 8 KiB; a thread keeps 128 KiB, and all of them together 1 MiB.
//! #[global_allocator]
//! static HEAP: PerThread<Spans, Pages, Quad<8192>, 2> = {
//!     let Ok(config) = CONFIG.check() else { panic!("a valid configuration") };
//!     // SAFETY: a pool over pages.
//!     let spans = unsafe { Decommit::new(SpanPool::new(Pages, config), 1 << 20) };
//!     // SAFETY: a static.
//!     unsafe { PerThread::new(HeapPool::new(Locked::with_lock(spans, FutexLock::new()), Pages)) }
//! };
//!
//! let threads = [1, 2, 3].map(|n| std::thread::spawn(move || vec![n; 1000]));
//! let sum: i32 = threads.into_iter().flat_map(|thread| thread.join().unwrap()).sum();
//! assert_eq!(sum, 6000);
//! ```

use core::{alloc::Layout, ffi::c_void, fmt, ptr, ptr::NonNull};

use super::{
    Heap,
    heap::SLAB_MAX,
    heap_pool::{HeapPool, SlabClasses},
};
use crate::{
    alloc::{AllocError, Allocate, Check, Describe, empty},
    math::size_class::Quad,
    os::thread::AtExit,
    sync::atomic::{AtomicBool, Ordering},
};

/// Finds the heap of each thread; see the [module](self).
pub struct PerThread<S: Allocate, M: Allocate, C: SlabClasses = Quad<SLAB_MAX>, const KEEP: usize = 16> {
    pool: HeapPool<S, M, C, KEEP>,
    exit: AtExit,
    /// Whether someone has asked to be told of exits.
    watched: AtomicBool,
}

impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> PerThread<S, M, C, KEEP> {
    /// A heap of `pool` for each thread.
    ///
    /// # Safety
    ///
    /// - Once it is used it stays where it is, and no thread that used it ends after
    ///   it: a `static` does both.
    pub const unsafe fn new(pool: HeapPool<S, M, C, KEEP>) -> Self {
        Self { pool, exit: AtExit::new(), watched: AtomicBool::new(false) }
    }

    /// The pool of all heaps.
    pub const fn pool(&self) -> &HeapPool<S, M, C, KEEP> {
        &self.pool
    }

    /// Gives back what this thread's heap and those without a thread only keep.
    pub fn trim(&self) {
        if let Some(heap) = self.own() {
            self.pool.tidy(heap);
        }
        self.pool.trim();
    }

    /// The heap of this thread, if it has one.
    #[inline]
    fn own(&self) -> Option<&'static Heap> {
        let heap = NonNull::new(self.exit.watched())?.cast::<Heap>();
        // SAFETY: what `enter` has put there; heaps stay as long as the pool.
        Some(unsafe { heap.as_ref() })
    }

    /// The heap of this thread, which from now on has one; none without a key.
    #[cold]
    fn enter(&self) -> Result<Option<&'static Heap>, AllocError> {
        // Relaxed: who is second goes without until there is a key.
        if !self.watched.swap(true, Ordering::Relaxed) {
            self.exit.create(Self::leave);
        }
        if !self.exit.can_watch() {
            return Ok(None);
        }
        let heap = self.pool.enter()?;
        heap.set_home(ptr::from_ref(self).cast());
        if !self.exit.watch(ptr::from_ref(heap).cast()) {
            self.pool.leave(heap);
            return Ok(None);
        }
        Ok(Some(heap))
    }

    /// Called at the end of a thread that has the heap `heap`.
    unsafe extern "C" fn leave(heap: *mut c_void) {
        // SAFETY: what `watch` was given.
        let heap = unsafe { &*heap.cast::<Heap>() };
        // SAFETY: this, as it was set before; it has not ended, says whoever made it.
        let this = unsafe { &*heap.home().cast::<Self>() };
        this.pool.tidy(heap);
        this.pool.leave(heap);
    }

    #[inline]
    fn heap(&self) -> Result<Option<&'static Heap>, AllocError> {
        match self.own() {
            Some(heap) => Ok(Some(heap)),
            None => self.enter(),
        }
    }
}

// SAFETY: blocks are the pool's; which of its heaps they are from and go to is all
// the same.
unsafe impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Allocate for PerThread<S, M, C, KEEP> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.heap()? {
            Some(heap) => self.pool.allocate_in(heap, layout),
            None => self.pool.allocate(layout),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        match self.heap() {
            // SAFETY: the caller's promise; the heap is this thread's.
            Ok(Some(heap)) => unsafe { self.pool.deallocate_in(heap, block) },
            // SAFETY: live, and from the pool with a layout that fits, says the caller.
            _ => unsafe { self.pool.deallocate(block, layout) },
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.pool.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: live, from here, so from the pool, with `old`, says the caller.
        unsafe { self.pool.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.heap()? {
            Some(heap) => self.pool.allocate_zeroed_in(heap, layout),
            None => self.pool.allocate_zeroed(layout),
        }
    }
}

// SAFETY: blocks are the pool's.
unsafe impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Describe for PerThread<S, M, C, KEEP> {
    fn describe(&self, address: NonNull<u8>) -> Option<Layout> {
        self.pool.describe(address)
    }
}

impl<S: Allocate + Check, M: Allocate, C: SlabClasses, const KEEP: usize> Check for PerThread<S, M, C, KEEP> {
    fn check(&self) -> Result<(), &'static str> {
        self.pool.check()
    }
}

impl<S: Allocate + fmt::Debug, M: Allocate, C: SlabClasses, const KEEP: usize> fmt::Debug for PerThread<S, M, C, KEEP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerThread").field("pool", &self.pool).finish_non_exhaustive()
    }
}

crate::alloc::bridge!([S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize] PerThread<S, M, C, KEEP>);
