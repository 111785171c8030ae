//! [`BlockPool`]: blocks of one size, freed in any order.
//!
//! ```text
//! allocate ─► free list ── empty ──► untouched tail ── empty ──► another chunk
//!
//! chunk  [ live | free | live | free | untouched ………………………… | link ]
//!                  └─── free list ──┘  ^ tail                 └─► other chunks
//! ```
//!
//! | | [`Lifo`], the default | [`PerChunk`] |
//! |---|---|---|
//! | time | 7 instructions for a block taken and freed, one of them a branch, once chunks are there | 26 for a block whose size is constant; one division more where it is not |
//! | space | blocks are rounded up to the stride; one pointer per chunk, none per block | that, and three words for each 64 blocks |
//! | chunks | aligned for a block | aligned to the power of two that their blocks fit in |
//! | next | the block freed last | the first free one of 64 neighbours, until none of them is |
//! | sharing | single-threaded (`Cell`) | the same |
//! | failure | for more than a block, or when the parent has no chunk | the same |
//! | granted | the stride, for whatever fits a block | the same |
//! | offers | [`Reset`], [`trim`](BlockPool::trim); in a buffer also [`Owns`] | the same |
//!
//! A pool takes nothing from its parent before the first request. New blocks
//! come in ascending order and no page is touched before its first block is
//! handed out, but for the end of a chunk, where the pool keeps its notes: a
//! large chunk costs no more to set up than a small one.
//!
//! [`BlockPool::new`] grows by chunks. [`BlockPool::new_all`] shares out a
//! buffer, and never grows. Chunks stay until [`trim`](BlockPool::trim),
//! [`release`](BlockPool::release) or the end of the pool.
//!
//! A [policy](FreePolicy) says which free block comes next. Of 100,000 blocks of
//! 64 bytes that are freed in random order and taken again, `PerChunk` in chunks
//! of 64 KiB takes and frees each in a seventh of the time that `Lifo` needs.
//!
//! When not to use it: for blocks of several sizes (put pools behind
//! `SizeClasses`); where memory should go back by itself (`Slab`); with `Lifo`,
//! when blocks freed in random order must come back near one another; with
//! `PerChunk`, when blocks are few or freed in reverse, when chunks are of a few
//! KiB, whose notes compete for the same lines of the cache, and over a parent to
//! which large alignments are dear.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, BlockOf, BlockPool, BlockPoolConfig, ChunkSize, System};
//!
//! let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(256) };
//! let pool = BlockPool::try_new(System, config)?;
//!
//! let first = pool.allocate(Layout::new::<[u8; 50]>())?;
//! let second = pool.allocate(Layout::new::<[u8; 64]>())?;
//! assert_eq!(second.addr().get() - first.addr().get(), 64);
//! assert_eq!(pool.granted(Layout::new::<[u8; 50]>()), 64);
//! assert!(pool.allocate(Layout::new::<[u8; 65]>()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

mod config;
mod head;
mod policy;
mod pool_core;
mod shape;
#[cfg(test)]
mod tests;
mod told;
mod upkeep;

use self::told::Growth;
pub use self::{
    config::{BlockPoolConfig, ChunkSize},
    head::{BlockPoolHead, BlockPoolPolicy},
    policy::{FreePolicy, Lifo, PerChunk},
    pool_core::BlockPoolCore,
    shape::{BlockAt, BlockOf, BlockShape},
};
use crate::{
    alloc::{AllocError, Allocate, Census, Check, ConfigError, Core, Owns, Reset, Valid, over_core::over_core},
    os::track,
    source::buffer::Buffer,
};

/// Shares chunks out in blocks of one size; see the [module](self).
#[derive(Debug)]
pub struct BlockPool<A: Allocate, S: BlockShape, F: FreePolicy = Lifo> {
    core: BlockPoolCore<S, F>,
    parent: A,
}

impl<A: Allocate, S: BlockShape> BlockPool<A, S> {
    /// Will take chunks from `parent`, one whenever no block is free.
    ///
    /// Nothing is taken yet, so this fits a `static`.
    pub const fn new(parent: A, config: Valid<BlockPoolConfig<S>>) -> Self {
        Self::with_policy(parent, config, Lifo)
    }

