//! [`OnFailure`]: what happens when there is no memory.
//!
//! ```text
//! allocate(layout) ─► parent ─ ok ─► its block
//!                        └──── no ─► remedy: give up │ stop the program │ do something, and ask again
//! ```
//!
//! | | |
//! |---|---|
//! | time | a branch above the parent |
//! | space | the remedy's: nothing for [`Return`] and [`Stop`] |
//! | sharing | as the parent; with [`Retry`] single-threaded (`Cell`) |
//! | failure | when the parent fails and the remedy gives up |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! | remedy | the request that failed |
//! |---|---|
//! | [`Return`] | fails |
//! | [`Stop`] | ends the program with a message, and does not unwind |
//! | [`Retry`] | is made again after a callback, a few times at most |
//!
//! They nest: `heap.retrying(3, trim).or_stop()`. A [`Remedy`] of your own runs
//! when no operation is half done, and may use any allocator, this one too; if it
//! unwinds, that ends the program. A resize that is refused is no failure: the
//! block moves, and that is the request that counts.
//!
//! When not to use it: to stop under containers, which know how to say what they
//! were doing; or to try another allocator, which is
//! [`Fallback`](super::fallback::Fallback)'s business.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, cell::Cell};
//! use blockwork::{Allocate, Chain, Quota, System};
//!
//! let layout = Layout::new::<[u8; 600]>();
//! let heap = Quota::new(System, 1000);
//! let cache = Cell::new(Some(heap.allocate(layout)?)); // can be missed
//! let heap = heap.retrying(1, |parent, _| match cache.take() {
//!     Some(block) => {
//!         // SAFETY: allocated above with this layout.
//!         unsafe { parent.deallocate(block, layout) };
//!         true
//!     }
//!     None => false,
//! });
//!
//! assert!(heap.allocate(layout).is_ok()); // the cache made room
//! assert!(heap.allocate(layout).is_err()); // nobody could
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::Cell, fmt, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset},
    os,
};

/// What to do about a request that the parent `A` did not serve.
pub trait Remedy<A: ?Sized> {
    /// Returns whether to ask `parent` again for `request`, which it has now
    /// failed to serve for the `failures`-th time.
    fn after_failure(&self, parent: &A, request: Layout, failures: usize) -> bool;
}

/// Lets the request fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Return;

/// Ends the program with a message; never unwinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stop;

/// Asks again after a callback; see [`new`](Self::new).
pub struct Retry<F> {
    callback: F,
    limit: usize,
    /// Whether the callback is running: what fails inside of it just fails.
    running: Cell<bool>,
}

impl<A: ?Sized> Remedy<A> for Return {
    fn after_failure(&self, _: &A, _: Layout, _: usize) -> bool {
        false
    }
}

impl<A: ?Sized> Remedy<A> for Stop {
    fn after_failure(&self, _: &A, request: Layout, _: usize) -> bool {
        os::stop(format_args!("no memory for {} bytes aligned to {}", request.size(), request.align()))
    }
}

impl<F> Retry<F> {
    /// Calls `callback` with the parent and the request, and asks again if it
    /// says that this is worth it: `limit` times at most for each request.
    ///
    /// A request that fails inside of the callback is not retried.
    pub const fn new<A: ?Sized>(limit: usize, callback: F) -> Self
    where
        F: Fn(&A, Layout) -> bool,
    {
        Self { callback, limit, running: Cell::new(false) }
    }
}

impl<F> fmt::Debug for Retry<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<A: ?Sized, F: Fn(&A, Layout) -> bool> Remedy<A> for Retry<F> {
    fn after_failure(&self, parent: &A, request: Layout, failures: usize) -> bool {
        if failures > self.limit || self.running.replace(true) {
            return false;
        }
        // Whoever unwinds here ends the program, so nobody sees the flag stay.
        let again = os::contain(|| (self.callback)(parent, request));
        self.running.set(false);
        again
    }
}

/// Does `P` when `A` fails; see the [module](self).
#[derive(Debug)]
pub struct OnFailure<A, P> {
    parent: A,
    remedy: P,
}

