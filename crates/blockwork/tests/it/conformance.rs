//! Every part through every law, alone and over the others.

use core::alloc::Layout;

use blockwork::{
    BlockOf, BlockPool, BlockPoolConfig, Buffer, Bump, ChunkSize, PageOptions, Pages, System, check_allocator,
    testing::{Failing, Misaligned, Reentrant, Shuffled, Strict, Suite, When, pairs},
};

check_allocator!(buffer, |parent| Buffer::new(parent.region(Layout::new::<[u64; 512]>())), .region());
check_allocator!(system, |_| System, .own_memory());
check_allocator!(pages, |_| Pages, .own_memory());
check_allocator!(pages_with, |_| Pages::with(PageOptions::DEFAULT), .own_memory());
check_allocator!(bump, |parent| Bump::new(parent, 1 << 16), .owns_spans().region());
check_allocator!(
    block_pool,
    |parent| BlockPool::try_new(
        parent,
        BlockPoolConfig { block: BlockOf::<64, 64>, chunk: ChunkSize::Blocks(4) }
    ).unwrap(),
    .owns_spans().max_size(64).max_align(64)
);
check_allocator!(strict, |_| Strict::new().grain(48).room(100), .own_memory());
check_allocator!(failing, |parent| Failing::new(parent, When::Never), .retains(0));
check_allocator!(misaligned, |parent| Misaligned::new(parent), .retains(0));
check_allocator!(shuffled, |parent| Shuffled::new(parent, 5), .retains(0));
check_allocator!(reentrant, |parent| Reentrant::new(parent), .retains(0));

#[test]
fn every_pair() {
    pairs(&parts()).for_each(|pair| pair.run());
}

fn parts() -> Vec<Suite> {
    use blockwork::suite;
    vec![
        suite!("failing", |parent| Failing::new(parent, When::Never), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
        suite!("shuffled", |parent| Shuffled::new(parent, 5), .retains(0)),
        suite!("reentrant", |parent| Reentrant::new(parent), .retains(0)),
    ]
}
