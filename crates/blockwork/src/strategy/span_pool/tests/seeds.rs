//! The bugs of pooled-block-alloc, one test each.

use ::core::mem::MaybeUninit;

use super::*;
#[cfg(all(debug_assertions, not(miri)))]
use crate::combine::testers::last_words;
use crate::{
    combine::{
        checked::{Checked, MisuseKind, Tally},
        scrubbed::Scrubbed,
    },
    source::buffer::Buffer,
    strategy::bump::Bump,
};

fn kib_blocks(retain: Retain) -> SpanPool<Ledger> {
    with(Ledger::new(), |config| SpanPoolConfig { block: 1024, backing_request: Some(4096), retain, ..config })
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// Z1: the default configuration did not compile.
#[test]
fn the_default_configuration_works() {
    let pool = SpanPool::try_new(Ledger::new(), SpanPoolConfig::DEFAULT).unwrap();
    let span = pool.allocate(bytes(1)).unwrap();
    free(&pool, span, bytes(1));
    assert_eq!(pool.check(), Ok(()));
}

/// Z2: shrinking beside a free neighbour tripped an assertion.
#[test]
fn a_span_beside_free_blocks_shrinks() {
    let pool = kib_blocks(Retain::never_release());
    let span = pool.allocate(bytes(2048)).unwrap();
    assert_eq!(resize(&pool, span, bytes(2048), bytes(1024)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 4, 3), Ok(())));
}

/// Z3: shrinking without a free neighbour lost the tail.
#[test]
fn the_tail_of_a_shrunk_span_serves_again() {
    let pool = kib_blocks(Retain::never_release());
    let span = pool.allocate(bytes(4096)).unwrap();
    assert_eq!(resize(&pool, span, bytes(4096), bytes(1024)), Ok(()));
    assert_eq!((numbers(&pool), pool.check()), ((1, 1, 4, 3), Ok(())));
    // SAFETY: still inside of the chunk.
    assert_eq!(pool.allocate(bytes(3072)), Ok(unsafe { span.add(1024) }));
}

/// Z4: releasing read the next link of a span that had left the list.
#[test]
fn ten_free_chunks_go_at_once_and_only_once() {
    for retain in [Retain::never_release(), Retain::bytes(40_960..=40_960).aggressively()] {
        let pool = kib_blocks(retain);
        let spans = [(); 10].map(|()| pool.allocate(bytes(4096)).unwrap());
        spans.into_iter().for_each(|span| free(&pool, span, bytes(4096)));
        assert_eq!(numbers(&pool), (10, 0, 40, 40));
        assert_eq!(pool.trim_to(Threshold::bytes(0..=0)), Ok(40_960));
        assert_eq!(pool.trim_to(Threshold::bytes(0..=0)), Ok(0));
        assert_eq!((pool.stats(), pool.parent().blocks()), (SpanPoolStats::default(), 0));
    }
    let pool = kib_blocks(Retain::bytes(0..=40_960).aggressively());
    let spans = [(); 10].map(|()| pool.allocate(bytes(4096)).unwrap());
    spans.into_iter().for_each(|span| free(&pool, span, bytes(4096)));
    assert_eq!(numbers(&pool), (9, 0, 36, 36), "until below the most");
}

/// Z5: the list of spans took a block from the very span that was being split.
#[test]
fn no_free_run_is_ever_empty() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { backing_request: Some(256), ..config });
    let mut random = random::Random::new(12);
    let mut spans = Vec::new();
    for _ in 0..3000 {
        if spans.is_empty() || random.below(2) == 0 {
            let layout = blocks(1 + random.below(8));
            spans.push((pool.allocate(layout).unwrap(), layout));
        } else {
            let (span, layout) = spans.swap_remove(random.below(spans.len()));
            free(&pool, span, layout);
        }
        // The walk reports a run without blocks.
        assert_eq!(pool.check(), Ok(()));
    }
}

