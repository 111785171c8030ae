//! What the threads of one [`ThreadCached`](super::ThreadCached) share, and what
//! each of them keeps.
//!
//! ```text
//! Hub   [ roster | shelf of class 0 | shelf of class 1 | … ]     one per instance
//! Seat  [ head   | rack of class 0  | rack of class 1  | … ]     one per thread that uses it
//! ```
//!
//! All of it is memory of [`System`], in records that never move, because
//! threads point to them while the instance itself may move.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::raw::{
    magazine::{Depot, Magazine},
    roster::{Roster, Seat},
};
#[cfg(not(loom))]
use crate::{alloc::Allocate as _, source::system::System};

/// The head of what threads share; the shelves follow.
#[derive(Debug)]
#[repr(C, align(256))]
pub(super) struct Hub {
    roster: Roster,
    classes: usize,
}

/// Magazines of one class on their way between threads.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shelf {
    /// With blocks in them.
    pub(super) full: Depot<Magazine>,
    /// Without.
    pub(super) empty: Depot<Magazine>,
}

/// The two magazines that a thread has of one class, so that one block more and
/// one block less at the border of one do not exchange it each time.
#[derive(Debug)]
pub(super) struct Rack {
    /// The one in use.
    pub(super) loaded: Cell<NonNull<Magazine>>,
    /// The one that was in use before.
    pub(super) previous: Cell<NonNull<Magazine>>,
}

/// A pointer to a [`Hub`] that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HubRef(NonNull<Hub>);

/// Records of hubs and seats that are there, to find leaks.
#[cfg(all(test, not(any(loom, shuttle))))]
pub(super) static RECORDS: crate::sync::atomic::AtomicUsize = crate::sync::atomic::AtomicUsize::new(0);

fn allocate(layout: Layout) -> Option<NonNull<u8>> {
    #[cfg(not(loom))]
    let record = System.allocate(layout).ok()?;
    // loom tells of what is never freed, or freed while another thread uses it.
    #[cfg(loom)]
    // SAFETY: no record is of size zero.
    let record = NonNull::new(unsafe { loom::alloc::alloc(layout) })?;
    #[cfg(all(test, not(any(loom, shuttle))))]
    RECORDS.fetch_add(1, crate::sync::atomic::Ordering::Relaxed);
    Some(record)
}

/// # Safety
///
/// - `record` came from `allocate` with this layout.
unsafe fn free(record: NonNull<u8>, layout: Layout) {
    #[cfg(all(test, not(any(loom, shuttle))))]
    RECORDS.fetch_sub(1, crate::sync::atomic::Ordering::Relaxed);
    #[cfg(loom)]
    // SAFETY: it came from `allocate` with this layout, says the caller.
    unsafe {
        loom::alloc::dealloc(record.as_ptr(), layout);
    }
    #[cfg(not(loom))]
    // SAFETY: it came from `allocate` with this layout, says the caller.
    unsafe {
        System.deallocate(record, layout);
    }
}

/// A head and an array behind it; where the array begins.
fn layout<Head, Item>(count: usize) -> Option<(Layout, usize)> {
    let (layout, offset) = Layout::new::<Head>().extend(Layout::array::<Item>(count).ok()?).ok()?;
    Some((layout.pad_to_align(), offset))
}

impl HubRef {
    /// A new hub for so many classes, held by the caller.
    pub(super) fn create(classes: usize) -> Option<Self> {
        let (layout, shelves) = layout::<Hub, Shelf>(classes)?;
        let record = allocate(layout)?;
        let hub = record.cast::<Hub>();
        // SAFETY: room for a hub.
        unsafe { hub.write(Hub { roster: Roster::new(), classes }) }
        // SAFETY: inside the record.
        let shelves = unsafe { record.add(shelves) }.cast::<Shelf>();
        for class in 0..classes {
            // SAFETY: inside the record.
            let shelf = unsafe { shelves.add(class) };
            // SAFETY: room for a shelf.
            unsafe { shelf.write(Shelf { full: Depot::new(), empty: Depot::new() }) }
        }
        Some(Self(hub))
    }

    /// # Safety
    ///
    /// - `hub` came from [`as_ptr`](Self::as_ptr), and has a holder as long as
    ///   this, or a shelf of it, is used.
    pub(super) const unsafe fn new(hub: NonNull<Hub>) -> Self {
        Self(hub)
    }

    /// The hub that `seat` is at.
    ///
    /// # Safety
    ///
    /// - `seat` is a seat of a hub with a holder.
    unsafe fn of(seat: NonNull<Seat>) -> Self {
        // SAFETY: a seat stays as long as its hub has a holder, says the caller.
        let roster = unsafe { seat.as_ref() }.roster();
        Self(roster.cast())
    }

    pub(super) const fn as_ptr(self) -> NonNull<Hub> {
        self.0
    }

    const fn head(&self) -> &Hub {
        // SAFETY: there, with all its memory, as long as there is a holder.
        unsafe { self.0.as_ref() }
    }

    const fn roster(&self) -> &Roster {
        &self.head().roster
    }

    /// The shelf of `class`, if there is such a class.
    pub(super) fn shelf<'a>(self, class: usize) -> Option<&'a Shelf> {
        let classes = self.head().classes;
        let (_, shelves) = layout::<Hub, Shelf>(classes)?;
        // SAFETY: inside the record.
        let shelves = unsafe { self.0.cast::<u8>().add(shelves) }.cast::<Shelf>();
        // SAFETY: there are so many; they live as long as the hub, which has a
        // holder.
        unsafe { core::slice::from_raw_parts(shelves.as_ptr(), classes) }.get(class)
    }

