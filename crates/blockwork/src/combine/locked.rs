//! [`Locked`]: one allocator for many threads, one at a time.
//!
//! ```text
//! thread ──┐
//! thread ──┼─► lock ─► parent.allocate(layout)
//! handler ─┘
//!          └────────► parent.granted(layout): no lock, it reads what never changes
//! ```
//!
//! | | |
//! |---|---|
//! | time | one lock per operation above the parent |
//! | space | the lock |
//! | sharing | `Sync` where the parent is `Send` and the lock `Sync` |
//! | failure | whenever the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! Any [`Lock`] will do; `new` takes the [`DefaultLock`]. An operation that
//! calls back into the same `Locked` waits for itself, so nothing below the
//! lock may allocate through it.
//!
//! The lock of a `#[global_allocator]` must not allocate. std's mutex does, at
//! first use, on systems without futexes (macOS among them): take a
//! [`SpinLock`](crate::SpinLock) there.
//!
//! # Which lock
//!
//! A block of 64 bytes, allocated and freed in a locked `BlockPool`: instructions;
//! time by one thread, as a ratio to the first line; and the time of each of two
//! threads that do nothing else, as a ratio to the same lock with one. The range
//! is that of the medians of three runs, on two cores of a virtual machine that
//! was not idle.
//!
//! | lock | instructions | one thread | two threads |
//! |---|---|---|---|
//! | [`SpinLock`](crate::SpinLock) | 16 | 1 | 2.1 to 2.5 |
//! | `spin::lock_api::Mutex<()>` | 20 | 1.0 | 11 to 15 |
//! | `parking_lot::Mutex<()>` | 21 | 1.9 | 2.4 to 3.8 |
//! | `std::sync::Mutex<()>` | 41 | 1.9 | 6 to 12 |
//! | none | 7 | | |
//!
//! What two threads pay is mostly for the cache line that they take from each
//! other, and with std's mutex for the calls that make a thread sleep and wake it.
//! The spin lock lets other threads run while it waits, so that a holder that
//! lost its processor gets it back, and the line is left alone: that is what
//! spin's does not. None of them is what two threads want that allocate all the
//! time: with a [`ThreadCached`](crate::combine::thread_cached) around a lock, each takes as
//! long as one alone.
//!
//! # When not to use it
//!
//! Under contention. Every thread waits here; give each its own allocator, or
//! share one made for it.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use std::thread;
//! use blockwork::{Allocate, Counted, Locked, System};
//!
//! static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
//!
//! thread::scope(|scope| {
//!     for size in [100, 200] {
//!         let layout = Layout::array::<u8>(size).unwrap();
//!         scope.spawn(move || HEAP.allocate(layout).is_ok());
//!     }
//! });
//! assert_eq!(HEAP.with_parent(|counted| counted.counts().bytes_live), 300);
//! ```

use core::{alloc::Layout, fmt, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Census, Check, Owns, Reset},
    sync::{DefaultLock, Lock},
};

/// Shares `A` between threads behind the lock `L`; see the [module](self).
pub struct Locked<A, L = DefaultLock> {
    parent: A,
    lock: L,
}

// SAFETY: all of `A` that changes is only reached inside the lock, one thread at
// a time and in order, as if it moved between them: that takes `A: Send`. What
// is read outside is `granted`, which may run on any thread at any time.
unsafe impl<A: Send, L: Lock + Sync> Sync for Locked<A, L> {}

impl<A> Locked<A> {
    /// Puts `parent` behind a [`DefaultLock`].
    pub const fn new(parent: A) -> Self {
        Self::with_lock(parent, DefaultLock::new())
    }
}

#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
impl<A> Locked<A, crate::os::futex::FutexLock> {
    /// Keeps every other thread out until the [`release`](Self::release).
    pub(crate) fn hold(&self) {
        self.lock.acquire();
    }

    /// Ends a [`hold`](Self::hold).
    pub(crate) fn release(&self) {
        self.lock.release();
    }
}

impl<A, L: Lock> Locked<A, L> {
    /// Puts `parent` behind `lock`.
    pub const fn with_lock(parent: A, lock: L) -> Self {
        Self { parent, lock }
    }

    /// Runs `look` on the parent while no other thread is using it.
    ///
    /// An allocation through this very `Locked` inside `look` waits for itself.
    pub fn with_parent<R>(&self, look: impl FnOnce(&A) -> R) -> R {
        self.lock.with(|| look(&self.parent))
    }

    /// The parent; `&mut` proves that no other thread is using it.
    pub const fn parent_mut(&mut self) -> &mut A {
        &mut self.parent
    }
}

