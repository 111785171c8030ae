//! [`BlockPoolHead`]: the blocks of one size, told their size at each call.

use core::{alloc::Layout, ptr::NonNull};

use super::{
    config::ChunkSize,
    policy::{FreeBlocks, Lifo},
    shape::BlockAt,
    told::{Growth, State, Told},
};
use crate::{
    alloc::{AllocError, Allocate, ConfigError, Head, HeadConfig, Valid},
    math::size_class::Initial,
};

/// What [size classes](crate::SizeClasses) made of block pools ask for.
///
/// A slot is aligned to the largest power of two that divides its size.
///
/// ```
/// use core::alloc::Layout;
/// use blockwork::{Allocate, BlockPoolHead, BlockPoolPolicy, ChunkSize, Pow2, SizeClasses, System};
///
/// let policy = BlockPoolPolicy { chunk: ChunkSize::Bytes(4096) };
/// let heap = SizeClasses::<Pow2<16, 1024>, BlockPoolHead, _>::try_new(System, policy)?;
/// let (one, two) = (heap.allocate(Layout::new::<[u8; 100]>())?, heap.allocate(Layout::new::<[u8; 128]>())?);
/// assert_eq!(two.addr().get() - one.addr().get(), 128);
///
/// let small = BlockPoolPolicy { chunk: ChunkSize::Bytes(1024) };
/// assert!(SizeClasses::<Pow2<16, 1024>, BlockPoolHead, _>::try_new(System, small).is_err());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPoolPolicy {
    /// What each class asks of the parent when it has no free block.
    pub chunk: ChunkSize,
}

impl BlockPoolPolicy {
    /// Checks every rule that does not depend on the slots.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk has no room for a slot of a word, or is
    /// larger than memory.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match self.chunk.layout(Layout::new::<usize>(), 0) {
            Ok(_) => Ok(Valid::vouch(self)),
            Err(error) => Err(error),
        }
    }
}

/// A pool of blocks whose size is told at each call.
///
/// The head of size classes made of block pools: six words, and no header
/// anywhere. A block does not say where it belongs, so its head is looked for
/// when it is freed, which is nothing where the layout is constant.
#[derive(Debug)]
pub struct BlockPoolHead {
    state: State<Lifo>,
}

impl Initial for BlockPoolHead {
    const INITIAL: Self = Self { state: State::new() };
}

impl BlockPoolHead {
    fn told(&self, policy: BlockPoolPolicy, slot: usize) -> Told<'_, BlockAt, Lifo> {
        Told { state: &self.state, growth: Growth::Chunks(policy.chunk), shape: BlockAt::of_slot(slot) }
    }

    #[cold]
    #[inline(never)]
    fn carve_or_grow<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        policy: BlockPoolPolicy,
        slot: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        self.told(policy, slot).carve_or_grow(parent)
    }
}

// SAFETY: a block is either free (in the list or untouched) or live, and lies
// at a multiple of its slot in a chunk that the parent gave and that is aligned
// for it; nothing here panics.
unsafe impl Head for BlockPoolHead {
    type Config = BlockPoolPolicy;

    const SLOT_MAX: usize = usize::MAX;

    fn validate(policy: BlockPoolPolicy, slot_max: usize) -> Result<(), ConfigError> {
        policy.chunk.layout(BlockAt::of_slot(slot_max).get(), 0).map(drop)
    }

    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        policy: BlockPoolPolicy,
        slot: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        match self.state.free.pop() {
            Some(block) => Ok(block),
            None => self.carve_or_grow(parent, policy, slot),
        }
    }

    #[inline]
    unsafe fn free<'a>(head: impl FnOnce() -> &'a Self, _policy: BlockPoolPolicy, block: NonNull<u8>) -> bool
    where
        Self: 'a,
    {
        // SAFETY: the caller gives up the block, which came from this head and has
        // at least a word.
        unsafe { FreeBlocks::push(&head().state.free, block, BlockAt::of_slot(size_of::<usize>())) }
        false
    }

    /// [`free`](Self::free) leaves nothing to do.
    unsafe fn settle<A: Allocate + ?Sized>(
        &self,
        _parent: &A,
        _policy: BlockPoolPolicy,
        _slot: usize,
        _block: NonNull<u8>,
    ) {
    }

    unsafe fn trim<A: Allocate + ?Sized>(&self, parent: &A, policy: BlockPoolPolicy, slot: usize) {
        self.told(policy, slot).trim(parent);
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A, policy: BlockPoolPolicy, slot: usize) {
        self.told(policy, slot).release(parent);
    }

    fn check<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        policy: BlockPoolPolicy,
        slot: usize,
    ) -> Result<(), &'static str> {
        self.told(policy, slot).check(parent)
    }

    fn blocks_out<A: Allocate + ?Sized>(&self, parent: &A, policy: BlockPoolPolicy, slot: usize) -> usize {
        self.told(policy, slot).blocks_live(parent)
    }
}

impl HeadConfig for BlockPoolPolicy {
    type Head = BlockPoolHead;
}
