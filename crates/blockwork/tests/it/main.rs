//! The integration tests: each module is a topic.
//!
//! `--cfg blockwork_shared` leaves out those in which no threads meet: they are the
//! same without a compare-exchange of 64 bits, and take minutes to compile.
#![cfg_attr(blockwork_allocator_gate, feature(allocator_api))]

extern crate alloc;

#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod adjusters;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod arena;
#[cfg(test)]
mod blocks;
#[cfg(test)]
#[cfg(not(any(blockwork_shared, blockwork_no_os)))] // it takes parts of `notation`
mod classes;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod combine;
#[cfg(test)]
mod concurrent;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod conformance;
#[cfg(test)]
mod current;
#[cfg(test)]
#[cfg(not(any(blockwork_shared, blockwork_no_os)))] // it takes parts of `notation`
mod faults;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod interner;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(blockwork_no_os)))]
mod malloc;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(blockwork_no_os)))]
mod malloc_hardened;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod mutants;
#[cfg(test)]
#[cfg(not(blockwork_no_os))] // the compositions of its documents are over `pages`
mod notation;
#[cfg(test)]
#[cfg(not(blockwork_no_os))] // as `notation`, whose parts it takes
mod pairs;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod policies;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod pools;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod profile;
#[cfg(test)]
mod recording;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod seeds;
#[cfg(test)]
mod send_sync;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod sizes;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod slabs;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod span_pool;
#[cfg(test)]
mod stacks;
#[cfg(test)]
mod statics;
#[cfg(test)]
mod threads;
#[cfg(test)]
#[cfg(not(blockwork_shared))]
mod typed;
