//! What the pool keeps, and what it gives back.

use super::*;

/// Four chunks of sixteen blocks, each one span.
fn four(retain: Retain) -> (SpanPool<Ledger>, [NonNull<u8>; 4]) {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { retain, ..config });
    let spans = [(); 4].map(|()| pool.allocate(blocks(16)).unwrap());
    (pool, spans)
}

/// The chunks left after each of four frees.
fn chunks_left(retain: Retain) -> [usize; 4] {
    let (pool, spans) = four(retain);
    spans.map(|span| {
        free(&pool, span, blocks(16));
        assert_eq!(pool.check(), Ok(()));
        pool.stats().chunks
    })
}

#[test]
fn never_keeps_everything() {
    assert_eq!(chunks_left(Retain::never_release()), [4, 4, 4, 4]);
}

#[test]
fn simple_gives_back_the_one_chunk_that_became_free() {
    assert_eq!(chunks_left(Retain::bytes(0..=0)), [3, 2, 1, 0]);
    assert_eq!(chunks_left(Retain::bytes(0..=1024)), [3, 2, 1, 0]);
    // The second free reaches the most and gives one back; so do those after it.
    assert_eq!(chunks_left(Retain::bytes(0..=2048)), [4, 3, 2, 1]);
}

#[test]
fn the_most_is_reached_at_equality_and_not_before() {
    assert_eq!(chunks_left(Retain::bytes(0..=1025)), [4, 3, 2, 1]);
    assert_eq!(chunks_left(Retain::bytes(0..=2049)), [4, 4, 3, 2]);
    assert_eq!(chunks_left(Retain::bytes(0..=4096)), [4, 4, 4, 3]);
    assert_eq!(chunks_left(Retain::bytes(0..=4097)), [4, 4, 4, 4]);
}

#[test]
fn the_least_is_kept_at_equality_and_not_below() {
    assert_eq!(chunks_left(Retain::bytes(1024..=1024)), [4, 3, 2, 1]);
    assert_eq!(chunks_left(Retain::bytes(1025..=1025)), [4, 4, 3, 2]);
    assert_eq!(chunks_left(Retain::bytes(1024..=1024).aggressively()), [4, 3, 2, 1]);
    assert_eq!(chunks_left(Retain::bytes(1025..=1025).aggressively()), [4, 4, 3, 2]);
}

#[test]
fn shares_are_of_what_the_pool_has() {
    // 1 of 4 is below half; 2 of 4 reach it, and 1 of 3 is above a quarter.
    assert_eq!(chunks_left(Retain::percent(25..=50)), [4, 3, 2, 1]);
    assert_eq!(chunks_left(Retain::percent(25..=50).aggressively()), [4, 3, 2, 0]);
    assert_eq!(chunks_left(Retain::percent(0..=100)), [4, 4, 4, 3]);
    assert_eq!(chunks_left(Retain::percent(34..=50)), [4, 4, 3, 2]);
}

#[test]
fn the_last_chunk_goes_by_shares_too() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { retain: Retain::percent(25..=50), ..config });
    let span = pool.allocate(blocks(1)).unwrap();
    free(&pool, span, blocks(1));
    assert_eq!((pool.stats(), pool.parent().blocks()), (SpanPoolStats::default(), 0));
}

#[test]
fn simple_gives_back_no_chunk_but_the_freed_one() {
    let retain = Retain::bytes(0..=3000);
    let (pool, [a, b, c, d]) = four(retain);
    let small = pool.allocate(blocks(1)).unwrap();
    free(&pool, a, blocks(16));
    free(&pool, b, blocks(16));
    assert_eq!(pool.stats().chunks, 4, "31 free blocks and 15 reach the most, so one went");
    assert_eq!(resize(&pool, c, blocks(16), blocks(8)), Ok(()));
    assert_eq!(numbers(&pool), (4, 3, 64, 39), "a part of a chunk cannot go");
    free(&pool, c, blocks(8));
    free(&pool, d, blocks(16));
    free(&pool, small, blocks(1));
    assert_eq!(pool.check(), Ok(()));
}

#[test]
fn aggressive_gives_back_chunks_until_less_is_free() {
    let pool =
        with(Ledger::new(), |config| SpanPoolConfig { retain: Retain::bytes(1024..=4096).aggressively(), ..config });
    let whole = [(); 3].map(|()| pool.allocate(blocks(16)).unwrap());
    let halves = [(); 4].map(|()| pool.allocate(blocks(8)).unwrap());
    for span in whole {
        free(&pool, span, blocks(16));
    }
    free(&pool, halves[0], blocks(8));
    assert_eq!(numbers(&pool), (5, 3, 80, 56));
    // Reaches the most with half a chunk: whole ones go until it is below.
    free(&pool, halves[2], blocks(8));
    assert_eq!((numbers(&pool), pool.check()), ((4, 2, 64, 48), Ok(())));
}

#[test]
fn aggressive_passes_over_chunks_that_the_least_needs() {
    let retain = Retain::bytes(1000..=2048).aggressively();
    let pool = with(Ledger::new(), |config| SpanPoolConfig { retain, ..config });
    let (large, small) = (pool.allocate(blocks(32)).unwrap(), pool.allocate(blocks(16)).unwrap());
    free(&pool, small, blocks(16));
    assert_eq!(numbers(&pool), (2, 1, 48, 16));
    // 48 free: the large one goes, since 16 are still above the least.
    free(&pool, large, blocks(32));
    assert_eq!((numbers(&pool), pool.check()), ((1, 0, 16, 16), Ok(())));
    // 32 + 16 free, of which 32 must stay: the large one is passed over.
    let keep = Retain::bytes(2000..=2048).aggressively();
    let pool = with(Ledger::new(), |config| SpanPoolConfig { retain: keep, ..config });
    let (large, small) = (pool.allocate(blocks(32)).unwrap(), pool.allocate(blocks(16)).unwrap());
    free(&pool, small, blocks(16));
    free(&pool, large, blocks(32));
    assert_eq!((numbers(&pool), pool.check()), ((1, 0, 32, 32), Ok(())));
}

