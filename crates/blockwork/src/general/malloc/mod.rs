//! [`Malloc`]: a general-purpose allocator composed of the parts.
//!
//! ```text
//! size ≤ 32 KiB ─► heap of this thread ─► slab of that class ─┐
//! size ≤ 16 MiB ──────────────────────────────────────────────┼─► Spans
//! beyond ─► Pages                                             │
//!                     Spans: Locked ─► Decommit ─► SpanPool ─► Pages
//! ```
//!
//! | | |
//! |---|---|
//! | time | 13 instructions for an allocation and 18 for a free by the same thread, without a call, a lock or an atomic operation; a compare-exchange for up to 32 blocks freed by another thread |
//! | space | no header: 128 bytes for every 64 KiB, 7 KiB for a thread; sizes are rounded up by a fifth at most |
//! | sharing | any thread |
//! | failure | when the system has no memory left |
//! | granted | the class, whole 64 KiB above 32 KiB, whole pages of the system above 16 MiB |
//! | offers | [`Describe`] |
//!
//! There is one in a process, as there is one `malloc`; the type has no fields.
//!
//! # What it keeps
//!
//! Up to 32 MiB of freed spans, or 6 % of the live ones where that is more, and
//! 1 MiB of spans of up to 256 KiB, free slabs among them, for each thread.
//! Everything beyond goes back to the system as it is freed; what is kept, when nobody has needed it for a second while threads
//! still allocate, or by [`trim`](Malloc::trim); and so does what is free in slabs
//! that are not, page by page. There is no thread for that.
//!
//! # When not to use it
//!
//! Where blocks have one size, or end together: a [`BlockPool`](crate::BlockPool)
//! or an [`Arena`](crate::Arena) does less.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Describe, Malloc};
//!
//! let layout = Layout::new::<[u8; 100]>();
//! let block = Malloc.allocate(layout)?;
//! assert_eq!(Malloc.describe(block).unwrap().size(), 112);
//! // SAFETY: allocated above with this layout, and not used again.
//! unsafe { Malloc.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Describe, can_resize, empty, reallocate},
    combine::sampled::Sample,
    math::size_class::{Classes, Quad},
    os::slot::thread_slot,
    raw::page_map::{PAGE, PageMap},
    source::pages::Pages,
    strategy::thread_heaps::{Heap, Page, SLAB_MAX, ThreadHeaps, class_of},
};

mod clock;
mod giving;
pub mod hardened;
mod large;
mod misuse;
mod options;
mod sampling;
mod spans;
mod stats;
#[cfg(test)]
mod tests;
mod threads;

use self::{
    giving::Giving,
    large::{Large, inner, is_span},
    spans::Spans,
};
pub use self::{
    options::{MallocOptions, OnMisuse},
    stats::{MallocClass, MallocStats},
};

static MAP: PageMap<Page> = PageMap::new();

static SHARED_SPANS: Spans = Spans::new();

type Heaps = ThreadHeaps<&'static Spans, Pages, Giving>;

static HEAPS: Heaps = ThreadHeaps::new(&MAP, &SHARED_SPANS, Pages);

static LARGE: Large<&'static Spans, Pages> = Large::new(&MAP, &SHARED_SPANS, Pages);

/// The heap of threads that have none: every request misses, and no slab is its.
static NOBODYS: Heap = Heap::new();

thread_slot! {
    /// The heap of this thread.
    mod slot("blockwork_thread_heap"): Heap = NOBODYS
}

/// The allocator of the whole process; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Malloc;

impl Malloc {
    /// Returns a block of `size` bytes, aligned to 16, if one is in hand; else it
    /// is [`miss`](Self::miss) that has one.
    ///
    /// Nothing is called, so whoever calls the other as the last thing it does
    /// needs no stack.
    #[inline(always)]
    #[must_use]
    pub fn hit(self, size: usize) -> Option<NonNull<u8>> {
        slot::get().hit(size)
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
        // What needs no stack comes first.
        if size > SLAB_MAX
            && let Some(span) = kept_span(slot::get(), size, ALIGN)
        {
            return Ok(span);
        }
        miss_far(size)
    }

