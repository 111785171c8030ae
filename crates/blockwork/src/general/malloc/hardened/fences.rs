//! Memory that nobody may touch, around what is allocated.
//!
//! ```text
//! Fenced   [ none | block | none ]           mappings: chunks, books, the largest blocks
//! Railed   [ block ················ | none ] spans, which wait as a whole when they are freed
//! Gapped   [ slab | slab | none | slab ]     between slabs, at random
//! ```
//!
//! Each fence splits a mapping of the system, which has room for 65,530 of them; so
//! there is a bound on rails and gaps.

use core::{alloc::Layout, ptr::NonNull};

use super::HEAPS;
use crate::{
    alloc::{AllocError, Allocate, Check, empty},
    os::memory,
    raw::page_map::{PAGE, PageMap},
    source::pages::Pages,
    strategy::thread_heaps::{
        Record,
        ward::{Ward, once_in},
    },
    sync::atomic::{AtomicU32, Ordering},
};

/// Mappings with a fence before them and one behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fenced;

/// The fence and block of `layout`, and the bytes of each fence.
fn fenced(layout: Layout) -> Option<(Layout, usize)> {
    let fence = layout.align().max(Pages::page_size());
    let size = layout.size().checked_next_multiple_of(Pages::page_size())?;
    let outer = size.checked_add(fence.checked_mul(2)?)?;
    Some((Layout::from_size_align(outer, fence).ok()?, fence))
}

// SAFETY: pages of a reservation of its own, committed; nothing panics.
unsafe impl Allocate for Fenced {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let (outer, fence) = fenced(layout).ok_or(AllocError)?;
        let start = Pages::reserve(outer)?;
        // SAFETY: the fence is shorter than what was reserved.
        let block = unsafe { start.add(fence) };
        // SAFETY: inside of it.
        if unsafe { Pages::commit(NonNull::slice_from_raw_parts(block, self.granted(layout))) }.is_err() {
            // SAFETY: just reserved.
            unsafe { Pages.deallocate(start, outer) }
            return Err(AllocError);
        }
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0
            && let Some((outer, fence)) = fenced(layout)
        {
            // SAFETY: `allocate` left so much between the reservation's start and the block.
            let start = unsafe { block.sub(fence) };
            // SAFETY: `allocate` reserved it with this layout, which is a function of the class.
            unsafe { Pages.deallocate(start, outer) }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        if layout.size() == 0 || fenced(layout).is_none() {
            return layout.size();
        }
        Pages.granted(layout)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }
}

