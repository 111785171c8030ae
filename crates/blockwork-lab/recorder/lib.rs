//! The recorder: a shared library that a program loads before all others, so
//! that its calls of `malloc` and `free` come by here.
//!
//! ```text
//! program ── malloc ─► names ── next ──► malloc of the C library, or another
//!                        └── record ─► spool ─► file
//! ```
//!
//! The lab's build script compiles this folder on its own, without std and
//! without dependencies, and the command carries the result along. For tests
//! and lints the lab also takes its files as modules.
#![no_std]

use core::sync::atomic;

#[expect(dead_code, reason = "shared with the lab, which reads what is written here")]
mod layout;
mod modules;
mod names;
mod next;
mod sites;
mod spool;
mod sys;
mod unwind;
#[expect(dead_code, reason = "shared with the library, which reads what is written here")]
mod wire;
#[expect(dead_code, reason = "shared with the library, where a recording may end before the process does")]
mod writer;

/// Starts as soon as the library is loaded, so that a program that never
/// allocates is known to have been reached.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    spool::start();
}

/// Nothing here panics; the language wants it said.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}
