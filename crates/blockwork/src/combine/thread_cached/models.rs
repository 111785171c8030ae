//! Every order in which two threads can meet in a cache, and in which they and the
//! cache can end: loom runs the cache itself, with magazines of two blocks and
//! depots of two places.

use std::sync::Mutex;

use heap::{sync::Arc as Plain, vec::Vec};
use loom::{cell::UnsafeCell, model::Builder, sync::Arc, thread};

use super::*;
use crate::source::system::System;

/// A block, by which loom tells if two threads write to it at the same time.
type Watched = UnsafeCell<u32>;

const BLOCK: Layout = Layout::new::<Watched>();

/// Makes blocks that are watched, and counts them: behind a lock that loom does
/// not see, so that threads do not meet there.
#[derive(Default)]
struct Parent {
    /// Blocks that are live, and those that were asked for.
    counts: Mutex<(usize, usize)>,
}

impl Parent {
    fn live(&self) -> usize {
        self.counts.lock().unwrap().0
    }

    fn requests(&self) -> usize {
        self.counts.lock().unwrap().1
    }
}

// SAFETY: forwards.
unsafe impl Allocate for Parent {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = System.allocate(layout)?;
        // SAFETY: room for it, and aligned.
        unsafe { block.cast().write(Watched::new(0)) };
        let mut counts = self.counts.lock().unwrap();
        *counts = (counts.0 + 1, counts.1 + 1);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        write(block);
        // SAFETY: made by `allocate`, and not used again.
        drop(unsafe { block.cast::<Watched>().read() });
        // SAFETY: the caller's promise.
        unsafe { System.deallocate(block, layout) };
        self.counts.lock().unwrap().0 -= 1;
    }
}

/// Writes to a block.
fn write(block: NonNull<u8>) {
    // SAFETY: made by the parent.
    let watched = unsafe { block.cast::<Watched>().as_ref() };
    // SAFETY: loom tells if another thread is here at the same time.
    watched.with_mut(|count| unsafe { *count += 1 });
}

type Cached = ThreadCached<Plain<Parent>, BlockAt>;

fn cached(parent: &Plain<Parent>) -> Arc<Cached> {
    let block = BlockAt::new(BLOCK.size(), BLOCK.align()).unwrap();
    Arc::new(ThreadCached::new(Plain::clone(parent), block, usize::MAX))
}

fn take(cached: &Cached) -> NonNull<u8> {
    let block = cached.allocate(BLOCK).unwrap();
    write(block);
    block
}

fn give(cached: &Cached, block: NonNull<u8>) {
    write(block);
    // SAFETY: the models give what they took, once.
    unsafe { cached.deallocate(block, BLOCK) };
}

/// Takes so many blocks, and gives them all.
fn churn(cached: &Cached, count: usize) {
    let blocks: Vec<_> = (0..count).map(|_| take(cached)).collect();
    blocks.into_iter().for_each(|block| give(cached, block));
}

/// Runs `run` in another thread, which then ends as any thread does.
fn beside(run: impl FnOnce() + 'static) -> thread::JoinHandle<()> {
    thread::spawn(|| {
        run();
        threads::end();
    })
}

/// Tries every order of `model`, after which the parent has all its blocks again, and
/// every record is freed.
fn check(model: impl Fn(&Plain<Parent>) + Send + Sync + 'static) {
    let mut builder = Builder::new();
    // As the environment says, else so many.
    builder.preemption_bound.get_or_insert(3);
    builder.max_branches = 10_000;
    builder.check(move || {
        let parent = Plain::new(Parent::default());
        model(&parent);
        threads::end();
        assert_eq!(parent.live(), 0, "the parent lacks a block");
    });
}

#[test]
fn what_a_thread_leaves_when_it_ends_is_found_by_another() {
    check(|parent| {
        let cached = cached(parent);
        let other = beside({
            let cached = Arc::clone(&cached);
            move || churn(&cached, 1)
        });
        churn(&cached, 1);
        other.join().unwrap();
        churn(&cached, 2);
        assert_eq!(parent.requests(), 2, "what was left was not found");
    });
}

#[test]
fn an_allocator_that_goes_while_a_thread_ends_loses_nothing() {
    check(|parent| {
        let cached = cached(parent);
        let other = beside({
            let cached = Arc::clone(&cached);
            move || churn(&cached, 1)
        });
        churn(&cached, 1);
        // Here or there it is the last one.
        drop(cached);
        other.join().unwrap();
    });
}

#[test]
fn a_thread_that_outlives_the_allocator_holds_no_block_of_it() {
    check(|parent| {
        let (cached, other) = (cached(parent), cached(parent));
        let thread = beside({
            let (cached, other) = (Arc::clone(&cached), Arc::clone(&other));
            move || {
                churn(&cached, 1);
                drop(cached);
                churn(&other, 1);
            }
        });
        churn(&cached, 1);
        drop(cached);
        drop(other);
        thread.join().unwrap();
    });
}

#[test]
fn a_block_that_another_thread_frees_finds_its_way_home() {
    check(|parent| {
        let cached = cached(parent);
        let block = take(&cached);
        let other = beside({
            let cached = Arc::clone(&cached);
            move || give(&cached, block)
        });
        churn(&cached, 1);
        other.join().unwrap();
        churn(&cached, 2);
        assert!(parent.requests() <= 2, "what another thread freed was not found");
    });
}

#[test]
fn a_magazine_in_the_depot_is_taken_by_one_thread() {
    check(|parent| {
        let cached = cached(parent);
        // Two magazines here, and one in the depot.
        churn(&cached, 6);
        let other = beside({
            let cached = Arc::clone(&cached);
            move || churn(&cached, 2)
        });
        churn(&cached, 5);
        other.join().unwrap();
        assert!(parent.requests() <= 8);
    });
}
