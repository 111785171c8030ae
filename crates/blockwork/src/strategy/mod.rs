//! Parts that carve memory which their parent gave.

pub mod arena;
pub mod block;
pub mod block_pool;
pub mod bump;
pub mod concurrent_block_pool;
pub mod memo;
pub mod slab;
pub mod span_pool;
#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
pub mod thread_heaps;

#[cfg(test)]
pub(crate) mod ledger;
