//! What the pool takes from its parent, and what it does when that fails.

use super::*;

/// Everything that a failed request must leave alone.
fn state<A: Allocate>(pool: &SpanPool<&A>, ledger: &Ledger) -> (SpanPoolStats, usize, usize) {
    (pool.stats(), ledger.blocks(), bytes_lent(ledger))
}

#[test]
fn a_failed_request_changes_nothing_whichever_parent_request_fails() {
    for layout in [blocks(1), blocks(16), blocks(17), blocks(1000), aligned(3, 512), aligned(3, 8192), aligned(40, 128)]
    {
        for live in 0..12 {
            for served in 0..4 {
                let ledger = Ledger::new();
                let pool = pool(&ledger);
                for _ in 0..live {
                    // Larger than one request, so the directory fills up.
                    pool.allocate(blocks(17)).unwrap();
                }
                let before = state(&pool, &ledger);
                ledger.fail_after(served);
                match pool.allocate(layout) {
                    Ok(span) => free(&pool, span, layout),
                    Err(AllocError) => assert_eq!(state(&pool, &ledger), before),
                }
                assert_eq!(pool.check(), Ok(()));
                ledger.fail_after(usize::MAX);
                let span = pool.allocate(layout).unwrap();
                free(&pool, span, layout);
                assert_eq!(pool.check(), Ok(()));
            }
        }
    }
}

/// Takes, frees and gives back spans of many kinds.
fn workload<A: Allocate>(parent: A) {
    let pool = with(parent, |config| SpanPoolConfig { retain: Retain::bytes(0..=4096).aggressively(), ..config });
    let mut spans = Vec::new();
    for round in 0..200 {
        let layout = if round % 7 == 0 { aligned(1 + round % 30, 2048) } else { blocks(1 + round % 40) };
        if let Ok(span) = pool.allocate(layout) {
            spans.push((span, layout));
        }
        if round % 3 == 0 && !spans.is_empty() {
            let (span, layout) = spans.swap_remove(round % spans.len());
            free(&pool, span, layout);
        }
    }
    assert_eq!(pool.core.check(), Ok(()));
    spans.drain(..).for_each(|(span, layout)| free(&pool, span, layout));
    assert_eq!(pool.core.check(), Ok(()));
}

#[test]
fn the_first_span_takes_a_chunk_and_its_books() {
    let pool = pool(Ledger::new());
    let spans = [(); 16].map(|()| {
        let span = pool.allocate(blocks(1)).unwrap();
        assert_eq!(pool.parent().requests(), 3, "the blocks, their books, the directory");
        span
    });
    assert_eq!(numbers(&pool), (1, 16, 16, 0));
    for span in spans {
        free(&pool, span, blocks(1));
    }
}

#[test]
fn every_parent_request_of_a_workload_may_fail() {
    let ledger = Ledger::new();
    workload(&ledger);
    for k in 0..ledger.requests() {
        workload(Failing::new(Ledger::new(), When::Once(k)));
        workload(Failing::new(Ledger::new(), When::From(k)));
    }
}

#[test]
fn a_rounded_chunk_that_the_parent_lacks_is_asked_for_exactly() {
    let pool = pool(Failing::new(Ledger::new(), When::Once(0)));
    // 528 blocks: their class is 576.
    assert!(pool.allocate(blocks(520)).is_ok());
    assert_eq!(numbers(&pool), (1, 1, 528, 8));
    assert!(pool.allocate(blocks(520)).is_ok());
    assert_eq!(numbers(&pool), (2, 2, 528 + 576, 8 + 56));
}

#[test]
fn books_of_several_chunks_share_a_page() {
    let pool = with(Ledger::with_grain(4096), |config| SpanPoolConfig {
        block: 4096,
        backing_request: Some(1 << 16),
        ..config
    });
    let layout = Layout::from_size_align(1 << 16, 4096).unwrap();
    let spans: Vec<_> = (0..10).map(|_| pool.allocate(layout).unwrap()).collect();
    // Ten chunks, a page of books, and at most two of directory.
    assert!(pool.parent().blocks() <= 13);
    for span in spans {
        free(&pool, span, layout);
    }
    pool.trim();
    assert_eq!((pool.parent().blocks(), pool.stats()), (0, SpanPoolStats::default()));
}

#[test]
fn what_the_parent_grants_beyond_the_request_is_used() {
    for grain in [2048, 3000, 4096, 1 << 16] {
        let pool = pool(Ledger::with_grain(grain));
        let of_chunk = grain / 1024 * 16;
        let spans: Vec<_> = (0..of_chunk).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
        assert_eq!(numbers(&pool), (1, of_chunk, of_chunk, 0));
        assert_eq!(pool.check(), Ok(()));
        for span in spans {
            free(&pool, span, blocks(1));
        }
        assert_eq!((numbers(&pool), pool.check()), ((1, 0, of_chunk, of_chunk), Ok(())));
    }
}

#[test]
fn what_the_parent_gave_is_counted_in_its_own_grains() {
    for grain in [1, 64, 4096] {
        let ledger = Ledger::with_grain(grain);
        let pool = pool(&ledger);
        for len in [1, 16, 17, 300] {
            let span = pool.allocate(blocks(len)).unwrap();
            assert_eq!(pool.stats().parent_bytes, bytes_lent(&ledger));
            free(&pool, span, blocks(len));
        }
        pool.trim();
        assert_eq!((pool.stats().parent_bytes, bytes_lent(&ledger)), (0, 0));
    }
}

