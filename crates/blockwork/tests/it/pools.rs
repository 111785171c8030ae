//! `Bump`, `BlockPool`, `Memo` through every law.

use core::alloc::Layout;

use blockwork::{
    BlockAt, BlockOf, BlockPool, BlockPoolConfig, Buffer, Bump, ChunkSize, Lifo, Memo, PerChunk, check_allocator,
    math::size_class::{Pow2, Quad},
    send_sync,
    testing::{Bound, Local, Parent, Shared, Tied},
};

fn pool<A: blockwork::Allocate>(parent: A, size: usize, align: usize, chunk: ChunkSize) -> BlockPool<A, BlockAt> {
    BlockPool::try_new(parent, BlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk }).unwrap()
}

fn per_chunk<A: blockwork::Allocate>(
    parent: A,
    size: usize,
    align: usize,
    chunk: ChunkSize,
) -> BlockPool<A, BlockAt, PerChunk> {
    let config = BlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk };
    BlockPool::try_with_policy(parent, config, PerChunk).unwrap()
}

fn region(parent: Parent<'_>) -> Buffer<'_> {
    Buffer::new(parent.region(Layout::from_size_align(10_001, 1).unwrap()))
}

check_allocator!(bump, |parent| Bump::new(parent, 16_384), .owns_spans().region());
check_allocator!(bump_small, |parent| Bump::new(parent, 100), .owns_spans().region());
check_allocator!(bump_buffer, |parent| Bump::new_all(region(parent)), .region());
check_allocator!(bump_bump, |parent| Bump::new(Bump::new(parent, 16_384), 8_192), .owns_spans().region());

check_allocator!(block_pool, |parent| pool(parent, 48, 16, ChunkSize::Blocks(5)), .owns_spans().max_size(48).max_align(16));
check_allocator!(block_pool_one, |parent| pool(parent, 1, 1, ChunkSize::Blocks(1)), .owns_spans().max_size(8).max_align(8));
check_allocator!(
    block_pool_paged,
    |parent| BlockPool::try_new(parent, BlockPoolConfig { block: BlockOf::<640, 128>, chunk: ChunkSize::Bytes(8192) }).unwrap(),
    .owns_spans().max_size(640).max_align(128)
);
check_allocator!(
    block_pool_buffer,
    |parent| BlockPool::new_all(region(parent), BlockOf::<48, 16>),
    .own_memory().max_size(48).max_align(16)
);

check_allocator!(
    pool_per_chunk,
    |parent| per_chunk(parent, 48, 16, ChunkSize::Blocks(5)),
    .owns_spans().max_size(48).max_align(16)
);
check_allocator!(pool_per_chunk_one, |parent| per_chunk(parent, 1, 1, ChunkSize::Blocks(1)), .owns_spans().max_size(8).max_align(8));
check_allocator!(
    pool_per_chunk_groups,
    |parent| per_chunk(parent, 24, 8, ChunkSize::Blocks(200)),
    .owns_spans().max_size(24).max_align(8)
);
check_allocator!(
    pool_per_chunk_paged,
    |parent| {
        let config = BlockPoolConfig { block: BlockOf::<640, 128>, chunk: ChunkSize::Bytes(8192) };
        BlockPool::try_with_policy(parent, config, PerChunk).unwrap()
    },
    .owns_spans().max_size(640).max_align(128)
);
check_allocator!(
    pool_per_chunk_buffer,
    |parent| BlockPool::all_with_policy(region(parent), BlockOf::<48, 16>, PerChunk),
    .own_memory().max_size(48).max_align(16)
);

check_allocator!(memo, |parent| Memo::new(parent, usize::MAX));
check_allocator!(memo_limited, |parent| Memo::new(parent, 1000), .retains(1000));
check_allocator!(memo_none, |parent| Memo::new(parent, 0), .retains(0));
check_allocator!(memo_pow2, |parent| Memo::by_class(parent, Pow2::<16, 1024>, usize::MAX));
check_allocator!(memo_quad, |parent| Memo::by_class(parent, Quad::<4096>, 10_000), .retains(10_000));
check_allocator!(memo_bump, |parent| Memo::new(Bump::new(parent, 16_384), usize::MAX), .owns_spans().region());

// Blocks of one size serve few spans, so these pairs are chosen by hand.
check_allocator!(
    bump_over_pool,
    |parent| Bump::new(pool(parent, 4096, 64, ChunkSize::Blocks(3)), 4000),
    .owns_spans().region()
);
check_allocator!(
    pool_over_bump,
    |parent| pool(Bump::new(parent, 16_384), 48, 16, ChunkSize::Blocks(5)),
    .owns_spans().max_size(48).max_align(16)
);
check_allocator!(
    pool_over_pool,
    |parent| pool(pool(parent, 1024, 64, ChunkSize::Blocks(3)), 48, 16, ChunkSize::Bytes(1024)),
    .owns_spans().max_size(48).max_align(16)
);

check_allocator!(
    per_chunk_over_pool,
    |parent| per_chunk(pool(parent, 1024, 512, ChunkSize::Blocks(3)), 48, 16, ChunkSize::Bytes(512)),
    .owns_spans().max_size(48).max_align(16)
);
check_allocator!(
    pool_over_per_chunk,
    |parent| pool(per_chunk(parent, 1024, 64, ChunkSize::Blocks(3)), 48, 16, ChunkSize::Bytes(1024)),
    .owns_spans().max_size(48).max_align(16)
);

send_sync! {
    Bump<Shared>: Send, !Sync;
    Bump<Local>: Send, !Sync;
    Bump<Bound>: !Send, !Sync;
    Bump<Tied>: !Send, !Sync;

    BlockPool<Shared, BlockAt>: Send, !Sync;
    BlockPool<Local, BlockOf<8>>: Send, !Sync;
    BlockPool<Bound, BlockAt>: !Send, !Sync;
    BlockPool<Tied, BlockOf<8>>: !Send, !Sync;
    BlockPool<Shared, BlockAt, Lifo>: Send, !Sync;
    BlockPool<Shared, BlockAt, PerChunk>: Send, !Sync;
    BlockPool<Local, BlockOf<8>, PerChunk>: Send, !Sync;
    BlockPool<Bound, BlockAt, PerChunk>: !Send, !Sync;
    BlockPool<Tied, BlockOf<8>, PerChunk>: !Send, !Sync;

    Memo<Shared>: Send, !Sync;
    Memo<Local, Quad<1024>>: Send, !Sync;
    Memo<Bound>: !Send, !Sync;
    Memo<Tied>: !Send, !Sync;

    blockwork::Block<Shared>: Send, Sync;
    blockwork::Block<Local>: Send, !Sync;
    blockwork::Block<Bound>: !Send, Sync;
    blockwork::Block<Tied>: !Send, !Sync;
}
