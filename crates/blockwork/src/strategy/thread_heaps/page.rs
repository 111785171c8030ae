//! [`Page`]: what is known of 64 KiB of addresses, kept outside of them.
//!
//! ```text
//! page   [ block | block | block | not carved ··· ]        blocks of one class, nothing else
//! Page   [ owner | freed here | countdown | … ‖ mail | … ] the owner's line ‖ everyone's
//! ```
//!
//! A page with an owner is a *slab*: its blocks are of one class, and lie at
//! multiples of their size, so they have every alignment that their size has. A
//! page with a length but no owner is the first of a *span*. All others are
//! nobody's.
//!
//! # Counting
//!
//! Only frees count. A heap takes all free blocks of a slab at once, and from
//! then on they are in use as far as the slab knows. A free decrements the
//! *countdown*, and at zero something is to be done. What that is depends on
//! where the slab is:
//!
//! | slab | in the queue of its class | at zero |
//! |---|---|---|
//! | queued | yes: it has free blocks, or room to carve | all of it is free |
//! | detached | no: its heap has taken all of it | enough is free to queue it |
//!
//! So there is one word to decrement and one branch, whatever is waited for.

use core::{
    cell::{Cell, UnsafeCell},
    ptr,
    ptr::NonNull,
};

use super::heap::Heap;
use crate::{
    raw::{
        counted_mail::CountedMail,
        free_list::{FreeList, Link},
        list::{Linked, Links},
        mail::Parcel,
        page_map::{PAGE, PageMap, Zeroed},
    },
    sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering},
};

/// The part of a detached slab that is free when it is queued again: one block
/// of so many.
const WAKE_SHARE: u32 = 8;

/// Bytes that are carved at a time: what the system provides at a time.
const CARVE: u32 = 4096;

/// Blocks that are carved at a time, at least.
const CARVE_LEAST: u32 = 4;

/// What is known of a page; see the [module](self).
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Page {
    links: Links<Self>,
    /// The heap that carves the page; null if it is no slab.
    owner: AtomicPtr<Heap>,
    /// Blocks that the owner freed, or found in the mail.
    blocks: FreeList,
    /// Frees until something is to be done.
    countdown: Cell<u32>,
    /// Blocks in use that the countdown leaves out; zero in a queued slab.
    beyond: Cell<u32>,
    /// Bytes of a block.
    size: Cell<u32>,
    /// Blocks that were ever made.
    carved: Cell<u32>,
    /// Blocks that the page has room for.
    capacity: Cell<u32>,
    /// The class of a slab; of a span, the power of two that it is aligned to.
    class: Cell<u32>,
    shared: Shared,
}

/// What other threads write.
#[repr(C, align(64))]
#[derive(Debug)]
struct Shared {
    /// Links the page in the mail of its owner.
    link: UnsafeCell<Link>,
    mail: CountedMail,
    /// Where the slab or span begins.
    base: AtomicPtr<u8>,
    /// Bytes of the slab or span; zero if the page is nobody's.
    len: AtomicUsize,
    /// For statistics: the slab's class plus one, zero if it is none; what was
    /// carved and in use when the owner last looked after it.
    class_told: AtomicU32,
    carved_told: AtomicU32,
    used_told: AtomicU32,
}

/// What a slab says of itself for statistics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) class: usize,
    /// Blocks that were ever made.
    pub(crate) carved: usize,
    /// Blocks in use.
    pub(crate) used: usize,
}

const _: () = assert!(size_of::<Page>() == 128);

// SAFETY: zero bytes are cells and atomics of zero, null and none: nobody's.
// Cells are touched by the owner alone, but for `size`, which does not change as
// long as a block of the page is live, and nobody else asks for.
unsafe impl Zeroed for Page {}
// SAFETY: `repr(C)`, links first.
unsafe impl Linked for Page {}

/// What a free block calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// The detached slab has enough free blocks to be queued.
    Queue,
    /// The queued slab is free as a whole.
    Empty,
}

