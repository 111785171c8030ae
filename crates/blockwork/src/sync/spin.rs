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
    use super::*;

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

    #[test]
    fn no_two_threads_are_inside_at_once() {
        loom::model(|| {
            let shared = Arc::new((SpinLock::new(), UnsafeCell::new(0)));
            let add = |shared: &(SpinLock, UnsafeCell<u32>)| {
                let (lock, count) = shared;
                // SAFETY: loom tells if another thread is here at the same time.
                lock.with(|| count.with_mut(|count| unsafe { *count += 1 }));
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
}
