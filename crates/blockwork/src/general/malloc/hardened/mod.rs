//! [`HardenedMalloc`]: the [malloc](super) for programs that may be attacked.
//!
//! ```text
//! free ─► live? whole? ─► quarantine ─► heap of this thread ─► slab, in random order
//!             │                         allocate ◄─ checked ◄──┘
//!             └─ no: a message, and the end of the program
//! ```
//!
//! It is the same composition, of heaps with a policy, of sources with fences and
//! with one more step before a free block is free.
//!
//! | | |
//! |---|---|
//! | time | two and a half times the instructions of [`Malloc`](crate::Malloc) where that has a block in hand |
//! | space | a word at the end of each block, 2 KiB for every 64 KiB of blocks, 32 blocks of each thread that wait |
//! | sharing | any thread |
//! | failure | when the system has no memory left |
//! | granted | the class less a word; whole 64 KiB less a page of the system above 32 KiB |
//! | offers | [`Describe`] |
//!
//! # What it finds
//!
//! `docs/malloc-hardened.md` has the table. Found when they happen: a second free,
//! a free inside of a block or of anything that is no block, one with another size,
//! and one of a block that was written beyond its end. Found before they do
//! harm: writes to a freed block's first words. Stopped by the processor,
//! wherever there is a fence: writes beyond large blocks, mappings and the
//! books, uses of large blocks that were freed, and of [blocks of no bytes](HardenedMalloc::nothing).
//!
//! # When not to use it
//!
//! While looking for mistakes: [`Checked`](crate::Checked) says where a block came from.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, HardenedMalloc};
//!
//! let layout = Layout::new::<[u8; 100]>();
//! let block = HardenedMalloc.allocate(layout)?;
//! // SAFETY: allocated above with this layout, and not used again: a second time
//! // would end the program.
//! unsafe { HardenedMalloc.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr, ptr::NonNull};

use super::{
    ALIGN, as_it_lies,
    large::Large,
    spans::{CONFIG, KEPT},
};
use crate::{
    alloc::{AllocError, Allocate, Check, Describe, can_resize, empty, reallocate},
    combine::{decommit::Decommit, locked::Locked},
    math::size_class::{Classes, Quad},
    os::{futex::FutexLock, misuse::misuse, slot::thread_slot},
    raw::{free_list::FreeList, page_map::PageMap},
    strategy::{
        span_pool::SpanPool,
        thread_heaps::{
            Heap, LISTED_MAX, Record, SLAB_MAX, ThreadHeaps, class_of,
            ward::{self, CANARY, Hardened, SMALLEST, State, Ward, broken, is_untouched, seal, seal_with, wipes},
        },
    },
};

mod fences;
mod nothing;
mod quarantine;
mod threads;
mod waiting;

use self::{
    fences::{Fenced, Gapped, Railed},
    nothing::Nothing,
    quarantine::{Held, Quarantine},
    waiting::{Parent, Waiting},
};

/// The spans that all heaps share.
type Spans = Locked<Decommit<SpanPool<Fenced>>, FutexLock>;

static MAP: PageMap<Ward> = PageMap::new();

static SHARED_SPANS: Spans = {
    let Ok(config) = CONFIG.check() else { panic!("a valid configuration") };
    // SAFETY: a pool over pages.
    let spans = unsafe { Decommit::new(SpanPool::new(Fenced, config), KEPT) };
    Locked::with_lock(spans, FutexLock::new())
};

static HEAPS: ThreadHeaps<Gapped<&'static Spans>, Fenced, Hardened> =
    ThreadHeaps::new(&MAP, Gapped::new(&MAP, &SHARED_SPANS), Fenced);

static FREED_SPANS: Waiting<&'static Spans> = Waiting::new(&MAP, &SHARED_SPANS, Parent::Keeps);

static FREED_MAPPINGS: Waiting<Fenced> = Waiting::new(&MAP, Fenced, Parent::Unmaps);

