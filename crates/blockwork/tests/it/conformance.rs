//! Every part through every law: alone, over every other part and adversary, and
//! over a counted other one. A new part has its line here.
//!
//! More configurations of each part stand in the module of its family, and
//! random ones in `stacks`.

use core::alloc::Layout;

use blockwork::{
    BlockAt, BlockPool, BlockPoolConfig, BlockPoolHead, BlockPoolPolicy, Buffer, Bump, ChunkSize, Const, Counted,
    Fallback, FromApi2_04, LastResort, Locked, Memo, MixedSlab, PerChunk, Pow2, Quad, Retain, Segregate, SizeClasses,
    Slab, SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, SpinLock, System, Threshold, UpTo,
    check_allocators, suite,
    testing::{Audited, Failing, Misaligned, Parent, Reentrant, Shuffled, Strict, When},
};
#[cfg(not(blockwork_no_os))]
use blockwork::{Guarded, PageOptions, Pages};

check_allocators! {
    system: |_| System, [.own_memory()];
    #[cfg(not(blockwork_no_os))]
    pages: |_| Pages, [.own_memory()];
    #[cfg(not(blockwork_no_os))]
    pages_with: |_| Pages::with(PageOptions::DEFAULT), [.own_memory()];
    #[cfg(not(blockwork_no_os))]
    guarded: |_| Guarded::new(), [.own_memory()];
    buffer: |parent| buffer(parent), [.region()];

    bump: |parent| Bump::new(parent, 256 * 1024), [.owns_spans().region()];
    block_pool: |parent| block_pool(parent), [.owns_spans().max_size(640).max_align(128)];
    block_pool_per_chunk: |parent| per_chunk(parent), [.owns_spans().max_size(640).max_align(128)];
    memo: |parent| Memo::new(parent, 8192), [.retains(8192)];
    span_pool: |parent| span_pool(parent, 4096, Retain::never_release()), [.owns_spans()];
    span_pool_simple: |parent| span_pool(parent, 256, SIMPLE), [.owns_spans()];
    span_pool_aggressive: |parent| span_pool(parent, 64, AGGRESSIVE), [.owns_spans()];
    slab: |parent| slab(parent), [.owns_spans().max_size(48).max_align(16)];
    mixed_slab: |parent| mixed_slab(parent), [.owns_spans()];

    size_classes: |parent| size_classes(parent), [.owns_spans().max_size(1024)];
    size_classes_of_pools: |parent| classes_of_pools(parent), [.owns_spans().max_size(1024)];
    segregate: |parent| Segregate::new(UpTo::<1024>, size_classes(parent), parent);
    fallback: |parent| Fallback::new(Bump::new_all(buffer(parent)), parent), [.region()];
    last_resort: |parent| LastResort::new(parent, Bump::new_all(buffer(parent))), [.region()];
    counted: |parent| Counted::new(parent), [.retains(0)];
    foreign: |parent| FromApi2_04::new(Counted::new(parent)), [.retains(0)];
    locked: |parent| Locked::with_lock(parent, SpinLock::new()), [.retains(0).not_reentrant()];

    audited: |parent| Audited::new(parent), [.retains(0)];
    failing: |parent| Failing::new(parent, When::Never), [.retains(0)];
    misaligned: |parent| Misaligned::new(parent), [.retains(0)];
    shuffled: |parent| Shuffled::new(parent, 5), [.retains(0).irregular()];
    reentrant: |parent| Reentrant::new(parent), [.retains(0)];
    strict: |_| Strict::new().grain(48).room(100), [.own_memory()];
}

#[test]
fn each_over_counted_over_another() {
    let below =
        suite!("counted", |parent| Counted::new(span_pool(parent, 4096, Retain::never_release())), .owns_spans());
    every_suite().for_each(|suite| suite.over(&below).run());
}

const SIMPLE: Retain = Retain::simple(Threshold::bytes(0..=32_768));
const AGGRESSIVE: Retain = Retain::aggressive(Threshold::percent(25..=50));

fn buffer(parent: Parent<'_>) -> Buffer<'_> {
    Buffer::new(parent.region(Layout::new::<[u64; 512]>()))
}

fn block_pool(parent: Parent<'_>) -> BlockPool<Parent<'_>, BlockAt> {
    let block = BlockAt::new(640, 128).unwrap();
    BlockPool::try_new(parent, BlockPoolConfig { block, chunk: ChunkSize::Blocks(5) }).unwrap()
}

fn per_chunk(parent: Parent<'_>) -> BlockPool<Parent<'_>, BlockAt, PerChunk> {
    let block = BlockAt::new(640, 128).unwrap();
    BlockPool::try_with_policy(parent, BlockPoolConfig { block, chunk: ChunkSize::Blocks(5) }, PerChunk).unwrap()
}

fn span_pool(parent: Parent<'_>, block: usize, retain: Retain) -> SpanPool<Parent<'_>> {
    let backing_request = Some(block.saturating_mul(16));
    SpanPool::try_new(parent, SpanPoolConfig { block, backing_request, retain, ..SpanPoolConfig::DEFAULT }).unwrap()
}

fn slab(parent: Parent<'_>) -> Slab<Parent<'_>, Const<48>, Const<4096>> {
    Slab::try_new(parent, SlabConfig { slot_size: Const, slab_size: Const, keep: 1 }).unwrap()
}

fn mixed_slab(parent: Parent<'_>) -> MixedSlab<Parent<'_>> {
    MixedSlab::try_new(parent, SlabPolicy { slab_size: 4096, keep: 1 }).unwrap()
}

fn size_classes(parent: Parent<'_>) -> SizeClasses<Quad<1024>, SlabHead<Const<4096>>, Parent<'_>> {
    SizeClasses::try_new(parent, SlabPolicy { slab_size: Const, keep: 1 }).unwrap()
}

fn classes_of_pools(parent: Parent<'_>) -> SizeClasses<Pow2<16, 1024>, BlockPoolHead, Parent<'_>> {
    SizeClasses::try_new(parent, BlockPoolPolicy { chunk: ChunkSize::Bytes(4096) }).unwrap()
}
