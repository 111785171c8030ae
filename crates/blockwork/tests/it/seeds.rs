//! What the seed documents show and ask for, told by the parts together: the
//! examples of the C documents, and the lecture's tests with many threads.

use core::{alloc::Layout, ptr::NonNull};
use std::{sync::Mutex, thread};

use blockwork::{
    AllocError, Allocate, BlockOf, BlockPool, BlockPoolConfig, Buffer, Bump, Check, ChunkSize, Counted, DefaultLock,
    FreePolicy, Lifo, Lock, Locked, Memo, MixedSlab, PerChunk, Slab, SlabConfig, SlabPolicy, SpinLock, System,
    math::align::layout_of,
    suite,
    testing::{Failing, Suite, When, pairs},
};

/// Seed 003's own test, and H22: it meant to ask what kind of error this was,
/// and asked something else.
#[test]
fn the_bump_example() {
    let bump = Bump::new(System, 1024);
    let (int, long) = (Layout::new::<i32>(), Layout::new::<i64>());
    let first = bump.allocate(int).unwrap();
    let second = bump.allocate(long).unwrap();
    assert_eq!(second.addr().get() - first.addr().get(), 8, "padding before the second");
    assert_eq!(bump.used(), 16);
    assert_eq!(bump.allocate(layout_of(1024).unwrap()), Err(AllocError));
    assert_eq!(bump.used(), 16);
    assert!(bump.allocate(layout_of(1008).unwrap()).is_ok());
}

/// Seed 004's first example: what is released comes back at the same address.
#[test]
fn the_memo_example() {
    let memo = Memo::new(System, usize::MAX);
    let int = Layout::new::<i32>();
    let block = memo.allocate(int).unwrap();
    // SAFETY: just allocated with this layout.
    unsafe { memo.deallocate(block, int) };
    assert_eq!(memo.allocate(int), Ok(block));
    // SAFETY: the same block, allocated again.
    unsafe { memo.deallocate(block, int) };
}

/// Seed 004's second example: neighbours in a slab, and another slab behind the
/// last of them. Where that lies, nobody promised.
#[test]
fn the_slab_example() {
    let (int, parent) = (Layout::new::<i32>(), Counted::new(System));
    let mixed = MixedSlab::try_new(&parent, SlabPolicy { slab_size: 128, keep: 0 }).unwrap();
    let (first, second) = (mixed.allocate(int).unwrap(), mixed.allocate(int).unwrap());
    assert_eq!(second.addr().get(), first.addr().get() + size_of::<i32>());
    assert_eq!(parent.counts().blocks_live, 1);
    let base = |block: NonNull<u8>| block.addr().get() & !127;
    let mut last = second;
    while parent.counts().blocks_live == 1 {
        assert_eq!(base(last), base(first));
        last = mixed.allocate(int).unwrap();
    }
    assert_ne!(base(last), base(first));
    // Ten at once find room in the new slab.
    assert_eq!(mixed.allocate(Layout::new::<[i32; 10]>()).map(base), Ok(base(last)));
    assert_eq!(parent.counts().blocks_live, 2);
    drop(mixed);

    let slots = Slab::try_new(&parent, SlabConfig::with_slots(2, 64)).unwrap();
    let slot = || slots.allocate(int).unwrap().addr().get();
    let (first, second) = (slot(), slot());
    assert_eq!((second, parent.counts().blocks_live), (first + 64, 1));
}

/// H23 and its like: none of the three cares which of the others it stands on.
#[test]
fn bump_memo_and_slab_stand_over_each_other_in_any_order() {
    const SLAB: usize = 1024;
    let bump = suite!("bump", |parent| Bump::new(parent, 1 << 18), .owns_spans().region());
    let memo = suite!("memo", |parent| Memo::new(parent, 4096));
    let slab = suite!(
        "slab",
        |parent| MixedSlab::try_new(parent, SlabPolicy { slab_size: SLAB, keep: 1 }).unwrap(),
        .owns_spans()
    );
    let slots = suite!(
        "slots",
        |parent| Slab::try_new(parent, SlabConfig { slot_size: 48, slab_size: SLAB, keep: 1 }).unwrap(),
        .owns_spans().max_size(48).max_align(16)
    );
    let parts = [bump, memo, slab];
    pairs(&parts).for_each(|pair| pair.run());
    parts.iter().for_each(|below| slots.over(below).run());
    let others = |taken: [usize; 2]| (0..3).find(|index| !taken.contains(index)).unwrap();
    for top in 0..3 {
        for middle in (0..3).filter(|&middle| middle != top) {
            let over_two: Suite = parts[top].over(&parts[middle]);
            over_two.over(&parts[others([top, middle])]).run();
        }
    }
}

