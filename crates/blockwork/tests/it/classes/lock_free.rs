//! Class 10: what goes wrong without a lock: a list that is as it was and is not, a free
//! that comes late, memory that was given back and is looked at.
//!
//! heapless' pool took a head for the one it had seen, [heapless#153], was called safe in
//! practice, and was found not to be, [heapless#315], [heapless#421]; std's lock on macOS
//! had it with provenance, [rust#121626]; a mempool of argobots too, [argobots#178].
//! sharded-slab never used its slots again, [sharded-slab#18], [sharded-slab#83]. A block
//! that was freed twice made `rusty_alloc`'s list a circle, in which it hung.
//!
//! Loom runs the lists themselves, with a tag of two bits that wraps around: `raw/index_stack.rs`,
//! `raw/mail.rs`, `raw/counted_mail.rs`, `concurrent_block_pool/tests/models.rs`,
//! `thread_cached/models.rs`; shuttle runs longer schedules beside them.
//!
//! [heapless#153]: https://github.com/rust-embedded/heapless/pull/153
//! [heapless#315]: https://github.com/rust-embedded/heapless/pull/315
//! [heapless#421]: https://github.com/rust-embedded/heapless/issues/421
//! [rust#121626]: https://github.com/rust-lang/rust/issues/121626
//! [argobots#178]: https://github.com/pmodels/argobots/issues/178
//! [sharded-slab#18]: https://github.com/hawkw/sharded-slab/pull/18
//! [sharded-slab#83]: https://github.com/hawkw/sharded-slab/issues/83

use core::{alloc::Layout, ptr::NonNull};
use std::{sync::Mutex, thread};

use blockwork::{
    Allocate, BlockOf, Census, Check, ConcurrentBlockPool, ConcurrentBlockPoolConfig, Counted, Locked, System,
    ThreadCached,
};

const BLOCK: Layout = Layout::new::<[u64; 4]>();

type Blocks = BlockOf<32, 8>;

fn pool<A: Allocate>(parent: A) -> ConcurrentBlockPool<A, Blocks> {
    let config = ConcurrentBlockPoolConfig { block: Blocks::default(), chunk_size: 1024 };
    ConcurrentBlockPool::try_new(parent, config).unwrap()
}

struct Parcel(NonNull<u8>);
// SAFETY: blocks of shared allocators may change threads.
unsafe impl Send for Parcel {}

/// Threads take blocks, leave them to each other and end; some stay live for good.
/// Returns those.
fn flurry(heap: &(dyn Allocate + Sync), threads: usize) -> Vec<Parcel> {
    let between = Mutex::new(Vec::<Parcel>::new());
    thread::scope(|scope| {
        let all = (0..threads).map(|thread| {
            let between = &between;
            scope.spawn(move || {
                for turn in 0..400 {
                    let block = heap.allocate(BLOCK).unwrap();
                    // SAFETY: fresh, of four words.
                    unsafe { block.cast().write([thread; 4]) };
                    between.lock().unwrap().push(Parcel(block));
                    let all = &mut *between.lock().unwrap();
                    if all.len() > 20 {
                        let gone = all.swap_remove((turn * 7 + thread) % all.len());
                        // SAFETY: live, and written by whoever took it.
                        let words = unsafe { gone.0.cast::<[usize; 4]>().read() };
                        assert!(words.iter().all(|&word| word == words[0]), "two threads had one block");
                        // SAFETY: allocated with this layout, and given once.
                        unsafe { heap.deallocate(gone.0, BLOCK) };
                    }
                }
            })
        });
        // To their very end, with what they leave behind.
        all.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    });
    between.into_inner().unwrap()
}

fn give(heap: &dyn Allocate, all: Vec<Parcel>) {
    // SAFETY: allocated with this layout, and given once.
    all.into_iter().for_each(|parcel| unsafe { heap.deallocate(parcel.0, BLOCK) });
}

/// carved = live + free, when all is quiet; and the same blocks are used again.
#[test]
fn no_block_of_a_shared_pool_is_lost_among_threads() {
    let pool = pool(Locked::new(Counted::new(System)));
    let mut chunks = None;
    for _ in 0..6 {
        let kept = flurry(&pool, 4);
        assert_eq!((pool.blocks_out(), pool.check()), (kept.len(), Ok(())));
        give(&pool, kept);
        assert_eq!((pool.blocks_out(), pool.check()), (0, Ok(())));
        assert!(*chunks.get_or_insert(pool.chunks()) + 4 >= pool.chunks(), "slots are not used again");
    }
}

/// carved = live + free + kept by threads, those that ended and those that did not.
#[test]
fn no_block_of_a_cache_is_lost_among_threads() {
    let below = pool(Locked::new(Counted::new(System)));
    let cached = ThreadCached::new(&below, Blocks::default(), 512);
    for _ in 0..6 {
        let kept = flurry(&cached, 4);
        assert!(below.blocks_out() >= kept.len());
        cached.trim();
        assert_eq!((below.blocks_out(), below.check()), (kept.len(), Ok(())), "the threads have ended");
        give(&cached, kept);
        cached.trim();
        assert_eq!((below.blocks_out(), below.check()), (0, Ok(())));
    }
}

/// A census that a lost block does not change would be worth nothing.
#[test]
fn a_block_that_is_lost_among_threads_is_missed() {
    let below = pool(System);
    let cached = ThreadCached::new(&below, Blocks::default(), 512);
    let mut kept = flurry(&cached, 3);
    let lost = kept.pop().unwrap();
    give(&cached, kept);
    cached.trim();
    assert_eq!(below.blocks_out(), 1);
    give(&cached, vec![lost]);
    cached.trim();
    assert_eq!(below.blocks_out(), 0);
}

/// The walk over the books ends, and says so; nothing hangs on a list that is a circle.
#[test]
fn a_block_that_is_freed_twice_is_found_by_a_walk_that_ends() {
    let pool = pool(System);
    let blocks = [(); 3].map(|()| pool.alloc_block().unwrap());
    for block in blocks.into_iter().chain([blocks[0], blocks[2]]) {
        // SAFETY: breaks the contract the second time; only the books are looked at then.
        unsafe { pool.free_block(block) };
    }
    assert!(pool.check().is_err());
    assert!(pool.blocks_out() <= blocks.len());
}
