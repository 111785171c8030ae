//! `ThreadHeaps`: a heap of size-class slabs for each thread, over shared spans.
//!
//! ```text
//! thread ─► Heap ── slab, slab, slab ─┐
//! thread ─► Heap ── slab, slab ───────┼─► spans, shared: 64 KiB each
//!           Heap ── slab ─────────────┘
//!           ▲ of a thread that has ended: the next one takes it over
//! ```
//!
//! A block goes back to the slab that it is from, whichever thread frees it: its
//! own heap takes it at once, another's gets it by mail (`counted_mail`), in
//! parcels (`outbox`). A slab never changes its owner, and a heap is never
//! freed; so nobody has to look twice.

use core::{alloc::Layout, cell::Cell, marker::PhantomData, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate},
    os::futex::FutexLock,
    raw::page_map::{PAGE, PageMap},
    sync::{
        Lock,
        atomic::{AtomicUsize, Ordering},
    },
};

mod heap;
pub mod heap_pool;
mod outbox;
mod page;
pub mod per_thread;
mod policy;
mod spares;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;
pub(crate) mod ward;

use self::page::Due;
pub(crate) use self::{
    heap::{CLASSES, Heap, LISTED_MAX, SLAB_MAX, class_of, class_size},
    page::{Page, Record},
    policy::{Plain, Policy},
};

/// Every so many refills, what is gathered for other heaps is sent.
const SEND_EVERY: u32 = 32;

/// Every so many refills, it is time to look at the clock.
const LOOK_EVERY: u32 = 16;

/// Slabs that are looked through for holes in a round, at most.
const LOOKS_A_ROUND: u32 = 2048;

/// Which slabs are looked through for holes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Those that nobody has used since the last round.
    ForARound,
    /// All.
    Any,
}

/// The span that is a slab.
const SLAB: Layout = match Layout::from_size_align(PAGE, PAGE) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<()>(),
};

/// What all heaps share; see the [module](self).
///
/// `S` gives spans, `M` memory for heaps and the map, which never goes back; `P`
/// is what is done beyond what has to be done, and `K` where the map is.
#[derive(Debug)]
pub(crate) struct ThreadHeaps<S, M, P: Policy = Plain, K = &'static PageMap<<P as Policy>::Record>> {
    map: K,
    spans: S,
    books: M,
    /// Heaps that were ever made.
    made: AtomicUsize,
    /// Heaps without a thread.
    idle: Idle,
    policy: PhantomData<fn() -> P>,
}

/// Where a map of pages is.
pub(crate) trait MapOf<R> {
    /// The map, which there is once there is a heap.
    fn get(&self) -> &'static PageMap<R>;
}

impl<R> MapOf<R> for &'static PageMap<R> {
    #[inline(always)]
    fn get(&self) -> &'static PageMap<R> {
        self
    }
}

#[derive(Debug)]
struct Idle {
    lock: FutexLock,
    first: Cell<Option<&'static Heap>>,
}

// SAFETY: the cell is only touched inside the lock.
unsafe impl Sync for Idle {}

impl Idle {
    fn push(&self, heap: &'static Heap) {
        self.lock.with(|| heap.next.set(self.first.replace(Some(heap))));
    }

    fn count(&self) -> usize {
        self.lock.with(|| core::iter::successors(self.first.get(), |heap| heap.next.get()).count())
    }

    fn pop(&self) -> Option<&'static Heap> {
        self.lock.with(|| {
            let heap = self.first.get()?;
            self.first.set(heap.next.take());
            Some(heap)
        })
    }
}

impl<S, M, P: Policy, K> ThreadHeaps<S, M, P, K> {
    pub(crate) const fn new(map: K, spans: S, books: M) -> Self {
        Self {
            map,
            spans,
            books,
            made: AtomicUsize::new(0),
            idle: Idle { lock: FutexLock::new(), first: Cell::new(None) },
            policy: PhantomData,
        }
    }
}

impl<S: Allocate, M: Allocate, P: Policy, K: MapOf<P::Record>> ThreadHeaps<S, M, P, K> {
    /// Lets no thread come or go until the [`release`](Self::release).
    pub(crate) fn hold(&self) {
        self.idle.lock.acquire();
    }

    /// Ends a [`hold`](Self::hold).
    pub(crate) fn release(&self) {
        self.idle.lock.release();
    }

