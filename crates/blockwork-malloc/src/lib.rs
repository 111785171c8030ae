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
//! programs that may be attacked. With the feature `debug`, `Debug` is a global
//! allocator that tells of what a program does wrong with its heap, and who did.
#![no_std]

#[cfg(any(test, feature = "debug"))]
extern crate std;

pub use blockwork::{HardenedMalloc, Malloc, MallocClass, MallocOptions, MallocStats, OnMisuse};

#[cfg(feature = "debug")]
pub use self::debug::Debug;

pub mod c;
#[cfg(feature = "debug")]
pub mod debug;
mod functions;
pub mod hardened;
pub mod options;
pub mod profile;
pub mod report;
