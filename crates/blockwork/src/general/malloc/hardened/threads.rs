//! Threads that come and go, and processes that fork.

use core::{alloc::Layout, ffi::c_void, ptr};

use super::{HEAPS, Heap, NOBODYS, Quarantine, SHARED_SPANS, empty_quarantine, fences::Fenced, slot};
use crate::{
    alloc::{AllocError, Allocate},
    os::thread::{AtExit, at_fork},
    strategy::thread_heaps::ward,
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
    ward::prepare();
    let heap = HEAPS.enter()?;
    if heap.annex().is_null() {
        let annex = Fenced.allocate(Layout::new::<Quarantine>()).inspect_err(|_| HEAPS.leave(heap))?;
        // SAFETY: just allocated for one.
        unsafe { annex.cast().write(Quarantine::new()) }
        heap.set_annex(annex);
    }
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
    // SAFETY: what `watch` was given.
    let heap = unsafe { &*heap.cast::<Heap>() };
    // While it is still this thread's.
    empty_quarantine(heap);
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