    /// A heap for a thread that has none.
    pub(crate) fn enter(&self) -> Result<&'static Heap, AllocError> {
        if let Some(heap) = self.idle.pop() {
            return Ok(heap);
        }
        let memory = self.books.allocate(Layout::new::<Heap>())?.cast::<Heap>();
        // Relaxed: statistics.
        self.made.fetch_add(1, Ordering::Relaxed);
        // SAFETY: just allocated for a heap.
        unsafe { memory.write(const { Heap::with_least(P::LEAST) }) }
        // SAFETY: written, and never freed.
        Ok(unsafe { memory.as_ref() })
    }

    /// Takes the heap of a thread that ends, which does not use it again.
    pub(crate) fn leave(&self, heap: &'static Heap) {
        self.tidy(heap);
        self.idle.push(heap);
    }

    /// Gives up everything that `heap`, of this thread, only keeps for later.
    pub(crate) fn tidy(&self, heap: &'static Heap) {
        heap.outbox().send_all();
        self.collect(heap);
        for class in 0..CLASSES {
            self.put_down(heap, class);
            let Some(queue) = heap.queue(class) else { continue };
            let mut next = queue.first();
            while let Some(page) = next {
                // SAFETY: in the queue.
                next = unsafe { queue.after(page) };
                // SAFETY: records stay.
                let page = unsafe { page.as_ref() };
                page.tell();
                if page.used() == 0 {
                    self.retire(heap, page);
                }
            }
        }
        self.shed(heap, 0);
    }

    /// The same, and takes the memory from what is free in slabs that are not; the
    /// bytes of that.
    pub(crate) fn give_back(&self, heap: &'static Heap) -> usize {
        self.tidy(heap);
        self.open_holes(heap, Rest::Any)
    }

    /// The same for heaps without threads, once their mail is taken.
    pub(crate) fn give_back_idle(&self) -> usize {
        let (mut seen, mut bytes) = (None, 0_usize);
        while let Some(heap) = self.idle.pop() {
            bytes = bytes.saturating_add(self.give_back(heap));
            heap.next.set(seen.replace(heap));
        }
        while let Some(heap) = seen {
            seen = heap.next.take();
            self.idle.push(heap);
        }
        bytes
    }

    /// Heaps, and those of them without a thread.
    pub(crate) fn heaps(&self) -> (usize, usize) {
        // Relaxed: statistics.
        (self.made.load(Ordering::Relaxed), self.idle.count())
    }

    /// Whether `heap`, of this thread, has been refilled so often since the last
    /// time that someone should look at the clock.
    #[inline]
    pub(crate) fn is_time_to_look(&self, heap: &Heap) -> bool {
        heap.refills.get().is_multiple_of(LOOK_EVERY)
    }

    /// Gives up half of the free pages that `heap`, of this thread, keeps, if this
    /// is another round than the last time.
    pub(crate) fn end_round(&self, heap: &Heap, round: u32) {
        if heap.round.replace(round) != round {
            self.shed(heap, heap.spares.pages() / 2);
            self.open_holes(heap, Rest::ForARound);
        }
    }

    /// Takes the memory from what is free in the queued slabs of `heap`, of this
    /// thread; the bytes that went.
    fn open_holes(&self, heap: &Heap, rest: Rest) -> usize {
        let (mut bytes, mut looks) = (0_usize, 0_u32);
        if !P::opens_holes() {
            return bytes;
        }
        for class in 0..CLASSES {
            let Some(queue) = heap.queue(class) else { continue };
            let mut next = queue.first();
            while let Some(link) = next {
                // SAFETY: in the queue.
                next = unsafe { queue.after(link) };
                // SAFETY: records stay.
                let page = unsafe { link.as_ref() };
                if !page.has_blocks() || (rest == Rest::ForARound && !page.has_rested()) {
                    continue;
                }
                // SAFETY: strips in which everything is free.
                bytes = bytes.saturating_add(page.open_holes(|strips| unsafe { P::decommit(strips) }));
                looks = looks.wrapping_add(1);
                if rest == Rest::ForARound && looks >= LOOKS_A_ROUND {
                    return bytes;
                }
            }
        }
        bytes
    }

    /// A block of `class`, which `heap`, of this thread, has none of in hand.
    #[cold]
    #[inline(never)]
    pub(crate) fn refill(&self, heap: &'static Heap, class: usize) -> Result<NonNull<u8>, AllocError> {
        self.collect(heap);
        heap.refills.set(heap.refills.get().wrapping_add(1));
        if heap.refills.get().is_multiple_of(SEND_EVERY) {
            heap.outbox().send_all();
        }
        let list = heap.list(class).ok_or(AllocError)?;
        let page = self.page_with_blocks(heap, class)?;
        let record = self.record(page);
        page.take_all(list, |numbers, list| P::make(record, numbers, list));
        if !page.has_room() {
            // SAFETY: queued, and with it all its free blocks gone.
            unsafe { heap.queue(class).ok_or(AllocError)?.remove(NonNull::from(page)) }
            page.detach();
        }
        list.pop().ok_or(AllocError)
    }

    /// The first queued slab of `class` that has blocks, else one that has room.
    fn page_with_blocks(&self, heap: &'static Heap, class: usize) -> Result<&'static Page, AllocError> {
        let queue = heap.queue(class).ok_or(AllocError)?;
        let Some(first) = queue.first() else { return self.begin(heap, class) };
        // SAFETY: records stay.
        let page = unsafe { first.as_ref() };
        if page.has_blocks() || queue.is_only(first) {
            return Ok(page);
        }
        // Only one slab of a class has room; it waits until no other has blocks.
        // SAFETY: the first of the queue.
        unsafe { queue.remove(first) }
        // SAFETY: just left its queue.
        unsafe { queue.push(first) }
        // SAFETY: records stay.
        queue.first().map(|page| unsafe { page.as_ref() }).ok_or(AllocError)
    }

    /// A new slab of `class`, queued.
    fn begin(&self, heap: &'static Heap, class: usize) -> Result<&'static Page, AllocError> {
        let base = match self.kept_span(heap, SLAB.size(), SLAB.align()) {
            Some(base) => base,
            None => self.span(SLAB)?,
        };
        let record = P::Record::of(self.map.get(), base.addr().get());
        let page = record.page();
        page.begin(heap, base, class, class_size(class));
        P::began(record);
        // SAFETY: new, so in no queue.
        unsafe { heap.queue(class).ok_or(AllocError)?.push(NonNull::from(page)) }
        Ok(page)
    }

    /// A span of `size` bytes, whatever it holds, that `heap`, of this thread, has kept.
    #[inline]
    pub(crate) fn kept_span(&self, heap: &Heap, size: usize, align: usize) -> Option<NonNull<u8>> {
        heap.spares.take(size, align, |span| P::vet_spare(self.map.get(), span))
    }

    /// Takes back a span, which `heap`, of this thread, keeps if it is short.
    ///
    /// # Safety
    ///
    /// - `span` is from [`spans`](Self::new) or was kept, for `layout`, is given up,
    ///   and its first page may be written about.
    #[inline]
    pub(crate) unsafe fn give_span(&self, heap: &Heap, span: NonNull<u8>, layout: Layout) {
        // SAFETY: from the spans for this layout, given up, and its page known, says the caller.
        if unsafe { !heap.spares.keep(span, layout) } {
            // SAFETY: from the spans for this layout, and it was not kept.
            unsafe { self.give_up(span, layout) }
        } else if heap.spares.pages() > P::SPARES {
            self.shed(heap, P::SPARES / 2);
        }
    }

    /// Frees a span that is not kept.
    ///
    /// # Safety
    ///
    /// - As for [`Allocate::deallocate`] of the spans.
    #[inline(never)]
    unsafe fn give_up(&self, span: NonNull<u8>, layout: Layout) {
        // SAFETY: from the spans with this layout, and given up, says the caller.
        unsafe { self.spans.deallocate(span, layout) }
    }

    /// Gives up spans that `heap` has kept, but for `keep` pages.
    #[cold]
    #[inline(never)]
    fn shed(&self, heap: &Heap, keep: usize) {
        for (span, layout) in heap.spares.shed(keep, |span| P::vet_spare(self.map.get(), span)) {
            // SAFETY: allocated for as many pages, and nobody's.
            unsafe { self.spans.deallocate(span, layout) }
        }
    }

    /// A new span for `layout`, whose first page may be written about.
    fn span(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let span = self.spans.allocate(layout)?;
        if self.cover(span).is_err() {
            // SAFETY: just allocated with this layout.
            unsafe { self.spans.deallocate(span, layout) }
            return Err(AllocError);
        }
        Ok(span)
    }

    /// Sees to it that the page at `address` may be written about.
    pub(crate) fn cover(&self, address: NonNull<u8>) -> Result<(), AllocError> {
        let address = address.addr().get();
        if self.map.get().covers(address) {
            return Ok(());
        }
        let leaf = self.books.allocate_zeroed(PageMap::<P::Record>::leaf())?;
        // SAFETY: zeroed, of that layout, and given back only if not taken.
        if unsafe { !self.map.get().add(address, leaf) } {
            // SAFETY: allocated above, and not taken.
            unsafe { self.books.deallocate(leaf, PageMap::<P::Record>::leaf()) }
        }
        Ok(())
    }

    /// Where `relocate` has moved a block to, whose page may be written about then:
    /// it is called with what that takes at hand.
    pub(crate) fn cover_moved(
        &self,
        relocate: impl FnOnce() -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        let leaf = self.books.allocate_zeroed(PageMap::<P::Record>::leaf())?;
        let moved = relocate();
        let address = moved.map(|block| block.addr().get()).ok().filter(|&address| !self.map.get().covers(address));
        // SAFETY: zeroed, of that layout, and given back only if not taken.
        if !address.is_some_and(|address| unsafe { self.map.get().add(address, leaf) }) {
            // SAFETY: allocated above, and not taken.
            unsafe { self.books.deallocate(leaf, PageMap::<P::Record>::leaf()) }
        }
        moved
    }

    /// Does what a slab of `heap`, of this thread, calls for.
    #[cold]
    #[inline(never)]
    pub(crate) fn see_to(&self, heap: &'static Heap, page: &'static Page) {
        self.see_to_due(heap, page, page.due());
    }

    fn see_to_due(&self, heap: &'static Heap, page: &'static Page, due: Due) {
        let Some(queue) = heap.queue(page.class()) else { return };
        if due == Due::Queue {
            // SAFETY: detached, so in no queue.
            unsafe { queue.push(NonNull::from(page)) }
            if !page.attach() {
                return;
            }
        }
        // The last one stays: a class that is used is used again.
        if !queue.is_only(NonNull::from(page)) {
            self.retire(heap, page);
        }
    }

    /// Keeps the page of a queued slab, all of it free, for any class.
    fn retire(&self, heap: &'static Heap, page: &'static Page) {
        let Some(queue) = heap.queue(page.class()) else { return };
        // SAFETY: queued, says the caller.
        unsafe { queue.remove(NonNull::from(page)) }
        P::ended(self.record(page));
        // SAFETY: the span of a slab, of which no block is live.
        unsafe { self.give_span(heap, page.end(), SLAB) }
    }

    /// What the map has for `page`, a slab.
    fn record(&self, page: &Page) -> &'static P::Record {
        P::Record::of(self.map.get(), page.base().addr().get())
    }

    /// Puts the blocks of `class` that are in hand back to their slabs.
    fn put_down(&self, heap: &'static Heap, class: usize) {
        let Some(list) = heap.list(class) else { return };
        while let Some(block) = list.first() {
            P::vet(self.map.get(), block);
            let _same = list.pop();
            let page = Page::of(self.map.get(), block.addr().get());
            // SAFETY: in use, as far as its slab knows, which is of this heap.
            if unsafe { page.free(block) } {
                self.see_to(heap, page);
            }
        }
    }

    /// Takes what other threads have freed.
    fn collect(&self, heap: &'static Heap) {
        let notices = heap.notices().take();
        while let Some(link) = notices.pop() {
            // SAFETY: from the notices of a heap.
            let page = unsafe { Page::of_notice(link) };
            let record = self.record(page);
            if let Some(due) = page.collect(|blocks, count| P::receive(record, blocks, count)) {
                self.see_to_due(heap, page, due);
            }
        }
    }

    /// Frees a block of another heap's slab; of nobody's, if `heap` is none.
    ///
    /// # Safety
    ///
    /// - `block` is a live block of `page`, which is a slab.
    #[inline]
    pub(crate) unsafe fn free_far(&self, heap: Option<&Heap>, page: &'static Page, block: NonNull<u8>) {
        if let Some(heap) = heap {
            // SAFETY: a live block of this slab, which the caller gives up.
            return unsafe { heap.outbox().put(page, block) };
        }
        let parcel = crate::raw::mail::Parcel::new();
        // SAFETY: large enough for a link, and given up.
        unsafe { parcel.push(block) }
        // SAFETY: a block of that page.
        unsafe { page.post(parcel) }
    }
}
