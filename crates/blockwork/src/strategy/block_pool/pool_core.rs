//! [`BlockPoolCore`]: a block pool without its parent, which holds what never
//! changes beside what does.

use core::{alloc::Layout, ptr::NonNull};

use super::{
    config::BlockPoolConfig,
    policy::{FreeBlocks, FreePolicy, Lifo},
    shape::BlockShape,
    told::{Growth, State, Told},
};
use crate::alloc::{AllocError, Allocate, Core, Valid, empty};

/// A [`BlockPool`](super::BlockPool) without its parent.
#[derive(Debug)]
pub struct BlockPoolCore<S, F: FreePolicy = Lifo> {
    state: State<F>,
    pub(super) growth: Growth,
    shape: S,
}

impl<S: BlockShape, F: FreePolicy> BlockPoolCore<S, F> {
    /// An empty pool; see [`BlockPool::new`](super::BlockPool::new).
    #[must_use]
    pub const fn new(config: Valid<BlockPoolConfig<S>>) -> Self {
        let BlockPoolConfig { block, chunk } = config.get();
        Self::with_growth(block, Growth::Chunks(chunk))
    }

    pub(super) const fn with_growth(shape: S, growth: Growth) -> Self {
        Self { state: State::new(), growth, shape }
    }

    /// The state, told of growth and shape.
    pub(super) fn told(&self) -> Told<'_, S, F> {
        Told { state: &self.state, growth: self.growth, shape: self.shape }
    }

    /// Returns a block, of the shape of all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when none is free and the parent has no more.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    #[inline]
    pub unsafe fn alloc_block<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        match self.state.free.pop(self.shape) {
            Some(block) => Ok(block),
            None => self.carve_or_grow(parent),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this core.
    #[inline]
    pub unsafe fn free_block(&self, block: NonNull<u8>) {
        // SAFETY: carved here, so of this shape, and the caller gives it up.
        unsafe { self.state.free.push(block, self.shape) }
    }

    #[cold]
    #[inline(never)]
    fn carve_or_grow<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        self.told().carve_or_grow(parent)
    }

    #[inline]
    pub(super) fn stride(&self) -> Layout {
        self.shape.stride()
    }

    /// Whether a block fits `layout`.
    #[inline]
    fn serves(&self, layout: Layout) -> bool {
        let stride = self.stride();
        layout.size() <= stride.size() && layout.align() <= stride.align()
    }
}

// SAFETY: a block is either free (in the list or untouched) or live, and lies
// at a multiple of the stride in memory that the parent gave; grants are the
// stride; nothing panics.
unsafe impl<S: BlockShape, F: FreePolicy> Core for BlockPoolCore<S, F> {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if !self.serves(layout) {
            return Err(AllocError);
        }
        // SAFETY: the caller gives the usual parent.
        unsafe { self.alloc_block(parent) }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, _parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: not empty, so live and from this core, says the caller.
            unsafe { self.free_block(block) }
        }
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, _parent: &A, layout: Layout) -> usize {
        if layout.size() != 0 && self.serves(layout) { self.stride().size() } else { layout.size() }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.told().release(parent);
    }
}
