//! Which spans are asked for, and which one is gone on with.

use super::*;

#[test]
fn spans_double_up_to_the_cap() {
    let arena = arena(128, 1000);
    for _ in 0..50 {
        take(&arena, 90);
    }
    let mut sizes = lent(&arena);
    sizes.dedup();
    assert_eq!(sizes, [128, 256, 512, 1000]);
}

#[test]
fn a_block_that_needs_more_than_the_next_span_hastens_the_growth() {
    let arena = arena(128, 4096);
    take(&arena, 1);
    take(&arena, 1500);
    take(&arena, 600);
    assert_eq!(lent(&arena), [128, 2048, 4096]);
    let body = 4096 - FOOTER;
    take(&arena, body);
    assert_eq!((lent(&arena), arena.room()), ([128, 2048, 4096, 4096].to_vec(), body - 600));
}

#[test]
fn a_large_block_gets_a_span_of_its_own_and_the_rest_stays_usable() {
    let arena = arena(256, 256);
    let first = take(&arena, 1);
    let room = arena.room();
    take(&arena, 5000);
    assert_eq!((arena.room(), lent(&arena)), (room, [256, 5000 + FOOTER].to_vec()));
    assert_eq!(take(&arena, 1).addr().get(), first.addr().get() + 1);
}

#[test]
fn of_two_spans_the_one_with_more_room_is_gone_on_with() {
    let arena = arena(256, 256);
    let body = 256 - FOOTER;
    take(&arena, 100);
    take(&arena, body - 100 + 1); // The next one has 99 left, this one more.
    assert_eq!(arena.room(), body - 100);
    take(&arena, body - 100 - 20);
    take(&arena, 21); // And this one has 20 left, the next one more.
    assert_eq!(arena.room(), body - 21);
}

/// Zig's arena takes half as much again as it has: `TigerBeetle` could not fit a
/// cache of 86 GiB into 128 GiB (#3750); bumpalo #314 is of the kind.
#[test]
fn a_large_block_takes_what_it_needs_and_no_more() {
    let arena = arena(128, 4096);
    for size in [100_000, 1 << 20, 12_344] {
        let before = arena.bytes_held();
        take(&arena, size);
        assert!(arena.bytes_held() - before <= size + FOOTER + 8);
    }
    let small = arena.bytes_held();
    take(&arena, 1);
    assert_eq!(arena.bytes_held() - small, 128, "nor do they make the other spans larger");
}

/// Odin's arenas aligned the size instead of the address (#6878, #3866), and so
/// did Boost.JSON's (#1191).
#[test]
fn alignment_is_of_the_address() {
    let arena = Arena::with_defaults(crate::testing::Misaligned::new(Ledger::new()));
    for align in (0..14).map(|bit| 1 << bit) {
        for size in [1, 3, 8, 31, 64, 700, 4096 - FOOTER, 4096, 10_001] {
            let block = arena.allocate(layout(size, align)).unwrap();
            assert!(block.addr().get().is_multiple_of(align));
            // SAFETY: fresh, of this size; the parent has guards behind it.
            unsafe { block.write_bytes(0x5A, size) };
            assert_eq!(arena.check(), Ok(()));
        }
    }
}

/// Odin's virtual arenas reserved without the header that they committed with
/// (#5821, #6398, #6552).
#[test]
fn a_span_has_room_for_the_block_and_its_footer() {
    for span in 64..=256 {
        for align in [1, 2, 8, 16, 32, 64] {
            let arena = arena(span, span);
            for size in [1, 2, 7, 31, 32, 33, 100, 160, 224, 225, 300] {
                let block = arena.allocate(layout(size, align)).unwrap();
                // SAFETY: fresh, of this size.
                unsafe { block.write_bytes(0x5A, size) };
                assert_eq!(arena.check(), Ok(()), "{span} {size} {align}");
            }
        }
    }
}

#[test]
fn the_whole_grant_of_the_parent_is_used() {
    let arena =
        Arena::try_new(Ledger::with_grain(48), ArenaConfig { span_first: 100, ..ArenaConfig::DEFAULT }).unwrap();
    arena.allocate(layout(1, 1)).unwrap();
    assert_eq!(arena.room(), 144 - FOOTER - 1);
}

#[test]
fn a_block_above_any_page_size_aligns_its_span() {
    let arena = arena(128, 4096);
    let block = arena.allocate(layout(8, 1 << 21)).unwrap();
    assert!(block.addr().get().is_multiple_of(1 << 21));
    assert_eq!(arena.parent.layouts(), [layout(128, 1 << 21)]);
}

