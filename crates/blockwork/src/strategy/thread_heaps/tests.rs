//! Heaps that are taken, left, and free one another's blocks: in the library, so that
//! `ThreadSanitizer` sees them.

use core::{alloc::Layout, mem::ManuallyDrop, ptr::NonNull};
use std::{sync::mpsc, thread};

use heap::vec::Vec;

use super::{heap_pool::HeapPool, per_thread::PerThread};
use crate::{
    Allocate, Check, Counted, Describe, FutexLock, Locked, Pages, Pow2, Quad, System,
    alloc::AllocError,
    raw::page_map::PAGE,
    testing::{Failing, When},
};

type Spans = Locked<Counted<Pages>, FutexLock>;
type Small = HeapPool<Spans, Pages, Quad<8192>, 2>;

const fn spans() -> Spans {
    Locked::with_lock(Counted::new(Pages), FutexLock::new())
}

fn live(pool: &Small) -> usize {
    pool.parent().with_parent(|counted| counted.counts().bytes_live)
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// A block that may be freed by any thread.
struct Block(NonNull<u8>, Layout);

// SAFETY: nobody else has it.
unsafe impl Send for Block {}

impl Block {
    fn new(heap: &impl Allocate, size: usize) -> Self {
        let block = heap.allocate(layout(size)).unwrap();
        // SAFETY: so many bytes of ours.
        unsafe { block.write_bytes(u8::try_from(size % 251).unwrap(), size) }
        Self(block, layout(size))
    }

    fn free(self, heap: &impl Allocate) {
        let Self(block, layout) = self;
        // SAFETY: written when it was made.
        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), layout.size()) };
        assert!(bytes.iter().all(|&byte| usize::from(byte) == layout.size() % 251), "{layout:?}");
        // SAFETY: live, of the same pool, with this layout.
        unsafe { heap.deallocate(block, layout) }
    }
}

#[test]
fn a_heap_that_is_left_is_taken_over_with_its_blocks() {
    let pool = Small::new(spans(), Pages);
    let mut blocks = Vec::new();
    for round in 0..5 {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let heap = pool.heap().unwrap();
                (0..2000).map(|size| Block::new(&heap, 1 + size * 7 % 9000)).collect::<Vec<_>>()
            });
            blocks.extend(thread.join().unwrap());
        });
        assert_eq!(pool.heaps(), (1, 1), "one after the other");
        // Freed here, through whatever heap there is, and found again by the next.
        let heap = pool.heap().unwrap();
        let half = blocks.len() / 2;
        blocks.drain(..half).for_each(|block| block.free(&heap));
        assert_eq!((pool.check(), round < 5), (Ok(()), true));
    }
    let most = live(&pool);
    blocks.into_iter().for_each(|block| block.free(&pool));
    pool.trim();
    assert!(live(&pool) < most / 2, "{} of {most}", live(&pool));
}

#[test]
fn what_others_free_comes_home_while_its_owner_goes_on() {
    let pool = Small::new(spans(), Pages);
    let (sender, receiver) = mpsc::channel::<Block>();
    let most = thread::scope(|scope| {
        scope.spawn(|| {
            let heap = pool.heap().unwrap();
            receiver.into_iter().for_each(|block| block.free(&heap));
        });
        let heap = pool.heap().unwrap();
        let mut most = 0;
        for round in 0..40_000_usize {
            sender.send(Block::new(&heap, 1 + round * 13 % 3000)).unwrap();
            // So that not all of them wait to be freed.
            if round % 500 == 0 {
                thread::yield_now();
            }
            most = most.max(live(&pool));
        }
        drop(sender);
        most
    });
    assert!(most <= 40_000 * 1500 * 2, "{most}");
    assert_eq!(pool.check(), Ok(()));
}

