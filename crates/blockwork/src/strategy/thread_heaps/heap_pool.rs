//! [`HeapPool`]: heaps that threads take, leave, and free one another's blocks of.
//!
//! ```text
//! thread ─► PooledHeap ── slab, slab ─┐          free of another's block: by mail,
//! thread ─► PooledHeap ── slab ───────┼─► S      32 at a time, to the slab that it is of
//!           (idle)     ── slab ───────┘
//!            ▲ dropped: the next thread takes it over, with all that is in it
//! ```
//!
//! Each thread takes a [heap](HeapPool::heap) and allocates from it without a lock
//! or an atomic operation. Blocks may be freed through any heap of the pool. A heap
//! that is dropped with live blocks stays in the pool until another thread takes it.
//! The pool itself is an allocator too, for threads that seldom need one: it takes a
//! heap for each call.
//!
//! It is what [`Malloc`](crate::Malloc) is made of. Whoever wants a malloc of another
//! shape chooses the parent, the classes and what is kept, and decides how a thread
//! finds its heap: [`PerThread`](crate::PerThread) is one way.
//!
//! | | |
//! |---|---|
//! | time | a list of free blocks; a compare-exchange for up to 32 blocks freed by another thread; a lock where a heap is taken or left |
//! | space | 64 KiB at a time, 7 KiB for a heap, 128 bytes out of line for each 64 KiB; addresses, not memory: 8.5 MiB, and 8 MiB for every 4 GiB of addresses in use |
//! | sharing | any thread, if the parent is for any; one heap is for one thread at a time |
//! | failure | when the parent or the memory for the books fails; what heaps keep is not asked for first: [`trim`](HeapPool::trim) in an [`OnFailure`](crate::OnFailure) does |
//! | granted | the class; beyond the classes whole 64 KiB |
//! | offers | [`Describe`] |
//!
//! `S` is asked for spans: 64 KiB or a multiple, aligned to as much. `M` is asked for
//! the books, which are large and mostly never touched: [`Pages`](crate::Pages), or
//! whatever gives zeroes for nothing. `C` says which classes there are, and so what is
//! small. A heap keeps up to `KEEP` pages of 64 KiB that are free; everything beyond
//! goes back to `S`, which has its own way to keep and to give back.
//!
//! # When not to use it
//!
//! For one thread a [`Heap`](crate::Heap) has fewer books; for blocks of one size
//! there is the [`ConcurrentBlockPool`](crate::ConcurrentBlockPool).
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use std::thread;
//! use blockwork::{Allocate, FutexLock, HeapPool, Locked, Pages, Pow2, SpanPool, SpanPoolConfig};
//!
//! let config = SpanPoolConfig { block: 64 << 10, ..SpanPoolConfig::DEFAULT };
//! let spans = Locked::with_lock(SpanPool::try_new(Pages, config)?, FutexLock::new());
//! // Powers of two up to 4 KiB; each thread keeps no more than 256 KiB.
//! let pool: HeapPool<_, _, Pow2<16, 4096>, 4> = HeapPool::new(spans, Pages);
//!
//! let layout = Layout::new::<[u64; 9]>();
//! thread::scope(|scope| {
//!     for _ in 0..4 {
//!         scope.spawn(|| {
//!             let heap = pool.heap().unwrap();
//!             for _ in 0..1000 {
//!                 let block = heap.allocate(layout).unwrap();
//!                 // SAFETY: just allocated with this layout.
//!                 unsafe { heap.deallocate(block, layout) };
//!             }
//!         });
//!     }
//! });
//! assert_eq!(pool.granted(layout), 128);
//! # Ok::<(), blockwork::ConfigError>(())
//! ```

use core::{
    alloc::Layout,
    cell::Cell,
    fmt,
    marker::PhantomData,
    ptr::{self, NonNull},
};

use super::{
    Heap, MapOf, Page, Policy, ThreadHeaps, class_of, class_size,
    heap::{CLASSES, SLAB_MAX},
};
use crate::{
    alloc::{AllocError, Allocate, Check, Describe, can_resize, empty},
    math::size_class::{KnownClasses, Pow2, Quad},
    raw::{
        free_list::FreeList,
        page_map::{PAGE, PageMap},
    },
    sync::atomic::{AtomicPtr, Ordering},
};

