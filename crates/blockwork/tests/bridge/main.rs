//! The edges: containers and allocators of other contracts on, and under,
//! allocators of ours. A test binary of its own, as a nightly compiler runs it, too.
#![cfg_attr(blockwork_allocator_gate, feature(allocator_api))]

extern crate alloc;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod everyone;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod hashbrown;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod parts;