    /// Takes back a block, whatever its layout; null is none.
    ///
    /// What no block begins at ends the program with a message, unless it lies
    /// in a slab.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this allocator, or is null.
    #[inline(always)]
    pub unsafe fn free(self, block: *mut u8) {
        let heap = slot::get();
        let page = Page::of(&MAP, block.addr());
        // SAFETY: live, says the caller; the page of null is nobody's, and stays so.
        if core::ptr::eq(unsafe { page.owner_of_live() }, heap) {
            // SAFETY: no slab is at zero.
            let block = unsafe { NonNull::new_unchecked(block) };
            // SAFETY: a live block of a slab of this thread's heap.
            if unsafe { page.free(block) } {
                see_to(block);
            }
        } else {
            // SAFETY: live and from this allocator, or null, says the caller.
            unsafe { free_far(block) }
        }
    }

    /// Bytes that the block at `block` has; zero for null, and where no block begins
    /// that is no slab's.
    ///
    /// What [`describe`](Describe::describe) says in fewer instructions: some programs
    /// ask at every allocation and every free.
    #[inline]
    #[must_use]
    pub fn usable_size(self, block: *mut u8) -> usize {
        let page = Page::of(&MAP, block.addr());
        if page.owner().is_null() {
            return usable_far(block);
        }
        page.block_size()
    }

    /// Makes a block fit `new`, moving it when it cannot stay, whatever its layout.
    ///
    /// The bytes up to the smaller size keep their values. A block that would
    /// waste more than half of itself moves.
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
        let Some(old) = self.describe(block) else {
            misuse::misuse("realloc of what is no block of this allocator", block);
            return Err(AllocError);
        };
        let fits = new.size() <= old.size() && new.align() <= old.align();
        if fits && old.size() / 2 <= new.size() {
            return Ok(block);
        }
        // As spans are asked for, so that one may stay.
        let new = if class_of(new).is_none() { inner(new) } else { new };
        let old = as_it_lies(block, old, new);
        if !is_span(old) && !is_span(new) {
            // Before another thread may be given what lies here.
            sampling::forget(block);
            // SAFETY: live, and the layout is the page's word.
            let moved = unsafe { LARGE.relocate(block, old, new, |relocate| HEAPS.cover_moved(relocate)) };
            if let Ok(moved) = moved {
                sampling::look_at(moved, LARGE.granted(new));
                return Ok(moved);
            }
            sampling::look_at(block, old.size());
        }
        // SAFETY: live, and the layout is the page's word.
        unsafe { reallocate(&self, block, old, new) }
    }

    /// Gives everything back to the system that is only kept for later: by this
    /// thread, by those that have ended, and of the shared spans. Returns the bytes
    /// that may have gone.
    pub fn trim(self) -> usize {
        let holes = threads::own().map_or(0, |heap| {
            sampling::put_down(heap);
            HEAPS.give_back(heap)
        });
        let holes = holes.saturating_add(HEAPS.give_back_idle());
        sampling::tidy();
        holes.saturating_add(SHARED_SPANS.with_pool(|spans| spans.parent().trim().saturating_add(spans.purge())))
    }
}

/// Who holds the memory, by [samples](MallocOptions::sample).
impl Malloc {
    /// Bytes for each of which one is sampled; zero if it is off.
    #[must_use]
    pub fn sample_mean(self) -> usize {
        sampling::mean()
    }

    /// Live blocks that were sampled.
    #[must_use]
    pub fn live_samples(self) -> usize {
        sampling::live()
    }

    /// Samples that there was no memory for.
    #[must_use]
    pub fn missed_samples(self) -> u64 {
        sampling::missed()
    }

    /// Has `listener` called after each sample, by the thread whose block it is; it may
    /// allocate.
    pub fn on_sample(self, listener: fn()) {
        sampling::listen(listener);
    }

    /// Copies live samples to the front of `room`, and says how many; their sizes are
    /// those that were granted.
    ///
    /// ```
    /// use blockwork::{Malloc, MallocOptions, combine::sampled::{Sample, pprof}};
    ///
    /// #[global_allocator]
    /// static GLOBAL: Malloc = Malloc;
    ///
    /// let mut options = MallocOptions::DEFAULT;
    /// options.sample = 64 << 10;
    /// Malloc.configure(options);
    ///
    /// let kept: Vec<_> = (0..2000).map(|_| Box::new([0_u8; 1000])).collect();
    /// let mut samples = vec![Sample::EMPTY; Malloc.live_samples() + 16];
    /// let count = Malloc.copy_samples(&mut samples);
    /// let bytes: f64 = samples[..count].iter().map(|sample| sample.stands_for(64 << 10).bytes).sum();
    /// assert!((500_000.0..5_000_000.0).contains(&bytes), "{bytes}");
    /// let mut file = Vec::new();
    /// pprof::write(&samples[..count], 64 << 10, &mut file)?;
    /// # drop(kept);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn copy_samples(self, room: &mut [Sample]) -> usize {
        sampling::copy(room)
    }
}