impl<A: Allocate, P: Remedy<A>> OnFailure<A, P> {
    /// Has `remedy` for the failures of `parent`.
    pub const fn new(parent: A, remedy: P) -> Self {
        Self { parent, remedy }
    }

    /// Whose failures they are.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// What is done about them.
    #[must_use]
    pub const fn remedy(&self) -> &P {
        &self.remedy
    }

    /// After the first failure of `request`.
    #[cold]
    fn remedied(
        &self,
        layout: Layout,
        request: impl Fn(&A, Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        let mut failures = 1_usize;
        while os::contain(|| self.remedy.after_failure(&self.parent, layout, failures)) {
            if let Ok(block) = request(&self.parent, layout) {
                return Ok(block);
            }
            failures = failures.saturating_add(1);
        }
        Err(AllocError)
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged; a remedy cannot unwind.
unsafe impl<A: Allocate, P: Remedy<A>> Allocate for OnFailure<A, P> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.parent.allocate(layout) {
            Ok(block) => Ok(block),
            Err(AllocError) => self.remedied(layout, A::allocate),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.parent.allocate_zeroed(layout) {
            Ok(block) => Ok(block),
            Err(AllocError) => self.remedied(layout, A::allocate_zeroed),
        }
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns, P: Remedy<A>> Owns for OnFailure<A, P> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Reset, P> Reset for OnFailure<A, P> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check, P> Check for OnFailure<A, P> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate, P: Remedy<A>] OnFailure<A, P>);

#[cfg(test)]
mod tests {
    use core::{cell::RefCell, mem::MaybeUninit};
    use heap::vec::Vec;

    use super::*;
    use crate::{
        combine::{quota::Quota, testers::last_words},
        source::{buffer::Buffer, null::Null, system::System},
    };

    const LAYOUT: Layout = Layout::new::<[u64; 3]>();

    /// Fails so many times, then serves from the system.
    struct Late(Cell<usize>);

    impl Late {
        fn admit(&self) -> Result<System, AllocError> {
            match self.0.get().checked_sub(1) {
                None => Ok(System),
                Some(left) => {
                    self.0.set(left);
                    Err(AllocError)
                }
            }
        }
    }

    // SAFETY: forwards to the system, or refuses.
    unsafe impl Allocate for Late {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            self.admit()?.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise to us is the promise the system asks for.
            unsafe { System.deallocate(block, layout) }
        }

        fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            self.admit()?.allocate_zeroed(layout)
        }
    }

    fn free(heap: &impl Allocate, block: NonNull<u8>) {
        // SAFETY: the tests free each block once, with its layout.
        unsafe { heap.deallocate(block, LAYOUT) }
    }

    #[test]
    fn what_is_served_needs_no_remedy() {
        let heap = OnFailure::new(System, Retry::new(9, |_: &System, _| unreachable!()));
        free(&heap, heap.allocate(LAYOUT).unwrap());
        free(&heap, heap.allocate_zeroed(LAYOUT).unwrap());
        free(&OnFailure::new(System, Stop), heap.allocate(LAYOUT).unwrap());
    }

    #[test]
    fn return_lets_the_request_fail() {
        let heap = OnFailure::new(Null, Return);
        assert_eq!(heap.allocate(LAYOUT), Err(AllocError));
        assert_eq!(heap.allocate_zeroed(LAYOUT), Err(AllocError));
    }

    #[test]
    fn a_callback_gets_the_parent_and_the_request_until_that_is_served() {
        for zeroed in [false, true] {
            let calls = RefCell::new(Vec::new());
            let callback = |parent: &Late, request| {
                calls.borrow_mut().push((parent.0.get(), request));
                true
            };
            let heap = OnFailure::new(Late(Cell::new(3)), Retry::new(5, callback));
            let block = if zeroed { heap.allocate_zeroed(LAYOUT) } else { heap.allocate(LAYOUT) }.unwrap();
            assert_eq!(calls.take(), [(2, LAYOUT), (1, LAYOUT), (0, LAYOUT)]);
            if zeroed {
                // SAFETY: a zeroed block of this layout.
                assert_eq!(unsafe { block.cast::<[u64; 3]>().read() }, [0; 3]);
            }
            free(&heap, block);
        }
    }