impl Check for Fenced {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Rails and gaps that there are.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The most rails and gaps that there may be.
const MOST: u32 = 16 * 1024;

/// Makes whole pages inaccessible, behind what begins at `ward`'s page; whether it has.
///
/// # Safety
///
/// - The pages are the caller's, and nobody uses them until they are [opened](open).
unsafe fn close(map: &'static PageMap<Ward>, base: NonNull<u8>, behind: usize, size: usize) -> bool {
    // Relaxed: a bound that need not be kept to the last one.
    if COUNT.load(Ordering::Relaxed) >= MOST || HEAPS.cover(base).is_err() {
        return false;
    }
    // SAFETY: the caller's pages.
    let start = unsafe { base.add(behind) };
    // SAFETY: whole pages that nobody uses.
    if unsafe { memory::deny(start, size) }.is_err() {
        return false;
    }
    // Relaxed: as above.
    COUNT.fetch_add(1, Ordering::Relaxed);
    Ward::of(map, base.addr().get()).set_railed(true);
    true
}

/// Makes pages accessible that were [closed](close); whether it could.
///
/// # Safety
///
/// - They were, and behind the same base.
unsafe fn open(map: &'static PageMap<Ward>, base: NonNull<u8>, behind: usize, size: usize) -> bool {
    // SAFETY: they lie behind the same base as when they were closed, says the caller.
    let start = unsafe { base.add(behind) };
    // SAFETY: whole pages, reserved, which nobody uses while they are closed.
    if unsafe { memory::commit(start, size) }.is_err() {
        return false;
    }
    forget(Ward::of(map, base.addr().get()));
    true
}

/// Counts what was closed behind `ward`'s page, if something was, as open.
fn forget(ward: &Ward) {
    if ward.is_railed() {
        ward.set_railed(false);
        // Relaxed: as in `close`.
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Spans that end with a page of the system of their own, which is
/// inaccessible unless there are too many.
#[derive(Debug)]
pub(super) struct Railed<S> {
    map: &'static PageMap<Ward>,
    spans: S,
}

impl<S: Allocate> Railed<S> {
    pub(super) const fn new(map: &'static PageMap<Ward>, spans: S) -> Self {
        Self { map, spans }
    }

    /// The span for a block of `layout`.
    fn inner(layout: Layout) -> Result<Layout, AllocError> {
        let size = layout.size().checked_add(Pages::page_size()).ok_or(AllocError)?;
        Layout::from_size_align(size, layout.align()).map_err(|_| AllocError)
    }

    /// Puts up a rail behind a new span.
    fn rail(&self, block: NonNull<u8>, layout: Layout) -> NonNull<u8> {
        // SAFETY: the last page of the span, which its holder is not told of.
        unsafe { close(self.map, block, self.granted(layout), Pages::page_size()) };
        block
    }
}

// SAFETY: the spans are the parent's, one for one, and a page longer than what
// is told; the parent opens what it has back. Nothing panics.
unsafe impl<S: Allocate> Allocate for Railed<S> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.spans.allocate(Self::inner(layout)?)?;
        Ok(self.rail(block, layout))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let Ok(inner) = Self::inner(layout) else { return };
        forget(Ward::of(self.map, block.addr().get()));
        // SAFETY: the parent gave it for `inner` of a layout of this class, says the caller.
        unsafe { self.spans.deallocate(block, inner) }
    }

    fn granted(&self, layout: Layout) -> usize {
        match Self::inner(layout) {
            Ok(inner) => self.spans.granted(inner).saturating_sub(Pages::page_size()).max(layout.size()),
            Err(AllocError) => layout.size(),
        }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.spans.allocate_zeroed(Self::inner(layout)?)?;
        Ok(self.rail(block, layout))
    }
}

/// Pages for slabs, some of which have an inaccessible one behind them.
#[derive(Debug)]
pub(super) struct Gapped<S> {
    map: &'static PageMap<Ward>,
    spans: S,
}

/// A gap follows one slab in so many.
const GAPS: u32 = 16;

impl<S: Allocate> Gapped<S> {
    pub(super) const fn new(map: &'static PageMap<Ward>, spans: S) -> Self {
        Self { map, spans }
    }

    /// A slab and a gap.
    fn both(layout: Layout) -> Option<Layout> {
        Layout::from_size_align(layout.size().checked_add(PAGE)?, layout.align()).ok()
    }

    /// A slab with a gap behind it.
    fn with_gap(&self, layout: Layout) -> Option<NonNull<u8>> {
        let both = Self::both(layout)?;
        let slab = self.spans.allocate(both).ok()?;
        // SAFETY: the rest of the span, which the slab's holder is not told of.
        if unsafe { close(self.map, slab, layout.size(), PAGE) } {
            return Some(slab);
        }
        // SAFETY: just allocated with this layout.
        unsafe { self.spans.deallocate(slab, both) }
        None
    }
}

// SAFETY: the spans are the parent's; nothing panics.
unsafe impl<S: Allocate> Allocate for Gapped<S> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if once_in(GAPS)
            && let Some(slab) = self.with_gap(layout)
        {
            return Ok(slab);
        }
        self.spans.allocate(layout)
    }

    unsafe fn deallocate(&self, slab: NonNull<u8>, layout: Layout) {
        if !Ward::of(self.map, slab.addr().get()).is_railed() {
            // SAFETY: not railed, so the parent was asked for this layout.
            return unsafe { self.spans.deallocate(slab, layout) };
        }
        let Some(both) = Self::both(layout) else { return };
        // SAFETY: as it was closed. What cannot be opened can be nobody's either.
        if unsafe { open(self.map, slab, layout.size(), PAGE) } {
            // SAFETY: railed, so the parent was asked for the gap, too.
            unsafe { self.spans.deallocate(slab, both) }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        layout.size()
    }
}
