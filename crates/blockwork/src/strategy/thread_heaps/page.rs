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
//!
//! # Holes
//!
//! Of a queued slab that nobody has taken from for a while, the [strips](STRIP) in
//! which everything is free may lose their memory. Their blocks leave the list: they
//! are free, but [missing](Holes), until the slab has no others left.

use core::{
    cell::{Cell, UnsafeCell},
    ops::Range,
    ptr,
    ptr::NonNull,
};

use super::heap::Heap;
use crate::{
    math::holes::{Holes, STRIP, Shape},
    raw::{
        counted_mail::{CountedMail, GRAIN},
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
    /// What a policy keeps where it is at hand.
    annex: Cell<u64>,
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
    /// For the owner alone, like the next two: strips without memory, as
    /// [bits](Holes::bits).
    holes: Cell<u16>,
    /// Blocks that are missing for it.
    missing: Cell<u16>,
    /// The countdown when the owner last looked for holes, and whether it found it
    /// the same before.
    seen: Cell<u32>,
}

/// How many strips must lose their memory at once, at least: it is a call of the
/// system, and a fault for each that is used again.
const LEAST_HOLES: u32 = 3;

/// In [`Shared::seen`]: looked for holes, and nothing has changed since.
const LOOKED: u32 = 1 << 31;

/// The most blocks of a slab.
const BLOCKS: usize = PAGE / GRAIN;

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

/// What a map holds for each page: a [`Page`], and what a
/// [policy](super::policy) adds.
pub(crate) trait Record: Zeroed + 'static {
    /// What the heaps know of the page.
    fn page(&self) -> &Page;

    /// What `map` has for the page that `address` is on.
    #[inline(always)]
    fn of(map: &'static PageMap<Self>, address: usize) -> &'static Self
    where
        Self: Sized,
    {
        // SAFETY: a value of ours, zero at first, which stays; only cells and
        // atomics change in it.
        unsafe { map.of(address).as_ref() }
    }
}

impl Record for Page {
    #[inline(always)]
    fn page(&self) -> &Page {
        self
    }
}

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
    pub(crate) fn of<R: Record>(map: &'static PageMap<R>, address: usize) -> &'static Self {
        R::of(map, address).page()
    }

    /// What a [policy](super::policy) keeps here.
    #[inline(always)]
    pub(super) const fn annex(&self) -> &Cell<u64> {
        &self.annex
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
        self.shared.holes.set(0);
        self.shared.missing.set(0);
        self.shared.seen.set(0);
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

    /// Takes what is in the mail, and has `receive` look at it and its number; what
    /// that calls for.
    pub(crate) fn collect(&self, receive: impl FnOnce(FreeList, u32) -> FreeList) -> Option<Due> {
        // SAFETY: the start of this page.
        let (blocks, count) = unsafe { self.shared.mail.take(self.base()) };
        self.blocks.prepend(receive(blocks, count));
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
        self.carved.get() < self.capacity.get() || self.shared.holes.get() != 0
    }

    /// Whether freed blocks wait here.
    pub(crate) fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Moves all free blocks into `list`, which is empty, and has `make` put more
    /// in front if they are few. The slab is queued, and counts them as in use.
    ///
    /// There is one at least if the slab [has blocks](Self::has_blocks) or
    /// [room](Self::has_room).
    pub(crate) fn take_all(&self, list: &FreeList, make: impl FnOnce(Range<u32>, &FreeList)) {
        list.swap(&self.blocks);
        let taken = self.there().wrapping_sub(self.used());
        let batch = CARVE.checked_div(self.size.get()).unwrap_or(1).max(CARVE_LEAST);
        if taken.saturating_mul(2) <= batch {
            if self.shared.holes.get() == 0 {
                let start = self.carved.get();
                let end = start.saturating_add(batch).min(self.capacity.get());
                make(start..end, list);
                self.carved.set(end);
            } else {
                make(self.close_hole(), list);
            }
        }
        self.countdown.set(self.there());
        self.tell();
    }

    /// Blocks that were made and are not missing.
    fn there(&self) -> u32 {
        self.carved.get().wrapping_sub(u32::from(self.shared.missing.get()))
    }

    fn shape(&self) -> Shape {
        Shape { size: self.size.get(), made: self.carved.get() }
    }

    /// The blocks that are no longer missing, since a hole was closed.
    #[cold]
    fn close_hole(&self) -> Range<u32> {
        let mut holes = Holes::from_bits(self.shared.holes.get());
        let back = holes.close(self.shape());
        self.set_holes(holes);
        back
    }

    #[expect(clippy::cast_possible_truncation, reason = "a slab has no more than 2^12 blocks")]
    fn set_holes(&self, holes: Holes) {
        self.shared.holes.set(holes.bits());
        self.shared.missing.set(holes.count(self.shape()) as u16);
    }

    /// Whether nothing was taken from the queued slab, and nothing came back, since
    /// this was last asked; true once.
    pub(crate) fn has_rested(&self) -> bool {
        let now = self.countdown.get();
        let seen = self.shared.seen.get();
        let rested = seen == now;
        if seen != now | LOOKED {
            self.shared.seen.set(if rested { now | LOOKED } else { now });
        }
        rested
    }

    /// Takes the memory from all strips of the queued slab in which everything is
    /// free, if they are enough for it; how many bytes went by `decommit`, which says
    /// of a run of memory that is not used whether it is gone.
    pub(crate) fn open_holes(&self, decommit: impl Fn(NonNull<[u8]>) -> bool) -> usize {
        let (shape, old) = (self.shape(), Holes::from_bits(self.shared.holes.get()));
        let mut free = [0_u64; BLOCKS / 64];
        let word = |number: u32| (number as usize / 64, 1_u64.wrapping_shl(number));
        for block in self.blocks.iter() {
            let (at, bit) = word(self.number(block));
            free.get_mut(at).into_iter().for_each(|free| *free |= bit);
        }
        let listed = |number| {
            let (at, bit) = word(number);
            free.get(at).is_some_and(|free| free & bit != 0)
        };
        let holes = Holes::of_free(shape, |number| listed(number) || old.have(shape, number));
        let new = holes.without(old);
        if new.strips() < LEAST_HOLES {
            return 0;
        }
        // What stays is linked anew, by address.
        self.blocks.clear();
        for number in (0..shape.made).rev().filter(|&number| listed(number) && !holes.have(shape, number)) {
            self.carve(number..number.wrapping_add(1), &self.blocks);
        }
        self.set_holes(holes);
        // What the system refuses to take stays as it is.
        new.runs().map(|run| self.strips(run)).filter(|&strips| decommit(strips)).map(|strips| strips.len()).sum()
    }

    /// The memory of these strips.
    fn strips(&self, run: Range<u32>) -> NonNull<[u8]> {
        // SAFETY: strips of this slab.
        let start = unsafe { self.base().add((run.start as usize).wrapping_mul(STRIP)) };
        NonNull::slice_from_raw_parts(start, run.len().wrapping_mul(STRIP))
    }

    /// The number of `block`, which is one of this slab.
    #[expect(clippy::cast_possible_truncation, reason = "an offset in a slab")]
    fn number(&self, block: NonNull<u8>) -> u32 {
        let offset = block.addr().get().wrapping_sub(self.base().addr().get()) as u32;
        offset.checked_div(self.size.get()).unwrap_or(0)
    }

    /// Makes blocks of these numbers, in front of those in `list`.
    pub(super) fn carve(&self, numbers: Range<u32>, list: &FreeList) {
        let size = self.block_size();
        // SAFETY: up to the capacity, so inside of the page or at its end.
        let first = unsafe { self.base().add((numbers.start as usize).wrapping_mul(size)) };
        // SAFETY: below the capacity, so inside of the page; new, and at multiples
        // of the grain.
        unsafe { list.push_row(first, size, numbers.len()) }
    }

    /// Blocks that the page has room for.
    pub(super) const fn capacity(&self) -> u32 {
        self.capacity.get()
    }

    pub(super) fn base(&self) -> NonNull<u8> {
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
