//! Tests by topic; here what they share, and the pool's everyday behaviour.
#![expect(clippy::arithmetic_side_effects, reason = "overflow would fail the test")]

use ::core::{alloc::Layout, cell::Cell, ptr::NonNull};

use heap::{boxed::Box, vec::Vec};

use super::*;
use crate::{
    alloc::{AllocError, empty},
    source::system::System,
    strategy::ledger::Ledger,
    testing::{Failing, When},
};

mod parent;
mod random;
mod retain;
mod scale;
mod seeds;

/// A pool of 64-byte blocks, sixteen at a time, that keeps everything.
fn pool<A: Allocate>(parent: A) -> SpanPool<A> {
    with(parent, |config| config)
}

fn with<A: Allocate>(parent: A, change: impl Fn(SpanPoolConfig) -> SpanPoolConfig) -> SpanPool<A> {
    let config = SpanPoolConfig {
        block: 64,
        backing_request: Some(1024),
        retain: Retain::never_release(),
        ..SpanPoolConfig::DEFAULT
    };
    SpanPool::try_new(parent, change(config)).unwrap()
}

/// A layout of `blocks` blocks of 64 bytes.
fn blocks(blocks: usize) -> Layout {
    aligned(blocks, 1)
}

fn aligned(blocks: usize, align: usize) -> Layout {
    Layout::from_size_align(blocks * 64, align).unwrap()
}

/// Gives back a span that the pool has just handed out for `layout`.
fn free<A: Allocate>(pool: &A, span: NonNull<u8>, layout: Layout) {
    // SAFETY: tests free what they have allocated, once.
    unsafe { pool.deallocate(span, layout) }
}

fn resize<A: Allocate>(pool: &A, span: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
    // SAFETY: tests resize what they have allocated, with its layout.
    unsafe { pool.resize(span, old, new) }
}

/// The byte at `at` of memory that is the test's to read.
fn peek(memory: NonNull<u8>, at: usize) -> u8 {
    // SAFETY: inside of the memory.
    let byte = unsafe { memory.add(at) };
    // SAFETY: the test has written it.
    unsafe { byte.read() }
}

/// Writes the byte at `at` of a span.
fn poke(span: NonNull<u8>, at: usize, value: u8) {
    // SAFETY: inside of the span.
    let byte = unsafe { span.add(at) };
    // SAFETY: the span is the test's to write.
    unsafe { byte.write(value) }
}

/// The granted bytes that are lent.
fn bytes_lent(ledger: &Ledger) -> usize {
    ledger.layouts().into_iter().map(|layout| ledger.granted(layout)).sum()
}

/// The numbers that tests look at: chunks, live spans, all blocks, free blocks.
fn numbers<A: Allocate>(pool: &SpanPool<A>) -> (usize, usize, usize, usize) {
    let stats = pool.stats();
    (stats.chunks, stats.spans_live, stats.blocks_total, stats.blocks_free)
}

#[test]
fn a_new_pool_takes_nothing() {
    let pool = pool(Ledger::new());
    assert_eq!((pool.parent().requests(), pool.stats()), (0, SpanPoolStats::default()));
    assert_eq!((pool.block_size(), pool.check()), (64, Ok(())));
}

#[test]
fn a_request_gets_whole_blocks() {
    let pool = SpanPool::try_new(System, SpanPoolConfig::DEFAULT).unwrap();
    for (asked, granted) in [(1, 4096), (777, 4096), (4096, 4096), (4097, 8192), (163_840, 163_840)] {
        let layout = Layout::from_size_align(asked, 8).unwrap();
        assert_eq!(pool.granted(layout), granted);
        let span = pool.allocate_zeroed(layout).unwrap();
        for at in 0..granted {
            assert_eq!(peek(span, at), 0);
            poke(span, at, 1);
        }
        free(&pool, span, layout);
    }
}

#[test]
fn a_request_for_nothing_takes_nothing() {
    let pool = pool(Ledger::new());
    let layout = Layout::from_size_align(0, 256).unwrap();
    assert_eq!((pool.granted(layout), pool.allocate(layout)), (0, Ok(empty(layout))));
    free(&pool, empty(layout), layout);
    assert_eq!(pool.parent().requests(), 0);
    let span = pool.allocate(blocks(1)).unwrap();
    assert_eq!(resize(&pool, span, blocks(1), blocks(0)), Err(AllocError));
    assert_eq!(resize(&pool, empty(blocks(0)), blocks(0), blocks(1)), Err(AllocError));
    free(&pool, span, blocks(1));
}

