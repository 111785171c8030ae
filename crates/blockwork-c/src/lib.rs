//! blockwork for C: the functions of `include/blockwork.h`.
//!
//! ```text
//! C program ─► bw_allocator: context + functions          whoever allocates
//!                 ▲ copied by constructors     ▲ is the first member of
//!              its own                       bw_part ─► body: a part of the library
//!                                               ▲           │ parent
//!                                               └───────────┘ counted
//! ```
//!
//! A part that stands on another keeps it alive, so handles may be destroyed in
//! any order. What a caller can get wrong without writing to foreign memory is
//! answered with an error: a null handle, an alignment that is no power of two,
//! a configuration that breaks a rule. Nothing unwinds into C, and what unwinds
//! out of a callback ends the program there.
//!
//! | | |
//! |---|---|
//! | time | one indirect call per part that a request passes |
//! | space | two blocks of the system per handle |
//! | failure | null, or −1, with `errno` and a message |
//!
//! When not to use it: from Rust, where a composition is a type.

extern crate alloc as heap;

mod access;
mod acquire;
mod combine;
mod compose;
mod error;
mod interface;
mod malloc;
mod parent;
mod part;
mod report;
mod scope;
mod source;
mod strategy;
mod whole;

pub use self::{
    access::{
        Statistics, bw_allocate, bw_allocate_zeroed, bw_check, bw_deallocate, bw_destroy, bw_granted, bw_held,
        bw_interface, bw_reallocate, bw_reset, bw_resize, bw_statistics_read, bw_trim, bw_version,
    },
    acquire::{bw_acquire, bw_acquire_from, bw_acquired, bw_release},
    combine::{bw_checked, bw_counted, bw_locked, bw_quota, bw_segregate, bw_thread_cached},
    compose::{Named, bw_compose, bw_compose_shared},
    error::bw_last_error,
    interface::Interface,
    malloc::{
        bw_aligned_alloc, bw_calloc, bw_free, bw_malloc, bw_malloc_interface, bw_malloc_trim, bw_realloc,
        bw_usable_size,
    },
    part::Handle,
    report::Report,
    scope::{bw_current, bw_pop, bw_push},
    source::{Acquire, Release, bw_buffer, bw_pages, bw_source, bw_system},
    strategy::{
        bw_arena, bw_bump, bw_concurrent_pool, bw_memo, bw_mixed_slab, bw_pool, bw_size_classes, bw_slab, bw_span_pool,
    },
    whole::bw_heap,
};