/// The layout of `block`, aligned to no less than `new` if it is no slab's and happens
/// to lie so: it may stay where it is then.
fn as_it_lies(block: NonNull<u8>, old: Layout, new: Layout) -> Layout {
    let may_stay = class_of(old).is_none() && block.addr().get().is_multiple_of(new.align());
    old.align_to(if may_stay { new.align() } else { 1 }).unwrap_or(old)
}

/// The alignment of every block.
const ALIGN: usize = 16;

/// A block of `size` bytes that no span is kept for.
#[inline(never)]
fn miss_far(size: usize) -> Result<NonNull<u8>, AllocError> {
    allocate_far(Layout::from_size_align(size.max(1), ALIGN).map_err(|_| AllocError)?)
}

/// The same as [`Malloc::miss`], with any alignment.
#[cold]
#[inline(never)]
fn miss_aligned(layout: Layout) -> Result<NonNull<u8>, AllocError> {
    allocate_far(layout)
}

/// A block for `layout`, not of no bytes, that is not in hand.
#[inline(always)]
fn allocate_far(layout: Layout) -> Result<NonNull<u8>, AllocError> {
    with_room(|heap| match class_of(layout) {
        Some(class) => {
            if HEAPS.is_time_to_look(heap) {
                clock::look(heap);
            }
            if sampling::mean() != 0 {
                return sampling::refill(heap, class);
            }
            HEAPS.refill(heap, class)
        }
        None => large(heap, layout),
    })
}

