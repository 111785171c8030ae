//! [`FutexLock`]: a lock of one word whose waiters sleep.
//!
//! ```text
//! 0 free ── acquire ─► 1 held ── another waits ─► 2 held, and someone sleeps
//! ```
//!
//! For allocators: it allocates nothing and needs no std. A process that forks can
//! hold it meanwhile, so that the child finds it free, and what it guards whole.

use rustix::thread::futex;

use crate::sync::{
    Lock,
    atomic::{AtomicU32, Ordering},
};

const FREE: u32 = 0;
const HELD: u32 = 1;
const WAITED_FOR: u32 = 2;

/// Looks at the word before going to sleep.
const LOOKS: u32 = 100;

/// A lock of one word whose waiters sleep: for allocators, since it allocates
/// nothing and needs no std.
#[derive(Debug, Default)]
pub struct FutexLock {
    state: AtomicU32,
}

impl FutexLock {
    /// A lock that is free.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(FREE) }
    }

    /// Takes the lock, for a [`release`](Self::release).
    #[inline]
    pub(crate) fn acquire(&self) {
        // Acquire: sees what the last holder did; pairs with Release in `release`.
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait();
        }
    }

    #[cold]
    fn wait(&self) {
        for _ in 0..LOOKS {
            // Relaxed: a hint when to try. Acquire: as in `acquire`.
            if self.state.load(Ordering::Relaxed) == FREE
                && self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            core::hint::spin_loop();
        }
        // Acquire: as in `acquire`.
        while self.state.swap(WAITED_FOR, Ordering::Acquire) != FREE {
            // Woken, interrupted or too late: each is a reason to look again.
            let _again = futex::wait(&self.state, futex::Flags::PRIVATE, WAITED_FOR, None);
        }
    }

    /// Frees the lock.
    ///
    /// It is held, and what it guards not looked at until it is taken again.
    #[inline]
    pub(crate) fn release(&self) {
        // Release: publishes what was done inside; pairs with Acquire in `acquire`.
        if self.state.swap(FREE, Ordering::Release) == WAITED_FOR {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        let _woken = futex::wake(&self.state, futex::Flags::PRIVATE, 1);
    }
}

// SAFETY: who turns the word from free is inside, alone, until `Held` frees it,
// whichever way `run` ends; the pair of orderings makes what was done inside
// visible to the next.
unsafe impl Lock for FutexLock {
    #[inline]
    fn with<R>(&self, run: impl FnOnce() -> R) -> R {
        self.acquire();
        let _held = Held(self);
        run()
    }
}

/// Frees the lock when it goes.
struct Held<'a>(&'a FutexLock);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.release();
    }
}
