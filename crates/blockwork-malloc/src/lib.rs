//! The malloc composed from blockwork's parts.
//!
//! For a Rust program it is [`Malloc`]:
//!
//! ```
//! use blockwork_malloc::Malloc;
//!
//! #[global_allocator]
//! static GLOBAL: Malloc = Malloc;
//!
//! let numbers: Vec<u32> = (0..1000).collect();
//! assert_eq!(numbers.len(), 1000);
//! ```
//!
//! [`c`] has the functions of C over it, under Rust names: what a shared library
//! exports under theirs. [`HardenedMalloc`] and [`hardened`] are the same for
//! programs that may be attacked.
#![no_std]

#[cfg(test)]
extern crate std;

pub use blockwork::{HardenedMalloc, Malloc, MallocClass, MallocOptions, MallocStats, OnMisuse};

pub mod c;
pub mod hardened;
pub mod options;
pub mod report;