/// What `attempt` has from the heap of this thread, at the second time if need be:
/// something that is kept may be what was missing.
fn with_room(attempt: impl Fn(&'static Heap) -> Result<NonNull<u8>, AllocError>) -> Result<NonNull<u8>, AllocError> {
    let heap = threads::heap()?;
    attempt(heap).or_else(|AllocError| {
        Malloc.trim();
        attempt(heap)
    })
}

/// A block that no slab has.
fn large(heap: &Heap, layout: Layout) -> Result<NonNull<u8>, AllocError> {
    if let Some(span) = kept_span(heap, layout.size(), layout.align()) {
        return Ok(span);
    }
    let block = LARGE.allocate(layout, |block| HEAPS.cover(block))?;
    Ok(sampling::look_at(block, LARGE.granted(layout)))
}

/// The same, of zeroes: fresh ones need not be cleared.
fn large_zeroed(heap: &Heap, layout: Layout) -> Result<NonNull<u8>, AllocError> {
    if let Some(span) = kept_span(heap, layout.size(), layout.align()) {
        // SAFETY: a block is valid for writes of what is granted for it.
        unsafe { span.write_bytes(0, LARGE.granted(layout)) }
        return Ok(span);
    }
    let block = LARGE.allocate_zeroed(layout, |block| HEAPS.cover(block))?;
    Ok(sampling::look_at(block, LARGE.granted(layout)))
}

/// A block of `size` bytes, of more than a slab's, that `heap`, of this thread, has kept
/// the span of.
#[inline(always)]
fn kept_span(heap: &Heap, size: usize, align: usize) -> Option<NonNull<u8>> {
    let span = HEAPS.kept_span(heap, size, align)?;
    let page = Page::of(&MAP, span.addr().get());
    let granted = size.next_multiple_of(PAGE);
    page.set_align(PAGE);
    page.set_extent(span, granted);
    Some(sampling::look_at(span, granted))
}

/// Does what the slab calls for that `block`, of this thread's heap, was freed in.
///
/// Like [`free_far`], it looks up the page again: whoever calls it has nothing to
/// keep for it.
#[cold]
#[inline(never)]
fn see_to(block: NonNull<u8>) {
    HEAPS.see_to(slot::get(), Page::of(&MAP, block.addr().get()));
}

/// Bytes of a block that no slab has.
#[cold]
#[inline(never)]
fn usable_far(block: *mut u8) -> usize {
    let Some(block) = NonNull::new(block) else { return 0 };
    LARGE.layout_at(Page::of(&MAP, block.addr().get()), block).map_or(0, |layout| layout.size())
}

/// Frees a block that is not of this thread's slabs.
///
/// # Safety
///
/// - `block` is live and came from this allocator, or is null.
#[cold]
#[inline(never)]
unsafe fn free_far(block: *mut u8) {
    let page = Page::of(&MAP, block.addr());
    // What needs no stack comes first.
    if page.owner().is_null()
        && let Some(block) = NonNull::new(block)
        && let Some(layout) = LARGE.layout_at(page, block)
        && sampling::mean() == 0
        && let Some(heap) = threads::own()
        && is_span(layout)
    {
        page.set_extent(block, 0);
        // SAFETY: a span, of a page that was written about.
        return unsafe { HEAPS.give_span(heap, block, layout) };
    }
    // SAFETY: live and from this allocator, or null, says the caller.
    unsafe { free_farther(block) }
}

/// The same, for what is rare: it is another thread's, mapped by itself, or sampled.
///
/// # Safety
///
/// - `block` is live and came from this allocator, or is null.
#[inline(never)]
unsafe fn free_farther(block: *mut u8) {
    let Some(block) = NonNull::new(block) else { return };
    let page = Page::of(&MAP, block.addr().get());
    if sampling::is_its(page.owner()) {
        // SAFETY: a live block of a slab of that heap.
        return unsafe { sampling::free(page, block) };
    }
    if !page.owner().is_null() {
        // SAFETY: a live block of a slab.
        return unsafe { HEAPS.free_far(threads::own(), page, block) };
    }
    match LARGE.layout_at(page, block) {
        Some(layout) => {
            sampling::forget(block);
            match threads::own().filter(|_| is_span(layout)) {
                Some(heap) => {
                    page.set_extent(block, 0);
                    // SAFETY: a span, of a page that was written about.
                    unsafe { HEAPS.give_span(heap, block, layout) }
                }
                // SAFETY: live, on this page, with the layout of the page.
                None => unsafe { LARGE.deallocate(page, block, layout) },
            }
        }
        None => misuse::misuse("free of what is no block of this allocator", block),
    }
}

// SAFETY: blocks of slabs are disjoint, at multiples of their class's size from
// the page's start, and their own until freed; others are the spans' or the
// pages'. A block leads to its page's record, which says whose it is. Nothing
// panics.
unsafe impl Allocate for Malloc {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match slot::get().hit_aligned(layout) {
            Some(block) => Ok(block),
            None => miss_aligned(layout),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller's promise; blocks of no bytes are not ours.
            unsafe { self.free(block.as_ptr()) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        if layout.size() == 0 {
            return 0;
        }
        Quad::<SLAB_MAX>.round(layout).unwrap_or_else(|| LARGE.granted(layout))
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        if self.granted(old) == self.granted(new) {
            return Ok(());
        }
        if class_of(old).is_some() || class_of(new).is_some() {
            return Err(AllocError);
        }
        // SAFETY: live, and no slab's, as its size says.
        unsafe { LARGE.resize(Page::of(&MAP, block.addr().get()), block, old, new)? }
        sampling::forget(block);
        sampling::look_at(block, LARGE.granted(new));
        Ok(())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if class_of(layout).is_none() {
            return with_room(|heap| large_zeroed(heap, layout));
        }
        let block = self.allocate(layout)?;
        // SAFETY: a fresh block is valid for writes of what was asked, and more.
        unsafe { block.write_bytes(0, self.granted(layout)) }
        Ok(block)
    }
}

// SAFETY: the page's record says what its blocks are, and is zero where none are.
unsafe impl Describe for Malloc {
    fn describe(&self, address: NonNull<u8>) -> Option<Layout> {
        let page = Page::of(&MAP, address.addr().get());
        if page.owner().is_null() {
            return LARGE.layout_at(page, address);
        }
        let size = page.block_size();
        Layout::from_size_align(size, 1 << size.trailing_zeros().min(SLAB_MAX.trailing_zeros())).ok()
    }
}

impl Check for Malloc {
    fn check(&self) -> Result<(), &'static str> {
        SHARED_SPANS.check()
    }
}

crate::alloc::bridge!([] Malloc);