/// Z6: blocks were as aligned as the pool's own list, not as a block.
#[test]
fn every_span_has_the_alignment_of_a_block() {
    /// Gives blocks no better aligned than asked.
    struct Least(Ledger);
    // SAFETY: the ledger's blocks, with room for the shift by the alignment.
    unsafe impl Allocate for Least {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            let block = self.0.allocate(Self::inner(layout))?;
            // SAFETY: the block is longer by twice the alignment.
            Ok(unsafe { block.add(layout.align()) })
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: shifted by as much in `allocate`.
            let block = unsafe { block.sub(layout.align()) };
            // SAFETY: of the ledger, with this layout.
            unsafe { self.0.deallocate(block, Self::inner(layout)) };
        }
    }
    impl Least {
        fn inner(layout: Layout) -> Layout {
            Layout::from_size_align(layout.size() + 2 * layout.align(), 2 * layout.align()).unwrap()
        }
    }
    for request in [1024, 4096] {
        let pool = with(Least(Ledger::new()), |config| SpanPoolConfig {
            block: 1024,
            backing_request: Some(request),
            ..config
        });
        for size in [1, 1024, 3000, 5000, 100_000] {
            for align in [1, 8, 1024, 2048, 1 << 14] {
                let layout = Layout::from_size_align(size, align).unwrap();
                let span = pool.allocate(layout).unwrap();
                assert!(span.addr().get().is_multiple_of(align.max(1024)), "{layout:?}");
            }
        }
        assert_eq!(pool.core.check(), Ok(()));
    }
}

/// Z7: the parent was asked to resize with another alignment than allocated.
#[test]
fn the_parent_is_never_asked_to_resize() {
    struct Rigid(Ledger);
    // SAFETY: the ledger's blocks, unchanged.
    unsafe impl Allocate for Rigid {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            self.0.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.0.deallocate(block, layout) };
        }

        unsafe fn resize(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<(), AllocError> {
            panic!("asked to resize")
        }
    }
    let pool = pool(Rigid(Ledger::new()));
    let span = pool.allocate(blocks(16)).unwrap();
    assert_eq!(resize(&pool, span, blocks(16), blocks(17)), Err(AllocError));
    assert_eq!(resize(&pool, span, blocks(16), blocks(15)), Ok(()));
    assert_eq!(resize(&pool, span, blocks(15), blocks(16)), Ok(()));
}

/// Z8: a shrunk tail was not wiped. The pool wipes nothing and writes nothing,
/// so a part above it can: all that ends is still as its holder left it.
#[test]
fn the_pool_writes_into_no_block() {
    let pool = pool(Ledger::new());
    let spans = [16, 40].map(|len| {
        let span = pool.allocate(blocks(len)).unwrap();
        // SAFETY: all of the span.
        unsafe { span.write_bytes(0x5A, len * 64) };
        (span, len)
    });
    for (span, len) in spans {
        assert_eq!(resize(&pool, span, blocks(len), blocks(3)), Ok(()));
        free(&pool, span, blocks(3));
        pool.allocate(blocks(2)).unwrap();
        assert!((0..len * 64).all(|at| peek(span, at) == 0x5A));
    }
}

/// Z8: what is freed, cut off or given back is wiped by parts above and below.
#[test]
fn wiped_from_both_sides_nothing_is_left_in_memory() {
    let wiped =
        |span: NonNull<u8>, mut bytes: ::core::ops::Range<usize>, with: u8| bytes.all(|at| peek(span, at) == with);
    for released in [true, false] {
        let mut memory = [MaybeUninit::new(0); 1 << 13];
        let parent = Bump::new_all(Buffer::new(&mut memory));
        let mut pool = pool(Scrubbed::with_pattern(&parent, 0xBB));
        let (freed, kept) = {
            let above = Scrubbed::with_pattern(&pool, 0xAA);
            let [freed, kept] = [(); 2].map(|()| above.allocate(blocks(4)).unwrap());
            for span in [freed, kept] {
                // SAFETY: all of the span.
                unsafe { span.write_bytes(0x5A, 256) };
            }
            // SAFETY: live, with this layout.
            assert_eq!(unsafe { above.resize(freed, blocks(4), blocks(2)) }, Ok(()));
            assert!(wiped(freed, 128..256, 0xAA), "the tail");
            // SAFETY: live, with this layout.
            unsafe { above.deallocate(freed, blocks(2)) };
            assert!(wiped(freed, 0..256, 0xAA), "the rest");
            (freed, kept)
        };
        assert!(wiped(kept, 0..256, 0x5A), "live");
        if released {
            pool.release_all();
        } else {
            drop(pool);
        }
        assert!(wiped(kept, 0..256, 0xBB) && wiped(freed, 0..256, 0xBB), "the chunk");
    }
}

