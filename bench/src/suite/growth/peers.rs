//! Candidates that only the pictures have.

use core::alloc::{GlobalAlloc, Layout};

use blockwork::{
    AllocError, Allocate, Beside, BlockOf, BlockPool, BlockPoolConfig, Buffer, Checked, ChunkSize, ConcurrentBlockPool,
    ConcurrentBlockPoolConfig, Counted, Fallback, Heap, Ignore, LastResort, Locked, Malloc, Memo, Quota, Sampled,
    Scrubbed, SpinLock, System, ThreadCached,
};

use crate::peers::{
    blockwork::{Blocks64, Make, MakeRanges, RangesOf},
    global::Named,
};

/// Our malloc, as a program's global allocator would reach it.
pub(crate) struct Ours;

// SAFETY: the contract of `Allocate` is at least as strict.
unsafe impl GlobalAlloc for Ours {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Malloc.allocate(layout) {
            Ok(block) => block.as_ptr(),
            Err(AllocError) => core::ptr::null_mut(),
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = core::ptr::NonNull::new(block) else { return };
        // SAFETY: the caller's promise.
        unsafe { Malloc.deallocate(block, layout) };
    }
}

impl Named for Ours {
    const GLOBAL: Self = Self;
}

/// Blocks of 64 bytes for all threads, without a lock.
pub(crate) type ConcurrentBlocks = Blocks64<ConcurrentBlockPool<System, BlockOf<64, 8>>>;

impl Make for ConcurrentBlockPool<System, BlockOf<64, 8>> {
    fn make() -> Self {
        let config = ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: 1 << 16 };
        Self::try_new(System, config).expect("a good configuration")
    }
}

/// Blocks of all sizes.
pub(crate) type HeapBlocks = Blocks64<Heap<System>>;

impl Make for Heap<System> {
    fn make() -> Self {
        Self::new(System)
    }
}

impl MakeRanges for Heap<System> {
    fn make(_grain: usize) -> Self {
        Self::new(System)
    }
}

/// Ranges of a heap.
pub(crate) type HeapRanges = RangesOf<Heap<System>>;

impl MakeRanges for Memo<System> {
    fn make(_grain: usize) -> Self {
        Self::new(System, usize::MAX)
    }
}

/// What the combinators stand around.
type Inner = BlockPool<System, BlockOf<64, 8>>;

fn inner() -> Inner {
    let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(1024) };
    BlockPool::try_new(System, config).expect("a good configuration")
}

/// Writes down how a combinator is put around the pool.
macro_rules! around {
    ($($type:ty => $made:expr;)+) => {
        $(impl Make for $type {
            fn make() -> Self {
                $made
            }
        })+
    };
}

around! {
    Counted<Inner> => Self::new(inner());
    Quota<Inner, usize> => Self::new(inner(), usize::MAX);
    Scrubbed<Inner> => Self::new(inner());
    Sampled<Inner, usize, ()> => Self::new(inner(), 512 << 10, ());
    Checked<Inner, Ignore, Beside<System>> => Self::beside(inner(), Ignore, System);
    Locked<Inner, SpinLock> => Self::with_lock(inner(), SpinLock::new());
    Fallback<Buffered, Inner> => Self::new(buffered(), inner());
    LastResort<Inner, Buffered> => Self::new(inner(), buffered());
    ThreadCached<Locked<Inner, SpinLock>, BlockOf<64, 8>> => {
        Self::new(Locked::with_lock(inner(), SpinLock::new()), BlockOf, 64 << 10)
    };
}

/// A pool that does not grow: some 1,000 blocks.
pub(crate) type Buffered = BlockPool<Buffer<'static>, BlockOf<64, 8>>;

fn buffered() -> Buffered {
    // For the whole run, which has a process of its own.
    let bytes = vec![core::mem::MaybeUninit::<u8>::uninit(); 1 << 16].leak();
    // SAFETY: pools of blocks do not read what they lend.
    let bytes = unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) };
    Buffered::new_all(Buffer::new(bytes), BlockOf)
}

/// The pool alone, and what is put around it.
pub(crate) type Around<A> = Blocks64<A>;
pub(crate) type Alone = Inner;
