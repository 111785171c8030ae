//! The candidates: blocks of 64 bytes that any thread allocates and frees.

use std::{alloc::Layout, cell::Cell, ptr::NonNull, sync::Mutex};

use blockwork::{
    Allocate, BlockOf, BlockPool, BlockPoolConfig, ChunkSize, Locked, Quad, SizeClasses, SlabHead, SlabPolicy,
    SpinLock, System, ThreadCached,
};

use crate::work::{Outcome, Workload, run};

const LAYOUT: Layout = Layout::new::<[u64; 8]>();

/// Something that gives and takes blocks of 64 bytes.
pub(crate) trait Heap: Sync {
    fn allocate(&self) -> *mut u8;

    /// # Safety
    ///
    /// - `block` is live and came from this heap.
    unsafe fn free(&self, block: *mut u8);
}

/// A heap by name.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Workload, usize) -> Outcome,
}

pub(crate) const CANDIDATES: &[Candidate] = &[
    Candidate { name: "jemalloc", run: |workload, pairs| run(workload, &Jemalloc, pairs) },
    Candidate { name: "mimalloc", run: |workload, pairs| run(workload, &Mimalloc, pairs) },
    Candidate { name: "system", run: |workload, pairs| run(workload, &Part(System), pairs) },
    Candidate {
        name: "ThreadCached, one size",
        run: |workload, pairs| run(workload, &Part(ThreadCached::new(pool(SpinLock::new()), Line {}, LIMIT)), pairs),
    },
    Candidate {
        name: "ThreadCached, size classes",
        run: |workload, pairs| {
            let slabs = SlabPolicy { slab_size: 65536, keep: 1 };
            let heap = SizeClasses::<Quad<2048>, SlabHead<_>, _>::try_new(System, slabs).expect("a good configuration");
            run(workload, &Part(ThreadCached::new(Locked::new(heap), Quad::<2048>, LIMIT)), pairs)
        },
    },
    Candidate { name: "private, by hand", run: |workload, pairs| run(workload, &Private, pairs) },
    Candidate { name: "Locked by SpinLock", run: |workload, pairs| run(workload, &Part(pool(SpinLock::new())), pairs) },
    Candidate {
        name: "Locked by spin",
        run: |workload, pairs| run(workload, &Part(pool(spin::lock_api::Mutex::new(()))), pairs),
    },
    Candidate {
        name: "Locked by parking_lot",
        run: |workload, pairs| run(workload, &Part(pool(parking_lot::Mutex::new(()))), pairs),
    },
    Candidate { name: "Locked by Mutex", run: |workload, pairs| run(workload, &Part(pool(Mutex::new(()))), pairs) },
];

/// Bytes in a magazine.
const LIMIT: usize = 64 << 10;

/// A block to a cache line, or two threads would write to the same one.
type Line = BlockOf<64, 64>;

fn pool<L: blockwork::Lock>(lock: L) -> Locked<BlockPool<System, Line>, L> {
    let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(1024) };
    Locked::with_lock(BlockPool::try_new(System, config).expect("a good configuration"), lock)
}

/// One of ours.
struct Part<A>(A);

impl<A: Allocate + Sync> Heap for Part<A> {
    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        match self.0.allocate(LAYOUT) {
            Ok(block) => block.as_ptr(),
            Err(_) => exhausted(),
        }
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: of this allocator, so not null.
        let block = unsafe { NonNull::new_unchecked(block) };
        // SAFETY: live, of this allocator, with this layout.
        unsafe { self.0.deallocate(block, LAYOUT) }
    }
}

struct Jemalloc;

impl Heap for Jemalloc {
    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        // SAFETY: any size will do.
        let block = unsafe { tikv_jemalloc_sys::malloc(LAYOUT.size()) };
        if block.is_null() { exhausted() } else { block.cast() }
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: live, of jemalloc, with this size.
        unsafe { tikv_jemalloc_sys::sdallocx(block.cast(), LAYOUT.size(), 0) }
    }
}

struct Mimalloc;

impl Heap for Mimalloc {
    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        // SAFETY: any size will do.
        let block = unsafe { libmimalloc_sys::mi_malloc(LAYOUT.size()) };
        if block.is_null() { exhausted() } else { block.cast() }
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: live, of mimalloc.
        unsafe { libmimalloc_sys::mi_free(block.cast()) }
    }
}

/// An array of blocks per thread, and the system's allocator when it is empty or
/// full: the least that shares nothing.
struct Private;

/// What the array of a thread holds.
const ROOM: usize = 62;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BLOCKS: [Cell<*mut u8>; ROOM] = const { [const { Cell::new(std::ptr::null_mut()) }; ROOM] };
}

impl Heap for Private {
    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        let Some(last) = COUNT.get().checked_sub(1) else { return Part(System).allocate() };
        COUNT.set(last);
        BLOCKS.with(|blocks| blocks[last].get())
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        let count = COUNT.get();
        if count == ROOM {
            // SAFETY: of the system's allocator.
            return unsafe { Part(System).free(block) };
        }
        BLOCKS.with(|blocks| blocks[count].set(block));
        COUNT.set(count + 1);
    }
}

#[cold]
fn exhausted() -> ! {
    panic!("out of memory")
}
