//! What the counts and the comparisons share.

pub mod by_hand;
pub mod cores;
pub mod dice;
pub mod fine;
pub mod json;
pub mod machine;
pub mod opaque;
pub mod statistics;
