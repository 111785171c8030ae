//! Parts that carve memory which their parent gave.

pub mod slab;
