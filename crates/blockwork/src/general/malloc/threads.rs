//! Threads that come and go, processes that fork, and frees that are mistakes.

use core::{ffi::c_void, ptr, ptr::NonNull};

use super::{HEAPS, Heap, NOBODYS, OnMisuse, SHARED_SPANS, options, slot};
use crate::{
    alloc::AllocError,
    os::{
        self,
        thread::{AtExit, abort, at_fork},
    },
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
    // What follows may allocate, and does so from this heap.
    slot::set(heap);
    // Relaxed: who is second has nothing to wait for but the key, and a thread
    // that was too early for it has its heap for as long as the process runs.
    if !WATCHED.swap(true, Ordering::Relaxed) {
        EXIT.create(leave);
        at_fork(before_fork, after_fork);
    }
    EXIT.watch(ptr::from_ref(heap).cast());
    Ok(heap)
}

/// Called at the end of a thread that has the heap `heap`.
unsafe extern "C" fn leave(heap: *mut c_void) {
    // Frees that still come do not touch the heap.
    slot::set(&NOBODYS);
    // SAFETY: what `watch` was given.
    HEAPS.leave(unsafe { &*heap.cast::<Heap>() });
}

unsafe extern "C" fn before_fork() {
    HEAPS.hold();
    SHARED_SPANS.hold();
}

unsafe extern "C" fn after_fork() {
    SHARED_SPANS.release();
    HEAPS.release();
}

/// Says what is wrong with a call that was given `block`, and ends the process,
/// unless mistakes are to be ignored.
#[cold]
#[inline(never)]
pub(super) fn misuse(what: &str, block: NonNull<u8>) {
    os::misuse::report(what, block.as_ptr());
    match options::misuse() {
        OnMisuse::Abort => abort(),
        OnMisuse::Ignore => {}
    }
}