/// The classes that the slabs of a [`HeapPool`] can have: [`Quad`] and [`Pow2`],
/// as far as they go up to 32 KiB; what is larger is a span.
pub trait SlabClasses: KnownClasses {}

impl<const MAX: usize> SlabClasses for Quad<MAX> where Self: KnownClasses {}
impl<const MIN: usize, const MAX: usize> SlabClasses for Pow2<MIN, MAX> where Self: KnownClasses {}

/// As [`Plain`](super::Plain), with a bound on what is kept.
#[derive(Debug)]
enum Keeping<const PAGES: usize> {}

impl<const PAGES: usize> Policy for Keeping<PAGES> {
    type Record = Page;
    const SPARES: usize = PAGES;
}

/// A map in memory of its own; null until there is a heap.
#[derive(Debug)]
struct OwnMap(AtomicPtr<PageMap<Page>>);

impl OwnMap {
    fn is_there(&self) -> bool {
        // Acquire: whoever finds a map finds it zeroed; pairs with Release in `provide`.
        !self.0.load(Ordering::Acquire).is_null()
    }
}

impl MapOf<Page> for OwnMap {
    #[inline]
    fn get(&self) -> &'static PageMap<Page> {
        // Acquire: as in `is_there`.
        // SAFETY: there once there is a heap, and as long as the pool.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }
}

/// What all heaps of the pool share; see the [module](self).
pub struct HeapPool<S: Allocate, M: Allocate, C: SlabClasses = Quad<SLAB_MAX>, const KEEP: usize = 16> {
    core: ThreadHeaps<S, M, Keeping<KEEP>, OwnMap>,
    /// The last heap that was made; its annex is the one before, or itself.
    made: AtomicPtr<Heap>,
    classes: PhantomData<C>,
}

impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> HeapPool<S, M, C, KEEP> {
    /// Heaps whose spans are from `parent`, and their books from `books`; nothing is
    /// taken until the first one.
    pub const fn new(parent: S, books: M) -> Self {
        Self {
            core: ThreadHeaps::new(OwnMap(AtomicPtr::new(ptr::null_mut())), parent, books),
            made: AtomicPtr::new(ptr::null_mut()),
            classes: PhantomData,
        }
    }

    /// Where the spans come from.
    pub const fn parent(&self) -> &S {
        &self.core.spans
    }

    /// A heap for this thread: one that another has left, or else a new one.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory for it.
    pub fn heap(&self) -> Result<PooledHeap<'_, S, M, C, KEEP>, AllocError> {
        Ok(PooledHeap { pool: self, heap: self.enter()?, alone: PhantomData })
    }

    /// Heaps that were ever made, and those of them that nobody has.
    pub fn heaps(&self) -> (usize, usize) {
        self.core.heaps()
    }

    /// Gives back what only idle heaps keep, and what was freed in them since they were
    /// left; what the others keep, [`PooledHeap::trim`] gives back.
    pub fn trim(&self) {
        self.core.give_back_idle();
    }

    pub(super) fn enter(&self) -> Result<&'static Heap, AllocError> {
        if !self.core.map.is_there() {
            self.provide()?;
        }
        let heap = self.core.enter()?;
        if heap.annex().is_null() {
            // Relaxed: only a drop follows the chain, and has the pool to itself.
            let mut before = self.made.load(Ordering::Relaxed);
            loop {
                heap.set_annex(NonNull::new(before).map_or(NonNull::from(heap).cast(), NonNull::cast));
                let this = ptr::from_ref(heap).cast_mut();
                // Relaxed: as above.
                match self.made.compare_exchange(before, this, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(now) => before = now,
                }
            }
        }
        Ok(heap)
    }

    pub(super) fn leave(&self, heap: &'static Heap) {
        self.core.idle.push(heap);
    }

    pub(super) fn tidy(&self, heap: &'static Heap) {
        self.core.tidy(heap);
    }

    /// Allocates the map.
    #[cold]
    fn provide(&self) -> Result<(), AllocError> {
        let layout = Layout::new::<PageMap<Page>>();
        let memory = self.core.books.allocate_zeroed(layout)?;
        let map = memory.cast::<PageMap<Page>>().as_ptr();
        // Release: publishes the zeroes; pairs with Acquire in `OwnMap`. Relaxed: who
        // was slower looks again.
        if self.core.map.0.compare_exchange(ptr::null_mut(), map, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: allocated above, and not taken.
            unsafe { self.core.books.deallocate(memory, layout) }
        }
        Ok(())
    }

    /// The class for `layout`; none if it is not small.
    #[inline]
    fn class(layout: Layout) -> Option<usize> {
        let size = C::TABLE.round(layout)?;
        class_of(Layout::from_size_align(size, layout.align()).ok()?)
    }

    /// A request as the parent knows it: whole pages of the map.
    fn inner(layout: Layout) -> Result<Layout, AllocError> {
        let size = layout.size().checked_next_multiple_of(PAGE).ok_or(AllocError)?;
        Layout::from_size_align(size, layout.align().max(PAGE)).map_err(|_| AllocError)
    }

    #[inline]
    pub(super) fn allocate_in(&self, heap: &'static Heap, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match Self::class(layout) {
            Some(class) => match heap.list(class).and_then(FreeList::pop) {
                Some(block) => Ok(block),
                None => self.core.refill(heap, class),
            },
            None => self.span_in(heap, layout, false),
        }
    }

    pub(super) fn allocate_zeroed_in(&self, heap: &'static Heap, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let Some(class) = Self::class(layout) else { return self.span_in(heap, layout, true) };
        let block = self.allocate_in(heap, layout)?;
        // SAFETY: a fresh block is valid for writes of its class.
        unsafe { block.write_bytes(0, class_size(class)) }
        Ok(block)
    }

    /// A block that no slab has, entered into the map.
    #[cold]
    fn span_in(&self, heap: &'static Heap, layout: Layout, zeroed: bool) -> Result<NonNull<u8>, AllocError> {
        let inner = Self::inner(layout)?;
        let span = match self.core.kept_span(heap, inner.size(), inner.align()) {
            Some(span) => {
                if zeroed {
                    // SAFETY: nobody's, and as long.
                    unsafe { span.write_bytes(0, inner.size()) }
                }
                span
            }
            None => {
                let spans = &self.core.spans;
                let span = if zeroed { spans.allocate_zeroed(inner) } else { spans.allocate(inner) }?;
                if self.core.cover(span).is_err() {
                    // SAFETY: just allocated with this layout.
                    unsafe { spans.deallocate(span, inner) }
                    return Err(AllocError);
                }
                span
            }
        };
        let page = Page::of(self.core.map.get(), span.addr().get());
        page.set_align(inner.align());
        page.set_extent(span, inner.size());
        Ok(span)
    }

    /// # Safety
    ///
    /// - `block` is live, of this pool, and `heap` is this thread's.
    #[inline]
    pub(super) unsafe fn deallocate_in(&self, heap: &'static Heap, block: NonNull<u8>) {
        let page = Page::of(self.core.map.get(), block.addr().get());
        let owner = page.owner();
        if ptr::eq(owner, heap) {
            // SAFETY: a live block of a slab of this thread's heap.
            if unsafe { page.free(block) } {
                self.core.see_to(heap, page);
            }
        } else if owner.is_null() {
            let (len, _) = page.extent();
            let Ok(layout) = Layout::from_size_align(len, page.align()) else { return };
            page.set_extent(block, 0);
            if layout.align() > PAGE {
                // SAFETY: as it was allocated.
                unsafe { self.core.spans.deallocate(block, layout) }
            } else {
                // SAFETY: as it was allocated, on a page that was written about.
                unsafe { self.core.give_span(heap, block, layout) }
            }
        } else {
            // SAFETY: a live block of another heap's slab.
            unsafe { self.core.free_far(Some(heap), page, block) }
        }
    }

    /// Runs `with` with a heap that nobody else has meanwhile.
    fn borrowed<R>(&self, with: impl FnOnce(&'static Heap) -> R) -> Result<R, AllocError> {
        let heap = self.enter()?;
        let outcome = with(heap);
        heap.outbox().send_all();
        self.leave(heap);
        Ok(outcome)
    }
}

