//! Numbers, no pointers: the arithmetic under every part, safe and tested
//! exhaustively.
#![forbid(unsafe_code)]

pub mod align;
pub mod amount;
pub(crate) mod bins;
pub(crate) mod books;
pub mod bump;
pub(crate) mod chance;
pub(crate) mod column;
pub(crate) mod digest;
pub(crate) mod doubling;
pub mod fill;
#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
pub(crate) mod holes;
pub(crate) mod share;
pub mod size_class;
pub(crate) mod spread;
