//! [`Roster`]: who has a seat at a shared thing, when either may go first.
//!
//! ```text
//!            enter                    leave                    take, vacate
//! vacant ──────────► occupied ──────────────────► left ─► mail ───────────► vacant
//!                       │                           │
//!                       └────── close ──► over ◄────┘
//! ```
//!
//! A *seat* is a record with something in it that belongs to the thread that sits
//! there. A thread that ends leaves the seat as it is and posts it; whoever uses
//! the shared thing next takes what is in it and vacates it for the next thread.
//! When the shared thing itself ends, it closes every seat and takes what is in
//! them, also from threads that sit there still.
//!
//! So at a seat there is one question, asked from two sides that do not wait for
//! each other: *left* or *over*? One exchange of its state answers it. Nobody else
//! touches what is in a seat at that time: a thread touches its own only while
//! it uses the shared thing, which is then not ending.
//!
//! The memory of the roster and of all its seats is kept by a count: one for the
//! shared thing, one for each seat that is occupied. Who gives up the last one
//! frees it all; before that no seat is freed, so seats can be found without a
//! lock.

use core::{
    cell::{Cell, UnsafeCell},
    iter, ptr,
    ptr::NonNull,
};

use super::{
    free_list::{FreeList, Link},
    mail::{Mail, Parcel},
};
use crate::sync::{
    atomic::{AtomicPtr, AtomicUsize, Ordering},
    interleave::interleave,
};

/// Nobody sits here, and nothing is in it.
const VACANT: usize = 0;
/// A thread sits here; what is in it is that thread's.
const OCCUPIED: usize = 1;
/// The thread has left; what is in it is his who takes the seat from the mail.
const LEFT: usize = 2;
/// The roster has closed; what is in it is his who closed.
const OVER: usize = 3;

/// The seats of a shared thing; see the [module](self).
#[derive(Debug)]
pub(crate) struct Roster {
    /// Holders of the memory.
    holders: AtomicUsize,
    /// Seats that were left with something in them.
    left: Mail,
    /// The newest seat. Seats are added, never removed.
    seats: AtomicPtr<Seat>,
}

/// The head of a seat, which what is in it may follow.
///
/// It has cache lines of its own: other threads' seats are busy.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Seat {
    /// Where the mail links the seat.
    link: UnsafeCell<Link>,
    state: AtomicUsize,
    /// The seat that was added before; never changes once this one is in a roster.
    older: Cell<Option<NonNull<Self>>>,
    roster: NonNull<Roster>,
    /// The name of the shared thing, for the thread that sits here.
    pub(crate) key: Cell<*mut ()>,
    /// The next seat of the same thread, for that thread.
    pub(crate) beside: Cell<Option<NonNull<Self>>>,
}

impl Seat {
    /// An occupied seat for [`add`](Roster::add) to `roster`.
    pub(crate) fn new(roster: NonNull<Roster>) -> Self {
        Self {
            link: UnsafeCell::new(Link { next: None }),
            state: AtomicUsize::new(OCCUPIED),
            older: Cell::new(None),
            roster,
            key: Cell::new(ptr::null_mut()),
            beside: Cell::new(None),
        }
    }

    /// The roster that it is of.
    pub(crate) const fn roster(&self) -> NonNull<Roster> {
        self.roster
    }

    /// Whether the roster has closed.
    pub(crate) fn is_over(&self) -> bool {
        // Relaxed: who sees it only gives up its hold.
        self.state.load(Ordering::Relaxed) == OVER
    }

    /// Lets another thread sit here.
    ///
    /// The seat was taken from [`Roster::left`], and nothing is in it any more.
    pub(crate) fn vacate(&self) {
        // Release: publishes that the seat is empty; pairs with Acquire in `enter`.
        self.state.store(VACANT, Ordering::Release);
    }
}

