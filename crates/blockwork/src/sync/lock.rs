//! [`Lock`]: any way to keep threads, or interrupts, out of each other's way.
//!
//! | lock | waits by | for |
//! |---|---|---|
//! | `std::sync::Mutex<()>` | sleeping | programs with an operating system |
//! | a [spin lock](super::spin) | spinning | short holds, and no operating system |
//! | any of `lock_api` | as it does: parking_lot sleeps in less space, spin has tickets | programs that have them |
//! | `CriticalSection` | masking interrupts | what an interrupt handler shares |
//! | [`DefaultLock`] | the first of these that there is | everyone else |

#[cfg(feature = "std")]
use std::sync::{Mutex, PoisonError};

#[cfg(not(feature = "std"))]
use super::SpinLock;

/// Lets one thread at a time run something.
///
/// # Safety
///
/// - Between the calls of [`with`](Self::with) on one lock there is an order:
///   what one `run` did happens before the next `run` of another thread (or
///   interrupt handler) begins. Two threads are never inside `run` at once.
/// - `with` runs `run` exactly once before it returns, and unwinds only if
///   `run` does; the lock is free again either way.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no lock",
    label = "does not implement `Lock`",
    note = "locks are `Mutex<()>`, `SpinLock`; with the feature `lock-api` any `lock_api::Mutex<_, ()>`, with `critical-section` `CriticalSection`"
)]
pub unsafe trait Lock {
    /// Runs `run` while no other thread is inside a call of this method.
    fn with<R>(&self, run: impl FnOnce() -> R) -> R;
}

// SAFETY: the guard excludes and orders, lives until `run` has ended in either
// way, and is given back only then. A poisoned mutex excludes as well as any
// other: what it guards is not in it.
#[cfg(feature = "std")]
unsafe impl Lock for Mutex<()> {
    #[inline]
    fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        let _held = self.lock().unwrap_or_else(PoisonError::into_inner);
        run()
    }
}

/// `parking_lot::Mutex<()>` is one of these.
// SAFETY: a raw mutex excludes and orders, for its implementation promises it; the
// guard lives until `run` has ended in either way, and is given back only then.
#[cfg(feature = "lock-api")]
unsafe impl<M: lock_api::RawMutex> Lock for lock_api::Mutex<M, ()> {
    #[inline]
    fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        let _held = self.lock();
        run()
    }
}

/// A lock for those who have no wish: std's mutex where there is std, else a
/// [spin lock](super::spin).
///
/// One type in both cases, so that turning the feature `std` on changes no
/// signature.
#[derive(Debug, Default)]
pub struct DefaultLock {
    #[cfg(feature = "std")]
    lock: Mutex<()>,
    #[cfg(not(feature = "std"))]
    lock: SpinLock,
}

impl DefaultLock {
    /// Returns a lock that is free.
    #[cfg(feature = "std")]
    #[must_use]
    pub const fn new() -> Self {
        Self { lock: Mutex::new(()) }
    }

    /// Returns a lock that is free.
    #[cfg(not(feature = "std"))]
    #[must_use]
    pub const fn new() -> Self {
        Self { lock: SpinLock::new() }
    }
}

// SAFETY: the lock inside keeps the promises.
unsafe impl Lock for DefaultLock {
    #[inline]
    fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        self.lock.with(run)
    }
}

/// The critical section that the program provides: usually, interrupts are off.
///
/// All of these are the same lock. What runs inside should be short.
#[cfg(feature = "critical-section")]
#[derive(Clone, Copy, Debug, Default)]
pub struct CriticalSection;

// SAFETY: at most one thread or handler is inside the critical section of a
// program, and each sees what the one before did; whoever provides it vouches
// for that. It ends by a guard, whichever way `run` does.
#[cfg(feature = "critical-section")]
unsafe impl Lock for CriticalSection {
    #[inline]
    fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        critical_section::with(|_| run())
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use core::cell::Cell;
    use std::thread;

    use super::*;

    /// A plain integer that threads share by the lock beside it alone.
    struct Tally<L> {
        lock: L,
        count: Cell<usize>,
    }

    // SAFETY: `count` is only touched inside `lock`, or by the last thread left.
    unsafe impl<L: Sync> Sync for Tally<L> {}

    fn excludes<L: Lock + Sync>(lock: L) {
        const ROUNDS: usize = 2000;
        let tally = &Tally { lock, count: Cell::new(0) };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        tally.lock.with(|| tally.count.update(|count| count.wrapping_add(1)));
                    }
                });
            }
        });
        assert_eq!(tally.count.get(), 4 * ROUNDS);
    }

    #[expect(clippy::panic, reason = "what the test is about")]
    fn outlives_a_panic(lock: &(impl Lock + Sync)) {
        let panicked = thread::scope(|scope| scope.spawn(|| lock.with(|| panic!("expected"))).join());
        assert!(panicked.is_err());
        assert_eq!(lock.with(|| 7), 7);
    }

    #[test]
    fn locks_let_one_thread_in_at_a_time() {
        excludes(Mutex::new(()));
        excludes(crate::SpinLock::new());
        excludes(DefaultLock::new());
        #[cfg(feature = "lock-api")]
        excludes(parking_lot::Mutex::new(()));
        #[cfg(feature = "lock-api")]
        excludes(spin::lock_api::Mutex::new(()));
        #[cfg(feature = "critical-section")]
        excludes(CriticalSection);
    }

    #[test]
    fn a_panic_inside_frees_the_lock() {
        outlives_a_panic(&Mutex::new(()));
        outlives_a_panic(&crate::SpinLock::new());
        outlives_a_panic(&DefaultLock::new());
        #[cfg(feature = "lock-api")]
        outlives_a_panic(&parking_lot::Mutex::new(()));
        #[cfg(feature = "lock-api")]
        outlives_a_panic(&spin::lock_api::Mutex::new(()));
        #[cfg(feature = "critical-section")]
        outlives_a_panic(&CriticalSection);
    }
}
