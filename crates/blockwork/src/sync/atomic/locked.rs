//! [`AtomicU64`]: where the processor exchanges fewer bits at once.
//!
//! ```text
//! [ lock | number ]    one thread at a time reads or changes the number
//! ```
//!
//! | | |
//! |---|---|
//! | time | that of a [spin lock](crate::SpinLock) |
//! | space | 16 bytes |
//! | waiting | for a thread that is between taking the lock and giving it back |
//!
//! When not to use it: in interrupt handlers, which would wait for what they
//! interrupt. The crate portable-atomic masks interrupts where it is told to.

use core::cell::Cell;

use super::Ordering;
use crate::sync::{Lock as _, SpinLock};

/// A number that threads share; see the [module](self).
///
/// The orderings are asked for, as of any atomic type, and exceeded: what comes
/// before an operation is seen by whoever sees the operation, and all operations
/// on all such numbers stand in one order.
#[derive(Debug, Default)]
pub(crate) struct AtomicU64 {
    lock: SpinLock,
    number: Cell<u64>,
}

// SAFETY: the number is touched inside the lock only.
unsafe impl Sync for AtomicU64 {}

impl AtomicU64 {
    pub(crate) const fn new(number: u64) -> Self {
        Self { lock: SpinLock::new(), number: Cell::new(number) }
    }

    pub(crate) fn load(&self, _: Ordering) -> u64 {
        self.lock.with(|| self.number.get())
    }

    pub(crate) fn store(&self, new: u64, _: Ordering) {
        self.lock.with(|| self.number.set(new));
    }

    pub(crate) fn swap(&self, new: u64, _: Ordering) -> u64 {
        self.lock.with(|| self.number.replace(new))
    }

    pub(crate) fn compare_exchange(&self, current: u64, new: u64, _: Ordering, _: Ordering) -> Result<u64, u64> {
        self.lock.with(|| {
            let found = self.number.get();
            if found == current {
                self.number.set(new);
                Ok(found)
            } else {
                Err(found)
            }
        })
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.compare_exchange(current, new, success, failure)
    }

    pub(crate) fn fetch_add(&self, more: u64, _: Ordering) -> u64 {
        self.lock.with(|| self.number.replace(self.number.get().wrapping_add(more)))
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic;
    use std::thread;

    use super::*;

    const ORDER: Ordering = Ordering::Relaxed;

    #[test]
    fn every_operation_answers_as_cores_does() {
        let (ours, theirs) = (AtomicU64::new(7), atomic::AtomicU64::new(7));
        for step in [0, 1, 7, 8, 9, u64::MAX, 1 << 32] {
            assert_eq!(ours.fetch_add(step, ORDER), theirs.fetch_add(step, ORDER));
            assert_eq!(ours.compare_exchange(8, step, ORDER, ORDER), theirs.compare_exchange(8, step, ORDER, ORDER));
            assert_eq!(ours.swap(step, ORDER), theirs.swap(step, ORDER));
            let now = theirs.load(ORDER);
            assert_eq!(ours.compare_exchange_weak(now, !step, ORDER, ORDER), Ok(now));
            theirs.store(!step, ORDER);
            assert_eq!(ours.load(ORDER), theirs.load(ORDER));
            ours.store(step, ORDER);
            theirs.store(step, ORDER);
        }
    }

    #[test]
    fn no_exchange_is_lost_between_threads() {
        const ROUNDS: u64 = 2000;
        static SHARED: AtomicU64 = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let mut seen = SHARED.load(ORDER);
                        // Halves that must change together.
                        let next = |seen: u64| seen.wrapping_add(1 << 32 | 1);
                        while let Err(found) = SHARED.compare_exchange_weak(seen, next(seen), ORDER, ORDER) {
                            seen = found;
                        }
                    }
                });
            }
        });
        assert_eq!(SHARED.load(ORDER), 4 * ROUNDS * (1 << 32 | 1));
    }
}
