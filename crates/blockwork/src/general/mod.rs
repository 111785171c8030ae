//! Names concrete parts together.

// Not under loom: what is behind atomics cannot be in constants there.
#[cfg(all(feature = "notation", not(loom)))]
pub mod notation;