// SAFETY: blocks of slabs are disjoint, at multiples of their class's size from the
// page's start, and their own until freed; others are the parent's. A block leads
// to its page's record, which says whose it is. A grant is the class, or whole
// pages, which the parent is asked for. Nothing panics.
unsafe impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Allocate for HeapPool<S, M, C, KEEP> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        self.borrowed(|heap| self.allocate_in(heap, layout))?
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        // SAFETY: not empty, so live and from this pool, says the caller; the heap is borrowed.
        let freed = self.borrowed(|heap| unsafe { self.deallocate_in(heap, block) });
        if freed.is_ok() {
            return;
        }
        // Without memory for a heap: as if this thread had none.
        let page = Page::of(self.core.map.get(), block.addr().get());
        if page.owner().is_null() {
            page.set_extent(block, 0);
            if let Ok(inner) = Self::inner(layout) {
                // SAFETY: as it was allocated.
                unsafe { self.core.spans.deallocate(block, inner) }
            }
        } else {
            // SAFETY: a live block of a slab.
            unsafe { self.core.free_far(None, page, block) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        match Self::class(layout) {
            _ if layout.size() == 0 => 0,
            Some(class) => class_size(class),
            None => Self::inner(layout).map_or(layout.size(), |inner| inner.size()),
        }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        if self.granted(old) == self.granted(new) {
            return Ok(());
        }
        if Self::class(old).is_some() || Self::class(new).is_some() {
            return Err(AllocError);
        }
        let (old, new) = (Self::inner(old)?, Self::inner(new)?);
        // SAFETY: the caller's promise; a block of the parent, as it was asked for.
        unsafe { self.core.spans.resize(block, old, new)? }
        Page::of(self.core.map.get(), block.addr().get()).set_extent(block, new.size());
        Ok(())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        self.borrowed(|heap| self.allocate_zeroed_in(heap, layout))?
    }
}

// SAFETY: the page's record says what its blocks are, and is zero where none are.
unsafe impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Describe for HeapPool<S, M, C, KEEP> {
    fn describe(&self, address: NonNull<u8>) -> Option<Layout> {
        if !self.core.map.is_there() {
            return None;
        }
        let page = Page::of(self.core.map.get(), address.addr().get());
        if page.owner().is_null() {
            let (len, base) = page.extent();
            let begins = len != 0 && ptr::eq(base, address.as_ptr());
            return Layout::from_size_align(len, page.align()).ok().filter(|_| begins);
        }
        let size = page.block_size();
        Layout::from_size_align(size, 1 << size.trailing_zeros().min(SLAB_MAX.trailing_zeros())).ok()
    }
}

impl<S: Allocate + Check, M: Allocate, C: SlabClasses, const KEEP: usize> Check for HeapPool<S, M, C, KEEP> {
    fn check(&self) -> Result<(), &'static str> {
        let mut heap = NonNull::new(self.made());
        while let Some(this) = heap {
            // SAFETY: heaps stay as long as the pool.
            let this = unsafe { this.as_ref() };
            for class in 0..CLASSES {
                let Some(queue) = this.queue(class) else { continue };
                let mut next = queue.first();
                while let Some(page) = next {
                    // SAFETY: in the queue.
                    next = unsafe { queue.after(page) };
                    // SAFETY: records stay as long as the pool.
                    let page = unsafe { page.as_ref() };
                    if !ptr::eq(page.owner(), this) || page.class() != class {
                        return Err("heap pool: a slab is in another's queue");
                    }
                    if page.used() > page.capacity() {
                        return Err("heap pool: more blocks in use than a slab has");
                    }
                }
            }
            heap = before(this);
        }
        self.core.spans.check()
    }
}

impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> HeapPool<S, M, C, KEEP> {
    fn made(&self) -> *mut Heap {
        // Relaxed: as in `enter`.
        self.made.load(Ordering::Relaxed)
    }
}

/// The heap that was made before `heap`.
fn before(heap: &Heap) -> Option<NonNull<Heap>> {
    NonNull::new(heap.annex()).map(NonNull::cast).filter(|before| !ptr::eq(before.as_ptr(), heap))
}