    /// [`new`](Self::new), with a configuration that is checked on the way.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk holds no block, or is larger than memory.
    pub fn try_new(parent: A, config: BlockPoolConfig<S>) -> Result<Self, ConfigError> {
        Self::try_with_policy(parent, config, Lifo)
    }
}

impl<A: Allocate, S: BlockShape, F: FreePolicy> BlockPool<A, S, F> {
    /// [`new`](BlockPool::new), with a policy for free blocks.
    ///
    /// The rules are the same for both policies, but for chunks of more than a
    /// quarter of all addresses, whose requests fail with [`PerChunk`].
    pub const fn with_policy(parent: A, config: Valid<BlockPoolConfig<S>>, policy: F) -> Self {
        let _ = policy;
        Self { core: BlockPoolCore::new(config), parent }
    }

    /// [`try_new`](BlockPool::try_new), with a policy for free blocks.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk holds no block, or is larger than memory.
    pub fn try_with_policy(parent: A, config: BlockPoolConfig<S>, policy: F) -> Result<Self, ConfigError> {
        Ok(Self::with_policy(parent, config.check_any::<F>()?, policy))
    }

    /// Returns a block, of the shape of all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when none is free and the parent has no more.
    #[inline]
    pub fn alloc_block(&self) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: always this parent.
        let block = unsafe { self.core.alloc_block(&self.parent)? };
        if track::ON {
            track::show(block, self.core.stride().size());
        }
        Ok(block)
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this pool.
    #[inline]
    pub unsafe fn free_block(&self, block: NonNull<u8>) {
        if track::ON {
            track::hide(block, self.core.stride().size());
        }
        // SAFETY: live, and from this pool, so from its core, says the caller.
        unsafe { self.core.free_block(block) }
    }

    /// Takes chunks until `blocks` blocks can be had without the parent.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the parent has too few; those it gave went back.
    pub fn prealloc(&self, blocks: usize) -> Result<(), AllocError> {
        self.core.told().prealloc(&self.parent, blocks)
    }

    /// Gives the chunks back in which no block is live, and puts the free
    /// blocks of the others in the order of their addresses.
    ///
    /// Takes time in proportion to `n log n` for `n` free blocks, or groups of 64
    /// neighbours with [`PerChunk`], and no memory.
    ///
    /// ```
    /// # use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, System};
    /// # let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(1) };
    /// let pool = BlockPool::try_new(System, config)?;
    /// let (_kept, freed) = (pool.alloc_block()?, pool.alloc_block()?);
    /// // SAFETY: just allocated, and not used again.
    /// unsafe { pool.free_block(freed) };
    /// pool.trim();
    /// assert_eq!(pool.chunks(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&self) {
        self.core.told().trim(&self.parent);
    }

    /// Gives all chunks back, and with them ends every block; the pool is
    /// then as good as new.
    pub fn release(&mut self) {
        // SAFETY: always this parent.
        unsafe { self.core.release(&self.parent) }
    }

    /// The layout of every block: its size is how far blocks lie apart.
    #[must_use]
    pub fn block_layout(&self) -> Layout {
        self.core.stride()
    }

    /// Blocks that are live now: found by walking the free ones, so that
    /// requests need not count.
    #[must_use]
    pub fn blocks_live(&self) -> usize {
        self.core.told().blocks_live(&self.parent)
    }

    /// Blocks that can be had without the parent; walks the free ones.
    #[must_use]
    pub fn blocks_free(&self) -> usize {
        self.core.told().blocks_free(&self.parent)
    }

    /// Chunks held now; walks them.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.core.told().chunks()
    }

    /// Bytes of a block that a request for `layout` would leave unused.
    #[must_use]
    pub fn internal_waste(&self, layout: Layout) -> usize {
        self.granted(layout).saturating_sub(layout.size())
    }

    /// Bytes at the end of each chunk that belong to no block: the link to
    /// other chunks, what the policy notes, and what is too short for a block.
    ///
    /// Zero for a pool in a buffer, which has no chunks: see
    /// [`waste_head`](Self::waste_head) and [`waste_tail`](Self::waste_tail).
    #[must_use]
    pub fn chunk_waste(&self) -> usize {
        match self.core.growth {
            Growth::Chunks(size) => self
                .core
                .told()
                .plan(&self.parent, size)
                .map_or(0, |plan| self.parent.granted(plan.layout).saturating_sub(plan.body)),
            Growth::Span(_) => 0,
        }
    }
}

