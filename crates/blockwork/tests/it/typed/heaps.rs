//! Handles for these tests: each thread, and so each test, has a `Strict` parent
//! of its own behind each, with a plan of failures.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{
    AllocError, Allocate, Handle,
    testing::{Failing, Strict, When},
};

/// A handle whose parent this thread can look at.
pub(crate) trait Watched: Handle {
    fn with<R>(look: impl FnOnce(&Failing<Strict>) -> R) -> R;
}

macro_rules! watched {
    ($($(#[$meta:meta])* $name:ident = $strict:expr, $align:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name;

        impl Watched for $name {
            fn with<R>(look: impl FnOnce(&Failing<Strict>) -> R) -> R {
                thread_local! {
                    static HEAP: Failing<Strict> = Failing::new($strict, When::Never);
                }
                HEAP.with(look)
            }
        }

        // SAFETY: forwards to one allocator per thread, and no test sends a
        // container to another.
        unsafe impl Allocate for $name {
            fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                Self::with(|heap| heap.allocate(layout))
            }

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller's promise to us.
                Self::with(|heap| unsafe { heap.deallocate(block, layout) })
            }

            fn granted(&self, layout: Layout) -> usize {
                Self::with(|heap| heap.granted(layout))
            }

            unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
                // SAFETY: the caller's promise to us.
                Self::with(|heap| unsafe { heap.resize(block, old, new) })
            }

            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                Self::with(|heap| heap.allocate_zeroed(layout))
            }
        }

        // SAFETY: one allocator per thread, and no test sends a container to another.
        unsafe impl Handle for $name {
            const HANDLE: Self = Self;
            const ALIGN: usize = $align;
        }
    )*};
}

watched! {
    /// Grants what is asked, and never resizes.
    Exact = Strict::new(), 1;
    /// Grants multiples of a number that is no multiple of anything.
    Coarse = Strict::new().grain(112), 1;
    /// Resizes in place, up to a point.
    Roomy = Strict::new().grain(48).room(600), 1;
    /// All memory aligned to 64 bytes at least.
    Wide = Strict::new().grain(64).room(256), 64;
}

/// Runs `work` with the plan in force, which ends with it, even in a panic.
pub(crate) fn failing<A: Watched, R>(when: When, work: impl FnOnce() -> R) -> R {
    struct Reset<A: Watched>(core::marker::PhantomData<A>);
    impl<A: Watched> Drop for Reset<A> {
        fn drop(&mut self) {
            A::with(|heap| heap.set(When::Never));
        }
    }
    A::with(|heap| heap.set(when));
    let _reset = Reset::<A>(core::marker::PhantomData);
    work()
}

/// Nothing is live, and the parent has seen no mistake.
pub(crate) fn assert_clean<A: Watched>() {
    A::with(|heap| {
        assert_eq!(heap.parent().faults(), []);
        assert_eq!((heap.parent().live_blocks(), heap.parent().live_bytes()), (0, 0));
    });
}

/// Blocks asked for so far.
pub(crate) fn requests<A: Watched>() -> usize {
    A::with(|heap| heap.parent().requests())
}

/// Bytes live now.
pub(crate) fn live_bytes<A: Watched>() -> usize {
    A::with(|heap| heap.parent().live_bytes())
}
