//! What threads share, through every law; and as parents and children of others.

use blockwork::{
    BlockAt, BlockOf, BlockPool, BlockPoolConfig, Buffer, Bump, Chain, ChunkSize, Counted, Fallback, LastResort,
    Listed, Locked, Memo, Null, Pow2, Quad, Quota, Segregate, SizeClasses, Sizes, SlabHead, SlabPolicy, SpanPool,
    SpanPoolConfig, SpinLock, ThreadCached, UpTo, check_allocator, check_allocators,
    math::size_class::Initial,
    send_sync,
    testing::{Bound, Failing, Local, Misaligned, Shared, Tied, When},
};

/// Sizes of which each is aligned otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Odd;

impl Sizes for Odd {
    const SIZES: &'static [usize] = &[8, 16, 24, 104, 192, 408, 512, 1000];
    type PerSize<T: Initial> = [T; 8];
}

const SLABS: SlabPolicy = SlabPolicy { slab_size: 4096, keep: 1 };

fn pool<A: blockwork::Allocate>(parent: A) -> BlockPool<A, BlockOf<48, 16>> {
    BlockPool::try_new(parent, BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(5) }).unwrap()
}

check_allocator!(thread_cached, |parent| ThreadCached::new(parent, Quad::<1024>, usize::MAX));
check_allocator!(thread_cached_pow2, |parent| ThreadCached::new(parent, Pow2::<8, 4096>, 500));
check_allocator!(thread_cached_listed, |parent| ThreadCached::new(parent, Listed::<Odd>::new(), 1000));
check_allocator!(thread_cached_none, |parent| ThreadCached::new(parent, Quad::<1024>, 0), .retains(0));
check_allocator!(thread_cached_one, |parent| ThreadCached::new(parent, BlockOf::<48, 16>, usize::MAX));
check_allocator!(thread_cached_one_at, |parent| { ThreadCached::new(parent, BlockAt::new(100, 8).unwrap(), 1000) });
check_allocator!(thread_cached_word, |parent| ThreadCached::new(parent, BlockOf::<1>, 64));
check_allocator!(
    thread_cached_pool,
    |parent| ThreadCached::new(pool(parent), BlockOf::<48, 16>, usize::MAX),
    .owns_spans().max_size(48).max_align(16)
);
check_allocator!(
    thread_cached_locked_pool,
    |parent| ThreadCached::new(Locked::with_lock(pool(parent), SpinLock::new()), BlockOf::<48, 16>, 200),
    .owns_spans().max_size(48).max_align(16).not_reentrant()
);
check_allocator!(
    thread_cached_size_classes,
    |parent| {
        let heap = SizeClasses::<Quad<512>, SlabHead<usize>, _>::try_new(parent, SLABS).unwrap();
        ThreadCached::new(heap, Quad::<512>, 2000)
    },
    .owns_spans().max_size(512)
);
check_allocator!(thread_cached_heap, |parent| {
    let small = SizeClasses::<Quad<512>, SlabHead<usize>, _>::try_new(parent, SLABS).unwrap();
    ThreadCached::new(Segregate::new(UpTo::<512>, small, parent), Quad::<1024>, 2000)
});
check_allocator!(thread_cached_twice, |parent| {
    ThreadCached::new(ThreadCached::new(parent, Pow2::<16, 256>, 300), Quad::<1024>, 300)
});
// A parent that fails now and then: the other side serves.
check_allocator!(
    thread_cached_failing,
    |parent| LastResort::new(
        Failing::new(ThreadCached::new(parent, Quad::<1024>, usize::MAX), When::Every(3)),
        Bump::new_all(Buffer::new(parent.region(core::alloc::Layout::new::<[u64; 131_072]>()))),
    ),
    .region()
);
check_allocator!(thread_cached_misaligned, |parent| {
    ThreadCached::new(Misaligned::new(parent), BlockOf::<64, 32>, usize::MAX)
});
check_allocator!(thread_cached_counted, |parent| ThreadCached::new(Counted::new(parent), Quad::<1024>, 5000));
check_allocator!(counted_thread_cached, |parent| ThreadCached::new(parent, Quad::<1024>, 5000).counted());

check_allocators! {
    classes: |parent| ThreadCached::new(parent, Quad::<1024>, 3000);
    one_size: |parent| ThreadCached::new(parent, BlockOf::<64>, usize::MAX);
    memo: |parent| Memo::new(parent, usize::MAX);
    spans: |parent| SpanPool::try_new(parent, SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT }).unwrap(), [.owns_spans()];
    quota: |parent| Quota::new(parent, 50_000_000_usize), [.retains(0)];
    fallback: |parent| Fallback::new(Null, parent), [.retains(0)];
    misaligned: |parent| Misaligned::new(parent), [.retains(0)];
}

send_sync! {
    ThreadCached<Shared, Quad<1024>>: Send, Sync;
    ThreadCached<Local, BlockOf<64>>: Send, !Sync;
    ThreadCached<Bound, Quad<1024>>: !Send, Sync;
    ThreadCached<Tied, BlockOf<64>>: !Send, !Sync;
}