    #[test]
    fn no_request_is_retried_beyond_the_limit() {
        for limit in 0..4 {
            let calls = Cell::new(0);
            let callback = |_: &Null, _| {
                calls.set(calls.get() + 1);
                true
            };
            let heap = OnFailure::new(Null, Retry::new(limit, callback));
            assert_eq!(heap.allocate(LAYOUT), Err(AllocError));
            assert_eq!(calls.replace(0), limit);
            assert_eq!(heap.allocate(LAYOUT), Err(AllocError), "each request has its own tries");
            assert_eq!(calls.get(), limit);
        }
    }

    #[test]
    fn a_callback_that_sees_no_way_ends_the_tries() {
        let calls = Cell::new(0);
        let callback = |_: &Null, _| {
            calls.set(calls.get() + 1);
            calls.get() < 2
        };
        let heap = OnFailure::new(Null, Retry::new(9, callback));
        assert_eq!(heap.allocate(LAYOUT), Err(AllocError));
        assert_eq!(calls.get(), 2);
    }

    type Callback = fn(&Null, Layout) -> bool;

    std::thread_local! {
        static LOOPED: OnFailure<Null, Retry<Callback>> =
            const { OnFailure::new(Null, Retry::new(2, ask_again_itself)) };
        static CALLS: Cell<usize> = const { Cell::new(0) };
    }

    fn ask_again_itself(_: &Null, request: Layout) -> bool {
        CALLS.set(CALLS.get().saturating_add(1));
        LOOPED.with(|heap| assert_eq!(heap.allocate(request), Err(AllocError)));
        true
    }

    #[test]
    fn a_callback_may_use_the_very_allocator_and_its_failures_are_not_retried() {
        for calls in [2, 4] {
            LOOPED.with(|heap| assert_eq!(heap.allocate(LAYOUT), Err(AllocError)));
            assert_eq!(CALLS.get(), calls);
        }
    }

    #[test]
    fn a_refused_resize_is_no_failure() {
        let mut memory = [MaybeUninit::uninit(); 24];
        let heap = OnFailure::new(Buffer::new(&mut memory), Stop);
        let (small, large) = (Layout::new::<[u8; 24]>(), Layout::new::<[u8; 25]>());
        let block = heap.allocate(small).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { heap.resize(block, small, large) }, Err(AllocError));
        // SAFETY: as above.
        assert_eq!(unsafe { heap.resize(block, small, Layout::new::<u8>()) }, Ok(()));
    }

    #[test]
    #[cfg(not(miri))]
    fn stop_ends_the_program_with_a_message() {
        let words = last_words("combine::on_failure::tests::stop_ends_the_program_with_a_message", || {
            let outcome = std::panic::catch_unwind(|| OnFailure::new(Quota::new(System, 23), Stop).allocate(LAYOUT));
            std::eprintln!("unwound: {}", outcome.is_err());
        });
        assert!(words.contains("no memory for 24 bytes aligned to 8"), "{words}");
        assert!(!words.contains("unwound"), "{words}");
    }

    #[test]
    #[cfg(not(miri))]
    fn stop_ends_the_program_for_zeroed_blocks_too() {
        let words = last_words("combine::on_failure::tests::stop_ends_the_program_for_zeroed_blocks_too", || {
            let retry = OnFailure::new(Null, Retry::new(1, |_: &Null, _| true));
            assert!(OnFailure::new(retry, Stop).allocate_zeroed(LAYOUT).is_ok());
        });
        assert!(words.contains("no memory for 24 bytes aligned to 8"), "{words}");
    }

    #[test]
    #[cfg(not(miri))]
    fn a_callback_that_unwinds_ends_the_program() {
        let words = last_words("combine::on_failure::tests::a_callback_that_unwinds_ends_the_program", || {
            let heap = OnFailure::new(Null, Retry::new(1, |_: &Null, _| panic!("out of patience")));
            let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| heap.allocate(LAYOUT)));
            std::eprintln!("unwound: {}", outcome.is_err());
        });
        assert!(words.contains("out of patience") && !words.contains("unwound"), "{words}");
    }
}
