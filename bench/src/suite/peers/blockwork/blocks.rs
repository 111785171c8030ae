//! Blocks of one size, through the contract.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::opaque;
use blockwork::{
    Allocate, BlockOf, BlockPool, BlockPoolConfig, ChunkSize, Const, FreePolicy, Memo, PerChunk, Quad, SizeClasses,
    Slab, SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, System,
};

use crate::{
    kinds::{fixed::Fixed, typed::Typed},
    peers::exhausted,
};

const BLOCK: Layout = Layout::new::<[u64; 8]>();

/// Whatever gives blocks of 64 bytes, through the contract.
pub(crate) struct Blocks64<A>(A);

/// Makes an allocator as its workloads want it.
pub(crate) trait Make {
    fn make() -> Self;
}

impl<A: Allocate + Make> Fixed for Blocks64<A> {
    type Handle = NonNull<u8>;

    fn new(_blocks: usize) -> Self {
        Self(A::make())
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> NonNull<u8> {
        let Ok(block) = self.0.allocate(BLOCK) else { exhausted() };
        let block = opaque(block);
        // SAFETY: 64 bytes, aligned for a word.
        unsafe { block.cast::<u64>().write(word) };
        block
    }

    #[inline(always)]
    fn give(&mut self, block: NonNull<u8>) -> u64 {
        // SAFETY: `take` wrote a word there.
        let word = unsafe { block.cast::<u64>().read() };
        // SAFETY: allocated with this layout, and given up.
        unsafe { self.0.deallocate(block, BLOCK) };
        word
    }
}

impl<A: Allocate + Make> Typed for Blocks64<A> {
    type Key = NonNull<u8>;

    fn new(_values: usize) -> Self {
        Self(A::make())
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> NonNull<u8> {
        self.take(word)
    }

    #[inline(always)]
    fn get(&self, block: &NonNull<u8>) -> u64 {
        // SAFETY: `insert` wrote a word there, and the block is live.
        unsafe { block.cast::<u64>().read() }
    }

    #[inline(always)]
    fn remove(&mut self, block: NonNull<u8>) -> u64 {
        self.give(block)
    }
}

/// Blocks in chunks of 1,024.
pub(crate) type Blocks = Blocks64<BlockPool<System, BlockOf<64, 8>>>;

/// The same, over a parent that outlives the pool and keeps its chunks.
pub(crate) type BlocksOverMemo = Blocks64<BlockPool<&'static Memo<System>, BlockOf<64, 8>>>;

impl Make for BlockPool<&'static Memo<System>, BlockOf<64, 8>> {
    fn make() -> Self {
        thread_local! {
            static MEMO: &'static Memo<System> = Box::leak(Box::new(Memo::new(System, usize::MAX)));
        }
        let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(1024) };
        Self::try_new(MEMO.with(|&memo| memo), config).expect("a good configuration")
    }
}

/// The same in one chunk that has room for all of them, of which no more is touched than is used.
pub(crate) struct BlocksInOne(Blocks64<BlockPool<System, BlockOf<64, 8>>>);

impl Fixed for BlocksInOne {
    type Handle = NonNull<u8>;

    fn new(_blocks: usize) -> Self {
        let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(100_000) };
        Self(Blocks64(BlockPool::try_new(System, config).expect("a good configuration")))
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> NonNull<u8> {
        self.0.take(word)
    }

    #[inline(always)]
    fn give(&mut self, block: NonNull<u8>) -> u64 {
        self.0.give(block)
    }
}

/// Those of [`Blocks`], but each chunk has its own free blocks.
pub(crate) type PerChunkBlocks = Blocks64<BlockPool<System, BlockOf<64, 8>, PerChunk>>;

impl<F: FreePolicy + Default> Make for BlockPool<System, BlockOf<64, 8>, F> {
    fn make() -> Self {
        let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(1024) };
        Self::try_with_policy(System, config, F::default()).expect("a good configuration")
    }
}

/// Empty slabs that are kept: more than there ever are, because the pools beside them keep all, too.
const KEEP: usize = 10_000;

/// Slots in slabs of 64 KiB.
pub(crate) type Slots = Blocks64<Slab<System, Const<64>, Const<65536>>>;

impl Make for Slab<System, Const<64>, Const<65536>> {
    fn make() -> Self {
        let config = SlabConfig { slot_size: Const, slab_size: Const, keep: KEEP };
        Self::try_new(System, config).expect("a good configuration")
    }
}

/// Slabs for every size up to 2 KiB, over spans.
pub(crate) type Classes = Blocks64<SizeClasses<Quad<2048>, SlabHead<Const<65536>>, SpanPool<System>>>;

impl Make for SizeClasses<Quad<2048>, SlabHead<Const<65536>>, SpanPool<System>> {
    fn make() -> Self {
        const SPANS: SpanPoolConfig = SpanPoolConfig { backing_request: Some(1 << 20), ..SpanPoolConfig::DEFAULT };
        let spans = SpanPool::try_new(System, SPANS).expect("a good configuration");
        Self::try_new(spans, SlabPolicy { slab_size: Const, keep: KEEP }).expect("a good configuration")
    }
}
