//! The composer: a shared library that a program loads before all others, whose
//! `malloc` is a composition of the library's parts, built from its notation when
//! the program starts.
//!
//! ```text
//! program ── malloc ─► names ─► heap: header, lock ─► Composed ─► sources: pages, libc's malloc
//!                                 └─► spare: what comes before there is a heap, and from within it
//! ```
//!
//! The lab's build script compiles the library with its notation, and this folder
//! over it; the command carries the result along.

mod heap;
mod life;
#[allow(dead_code, reason = "shared with the checker")]
mod map;
mod names;
mod sources;
mod spare;
#[allow(dead_code, reason = "shared with the recorder")]
mod sys;

/// What this library itself needs must not come from the heap that it makes.
#[global_allocator]
static OWN: spare::Spare = spare::Spare;

fn begin(_environment: *const *const u8) {
    heap::start();
}

fn end() {
    heap::finish();
}
