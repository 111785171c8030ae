//! What the pool promises, and what seed 000 got wrong.

use core::{
    cell::{Cell, UnsafeCell},
    mem::MaybeUninit,
    ptr::NonNull,
    slice,
};
use heap::vec::Vec;

use super::*;
use crate::{math::align::SIZE_MAX, source::system::System, strategy::ledger::Ledger};

type Pool<A = Ledger> = BlockPool<A, BlockAt>;

/// A pool of blocks of `size` and `align`, four to a chunk.
fn pool(size: usize, align: usize) -> Pool {
    over(Ledger::new(), size, align, ChunkSize::Blocks(4))
}

fn over<A: Allocate>(parent: A, size: usize, align: usize, chunk: ChunkSize) -> Pool<A> {
    BlockPool::try_new(parent, BlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk }).unwrap()
}

fn take<A: Allocate, S: BlockShape>(pool: &BlockPool<A, S>, count: usize) -> Vec<NonNull<u8>> {
    (0..count).map(|_| pool.alloc_block().unwrap()).collect()
}

fn give<A: Allocate + Check, S: BlockShape>(pool: &BlockPool<A, S>, blocks: impl IntoIterator<Item = NonNull<u8>>) {
    for block in blocks {
        // SAFETY: taken from this pool, and given once.
        unsafe { pool.free_block(block) }
        assert_eq!(pool.check(), Ok(()));
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn address(block: NonNull<u8>) -> usize {
    block.addr().get()
}

#[test]
fn every_size_at_every_alignment_lies_apart_aligned_and_keeps_its_bytes() {
    for size in [1, 3, 7, 8, 24, 100] {
        for align in (0..=12).map(|bit| 1 << bit) {
            let pool = pool(size, align);
            let stride = pool.block_layout().size();
            let blocks = take(&pool, 13);
            for (byte, &block) in (0..).zip(&blocks) {
                assert!(address(block).is_multiple_of(align));
                // SAFETY: a live block, of the stride.
                unsafe { block.write_bytes(byte, stride) };
            }
            for (byte, &block) in (0_u8..).zip(&blocks) {
                // SAFETY: live, and written above.
                let bytes = unsafe { slice::from_raw_parts(block.as_ptr(), stride) };
                assert!(bytes.iter().all(|&read| read == byte));
            }
            assert_eq!((pool.chunks(), pool.blocks_live(), pool.blocks_free()), (4, 13, 3));
            give(&pool, blocks);
            assert_eq!((pool.blocks_live(), pool.blocks_free()), (0, 16));
        }
    }
}

/// Seed 000: the lecture hands a fresh chunk out from its end.
#[test]
fn a_fresh_chunk_is_handed_out_ascending_and_no_page_is_touched_before_its_first_block() {
    const SIZE: usize = 96;
    let pool = over(Ledger::new(), SIZE, 8, ChunkSize::Blocks(200));
    let blocks = take(&pool, 200);
    let mut page = None;
    for (at, block) in blocks.iter().enumerate() {
        assert_eq!(address(*block), address(blocks[0]) + at * SIZE);
        // SAFETY: the parent filled the chunk with this byte; nobody wrote since, but for links.
        let bytes = unsafe { block.cast::<[u8; SIZE]>().read() };
        let link = if page.replace(address(*block) / 4096) == Some(address(*block) / 4096) { 8 } else { 0 };
        assert_eq!(bytes[link..], [0xCD; SIZE][link..]);
    }
}

#[test]
fn the_block_freed_last_comes_back_first() {
    let pool = pool(16, 16);
    let blocks = take(&pool, 3);
    give(&pool, [blocks[0], blocks[2]]);
    assert_eq!(take(&pool, 2), [blocks[2], blocks[0]]);
}

/// Seed 000: a lock that growth never released made the second growth spin.
#[test]
fn it_grows_again_and_again_with_one_request_a_chunk() {
    let pool = pool(16, 16);
    for chunks in 1..=9 {
        assert_eq!(pool.parent.requests(), chunks - 1);
        take(&pool, 4);
        assert_eq!((pool.parent.requests(), pool.chunks()), (chunks, chunks));
    }
}

#[test]
fn a_saturated_pool_leaves_its_parent_alone() {
    let pool = pool(16, 16);
    let blocks = take(&pool, 100);
    give(&pool, blocks);
    pool.parent.fail_after(0);
    for _ in 0..10 {
        let blocks = take(&pool, 100);
        give(&pool, blocks.into_iter().rev());
    }
    assert_eq!(pool.parent.requests(), 25);
}

#[test]
fn it_survives_its_parent_failing_at_every_request() {
    for failing in 0..4 {
        let pool = pool(16, 16);
        pool.parent.fail_after(failing);
        let blocks = take(&pool, failing * 4);
        let before = (pool.chunks(), pool.blocks_live(), pool.blocks_free());
        assert_eq!(pool.alloc_block(), Err(AllocError));
        assert_eq!((pool.chunks(), pool.blocks_live(), pool.blocks_free()), before);
        assert_eq!(pool.check(), Ok(()));
        pool.parent.fail_after(1);
        assert!(pool.alloc_block().is_ok());
        give(&pool, blocks);
    }
}

/// Seed 000 is silent about a request larger than a block.
#[test]
fn a_request_that_no_block_fits_fails_and_takes_nothing() {
    let pool = pool(24, 16);
    for (size, align) in [(33, 1), (1, 32), (SIZE_MAX, 1), (1, 1 << 62), (SIZE_MAX - 15, 16)] {
        assert_eq!(pool.allocate(layout(size, align)), Err(AllocError));
        assert_eq!(pool.granted(layout(size, align)), size);
    }
    assert_eq!(pool.parent.requests(), 0);
}

#[test]
fn whatever_fits_a_block_is_granted_the_stride() {
    let pool = pool(24, 16);
    for size in 1..=32 {
        for align in [1, 2, 4, 8, 16] {
            assert_eq!(pool.granted(layout(size, align)), 32);
            assert_eq!(pool.internal_waste(layout(size, align)), 32 - size);
        }
    }
    let block = pool.allocate(layout(32, 16)).unwrap();
    // SAFETY: live, and both sizes are granted the same.
    assert_eq!(unsafe { pool.resize(block, layout(32, 16), layout(1, 16)) }, Ok(()));
    // SAFETY: live; refused.
    assert_eq!(unsafe { pool.resize(block, layout(1, 16), layout(33, 16)) }, Err(AllocError));
    // SAFETY: live, and this size is granted the same.
    unsafe { pool.deallocate(block, layout(7, 16)) };
    assert_eq!(pool.blocks_live(), 0);
}

#[test]
fn an_empty_request_takes_nothing() {
    let pool = pool(8, 8);
    let block = pool.allocate(layout(0, 4096)).unwrap();
    assert!(address(block).is_multiple_of(4096));
    // SAFETY: an empty block of this allocator.
    unsafe { pool.deallocate(block, layout(0, 4096)) };
    assert_eq!((pool.granted(layout(0, 1)), pool.parent.requests(), pool.blocks_free()), (0, 0, 0));
}

/// Seed 000: behind a header, no block was aligned to more than a word.
#[test]
fn a_chunk_has_no_header_and_one_pointer_behind_its_blocks() {
    let pool = pool(32, 32);
    let blocks = take(&pool, 4);
    assert_eq!(pool.parent.layouts(), [layout(4 * 32 + size_of::<usize>(), 32)]);
    assert_eq!(pool.chunk_waste(), size_of::<usize>());
    assert!(blocks.iter().all(|&block| address(block).is_multiple_of(32)));
}

#[test]
fn a_chunk_in_bytes_holds_as_many_blocks_as_fit() {
    let pool = over(Ledger::new(), 100, 8, ChunkSize::Bytes(4096));
    assert_eq!(pool.block_layout(), layout(104, 8));
    take(&pool, 39);
    assert_eq!((pool.parent.layouts(), pool.blocks_free()), (Vec::from([layout(4096, 8)]), 0));
    assert_eq!(pool.chunk_waste(), 4096 - 39 * 104);
}

#[test]
fn the_whole_grant_of_the_parent_is_used() {
    let pool = over(Ledger::with_grain(112), 16, 16, ChunkSize::Blocks(4));
    take(&pool, 1);
    // 72 bytes asked, 112 granted: six blocks and the link.
    assert_eq!((pool.blocks_live(), pool.blocks_free(), pool.chunk_waste()), (1, 5, 16));
    let blocks = take(&pool, 11);
    assert_eq!(pool.parent.requests(), 2);
    give(&pool, blocks);
    pool.trim();
    assert_eq!(pool.chunks(), 1);
}

#[test]
fn wrong_configurations_name_the_field_and_the_rule() {
    for (size, align, field) in [
        (0, 8, "BlockAt::size"),
        (8, 0, "BlockAt::align"),
        (8, 24, "BlockAt::align"),
        (SIZE_MAX, 8, "BlockAt::size"),
        (usize::MAX, 1, "BlockAt::size"),
        (1, 1 << (usize::BITS - 1), "BlockAt::size"),
    ] {
        assert_eq!(BlockAt::new(size, align).unwrap_err().field, field);
    }
    let block = BlockAt::new(64, 64).unwrap();
    for chunk in [
        ChunkSize::Blocks(0),
        ChunkSize::Blocks(usize::MAX),
        ChunkSize::Blocks(SIZE_MAX / 64),
        ChunkSize::Blocks((1 << 58) + 1),
        ChunkSize::Bytes(0),
        ChunkSize::Bytes(64),
        ChunkSize::Bytes(63 + size_of::<usize>()),
        ChunkSize::Bytes(SIZE_MAX),
        ChunkSize::Bytes(usize::MAX),
    ] {
        let config = BlockPoolConfig { block, chunk };
        let error = config.check().unwrap_err();
        assert_eq!(error.field, "BlockPoolConfig::chunk");
        assert_eq!(config.check_any::<Lifo>(), Err(error));
        assert_eq!(config.check_any::<PerChunk>(), Err(error));
        assert_eq!(BlockPoolConfig { block: BlockOf::<64, 64>, chunk }.check().unwrap_err(), error);
    }
    let config = BlockPoolConfig { block, chunk: ChunkSize::Bytes(64 + size_of::<usize>()) };
    assert!(config.check().is_ok());
}

#[test]
fn the_largest_chunk_that_can_be_asked_for_just_fails() {
    let pool = over(System, 1 << 40, 8, ChunkSize::Bytes(SIZE_MAX - 7));
    assert_eq!(pool.alloc_block(), Err(AllocError));
    assert_eq!(pool.chunks(), 0);
}

#[test]
fn both_forms_of_a_shape_share_out_the_same() {
    let constant =
        BlockPool::try_new(Ledger::new(), BlockPoolConfig { block: BlockOf::<24, 32>, chunk: ChunkSize::Blocks(4) })
            .unwrap();
    let value = pool(24, 32);
    assert_eq!(constant.block_layout(), value.block_layout());
    take(&constant, 5);
    take(&value, 5);
    assert_eq!(constant.parent.layouts(), value.parent.layouts());
    assert_eq!(constant.granted(layout(3, 1)), value.granted(layout(3, 1)));
}

#[test]
fn all_chunks_go_back_with_blocks_outstanding() {
    let parent = Ledger::new();
    let pool = over(&parent, 16, 16, ChunkSize::Blocks(4));
    let blocks = take(&pool, 21);
    give(&pool, blocks.into_iter().skip(3));
    assert_eq!(parent.blocks(), 6);
    drop(pool);
    assert_eq!(parent.blocks(), 0);
}

#[test]
fn after_a_release_the_pool_is_empty_and_usable() {
    let mut pool = pool(16, 16);
    for _ in 0..3 {
        let blocks = take(&pool, 9);
        give(&pool, blocks.into_iter().take(2));
        pool.release();
        assert_eq!((pool.parent.blocks(), pool.chunks(), pool.blocks_live(), pool.blocks_free()), (0, 0, 0, 0));
        assert_eq!(pool.check(), Ok(()));
    }
    assert!(pool.alloc_block().is_ok());
}

#[test]
fn a_reset_keeps_the_chunks_and_hands_them_out_in_the_same_order() {
    let mut pool = pool(16, 16);
    let before = take(&pool, 10);
    give(&pool, [before[4], before[1]]);
    pool.reset();
    assert_eq!((pool.chunks(), pool.blocks_live(), pool.blocks_free()), (3, 0, 12));
    assert_eq!(pool.check(), Ok(()));
    assert_eq!(take(&pool, 10), before);
    assert_eq!(pool.parent.requests(), 3);
}

#[test]
fn preallocated_blocks_need_no_parent() {
    let pool = pool(16, 16);
    pool.prealloc(0).unwrap();
    assert_eq!(pool.parent.requests(), 0);
    pool.prealloc(9).unwrap();
    assert_eq!((pool.parent.requests(), pool.blocks_free(), pool.blocks_live()), (3, 12, 0));
    pool.prealloc(12).unwrap();
    pool.parent.fail_after(0);
    take(&pool, 12);
    assert_eq!(pool.alloc_block(), Err(AllocError));
    assert_eq!(pool.check(), Ok(()));
}

#[test]
fn a_failed_preallocation_gives_back_what_it_took() {
    let pool = pool(16, 16);
    take(&pool, 1);
    pool.parent.fail_after(2);
    assert_eq!(pool.prealloc(12), Err(AllocError));
    assert_eq!((pool.parent.blocks(), pool.chunks(), pool.blocks_free()), (1, 1, 3));
}

#[test]
fn a_preallocation_beyond_all_memory_takes_nothing() {
    let pool = pool(16, 16);
    for blocks in [usize::MAX, isize::MAX as usize / 16 + 1] {
        assert_eq!(pool.prealloc(blocks), Err(AllocError));
    }
    assert_eq!(pool.parent.requests(), 0);
}

#[test]
fn trimming_gives_back_the_chunks_without_live_blocks() {
    let pool = pool(16, 16);
    let blocks = take(&pool, 18);
    // The second and the fourth chunk, and one block each of the others, in disorder.
    let freed = [13, 5, 0, 7, 14, 4, 12, 16, 6, 15, 9];
    give(&pool, freed.map(|index| blocks[index]));
    pool.trim();
    assert_eq!((pool.parent.blocks(), pool.chunks()), (3, 3));
    assert_eq!((pool.blocks_live(), pool.blocks_free()), (7, 5));
    assert_eq!(pool.check(), Ok(()));
    let mut left = [0, 9, 16].map(|index| blocks[index]);
    left.sort();
    // Among them, those of the last chunk that nobody has had yet.
    let mut free = take(&pool, 5);
    free.retain(|block| left.contains(block));
    assert_eq!(free, left, "in the order of their addresses");
}

#[test]
fn trimming_an_idle_pool_gives_everything_back() {
    let pool = pool(16, 16);
    for count in [1, 3, 4, 5, 12] {
        let blocks = take(&pool, count);
        give(&pool, blocks);
        pool.prealloc(20).unwrap();
        pool.trim();
        assert_eq!((pool.parent.blocks(), pool.blocks_free()), (0, 0));
        assert_eq!(pool.check(), Ok(()));
    }
}

#[test]
fn trimming_a_pool_in_use_keeps_every_live_byte() {
    let pool = pool(16, 16);
    let mut live: Vec<(NonNull<u8>, u8)> = Vec::new();
    let mut random = 1_u32;
    for (round, byte) in (0..2000).zip((0..=u8::MAX).cycle()) {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if random >> 30 != 0 && live.len() < 40 || live.is_empty() {
            let block = pool.alloc_block().unwrap();
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

#[test]
fn a_walk_finds_a_block_that_was_freed_twice() {
    let pool = pool(16, 16);
    let blocks = take(&pool, 2);
    give(&pool, [blocks[0]]);
    // SAFETY: breaks the contract, but the block stays ours: only the walk
    // reads the list, and the pool is dropped without another request.
    unsafe { pool.free_block(blocks[0]) };
    assert!(pool.check().is_err());
}

#[test]
fn a_walk_finds_a_foreign_block() {
    let (pool, other) = (pool(16, 16), pool(16, 16));
    take(&pool, 1);
    let foreign = other.alloc_block().unwrap();
    // SAFETY: as above, it stays valid as long as it is in the list.
    unsafe { pool.free_block(foreign) };
    assert_eq!(pool.check(), Err("a free block is not one of the pool's"));
}

#[repr(align(64))]
struct Memory([MaybeUninit<u8>; 256]);

impl Memory {
    const fn new() -> Self {
        Self([MaybeUninit::uninit(); 256])
    }
}

/// Seed 000: the lecture ignored where the buffer starts.
#[test]
fn a_buffer_is_shared_out_from_its_first_aligned_address_to_its_last_whole_block() {
    let mut memory = Memory::new();
    for skip in 0..70 {
        for size in 0..=(256 - skip) {
            let buffer = Buffer::new(&mut memory.0[skip..skip + size]);
            let pool = BlockPool::new_all(buffer, BlockAt::new(24, 32).unwrap());
            let head = (32 - skip % 32) % 32;
            let blocks = size.saturating_sub(head) / 32;
            assert_eq!(pool.waste_head(), head.min(size));
            assert_eq!(pool.blocks_max(), blocks);
            assert_eq!(pool.waste_tail(), size - pool.waste_head() - blocks * 32);
            assert_eq!(pool.prealloc(blocks + 1), Err(AllocError));
            take(&pool, blocks);
            assert_eq!(pool.alloc_block(), Err(AllocError));
            assert_eq!((pool.blocks_live(), pool.check()), (blocks, Ok(())));
        }
    }
}

#[test]
fn a_buffer_without_room_for_a_block_is_an_error() {
    let mut memory = Memory::new();
    let error = BlockPool::try_new_all(Buffer::new(&mut memory.0[1..64]), BlockOf::<64, 64>).unwrap_err();
    assert_eq!(error.field, "BlockPool::buffer");
    assert!(BlockPool::try_new_all(Buffer::new(&mut memory.0[1..128]), BlockOf::<64, 64>).is_ok());
}

#[test]
fn a_pool_in_a_buffer_recycles_owns_resets_and_lets_go_of_it() {
    let (mut memory, mut other) = (Memory::new(), Memory::new());
    let mut pool = BlockPool::new_all(Buffer::new(&mut memory.0), BlockOf::<64>);
    let foreign = Buffer::new(&mut other.0).allocate(layout(64, 1)).unwrap();
    let blocks = take(&pool, 4);
    assert!(blocks.iter().all(|&block| pool.owns(block, layout(64, 8))));
    assert!(!pool.owns(foreign, layout(64, 8)));
    give(&pool, [blocks[2]]);
    assert_eq!(pool.alloc_block(), Ok(blocks[2]));
    pool.trim();
    assert_eq!((pool.chunks(), pool.blocks_live()), (1, 4));
    pool.reset();
    assert_eq!(take(&pool, 4), blocks);
    give(&pool, blocks);
    pool.trim();
    assert_eq!((pool.chunks(), pool.blocks_free()), (0, 0));
    assert!(pool.alloc_block().is_ok());
    pool.release();
    assert!(pool.parent.allocate(layout(256, 1)).is_ok(), "the buffer is free again");
}

#[test]
fn a_growing_pool_in_a_buffer_has_one_chunk() {
    let mut memory = Memory::new();
    let pool = over(Buffer::new(&mut memory.0), 64, 8, ChunkSize::Blocks(2));
    assert_eq!((pool.waste_head(), pool.blocks_max(), pool.waste_tail()), (0, 2, 128));
    take(&pool, 2);
    assert_eq!(pool.alloc_block(), Err(AllocError));
    assert_eq!(pool.chunks(), 1);
}

#[test]
fn pools_fit_statics() {
    /// What `Locked` is for.
    struct OneThread<T>(T);
    // SAFETY: only this test uses the statics below.
    unsafe impl<T> Sync for OneThread<T> {}

    static MEMORY: OneThread<UnsafeCell<[MaybeUninit<u8>; 64]>> =
        OneThread(UnsafeCell::new([MaybeUninit::uninit(); 64]));
    static FIXED: OneThread<BlockPool<Buffer<'static>, BlockOf<8>>> =
        // SAFETY: named nowhere else.
        OneThread(BlockPool::new_all(Buffer::new(unsafe { &mut *MEMORY.0.get() }), BlockOf));
    const CONFIG: Valid<BlockPoolConfig<BlockOf<8>>> =
        match (BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(4) }).check() {
            Ok(config) => config,
            Err(_) => panic!(),
        };
    static GROWING: OneThread<BlockPool<System, BlockOf<8>>> = OneThread(BlockPool::new(System, CONFIG));

    assert!(FIXED.0.alloc_block().is_ok());
    assert!(GROWING.0.alloc_block().is_ok());
}

#[test]
fn a_pool_changes_threads_with_its_blocks() {
    let pool = over(System, 16, 16, ChunkSize::Blocks(4));
    take(&pool, 3);
    let live = std::thread::spawn(move || pool.blocks_live()).join().unwrap();
    assert_eq!(live, 3);
}

/// A parent that calls back: its callback allocates from the very pool that
/// is asking for a chunk.
#[test]
fn a_parent_that_calls_back_finds_the_pool_in_order() {
    struct CallsBack<'a> {
        pool: &'a Cell<Option<NonNull<Pool<Self>>>>,
        parent: Ledger,
    }

    // SAFETY: forwards; what it allocates in between is its own affair.
    unsafe impl Allocate for CallsBack<'_> {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            if let Some(pool) = self.pool.take() {
                // SAFETY: the pool lives until the test ends.
                unsafe { pool.as_ref() }.alloc_block()?;
            }
            self.parent.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.parent.deallocate(block, layout) }
        }
    }

    let callback = Cell::new(None);
    let pool = over(CallsBack { pool: &callback, parent: Ledger::new() }, 16, 16, ChunkSize::Blocks(4));
    callback.set(Some(NonNull::from(&pool)));
    take(&pool, 7);
    assert_eq!((pool.parent.parent.requests(), pool.blocks_live(), pool.blocks_free()), (2, 8, 0));
    assert_eq!(pool.core.told().check(&pool.parent), Ok(()));
}
