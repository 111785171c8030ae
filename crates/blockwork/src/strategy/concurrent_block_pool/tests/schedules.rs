//! Random schedules of more threads and more operations than a model can have:
//! shuttle runs the pool itself.

use core::cell::RefCell;

use heap::sync::Arc;
use shuttle::thread;

use super::*;
use crate::sync::{
    atomic::{AtomicBool, Ordering},
    interleave::schedules,
};

/// Runs `work` in four threads over `pool`, which is whole in the end.
fn in_threads<A, P>(pool: ConcurrentBlockPool<A, BlockOf<64>, P>, work: impl Fn(&dyn Fn(bool)) + Send + Sync + 'static)
where
    A: Allocate + Check + 'static,
    P: Places + 'static,
    ConcurrentBlockPool<A, BlockOf<64>, P>: Send + Sync,
{
    const MOST: usize = 128;
    // Not an array, as the stacks of a schedule are short.
    let taken: Vec<_> = (0..MOST).map(|_| AtomicBool::new(false)).collect();
    let shared = Arc::new((pool, taken, work));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (pool, taken, work) = &*shared;
                let own = RefCell::new(Vec::new());
                let number = |block| {
                    // SAFETY: the pool's own block.
                    let index = unsafe { pool.core.places.number(block, pool.core.stride()) }.0;
                    &taken[usize::try_from(index).unwrap() % MOST]
                };
                work(&|takes| {
                    if takes {
                        if let Ok(block) = pool.alloc_block() {
                            assert!(!number(block).swap(true, Ordering::SeqCst), "two threads had one block");
                            own.borrow_mut().push(block);
                        }
                    } else if !own.borrow().is_empty() {
                        let block = own.borrow_mut().remove(0);
                        assert!(number(block).swap(false, Ordering::SeqCst));
                        give(pool, [block]);
                    }
                });
                for block in own.take() {
                    number(block).store(false, Ordering::SeqCst);
                    give(pool, [block]);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((shared.0.blocks_live(), shared.0.check()), (0, Ok(())));
}

/// A, B, A, as often as it takes.
fn two_and_one(step: &dyn Fn(bool)) {
    [true, true, false, true, false, false, true, false].into_iter().for_each(step);
}

fn region(size: usize) -> Buffer<'static> {
    // The memory of a schedule is small, and goes with the process.
    Buffer::new(heap::vec![MaybeUninit::uninit(); size].leak())
}

#[test]
fn four_threads_in_a_buffer_with_too_few_blocks() {
    shuttle::check_random(
        || in_threads(ConcurrentBlockPool::new_all(region(64 * 6), BlockOf::<64>), two_and_one),
        schedules(),
    );
}

#[test]
fn four_threads_over_a_parent() {
    shuttle::check_random(|| in_threads(pool(System), two_and_one), schedules());
}

#[test]
fn four_threads_and_few_changes_between_them() {
    shuttle::check_pct(
        || in_threads(ConcurrentBlockPool::new_all(region(64 * 6), BlockOf::<64>), two_and_one),
        schedules(),
        3,
    );
}

#[test]
fn four_threads_that_only_grow() {
    shuttle::check_random(|| in_threads(pool(System), |step| (0..PER_CHUNK).for_each(|_| step(true))), schedules());
}