#[test]
fn a_parent_short_of_memory_is_asked_for_less_down_to_the_block() {
    let arena = arena(4096, 4096);
    for (asks, size) in [(4096, 4096), (2048, 2048), (1024, 1024), (130, 128), (127, 72), (72, 72)] {
        let parent = Short { most: asks };
        let arena = Arena::try_new(parent, ArenaConfig { span_first: 4096, ..ArenaConfig::DEFAULT }).unwrap();
        arena.allocate(layout(40, 8)).unwrap();
        assert_eq!(arena.bytes_held(), size, "{asks}");
        assert_eq!(arena.check(), Ok(()));
    }
    let parent = Short { most: 71 };
    let short = Arena::try_new(parent, ArenaConfig { span_first: 4096, ..ArenaConfig::DEFAULT }).unwrap();
    assert_eq!(short.allocate(layout(40, 8)), Err(AllocError));
    assert_eq!(short.spans(), 0);
    drop(arena);
}

/// Has no block above `most` bytes.
struct Short {
    most: usize,
}

// SAFETY: as the system, or not at all.
unsafe impl Allocate for Short {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() > self.most { Err(AllocError) } else { System.allocate(layout) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.deallocate(block, layout) }
    }
}

impl Check for Short {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[test]
fn a_failing_parent_changes_nothing_and_is_asked_again() {
    for served in 0..6 {
        let arena = arena(128, 1024);
        arena.parent.fail_after(served);
        let mut taken = 0;
        for size in [90, 200, 30, 5000, 400, 60, 1000] {
            let before = (arena.spans(), arena.bytes_held(), arena.room());
            match arena.allocate(layout(size, 8)) {
                Ok(block) => {
                    // SAFETY: fresh, of this size.
                    unsafe { block.write_bytes(0x5A, size) };
                    taken += 1;
                }
                Err(AllocError) => assert_eq!((arena.spans(), arena.bytes_held(), arena.room()), before),
            }
            assert_eq!(arena.check(), Ok(()));
        }
        assert!(taken >= served);
        arena.parent.fail_after(usize::MAX);
        assert!(arena.allocate(layout(5000, 8)).is_ok());
    }
}

#[test]
fn for_want_of_memory_a_small_block_gets_a_large_ones_span() {
    let mut arena = arena(128, 128);
    take(&arena, 5000);
    arena.reset();
    take(&arena, 1);
    assert_eq!(lent(&arena), [5000 + FOOTER, 128]);
    arena.parent.fail_after(0);
    take(&arena, 90);
    take(&arena, 90);
    assert_eq!(arena.room(), 5000 - 90);
}

#[test]
fn a_large_blocks_span_is_kept_for_the_next_large_block() {
    let mut arena = arena(128, 128);
    for round in 0..3 {
        for size in [60, 5000, 60, 7000, 60, 6000] {
            take(&arena, size);
        }
        assert_eq!(arena.parent.requests(), 6, "round {round}");
        arena.reset();
        for size in [7000, 6000, 5000] {
            take(&arena, size);
        }
        assert_eq!(arena.parent.requests(), 6, "the other way round");
        arena.reset();
    }
}

/// After a reset a collection grows in the largest span.
#[test]
fn the_largest_spare_span_is_used_first() {
    let mut arena = arena(128, 4096);
    for _ in 0..60 {
        take(&arena, 90);
    }
    for _ in 0..3 {
        arena.reset();
        take(&arena, 1);
        assert_eq!(arena.room(), 4096 - FOOTER - 1);
        for _ in 0..60 {
            take(&arena, 90);
        }
    }
}

/// Sums wrapped in others, and a hang followed (bump-scope #127).
#[test]
fn impossible_sizes_fail_at_once() {
    for (span_first, span_max) in [(64, 64), (4096, 1 << 20), (64, SIZE_MAX - 15), (SIZE_MAX - 15, SIZE_MAX - 15)] {
        let arena = arena(span_first, span_max);
        arena.parent.fail_after(0);
        for align in [1, 8, 16, 4096, 1 << 30, 1 << (usize::BITS - 2)] {
            let most = SIZE_MAX - (align - 1);
            for size in [most, most - 1, most - FOOTER, most / 2].into_iter().filter(|&size| size > 0) {
                assert_eq!(arena.allocate(layout(size, align)), Err(AllocError));
            }
        }
        assert_eq!((arena.spans(), arena.check()), (0, Ok(())));
    }
}

#[test]
fn a_cap_that_no_parent_can_reach_still_serves() {
    let arena = Arena::try_new(System, ArenaConfig { span_first: SIZE_MAX - 15, span_max: SIZE_MAX - 15, keep: 0 });
    let arena = arena.unwrap();
    for _ in 0..100 {
        assert!(arena.allocate(layout(1000, 8)).is_ok());
    }
    assert!(arena.allocate(layout(8, 1 << 21)).is_ok());
    assert!(arena.bytes_held() > 0);
}

/// Spans go back the newest first, so an arena below gets all of them in place.
#[test]
fn an_arena_in_an_arena_gives_its_spans_back() {
    let outer = arena(1 << 16, 1 << 16);
    take(&outer, 8);
    let room = outer.room();
    let inner = Arena::try_new(&outer, ArenaConfig { span_first: 64, span_max: 1024, keep: 0 }).unwrap();
    inner.allocate(layout(20, 8)).unwrap();
    assert!(outer.room() < room);
    drop(inner);
    assert_eq!(outer.room() / 16, room / 16);
}
