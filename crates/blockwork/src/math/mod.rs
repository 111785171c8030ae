//! Numbers, no pointers: the arithmetic under every part, safe and tested
//! exhaustively.
#![forbid(unsafe_code)]

pub(crate) mod bins;
pub(crate) mod share;
pub(crate) mod spread;
