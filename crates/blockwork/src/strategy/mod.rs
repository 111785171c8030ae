//! Parts that carve memory which their parent gave.

pub mod slab;
pub mod block_pool;
pub mod bump;

#[cfg(test)]
mod ledger;
