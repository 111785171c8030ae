//! The span pool through every law: with each way to retain, over pages and
//! other pools, and under a fallback.

#[cfg(not(blockwork_no_os))]
use blockwork::Pages;
use blockwork::{
    Allocate, Fallback, Retain, SpanPool, SpanPoolConfig, check_allocator, send_sync,
    testing::{Bound, Failing, Local, Parent, Shared, Tied, When},
};

/// A pool of `block` bytes that asks for `request`.
fn pool<A: Allocate>(parent: A, block: usize, request: usize, retain: Retain) -> SpanPool<A> {
    let config = SpanPoolConfig { block, backing_request: Some(request), retain, ..SpanPoolConfig::DEFAULT };
    SpanPool::try_new(parent, config).unwrap()
}

/// A pool that keeps all it has.
fn keeping<A: Allocate>(parent: A) -> SpanPool<A> {
    pool(parent, 256, 4096, Retain::never_release())
}

/// A pool that keeps nothing that is free.
fn giving<A: Allocate>(parent: A) -> SpanPool<A> {
    pool(parent, 256, 4096, Retain::bytes(0..=0).aggressively())
}

/// Two pools under one: 64 of 1024 of 4096 bytes.
fn three(parent: Parent<'_>) -> SpanPool<SpanPool<SpanPool<Parent<'_>>>> {
    let large = pool(parent, 4096, 65_536, Retain::percent(25..=50));
    pool(pool(large, 1024, 4096, Retain::percent(25..=50)), 64, 1024, Retain::percent(25..=50))
}

check_allocator!(by_default, |parent| SpanPool::try_new(parent, SpanPoolConfig::DEFAULT).unwrap(), .owns_spans());
check_allocator!(never, |parent| keeping(parent), .owns_spans());
check_allocator!(simple, |parent| pool(parent, 64, 1024, Retain::bytes(0..=8192)), .owns_spans());
check_allocator!(by_share, |parent| pool(parent, 64, 64, Retain::percent(25..=50)), .owns_spans());
check_allocator!(aggressive, |parent| giving(parent), .owns_spans().retains(0));
check_allocator!(
    aggressive_by_share,
    |parent| pool(parent, 4096, 1 << 16, Retain::percent(0..=20).aggressively()),
    .owns_spans().retains(0)
);
check_allocator!(blocks_of_64_kib, |parent| pool(parent, 1 << 16, 1 << 20, Retain::percent(25..=50)), .owns_spans());
check_allocator!(within_a_capacity, |parent| {
    let config = SpanPoolConfig { block: 64, capacity: 1024, ..SpanPoolConfig::DEFAULT };
    SpanPool::try_new(parent, config).unwrap()
}, .owns_spans());
#[cfg(not(blockwork_no_os))]
check_allocator!(over_pages, |_| keeping(Pages), .own_memory());
check_allocator!(over_pools, |parent| three(parent), .owns_spans());
check_allocator!(under_a_fallback, |parent| Fallback::new(
    pool(Failing::new(parent, When::Every(4)), 64, 1024, Retain::never_release()),
    parent
));

send_sync! {
    SpanPool<Shared>: Send, !Sync;
    SpanPool<Local>: Send, !Sync;
    SpanPool<Bound>: !Send, !Sync;
    SpanPool<Tied>: !Send, !Sync;
}
