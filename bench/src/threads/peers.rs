//! The candidates: blocks of 64 bytes that any thread allocates and frees.

use std::{
    alloc::Layout,
    cell::Cell,
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{Mutex, Once},
};

use bench::{by_hand::treiber::Treiber, cores::CacheLine};
use blockwork::{
    Allocate, BlockOf, BlockPool, BlockPoolConfig, Buffer, ChunkSize, ConcurrentBlockPool, ConcurrentBlockPoolConfig,
    Locked, Quad, SizeClasses, SlabHead, SlabPolicy, SpinLock, System, ThreadCached,
};
use heapless::pool::boxed::{Box as Pooled, BoxBlock};

use crate::{
    objects::{Array, Global, ObjectPool, Opool, Queued, Segments, Sharded},
    work::{Outcome, Workload, run},
};

const LAYOUT: Layout = Layout::new::<[u64; 8]>();

/// Something that gives and takes blocks of 64 bytes.
pub(crate) trait Heap: Sync {
    /// What a block is given back with; it may change threads.
    type Handle;

    fn allocate(&self) -> Self::Handle;

    /// Where the block lies.
    fn at(block: &Self::Handle) -> *mut u8;

    /// # Safety
    ///
    /// - `block` is live and came from this heap.
    unsafe fn free(&self, block: Self::Handle);
}

/// For heaps that know a block by its address.
macro_rules! by_address {
    () => {
        type Handle = *mut u8;

        #[inline(always)]
        fn at(block: &*mut u8) -> *mut u8 {
            *block
        }
    };
}
pub(crate) use by_address;

/// A heap by name.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Workload, usize) -> Outcome,
}

pub(crate) const CANDIDATES: &[Candidate] = &[
    Candidate { name: "jemalloc", run: |workload, pairs| run(workload, &Jemalloc, pairs) },
    Candidate { name: "mimalloc", run: |workload, pairs| run(workload, &Mimalloc, pairs) },
    Candidate { name: "snmalloc", run: |workload, pairs| run(workload, &Global(snmalloc_rs::SnMalloc), pairs) },
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
    Candidate {
        name: "tagged stack, links in blocks",
        run: |workload, pairs| {
            let mut lines = lines();
            let blocks = lines.as_mut_ptr().cast();
            // SAFETY: the same bytes, all of them zero.
            let blocks = unsafe { std::slice::from_raw_parts_mut(blocks, BLOCKS) };
            run(workload, &ByHand(Treiber::new(blocks)), pairs)
        },
    },
    Candidate {
        name: "ConcurrentBlockPool in a buffer",
        run: |workload, pairs| {
            let mut lines = lines();
            // SAFETY: the same bytes.
            let bytes = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(&*lines)) };
            run(workload, &Part(ConcurrentBlockPool::new_all(Buffer::new(bytes), Line {})), pairs)
        },
    },
    Candidate {
        name: "ConcurrentBlockPool over a parent",
        run: |workload, pairs| run(workload, &Part(growing()), pairs),
    },
    Candidate {
        name: "ConcurrentBlockPool, fourth chunk",
        run: |workload, pairs| {
            let pool = growing();
            // They go with the pool.
            let taken = (0..3 * pool.blocks_per_chunk()).all(|_| pool.alloc_block().is_ok());
            assert!(taken, "three chunks are full");
            run(workload, &Part(pool), pairs)
        },
    },
    Candidate { name: "heapless box pool", run: |workload, pairs| run(workload, &Heapless::new(), pairs) },
    Candidate { name: "ArrayQueue", run: |workload, pairs| run(workload, &Queued::<Array>::new(), pairs) },
    Candidate { name: "SegQueue", run: |workload, pairs| run(workload, &Queued::<Segments>::new(), pairs) },
    Candidate { name: "sharded-slab", run: |workload, pairs| run(workload, &Sharded::new(), pairs) },
    Candidate { name: "object-pool", run: |workload, pairs| run(workload, &ObjectPool::new(), pairs) },
    Candidate { name: "opool", run: |workload, pairs| run(workload, &Opool::new(), pairs) },
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

fn growing() -> ConcurrentBlockPool<System, Line> {
    let config = ConcurrentBlockPoolConfig { block: Line {}, chunk_size: 1 << 16 };
    ConcurrentBlockPool::try_new(System, config).expect("a good configuration")
}

/// Blocks of pools that do not grow: more than are ever on their way.
pub(crate) const BLOCKS: usize = 8192;

/// Memory for the pools that do not grow, with links beside the blocks or without.
pub(crate) fn lines() -> Vec<CacheLine> {
    vec![CacheLine([0; 64]); BLOCKS + BLOCKS / 16 + 1]
}

/// The stack that the concurrent pool is held against.
struct ByHand(Treiber);

// SAFETY: all that changes is atomic, but for blocks, which their owners write to.
unsafe impl Sync for ByHand {}

impl Heap for ByHand {
    by_address!();

    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        match self.0.pop() {
            Some(block) => block.as_ptr(),
            None => exhausted(),
        }
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: of this stack, so not null.
        let block = unsafe { NonNull::new_unchecked(block) };
        // SAFETY: popped, and given up.
        unsafe { self.0.push(block) }
    }
}

/// The pool is a static, which the macro makes public.
mod boxes {
    use std::mem::MaybeUninit;

    use bench::cores::CacheLine;

    heapless::box_pool!(Boxes: MaybeUninit<CacheLine>);
}

use boxes::Boxes;

/// A pool for the whole process, that has its blocks from the first use on.
struct Heapless;

impl Heapless {
    fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            for block in Vec::from_iter((0..BLOCKS).map(|_| BoxBlock::new())).leak() {
                Boxes.manage(block);
            }
        });
        Self
    }
}

impl Heap for Heapless {
    type Handle = Pooled<Boxes>;

    #[inline(always)]
    fn allocate(&self) -> Pooled<Boxes> {
        match Boxes.alloc(MaybeUninit::uninit()) {
            Ok(block) => block,
            Err(_) => exhausted(),
        }
    }

    #[inline(always)]
    fn at(block: &Pooled<Boxes>) -> *mut u8 {
        (&raw const **block).cast_mut().cast()
    }

    #[inline(always)]
    unsafe fn free(&self, block: Pooled<Boxes>) {
        drop(block);
    }
}

/// One of ours.
struct Part<A>(A);

impl<A: Allocate + Sync> Heap for Part<A> {
    by_address!();

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
    by_address!();

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
    by_address!();

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
    static KEPT: [Cell<*mut u8>; ROOM] = const { [const { Cell::new(std::ptr::null_mut()) }; ROOM] };
}

impl Heap for Private {
    by_address!();

    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        let Some(last) = COUNT.get().checked_sub(1) else { return Part(System).allocate() };
        COUNT.set(last);
        KEPT.with(|blocks| blocks[last].get())
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        let count = COUNT.get();
        if count == ROOM {
            // SAFETY: of the system's allocator.
            return unsafe { Part(System).free(block) };
        }
        KEPT.with(|blocks| blocks[count].set(block));
        COUNT.set(count + 1);
    }
}

#[cold]
pub(crate) fn exhausted() -> ! {
    panic!("out of memory")
}
