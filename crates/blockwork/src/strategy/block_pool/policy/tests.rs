//! What both policies promise, and what only one does.

use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};
use heap::{vec, vec::Vec};

use super::*;
use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset},
    source::{buffer::Buffer, system::System},
    strategy::{
        block_pool::{BlockAt, BlockOf, BlockPool, BlockPoolConfig, ChunkSize},
        ledger::Ledger,
    },
};

const LINK: usize = size_of::<usize>();

type Pool<F> = BlockPool<Ledger, BlockAt, F>;

fn pool<F: FreePolicy>(policy: F, size: usize, align: usize, chunk: ChunkSize) -> Pool<F> {
    let config = BlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk };
    BlockPool::try_with_policy(Ledger::new(), config, policy).unwrap()
}

fn take<A: Allocate, S: BlockShape, F: FreePolicy>(pool: &BlockPool<A, S, F>, count: usize) -> Vec<NonNull<u8>> {
    (0..count).map(|_| pool.alloc_block().unwrap()).collect()
}

fn give<A: Allocate + Check, S: BlockShape, F: FreePolicy>(
    pool: &BlockPool<A, S, F>,
    blocks: impl IntoIterator<Item = NonNull<u8>>,
) {
    for block in blocks {
        // SAFETY: taken from this pool, and given once.
        unsafe { pool.free_block(block) }
    }
    assert_eq!(pool.check(), Ok(()));
}

/// The blocks in an order that looks random.
fn shuffled(mut blocks: Vec<NonNull<u8>>) -> Vec<NonNull<u8>> {
    let mut random = 1_usize;
    for index in 1..blocks.len() {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) & 0xFFFF_FFFF;
        blocks.swap(index, (random >> 8).checked_rem(index.wrapping_add(1)).unwrap());
    }
    blocks
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn neighbours_freed_in_disorder_come_back_together_and_in_order() {
    let pool = pool(PerChunk, 64, 8, ChunkSize::Blocks(4 * GROUP_BLOCKS));
    let before = take(&pool, 10 * GROUP_BLOCKS);
    give(&pool, shuffled(before.clone()));
    let after = take(&pool, 10 * GROUP_BLOCKS);
    for group in after.chunks(GROUP_BLOCKS) {
        assert!(group.windows(2).all(|pair| pair[1].addr().get() == pair[0].addr().get() + 64));
    }
    let sorted = |mut blocks: Vec<_>| {
        blocks.sort();
        blocks
    };
    assert_eq!(sorted(before), sorted(after));
    assert_eq!(pool.parent.requests(), 3);
}

#[test]
fn the_first_free_neighbour_of_the_group_freed_last_comes_first() {
    let pool = pool(PerChunk, 16, 16, ChunkSize::Blocks(2 * GROUP_BLOCKS));
    let blocks = take(&pool, 2 * GROUP_BLOCKS);
    let second = GROUP_BLOCKS;
    give(&pool, [5, second + 9, 3, second + 7].map(|index| blocks[index]));
    let expected = [second + 7, second + 9, 3, 5].map(|index| blocks[index]);
    assert_eq!(take(&pool, 4), expected);
}

#[test]
fn a_chunk_is_aligned_for_its_blocks_and_its_notes_lie_behind_them() {
    for (size, blocks) in [(32, 4), (64, GROUP_BLOCKS), (64, GROUP_BLOCKS + 1), (24, 100), (4096, 1)] {
        let pool = pool(PerChunk, size, 8, ChunkSize::Blocks(blocks));
        take(&pool, blocks);
        let notes = LINK + blocks.div_ceil(GROUP_BLOCKS) * GROUP_SIZE;
        let align = (blocks * size).next_power_of_two();
        assert_eq!(pool.parent.layouts(), [layout(blocks * size + notes, align)]);
        assert_eq!((pool.chunk_waste(), pool.blocks_free()), (notes, 0));
    }
    assert_eq!(GROUP_SIZE, 3 * LINK);
}

