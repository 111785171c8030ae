//! Numbers, no pointers: the arithmetic under every part, safe and tested
//! exhaustively.
#![forbid(unsafe_code)]

pub mod align;
pub mod amount;
pub(crate) mod bins;
pub mod bump;
pub(crate) mod column;
pub mod fill;
pub(crate) mod share;
pub mod size_class;
pub(crate) mod spread;
