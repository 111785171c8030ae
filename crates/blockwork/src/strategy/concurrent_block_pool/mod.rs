//! [`ConcurrentBlockPool`]: blocks of one size, taken and freed by any thread,
//! without a lock.

use core::{alloc::Layout, ptr::NonNull};

mod config;
mod growing;
mod in_buffer;
mod places;
mod pool_core;
#[cfg(test)]
mod tests;

use self::places::Places;
pub use self::{
    config::ConcurrentBlockPoolConfig, growing::Growing, in_buffer::InBuffer, pool_core::ConcurrentBlockPoolCore,
};
use crate::{
    alloc::{AllocError, Allocate, Check, ConfigError, Owns, Reset, Valid, over_core::over_core},
    source::buffer::Buffer,
    strategy::block_pool::BlockShape,
    sync::const_unless_loom,
};

/// Shares blocks of one size out to any thread; see the [module](self).
#[derive(Debug)]
pub struct ConcurrentBlockPool<A: Allocate, S: BlockShape, P: Places = Growing> {
    core: ConcurrentBlockPoolCore<S, P>,
    parent: A,
}

// SAFETY: the core is for any thread at any time, and so is a parent that is `Sync`.
unsafe impl<A: Allocate + Sync, S: BlockShape + Sync> Sync for ConcurrentBlockPool<A, S> {}

// SAFETY: as above; nobody asks the buffer for anything that changes.
unsafe impl<S: BlockShape + Sync> Sync for ConcurrentBlockPool<Buffer<'_>, S, InBuffer> {}

impl<A: Allocate, S: BlockShape> ConcurrentBlockPool<A, S> {
    const_unless_loom! {
        /// Will take chunks from `parent`, one whenever no block is free.
        ///
        /// Nothing is taken yet, so this fits a `static`.
        pub fn new(parent: A, config: Valid<ConcurrentBlockPoolConfig<S>>) -> Self {
            Self { core: ConcurrentBlockPoolCore::new(config), parent }
        }
    }

    /// [`new`](Self::new), with a configuration that is checked on the way.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk is no power of two, holds no block, or is
    /// larger than 2 GiB.
    pub fn try_new(parent: A, config: ConcurrentBlockPoolConfig<S>) -> Result<Self, ConfigError> {
        Ok(Self::new(parent, config.check_any()?))
    }

    /// Gives the chunks back in which no block is live, and puts the free blocks
    /// of the others in the order in which they were carved.
    ///
    /// Takes time in proportion to the blocks there are, and no memory. `&mut`
    /// says that no other thread is here: one that is slow might look at a chunk
    /// that is gone.
    ///
    /// ```
    /// # use blockwork::{BlockOf, ConcurrentBlockPool, ConcurrentBlockPoolConfig, System};
    /// # let config = ConcurrentBlockPoolConfig { block: BlockOf::<2048>, chunk_size: 4096 };
    /// let mut pool = ConcurrentBlockPool::try_new(System, config)?;
    /// let (_kept, freed) = (pool.alloc_block()?, pool.alloc_block()?);
    /// // SAFETY: just allocated, and not used again.
    /// unsafe { pool.free_block(freed) };
    /// pool.trim();
    /// assert_eq!(pool.chunks(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&mut self) {
        self.core.trim(&self.parent);
    }

    /// Chunks held now; walks them.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.core.places.chunks()
    }

    /// Blocks in each chunk.
    #[must_use]
    pub fn blocks_per_chunk(&self) -> usize {
        self.core.places.fit(self.core.stride()).blocks
    }
}

impl<'a, S: BlockShape> ConcurrentBlockPool<Buffer<'a>, S, InBuffer> {
    const_unless_loom! {
        /// Shares out all of `buffer`, and never grows.
        ///
        /// Each block takes its stride and four bytes of the buffer. This fits a
        /// `static`, whose address is not known when it is compiled: in a buffer
        /// too short for a block every request fails.
        #[must_use]
        pub fn new_all(buffer: Buffer<'a>, block: S) -> Self {
            let region = NonNull::slice_from_raw_parts(buffer.start(), buffer.size());
            Self { core: ConcurrentBlockPoolCore::in_buffer(block, region), parent: buffer }
        }
    }

    /// [`new_all`](Self::new_all), for a buffer that must hold a block.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when it does not.
    pub fn try_new_all(buffer: Buffer<'a>, block: S) -> Result<Self, ConfigError> {
        let pool = Self::new_all(buffer, block);
        if pool.blocks_max() == 0 {
            return Err(ConfigError::new("ConcurrentBlockPool::buffer", "must have room for a block, once aligned"));
        }
        Ok(pool)
    }

    /// Blocks that the buffer holds, live or free.
    #[must_use]
    pub fn blocks_max(&self) -> usize {
        self.core.places.fit(self.core.stride()).blocks
    }
}

impl<A: Allocate, S: BlockShape, P: Places> ConcurrentBlockPool<A, S, P> {
    /// Returns a block, of the shape of all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when none is free and the parent has no more.
    #[inline]
    pub fn alloc_block(&self) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: always this parent.
        unsafe { self.core.alloc_block(&self.parent) }
    }

    /// Takes a block back, which any thread may have taken.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this pool.
    #[inline]
    pub unsafe fn free_block(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.core.free_block(block) }
    }

    /// Blocks that are live: found by walking the free ones, so that requests need
    /// not count. While other threads use the pool it is a guess.
    #[must_use]
    pub fn blocks_live(&self) -> usize {
        self.core.blocks_live()
    }

    /// Bytes of a block that a request for `layout` would leave unused.
    #[must_use]
    pub fn internal_waste(&self, layout: Layout) -> usize {
        self.granted(layout).saturating_sub(layout.size())
    }
}

over_core!([A: Allocate, S: BlockShape, P: Places] ConcurrentBlockPool<A, S, P>);
crate::alloc::bridge!([A: Allocate, S: BlockShape, P: Places] ConcurrentBlockPool<A, S, P>);

// SAFETY: the region is the buffer's alone and the buffer is ours alone, so a
// live block inside it is ours, or was carved by a borrower of ours, who asks
// `&ConcurrentBlockPool`, which is not `Owns`.
unsafe impl<S: BlockShape> Owns for ConcurrentBlockPool<Buffer<'_>, S, InBuffer> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, _layout: Layout) -> bool {
        let offset = block.addr().get().wrapping_sub(self.parent.start().addr().get());
        offset < self.parent.size()
    }
}

impl<A: Allocate, S: BlockShape, P: Places> Reset for ConcurrentBlockPool<A, S, P> {
    /// Keeps the chunks, for the next blocks.
    fn reset(&mut self) {
        self.core.free_all();
    }
}

impl<A: Allocate + Check, S: BlockShape, P: Places> Check for ConcurrentBlockPool<A, S, P> {
    /// Means something while no other thread uses the pool.
    fn check(&self) -> Result<(), &'static str> {
        self.core.check()?;
        self.parent.check()
    }
}