type Mappings = &'static Waiting<Fenced>;

static LARGE: Large<Railed<&'static Waiting<&'static Spans>>, Mappings, Ward> =
    Large::new(&MAP, Railed::new(&MAP, &FREED_SPANS), &FREED_MAPPINGS);

static NOTHING: Nothing = Nothing::new();

/// The heap of threads that have none: every request misses, and no slab is its.
static NOBODYS: Heap = Heap::new();

thread_slot! {
    /// The heap of this thread.
    mod slot("blockwork_thread_hardened_heap"): Heap = NOBODYS
}

/// The allocator of a whole process that may be attacked; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct HardenedMalloc;

impl HardenedMalloc {
    /// Whether blocks are filled with zeroes when they are freed, from now on; and
    /// looked at before they are used again, so that whoever writes to a freed
    /// block is found. At first they are not.
    pub fn set_wiping(self, wipes: bool) {
        ward::set_wiping(wipes);
    }

    /// Returns a block of `size` bytes, aligned to 16, if one is in hand; else it
    /// is [`miss`](Self::miss) that has one.
    #[inline(always)]
    #[must_use]
    pub fn hit(self, size: usize) -> Option<NonNull<u8>> {
        let heap = slot::get();
        // What has no class in the table may as well be calculated; no bytes are not of slabs.
        if size.wrapping_sub(1) >= LISTED_MAX.wrapping_sub(CANARY) {
            return None;
        }
        let (class, list) = heap.list_for(size.wrapping_add(CANARY))?;
        take(list, class)
    }

    /// Returns a block of `size` bytes, aligned to 16, which may be none: a block
    /// too, to be freed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no such block can be had now.
    #[cold]
    #[inline(never)]
    pub fn miss(self, size: usize) -> Result<NonNull<u8>, AllocError> {
        if size == 0
            && let Ok(block) = self.nothing(ALIGN)
        {
            return Ok(block);
        }
        self.allocate(Layout::from_size_align(size.max(1), ALIGN).map_err(|_| AllocError)?)
    }

    /// Returns a block of no bytes, to be freed, aligned to the power of two `align`: nobody may read
    /// or write there.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there are a million of them, or of that alignment none.
    pub fn nothing(self, align: usize) -> Result<NonNull<u8>, AllocError> {
        NOTHING.allocate(align)
    }

    /// Takes back a block, whatever its layout; null is none.
    ///
    /// What is no live block, or was written beyond its end, ends the program
    /// with a message.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this allocator, or is null. That it is so
    ///   is looked at, but does not make it so.
    #[inline(always)]
    pub unsafe fn free(self, block: *mut u8) {
        let heap = slot::get();
        let ward = Ward::of(&MAP, block.addr());
        if let Some(number) = ward.number(block.addr())
            && ward.is(number, State::LIVE)
            // SAFETY: live, as was just seen.
            && ptr::eq(unsafe { ward.page().owner_of_live() }, heap)
        {
            // SAFETY: no slab is at zero.
            let block = unsafe { NonNull::new_unchecked(block) };
            // SAFETY: a block that is live, so it was made.
            if let Some(seal) = unsafe { ward.seal_of_whole(block) } {
                ward.set(number, ward.free());
                // SAFETY: just given up.
                unsafe { seal_with(block, seal) }
                // SAFETY: the annex of a heap that has slabs.
                let quarantine = unsafe { Quarantine::of(heap) };
                // SAFETY: from the quarantine of this thread's heap.
                return unsafe { release(quarantine.swap(Held { block, ward }, seal)) };
            }
        }
        // SAFETY: live and from this allocator, or null, says the caller.
        unsafe { free_far(block) }
    }

    /// As [`free`](Self::free), of a block that `layout` fits: what it does not fit
    /// ends the program with a message.
    ///
    /// # Safety
    ///
    /// - As for [`free`](Self::free).
    #[inline]
    pub unsafe fn free_sized(self, block: NonNull<u8>, layout: Layout) {
        if !self.fits(block, layout) {
            not_of_size(block);
        }
        // SAFETY: live and from this allocator, says the caller.
        unsafe { self.free(block.as_ptr()) }
    }

