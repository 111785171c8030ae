//! Numbers, no pointers: the arithmetic under every part, safe and tested
//! exhaustively.
#![forbid(unsafe_code)]

pub mod align;
pub mod bump;
pub mod size_class;
pub(crate) mod bins;
pub(crate) mod share;
pub(crate) mod spread;
