//! The one integration test binary: each module is a topic.
#![cfg_attr(blockwork_allocator_gate, feature(allocator_api))]

#[cfg(blockwork_std_allocator)]
extern crate alloc;

#[cfg(test)]
mod bridge;
#[cfg(test)]
mod combine;
mod conformance;
mod mutants;
#[cfg(test)]
mod pools;
mod send_sync;
#[cfg(test)]
mod slabs;
#[cfg(test)]
mod span_pool;
#[cfg(test)]
mod typed;