#[test]
fn a_chunk_in_bytes_has_blocks_and_notes_in_them() {
    let pool = pool(PerChunk, 64, 8, ChunkSize::Bytes(65_536));
    take(&pool, 1);
    assert_eq!(pool.parent.layouts(), [layout(65_536, 65_536)]);
    let blocks = pool.blocks_free() + 1;
    assert_eq!(pool.chunk_waste(), 65_536 - blocks * 64);
    assert!(pool.chunk_waste() < 64 + LINK + blocks.div_ceil(GROUP_BLOCKS) * GROUP_SIZE);
}

#[test]
fn a_chunk_too_short_for_its_notes_has_one_block_nevertheless() {
    for more in 0..GROUP_SIZE {
        let pool = pool(PerChunk, 64, 8, ChunkSize::Bytes(64 + LINK + more));
        take(&pool, 2);
        assert_eq!(pool.parent.layouts(), [layout(64 + LINK + GROUP_SIZE, 64); 2]);
    }
}

#[test]
fn a_larger_grant_is_used_as_far_as_the_mask_reaches() {
    let config = BlockPoolConfig { block: BlockAt::new(16, 16).unwrap(), chunk: ChunkSize::Blocks(5) };
    for (grain, blocks) in [(1, 5), (136, 6), (256, 8), (4096, 8)] {
        let pool = BlockPool::try_with_policy(Ledger::with_grain(grain), config, PerChunk).unwrap();
        let taken = take(&pool, 2 * blocks);
        assert_eq!((pool.parent.requests(), pool.blocks_free()), (2, 0));
        give(&pool, shuffled(taken));
        pool.trim();
        assert_eq!(pool.chunks(), 0);
    }
}

#[test]
fn chunks_larger_than_memory_are_refused() {
    let block = BlockOf::<64>;
    for chunk in [ChunkSize::Blocks(usize::MAX / 64), ChunkSize::Blocks(1 << (usize::BITS - 8)), ChunkSize::Bytes(0)] {
        let refused = BlockPool::try_with_policy(System, BlockPoolConfig { block, chunk }, PerChunk).unwrap_err();
        assert_eq!(refused.field, "BlockPoolConfig::chunk");
    }
}

#[test]
fn a_free_block_is_not_written_to() {
    let pool = pool(PerChunk, 32, 8, ChunkSize::Blocks(10));
    let blocks = take(&pool, 10);
    for &block in &blocks {
        // SAFETY: live, of 32 bytes.
        unsafe { block.write_bytes(0x5A, 32) }
    }
    give(&pool, shuffled(blocks));
    // SAFETY: live, and written above.
    assert!(take(&pool, 10).iter().all(|block| unsafe { block.cast::<[u8; 32]>().read() } == [0x5A; 32]));
}