impl Page {
    /// What `map` knows of the page that `address` is on.
    #[inline(always)]
    pub(crate) fn of(map: &'static PageMap<Self>, address: usize) -> &'static Self {
        // SAFETY: a value of ours, zero at first, which stays; only cells and
        // atomics change in it.
        unsafe { map.of(address).as_ref() }
    }

    /// The heap that carves the page; null if it is no slab.
    #[inline(always)]
    pub(crate) fn owner(&self) -> *const Heap {
        // Relaxed: equal to one's own heap only if this thread wrote it; and as
        // long as a block is live it does not change, which whoever has the
        // block was told with it.
        self.owner.load(Ordering::Relaxed)
    }

    /// The heap that carves the page of a live block; null if it is no slab.
    ///
    /// # Safety
    ///
    /// - A block on the page is live, which this thread was told of.
    #[inline(always)]
    pub(crate) unsafe fn owner_of_live(&self) -> *const Heap {
        // A plain load, because that can be part of a comparison.
        // SAFETY: nobody writes it as long as a block is live.
        unsafe { self.owner.as_ptr().read() }
    }

    /// Bytes of the slab or span that begins on the page, zero if none does; its
    /// start.
    pub(crate) fn extent(&self) -> (usize, *mut u8) {
        // Relaxed: as for the owner.
        (self.shared.len.load(Ordering::Relaxed), self.shared.base.load(Ordering::Relaxed))
    }

    /// Makes the page the first of a span, or one that is nobody's, with zero.
    pub(crate) fn set_extent(&self, base: NonNull<u8>, len: usize) {
        // Relaxed: as for the owner.
        self.shared.base.store(base.as_ptr(), Ordering::Relaxed);
        // Relaxed: as for the owner.
        self.shared.len.store(len, Ordering::Relaxed);
    }

    /// The alignment of the span.
    pub(crate) const fn align(&self) -> usize {
        1_usize.wrapping_shl(self.class.get())
    }

    /// Sets the alignment of the span to the power of two `align`.
    pub(crate) fn set_align(&self, align: usize) {
        self.class.set(align.trailing_zeros());
    }

    /// Bytes of a block of the slab.
    pub(crate) const fn block_size(&self) -> usize {
        self.size.get() as usize
    }

    pub(crate) const fn class(&self) -> usize {
        self.class.get() as usize
    }
}

/// What the owner does.
impl Page {
    /// Makes the page at `base` a slab of `owner`, queued, with nothing carved.
    ///
    /// Nobody else knows the page, and `size`, of `class`, is a multiple of the
    /// grain that divides into the page twice at least.
    pub(crate) fn begin(&self, owner: &Heap, base: NonNull<u8>, class: usize, size: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "below the bytes of a page")]
        let (class, size, capacity) = (class as u32, size as u32, PAGE.checked_div(size).unwrap_or(1) as u32);
        self.blocks.clear();
        self.countdown.set(0);
        self.beyond.set(0);
        self.carved.set(0);
        self.class.set(class);
        self.size.set(size);
        self.capacity.set(capacity);
        self.set_extent(base, PAGE);
        // Relaxed: told to others with the blocks.
        self.owner.store(ptr::from_ref(owner).cast_mut(), Ordering::Relaxed);
    }

    /// Makes the page nobody's; it was empty and is in no queue. Its start.
    pub(crate) fn end(&self) -> NonNull<u8> {
        let base = self.base();
        // Relaxed: no block of it is live, so nobody asks.
        self.owner.store(ptr::null_mut(), Ordering::Relaxed);
        // Relaxed: statistics.
        self.shared.class_told.store(0, Ordering::Relaxed);
        self.set_extent(base, 0);
        base
    }

    /// Notes for statistics how many blocks are in use.
    pub(crate) fn tell(&self) {
        // Relaxed, like the next two: statistics.
        self.shared.class_told.store(self.class.get().wrapping_add(1), Ordering::Relaxed);
        self.shared.carved_told.store(self.carved.get(), Ordering::Relaxed);
        self.shared.used_told.store(self.used(), Ordering::Relaxed);
    }

    /// The same, if the page is a slab of `owner`, which is this thread's.
    pub(crate) fn tell_of(&self, owner: &Heap) {
        if ptr::eq(self.owner(), owner) {
            self.tell();
        }
    }

    /// What was noted last; none if the page is no slab.
    pub(crate) fn told(&self) -> Option<Told> {
        // Relaxed, like the next two: statistics.
        let class = self.shared.class_told.load(Ordering::Relaxed).checked_sub(1)? as usize;
        let carved = self.shared.carved_told.load(Ordering::Relaxed) as usize;
        let used = self.shared.used_told.load(Ordering::Relaxed) as usize;
        Some(Told { class, carved, used })
    }

    /// Takes back a block; whether something is [due](Self::due).
    ///
    /// # Safety
    ///
    /// - `block` is a live block of this slab, and this thread owns the slab.
    #[inline(always)]
    pub(crate) unsafe fn free(&self, block: NonNull<u8>) -> bool {
        // SAFETY: large and aligned enough for a link, and given up.
        unsafe { self.blocks.push(block) }
        let countdown = self.countdown.get().wrapping_sub(1);
        self.countdown.set(countdown);
        countdown == 0
    }

    /// What is to be done when the countdown is at zero.
    pub(crate) fn due(&self) -> Due {
        if self.beyond.get() == 0 { Due::Empty } else { Due::Queue }
    }

    /// Takes what is in the mail; what that calls for.
    pub(crate) fn collect(&self) -> Option<Due> {
        // SAFETY: the start of this page.
        let (blocks, count) = unsafe { self.shared.mail.take(self.base()) };
        self.blocks.prepend(blocks);
        let (countdown, due) = (self.countdown.get(), self.due());
        self.countdown.set(countdown.saturating_sub(count));
        self.beyond.set(self.beyond.get().wrapping_sub(count.saturating_sub(countdown)));
        self.tell();
        (count >= countdown).then_some(due)
    }

    /// The slab is in its queue again; whether all of it is free.
    pub(crate) fn attach(&self) -> bool {
        self.countdown.set(self.countdown.get().wrapping_add(self.beyond.take()));
        self.tell();
        self.countdown.get() == 0
    }

    /// The slab has left its queue, with nothing free and nothing to carve.
    pub(crate) fn detach(&self) {
        let wake = (self.capacity.get() / WAKE_SHARE).max(1);
        self.countdown.set(wake);
        self.beyond.set(self.carved.get().wrapping_sub(wake));
    }

    /// Blocks in use.
    pub(crate) const fn used(&self) -> u32 {
        self.countdown.get().wrapping_add(self.beyond.get())
    }

    /// Whether blocks can still be made.
    pub(crate) const fn has_room(&self) -> bool {
        self.carved.get() < self.capacity.get()
    }

    /// Whether freed blocks wait here.
    pub(crate) fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Moves all free blocks into `list`, which is empty, and makes more if they
    /// are few. The slab is queued, and counts them as in use.
    ///
    /// There is one at least if the slab [has blocks](Self::has_blocks) or
    /// [room](Self::has_room).
    pub(crate) fn take_all(&self, list: &FreeList) {
        list.swap(&self.blocks);
        let taken = self.carved.get().wrapping_sub(self.used());
        let batch = CARVE.checked_div(self.size.get()).unwrap_or(1).max(CARVE_LEAST);
        if taken.saturating_mul(2) <= batch {
            self.carve(batch, list);
        }
        self.countdown.set(self.carved.get());
        self.tell();
    }

    /// Makes up to `batch` blocks, in front of those in `list`.
    fn carve(&self, batch: u32, list: &FreeList) {
        let (size, start) = (self.block_size(), self.carved.get());
        let end = start.saturating_add(batch).min(self.capacity.get());
        // SAFETY: up to the capacity, so inside of the page or at its end.
        let first = unsafe { self.base().add((start as usize).wrapping_mul(size)) };
        // SAFETY: below the capacity, so inside of the page; new, and at multiples
        // of the grain.
        unsafe { list.push_row(first, size, end.wrapping_sub(start) as usize) }
        self.carved.set(end);
    }

    fn base(&self) -> NonNull<u8> {
        let (_, base) = self.extent();
        // SAFETY: slabs have a start.
        unsafe { NonNull::new_unchecked(base) }
    }
}

