//! What the counts and the comparisons share.

pub mod by_hand;
pub mod cores;
pub mod opaque;
