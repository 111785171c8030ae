//! The integration tests: each module is a topic.
#![cfg_attr(blockwork_allocator_gate, feature(allocator_api))]

extern crate alloc;

#[cfg(test)]
mod adjusters;
#[cfg(test)]
mod arena;
#[cfg(test)]
mod blocks;
#[cfg(test)]
#[cfg(not(blockwork_no_os))] // as `notation`, whose parts it takes
mod classes;
#[cfg(test)]
mod combine;
#[cfg(test)]
mod concurrent;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod current;
#[cfg(test)]
#[cfg(not(blockwork_no_os))] // as `notation`, whose parts it takes
mod faults;
#[cfg(test)]
mod interner;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(blockwork_no_os)))]
mod malloc;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(blockwork_no_os)))]
mod malloc_hardened;
#[cfg(test)]
mod mutants;
#[cfg(test)]
#[cfg(not(blockwork_no_os))] // the compositions of its documents are over `pages`
mod notation;
#[cfg(test)]
#[cfg(not(blockwork_no_os))] // as `notation`, whose parts it takes
mod pairs;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod send_sync;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod slabs;
#[cfg(test)]
mod span_pool;
#[cfg(test)]
mod stacks;
#[cfg(test)]
mod statics;
#[cfg(test)]
mod threads;
#[cfg(test)]
mod typed;
