//! [`SpinLock`]: one flag, and patience.
//!
//! ```text
//! held ─ false? ─ yes: make it true ─► inside ─► make it false
//!           └──── no ─► look until it is false, try again
//! ```
//!
//! | | |
//! |---|---|
//! | time | one compare-exchange and one store when nobody else is here |
//! | space | one byte |
//! | waiting | looks without writing; with `std`, lets other threads run |
//!
//! When not to use it: where the holder can be preempted for long, or by an
//! interrupt that wants in; sleep on a mutex or mask interrupts there.

use super::{
    Lock,
    atomic::{AtomicBool, Ordering},
};

/// A lock of one byte that waits by spinning; see the [module](self).
#[derive(Debug, Default)]
pub struct SpinLock {
    held: AtomicBool,
}

impl SpinLock {
    /// Returns a lock that is free.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { held: AtomicBool::new(false) }
    }

    /// Returns a lock that is free. loom's atomics cannot be made in `const`.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { held: AtomicBool::new(false) }
    }

    #[inline]
    fn acquire(&self) {
        // Acquire: sees what the last holder did; pairs with Release in `Held`.
        // Relaxed: who did not get in has seen nothing.
        while self.held.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait();
        }
    }

    /// Returns when the lock looks free.
    #[cold]
    fn wait(&self) {
        pause();
        // Relaxed: a hint when to try again; the exchange decides.
        while self.held.load(Ordering::Relaxed) {
            pause();
        }
    }
}

// SAFETY: who finds the flag down and puts it up is inside, alone; `Held` takes
// it down when `run` has ended in either way, and the pair of orderings makes
// what was done inside visible to the next.
unsafe impl Lock for SpinLock {
    #[inline]
    fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        self.acquire();
        let _held = Held(&self.held);
        run()
    }
}

/// Takes the flag down when it goes.
struct Held<'a>(&'a AtomicBool);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: publishes what was done inside; pairs with Acquire in `acquire`.
        self.0.store(false, Ordering::Release);
    }
}

/// Stays away from a word that another thread has just changed, twice as long as
/// the last time: so that thread can do more than one thing with it.
///
/// Not for long, and for no one: who never comes back is not waited for.
#[cold]
#[inline(never)]
pub(crate) fn back_off(rounds: u32) -> u32 {
    const MOST: u32 = 64;
    #[cfg(not(any(loom, shuttle)))]
    (0..rounds).for_each(|_| core::hint::spin_loop());
    rounds.saturating_mul(2).min(MOST)
}

/// Passes a little time; the holder may need this processor.
pub(crate) fn pause() {
    #[cfg(not(any(loom, shuttle)))]
    core::hint::spin_loop();
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    std::thread::yield_now();
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(shuttle)]
    shuttle::thread::yield_now();
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use core::cell::UnsafeCell;

    use super::*;

    /// Planted for `ThreadSanitizer`: `cargo xtask ci` sets this, and demands that the race is
    /// reported.
    const PLANT: &str = "BLOCKWORK_PLANT_RACE";

    struct Counter(UnsafeCell<u32>);

    // SAFETY: counted behind the lock, but for the race that is planted.
    unsafe impl Sync for Counter {}

    #[test]
    fn what_is_counted_behind_the_lock_is_no_race() {
        const EACH: u32 = 1000;
        let (lock, counter) = (SpinLock::new(), Counter(UnsafeCell::new(0)));
        let is_planted = std::env::var_os(PLANT).is_some();
        let add = || {
            let place = counter_place(&counter);
            // SAFETY: nobody else is inside of the lock.
            unsafe { *place += 1 };
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..EACH).for_each(|_| if is_planted { add() } else { lock.with(add) }));
            }
        });
        assert!(is_planted || counter.0.into_inner() == 2 * EACH);
    }

    fn counter_place(counter: &Counter) -> *mut u32 {
        counter.0.get()
    }

    #[test]
    fn a_static_lock_needs_no_set_up() {
        static LOCK: SpinLock = SpinLock::new();
        assert!(LOCK.with(|| LOCK.held.load(Ordering::Relaxed)));
        assert!(!LOCK.held.load(Ordering::Relaxed));
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    /// Two threads add, each inside of the lock, which `with` takes and lets go.
    fn add_twice(with: fn(&SpinLock, &dyn Fn())) {
        loom::model(move || {
            let shared = Arc::new((SpinLock::new(), UnsafeCell::new(0)));
            let add = move |shared: &(SpinLock, UnsafeCell<u32>)| {
                let (lock, count) = shared;
                // SAFETY: loom tells if another thread is here at the same time.
                with(lock, &|| count.with_mut(|count| unsafe { *count += 1 }));
            };
            let other = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || add(&shared))
            };
            add(&shared);
            other.join().unwrap();
            // SAFETY: the other thread has ended.
            assert_eq!(shared.1.with(|count| unsafe { *count }), 2);
        });
    }

    #[test]
    fn no_two_threads_are_inside_at_once() {
        add_twice(|lock, run| lock.with(run));
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn a_lock_planted_without_release_is_found() {
        add_twice(|lock, run| {
            lock.acquire();
            run();
            // Relaxed: the mistake.
            lock.held.store(false, Ordering::Relaxed);
        });
    }
}