#[test]
fn the_capacity_is_exact_for_an_index_of_eight_bits() {
    for capacity in [254, 255, 256] {
        let pool = with(Ledger::new(), |config| SpanPoolConfig { backing_request: Some(64), capacity, ..config });
        let spans: Vec<_> = (0..capacity).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
        let requests = pool.parent().requests();
        assert_eq!(pool.allocate(blocks(1)), Err(AllocError));
        assert_eq!(pool.parent().requests(), requests, "the parent is not asked in vain");
        for span in spans {
            free(&pool, span, blocks(1));
        }
        assert_eq!((pool.stats().blocks_total, pool.check()), (capacity, Ok(())));
        pool.trim();
        for len in [254, 255, 256] {
            let span = pool.allocate(blocks(len));
            assert_eq!(span.is_ok(), len <= capacity, "{len} of {capacity}");
            if let Ok(span) = span {
                free(&pool, span, blocks(len));
                pool.trim();
            }
        }
    }
}

#[test]
fn the_capacity_counts_whole_requests() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { capacity: 40, ..config });
    for _ in 0..32 {
        pool.allocate(blocks(1)).unwrap();
    }
    assert_eq!(pool.allocate(blocks(1)), Err(AllocError));
    assert_eq!((numbers(&pool), pool.check()), ((2, 32, 32, 0), Ok(())));
}

#[test]
fn a_larger_chunk_is_cut_to_the_capacity() {
    let pool = with(Ledger::with_grain(4096), |config| SpanPoolConfig { capacity: 40, ..config });
    pool.allocate(blocks(1)).unwrap();
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 32, 31), Ok(())));
}

#[test]
fn pools_stand_on_pools_on_pools() {
    let config = |block, request| SpanPoolConfig {
        block,
        backing_request: Some(request),
        retain: Retain::bytes(0..=0).aggressively(),
        ..SpanPoolConfig::DEFAULT
    };
    let large = SpanPool::try_new(Ledger::new(), config(4096, 65_536)).unwrap();
    let medium = SpanPool::try_new(large, config(1024, 4096)).unwrap();
    let small = SpanPool::try_new(medium, config(64, 1024)).unwrap();
    let mut spans = Vec::new();
    for round in 1..=100 {
        let layout = Layout::from_size_align(round * 37, 1 << (round % 8)).unwrap();
        spans.push((small.allocate(layout).unwrap(), layout));
        assert_eq!(small.check(), Ok(()));
    }
    for (span, layout) in spans {
        free(&small, span, layout);
        assert_eq!(small.check(), Ok(()));
    }
    assert_eq!(small.stats(), SpanPoolStats::default());
    assert_eq!(small.parent().stats(), SpanPoolStats::default());
    assert_eq!(small.parent().parent().stats(), SpanPoolStats::default());
}

#[test]
fn dropping_a_pool_of_pools_leaves_nothing() {
    let ledger = Ledger::new();
    {
        let small = pool(pool(with(&ledger, |config| SpanPoolConfig {
            block: 1024,
            backing_request: Some(1 << 14),
            ..config
        })));
        for len in [1, 16, 33, 500] {
            small.allocate(blocks(len)).unwrap();
        }
        assert_eq!(small.check(), Ok(()));
    }
    assert_eq!(ledger.blocks(), 0);
}

#[test]
fn a_parent_may_call_back() {
    /// Takes and frees a span of the pool at every request.
    struct Meddler<'a> {
        pool: Cell<Option<&'a SpanPool<&'a Self>>>,
        depth: Cell<usize>,
        ledger: Ledger,
    }
    impl Meddler<'_> {
        fn meddle(&self) {
            if let Some(pool) = self.pool.get()
                && self.depth.get() < 2
            {
                self.depth.set(self.depth.get() + 1);
                assert_eq!(pool.core.check(), Ok(()));
                for layout in [blocks(1), blocks(20), aligned(2, 4096)] {
                    if let Ok(span) = pool.allocate(layout) {
                        free(pool, span, layout);
                    }
                }
                assert_eq!(pool.core.check(), Ok(()));
                self.depth.set(self.depth.get() - 1);
            }
        }
    }
    // SAFETY: the ledger's blocks; the pool is only called between its steps.
    unsafe impl Allocate for Meddler<'_> {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            self.meddle();
            let block = self.ledger.allocate(layout);
            self.meddle();
            block
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            self.meddle();
            // SAFETY: the caller's promise.
            unsafe { self.ledger.deallocate(block, layout) };
            self.meddle();
        }

        fn granted(&self, layout: Layout) -> usize {
            self.ledger.granted(layout)
        }
    }
    let meddler = Meddler { pool: Cell::new(None), depth: Cell::new(0), ledger: Ledger::new() };
    let pool = with(&meddler, |config| SpanPoolConfig { retain: Retain::bytes(0..=2048).aggressively(), ..config });
    // SAFETY: the reference is taken out again before the pool goes.
    meddler.pool.set(Some(unsafe { NonNull::from(&pool).as_ref() }));
    let mut spans = Vec::new();
    for round in 0..50 {
        let layout = blocks(1 + round % 37);
        spans.push((pool.allocate(layout).unwrap(), layout));
        if round % 3 == 2 {
            let (span, layout) = spans.swap_remove(round / 2 % spans.len());
            free(&pool, span, layout);
        }
        assert_eq!(pool.core.check(), Ok(()));
    }
    for (span, layout) in spans {
        free(&pool, span, layout);
    }
    assert_eq!(pool.core.check(), Ok(()));
    meddler.pool.set(None);
    pool.trim();
    assert_eq!((pool.stats(), meddler.ledger.blocks()), (SpanPoolStats::default(), 0));
}