    /// Whether `layout` is one of those that `block` was granted for, if it is a
    /// live block.
    #[inline]
    fn fits(self, block: NonNull<u8>, layout: Layout) -> bool {
        let ward = Ward::of(&MAP, block.addr().get());
        inner(layout).and_then(class_of).is_some_and(|class| ward.is_of_class(class))
            || self.fits_as_described(block, layout)
    }

    /// The same of blocks that are no slab's, and of those that were made to fit
    /// less where they stood.
    #[cold]
    #[inline(never)]
    fn fits_as_described(self, block: NonNull<u8>, layout: Layout) -> bool {
        let Some(granted) = self.describe(block).map(|described| described.size()) else { return true };
        if granted == 0 {
            return layout.size() <= 1;
        }
        granted == self.granted(layout) || (granted / 2..=granted).contains(&layout.size())
    }

    /// Bytes that the block at `block` has; zero for null, and where no live block
    /// begins.
    #[inline]
    #[must_use]
    pub fn usable_size(self, block: *mut u8) -> usize {
        NonNull::new(block).and_then(|block| self.describe(block)).map_or(0, |layout| layout.size())
    }

    /// Makes a block fit `new`, moving it when it cannot stay, whatever its layout.
    ///
    /// A block that would waste more than half of itself moves.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the block cannot stay and no other can be had; nothing
    /// has changed then.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this allocator.
    pub unsafe fn reallocate(self, block: NonNull<u8>, new: Layout) -> Result<NonNull<u8>, AllocError> {
        let Some(old) = self.describe(block) else { diagnose(block) };
        if old.size() == 0 {
            let moved = self.allocate(new)?;
            NOTHING.deallocate(block);
            return Ok(moved);
        }
        let fits = new.size() <= old.size() && new.align() <= old.align();
        if fits && old.size() / 2 <= new.size() {
            return Ok(block);
        }
        let old = as_it_lies(block, old, new);
        // SAFETY: live, and the layout is the page's word.
        unsafe { reallocate(&self, block, old, new) }
    }

    /// Gives everything back to the system that is only kept for later; what waits
    /// in the quarantine of this thread is free from now on.
    pub fn trim(self) {
        if let Some(heap) = threads::own() {
            empty_quarantine(heap);
            HEAPS.give_back(heap);
        }
        HEAPS.give_back_idle();
        FREED_SPANS.empty();
        FREED_MAPPINGS.empty();
        SHARED_SPANS.with_parent(|spans| {
            spans.parent().trim();
            spans.purge();
        });
    }
}

/// The layout that a slab sees: room for the canary.
#[inline]
fn inner(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(CANARY)?.max(SMALLEST);
    Layout::from_size_align(size, layout.align()).ok()
}

/// Takes the first block of `list`, of `class`, if there is one.
#[inline(always)]
fn take(list: &FreeList, class: usize) -> Option<NonNull<u8>> {
    let front = list.front();
    // What comes next is only read once the block is known to be one of ours. If there is
    // none it is at zero, where nobody has a slab.
    let Some(block) = Ward::of(&MAP, front.addr()).grant(front, class) else { return none_of(front) };
    // SAFETY: as was asked above.
    unsafe { list.pop_known(block) }
    // SAFETY: a block that is the caller's from now on.
    unsafe { unveil(block) }
    Some(block)
}

/// No block, because a list is empty; else its `front` is none that may be handed out.
#[inline(always)]
fn none_of(front: *mut u8) -> Option<NonNull<u8>> {
    broken(NonNull::new(front)?)
}