#[test]
fn shrinking_counts_as_freeing() {
    let pool =
        with(Ledger::new(), |config| SpanPoolConfig { retain: Retain::bytes(0..=1500).aggressively(), ..config });
    let [span, other] = [(); 2].map(|()| pool.allocate(blocks(16)).unwrap());
    free(&pool, other, blocks(16));
    assert_eq!(pool.stats().chunks, 2);
    assert_eq!(resize(&pool, span, blocks(16), blocks(8)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 16, 8), Ok(())));
}

#[test]
fn trimming_gives_back_everything_that_is_free() {
    let (pool, spans) = four(Retain::never_release());
    assert_eq!(pool.trim(), 0);
    for span in &spans[..3] {
        free(&pool, *span, blocks(16));
    }
    assert_eq!(pool.trim(), 3 * 1024);
    assert_eq!((pool.trim(), numbers(&pool), pool.check()), (0, (1, 1, 16, 0), Ok(())));
}

#[test]
fn trimming_stops_at_the_threshold() {
    let freed = || {
        let (pool, spans) = four(Retain::never_release());
        spans.into_iter().for_each(|span| free(&pool, span, blocks(16)));
        pool
    };
    for (keep, given) in [
        (Threshold::bytes(0..=4097), 0),
        (Threshold::bytes(0..=4096), 1),
        (Threshold::bytes(0..=1025), 3),
        (Threshold::bytes(0..=1024), 4),
        (Threshold::bytes(1..=1024), 3),
        (Threshold::bytes(1024..=1024), 3),
        (Threshold::bytes(1025..=1025), 2),
        (Threshold::bytes(4096..=4096), 0),
        (Threshold::percent(0..=100), 4),
        (Threshold::percent(100..=100), 4),
    ] {
        let pool = freed();
        assert_eq!(pool.trim_to(keep), Ok(given * 1024), "{keep:?}");
        assert_eq!((pool.stats().chunks, pool.check()), (4 - given, Ok(())));
    }
}

#[test]
fn trimming_to_an_impossible_threshold_is_refused() {
    let (pool, _) = four(Retain::never_release());
    let impossible = [Threshold::Bytes { min: 2, max: 1 }, Threshold::Permille { min: 0, max: 1001 }];
    for keep in impossible {
        assert_eq!(pool.trim_to(keep).unwrap_err().field, "Threshold");
    }
    assert_eq!(pool.stats().chunks, 4);
}

#[test]
fn chunks_go_by_age_when_they_were_free_for_whole_rounds() {
    let (pool, [a, b, c, d]) = four(Retain::never_release());
    let large = pool.allocate(blocks(40)).unwrap();
    assert_eq!(pool.trim_aged(0), 0, "nothing is free");
    free(&pool, a, blocks(16));
    free(&pool, large, blocks(40));
    assert_eq!(pool.trim_aged(2), 0, "the round in which it was freed");
    free(&pool, b, blocks(16));
    assert_eq!(
        (pool.trim_aged(2), pool.trim_aged(2)),
        (0, 4096),
        "two whole rounds, of a chunk of 48 and of 16 blocks"
    );
    assert_eq!((numbers(&pool), pool.check()), ((3, 2, 48, 16), Ok(())));
    // What serves again is young again.
    assert_eq!(pool.allocate(blocks(16)), Ok(b));
    assert_eq!(pool.trim_aged(0), 0);
    free(&pool, b, blocks(16));
    assert_eq!((pool.trim_aged(1), pool.trim_aged(1)), (0, 1024));
    free(&pool, c, blocks(16));
    free(&pool, d, blocks(16));
    assert_eq!(pool.trim_aged(0), 2048, "all that is free");
    assert_eq!((pool.stats(), pool.parent().blocks()), (SpanPoolStats::default(), 0));
}

#[test]
fn rounds_may_wrap() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { retain: Retain::never_release(), ..config });
    for _ in 0..u16::MAX {
        pool.trim_aged(0);
    }
    let span = pool.allocate(blocks(1)).unwrap();
    free(&pool, span, blocks(1));
    assert_eq!((pool.trim_aged(1), pool.trim_aged(1)), (0, 1024));
}

#[test]
fn a_kept_chunk_serves_without_the_parent() {
    let (pool, spans) = four(Retain::never_release());
    spans.into_iter().for_each(|span| free(&pool, span, blocks(16)));
    let requests = pool.parent().requests();
    for layout in [blocks(16), blocks(1), aligned(2, 1024), aligned(16, 1024)] {
        let span = pool.allocate(layout).unwrap();
        free(&pool, span, layout);
    }
    assert_eq!(pool.parent().requests(), requests);
}

#[test]
fn a_workload_repeated_takes_no_more_from_the_parent() {
    let pool = pool(Ledger::new());
    let mut requests = Vec::new();
    for _round in 0..6 {
        let mut spans = Vec::new();
        for step in 0..400_usize {
            let len = 1 + step * step % 1500;
            let layout = if step % 5 == 0 { aligned(len % 16 + 1, 1 << (step % 11)) } else { blocks(len) };
            spans.push((pool.allocate(layout).unwrap(), layout));
        }
        for (span, layout) in spans.drain(..) {
            free(&pool, span, layout);
        }
        requests.push(pool.parent().requests());
        assert_eq!(pool.check(), Ok(()));
    }
    assert_eq!(requests[3..], [requests[3]; 3]);
}
