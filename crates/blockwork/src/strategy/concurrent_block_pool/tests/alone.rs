//! What one thread can see.

use core::cell::RefCell;

use super::*;
use crate::{
    combine::counted::Counted,
    testing::{Failing, Reentrant, When},
};

#[test]
fn wrong_configurations_name_the_field_and_the_rule() {
    let check = |size, align, chunk_size| {
        let config = ConcurrentBlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk_size };
        config.check().map(drop).map_err(|error| (error.field, error.rule))
    };
    let field = "ConcurrentBlockPoolConfig::chunk_size";
    for chunk_size in [0, 24, 1000] {
        assert_eq!(check(8, 8, chunk_size), Err((field, "must be a power of two")));
    }
    assert_eq!(check(8, 8, 1 << 32), Err((field, "must not exceed 2 GiB")));
    for (size, align, chunk_size) in [(8, 8, 16), (64, 64, 64), (8, 4096, 2048), (1 << 31, 8, 1 << 31)] {
        let rule = "must have room for a block and its book-keeping";
        assert_eq!(check(size, align, chunk_size), Err((field, rule)));
    }
    assert_eq!(check(8, 8, 32), Ok(()));
    assert_eq!(check(1, 1, 1 << 31), Ok(()));
}

#[test]
fn a_fresh_pool_takes_nothing_and_then_one_chunk_at_a_time() {
    let parent = Counted::new(System);
    let pool = pool(&parent);
    assert_eq!((pool.blocks_per_chunk(), parent.counts().requests), (PER_CHUNK, 0));
    let blocks = take(&pool, 3 * PER_CHUNK);
    assert_eq!((pool.chunks(), pool.blocks_live()), (3, 3 * PER_CHUNK));
    // Three chunks, and the table that knows them.
    assert_eq!(parent.counts().requests, 4);
    for chunk in blocks.chunks(PER_CHUNK) {
        assert!(chunk.is_sorted() && chunk.windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() == 64));
        assert!(chunk.iter().all(|block| block.addr().get() & !(CHUNK - 1) == chunk[0].addr().get() & !(CHUNK - 1)));
    }
    give(&pool, blocks.iter().copied());
    assert_eq!((pool.blocks_live(), pool.check()), (0, Ok(())));
    // The last one freed comes first, and nothing more is asked for.
    assert!(take(&pool, 3 * PER_CHUNK).iter().eq(blocks.iter().rev()));
    assert_eq!(parent.counts().requests, 4);
    drop(pool);
    assert_eq!((parent.counts().bytes_live, parent.counts().blocks_live), (0, 0));
}

#[test]
fn every_block_is_found_again_through_a_table_that_grew() {
    let parent = Counted::new(System);
    let pool = pool(&parent);
    let blocks = take(&pool, 100 * PER_CHUNK);
    give(&pool, blocks.iter().copied());
    let mut again = take(&pool, 100 * PER_CHUNK);
    again.reverse();
    assert_eq!(blocks, again);
    // 8, 16, 32, 64 and 128 chunks.
    assert_eq!((pool.chunks(), parent.counts().requests), (100, 105));
}

#[test]
fn every_stride_and_chunk_has_room_for_what_it_says() {
    for size in [1, 8, 24, 40, 64, 100, 500] {
        for align in [1, 16, 64, 256] {
            for chunk_size in [1 << 11, 1 << 12, 1 << 16] {
                let config = ConcurrentBlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk_size };
                let pool = ConcurrentBlockPool::try_new(System, config).unwrap();
                let count = 2 * pool.blocks_per_chunk() + 1;
                let blocks = take(&pool, count);
                for (&block, byte) in blocks.iter().zip((0..=u8::MAX).cycle()) {
                    assert!(block.addr().get().is_multiple_of(align));
                    // SAFETY: a live block of that size.
                    unsafe { block.write_bytes(byte, size) };
                }
                give(&pool, blocks.iter().copied().step_by(2));
                for (&block, byte) in blocks.iter().zip((0..=u8::MAX).cycle()).skip(1).step_by(2) {
                    // SAFETY: a live block, written above.
                    let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), size) };
                    assert!(bytes.iter().all(|&found| found == byte));
                }
                assert_eq!(pool.blocks_live(), count / 2);
            }
        }
    }
}

