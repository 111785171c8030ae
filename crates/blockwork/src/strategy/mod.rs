//! Parts that carve memory which their parent gave.

pub mod block;
pub mod block_pool;
pub mod bump;
pub mod memo;

#[cfg(test)]
mod ledger;
