//! The checker: a shared library that a program loads before all others, whose
//! `malloc` is the library's `Checked`, and tells what is done wrong with it.
//!
//! ```text
//! program ── malloc ─► names ─► heap: callers, lock ─► Checked ─► size classes, spans ─► Map
//!                                                         └─► report ─► file ─► the lab names the callers
//! ```
//!
//! The lab's build script compiles the library without std and without
//! features, and this folder over it; the command carries the result along.
#![no_std]

mod callers;
mod heap;
mod leaks;
mod life;
mod map;
mod names;
mod report;
#[allow(dead_code, reason = "shared with the recorder")]
mod sys;

fn begin(environment: *const *const u8) {
    // SAFETY: the loader's: pointers to strings, and null.
    unsafe { report::start(environment) }
}

fn end() {
    heap::finish();
}

/// Nothing here panics; the language wants it said.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    abort()
}

unsafe extern "C" {
    safe fn abort() -> !;
}