#[test]
fn any_layout_of_the_same_grant_frees_a_span() {
    let pool = pool(Ledger::new());
    for size in [129, 150, 192] {
        let span = pool.allocate(Layout::from_size_align(150, 8).unwrap()).unwrap();
        free(&pool, span, Layout::from_size_align(size, 8).unwrap());
        assert_eq!(pool.check(), Ok(()));
    }
    assert_eq!(numbers(&pool), (1, 0, 16, 16));
}

#[test]
fn spans_fill_a_chunk_before_another_is_asked_for() {
    let pool = pool(Ledger::new());
    let spans: Vec<_> = (0..32).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
    assert_eq!(numbers(&pool), (2, 32, 32, 0));
    let ascending = spans[..16].windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() == 64);
    assert!(ascending);
    for span in spans {
        free(&pool, span, blocks(1));
        assert_eq!(pool.check(), Ok(()));
    }
    assert_eq!(numbers(&pool), (2, 0, 32, 32));
}

#[test]
fn a_freed_span_joins_its_neighbours_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let pool = pool(Ledger::new());
        let lens = [3, 5, 8];
        let spans = lens.map(|len| pool.allocate(blocks(len)).unwrap());
        for at in order {
            free(&pool, spans[at], blocks(lens[at]));
            assert_eq!(pool.check(), Ok(()));
        }
        assert_eq!(pool.allocate(blocks(16)), Ok(spans[0]));
        assert_eq!(pool.stats().chunks, 1);
    }
}

#[test]
fn the_shortest_run_that_holds_a_request_is_taken() {
    let pool = pool(Ledger::new());
    let lens = [6, 1, 2, 1, 3, 3];
    let spans = lens.map(|len| pool.allocate(blocks(len)).unwrap());
    for hole in [0, 2, 4] {
        free(&pool, spans[hole], blocks(lens[hole]));
    }
    assert_eq!(pool.allocate(blocks(3)), Ok(spans[4]));
    assert_eq!(pool.allocate(blocks(2)), Ok(spans[2]));
    assert_eq!(pool.allocate(blocks(1)), Ok(spans[0]));
    assert_eq!((pool.check(), pool.stats().chunks), (Ok(()), 1));
}

#[test]
fn a_larger_span_gets_a_larger_chunk() {
    let pool = pool(Ledger::new());
    let span = pool.allocate(blocks(17)).unwrap();
    assert_eq!(numbers(&pool), (1, 1, 32, 15));
    // What is left of it serves, is found again, and joins.
    let others = [7, 8].map(|len| (pool.allocate(blocks(len)).unwrap(), blocks(len)));
    assert_eq!((numbers(&pool), pool.check()), ((1, 3, 32, 0), Ok(())));
    for (other, layout) in others {
        assert!(pool.owns(other, layout));
        free(&pool, other, layout);
    }
    free(&pool, span, blocks(17));
    assert_eq!((numbers(&pool), pool.check()), ((1, 0, 32, 32), Ok(())));
    assert_eq!(pool.allocate(blocks(32)), Ok(span));
}

#[test]
fn a_span_shrinks_and_grows_in_place() {
    let pool = pool(Ledger::new());
    let span = pool.allocate(blocks(8)).unwrap();
    // SAFETY: 512 bytes of ours.
    unsafe { span.write_bytes(7, 512) };
    assert_eq!(resize(&pool, span, blocks(8), blocks(3)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 16, 13), Ok(())));
    assert_eq!(resize(&pool, span, blocks(3), blocks(16)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 16, 0), Ok(())));
    assert!((0..192).all(|at| peek(span, at) == 7));
    free(&pool, span, blocks(16));
    assert_eq!(pool.check(), Ok(()));
}

#[test]
fn a_resize_within_the_last_block_changes_nothing() {
    let pool = pool(Ledger::new());
    let layout = |size| Layout::from_size_align(size, 1).unwrap();
    let span = pool.allocate(layout(100)).unwrap();
    let before = pool.stats();
    assert_eq!(resize(&pool, span, layout(100), layout(128)), Ok(()));
    assert_eq!(resize(&pool, span, layout(128), layout(65)), Ok(()));
    assert_eq!(pool.stats(), before);
}

#[test]
fn a_span_grows_into_as_many_free_blocks_as_it_needs() {
    let pool = pool(Ledger::new());
    let [span, middle, _last] = [4, 4, 4].map(|len| pool.allocate(blocks(len)).unwrap());
    assert_eq!(resize(&pool, span, blocks(4), blocks(5)), Err(AllocError), "the neighbour is live");
    free(&pool, middle, blocks(4));
    let before = pool.stats();
    assert_eq!(resize(&pool, span, blocks(4), blocks(9)), Err(AllocError), "the neighbour is too short");
    assert_eq!((pool.stats(), pool.check()), (before, Ok(())));
    assert_eq!(resize(&pool, span, blocks(4), blocks(6)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 2, 16, 6), Ok(())));
    assert_eq!(resize(&pool, span, blocks(6), blocks(8)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 2, 16, 4), Ok(())));
}