type Blocks = BlockOf<32, 32>;

const BLOCK: Layout = Layout::new::<[u64; 4]>();

fn pool<A: Allocate>(parent: A) -> BlockPool<A, Blocks> {
    pool_of(parent, Lifo)
}

fn pool_of<A: Allocate, F: FreePolicy>(parent: A, policy: F) -> BlockPool<A, Blocks, F> {
    let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(16) };
    BlockPool::try_with_policy(parent, config, policy).unwrap()
}

/// Seed 000: as little as possible is to be taken from the base.
#[test]
fn the_parent_sees_one_request_a_chunk_and_all_of_it_again() {
    fn counted(policy: impl FreePolicy) {
        let config = BlockPoolConfig { block: Blocks::default(), chunk: ChunkSize::Blocks(100) };
        let parent = Counted::new(System);
        let mut pool = BlockPool::try_with_policy(&parent, config, policy).unwrap();
        assert_eq!(parent.counts().requests, 0);
        for _ in 0..3 {
            let before = parent.counts().requests;
            for chunks in 1..=5 {
                let blocks = [(); 100].map(|()| pool.alloc_block().unwrap());
                assert_eq!(parent.counts().requests, before + chunks);
                // SAFETY: taken above, and not used again.
                blocks.into_iter().step_by(3).for_each(|block| unsafe { pool.free_block(block) });
                // The same number of blocks again, for which none is asked.
                (0..34).for_each(|_| assert!(pool.alloc_block().is_ok()));
                assert_eq!(parent.counts().requests, before + chunks);
            }
            pool.release();
            assert_eq!((parent.counts().blocks_live, pool.chunks(), pool.blocks_live()), (0, 0, 0));
        }
    }
    counted(Lifo);
    counted(PerChunk);
}

/// Seed 000: any pointer went to the free list, and came back as a block.
#[test]
fn a_walk_finds_an_address_inside_of_a_block() {
    let config = BlockPoolConfig { block: BlockOf::<32, 8>, chunk: ChunkSize::Blocks(16) };
    let pool = BlockPool::try_new(System, config).unwrap();
    let block = pool.alloc_block().unwrap();
    assert_eq!(pool.check(), Ok(()));
    // SAFETY: in the block.
    let inside = unsafe { block.add(8) };
    // SAFETY: breaks the contract, but the memory is the pool's: only the walk
    // reads the list.
    unsafe { pool.free_block(inside) };
    assert!(pool.check().is_err());
}

/// A block that may change threads.
struct Held(NonNull<u8>);

// SAFETY: a block belongs to whoever holds it.
unsafe impl Send for Held {}

impl Held {
    /// Takes a block and signs it.
    fn take(pool: &impl Allocate, name: u64) -> Self {
        let block = pool.allocate(BLOCK).unwrap();
        // SAFETY: a live block for four of these.
        unsafe { block.cast().write([name; 4]) };
        Self(block)
    }

    /// Gives the block back, which nobody else has signed.
    fn give(self, pool: &impl Allocate) {
        // SAFETY: a live block, signed when it was taken.
        let signed = unsafe { self.0.cast::<[u64; 4]>().read() };
        assert!(signed.iter().all(|&name| name == signed[0]), "two threads had one block");
        // SAFETY: taken from this pool, and given once.
        unsafe { pool.deallocate(self.0, BLOCK) };
    }
}

/// Some number below `end`, other ones each time.
fn random(state: &mut u64, end: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap().checked_rem(end).unwrap_or(0)
}

/// Runs `work` in four threads, each with a number, over one pool of each
/// policy; nothing is live in the end.
fn in_threads(work: impl Fn(&(dyn Allocate + Sync), u64) + Sync) {
    fn run<L: Lock + Sync>(lock: L, policy: impl FreePolicy, work: impl Fn(&(dyn Allocate + Sync), u64) + Sync) {
        let shared = Locked::with_lock(pool_of(System, policy), lock);
        thread::scope(|scope| {
            for number in 1..=4 {
                let (shared, work) = (&shared, &work);
                scope.spawn(move || work(shared, number));
            }
        });
        shared.with_parent(|pool| assert_eq!(pool.blocks_live(), 0));
    }
    run(DefaultLock::new(), Lifo, &work);
    run(SpinLock::new(), Lifo, &work);
    run(DefaultLock::new(), PerChunk, &work);
    run(SpinLock::new(), PerChunk, &work);
}