/// Clears what was said in `block` of secrets and of other blocks.
///
/// # Safety
///
/// - `block` is of a slab, and nobody's yet.
#[inline(always)]
unsafe fn unveil(block: NonNull<u8>) {
    // SAFETY: no block of a slab is smaller.
    unsafe { block.cast::<[usize; 2]>().write([0; 2]) }
}

/// Frees a block for good that has been held long enough.
///
/// # Safety
///
/// - `held` is from the quarantine of this thread's heap.
#[inline(always)]
unsafe fn release(held: Held) {
    let Held { block, ward } = held;
    // SAFETY: free, and nobody's but ours.
    if unsafe { !is_untouched(block) } {
        broken(block);
    }
    // SAFETY: a block of a slab of this thread's heap, which as far as that knows is
    // in use.
    if unsafe { ward.page().free(block) } {
        see_to(block);
    }
}

/// A block for `layout`, not of no bytes, that is not in hand.
#[cold]
#[inline(never)]
fn allocate_far(layout: Layout) -> Result<NonNull<u8>, AllocError> {
    let heap = threads::heap()?;
    let attempt = || match inner(layout).and_then(class_of) {
        Some(class) => {
            let front = HEAPS.refill(heap, class)?;
            let block = Ward::of(&MAP, front.addr().get()).grant(front.as_ptr(), class);
            let block = block.unwrap_or_else(|| broken(front));
            // SAFETY: just taken from its list.
            unsafe { unveil(block) }
            Ok(block)
        }
        None => LARGE.allocate(layout, |block| HEAPS.cover(block)),
    };
    attempt().or_else(|AllocError| {
        // Something that is kept may be what is missing.
        HardenedMalloc.trim();
        attempt()
    })
}

/// Does what the slab calls for that `block`, of this thread's heap, was freed in.
#[cold]
#[inline(never)]
fn see_to(block: NonNull<u8>) {
    HEAPS.see_to(slot::get(), Ward::of(&MAP, block.addr().get()).page());
}

/// Frees all that waits in the quarantine of `heap`, this thread's.
fn empty_quarantine(heap: &'static Heap) {
    // SAFETY: a heap of a thread, which has one.
    for held in unsafe { Quarantine::of(heap) }.empty(heap) {
        check_wiped(&held);
        // SAFETY: from the quarantine of this thread's heap, where it is no more.
        unsafe { release(held) }
    }
}

/// Frees a block that is not of this thread's slabs, or is to be wiped, or is none.
///
/// # Safety
///
/// - `block` is live and came from this allocator, or is null.
#[cold]
#[inline(never)]
unsafe fn free_far(block: *mut u8) {
    let Some(block) = NonNull::new(block) else { return };
    let ward = Ward::of(&MAP, block.addr().get());
    if ward.page().owner().is_null() {
        return match LARGE.layout_at(ward.page(), block) {
            // SAFETY: live, as the page says.
            Some(layout) => unsafe { LARGE.deallocate(ward.page(), block, layout) },
            None if NOTHING.deallocate(block) => {}
            None => diagnose(block),
        };
    }
    let Some(number) = ward.number(block.addr().get()) else { diagnose(block) };
    let own = threads::own().filter(|&heap| ptr::eq(ward.page().owner(), heap));
    let next = if own.is_some() { ward.free() } else { State::AWAY };
    if !ward.is(number, State::LIVE) || !ward.leave(number, next) {
        diagnose(block);
    }
    // SAFETY: a block that was live, so it was made.
    if unsafe { !ward.is_whole(block) } {
        misuse("free of a block that was written beyond its end", block.as_ptr());
    }
    if wipes() {
        // SAFETY: its holder's until now, and given up.
        unsafe { block.write_bytes(0, ward.granted()) }
    }
    // SAFETY: just given up.
    let seal = unsafe { seal(block) };
    match own {
        Some(heap) => {
            // SAFETY: a heap of a thread, which has one.
            let held = unsafe { Quarantine::of(heap) }.swap(Held { block, ward }, seal);
            check_wiped(&held);
            // SAFETY: from the quarantine of this thread's heap, where it is no more.
            unsafe { release(held) }
        }
        // SAFETY: a block of a slab, given up.
        None => unsafe { HEAPS.free_far(threads::own(), ward.page(), block) },
    }
}

