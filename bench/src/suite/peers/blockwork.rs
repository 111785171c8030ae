//! This library's parts.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::opaque;
use blockwork::{
    Allocate, Arena, ArenaConfig, BlockOf, BlockPool, BlockPoolConfig, Bump, ChunkSize, Const, Memo, Pages, Quad,
    Region as _, Reset as _, SizeClasses, Slab, SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, System,
};

use super::exhausted;
use crate::kinds::{
    bump::{Layouts, Values},
    collections::Region,
    fixed::Fixed,
    ranges::Ranges,
    typed::Typed,
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

impl Make for BlockPool<System, BlockOf<64, 8>> {
    fn make() -> Self {
        let config = BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(1024) };
        Self::try_new(System, config).expect("a good configuration")
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

/// One span.
pub(crate) struct OneSpan(Bump<System>);

impl Values for OneSpan {
    fn new(bytes: usize) -> Self {
        Self(Bump::new(System, bytes))
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        let Ok(block) = self.0.allocate(Layout::new::<u64>()) else { exhausted() };
        let block = block.cast();
        // SAFETY: allocated for a word.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Layouts for OneSpan {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        let Ok(block) = self.0.allocate(layout) else { exhausted() };
        block
    }
}

/// A chain of spans.
pub(crate) struct Spans(pub(crate) Arena<System>);

impl Values for Spans {
    fn new(bytes: usize) -> Self {
        // The footer of a span is the arena's.
        let bytes = bytes + 64;
        let config = ArenaConfig { span_first: bytes, span_max: bytes, keep: bytes };
        Self(Arena::try_new(System, config).expect("a good configuration"))
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        NonNull::from(self.0.alloc(word))
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Layouts for Spans {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        let Ok(block) = self.0.allocate(layout) else { exhausted() };
        block
    }
}

impl Region for Spans {
    type Allocator<'a> = &'a Arena<System>;

    fn new(bytes: usize) -> Self {
        <Self as Values>::new(bytes)
    }

    fn allocator(&self) -> &Arena<System> {
        &self.0
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Ranges straight from an allocator.
pub(crate) struct RangesOf<A>(A);

/// Makes an allocator of ranges.
pub(crate) trait MakeRanges {
    fn make(grain: usize) -> Self;
}

impl MakeRanges for Pages {
    fn make(_grain: usize) -> Self {
        Self
    }
}

impl MakeRanges for Memo<Pages> {
    fn make(_grain: usize) -> Self {
        Self::new(Pages, usize::MAX)
    }
}

impl<A: Allocate + MakeRanges> MakeRanges for SpanPool<A> {
    fn make(grain: usize) -> Self {
        let request = (grain * 16).max(1 << 20);
        let config = SpanPoolConfig { block: grain, backing_request: Some(request), ..SpanPoolConfig::DEFAULT };
        Self::try_new(A::make(grain), config).expect("a good configuration")
    }
}

impl MakeRanges for System {
    fn make(_grain: usize) -> Self {
        Self
    }
}

impl<A: Allocate + MakeRanges> Ranges for RangesOf<A> {
    fn new(grain: usize) -> Self {
        Self(A::make(grain))
    }

    #[inline(always)]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        let Ok(range) = self.0.allocate(layout) else { exhausted() };
        range
    }

    #[inline(always)]
    unsafe fn give(&mut self, range: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.deallocate(range, layout) };
    }
}