// SAFETY: every method forwards to `A`, whose implementation upholds the
// contract, and all that change or read what changes do so inside the lock.
unsafe impl<A: Allocate, L: Lock> Allocate for Locked<A, L> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.lock.with(|| self.parent.allocate(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.lock.with(|| {
            // SAFETY: the caller's promise to us is the promise `A` asks for.
            unsafe { self.parent.deallocate(block, layout) }
        });
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        self.lock.with(|| {
            // SAFETY: the caller's promise to us is the promise `A` asks for.
            unsafe { self.parent.resize(block, old, new) }
        })
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.lock.with(|| self.parent.allocate_zeroed(layout))
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns, L: Lock> Owns for Locked<A, L> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.lock.with(|| self.parent.owns(block, layout))
    }
}

impl<A: Reset, L> Reset for Locked<A, L> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Census, L: Lock> Census for Locked<A, L> {
    fn blocks_out(&self) -> usize {
        self.lock.with(|| self.parent.blocks_out())
    }
}

impl<A: Check, L: Lock> Check for Locked<A, L> {
    fn check(&self) -> Result<(), &'static str> {
        self.lock.with(|| self.parent.check())
    }
}

crate::alloc::bridge!(requested: [A: Allocate, L: Lock] Locked<A, L>);

/// Shows nothing of the parent, which another thread may be changing.
impl<A, L> fmt::Debug for Locked<A, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::{cell::Cell, mem::MaybeUninit};
    use std::{sync::Mutex, thread};

    use super::*;
    use crate::{
        combine::counted::Counted,
        source::{buffer::Buffer, system::System},
    };

    /// A lock that remembers how often it was taken.
    #[derive(Default)]
    struct Turnstile(Cell<usize>);

    // SAFETY: not `Sync`, so there is but one thread.
    unsafe impl Lock for Turnstile {
        fn with<R>(&self, run: impl FnOnce() -> R) -> R {
            self.0.update(|taken| taken.wrapping_add(1));
            run()
        }
    }

    #[test]
    fn each_operation_takes_the_lock_once_and_a_grant_never() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Locked::with_lock(Buffer::new(&mut memory), Turnstile::default());
        let (old, new) = (Layout::new::<[u8; 8]>(), Layout::new::<[u8; 16]>());
        assert_eq!(heap.granted(old), 8);
        assert_eq!(heap.lock.0.get(), 0);
        let block = heap.allocate(old).unwrap();
        assert_eq!(heap.lock.0.get(), 1);
        // SAFETY: live, and allocated with `old`.
        unsafe { heap.resize(block, old, new) }.unwrap();
        assert_eq!(heap.lock.0.get(), 2);
        assert!(heap.owns(block, new));
        assert_eq!(heap.lock.0.get(), 3);
        // SAFETY: live, and resized to `new`.
        unsafe { heap.deallocate(block, new) };
        assert_eq!(heap.lock.0.get(), 4);
    }

    #[test]
    fn threads_share_one_allocator() {
        fn counts_stay_exact<L: Lock + Sync>(lock: L) {
            const ROUNDS: usize = 500;
            let heap = &Locked::with_lock(Counted::new(System), lock);
            thread::scope(|scope| {
                for size in 1..5 {
                    scope.spawn(move || {
                        let layout = Layout::from_size_align(size, 1).unwrap();
                        for _ in 0..ROUNDS {
                            let block = heap.allocate(layout).unwrap();
                            // SAFETY: live, and allocated with this layout.
                            unsafe { heap.deallocate(block, layout) };
                        }
                    });
                }
            });
            let counts = heap.with_parent(Counted::counts);
            assert_eq!((counts.bytes_live, counts.blocks_live), (0, 0));
            assert_eq!(counts.requests, 4 * 500);
            assert_eq!(counts.bytes_total, (1 + 2 + 3 + 4) * 500);
        }
        counts_stay_exact(DefaultLock::new());
        counts_stay_exact(Mutex::new(()));
        #[cfg(not(loom))] // it would need a model here
        counts_stay_exact(crate::SpinLock::new());
    }

    #[test]
    fn a_reset_needs_no_lock() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut heap = Locked::with_lock(Buffer::new(&mut memory), Turnstile::default());
        let all = Layout::new::<[u8; 8]>();
        assert!(heap.allocate(all).is_ok());
        heap.reset();
        assert_eq!(heap.lock.0.get(), 1);
        assert!(heap.allocate(all).is_ok());
    }

    #[test]
    fn a_panic_in_a_look_does_not_close_the_heap() {
        let heap = Locked::new(System);
        let looked = thread::scope(|scope| scope.spawn(|| heap.with_parent(|_| panic!("expected"))).join());
        assert!(looked.is_err());
        assert!(heap.allocate(Layout::new::<[u8; 0]>()).is_ok());
    }
}