#[test]
fn a_span_does_not_grow_into_another_chunk() {
    let pool = pool(Ledger::new());
    let span = pool.allocate(blocks(16)).unwrap();
    let other = pool.allocate(blocks(16)).unwrap();
    free(&pool, other, blocks(16));
    assert_eq!(resize(&pool, span, blocks(16), blocks(17)), Err(AllocError));
    assert_eq!(resize(&pool, span, blocks(16), aligned(16, 2)), Err(AllocError), "another alignment");
}

#[test]
fn any_size_at_any_alignment_is_served_and_given_back() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { capacity: 1 << 20, ..config });
    let mut spans = Vec::new();
    for align in (0..=22).map(|bits| 1_usize << bits) {
        for size in [1, 64, 65, 640, 1024, 1025, 5000] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let span = pool.allocate(layout).unwrap();
            assert!(span.addr().get().is_multiple_of(align), "{layout:?}");
            assert!(pool.granted(layout).is_multiple_of(64));
            // SAFETY: all that is granted is ours.
            unsafe { span.write_bytes(0x3C, pool.granted(layout)) };
            assert!(pool.owns(span, layout));
            spans.push((span, layout));
        }
        assert_eq!(pool.check(), Ok(()));
    }
    for (span, layout) in spans.drain(..) {
        free(&pool, span, layout);
    }
    assert_eq!((pool.check(), pool.stats().spans_live), (Ok(()), 0));
}

#[test]
fn an_aligned_hole_of_just_the_size_is_found() {
    let pool = pool(Ledger::new());
    let layout = aligned(4, 256);
    let spans: Vec<_> = (0..4).map(|_| pool.allocate(layout).unwrap()).collect();
    assert_eq!(numbers(&pool), (1, 4, 16, 0));
    free(&pool, spans[2], layout);
    assert_eq!(pool.allocate(layout), Ok(spans[2]));
    assert_eq!(numbers(&pool), (1, 4, 16, 0));
}

#[test]
fn an_aligned_span_leaves_what_is_before_it_to_others() {
    let pool = pool(Ledger::new());
    let first = pool.allocate(blocks(1)).unwrap();
    let second = pool.allocate(aligned(2, 512)).unwrap();
    assert_eq!(second.addr().get() - first.addr().get(), 512);
    assert_eq!((numbers(&pool), pool.check()), ((1, 2, 16, 13), Ok(())));
    let between = pool.allocate(blocks(7)).unwrap();
    assert_eq!(between.addr().get() - first.addr().get(), 64);
    assert_eq!(pool.check(), Ok(()));
}

#[test]
fn an_alignment_beyond_the_request_costs_nothing_afterwards() {
    let pool = pool(Ledger::new());
    let layout = aligned(20, 4096);
    let span = pool.allocate(layout).unwrap();
    assert_eq!(numbers(&pool), (1, 1, 32, 12));
    // Its rest is used, and then it is kept for that.
    let other = pool.allocate(blocks(12)).unwrap();
    free(&pool, span, layout);
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 32, 20), Ok(())));
    free(&pool, other, blocks(12));
    assert_eq!((numbers(&pool), pool.parent().blocks()), ((0, 0, 0, 0), 0));
}

#[test]
fn an_impossible_request_fails_and_asks_nobody() {
    let pool = pool(Ledger::new());
    let max = isize::MAX as usize;
    for (size, align) in [(max, 1), (max - 63, 64), (max - 4095, 4096), (1 << 62, 1 << 62), (max / 2, 1 << 40)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        assert_eq!(pool.allocate(layout), Err(AllocError));
        assert!(pool.granted(layout) >= size);
    }
    assert_eq!((pool.parent().requests(), pool.stats()), (0, SpanPoolStats::default()));
}

#[test]
fn grants_are_monotone_and_idempotent_to_the_end_of_sizes() {
    let pool = pool(Ledger::new());
    for align in [1, 64, 4096, 1 << 40] {
        let mut last = 0;
        let max = isize::MAX as usize - (align - 1);
        let edges =
            [1 << 36, 1 << 37, max].into_iter().flat_map(|edge| (edge - 200..=edge).chain(edge + 1..edge + 200));
        for size in (0..500).chain(edges).filter(|&size| size <= max) {
            let layout = Layout::from_size_align(size, align).unwrap();
            let granted = pool.granted(layout);
            assert!(granted >= size && granted >= last && (granted == 0) == (size == 0), "{layout:?}");
            assert_eq!(pool.granted(Layout::from_size_align(granted, align).unwrap()), granted);
            last = granted;
        }
    }
}

