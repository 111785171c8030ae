//! Numbers, no pointers: the arithmetic under every part, safe and tested
//! exhaustively.
#![forbid(unsafe_code)]

pub mod align;
pub mod amount;
pub mod bump;
pub mod fill;
pub mod size_class;
