//! `Block` and `HeadedBlock` over every kind of parent, and the limits of what
//! the platforms offer underneath.

use core::{alloc::Layout, cell::Cell, mem::MaybeUninit};
use std::sync::MutexGuard;

use blockwork::{
    Allocate, Arena, Block, BlockError, Buffer, Bump, Check, Counted, FromGlobal, HeadedBlock, Memo, Quota, Registered,
    System, send_sync,
    strategy::block::{base_of, header_of},
    testing::{Bound, Failing, Local, Misaligned, Shared, Strict, Tied, When},
};
#[cfg(not(blockwork_no_os))]
use blockwork::{Pages, SpanPool, SpanPoolConfig};

/// Takes blocks of several sizes at once, finds headers from everywhere, and
/// gives all back.
fn serves<A: Allocate>(parent: &A) {
    let sizes = [1, 8, 64, 4096, 32 << 10];
    let mut blocks: Vec<_> = sizes.iter().map(|&size| Block::new_in(size, parent).unwrap()).collect();
    for block in blocks.iter_mut().filter(|block| block.size() >= 8) {
        let (base, size) = (block.as_mut_ptr(), block.size());
        assert!(base.addr().is_multiple_of(size));
        // SAFETY: ours; as long and aligned as a `usize`, or more.
        unsafe { header_of::<usize>(base, size).write(size) };
        for offset in [0, 1, size / 2, size.wrapping_sub(1)] {
            let interior = base.wrapping_add(offset);
            assert_eq!(base_of(interior, size), base);
            // SAFETY: written above.
            assert_eq!(unsafe { header_of::<usize>(interior, size).read() }, size);
        }
    }
    // In another order than they came.
    blocks.swap(0, 3);
}

#[test]
fn any_parent_gives_blocks() {
    serves(&System);
    serves(&FromGlobal::new(Registered));
    serves(&Misaligned::new(System));
    serves(&Arena::with_defaults(System));
    serves(&Bump::new(System, 1 << 17));
    serves(&Memo::new(System, usize::MAX));
    serves(&Quota::new(System, 1 << 16));
    serves(&Strict::new());
    let parent = Counted::new(System);
    let dynamic: &dyn Allocate = &parent;
    serves(&dynamic);
    assert_eq!(parent.counts().blocks_live, 0);
}

#[cfg(not(blockwork_no_os))]
#[test]
fn pages_give_blocks() {
    serves(&Pages);
    serves(&Memo::new(Pages, usize::MAX));
    serves(&SpanPool::try_new(Pages, SpanPoolConfig::DEFAULT).unwrap());
}

/// The same block again and again is one request of a slow parent.
#[cfg(not(blockwork_no_os))]
#[test]
fn a_retained_block_is_mapped_once() {
    let pages = Counted::new(Pages);
    let memo = Memo::new(&pages, 1 << 20);
    let first = Block::new_in(32 << 10, &memo).unwrap().base();
    for _ in 0..100 {
        assert_eq!(Block::new_in(32 << 10, &memo).unwrap().base(), first);
    }
    assert_eq!(pages.counts().requests, 1);
}

#[test]
fn a_failing_parent_is_out_of_memory_and_stays_as_it_was() {
    let parent = Failing::new(System, When::Once(0));
    assert_eq!(Block::new_in(64, &parent).unwrap_err(), BlockError::OutOfMemory);
    assert!(HeadedBlock::<u64, 64, _>::new_in(7, &parent).is_ok());
    parent.set(When::Once(0));
    assert!(HeadedBlock::<u64, 64, _>::new_in(7, &parent).is_err());
    // A bad request is none.
    assert_eq!(Block::new_in(65, &parent).unwrap_err(), BlockError::BadRequest);
    assert_eq!(parent.requests(), 1);
    assert_eq!(parent.check(), Ok(()));
}

/// Seed 002, without alignment: a vector's memory, lent out and freed by its
/// true capacity, whatever was asked for.
#[test]
fn a_boxed_slice_serves_where_alignment_does_not_matter() {
    let mut memory: Box<[MaybeUninit<u8>]> = Box::new_uninit_slice(1000);
    let bump = Bump::new_all(Buffer::new(&mut memory));
    let start = bump.allocate(Layout::for_value("immutable")).unwrap();
    let next = bump.allocate(Layout::for_value("objects")).unwrap();
    assert_eq!(next.addr().get() - start.addr().get(), 9);
}

/// What `posix_memalign` cannot do, and what is made of it: the seed passed its
/// numbers in another order, which nobody noticed as they are equal.
#[cfg(unix)]
#[test]
fn the_limits_of_posix_memalign_are_none_of_a_block() {
    use core::{ffi::c_int, ptr};

    unsafe extern "C" {
        fn posix_memalign(memory: *mut *mut u8, align: usize, size: usize) -> c_int;
        fn free(memory: *mut u8);
    }
    let raw = |align, size| {
        let mut memory = ptr::null_mut();
        // SAFETY: the result has a place.
        let error = unsafe { posix_memalign(&raw mut memory, align, size) };
        if error == 0 {
            // SAFETY: just taken.
            unsafe { free(memory) };
        }
        error
    };
    const INVALID: c_int = 22;
    const NO_MEMORY: c_int = 12;
    assert_eq!(raw(8, 8), 0);

    // An alignment that is no multiple of a pointer's.
    for size in [1, 2, 4] {
        assert_eq!(raw(size, size), INVALID);
        assert_eq!(Block::new(size).unwrap().size(), size);
    }
    // One that is no power of two.
    for size in [3, 24, 999] {
        assert_eq!(raw(size, size), INVALID);
        assert_eq!(Block::new(size).unwrap_err(), BlockError::BadRequest);
    }
    // Nothing: what comes back is not said. Here no block has no bytes, but a
    // request may, which takes no memory.
    assert_eq!(raw(8, 0), 0);
    assert_eq!(Block::new(0).unwrap_err(), BlockError::BadRequest);
    let nothing = Layout::from_size_align(0, 4096).unwrap();
    assert_eq!(System.allocate(nothing).map(|block| block.addr().get()), Ok(4096));
    // More than there can be, and more than there is.
    let (most, much) = (1 << (usize::BITS - 1), 1 << (usize::BITS - 2));
    assert_ne!(raw(most, most), 0);
    assert_eq!(Block::new(most).unwrap_err(), BlockError::BadRequest);
    assert_eq!(raw(much, much), NO_MEMORY);
    assert_eq!(Block::new(much).unwrap_err(), BlockError::OutOfMemory);
    #[cfg(not(blockwork_no_os))]
    assert_eq!(Block::new_in(much, Pages).unwrap_err(), BlockError::OutOfMemory);
}

send_sync! {
    Block<Shared>: Send, Sync;
    Block<Local>: Send, !Sync;
    Block<Bound>: !Send, Sync;
    Block<Tied>: !Send, !Sync;

    HeadedBlock<u8, 64, Shared>: Send, Sync;
    HeadedBlock<u8, 64, Local>: Send, !Sync;
    HeadedBlock<u8, 64, Bound>: !Send, Sync;
    HeadedBlock<u8, 64, Tied>: !Send, !Sync;
    HeadedBlock<Cell<u8>, 64, Shared>: Send, !Sync;
    HeadedBlock<MutexGuard<'static, u8>, 64, Shared>: !Send, Sync;

    FromGlobal<Registered>: Send, Sync;
}
