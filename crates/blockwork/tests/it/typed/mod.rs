//! Typed containers: like std's, over every kind of allocator, whatever panics
//! or fails.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::mem_forget,
    reason = "helpers are tests as well: an overflow fails them; and what is forgotten is among what they are about"
)]

mod as_vec;
mod differential;
pub(crate) mod element;
mod exhaustion;
mod handles;
pub(crate) mod heaps;
mod list;
mod panics;
mod pool;
mod seeds;
mod slice;
mod steps;
