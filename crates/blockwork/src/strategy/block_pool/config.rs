//! [`BlockPoolConfig`]: what a growing pool is made of.

use core::alloc::Layout;

use super::{
    policy::{FreeBlocks, FreePolicy},
    shape::{BlockAt, BlockOf, BlockShape},
};
use crate::{
    alloc::{ConfigError, Valid},
    math::{align::SIZE_MAX, books::Books},
    raw::chunk::FOOTER_SIZE,
};

/// How a [`BlockPool`](super::BlockPool) that grows is built.
///
/// ```
/// use blockwork::{BlockAt, BlockOf, BlockPoolConfig, ChunkSize, Valid};
///
/// // Known at compile time: a mistake would not compile.
/// const CONFIG: Valid<BlockPoolConfig<BlockOf<48>>> =
///     match (BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(4096) }).check() {
///         Ok(config) => config,
///         Err(_) => panic!(),
///     };
///
/// // Known at run time.
/// let config = BlockPoolConfig { block: BlockAt::new(48, 16)?, chunk: ChunkSize::Blocks(0) };
/// assert_eq!(config.check().unwrap_err().field, "BlockPoolConfig::chunk");
/// # Ok::<(), blockwork::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPoolConfig<S> {
    /// The size and alignment of every block.
    pub block: S,
    /// What is asked of the parent when no block is free.
    pub chunk: ChunkSize,
}

/// How much a pool asks of its parent at a time.
///
/// Where the parent grants more, the pool uses that too: all of it, or with
/// [`PerChunk`](super::PerChunk) up to the power of two that a chunk is aligned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkSize {
    /// Room for so many blocks, one pointer for the book-keeping, and what the
    /// policy notes.
    Blocks(usize),
    /// So many bytes, for as many blocks as fit beside those.
    Bytes(usize),
}

impl<const SIZE: usize, const ALIGN: usize> BlockPoolConfig<BlockOf<SIZE, ALIGN>> {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk holds no block, or is larger than memory.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match self.chunk.layout(BlockOf::<SIZE, ALIGN>::STRIDE, 0) {
            Ok(_) => Ok(Valid::vouch(self)),
            Err(error) => Err(error),
        }
    }
}

impl BlockPoolConfig<BlockAt> {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk holds no block, or is larger than memory.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match self.chunk.layout(self.block.get(), 0) {
            Ok(_) => Ok(Valid::vouch(self)),
            Err(error) => Err(error),
        }
    }
}

impl<S: BlockShape> BlockPoolConfig<S> {
    /// `check` for any shape and policy; traits have no `const` methods yet.
    pub(super) fn check_any<F: FreePolicy>(self) -> Result<Valid<Self>, ConfigError> {
        self.chunk.layout(self.block.stride(), 0)?;
        self.chunk.layout(self.block.stride(), F::Blocks::GROUP_SIZE).map(|_| Valid::vouch(self))
    }
}

impl ChunkSize {
    /// What is asked of the parent: blocks of `stride`, then the footer, then
    /// `group_size` for each group of them. Aligned for the blocks, or where there
    /// are groups to the power of two that the blocks fit in.
    pub(super) const fn layout(self, stride: Layout, group_size: usize) -> Result<Layout, ConfigError> {
        const FIELD: &str = "BlockPoolConfig::chunk";
        let books = books(group_size);
        let (blocks, bytes) = match self {
            Self::Blocks(blocks) => (blocks, books.size_for(blocks, stride.size())),
            Self::Bytes(bytes) => match books.blocks_in(bytes, stride.size()) {
                0 if group_size != 0 => (1, books.size_for(1, stride.size())),
                blocks => (blocks, Some(bytes)),
            },
        };
        if blocks == 0 {
            return Err(ConfigError::new(FIELD, "must have room for a block and a pointer"));
        }
        let align = if group_size == 0 {
            Some(stride.align())
        } else {
            // What is less than the bytes does not wrap.
            blocks.wrapping_mul(stride.size()).checked_next_power_of_two()
        };
        if let (Some(bytes), Some(align)) = (bytes, align)
            && bytes <= SIZE_MAX
            && let Ok(layout) = Layout::from_size_align(bytes, align)
        {
            return Ok(layout);
        }
        Err(ConfigError::new(FIELD, "must not exceed isize::MAX bytes"))
    }
}

/// What is noted behind the blocks of a chunk.
pub(super) const fn books(group_size: usize) -> Books {
    Books { once: FOOTER_SIZE, group: group_size }
}
