//! The beginning, the end and the forks of a process whose heap a preloaded
//! library is: of the checker, and of the composer.
//!
//! The library says in `crate::begin` and `crate::end` what is to be done; its heap
//! is held while the process forks. Costs nothing in between.

use core::{
    ffi::c_int,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

use crate::{heap, sys};

/// The process whose heap this is; not that of a child of `vfork`.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Whether the end was told.
static FINISHED: AtomicBool = AtomicBool::new(false);

/// Starts as soon as the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(i32, *const *const u8, *const *const u8) = start;

/// Ends when the program calls `exit` or returns from `main`.
#[used]
#[unsafe(link_section = ".fini_array")]
static FINISH: extern "C" fn() = finish;

unsafe extern "C" {
    safe fn pthread_atfork(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> c_int;
}

extern "C" fn start(_count: i32, _arguments: *const *const u8, environment: *const *const u8) {
    PROCESS.store(sys::process(), Relaxed);
    pthread_atfork(before_fork, in_parent, in_child);
    crate::begin(environment);
}

extern "C" fn before_fork() {
    heap::hold();
}

extern "C" fn in_parent() {
    heap::release();
}

extern "C" fn in_child() {
    PROCESS.store(sys::process(), Relaxed);
    heap::release();
}

/// Ends this process' heap, once, and nobody else's.
pub extern "C" fn finish() {
    if PROCESS.load(Relaxed) == sys::process() && !FINISHED.swap(true, Relaxed) {
        crate::end();
    }
}
