//! `Arena` through every law, alone and over other parts.

use blockwork::{
    Allocate, Arena, ArenaBox, ArenaConfig, ArenaIntoIter, ArenaScope, ArenaString, ArenaVec, Buffer, Bump, Counted,
    Memo, Region, System, check_allocator, send_sync, suite,
    testing::{Bound, Failing, Local, Misaligned, Reentrant, Shared, Shuffled, Suite, Tied, When, pairs},
};

fn arena<A: Allocate>(parent: A, span_first: usize, span_max: usize, keep: usize) -> Arena<A> {
    Arena::try_new(parent, ArenaConfig { span_first, span_max, keep }).unwrap()
}

check_allocator!(arena_default, |parent| Arena::with_defaults(parent), .owns_spans().region());
check_allocator!(arena_of_small_spans, |parent| arena(parent, 64, 200, usize::MAX), .owns_spans().region());
check_allocator!(arena_of_odd_spans, |parent| arena(parent, 101, 3001, usize::MAX), .owns_spans().region());
check_allocator!(arena_that_keeps_some, |parent| arena(parent, 128, 1024, 2000), .owns_spans().region());
check_allocator!(arena_that_keeps_none, |parent| arena(parent, 128, 1024, 0), .owns_spans().region());
check_allocator!(
    arena_of_small_blocks,
    |parent| arena(parent, 128, 4096, usize::MAX),
    .owns_spans().region().max_size(100).max_align(64)
);
check_allocator!(
    arena_in_a_buffer,
    |parent| {
        let region = parent.region(core::alloc::Layout::new::<[u64; 1000]>());
        arena(Bump::new_all(Buffer::new(region)), 64, 4096, usize::MAX)
    },
    .region()
);
check_allocator!(arena_over_memo, |parent| arena(Memo::new(parent, usize::MAX), 64, 1024, 0), .owns_spans().region());

#[test]
fn over_every_adversary_and_each_other() {
    let parts = [
        suite!("arena", |parent| arena(parent, 128, 1024, usize::MAX), .owns_spans().region()),
        suite!("arena that keeps some", |parent| arena(parent, 64, 512, 700), .owns_spans().region()),
        suite!("bump", |parent| Bump::new(parent, 16_384), .owns_spans().region()),
    ];
    let below = [
        suite!("failing", |parent| Failing::new(parent, When::Never), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
        suite!("shuffled", |parent| Shuffled::new(parent, 3), .retains(0)),
        suite!("reentrant", |parent| Reentrant::new(parent), .retains(0)),
        suite!("counted", |parent| Counted::new(parent), .retains(0)),
    ];
    let above = [
        suite!("counted", |parent| Counted::new(parent), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
        suite!("memo", |parent| Memo::new(parent, 1000), .retains(1000)),
    ];
    for part in &parts {
        below.iter().for_each(|below: &Suite| part.over(below).run());
    }
    for part in above {
        parts.iter().for_each(|below| part.over(below).run());
    }
    pairs(&parts).for_each(|pair| pair.run());
}

/// The parent sees one request a span, whatever is in it.
#[test]
fn a_thousand_values_take_a_span_at_a_time() {
    let counted = Counted::new(System);
    let arena = arena(&counted, 4096, 4096, usize::MAX);
    for value in 0..1000_u64 {
        assert_eq!(*arena.alloc(value), value);
    }
    assert_eq!(counted.counts().blocks_live, 2);
    drop(arena);
    assert_eq!(counted.counts().blocks_live, 0);
}

/// Over std's own vector, by the edge: it grows where it is.
#[test]
fn a_vector_of_others_grows_in_place() {
    let arena = arena(System, 1 << 16, 1 << 16, usize::MAX);
    let mut vec = allocator_api2_04::vec::Vec::new_in(&arena);
    vec.push(0);
    let start = vec.as_ptr();
    vec.extend(1..10_000);
    assert_eq!((vec.as_ptr(), vec.iter().sum::<i32>()), (start, 49_995_000));
}

send_sync! {
    Arena<Shared>: Send, !Sync;
    Arena<Local>: Send, !Sync;
    Arena<Bound>: !Send, !Sync;
    Arena<Tied>: !Send, !Sync;

    ArenaScope<'static, Shared>: !Send, !Sync;
    ArenaScope<'static, Tied>: !Send, !Sync;

    ArenaBox<'static, u8>: Send, Sync;
    ArenaBox<'static, core::cell::Cell<u8>>: Send, !Sync;
    ArenaBox<'static, std::sync::MutexGuard<'static, u8>>: !Send, Sync;
    ArenaBox<'static, *mut u8>: !Send, !Sync;

    ArenaVec<u8, Shared>: Send, Sync;
    ArenaVec<u8, Local>: Send, !Sync;
    ArenaVec<u8, Bound>: !Send, Sync;
    ArenaVec<*mut u8, Shared>: !Send, !Sync;
    ArenaVec<u8, &'static Arena<Shared>>: !Send, !Sync;

    ArenaIntoIter<u8, Shared>: Send, Sync;
    ArenaIntoIter<*mut u8, Shared>: !Send, !Sync;
    ArenaIntoIter<u8, Bound>: !Send, Sync;

    ArenaString<Shared>: Send, Sync;
    ArenaString<Local>: Send, !Sync;
    ArenaString<Bound>: !Send, Sync;
}
