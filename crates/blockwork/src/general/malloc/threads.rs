//! Threads that come and go, and processes that fork: [`threads!`], for each malloc.

/// Functions for the malloc whose `HEAPS`, `SHARED_SPANS`, `NOBODYS` and `slot` are in
/// the module above: `own` and `heap` of a thread, and what is done when it ends, and
/// when the process forks.
///
/// `$furnish` sees to what a heap needs beyond itself, when a thread has just got it;
/// `$clear` to what is to be done with a heap while it is still its thread's.
macro_rules! threads {
    (furnish: $furnish:expr, clear: $clear:expr) => {
        use core::{ffi::c_void, ptr};

        use super::{HEAPS, Heap, NOBODYS, SHARED_SPANS, slot};
        use crate::{
            alloc::AllocError,
            os::thread::{AtExit, at_fork},
            sync::atomic::{AtomicBool, Ordering},
        };

        static EXIT: AtExit = AtExit::new();

        /// Whether someone has asked to be told of exits and forks.
        static WATCHED: AtomicBool = AtomicBool::new(false);

        /// The heap of this thread, if it has one.
        pub(super) fn own() -> Option<&'static Heap> {
            let heap = slot::get();
            (!ptr::eq(heap, &raw const NOBODYS)).then_some(heap)
        }

        /// The heap of this thread, which from now on has one.
        pub(super) fn heap() -> Result<&'static Heap, AllocError> {
            own().map_or_else(enter, Ok)
        }

        #[cold]
        fn enter() -> Result<&'static Heap, AllocError> {
            let heap = HEAPS.enter()?;
            let furnish: fn(&'static Heap) -> Result<(), AllocError> = $furnish;
            furnish(heap).inspect_err(|_| HEAPS.leave(heap))?;
            // What follows may allocate, and does so from this heap.
            slot::set(heap);
            // Relaxed: who is second has nothing to wait for but the key, and a thread
            // that was too early for it has its heap for as long as the process runs.
            if !WATCHED.swap(true, Ordering::Relaxed) {
                EXIT.create(leave);
                at_fork(before_fork, after_fork);
            }
            let _watched = EXIT.watch(ptr::from_ref(heap).cast());
            Ok(heap)
        }

        /// Called at the end of a thread that has the heap `heap`.
        unsafe extern "C" fn leave(heap: *mut c_void) {
            // SAFETY: what `watch` was given.
            let heap = unsafe { &*heap.cast::<Heap>() };
            let clear: fn(&'static Heap) = $clear;
            clear(heap);
            // Frees that still come do not touch the heap.
            slot::set(&NOBODYS);
            HEAPS.leave(heap);
        }

        unsafe extern "C" fn before_fork() {
            HEAPS.hold();
            SHARED_SPANS.hold();
        }

        unsafe extern "C" fn after_fork() {
            SHARED_SPANS.release();
            HEAPS.release();
        }
    };
}
pub(super) use threads;

threads!(furnish: |_| Ok(()), clear: super::sampling::put_down);
