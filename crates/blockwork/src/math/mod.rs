//! Numbers, no pointers: the arithmetic under every part, safe and tested
//! exhaustively.
#![forbid(unsafe_code)]

pub mod align;
pub mod amount;
pub(crate) mod bins;
pub(crate) mod books;
pub mod bump;
pub(crate) mod column;
pub(crate) mod digest;
pub(crate) mod doubling;
pub mod fill;
pub(crate) mod share;
pub mod size_class;
pub(crate) mod spread;
