//! Parts that carve memory which their parent gave.

pub mod block;
pub mod block_pool;
pub mod bump;
pub mod memo;
pub mod span_pool;

#[cfg(test)]
mod ledger;