impl<'a, S: BlockShape> BlockPool<Buffer<'a>, S> {
    /// Shares out all of `buffer`, and never grows.
    ///
    /// The first block lies at the first address that is aligned for it. This
    /// fits a `static`, whose address is not known when it is compiled: in a
    /// buffer too short for a block every request fails.
    #[must_use]
    pub const fn new_all(buffer: Buffer<'a>, block: S) -> Self {
        Self::all_with_policy(buffer, block, Lifo)
    }

    /// [`new_all`](Self::new_all), for a buffer that must hold a block.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when it does not.
    pub fn try_new_all(buffer: Buffer<'a>, block: S) -> Result<Self, ConfigError> {
        Self::try_all_with_policy(buffer, block, Lifo)
    }
}

impl<'a, S: BlockShape, F: FreePolicy> BlockPool<Buffer<'a>, S, F> {
    /// [`new_all`](BlockPool::new_all), with a policy for free blocks.
    #[must_use]
    pub const fn all_with_policy(buffer: Buffer<'a>, block: S, policy: F) -> Self {
        let _ = policy;
        let span = match Layout::from_size_align(buffer.size(), 1) {
            Ok(span) => span,
            Err(_) => Layout::new::<()>(),
        };
        Self { core: BlockPoolCore::with_growth(block, Growth::Span(span)), parent: buffer }
    }

    /// [`try_new_all`](BlockPool::try_new_all), with a policy for free blocks.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the buffer does not hold a block.
    pub fn try_all_with_policy(buffer: Buffer<'a>, block: S, policy: F) -> Result<Self, ConfigError> {
        let pool = Self::all_with_policy(buffer, block, policy);
        if pool.blocks_max() == 0 {
            return Err(ConfigError::new("BlockPool::buffer", "must have room for a block, once aligned"));
        }
        Ok(pool)
    }

    /// Blocks that the buffer holds, live or free.
    #[must_use]
    pub fn blocks_max(&self) -> usize {
        self.core.told().blocks_in(self.fit().1)
    }

    /// Bytes at the start of the buffer that are skipped for alignment.
    #[must_use]
    pub fn waste_head(&self) -> usize {
        self.fit().0
    }

    /// Bytes at the end of the buffer that belong to no block: what the policy
    /// notes, and what is too short for a block.
    #[must_use]
    pub fn waste_tail(&self) -> usize {
        let (head, body) = self.fit();
        self.parent.size().saturating_sub(head).saturating_sub(body)
    }

    /// The bytes before the first block, and those of all blocks.
    fn fit(&self) -> (usize, usize) {
        let size = self.parent.size();
        match self.core.growth {
            Growth::Span(_) => self.core.told().fit(self.parent.start().addr().get(), size),
            // One chunk, where the buffer is aligned for it and has room.
            Growth::Chunks(chunk) => match self.core.told().plan(&self.parent, chunk) {
                Ok(plan) if self.parent.could_hold(plan.layout) => (0, plan.body),
                _ => (0, 0),
            },
        }
    }
}

over_core!([A: Allocate, S: BlockShape, F: FreePolicy] BlockPool<A, S, F>);
crate::alloc::bridge!([A: Allocate, S: BlockShape, F: FreePolicy] BlockPool<A, S, F>);

// SAFETY: the region is the buffer's alone and the buffer is ours alone, so a
// live block inside it is ours, or was carved by a borrower of ours, who asks
// `&BlockPool`, which is not `Owns`.
unsafe impl<S: BlockShape, F: FreePolicy> Owns for BlockPool<Buffer<'_>, S, F> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, _layout: Layout) -> bool {
        let offset = block.addr().get().wrapping_sub(self.parent.start().addr().get());
        offset < self.parent.size()
    }
}

impl<A: Allocate, S: BlockShape, F: FreePolicy> Reset for BlockPool<A, S, F> {
    /// Keeps the chunks, for the next blocks.
    fn reset(&mut self) {
        self.core.told().free_all(&self.parent);
    }
}

impl<A: Allocate + Check, S: BlockShape, F: FreePolicy> Check for BlockPool<A, S, F> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.told().check(&self.parent)?;
        self.parent.check()
    }
}

impl<A: Allocate, S: BlockShape, F: FreePolicy> Census for BlockPool<A, S, F> {
    fn blocks_out(&self) -> usize {
        self.blocks_live()
    }
}