    /// The shelves, by class.
    pub(super) fn shelves<'a>(self) -> impl Iterator<Item = (usize, &'a Shelf)> {
        (0..self.head().classes).filter_map(move |class| Some((class, self.shelf(class)?)))
    }

    /// Sits down, on a seat that nobody has or a new one.
    pub(super) fn enter(self) -> Option<NonNull<Seat>> {
        self.roster().enter().or_else(|| self.add_seat())
    }

    fn add_seat(self) -> Option<NonNull<Seat>> {
        let classes = self.head().classes;
        let (layout, racks) = layout::<Seat, Rack>(classes)?;
        let record = allocate(layout)?;
        let seat = record.cast::<Seat>();
        // SAFETY: room for a seat.
        unsafe { seat.write(Seat::new(self.0.cast())) }
        // SAFETY: inside the record.
        let racks = unsafe { record.add(racks) }.cast::<Rack>();
        for class in 0..classes {
            // SAFETY: inside the record.
            let rack = unsafe { racks.add(class) };
            // SAFETY: room for a rack.
            unsafe { rack.write(Rack::new()) }
        }
        // SAFETY: new, of this hub, and freed with it.
        unsafe { self.roster().add(seat) }
        Some(seat)
    }

    /// The seats that threads have left; what is in them is the caller's.
    pub(super) fn left(&self) -> impl Iterator<Item = NonNull<Seat>> {
        self.roster().left()
    }

    /// Ends every seat; what is in them is the caller's.
    ///
    /// # Safety
    ///
    /// - Nobody uses the instance, now or later.
    pub(super) unsafe fn close(&self) -> impl Iterator<Item = NonNull<Seat>> {
        // SAFETY: nobody uses the instance, now or later, says the caller.
        unsafe { self.roster().close() }
    }

    /// All seats.
    #[cfg(test)]
    pub(super) fn seats(&self) -> impl Iterator<Item = NonNull<Seat>> {
        self.roster().seats()
    }

    /// Gives up a hold, and frees the records if it was the last.
    ///
    /// # Safety
    ///
    /// - The caller is a holder, and now no more.
    pub(super) unsafe fn release(self) {
        if !self.roster().release() {
            return;
        }
        let classes = self.head().classes;
        let Some((of_seat, _)) = layout::<Seat, Rack>(classes) else { return };
        let mut seats = self.roster().seats();
        let mut next = seats.next();
        while let Some(seat) = next {
            // The next one is known by this one.
            next = seats.next();
            // SAFETY: nobody's any more; allocated so.
            unsafe { free(seat.cast(), of_seat) }
        }
        drop(seats);
        let Some((of_hub, _)) = layout::<Hub, Shelf>(classes) else { return };
        // SAFETY: nobody's any more; allocated so.
        unsafe { free(self.0.cast(), of_hub) }
    }
}

/// Leaves `seat` with all that is in it, as the thread that sits there ends.
///
/// # Safety
///
/// - The caller sits there, and now no more.
pub(super) unsafe fn leave(seat: NonNull<Seat>) {
    // SAFETY: whoever sits there is a holder.
    let hub = unsafe { HubRef::of(seat) };
    // SAFETY: this thread sat there, and now no more, says the caller.
    unsafe { hub.roster().leave(seat) }
    // SAFETY: the hold of the seat.
    unsafe { hub.release() }
}

/// Gives up the hold of a seat that is over.
///
/// # Safety
///
/// - The caller sits there, and now no more; the seat is over.
pub(super) unsafe fn forget(seat: NonNull<Seat>) {
    // SAFETY: whoever sits there is a holder.
    let hub = unsafe { HubRef::of(seat) };
    // SAFETY: the hold of the seat.
    unsafe { hub.release() }
}

/// The rack of `class` at `seat`.
///
/// # Safety
///
/// - `seat` is a seat of a hub with a holder and more than `class` classes.
/// - What is in it is the caller's as long as the reference is used.
#[inline]
pub(super) unsafe fn rack<'a>(seat: NonNull<Seat>, class: usize) -> &'a Rack {
    const { assert!(size_of::<Seat>().is_multiple_of(align_of::<Rack>()), "racks follow the head") }
    // SAFETY: racks follow the head.
    let racks = unsafe { seat.add(1) }.cast::<Rack>();
    // SAFETY: there are more than `class`.
    let rack = unsafe { racks.add(class) };
    // SAFETY: there, and the caller's.
    unsafe { rack.as_ref() }
}

impl Rack {
    fn new() -> Self {
        Self { loaded: Cell::new(Magazine::nothing()), previous: Cell::new(Magazine::nothing()) }
    }

    /// Takes both magazines out.
    pub(super) fn clear(&self) -> [NonNull<Magazine>; 2] {
        [self.loaded.replace(Magazine::nothing()), self.previous.replace(Magazine::nothing())]
    }

    /// Lets the two change places.
    pub(super) fn swap(&self) {
        self.loaded.swap(&self.previous);
    }
}

/// A new magazine for so many blocks.
pub(super) fn new_magazine(capacity: usize) -> Option<NonNull<Magazine>> {
    let memory = allocate(Magazine::layout(capacity))?;
    // SAFETY: fresh, and of that layout; callers ask for no more than there may be.
    Some(unsafe { Magazine::init(memory, capacity) })
}

/// Frees a magazine, unless it is that of nothing.
///
/// # Safety
///
/// - `magazine` came from [`new_magazine`] or [`Magazine::nothing`], is nobody
///   else's, and is never used again.
pub(super) unsafe fn free_magazine(magazine: NonNull<Magazine>) {
    // SAFETY: a magazine.
    let capacity = unsafe { magazine.as_ref() }.capacity();
    if capacity != 0 {
        // SAFETY: allocated so.
        unsafe { free(magazine.cast(), Magazine::layout(capacity)) }
    }
}