/// Z9: debugging aids leaked a page for every call.
#[test]
fn pairs_of_calls_leak_nothing() {
    let pool = kib_blocks(Retain::never_release());
    let first = pool.allocate(bytes(1)).unwrap();
    free(&pool, first, bytes(1));
    let held = (pool.parent().blocks(), bytes_lent(pool.parent()), pool.parent().requests());
    for _ in 0..200 {
        let span = pool.allocate(bytes(1)).unwrap();
        free(&pool, span, bytes(1));
    }
    assert_eq!((pool.parent().blocks(), bytes_lent(pool.parent()), pool.parent().requests()), held);
}

// Z10, cost that grows with the live spans: see `scale`.

/// Z11: growing the list of spans could release the span that was being split.
#[test]
fn taking_memory_never_gives_memory_back() {
    let pool = kib_blocks(Retain::bytes(0..=0).aggressively());
    let mut spans = Vec::new();
    for len in (1..60).chain([200, 1000]) {
        let before = pool.stats();
        spans.push((pool.allocate(bytes(len * 1024)).unwrap(), bytes(len * 1024)));
        let after = pool.stats();
        assert!(before.blocks_total <= after.blocks_total && before.chunks <= after.chunks);
        assert_eq!(pool.check(), Ok(()));
    }
    spans.drain(..).for_each(|(span, layout)| free(&pool, span, layout));
    assert_eq!(pool.stats(), SpanPoolStats::default());
}

/// Z12: the books could be freed by the user.
#[test]
fn the_books_are_no_span() {
    let pool = pool(Ledger::new());
    let spans = [1, 5, 20].map(|len| pool.allocate(blocks(len)).unwrap());
    let mut owned = 0;
    for block in addresses_lent(pool.parent()) {
        let found = [1, 5, 20].into_iter().any(|len| pool.owns(block, blocks(len)));
        assert_eq!(found, spans.iter().any(|span| span.addr() == block.addr()));
        owned += usize::from(found);
    }
    assert_eq!(owned, 3);
}

/// The addresses that `ledger` has lent, by eight bytes.
fn addresses_lent(ledger: &Ledger) -> impl Iterator<Item = NonNull<u8>> {
    let addresses = |(start, layout): (NonNull<u8>, Layout)| {
        let start = start.addr().get();
        (start..start + layout.size()).step_by(8)
    };
    let at = |address| NonNull::new(::core::ptr::without_provenance_mut(address)).unwrap();
    ledger.lent().into_iter().flat_map(addresses).map(at)
}

/// Z12: checked, every address that is no span's is named when it is freed, and
/// nothing happens.
#[test]
fn books_that_are_freed_stay_and_are_named() {
    let (ledger, tally) = (Ledger::new(), Tally::new());
    let pool = Checked::beside(pool(&ledger), &tally, System);
    let spans = [1, 5, 20].map(|len| (pool.allocate(blocks(len)).unwrap(), blocks(len)));
    let before = pool.parent().stats();
    let mut wrong = 0;
    for block in addresses_lent(&ledger).filter(|&block| spans.iter().all(|&(span, _)| span.addr() != block.addr())) {
        // SAFETY: wrong, and checked.
        unsafe { pool.deallocate(block, blocks(1)) };
        wrong += 1;
    }
    assert_eq!(tally.misuses(MisuseKind::Foreign) + tally.misuses(MisuseKind::Interior), wrong);
    assert!(tally.misuses(MisuseKind::Foreign) > 0);
    assert_eq!((pool.parent().stats(), pool.parent().core.check()), (before, Ok(())));
    for (span, layout) in spans {
        // SAFETY: live, with this layout.
        unsafe { pool.deallocate(span, layout) };
    }
}

/// Z12: unchecked, a debug build ends at it.
#[cfg(all(debug_assertions, not(miri)))]
#[test]
fn freeing_books_ends_a_debug_build() {
    let name = "strategy::span_pool::tests::seeds::freeing_books_ends_a_debug_build";
    let words = last_words(name, || {
        let pool = pool(Ledger::new());
        let span = pool.allocate(blocks(1)).unwrap();
        let chunk = |&(start, layout): &(NonNull<u8>, Layout)| {
            (start.addr().get()..start.addr().get() + layout.size()).contains(&span.addr().get())
        };
        let (books, _) = pool.parent().lent().into_iter().find(|lent| !chunk(lent)).unwrap();
        free(&pool, books, blocks(1));
    });
    assert!(words.contains("block is not a live span of this pool"), "{words}");
}

