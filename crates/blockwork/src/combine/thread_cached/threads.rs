//! Where each thread finds its seats.
//!
//! ```text
//! thread-local:  [ key, seat | key, seat | … ]     16 buckets
//!                       └─► seat ─► seat           instances that share a bucket
//! ```
//!
//! An instance is known by its *key*: the address of its hub, with the number of
//! a bucket in bits that its alignment leaves free. While a thread has a seat, the
//! hub is held, so no other hub has that address: a key is never mistaken.
//!
//! Two thread-local variables. One is plain data without a destructor, readable
//! until the thread is gone. The other does nothing but be destroyed: then the
//! seats are left, and from there on the thread, which may still run other
//! destructors, has none.

use core::{
    cell::Cell,
    ptr::{self, NonNull},
};

#[cfg(any(loom, shuttle))]
use heap::rc::Rc;

use super::hub::{self, Hub, HubRef};
use crate::raw::roster::Seat;

/// Buckets: with more instances than this on one thread, some share one.
const BUCKETS: usize = 16;

/// Where a key has the number of its bucket: bits that the alignment of a hub
/// leaves free, and so placed that they are also the bucket's offset.
const SHIFT: u32 = size_of::<Bucket>().ilog2();
const _: () = assert!(BUCKETS << SHIFT <= align_of::<Hub>() && size_of::<Bucket>().is_power_of_two());

/// The seats of a thread whose keys have this number.
struct Bucket {
    /// The key of the first seat; nobody's, and not null, if there is none.
    key: Cell<*mut ()>,
    /// The first seat; null if there is none.
    seat: Cell<*mut Seat>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody would notice the end of the thread.
    New,
    /// That is being arranged, perhaps with the help of an allocator.
    Opening,
    Open,
    /// The seats were left.
    Closed,
}

struct Thread {
    buckets: [Bucket; BUCKETS],
    phase: Cell<Phase>,
}

/// Leaves all seats when the thread ends.
#[cfg(not(any(loom, shuttle)))]
struct AtExit;
/// The same, which keeps what a model takes away.
#[cfg(any(loom, shuttle))]
struct AtExit(Rc<Thread>);

#[cfg(not(any(loom, shuttle)))]
std::thread_local! {
    static THREAD: Thread = const { Thread::new() };
    static AT_EXIT: AtExit = const { AtExit };
}
#[cfg(loom)]
loom::thread_local! {
    static THREAD: Rc<Thread> = Rc::new(Thread::new());
    static AT_EXIT: AtExit = AtExit(THREAD.with(Rc::clone));
}
#[cfg(shuttle)]
shuttle::thread_local! {
    static THREAD: Rc<Thread> = Rc::new(Thread::new());
    static AT_EXIT: AtExit = AtExit(THREAD.with(Rc::clone));
}

/// Runs `run` with what this thread knows.
#[cfg(not(any(loom, shuttle)))]
#[inline]
fn here<R>(run: impl FnOnce(&Thread) -> R) -> R {
    THREAD.with(run)
}

/// In a model a variable is gone for destructors of others, destructor or not:
/// then the thread is one that has left its seats.
#[cfg(any(loom, shuttle))]
fn here<R>(run: impl FnOnce(&Thread) -> R) -> R {
    let thread = THREAD.try_with(Rc::clone).unwrap_or_else(|_| {
        let gone = Thread::new();
        gone.phase.set(Phase::Closed);
        Rc::new(gone)
    });
    run(&thread)
}