/// Calls a generic function with both policies.
macro_rules! both {
    ($($(#[$doc:meta])* $test:ident)*) => {$(
        $(#[$doc])*
        #[test]
        fn $test() {
            laws::$test(Lifo);
            laws::$test(PerChunk);
        }
    )*};
}

both! {
    blocks_of_every_size_at_every_alignment_keep_their_bytes
    one_request_a_chunk_and_none_while_a_block_is_free
    a_failing_parent_changes_nothing
    preallocated_blocks_need_no_parent
    a_released_pool_is_empty_and_usable
    a_reset_keeps_the_chunks_and_the_order
    trimming_gives_back_the_chunks_without_live_blocks
    trimming_a_pool_in_use_keeps_every_live_byte
    every_byte_of_a_buffer_is_block_or_waste
    a_buffer_is_recycled_owned_reset_and_let_go
    both_shapes_share_out_the_same
    pools_fit_constants
    internal_waste_is_what_a_request_leaves_of_the_stride
}

#[expect(clippy::arithmetic_side_effects, reason = "test code, where it may panic")]
mod laws {
    use super::*;

    fn group_size<F: FreePolicy>(_: F) -> usize {
        F::Blocks::GROUP_SIZE
    }

    pub(super) fn blocks_of_every_size_at_every_alignment_keep_their_bytes(policy: impl FreePolicy) {
        for size in [1, 3, 7, 8, 24, 100] {
            for align in (0..=12).map(|bit| 1 << bit) {
                let pool = pool(policy, size, align, ChunkSize::Blocks(GROUP_BLOCKS + 6));
                let stride = pool.block_layout().size();
                let mut blocks = take(&pool, GROUP_BLOCKS * 2);
                for round in 0..3 {
                    for (byte, block) in (round..).zip(&blocks) {
                        assert!(block.addr().get().is_multiple_of(align));
                        // SAFETY: a live block, of the stride.
                        unsafe { block.write_bytes(byte, stride) };
                    }
                    for (byte, block) in (round..).zip(&blocks) {
                        // SAFETY: live, and written above.
                        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), stride) };
                        assert!(bytes.iter().all(|&read| read == byte));
                    }
                    let freed = shuffled(blocks.split_off(GROUP_BLOCKS / 2));
                    give(&pool, freed);
                    blocks.extend(take(&pool, GROUP_BLOCKS * 2 - GROUP_BLOCKS / 2));
                }
                assert_eq!((pool.chunks(), pool.blocks_live()), (2, GROUP_BLOCKS * 2));
            }
        }
    }

    pub(super) fn one_request_a_chunk_and_none_while_a_block_is_free(policy: impl FreePolicy) {
        let pool = pool(policy, 16, 16, ChunkSize::Blocks(70));
        for chunks in 1..=5 {
            assert_eq!(pool.parent.requests(), chunks - 1);
            take(&pool, 69);
            let last = take(&pool, 1);
            assert_eq!((pool.parent.requests(), pool.chunks(), pool.blocks_free()), (chunks, chunks, 0));
            give(&pool, last);
            take(&pool, 1);
        }
    }

    pub(super) fn a_failing_parent_changes_nothing(policy: impl FreePolicy) {
        for failing in 0..4 {
            let pool = pool(policy, 16, 16, ChunkSize::Blocks(4));
            pool.parent.fail_after(failing);
            let blocks = take(&pool, failing * 4);
            let before = (pool.chunks(), pool.blocks_live(), pool.blocks_free());
            assert_eq!(pool.alloc_block(), Err(AllocError));
            assert_eq!((pool.chunks(), pool.blocks_live(), pool.blocks_free()), before);
            give(&pool, blocks);
            pool.parent.fail_after(1);
            assert!(pool.alloc_block().is_ok());
        }
    }

    pub(super) fn preallocated_blocks_need_no_parent(policy: impl FreePolicy) {
        let pool = pool(policy, 16, 16, ChunkSize::Blocks(4));
        pool.prealloc(9).unwrap();
        assert_eq!((pool.parent.requests(), pool.blocks_free(), pool.blocks_live()), (3, 12, 0));
        pool.parent.fail_after(1);
        assert_eq!(pool.prealloc(20), Err(AllocError));
        assert_eq!(pool.parent.blocks(), 3);
        pool.parent.fail_after(0);
        take(&pool, 12);
        assert_eq!(pool.alloc_block(), Err(AllocError));
        assert_eq!(pool.check(), Ok(()));
    }

    pub(super) fn a_released_pool_is_empty_and_usable(policy: impl FreePolicy) {
        let mut pool = pool(policy, 16, 16, ChunkSize::Blocks(4));
        for _ in 0..3 {
            let blocks = take(&pool, 9);
            give(&pool, blocks.into_iter().take(2));
            pool.release();
            assert_eq!((pool.parent.blocks(), pool.chunks(), pool.blocks_live(), pool.blocks_free()), (0, 0, 0, 0));
            assert_eq!(pool.check(), Ok(()));
        }
        take(&pool, 1);
    }

    pub(super) fn a_reset_keeps_the_chunks_and_the_order(policy: impl FreePolicy) {
        let mut pool = pool(policy, 16, 16, ChunkSize::Blocks(4));
        let before = take(&pool, 10);
        give(&pool, [before[4], before[1]]);
        pool.reset();
        assert_eq!((pool.chunks(), pool.blocks_live(), pool.blocks_free()), (3, 0, 12));
        assert_eq!(pool.check(), Ok(()));
        assert_eq!(take(&pool, 10), before);
        assert_eq!(pool.parent.requests(), 3);
    }

    pub(super) fn trimming_gives_back_the_chunks_without_live_blocks(policy: impl FreePolicy) {
        let pool = pool(policy, 16, 16, ChunkSize::Blocks(100));
        let blocks = take(&pool, 350);
        // All of the second chunk, every tenth block of the others.
        let freed = (0..350).filter(|index| index / 100 == 1 || index % 10 == 0).map(|index| blocks[index]).collect();
        give(&pool, shuffled(freed));
        pool.trim();
        assert_eq!((pool.parent.blocks(), pool.chunks(), pool.blocks_live()), (3, 3, 225));
        assert_eq!((pool.blocks_free(), pool.check()), (75, Ok(())));
        let mut left: Vec<_> =
            (0..350).filter(|index| index / 100 != 1 && index % 10 == 0).map(|index| blocks[index]).collect();
        left.sort();
        // With them come those of the last chunk that were never taken, wherever that lies.
        let (again, untouched): (Vec<_>, Vec<_>) = take(&pool, 75).into_iter().partition(|block| left.contains(block));
        assert_eq!(again, left, "in the order of their addresses");
        give(&pool, untouched);
        give(&pool, blocks.iter().enumerate().filter(|(index, _)| index / 100 != 1).map(|(_, &block)| block));
        pool.trim();
        assert_eq!((pool.parent.blocks(), pool.blocks_free()), (0, 0));
    }

    pub(super) fn trimming_a_pool_in_use_keeps_every_live_byte(policy: impl FreePolicy) {
        let pool = pool(policy, 16, 16, ChunkSize::Blocks(7));
        let mut live: Vec<(NonNull<u8>, u8)> = Vec::new();
        let mut random = 1_u32;
        for (round, byte) in (0..4000).zip((0..=u8::MAX).cycle()) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if random >> 31 == 0 && live.len() < 90 || live.is_empty() {
                let block = take(&pool, 1)[0];
                // SAFETY: a live block of sixteen bytes.
                unsafe { block.write_bytes(byte, 16) };
                live.push((block, byte));
            } else {
                let (block, byte) = live.swap_remove((random >> 8) as usize % live.len());
                // SAFETY: a live block of sixteen bytes, written above.
                assert_eq!(unsafe { block.cast::<[u8; 16]>().read() }, [byte; 16]);
                give(&pool, [block]);
            }
            if round % 37 == 0 {
                pool.trim();
                assert_eq!(pool.check(), Ok(()));
                assert!(pool.chunks() <= live.len());
            }
            assert_eq!(pool.blocks_live(), live.len());
        }
    }

    pub(super) fn every_byte_of_a_buffer_is_block_or_waste(policy: impl FreePolicy) {
        let notes = |blocks: usize| blocks.div_ceil(GROUP_BLOCKS) * group_size(policy);
        let mut memory = vec![MaybeUninit::uninit(); 3000];
        for skip in 0..40 {
            for size in [0, 1, 31, 32, 56, 88, 500, 2048, 2104, 2136, 2500] {
                let buffer = Buffer::new(&mut memory[skip..skip + size]);
                let pool = BlockPool::all_with_policy(buffer, BlockAt::new(24, 32).unwrap(), policy);
                let blocks = pool.blocks_max();
                assert_eq!(pool.waste_head() + blocks * 32 + pool.waste_tail(), size);
                assert!(pool.waste_head() < 32 && pool.waste_tail() >= notes(blocks));
                assert!(pool.waste_tail() < notes(blocks + 1) + 32, "one more would fit");
                assert_eq!(pool.prealloc(blocks + 1), Err(AllocError));
                let taken = take(&pool, blocks);
                assert_eq!(pool.alloc_block(), Err(AllocError));
                assert_eq!((pool.blocks_live(), pool.check()), (blocks, Ok(())));
                give(&pool, shuffled(taken));
                assert_eq!(take(&pool, blocks).len(), blocks);
            }
        }
    }

    pub(super) fn a_buffer_is_recycled_owned_reset_and_let_go(policy: impl FreePolicy) {
        let (mut memory, mut other) = (vec![MaybeUninit::uninit(); 1000], vec![0_u8; 64]);
        let foreign = NonNull::from(&mut other[0]);
        let buffer = Buffer::new(&mut memory);
        let mut pool = BlockPool::try_all_with_policy(buffer, BlockOf::<64>, policy).unwrap();
        let count = pool.blocks_max();
        let blocks = take(&pool, count);
        assert!(blocks.iter().all(|&block| pool.owns(block, layout(64, 8))));
        assert!(!pool.owns(foreign, layout(64, 8)));
        give(&pool, [blocks[2]]);
        assert_eq!(take(&pool, 1), [blocks[2]]);
        pool.trim();
        assert_eq!((pool.chunks(), pool.blocks_live()), (1, count));
        pool.reset();
        assert_eq!(take(&pool, count), blocks);
        give(&pool, shuffled(blocks));
        pool.trim();
        assert_eq!((pool.chunks(), pool.blocks_free()), (0, 0));
        take(&pool, 1);
        pool.release();
        assert!(pool.parent.allocate(layout(1000, 1)).is_ok(), "the buffer is free again");
    }

    pub(super) fn both_shapes_share_out_the_same(policy: impl FreePolicy) {
        let chunk = ChunkSize::Bytes(5000);
        let config = BlockPoolConfig { block: BlockOf::<40>, chunk };
        let constant = BlockPool::try_with_policy(Ledger::new(), config, policy).unwrap();
        let value = pool(policy, 40, 1, chunk);
        let offsets = |blocks: &[NonNull<u8>]| -> Vec<usize> {
            blocks.iter().map(|block| block.addr().get().wrapping_sub(blocks[0].addr().get())).collect()
        };
        let (a, b) = (take(&constant, 100), take(&value, 100));
        assert_eq!(offsets(&a), offsets(&b));
        give(&constant, [a[30], a[99], a[70]]);
        give(&value, [b[30], b[99], b[70]]);
        let (again_a, again_b) = (take(&constant, 3), take(&value, 3));
        assert_eq!(offsets(&again_a), offsets(&again_b));
        assert_eq!(constant.chunk_waste(), value.chunk_waste());
    }

    pub(super) fn pools_fit_constants(policy: impl FreePolicy) {
        const CONFIG: crate::alloc::Valid<BlockPoolConfig<BlockOf<8>>> =
            match (BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(4) }).check() {
                Ok(config) => config,
                Err(_) => panic!(),
            };
        const fn make<F: FreePolicy>(policy: F) -> BlockPool<System, BlockOf<8>, F> {
            BlockPool::with_policy(System, CONFIG, policy)
        }
        take(&make(policy), 5);
    }

    pub(super) fn internal_waste_is_what_a_request_leaves_of_the_stride(policy: impl FreePolicy) {
        let pool = pool(policy, 24, 16, ChunkSize::Blocks(4));
        for size in 1..=32 {
            assert_eq!((pool.granted(layout(size, 8)), pool.internal_waste(layout(size, 8))), (32, 32 - size));
        }
        assert_eq!((pool.granted(layout(33, 8)), pool.internal_waste(layout(33, 8))), (33, 0));
    }
}
