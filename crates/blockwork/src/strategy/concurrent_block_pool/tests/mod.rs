//! Tests of a concurrent pool: by one thread, by threads that stop at the worst
//! places, in every interleaving of few (loom), in random ones of more (shuttle).

use core::mem::MaybeUninit;

use heap::vec::Vec;

use super::*;
use crate::source::system::System;
#[cfg(not(shuttle))]
use crate::strategy::block_pool::BlockAt;
#[cfg(not(loom))]
use crate::strategy::block_pool::BlockOf;

#[cfg(not(any(loom, shuttle)))]
mod alone;
#[cfg(loom)]
mod models;
#[cfg(shuttle)]
mod schedules;
#[cfg(not(any(loom, shuttle)))]
mod threads;

#[cfg(not(loom))]
type Pool<A> = ConcurrentBlockPool<A, BlockOf<64>>;

const CHUNK: usize = 1024;
/// Blocks of 64 bytes in a chunk.
#[cfg(not(loom))]
const PER_CHUNK: usize = if cfg!(shuttle) { 8 } else { 14 };

#[cfg(not(loom))]
fn pool<A: Allocate>(parent: A) -> Pool<A> {
    ConcurrentBlockPool::try_new(parent, ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: CHUNK }).unwrap()
}

#[cfg(not(shuttle))]
fn take<A: Allocate, S: BlockShape, P: Places>(pool: &ConcurrentBlockPool<A, S, P>, count: usize) -> Vec<NonNull<u8>> {
    (0..count).map(|_| pool.alloc_block().unwrap()).collect()
}

fn give<A: Allocate, S: BlockShape, P: Places>(
    pool: &ConcurrentBlockPool<A, S, P>,
    blocks: impl IntoIterator<Item = NonNull<u8>>,
) {
    // SAFETY: the tests give what they took, once.
    blocks.into_iter().for_each(|block| unsafe { pool.free_block(block) });
}
