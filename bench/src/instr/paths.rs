//! The paths, cheapest first.

use core::{alloc::Layout, hint::black_box, ptr::NonNull};

use blockwork::{Allocate, BlockOf, BlockPool, BlockPoolConfig, Bump, ChunkSize, System};

use crate::{
    by_hand::FreeList,
    opaque::{opaque, opaque_ref},
};

/// Something whose cost is counted.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// What a round may cost at most, net of the empty loop.
    pub(crate) bar: Option<f64>,
    pub(crate) run: fn(u64),
}

pub(crate) const PATHS: &[Path] = &[
    Path { name: "empty loop", bar: None, run: empty_loop },
    Path { name: "free list by hand: pop, push", bar: None, run: free_list_by_hand },
    Path { name: "block pool: alloc_block, free_block", bar: Some(8.0), run: block_pool_blocks },
    Path { name: "block pool: allocate, deallocate", bar: Some(8.0), run: block_pool_layouts },
    Path { name: "bump: 8 bytes", bar: Some(8.0), run: bump_8 },
];

/// A path that runs out of memory counts nothing worth knowing.
#[cold]
fn exhausted() -> ! {
    panic!("the path ran out of memory")
}

fn empty_loop(rounds: u64) {
    let value = black_box(Box::new(0_u64));
    let block = NonNull::from(&*value).cast::<u8>();
    for _ in 0..rounds {
        opaque_ref(&*value);
        opaque(block);
    }
}

fn free_list_by_hand(rounds: u64) {
    let mut memory = [0_u64; 8];
    let list = FreeList::new();
    // SAFETY: room for a pointer, aligned for one, unused.
    unsafe { list.push(NonNull::from(&mut memory).cast()) };
    for _ in 0..rounds {
        let list = opaque_ref(&list);
        let Some(block) = list.pop() else { exhausted() };
        // SAFETY: popped above.
        unsafe { list.push(opaque(block)) };
    }
}

fn pool() -> BlockPool<System, BlockOf<64>> {
    let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(64) };
    let pool = BlockPool::try_new(System, config).expect("a good configuration");
    let block = pool.alloc_block().expect("memory");
    // SAFETY: just allocated. Now the list is saturated.
    unsafe { pool.free_block(block) };
    pool
}

fn block_pool_blocks(rounds: u64) {
    let pool = pool();
    for _ in 0..rounds {
        let pool = opaque_ref(&pool);
        let Ok(block) = pool.alloc_block() else { exhausted() };
        // SAFETY: just allocated.
        unsafe { pool.free_block(opaque(block)) };
    }
}

fn block_pool_layouts(rounds: u64) {
    const LAYOUT: Layout = Layout::new::<[u64; 8]>();
    let pool = pool();
    for _ in 0..rounds {
        let pool = opaque_ref(&pool);
        let Ok(block) = pool.allocate(LAYOUT) else { exhausted() };
        // SAFETY: just allocated with this layout.
        unsafe { pool.deallocate(opaque(block), LAYOUT) };
    }
}

fn bump_8(rounds: u64) {
    const LAYOUT: Layout = Layout::new::<u64>();
    let bump = Bump::new(System, 1 << 20);
    for _ in 0..rounds {
        let Ok(block) = opaque_ref(&bump).allocate(LAYOUT) else { exhausted() };
        opaque(block);
    }
}