#[test]
fn a_pool_that_goes_gives_everything_back_live_blocks_and_large_ones_too() {
    let (parent, books) = (Counted::new(System), Counted::new(System));
    let pool = HeapPool::<_, _, Pow2<16, 4096>, 4>::new(&parent, &books);
    assert_eq!(books.counts().requests, 0, "nothing before the first block");
    let [one, other] = [(); 2].map(|()| pool.heap().unwrap());
    for size in [1, 16, 17, 4096, 4097, PAGE, 5 * PAGE, 3 << 20] {
        for heap in [&one, &other] {
            let [first, _second, third] = [(); 3].map(|()| Block::new(heap, size));
            first.free(&one);
            third.free(&other);
        }
    }
    let aligned = Layout::from_size_align(100, 4 * PAGE).unwrap();
    assert!(one.allocate(aligned).unwrap().addr().get().is_multiple_of(4 * PAGE));
    assert_eq!(pool.granted(layout(17)), 32);
    assert_eq!(pool.granted(layout(4097)), PAGE);
    drop(one);
    let _forgotten = ManuallyDrop::new(other);
    drop(pool);
    assert_eq!((parent.counts().blocks_live, books.counts().blocks_live), (0, 0));
}

#[test]
fn every_block_of_a_pool_is_described_and_no_other_address() {
    let pool = Small::new(spans(), Pages);
    let local = 0_u8;
    assert_eq!(pool.describe(NonNull::from(&local)), None);
    for size in [1, 100, 8192, 8193, PAGE + 1, 1 << 20] {
        let block = pool.allocate(layout(size)).unwrap();
        let described = pool.describe(block).unwrap();
        assert_eq!(described.size(), pool.granted(layout(size)));
        assert_eq!(pool.describe(NonNull::from(&local)), None);
        // SAFETY: live, and described.
        unsafe { pool.deallocate(block, described) }
    }
}

#[test]
fn a_pool_survives_whatever_request_its_parent_refuses() {
    for when in (0..12).map(When::Once).chain((2..5).map(When::Every)) {
        let parent = Failing::new(Counted::new(System), when);
        let pool = HeapPool::<_, _, Quad<1024>, 1>::new(&parent, System);
        let mut blocks = Vec::new();
        for size in [1, 1000, 2000, 100_000].into_iter().cycle().take(60) {
            match pool.allocate(layout(size)) {
                Ok(block) => blocks.push((block, layout(size))),
                Err(AllocError) => assert_ne!(parent.failures(), 0),
            }
            assert_eq!(pool.check(), Ok(()), "{when:?}");
        }
        for (block, layout) in blocks.into_iter().step_by(2) {
            // SAFETY: allocated above with this layout.
            unsafe { pool.deallocate(block, layout) }
        }
        drop(pool);
        assert_eq!(parent.parent().counts().blocks_live, 0, "{when:?}");
    }
}

#[test]
fn each_thread_has_its_heap_and_leaves_it_to_the_next() {
    // SAFETY: a static.
    static HEAP: PerThread<Spans, Pages, Quad<8192>, 2> = unsafe { PerThread::new(Small::new(spans(), Pages)) };
    let (sender, receiver) = mpsc::channel::<Block>();
    for _ in 0..6 {
        let sender = sender.clone();
        thread::spawn(move || {
            for size in 1..1000 {
                let [block, other] = [(); 2].map(|()| Block::new(&HEAP, size));
                block.free(&HEAP);
                sender.send(other).unwrap();
            }
        })
        .join()
        .unwrap();
    }
    assert_eq!(HEAP.pool().heaps(), (1, 1), "one thread after the other");
    drop(sender);
    receiver.into_iter().for_each(|block| block.free(&HEAP));
    assert_eq!(HEAP.pool().heaps(), (1, 0), "it is this thread's now");
    HEAP.trim();
    assert_eq!(HEAP.check(), Ok(()));
    assert!(live(HEAP.pool()) <= 40 * PAGE, "a slab of each class at most: {}", live(HEAP.pool()));
}