/// Ends the process if a block was wiped, and is not as it was left.
fn check_wiped(held: &Held) {
    // SAFETY: free, and nobody's but ours.
    if unsafe { !held.ward.seems_wiped(held.block) } {
        broken(held.block);
    }
}

#[cold]
#[inline(never)]
fn not_of_size(block: NonNull<u8>) -> ! {
    misuse("free of a block with another size than it was allocated with", block.as_ptr())
}

/// Says what is at `block`, where a live block should be, and ends the process.
#[cold]
#[inline(never)]
fn diagnose(block: NonNull<u8>) -> ! {
    let ward = Ward::of(&MAP, block.addr().get());
    let what = match ward.number(block.addr().get()) {
        Some(number) if ward.is(number, State::FRESH) => "free of a block that was never allocated",
        Some(_) => "double free",
        None if ward.page().owner().is_null() => "free of what is no live block of this allocator",
        None => "free of an address inside of a block",
    };
    misuse(what, block.as_ptr())
}

// SAFETY: blocks of slabs are disjoint, at multiples of their class's size from
// the page's start, and their own until freed; others are the spans' or the
// mappings'. A block leads to its page's record, which says whose it is. Nothing
// panics.
unsafe impl Allocate for HardenedMalloc {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let list = || {
            let class = class_of(inner(layout)?)?;
            Some((slot::get().list(class)?, class))
        };
        match list().and_then(|(list, class)| take(list, class)) {
            Some(block) => Ok(block),
            None => allocate_far(layout),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller's promise; blocks of no bytes are not ours.
            unsafe { self.free_sized(block, layout) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        if layout.size() == 0 {
            return 0;
        }
        match inner(layout).and_then(|inner| Quad::<SLAB_MAX>.round(inner)) {
            Some(size) => size.wrapping_sub(CANARY),
            None => LARGE.granted(layout),
        }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        if self.granted(old) == self.granted(new) {
            return Ok(());
        }
        if [old, new].into_iter().any(|layout| inner(layout).and_then(class_of).is_some()) {
            return Err(AllocError);
        }
        // SAFETY: live, and no slab's, as its size says.
        unsafe { LARGE.resize(Ward::of(&MAP, block.addr().get()).page(), block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if inner(layout).and_then(class_of).is_none() {
            let attempt = || LARGE.allocate_zeroed(layout, |block| HEAPS.cover(block));
            return attempt().or_else(|AllocError| {
                self.trim();
                attempt()
            });
        }
        let block = self.allocate(layout)?;
        // SAFETY: a fresh block is valid for writes of what was asked, and more.
        unsafe { block.write_bytes(0, self.granted(layout)) }
        Ok(block)
    }
}

// SAFETY: the page's record says what its blocks are and which are live, and is
// zero where none are.
unsafe impl Describe for HardenedMalloc {
    fn describe(&self, address: NonNull<u8>) -> Option<Layout> {
        let ward = Ward::of(&MAP, address.addr().get());
        if ward.page().owner().is_null() {
            let nothing = || NOTHING.has(address).then(Layout::new::<()>);
            return LARGE.layout_at(ward.page(), address).or_else(nothing);
        }
        let number = ward.number(address.addr().get())?;
        if !ward.is(number, State::LIVE) {
            return None;
        }
        let granted = ward.granted();
        let align = granted.wrapping_add(CANARY).trailing_zeros().min(SLAB_MAX.trailing_zeros());
        Layout::from_size_align(granted, 1 << align).ok()
    }
}

impl Check for HardenedMalloc {
    fn check(&self) -> Result<(), &'static str> {
        SHARED_SPANS.check()
    }
}

crate::alloc::bridge!([] HardenedMalloc);
