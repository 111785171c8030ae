//! Faults end to end: a parent that refuses each request in turn through whole
//! compositions, others' code that panics, lies or calls back at each of its calls.
//! Each container's own are beside its other tests, in `typed`.
#![expect(clippy::arithmetic_side_effects, reason = "helpers are tests as well: an overflow fails them")]

mod arenas;
mod compositions;
mod hooks;
mod lies;