#[test]
fn a_buffer_is_shared_out_to_the_last_block_with_its_link() {
    let mut memory = [0_u64; 100];
    // SAFETY: the same bytes, borrowed as long.
    let bytes = unsafe { core::slice::from_raw_parts_mut(memory.as_mut_ptr().cast::<MaybeUninit<u8>>(), 800) };
    let pool = ConcurrentBlockPool::try_new_all(Buffer::new(&mut bytes[1..]), BlockOf::<16, 8>).unwrap();
    let blocks = take(&pool, pool.blocks_max());
    assert_eq!(blocks.len(), 799 / 20);
    assert_eq!(pool.alloc_block(), Err(AllocError));
    assert!(blocks.is_sorted() && blocks.iter().all(|block| pool.owns(*block, Layout::new::<u64>())));
    give(&pool, blocks.iter().copied().skip(3));
    assert_eq!((pool.blocks_live(), pool.check()), (3, Ok(())));
    assert_eq!(take(&pool, 36).len(), 36);
}

#[test]
fn a_buffer_without_room_for_a_block_is_an_error() {
    for size in [0, 1, 19] {
        let mut memory = [0_u64; 3];
        // SAFETY: the same bytes, borrowed as long.
        let bytes = unsafe { core::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), size) };
        let error = ConcurrentBlockPool::try_new_all(Buffer::new(bytes), BlockOf::<16, 8>).map(drop).unwrap_err();
        assert_eq!(error.field, "ConcurrentBlockPool::buffer");
    }
}

#[test]
fn a_reset_pool_hands_its_chunks_out_again() {
    let parent = Counted::new(System);
    let mut pool = pool(&parent);
    let blocks = take(&pool, 2 * PER_CHUNK + 1);
    give(&pool, blocks.iter().copied().take(5));
    pool.reset();
    assert_eq!((pool.blocks_live(), pool.chunks()), (0, 3));
    assert_eq!(take(&pool, 2 * PER_CHUNK + 1), blocks);
    assert_eq!(parent.counts().requests, 4);
}

#[test]
fn it_survives_its_parent_failing_at_every_request() {
    for number in 0..12 {
        let parent = Counted::new(System);
        let pool = pool(Failing::new(&parent, When::Once(number)));
        let mut failures = 0;
        for _ in 0..10 * PER_CHUNK {
            let before = parent.counts();
            if pool.alloc_block().is_err() {
                failures += 1;
                assert_eq!(parent.counts().bytes_live, before.bytes_live, "request {number} left something");
                assert!(pool.alloc_block().is_ok(), "and the next one is served");
            }
        }
        assert_eq!(failures, 1);
        drop(pool);
        assert_eq!(parent.counts().bytes_live, 0);
    }
}

#[test]
fn trim_gives_back_the_chunks_without_live_blocks() {
    let parent = Counted::new(System);
    let mut pool = pool(&parent);
    let blocks = take(&pool, 20 * PER_CHUNK + 5);
    // Live stays one block in the middle of chunk 4, chunk 9 as a whole, and
    // the last block of all.
    let is_kept = |at: usize| at == 4 * PER_CHUNK + 3 || at / PER_CHUNK == 9 || at + 1 == blocks.len();
    let (kept, freed): (Vec<_>, Vec<_>) = (0..blocks.len()).partition(|&at| is_kept(at));
    give(&pool, freed.iter().rev().map(|&at| blocks[at]));
    pool.trim();
    assert_eq!((pool.chunks(), pool.blocks_live(), pool.check()), (3, kept.len(), Ok(())));
    // Three chunks and one table.
    assert_eq!(parent.counts().blocks_live, 4);
    // What is free comes in the order of the chunks, then what was never carved.
    let requests = parent.counts().requests;
    let again = take(&pool, PER_CHUNK - 1 + PER_CHUNK - 1);
    let expected = freed.iter().map(|&at| blocks[at]);
    let in_chunk = |at: usize| move |block: &NonNull<u8>| block.addr().get() & !(CHUNK - 1) == at;
    let chunk = |at: usize| blocks[at].addr().get() & !(CHUNK - 1);
    let first: Vec<_> = expected.clone().filter(in_chunk(chunk(4 * PER_CHUNK))).collect();
    let last: Vec<_> = expected.filter(in_chunk(chunk(20 * PER_CHUNK))).collect();
    assert_eq!(again[..PER_CHUNK - 1], first);
    assert_eq!(again[PER_CHUNK - 1..PER_CHUNK + 3], last);
    assert_eq!((parent.counts().requests, pool.check()), (requests, Ok(())));
    give(&pool, again);
    give(&pool, kept.iter().map(|&at| blocks[at]));
    pool.trim();
    assert_eq!((pool.chunks(), parent.counts().blocks_live, pool.blocks_live()), (0, 0, 0));
    assert_eq!(take(&pool, PER_CHUNK + 1).len(), PER_CHUNK + 1);
}

