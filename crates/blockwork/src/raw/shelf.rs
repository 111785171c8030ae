//! [`Shelf`]: one block of memory cut into equal places, each lent for a while.
//!
//! ```text
//! memory  [ Shelf | lent | free ─┐ lent | free ◄┘ | untouched … ]
//! ```
//!
//! Small books of equal size share a shelf, so a parent that hands out whole
//! pages is not asked for a page for each of them.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::raw::list::{Linked, Links};

/// The head of a shelf; its places follow.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Shelf {
    links: Links<Self>,
    place_size: usize,
    places: usize,
    /// Places that were never lent: the last of the shelf.
    untouched: Cell<usize>,
    /// Places that are lent now.
    lent: Cell<usize>,
    /// Places that came back, linked through their first word.
    free: Cell<Option<NonNull<Place>>>,
}

/// A place that came back.
#[derive(Debug)]
struct Place {
    next: Option<NonNull<Self>>,
}

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for Shelf {}

impl Shelf {
    /// The least memory for a shelf whose places hold `place_size` bytes.
    pub(crate) const fn layout(place_size: usize) -> Option<Layout> {
        let head = Layout::new::<Self>();
        match head.size().checked_add(place_size) {
            Some(size) => match Layout::from_size_align(size, head.align()) {
                Ok(layout) => Some(layout),
                Err(_) => None,
            },
            None => None,
        }
    }

    /// Makes a shelf of `memory`, with as many places as fit.
    ///
    /// # Safety
    ///
    /// - `memory` is valid for `bytes` bytes and aligned as in [`layout`](Self::layout),
    ///   whose size is not above `bytes`.
    /// - `place_size` is a multiple of the alignment of a pointer, and not zero.
    /// - Nobody else touches `memory` while the shelf is in use.
    pub(crate) unsafe fn write(memory: NonNull<u8>, bytes: usize, place_size: usize) -> NonNull<Self> {
        let places = bytes.saturating_sub(size_of::<Self>()).checked_div(place_size).unwrap_or(0);
        let head = Self {
            links: Links::new(),
            place_size,
            places,
            untouched: Cell::new(places),
            lent: Cell::new(0),
            free: Cell::new(None),
        };
        let shelf = memory.cast::<Self>();
        // SAFETY: aligned and large enough for the head, says the caller.
        unsafe { shelf.write(head) }
        shelf
    }

    /// Whether a place is free.
    pub(crate) const fn has_room(&self) -> bool {
        self.lent.get() < self.places
    }

    /// Whether no place is lent.
    pub(crate) const fn is_idle(&self) -> bool {
        self.lent.get() == 0
    }

    /// Lends a place of `shelf`; its bytes are uninitialised.
    ///
    /// # Safety
    ///
    /// - `shelf` came from [`write`](Self::write) and has room.
    pub(crate) unsafe fn lend(shelf: NonNull<Self>) -> NonNull<u8> {
        // SAFETY: the caller says that the shelf is in use.
        let head = unsafe { shelf.as_ref() };
        head.lent.set(head.lent.get().wrapping_add(1));
        if let Some(place) = head.free.get() {
            // SAFETY: free places are ours and hold their link.
            head.free.set(unsafe { place.read() }.next);
            return place.cast();
        }
        let index = head.places.wrapping_sub(head.untouched.get());
        head.untouched.set(head.untouched.get().wrapping_sub(1));
        let offset = index.wrapping_mul(head.place_size).wrapping_add(size_of::<Self>());
        // SAFETY: fewer than `places` places come before it, and all of them
        // lie in the shelf's memory.
        unsafe { shelf.cast::<u8>().add(offset) }
    }

    /// Takes back `place`.
    ///
    /// # Safety
    ///
    /// - `place` was lent by `shelf`, and nobody uses it any more.
    pub(crate) unsafe fn take_back(shelf: NonNull<Self>, place: NonNull<u8>) {
        // SAFETY: a shelf that lent a place is in use.
        let head = unsafe { shelf.as_ref() };
        let place = place.cast::<Place>();
        // SAFETY: places are aligned for a pointer and large enough; this one is ours again.
        unsafe { place.write(Place { next: head.free.get() }) }
        head.free.set(Some(place));
        head.lent.set(head.lent.get().wrapping_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;

    const PLACE: usize = 40;

    #[test]
    fn places_are_disjoint_and_come_back() {
        let mut memory = [MaybeUninit::<u64>::uninit(); 64];
        let bytes = size_of_val(&memory);
        let start = NonNull::from(&mut memory).cast::<u8>();
        // SAFETY: aligned like a `u64`, of the size named, and ours alone.
        let shelf = unsafe { Shelf::write(start, bytes, PLACE) };
        // SAFETY: just written.
        let head = unsafe { shelf.as_ref() };
        let mut last = None;
        while head.has_room() {
            // SAFETY: it has room.
            let place = unsafe { Shelf::lend(shelf) };
            let from = last.map_or(start.addr().get() + size_of::<Shelf>(), |at: NonNull<u8>| at.addr().get() + PLACE);
            assert_eq!(place.addr().get(), from);
            last = Some(place);
        }
        let place = last.unwrap();
        assert_eq!(head.lent.get(), (bytes - size_of::<Shelf>()) / PLACE);
        assert!(place.addr().get() + PLACE <= start.addr().get() + bytes);
        // SAFETY: lent above, and not used.
        unsafe { Shelf::take_back(shelf, place) };
        assert!(head.has_room());
        // SAFETY: it has room.
        assert_eq!(unsafe { Shelf::lend(shelf) }, place);
    }

    #[test]
    fn the_least_memory_holds_one_place() {
        let mut memory = [MaybeUninit::<u64>::uninit(); 64];
        let layout = Shelf::layout(PLACE).unwrap();
        let start = NonNull::from(&mut memory).cast::<u8>();
        // SAFETY: aligned like a `u64`, larger than named, and ours alone.
        let shelf = unsafe { Shelf::write(start, layout.size(), PLACE) };
        // SAFETY: just written.
        let head = unsafe { shelf.as_ref() };
        assert!(head.is_idle() && head.has_room());
        // SAFETY: it has room.
        let place = unsafe { Shelf::lend(shelf) };
        assert!(!head.is_idle() && !head.has_room());
        // SAFETY: lent above, and not used.
        unsafe { Shelf::take_back(shelf, place) };
        assert!(head.is_idle());
    }

    #[test]
    fn an_impossible_place_has_no_layout() {
        assert_eq!(Shelf::layout(usize::MAX), None);
        assert_eq!(Shelf::layout(isize::MAX as usize), None);
    }
}