/// Z13: a shrink that could not record its tail lost it.
#[test]
fn a_shrink_and_a_free_need_no_memory() {
    for retain in [Retain::never_release(), Retain::bytes(0..=0), Retain::bytes(0..=0).aggressively()] {
        let pool = with(Ledger::new(), |config| SpanPoolConfig { retain, ..config });
        let spans = [16, 100, 1, 15].map(|len| (pool.allocate(blocks(len)).unwrap(), len));
        pool.parent().fail_after(0);
        for (span, len) in spans {
            let half = len.div_ceil(2);
            assert_eq!(resize(&pool, span, blocks(len), blocks(half)), Ok(()));
            assert_eq!(pool.check(), Ok(()));
            free(&pool, span, blocks(half));
            assert_eq!(pool.check(), Ok(()));
        }
        assert_eq!(pool.stats().blocks_free, pool.stats().blocks_total);
    }
}

/// Z14: a split that failed left a span longer than it said.
#[test]
fn a_split_cannot_fail() {
    let pool = pool(Ledger::new());
    let first = pool.allocate(blocks(1)).unwrap();
    pool.parent().fail_after(0);
    let rest: Vec<_> = (0..15).map(|_| pool.allocate(blocks(1)).unwrap()).collect();
    assert_eq!(pool.allocate(blocks(1)), Err(AllocError));
    assert_eq!((numbers(&pool), pool.check()), ((1, 16, 16, 0), Ok(())));
    for span in rest.into_iter().chain([first]) {
        assert!(pool.owns(span, blocks(1)));
        free(&pool, span, blocks(1));
    }
    assert_eq!((numbers(&pool), pool.check()), ((1, 0, 16, 16), Ok(())));
}

/// Z15: sizes overflowed and limits were compared after they had wrapped.
#[test]
fn three_hundred_blocks_do_not_fit_an_index_of_eight_bits() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { backing_request: Some(64), capacity: 255, ..config });
    assert_eq!(pool.allocate(blocks(300)), Err(AllocError));
    assert_eq!(pool.allocate(bytes(isize::MAX as usize - 7)), Err(AllocError));
    assert_eq!((pool.stats(), pool.parent().requests()), (SpanPoolStats::default(), 0));
    let span = pool.allocate(blocks(200)).unwrap();
    assert_eq!(pool.allocate(blocks(100)), Err(AllocError));
    assert_eq!(resize(&pool, span, blocks(200), bytes(isize::MAX as usize - 7)), Err(AllocError));
    assert!(pool.allocate(blocks(40)).is_ok());
    assert_eq!(pool.check(), Ok(()));
}

/// Z16: releasing everything leaked what a shrink had cut off.
#[test]
fn everything_is_released_after_a_shrink() {
    let mut pool = kib_blocks(Retain::never_release());
    let span = pool.allocate(bytes(4096)).unwrap();
    assert_eq!(resize(&pool, span, bytes(4096), bytes(1024)), Ok(()));
    pool.release_all();
    assert_eq!((pool.parent().blocks(), pool.stats()), (0, SpanPoolStats::default()));
    let again = pool.allocate(bytes(4096)).unwrap();
    free(&pool, again, bytes(4096));
    assert_eq!(pool.check(), Ok(()));
}

/// From the history: a free span could not be split into two free ones.
#[test]
fn a_free_run_is_split_into_two_free_ones() {
    let pool = pool(Ledger::new());
    let first = pool.allocate(blocks(1)).unwrap();
    // Out of the middle: free blocks stay on both sides.
    let middle = pool.allocate(aligned(1, 512)).unwrap();
    assert_eq!((numbers(&pool), pool.check()), ((1, 2, 16, 14), Ok(())));
    let sides = [(); 2].map(|()| pool.allocate(blocks(7)).unwrap());
    // SAFETY: inside of the chunk.
    assert!(sides.contains(&unsafe { first.add(64) }));
    // SAFETY: inside of the chunk.
    assert!(sides.contains(&unsafe { middle.add(64) }));
    assert_eq!((numbers(&pool), pool.check()), ((1, 4, 16, 0), Ok(())));
}

/// From the history: releasing failed when there was no memory.
#[test]
fn releasing_nothing_is_nothing() {
    let mut pool = pool(Ledger::new());
    pool.release_all();
    assert_eq!((pool.trim(), pool.trim_to(Threshold::percent(0..=0))), (0, Ok(0)));
    pool.reset();
    assert_eq!((pool.stats(), pool.parent().requests(), pool.check()), (SpanPoolStats::default(), 0, Ok(())));
}