/// The number of the next key: another bucket each time.
#[cfg(not(any(loom, shuttle)))]
fn next_number() -> usize {
    use crate::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: any number will do.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// In a model all instances share a bucket, as every run has to be alike.
#[cfg(any(loom, shuttle))]
const fn next_number() -> usize {
    0
}

/// The name that threads know an instance by.
///
/// Null before an instance has a hub; that is no seat's key.
#[derive(Clone, Copy)]
pub(super) struct Key(*mut ());

impl Key {
    /// A key for `hub`, with the number that is next.
    pub(super) fn new(hub: HubRef) -> Self {
        let bucket = next_number() % BUCKETS;
        Self(hub.as_ptr().as_ptr().map_addr(|address| address | (bucket << SHIFT)).cast())
    }

    pub(super) const fn from_ptr(raw: *mut ()) -> Self {
        Self(raw)
    }

    pub(super) const fn as_ptr(self) -> *mut () {
        self.0
    }

    /// The hub, if there is one yet.
    ///
    /// # Safety
    ///
    /// - The key is null, or the hub has a holder as long as the result is used.
    pub(super) unsafe fn hub(self) -> Option<HubRef> {
        let hub = NonNull::new(self.0)?.map_addr(|address| {
            let hub = address.get() & !(align_of::<Hub>().wrapping_sub(1));
            core::num::NonZero::new(hub).unwrap_or(address)
        });
        // SAFETY: made from a hub, with nothing but the number added.
        Some(unsafe { HubRef::new(hub.cast()) })
    }
}

/// This thread's seat at `key`, if it is the first of its bucket.
#[inline]
pub(super) fn seat(key: Key) -> Option<NonNull<Seat>> {
    here(|thread| {
        let bucket = thread.bucket(key);
        if !ptr::addr_eq(bucket.key.get(), key.0) {
            return None;
        }
        // SAFETY: a bucket without a seat has a key that is nobody's.
        Some(unsafe { NonNull::new_unchecked(bucket.seat.get()) })
    })
}

/// This thread's seat at `key`, wherever it is, or a new one; none for a thread
/// that is ending, or without memory.
///
/// # Safety
///
/// - `key` is that of an instance that stays while this runs.
#[cold]
pub(super) unsafe fn find_or_enter(key: Key) -> Option<NonNull<Seat>> {
    here(|thread| {
        if thread.phase.get() == Phase::Closed {
            return None;
        }
        // SAFETY: the instance of the key stays while this runs, says the caller.
        thread.find(key).or_else(|| unsafe { thread.enter(key) })
    })
}

/// Drops what this thread knows of `key`, whose instance has closed its seats.
pub(super) fn forget(key: Key) {
    here(|thread| {
        if let Some(seat) = thread.find(key) {
            thread.bucket(key).pop();
            // SAFETY: this thread sat there.
            unsafe { hub::forget(seat) }
        }
    });
}

impl Thread {
    const fn new() -> Self {
        Self { buckets: [const { Bucket::new() }; BUCKETS], phase: Cell::new(Phase::New) }
    }

    #[inline]
    fn bucket(&self, Key(key): Key) -> &Bucket {
        let [first, ..] = &self.buckets;
        self.buckets.get((key.addr() >> SHIFT) % BUCKETS).unwrap_or(first)
    }

    /// The seat at `key`, which is now the first of its bucket.
    fn find(&self, key: Key) -> Option<NonNull<Seat>> {
        self.bucket(key).find(|seat| ptr::addr_eq(seat.key.get(), key.0))
    }

    /// Sits down at the hub of `key`.
    ///
    /// # Safety
    ///
    /// - `key` is that of an instance that stays while this runs.
    unsafe fn enter(&self, key: Key) -> Option<NonNull<Seat>> {
        self.open()?;
        let bucket = self.bucket(key);
        // Instances that went: their records go when the last thread lets go.
        while let Some(over) = bucket.find(Seat::is_over) {
            bucket.pop();
            // SAFETY: this thread sat there, and the seat is over.
            unsafe { hub::forget(over) }
        }
        // SAFETY: the instance of the key stays while this runs, says the caller.
        let seat = unsafe { key.hub() }?.enter()?;
        // SAFETY: just entered.
        unsafe { seat.as_ref() }.key.set(key.0);
        bucket.push(seat);
        Some(seat)
    }

    /// Makes sure that the end of the thread will be noticed.
    fn open(&self) -> Option<()> {
        if self.phase.get() == Phase::New {
            // What arranges it may allocate, even from whoever is asking.
            self.phase.set(Phase::Opening);
            let opened = AT_EXIT.try_with(|_| ()).is_ok();
            self.phase.set(if opened { Phase::Open } else { Phase::Closed });
        }
        (self.phase.get() == Phase::Open).then_some(())
    }

    /// Leaves all seats, and takes none any more.
    fn close(&self) {
        self.phase.set(Phase::Closed);
        for bucket in &self.buckets {
            while let Some(seat) = bucket.pop() {
                // SAFETY: this thread sat there.
                unsafe { hub::leave(seat) }
            }
        }
    }
}

/// What the end of the calling thread does, before it ends: in a model a thread is
/// joined before its variables go.
#[cfg(all(test, loom))]
pub(super) fn end() {
    here(Thread::close);
}

impl Bucket {
    const fn new() -> Self {
        Self { key: Cell::new(ptr::without_provenance_mut(1)), seat: Cell::new(ptr::null_mut()) }
    }

    /// Makes `seat`, or none, the first.
    fn set(&self, seat: Option<NonNull<Seat>>) {
        // SAFETY: in the list of this thread, which holds it.
        let key = seat.map_or(ptr::without_provenance_mut(1), |seat| unsafe { seat.as_ref() }.key.get());
        self.key.set(key);
        self.seat.set(seat.map_or(ptr::null_mut(), NonNull::as_ptr));
    }

    fn push(&self, seat: NonNull<Seat>) {
        // SAFETY: this thread sits there.
        unsafe { seat.as_ref() }.beside.set(NonNull::new(self.seat.get()));
        self.set(Some(seat));
    }

    fn pop(&self) -> Option<NonNull<Seat>> {
        let seat = NonNull::new(self.seat.get())?;
        // SAFETY: this thread sits there.
        self.set(unsafe { seat.as_ref() }.beside.take());
        Some(seat)
    }

    /// The first seat that `is` the one, which is now the first of all.
    fn find(&self, is: impl Fn(&Seat) -> bool) -> Option<NonNull<Seat>> {
        let mut before: Option<NonNull<Seat>> = None;
        let mut next = NonNull::new(self.seat.get());
        while let Some(found) = next {
            // SAFETY: this thread sits there.
            let seat = unsafe { found.as_ref() };
            if is(seat) {
                if let Some(before) = before {
                    // SAFETY: this thread sits there.
                    unsafe { before.as_ref() }.beside.set(seat.beside.take());
                    self.push(found);
                }
                return Some(found);
            }
            before = next;
            next = seat.beside.get();
        }
        None
    }
}

impl Drop for AtExit {
    fn drop(&mut self) {
        #[cfg(not(any(loom, shuttle)))]
        here(Thread::close);
        #[cfg(any(loom, shuttle))]
        self.0.close();
    }
}
