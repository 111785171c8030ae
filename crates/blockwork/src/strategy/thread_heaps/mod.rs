//! [`ThreadHeaps`]: a heap of size-class slabs for each thread, over shared spans.
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

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate},
    os::futex::FutexLock,
    raw::page_map::{PAGE, PageMap},
    sync::Lock,
};

mod heap;
mod outbox;
mod page;
mod policy;
pub(crate) mod ward;

use self::{
    heap::{CLASSES, class_size},
    page::Due,
};
pub(crate) use self::{
    heap::{Heap, LISTED_MAX, SLAB_MAX, class_of},
    page::{Page, Record},
    policy::{Plain, Policy},
};

/// Free pages that a heap keeps for itself: when there are more, half of them go.
const SPARES: u32 = 16;

/// Every so many refills, what is gathered for other heaps is sent.
const SEND_EVERY: u32 = 32;

/// The span that is a slab.
const SLAB: Layout = match Layout::from_size_align(PAGE, PAGE) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<()>(),
};

/// What all heaps share; see the [module](self).
///
/// `S` gives spans, `M` memory for heaps and the map, which never goes back; `P`
/// is what is done beyond what has to be done.
#[derive(Debug)]
pub(crate) struct ThreadHeaps<S, M, P: Policy = Plain> {
    map: &'static PageMap<P::Record>,
    spans: S,
    books: M,
    /// Heaps without a thread.
    idle: Idle,
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

    fn pop(&self) -> Option<&'static Heap> {
        self.lock.with(|| {
            let heap = self.first.get()?;
            self.first.set(heap.next.take());
            Some(heap)
        })
    }
}

impl<S: Allocate, M: Allocate, P: Policy> ThreadHeaps<S, M, P> {
    pub(crate) const fn new(map: &'static PageMap<P::Record>, spans: S, books: M) -> Self {
        Self { map, spans, books, idle: Idle { lock: FutexLock::new(), first: Cell::new(None) } }
    }

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
        // SAFETY: just allocated for a heap.
        unsafe { memory.write(Heap::with_least(P::LEAST)) }
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
                if page.used() == 0 {
                    self.retire(heap, page);
                }
            }
        }
        self.give_spares(heap, 0);
    }

    /// Takes the mail of heaps without threads, and gives up what is free there.
    pub(crate) fn tidy_idle(&self) {
        let mut seen = None;
        while let Some(heap) = self.idle.pop() {
            self.tidy(heap);
            heap.next.set(seen.replace(heap));
        }
        while let Some(heap) = seen {
            seen = heap.next.take();
            self.idle.push(heap);
        }
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
        let base = match self.take_spare(heap) {
            Some(base) => base,
            None => self.span(SLAB)?,
        };
        let record = P::Record::of(self.map, base.addr().get());
        let page = record.page();
        page.begin(heap, base, class, class_size(class));
        P::began(record);
        // SAFETY: new, so in no queue.
        unsafe { heap.queue(class).ok_or(AllocError)?.push(NonNull::from(page)) }
        Ok(page)
    }

    /// A span for `layout`, whose first page may be written about.
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
        if self.map.covers(address) {
            return Ok(());
        }
        let leaf = self.books.allocate_zeroed(PageMap::<P::Record>::leaf())?;
        // SAFETY: zeroed, of that layout, and given back only if not taken.
        if unsafe { !self.map.add(address, leaf) } {
            // SAFETY: allocated above, and not taken.
            unsafe { self.books.deallocate(leaf, PageMap::<P::Record>::leaf()) }
        }
        Ok(())
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
        // SAFETY: a page of memory that nobody uses.
        unsafe { heap.spare.push(page.end()) }
        heap.spares.set(heap.spares.get().wrapping_add(1));
        if heap.spares.get() > SPARES {
            self.give_spares(heap, SPARES / 2);
        }
    }

    /// Gives up free pages, but for so many.
    fn give_spares(&self, heap: &Heap, keep: u32) {
        while heap.spares.get() > keep
            && let Some(span) = self.take_spare(heap)
        {
            // SAFETY: allocated for a slab, and no block of it is live.
            unsafe { self.spans.deallocate(span, SLAB) }
        }
    }

    /// A free page of `heap`.
    fn take_spare(&self, heap: &Heap) -> Option<NonNull<u8>> {
        P::vet_spare(self.map, heap.spare.first()?);
        heap.spares.set(heap.spares.get().wrapping_sub(1));
        heap.spare.pop()
    }

    /// What the map has for `page`, a slab.
    fn record(&self, page: &Page) -> &'static P::Record {
        P::Record::of(self.map, page.base().addr().get())
    }

    /// Puts the blocks of `class` that are in hand back to their slabs.
    fn put_down(&self, heap: &'static Heap, class: usize) {
        let Some(list) = heap.list(class) else { return };
        while let Some(block) = list.first() {
            P::vet(self.map, block);
            let _same = list.pop();
            let page = Page::of(self.map, block.addr().get());
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
            // SAFETY: the caller's promise.
            return unsafe { heap.outbox().put(page, block) };
        }
        let parcel = crate::raw::mail::Parcel::new();
        // SAFETY: large enough for a link, and given up.
        unsafe { parcel.push(block) }
        // SAFETY: a block of that page.
        unsafe { page.post(parcel) }
    }
}