#[test]
fn only_the_start_of_a_live_span_is_owned() {
    let (ours, theirs) = (pool(Ledger::new()), pool(Ledger::new()));
    for len in [1, 5, 40] {
        let layout = blocks(len);
        let (span, foreign) = (ours.allocate(layout).unwrap(), theirs.allocate(layout).unwrap());
        assert!(ours.owns(span, layout) && !ours.owns(foreign, layout) && !theirs.owns(span, layout));
        for offset in 1..len * 64 {
            // SAFETY: inside of the span.
            assert!(!ours.owns(unsafe { span.add(offset) }, layout));
        }
        assert!(!ours.owns(span, blocks(len + 1)), "of another grant");
        free(&ours, span, layout);
        free(&theirs, foreign, layout);
        assert!(!ours.owns(span, layout), "no longer live");
    }
}

#[test]
fn stale_marks_inside_a_span_are_not_owned() {
    let pool = pool(Ledger::new());
    let singles: Vec<_> = (0..48).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
    for &single in &singles {
        free(&pool, single, blocks(1));
    }
    let spans: Vec<_> = (0..3).map(|_| pool.allocate(blocks(16)).unwrap()).collect();
    for single in singles {
        assert!(!pool.owns(single, blocks(1)));
        assert_eq!(pool.owns(single, blocks(16)), spans.contains(&single));
    }
}

#[test]
fn everything_ends_at_once_and_the_pool_goes_on() {
    let mut pool = pool(Ledger::new());
    for len in [1, 16, 17, 100] {
        pool.allocate(blocks(len)).unwrap();
        pool.allocate(aligned(len, 1 << 14)).unwrap();
    }
    pool.release_all();
    assert_eq!((pool.stats(), pool.parent().blocks()), (SpanPoolStats::default(), 0));
    pool.release_all();
    let span = pool.allocate(blocks(2)).unwrap();
    free(&pool, span, blocks(2));
    assert_eq!((numbers(&pool), pool.check()), ((1, 0, 16, 16), Ok(())));
    pool.reset();
    assert_eq!((pool.stats(), pool.parent().blocks()), (SpanPoolStats::default(), 0));
}

#[test]
fn a_pool_that_moves_keeps_its_spans() {
    let pool = pool(System);
    let span = pool.allocate(blocks(3)).unwrap();
    let pool = Box::new(pool);
    let moved = std::thread::scope(|scope| {
        let (pool, span) = (pool, span.expose_provenance());
        scope
            .spawn(move || {
                free(&*pool, NonNull::with_exposed_provenance(span), blocks(3));
                pool
            })
            .join()
            .unwrap()
    });
    assert_eq!((moved.check(), numbers(&moved)), (Ok(()), (1, 0, 16, 16)));
}

#[test]
fn a_pool_can_be_const() {
    const VALID: Valid<SpanPoolConfig> = match SpanPoolConfig::DEFAULT.check() {
        Ok(valid) => valid,
        Err(_) => panic!("the default is valid"),
    };
    let pool = const { SpanPool::new(System, VALID) };
    let span = pool.allocate(blocks(1)).unwrap();
    free(&pool, span, blocks(1));
}

#[test]
fn cores_share_one_parent() {
    struct Two {
        small: SpanPoolCore,
        large: SpanPoolCore,
        parent: Ledger,
    }
    let valid = |block| SpanPoolConfig { block, ..SpanPoolConfig::DEFAULT }.check().unwrap();
    let mut two =
        Two { small: SpanPoolCore::new(valid(64)), large: SpanPoolCore::new(valid(8192)), parent: Ledger::new() };
    for core in [&two.small, &two.large] {
        // SAFETY: always this parent.
        let span = unsafe { core.allocate(&two.parent, blocks(100)) }.unwrap();
        // SAFETY: as above; live, and of this core.
        unsafe { core.deallocate(&two.parent, span, blocks(100)) };
        // SAFETY: as above.
        unsafe { core.allocate(&two.parent, blocks(100)) }.unwrap();
        assert_eq!(core.check(), Ok(()));
    }
    for core in [&mut two.small, &mut two.large] {
        // SAFETY: always this parent.
        unsafe { core.release(&two.parent) };
    }
}