/// Gives everything back, live blocks included.
impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Drop for HeapPool<S, M, C, KEEP> {
    fn drop(&mut self) {
        if !self.core.map.is_there() {
            return;
        }
        let mut heap = NonNull::new(self.made());
        while let Some(this) = heap {
            // SAFETY: freed below, and by nobody else.
            let kept = unsafe { this.as_ref() };
            self.core.shed(kept, 0);
            heap = before(kept);
            // SAFETY: from there with this layout; heaps that nobody has dropped cannot
            // be used any more, as they borrow the pool.
            unsafe { self.core.books.deallocate(this.cast(), Layout::new::<Heap>()) }
        }
        let map = self.core.map.get();
        map.for_each(|page| {
            // SAFETY: a record, zero at first.
            let page = unsafe { page.as_ref() };
            let (len, base) = page.extent();
            let align = if page.owner().is_null() { page.align() } else { PAGE };
            if let Some(base) = NonNull::new(base).filter(|_| len != 0)
                && let Ok(layout) = Layout::from_size_align(len, align)
            {
                // SAFETY: a span as it was allocated, whose blocks end here.
                unsafe { self.core.spans.deallocate(base, layout) }
            }
        });
        for leaf in map.take_leaves() {
            // SAFETY: from there with this layout, and nobody looks at it any more.
            unsafe { self.core.books.deallocate(leaf, PageMap::<Page>::leaf()) }
        }
        // SAFETY: asked of the books with this layout, and nobody looks at it any more.
        unsafe { self.core.books.deallocate(NonNull::from(map).cast(), Layout::new::<PageMap<Page>>()) }
    }
}

impl<S: Allocate + fmt::Debug, M: Allocate, C: SlabClasses, const KEEP: usize> fmt::Debug for HeapPool<S, M, C, KEEP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapPool")
            .field("parent", &self.core.spans)
            .field("heaps", &self.heaps())
            .finish_non_exhaustive()
    }
}

crate::alloc::bridge!([S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize] HeapPool<S, M, C, KEEP>);

/// A heap of a [`HeapPool`], as long as one has it; see the [module](self).
///
/// It may be given to another thread, but not shared. Dropped, it goes back to the
/// pool with the blocks that are live in it.
pub struct PooledHeap<'a, S: Allocate, M: Allocate, C: SlabClasses = Quad<SLAB_MAX>, const KEEP: usize = 16> {
    pool: &'a HeapPool<S, M, C, KEEP>,
    heap: &'static Heap,
    /// One thread at a time.
    alone: PhantomData<Cell<()>>,
}

impl<'a, S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> PooledHeap<'a, S, M, C, KEEP> {
    /// The pool that the heap is of, through which its blocks may be freed, too.
    #[must_use]
    pub const fn pool(&self) -> &'a HeapPool<S, M, C, KEEP> {
        self.pool
    }

    /// Gives back all that it only keeps for later, and sends home what it has of
    /// others' blocks.
    pub fn trim(&self) {
        self.pool.core.tidy(self.heap);
    }
}

// SAFETY: blocks are the pool's; which of its heaps frees them is all the same.
unsafe impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Allocate for PooledHeap<'_, S, M, C, KEEP> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        self.pool.allocate_in(self.heap, layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller's promise; the heap is this thread's.
            unsafe { self.pool.deallocate_in(self.heap, block) }
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
        self.pool.allocate_zeroed_in(self.heap, layout)
    }
}

// SAFETY: blocks are the pool's.
unsafe impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Describe for PooledHeap<'_, S, M, C, KEEP> {
    fn describe(&self, address: NonNull<u8>) -> Option<Layout> {
        self.pool.describe(address)
    }
}

impl<S: Allocate + Check, M: Allocate, C: SlabClasses, const KEEP: usize> Check for PooledHeap<'_, S, M, C, KEEP> {
    fn check(&self) -> Result<(), &'static str> {
        self.pool.check()
    }
}

/// Leaves the heap to the next thread, and what it has of others' blocks to them.
impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> Drop for PooledHeap<'_, S, M, C, KEEP> {
    fn drop(&mut self) {
        self.pool.core.leave(self.heap);
    }
}

impl<S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize> fmt::Debug for PooledHeap<'_, S, M, C, KEEP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledHeap").finish_non_exhaustive()
    }
}

crate::alloc::bridge!([S: Allocate, M: Allocate, C: SlabClasses, const KEEP: usize] PooledHeap<'_, S, M, C, KEEP>);
