//! [`Waiting`]: freed spans and mappings that wait before their addresses are used again.
//!
//! ```text
//! free ─► [ none | none | none | none ] ─► the one that has waited longest is free
//!           inaccessible, all of it
//! ```
//!
//! Whoever reads or writes through a pointer that is left over meets a fence, and whoever frees it
//! again is told so.

use core::{alloc::Layout, ptr, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate},
    os::memory,
    raw::page_map::PageMap,
    source::pages::Pages,
    strategy::thread_heaps::{
        Record,
        ward::{Ward, wipes},
    },
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

/// How many wait.
const PLACES: usize = 16;

/// What a parent is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// It uses the memory again as it is, so blocks keep theirs, and long ones do not wait.
    Keeps,
    /// It gives everything back to the system.
    Unmaps,
}

/// The most bytes that wait with their memory.
const KEPT: usize = 1 << 20;

/// See the [module](self).
///
/// Their lengths are in the records of their pages, so that a place is a word, and no lock is
/// held when the process forks.
#[derive(Debug)]
pub(super) struct Waiting<S> {
    map: &'static PageMap<Ward>,
    blocks: S,
    parent: Parent,
    places: [AtomicPtr<u8>; PLACES],
    /// The place of the one that has waited longest; wraps.
    turn: AtomicUsize,
}

impl<S: Allocate> Waiting<S> {
    /// Blocks of `blocks`, whose pages `map` has records of.
    pub(super) const fn new(map: &'static PageMap<Ward>, blocks: S, parent: Parent) -> Self {
        Self {
            map,
            blocks,
            parent,
            places: [const { AtomicPtr::new(ptr::null_mut()) }; PLACES],
            turn: AtomicUsize::new(0),
        }
    }

    /// Frees all that waits.
    pub(super) fn empty(&self) {
        for place in &self.places {
            self.put(place, ptr::null_mut());
        }
    }

    /// Puts `block` into a place, and frees the one that was there.
    fn put(&self, place: &AtomicPtr<u8>, block: *mut u8) {
        // AcqRel: whoever takes a block sees what is said of it.
        let Some(block) = NonNull::new(place.swap(block, Ordering::AcqRel)) else { return };
        let ward = Ward::of(self.map, block.addr().get());
        let Ok(layout) = Layout::from_size_align(ward.waiting().get(), ward.page().align()) else { return };
        // SAFETY: given up by its holder, and ours since.
        unsafe { self.free(block, layout) }
    }

    /// Frees a block that has waited, or does not.
    ///
    /// # Safety
    ///
    /// - As for [`Allocate::deallocate`].
    unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: whole pages, which nobody uses. What cannot be opened can be nobody's either.
        if self.parent == Parent::Unmaps || unsafe { memory::commit(block, self.granted(layout)) }.is_ok() {
            // SAFETY: as it was given up.
            unsafe { self.blocks.deallocate(block, layout) }
        }
    }
}

// SAFETY: the blocks are the parent's, one for one; nothing panics.
unsafe impl<S: Allocate> Allocate for Waiting<S> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.blocks.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let size = self.granted(layout);
        let empties = self.parent == Parent::Unmaps || wipes();
        if size > KEPT && !empties {
            // SAFETY: live, with this layout, and given up, says the caller.
            return unsafe { self.free(block, layout) };
        }
        let ward = Ward::of(self.map, block.addr().get());
        ward.waiting().set(size);
        ward.page().set_align(layout.align());
        // SAFETY: whole pages, the caller's until now. If they cannot be closed they wait as they are.
        let _closed = unsafe { memory::deny(block, size) };
        if empties {
            // SAFETY: nobody needs what they hold.
            let _gone = unsafe { Pages::decommit(NonNull::slice_from_raw_parts(block, size)) };
        }
        // Relaxed: any order will do.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % PLACES;
        if let Some(place) = self.places.get(turn) {
            self.put(place, block.as_ptr());
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.blocks.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: live, of these blocks, and both layouts are as they must be, says the caller.
        unsafe { self.blocks.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.blocks.allocate_zeroed(layout)
    }
}