#[test]
fn random_operations_with_trims_lose_nothing_and_hand_nothing_out_twice() {
    let parent = Counted::new(System);
    let mut pool = pool(&parent);
    let (mut state, mut live) = (7_u64, Vec::new());
    for round in 0..4000_usize {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = (state >> 33) as usize;
        if dice % 100 < 45 + 10 * (round / 400 % 2) || live.is_empty() {
            let block = pool.alloc_block().unwrap();
            // SAFETY: a live block of 64 bytes.
            unsafe { block.cast::<usize>().write(round) };
            live.push((block, round));
        } else {
            let (block, name) = live.swap_remove(dice / 100 % live.len());
            // SAFETY: live, signed above.
            assert_eq!(unsafe { block.cast::<usize>().read() }, name);
            give(&pool, [block]);
        }
        if dice.is_multiple_of(97) {
            pool.trim();
            let mut chunks: Vec<_> = live.iter().map(|(block, _)| block.addr().get() & !(CHUNK - 1)).collect();
            chunks.sort_unstable();
            chunks.dedup();
            assert_eq!(pool.chunks(), chunks.len());
        }
        assert_eq!((pool.blocks_live(), pool.check()), (live.len(), Ok(())));
    }
}

#[test]
fn a_lost_race_for_growth_gives_the_chunk_back() {
    let parent = Counted::new(System);
    let pool = pool(Reentrant::new(&parent));
    let nested = RefCell::new(Vec::new());
    // While the parent is asked somebody else adds the very chunk.
    let block = pool.parent.during(&|| nested.borrow_mut().push(pool.alloc_block().unwrap()), || pool.alloc_block());
    nested.borrow_mut().push(block.unwrap());
    assert_eq!((pool.chunks(), pool.blocks_live()), (1, nested.borrow().len()));
    // The chunk and its table; the other chunk went back.
    assert_eq!(parent.counts().blocks_live, 2);
    assert!(parent.counts().requests > 2);
}

#[test]
fn a_refused_request_inside_of_a_request_does_not_wait_for_ever() {
    let pool = pool(Reentrant::new(Failing::new(System, When::From(0))));
    let refused = RefCell::new(0);
    let outer = pool.parent.during(
        &|| {
            assert!(pool.alloc_block().is_err());
            *refused.borrow_mut() += 1;
        },
        || pool.alloc_block(),
    );
    assert_eq!((outer, *refused.borrow()), (Err(AllocError), 1));
}

#[test]
fn a_walk_finds_a_block_that_was_freed_twice() {
    let pool = pool(System);
    let blocks = take(&pool, 3);
    give(&pool, [blocks[0], blocks[1]]);
    assert_eq!(pool.check(), Ok(()));
    // Breaks the contract, but nothing is written outside of the links.
    give(&pool, [blocks[0]]);
    assert!(pool.check().is_err());
}

#[test]
fn a_request_that_no_block_fits_fails_and_takes_nothing() {
    let parent = Counted::new(System);
    let pool = pool(&parent);
    for layout in [Layout::new::<[u8; 65]>(), Layout::from_size_align(8, 128).unwrap()] {
        assert_eq!(pool.allocate(layout), Err(AllocError));
        assert_eq!(pool.granted(layout), layout.size());
    }
    assert_eq!((parent.counts().requests, pool.internal_waste(Layout::new::<[u8; 50]>())), (0, 14));
}