#[test]
fn the_lecture_takes_and_frees_one_block_over_and_over() {
    in_threads(|pool, thread| {
        for _ in 0..2000 {
            Held::take(&pool, thread).give(&pool);
        }
    });
}

#[test]
fn the_lecture_takes_or_frees_at_random() {
    in_threads(|pool, thread| {
        let (mut state, mut own) = (thread, Vec::new());
        for _ in 0..2000 {
            if own.is_empty() || random(&mut state, 2) == 0 {
                own.push(Held::take(&pool, thread));
            } else {
                let index = random(&mut state, own.len());
                own.swap_remove(index).give(&pool);
            }
        }
        own.into_iter().for_each(|block| block.give(&pool));
    });
}

#[test]
fn the_lecture_frees_what_other_threads_took() {
    for _ in 0..2 {
        let bucket = Mutex::new(Vec::new());
        in_threads(|pool, thread| {
            let mut state = thread;
            for _ in 0..1000 {
                if random(&mut state, 2) == 0 {
                    let block = Held::take(&pool, thread);
                    bucket.lock().unwrap().push(block);
                } else {
                    let block = bucket.lock().unwrap().pop();
                    block.into_iter().for_each(|block| block.give(&pool));
                }
            }
            let mut left = core::mem::take(&mut *bucket.lock().unwrap());
            left.drain(..).for_each(|block| block.give(&pool));
        });
    }
}

#[test]
fn the_lecture_takes_some_and_frees_some_and_again() {
    in_threads(|pool, thread| {
        let (mut state, mut own) = (thread, Vec::new());
        for _ in 0..60 {
            own.extend((0..random(&mut state, 50)).map(|_| Held::take(&pool, thread)));
            let some = random(&mut state, own.len() + 1);
            own.drain(..some).for_each(|block| block.give(&pool));
        }
        own.into_iter().for_each(|block| block.give(&pool));
    });
}

/// Seed 000: between growing and taking again another thread could take the
/// new blocks, and the request failed although the parent had more.
#[test]
fn no_request_fails_while_the_parent_has_a_chunk() {
    const CHUNKS: usize = 32;
    let shared = Locked::new(pool(Failing::new(System, When::From(CHUNKS))));
    let shared = &shared;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || (0..CHUNKS * 16 / 4).for_each(|_| assert!(shared.allocate(BLOCK).is_ok())));
        }
    });
    assert_eq!(shared.with_parent(BlockPool::chunks), CHUNKS);
    assert_eq!(shared.allocate(BLOCK), Err(AllocError));
}

/// Seed 000: growing held its lock when the parent failed, and for ever.
#[test]
fn a_failed_growth_leaves_the_lock_open() {
    let shared = Locked::new(pool(Failing::new(System, When::Once(1))));
    (0..16).for_each(|_| assert!(shared.allocate(BLOCK).is_ok()));
    assert_eq!(shared.allocate(BLOCK), Err(AllocError));
    let shared = &shared;
    thread::scope(|scope| scope.spawn(move || shared.allocate(BLOCK).is_ok()).join()).unwrap();
}

/// Seed 000: a pool in a buffer is all there is, whoever asks.
#[test]
fn a_shared_pool_in_a_buffer_gives_each_block_once() {
    #[repr(align(32))]
    struct Memory([core::mem::MaybeUninit<u8>; 32 * 64]);
    let mut memory = Memory([core::mem::MaybeUninit::uninit(); 32 * 64]);
    let shared = Locked::new(BlockPool::new_all(Buffer::new(&mut memory.0), Blocks::default()));
    let shared = &shared;
    let taken = thread::scope(|scope| {
        let threads = [1, 2, 3, 4].map(|_| {
            scope.spawn(move || core::iter::from_fn(|| shared.allocate(BLOCK).ok().map(Held)).collect::<Vec<_>>())
        });
        threads.map(|thread| thread.join().unwrap())
    });
    let mut addresses: Vec<_> = taken.iter().flatten().map(|held| held.0.addr().get()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 64);
}
