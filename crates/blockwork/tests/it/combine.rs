//! The combinators and the foreign sources through every law, and in which of
//! them threads may meet.

use alloc::rc::Rc;
use core::alloc::Layout;
use std::sync::Mutex;

use blockwork::{
    BlockOf, BlockPool, Buffer, Bump, Chain, Counted, DefaultLock, Fallback, Foreign, FromApi2_02, FromApi2_04,
    FromGlobal, LastResort, Locked, Null, SpinLock, check_allocator, send_sync,
    source::foreign::Global,
    testing::{Bound, Failing, Local, Parent, Shared, Tied, When},
};

/// A region of `size` bytes that the harness watches.
fn region(parent: Parent<'_>, size: usize) -> Buffer<'_> {
    Buffer::new(parent.region(Layout::from_size_align(size, 1).unwrap()))
}

/// A bump allocator in a region.
fn bump(parent: Parent<'_>, size: usize) -> Bump<Buffer<'_>> {
    Bump::new_all(region(parent, size))
}

/// Blocks of 96 bytes in a region, whatever is asked: a coarse grant.
fn pool(parent: Parent<'_>, size: usize) -> BlockPool<Buffer<'_>, BlockOf<96, 32>> {
    BlockPool::new_all(region(parent, size), BlockOf)
}

check_allocator!(counted, |parent| Counted::new(parent), .retains(0));
check_allocator!(locked, |parent| Locked::new(parent), .retains(0).not_reentrant());
check_allocator!(spin_locked, |parent| Locked::with_lock(parent, SpinLock::new()), .retains(0).not_reentrant());
check_allocator!(mutex_locked, |parent| Locked::with_lock(parent, Mutex::new(())), .retains(0).not_reentrant());
check_allocator!(fallback, |parent| Fallback::new(bump(parent, 4096), parent), .region());
check_allocator!(fallback_coarse, |parent| Fallback::new(pool(parent, 2048), parent), .region());
check_allocator!(fallback_from_null, |parent| Fallback::new(Null, parent), .retains(0));
check_allocator!(fallback_to_null, |parent| Fallback::new(bump(parent, 70_000), Null), .region());
check_allocator!(last_resort, |parent| LastResort::new(parent, bump(parent, 4096)), .region());
check_allocator!(last_resort_null, |parent| LastResort::new(parent, Null), .retains(0));
check_allocator!(
    last_resort_in_use,
    |parent| LastResort::new(Failing::new(parent, When::Every(3)), bump(parent, 1 << 20)),
    .region()
);
check_allocator!(
    last_resort_of_a_chain,
    |parent| Failing::new(parent, When::Every(5)).last_resort(bump(parent, 1 << 20).or_else(Null)).counted(),
    .region()
);
check_allocator!(from_global, |parent| FromGlobal::new(Rc::new(Counted::new(parent))), .retains(0));
check_allocator!(from_api2_02, |parent| FromApi2_02::new(Counted::new(parent)), .retains(0));
check_allocator!(from_api2_04, |parent| FromApi2_04::new(Counted::new(parent)), .retains(0));
#[cfg(blockwork_std_allocator)]
check_allocator!(from_std, |parent| blockwork::FromStd::new(Counted::new(parent)), .retains(0));

check_allocator!(
    parking_lot_locked,
    |parent| Locked::with_lock(parent, parking_lot::Mutex::new(())),
    .retains(0).not_reentrant()
);

#[cfg(feature = "critical-section")]
check_allocator!(
    critical_section,
    |parent| Locked::with_lock(parent, blockwork::CriticalSection),
    .retains(0).not_reentrant()
);

send_sync! {
    Counted<Shared>: Send, !Sync;
    Counted<Local>: Send, !Sync;
    Counted<Bound>: !Send, !Sync;
    Counted<Tied>: !Send, !Sync;

    Locked<Shared>: Send, Sync;
    Locked<Local>: Send, Sync;
    Locked<Bound>: !Send, !Sync;
    Locked<Tied>: !Send, !Sync;
    Locked<Local, SpinLock>: Send, Sync;
    Locked<Local, Mutex<()>>: Send, Sync;
    Locked<Local, parking_lot::Mutex<()>>: Send, Sync;
    Locked<Bound, parking_lot::Mutex<()>>: !Send, !Sync;

    Fallback<Shared, Shared>: Send, Sync;
    Fallback<Local, Shared>: Send, !Sync;
    Fallback<Shared, Bound>: !Send, Sync;
    Fallback<Tied, Shared>: !Send, !Sync;

    LastResort<Shared, Shared>: Send, Sync;
    LastResort<Shared, Local>: Send, !Sync;
    LastResort<Bound, Shared>: !Send, Sync;
    LastResort<Shared, Tied>: !Send, !Sync;

    Foreign<Shared, Global>: Send, Sync;
    FromGlobal<&Shared>: Send, Sync;
    FromGlobal<&Local>: !Send, !Sync;
    FromGlobal<&Bound>: Send, Sync;
    FromApi2_04<Tied>: !Send, !Sync;

    SpinLock: Send, Sync;
    DefaultLock: Send, Sync;
}