/// What others do.
impl Page {
    /// Gives `parcel` back to the owner, and tells it if nobody else has.
    ///
    /// # Safety
    ///
    /// - `parcel` holds blocks of this slab.
    pub(crate) unsafe fn post(&'static self, parcel: Parcel) {
        // Relaxed: as in `owner`; blocks of the parcel are not free yet.
        let owner = self.owner.load(Ordering::Relaxed);
        // SAFETY: the caller's promise, and the start of this page.
        if unsafe { self.shared.mail.post(self.base(), parcel) } {
            // SAFETY: as long as mail is here the page is a slab, and heaps stay.
            let owner = unsafe { &*owner };
            let notice = Parcel::new();
            // SAFETY: inside of this record.
            let link = unsafe { NonNull::from(self).cast::<u8>().add(LINK_AT) };
            // SAFETY: whoever finds the mail empty has the link to itself until
            // the owner takes it, and empties the mail after that.
            unsafe { notice.push(link) }
            owner.notices().post(notice);
        }
    }

    /// The page whose mail is not empty, by its link.
    ///
    /// # Safety
    ///
    /// - `link` is from the [notices](Heap::notices) of a heap.
    pub(crate) unsafe fn of_notice(link: NonNull<u8>) -> &'static Self {
        // SAFETY: so far into a page's record, says the caller.
        let page = unsafe { link.sub(LINK_AT) }.cast::<Self>();
        // SAFETY: records stay; only cells and atomics change in them.
        unsafe { page.as_ref() }
    }
}

/// Where the link of a page is in its record.
const LINK_AT: usize = core::mem::offset_of!(Page, shared) + core::mem::offset_of!(Shared, link);
