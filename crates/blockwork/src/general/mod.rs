//! Names concrete parts together.

pub mod heap;
// Not under loom: what is behind atomics cannot be in constants there.
#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
pub mod malloc;
#[cfg(all(feature = "notation", not(loom)))]
pub mod notation;
