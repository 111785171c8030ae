//! The cost of an operation does not depend on the number of live spans (Z10).
//!
//! The only loops on the way of a request or a free are the probe sequence of
//! the directory, counted here, and the look at the first four runs of one bin.
//! An aggressive pool also passes over sixteen chunks at most.

use super::{random::Random, *};

/// Steps in the directory for each operation, when random spans of `live` are
/// freed and replaced.
fn steps_per_operation(live: usize, request: usize) -> f64 {
    const PAIRS: usize = 20_000;
    let pool = with(System, |config| SpanPoolConfig { backing_request: Some(request), ..config });
    let mut spans: Vec<_> = (0..live).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
    let mut random = Random::new(7);
    pool.core.directory.steps.set(0);
    for _ in 0..PAIRS {
        let at = random.below(live);
        free(&pool, spans[at], blocks(1));
        spans[at] = pool.allocate(blocks(1)).unwrap();
    }
    assert_eq!(pool.stats().spans_live, live);
    let steps = pool.core.directory.steps.get();
    f64::from(u32::try_from(steps).unwrap()) / f64::from(u32::try_from(PAIRS).unwrap())
}

#[test]
fn a_free_takes_as_many_steps_for_many_live_spans_as_for_few() {
    for request in [256, 4096] {
        for live in [100, 10_000, 100_000] {
            let steps = steps_per_operation(live, request);
            assert!(steps < 3.0, "{steps} steps with {live} live spans");
        }
    }
}

#[test]
fn spans_of_larger_chunks_take_as_few_steps() {
    for live in [100, 10_000] {
        let pool = with(System, |config| SpanPoolConfig { backing_request: Some(64), ..config });
        // One large chunk, then each span of it has a key of its own.
        let whole = pool.allocate(blocks(live)).unwrap();
        free(&pool, whole, blocks(live));
        let spans: Vec<_> = (0..live).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
        assert_eq!(pool.stats().chunks, 1);
        pool.core.directory.steps.set(0);
        for &span in &spans {
            free(&pool, span, blocks(1));
        }
        assert!(pool.core.directory.steps.get() < 8 * live, "{}", pool.core.directory.steps.get());
    }
}

#[test]
fn a_million_spans_are_live() {
    let pool = with(System, |config| SpanPoolConfig { backing_request: Some(4096), ..config });
    let spans: Vec<_> = (0..1_000_000).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
    assert_eq!(numbers(&pool), (15_625, 1_000_000, 1_000_000, 0));
    pool.core.directory.steps.set(0);
    // Oldest first, which made the seed walk its whole list.
    for &span in &spans {
        free(&pool, span, blocks(1));
    }
    assert!(pool.core.directory.steps.get() < 2_000_000);
    assert_eq!((numbers(&pool), pool.check()), ((15_625, 0, 1_000_000, 1_000_000), Ok(())));
    assert_eq!(pool.trim(), 64_000_000);
    assert_eq!(pool.stats(), SpanPoolStats::default());
}

#[test]
fn no_more_than_some_chunks_are_passed_over() {
    // The least holds back every chunk, of which all are of different sizes.
    let retain = Retain::bytes(1 << 20..=1 << 20).aggressively();
    let pool = with(Ledger::new(), |config| SpanPoolConfig { retain, ..config });
    let spans: Vec<_> = (0..100).map(|by| (pool.allocate(blocks(200 + by)).unwrap(), blocks(200 + by))).collect();
    for (span, layout) in spans {
        free(&pool, span, layout);
        assert_eq!(pool.check(), Ok(()));
    }
    assert!(pool.stats().blocks_free >= (1 << 20) / 64);
}

#[test]
fn a_pool_is_two_kibibytes() {
    assert!(size_of::<SpanPool<System>>() <= 2048);
}