impl Roster {
    /// A roster without seats; the caller is its one holder.
    pub(crate) fn new() -> Self {
        Self { holders: AtomicUsize::new(1), left: Mail::new(), seats: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Sits down on a vacant seat, if there is one, and becomes a holder.
    pub(crate) fn enter(&self) -> Option<NonNull<Seat>> {
        let seat = self.seats().find(|seat| {
            // SAFETY: seats are there as long as the roster.
            let state = &unsafe { seat.as_ref() }.state;
            // Acquire: sees that the seat is empty; pairs with Release in
            // `vacate`. Relaxed: a seat that is not vacant is none of ours.
            state.load(Ordering::Relaxed) == VACANT
                && state.compare_exchange(VACANT, OCCUPIED, Ordering::Acquire, Ordering::Relaxed).is_ok()
        })?;
        self.hold();
        Some(seat)
    }

    /// Adds an occupied seat; whoever sits there becomes a holder.
    ///
    /// # Safety
    ///
    /// - `seat` is a new seat of this roster, valid until the last holder is gone.
    pub(crate) unsafe fn add(&self, seat: NonNull<Seat>) {
        self.hold();
        // Relaxed: only compared; the exchange decides.
        let mut newest = self.seats.load(Ordering::Relaxed);
        loop {
            // SAFETY: valid, and nobody else knows it yet.
            unsafe { seat.as_ref() }.older.set(NonNull::new(newest));
            // Release: publishes the seat; pairs with Acquire in `seats`. Nothing
            // is removed, so the head that is compared cannot come back (no ABA).
            match self.seats.compare_exchange_weak(newest, seat.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Becomes one more holder; the caller is one, or knows one who stays.
    fn hold(&self) {
        // Relaxed: a count alone.
        self.holders.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives up a hold; whether that was the last one.
    ///
    /// If it was, the memory of the roster and its seats is the caller's; if not,
    /// it may be gone when this returns.
    #[must_use]
    pub(crate) fn release(&self) -> bool {
        // Release: what this holder did comes before the end; Acquire: the end
        // comes after what the others did. The pair is this operation itself.
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Leaves `seat` with all that is in it; the caller still is a holder.
    ///
    /// # Safety
    ///
    /// - `seat` is of this roster, the caller sits there, and now no more.
    pub(crate) unsafe fn leave(&self, seat: NonNull<Seat>) {
        // SAFETY: valid as long as there is a holder.
        let state = &unsafe { seat.as_ref() }.state;
        interleave();
        // Release: publishes what is in it; pairs with Acquire in `close`. Relaxed:
        // if the roster has closed, it has taken what is in it, and knows the rest.
        if state.compare_exchange(OCCUPIED, LEFT, Ordering::Release, Ordering::Relaxed).is_ok() {
            let parcel = Parcel::new();
            // SAFETY: a seat begins with room for a link, used by the mail alone,
            // and outlives the mail.
            unsafe { parcel.push(seat.cast()) }
            interleave();
            self.left.post(parcel);
        }
    }

    /// Takes the seats that were left; what is in them is the caller's, who then
    /// [vacates](Seat::vacate) them.
    ///
    /// While this is used, nobody closes the roster.
    pub(crate) fn left(&self) -> impl Iterator<Item = NonNull<Seat>> {
        let taken: FreeList = self.left.take();
        iter::from_fn(move || taken.pop()).map(NonNull::cast)
    }

    /// Ends every seat: what is in them is the caller's.
    ///
    /// # Safety
    ///
    /// - Nobody uses the shared thing, now or later: threads that sit here only
    ///   leave, and no one else enters.
    pub(crate) unsafe fn close(&self) -> impl Iterator<Item = NonNull<Seat>> {
        self.seats().inspect(|seat| {
            // SAFETY: seats are there as long as the roster.
            let state = &unsafe { seat.as_ref() }.state;
            // Acquire: sees what is in it, if a thread has just left; pairs with
            // Release in `leave`. Release is not needed: the thread that sits
            // there touches nothing but its hold from here on.
            state.swap(OVER, Ordering::Acquire);
        })
    }

    /// All seats, vacant or not, from the newest.
    pub(crate) fn seats(&self) -> impl Iterator<Item = NonNull<Seat>> {
        // Acquire: sees the seat; pairs with Release in `add`, also for older
        // ones, as each addition goes on with what the last one released.
        let newest = NonNull::new(self.seats.load(Ordering::Acquire));
        // SAFETY: seats are there as long as the roster.
        iter::successors(newest, |seat| unsafe { seat.as_ref() }.older.get())
    }
}

#[cfg(all(test, loom))]
mod models {
    use heap::boxed::Box;

    use loom::{cell::UnsafeCell, thread};

    use super::*;

    /// A seat, and what is in it.
    #[repr(C)]
    struct Desk {
        seat: Seat,
        papers: UnsafeCell<u32>,
    }

    /// A roster that threads point to.
    #[derive(Clone, Copy)]
    struct Office(NonNull<Roster>);

    // SAFETY: the count of holders is what these models test.
    unsafe impl Send for Office {}

    impl Office {
        fn open() -> Self {
            Self(NonNull::from(Box::leak(Box::new(Roster::new()))))
        }

        fn roster(&self) -> &Roster {
            // SAFETY: the caller holds it.
            unsafe { self.0.as_ref() }
        }

        /// Sits down and leaves papers.
        fn work(&self, papers: u32) -> Sitting {
            let seat = self.roster().enter().unwrap_or_else(|| {
                let desk = Desk { seat: Seat::new(self.0), papers: UnsafeCell::new(0) };
                let seat = NonNull::from(Box::leak(Box::new(desk))).cast();
                // SAFETY: new, and freed with the roster.
                unsafe { self.roster().add(seat) };
                seat
            });
            assert_eq!(papers_of(seat), 0, "a vacant seat is empty");
            // SAFETY: as `papers_of`.
            unsafe { seat.cast::<Desk>().as_ref() }.papers.with_mut(|place| unsafe { *place = papers });
            Sitting(seat)
        }

        /// Leaves, as a thread that ends.
        fn go_home(&self, Sitting(seat): Sitting) {
            // SAFETY: this thread sits there.
            unsafe { self.roster().leave(seat) };
            self.give_up();
        }

        /// Collects what those who left have left.
        fn tidy_up(&self) -> u32 {
            self.roster()
                .left()
                .map(|seat| {
                    let papers = take_papers(seat);
                    // SAFETY: valid.
                    unsafe { seat.as_ref() }.vacate();
                    papers
                })
                .sum()
        }

        /// Ends it all.
        fn close(&self) -> u32 {
            // SAFETY: the models use it only to leave from here on.
            let papers = unsafe { self.roster().close() }.map(take_papers).sum();
            self.give_up();
            papers
        }

        fn give_up(&self) {
            if self.roster().release() {
                // SAFETY: the last holder; leaked by `open`.
                let roster = unsafe { Box::from_raw(self.0.as_ptr()) };
                for seat in roster.seats().collect::<heap::vec::Vec<_>>() {
                    // SAFETY: leaked by `work`, and nobody's.
                    drop(unsafe { Box::from_raw(seat.cast::<Desk>().as_ptr()) });
                }
            }
        }
    }

    struct Sitting(NonNull<Seat>);

    // SAFETY: a seat may change threads with what is in it.
    unsafe impl Send for Sitting {}

    fn papers_of(seat: NonNull<Seat>) -> u32 {
        // SAFETY: a desk; loom tells if another thread is at it.
        unsafe { seat.cast::<Desk>().as_ref() }.papers.with(|papers| unsafe { *papers })
    }

    fn take_papers(seat: NonNull<Seat>) -> u32 {
        let papers = papers_of(seat);
        // SAFETY: as `papers_of`.
        unsafe { seat.cast::<Desk>().as_ref() }.papers.with_mut(|place| unsafe { *place = 0 });
        papers
    }

    #[test]
    fn a_thread_that_ends_while_the_roster_closes_loses_nothing() {
        loom::model(|| {
            let office = Office::open();
            let (one, two) = (office.work(1), office.work(2));
            let home = thread::spawn(move || office.go_home(one));
            assert_eq!(office.close(), 3);
            // This one is still there when all is over.
            office_after_close(office, two);
            home.join().unwrap();
        });
    }

    /// A thread that ends after the roster: its seat is over, its hold is not.
    fn office_after_close(office: Office, sitting: Sitting) {
        // SAFETY: held by whoever sits there.
        assert!(unsafe { sitting.0.as_ref() }.is_over());
        office.go_home(sitting);
    }

    #[test]
    fn what_a_thread_leaves_is_found_once_and_its_seat_again() {
        loom::model(|| {
            let office = Office::open();
            let one = office.work(1);
            let other = thread::spawn(move || {
                office.go_home(one);
            });
            let found = office.tidy_up();
            // Perhaps on the seat that was left.
            let here = office.work(4);
            other.join().unwrap();
            assert_eq!(found + office.tidy_up(), 1);
            office.go_home(here);
            assert_eq!(office.close(), 4);
        });
    }

    #[test]
    fn two_threads_never_share_a_seat() {
        loom::model(|| {
            let office = Office::open();
            let first = office.work(8);
            office.go_home(first);
            assert_eq!(office.tidy_up(), 8);
            let visit = move |papers| {
                let sitting = office.work(papers);
                assert_eq!(papers_of(sitting.0), papers);
                office.go_home(sitting);
            };
            let other = thread::spawn(move || visit(1));
            visit(2);
            other.join().unwrap();
            assert_eq!(office.close(), 3);
        });
    }
}
