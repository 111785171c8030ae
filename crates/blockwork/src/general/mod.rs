//! Names concrete parts together.

#[cfg(feature = "notation")]
pub mod notation;
