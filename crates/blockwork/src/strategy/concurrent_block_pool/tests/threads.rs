//! Threads that stop where it hurts most, over pools that grow and that do not.

use std::{sync::Mutex, thread};

use super::{places::to_usize, *};
use crate::{
    combine::{counted::Counted, locked::Locked},
    sync::{
        atomic::{AtomicU32, Ordering},
        interleave::yields,
        spin::pause,
    },
    testing::{Failing, Shuffled, Strict, When},
};

const ROUNDS: usize = if cfg!(miri) { 40 } else { 3000 };

/// A block that may change threads.
struct Held(NonNull<u8>);

// SAFETY: a block belongs to whoever holds it.
unsafe impl Send for Held {}

/// What all threads share.
type Shared<'a> = &'a (dyn Allocate + Sync);

const BLOCK: Layout = Layout::new::<[u64; 8]>();

impl Held {
    /// Takes a block, if there is one, and signs it.
    fn take(pool: Shared<'_>, name: u64) -> Option<Self> {
        let block = pool.allocate(BLOCK).ok()?;
        // SAFETY: a live block for eight of these.
        unsafe { block.cast().write([name; 8]) };
        Some(Self(block))
    }

    /// Gives the block back, which nobody else has signed.
    fn give(self, pool: Shared<'_>) {
        // SAFETY: a live block, signed when it was taken.
        let signed = unsafe { self.0.cast::<[u64; 8]>().read() };
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

/// Runs `work` in four threads that stop at the worst places, over pools of each
/// kind and over adversaries; nothing is live in the end.
fn in_threads(work: impl Fn(Shared<'_>, u64) + Sync) {
    fn run<A: Allocate + Check, P: Places>(
        mut pool: ConcurrentBlockPool<A, BlockOf<64>, P>,
        work: &(impl Fn(Shared<'_>, u64) + Sync),
    ) where
        ConcurrentBlockPool<A, BlockOf<64>, P>: Sync,
    {
        let shared = &pool;
        thread::scope(|scope| {
            (1..=4)
                .for_each(|thread| drop(scope.spawn(move || yields::during(thread, || work(shared, thread.into())))));
        });
        assert_eq!((pool.blocks_live(), pool.check()), (0, Ok(())));
        pool.reset();
        assert_eq!(pool.blocks_live(), 0);
    }
    run(pool(System), &work);
    // Few blocks, so that all fight for the same.
    let mut memory = [[MaybeUninit::uninit(); 68]; 6];
    run(ConcurrentBlockPool::new_all(Buffer::new(memory.as_flattened_mut()), BlockOf::<64>), &work);
    let strict = Strict::new();
    run(pool(Locked::new(Shuffled::new(Counted::new(System), 7))), &work);
    run(pool(Locked::new(Failing::new(System, When::From(3)))), &work);
    run(pool(Locked::new(Counted::new(Force(&strict)))), &work);
}

/// Says of a reference that it may change threads, as it is behind a lock.
struct Force<'a>(&'a Strict);

// SAFETY: only used inside of one `Locked`, while this thread waits.
unsafe impl Send for Force<'_> {}

// SAFETY: forwards.
unsafe impl Allocate for Force<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.deallocate(block, layout) };
    }
}

impl Check for Force<'_> {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[test]
fn the_lecture_takes_and_frees_one_block_over_and_over() {
    in_threads(|pool, thread| {
        for _ in 0..ROUNDS {
            Held::take(pool, thread).into_iter().for_each(|block| block.give(pool));
        }
    });
}

#[test]
fn the_lecture_takes_or_frees_at_random() {
    in_threads(|pool, thread| {
        let (mut state, mut own) = (thread, Vec::new());
        for _ in 0..ROUNDS {
            if own.is_empty() || random(&mut state, 2) == 0 {
                own.extend(Held::take(pool, thread));
            } else {
                let index = random(&mut state, own.len());
                own.swap_remove(index).give(pool);
            }
        }
        own.into_iter().for_each(|block| block.give(pool));
    });
}

#[test]
fn the_lecture_frees_what_other_threads_took() {
    let bucket = Mutex::new(Vec::new());
    in_threads(|pool, thread| {
        let mut state = thread;
        for _ in 0..ROUNDS / 2 {
            if random(&mut state, 2) == 0 {
                let block = Held::take(pool, thread);
                bucket.lock().unwrap().extend(block);
            } else {
                let block = bucket.lock().unwrap().pop();
                block.into_iter().for_each(|block| block.give(pool));
            }
        }
        let left = core::mem::take(&mut *bucket.lock().unwrap());
        left.into_iter().for_each(|block| block.give(pool));
    });
}

#[test]
fn the_lecture_takes_some_and_frees_some_and_again() {
    in_threads(|pool, thread| {
        let (mut state, mut own) = (thread, Vec::new());
        for _ in 0..ROUNDS / 50 {
            own.extend((0..random(&mut state, 50)).filter_map(|_| Held::take(pool, thread)));
            let some = random(&mut state, own.len() + 1);
            own.drain(..some).for_each(|block| block.give(pool));
        }
        own.into_iter().for_each(|block| block.give(pool));
    });
}

/// A parent with so many requests to grant, who takes its time over each.
struct Slow {
    left: AtomicU32,
}

// SAFETY: forwards.
unsafe impl Allocate for Slow {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let relaxed = Ordering::Relaxed;
        let granted = self.left.fetch_update(relaxed, relaxed, |left| left.checked_sub(1));
        granted.map_err(|_| AllocError)?;
        (0..20).for_each(|_| pause());
        System.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        (0..20).for_each(|_| pause());
        // SAFETY: the caller's promise.
        unsafe { System.deallocate(block, layout) };
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

/// Seed 000: between growing and taking again another thread could take the new
/// blocks, and the request failed although the parent had more. Here the last chunk
/// may also be in the hands of a thread that has not added it yet.
#[test]
fn no_request_fails_while_the_parent_has_a_chunk() {
    for round in 0..50 {
        // A table and two chunks.
        let pool = &pool(Slow { left: AtomicU32::new(3) });
        let taken = AtomicU32::new(0);
        thread::scope(|scope| {
            for thread in 0..4 {
                let taken = &taken;
                scope.spawn(move || {
                    yields::during(4 * round + thread, || {
                        while pool.alloc_block().is_ok() {
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                });
            }
        });
        assert_eq!((to_usize(taken.into_inner()), pool.chunks()), (2 * PER_CHUNK, 2));
    }
}

#[test]
fn growing_threads_get_different_blocks_and_no_chunk_is_lost() {
    for round in 0..if cfg!(miri) { 1 } else { 100 } {
        let parent = Locked::new(Counted::new(System));
        let mut pool = pool(&parent);
        // Every other time they race for each chunk.
        pool.core.places.looks *= round % 2;
        let mut blocks: Vec<_> = thread::scope(|scope| {
            let threads = [1, 2, 3, 4].map(|thread| {
                let pool = &pool;
                scope.spawn(move || {
                    let take = || (0..10 * PER_CHUNK).map(|_| Held(pool.alloc_block().unwrap())).collect::<Vec<_>>();
                    yields::during(4 * round + thread, take)
                })
            });
            threads.map(|thread| thread.join().unwrap()).into_iter().flatten().map(|held| held.0).collect()
        });
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!((blocks.len(), pool.chunks()), (40 * PER_CHUNK, 40));
        // Tables of 8, 16, 32 and 64.
        assert_eq!(parent.with_parent(|parent| parent.counts().blocks_live), 44);
    }
}
