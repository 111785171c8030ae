//! [`BlockPoolConfig`]: what a growing pool is made of.

use core::alloc::Layout;

use super::shape::{BlockAt, BlockOf, BlockShape};
use crate::{
    alloc::{ConfigError, Valid},
    math::align::SIZE_MAX,
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
/// Where the parent grants more, the pool uses all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkSize {
    /// Room for so many blocks, and one pointer for the book-keeping.
    Blocks(usize),
    /// So many bytes, for as many blocks as fit beside one pointer.
    Bytes(usize),
}

impl<const SIZE: usize, const ALIGN: usize> BlockPoolConfig<BlockOf<SIZE, ALIGN>> {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk holds no block, or is larger than memory.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match self.chunk.layout(BlockOf::<SIZE, ALIGN>::STRIDE) {
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
        match self.chunk.layout(self.block.get()) {
            Ok(_) => Ok(Valid::vouch(self)),
            Err(error) => Err(error),
        }
    }
}

impl<S: BlockShape> BlockPoolConfig<S> {
    /// `check` for any shape; traits have no `const` methods yet.
    pub(super) fn check_any(self) -> Result<Valid<Self>, ConfigError> {
        self.chunk.layout(self.block.stride()).map(|_| Valid::vouch(self))
    }
}

impl ChunkSize {
    /// What is asked of the parent: blocks of `stride`, then the footer.
    pub(super) const fn layout(self, stride: Layout) -> Result<Layout, ConfigError> {
        const FIELD: &str = "BlockPoolConfig::chunk";
        let (blocks, bytes) = match self {
            Self::Blocks(blocks) => match blocks.checked_mul(stride.size()) {
                Some(body) => (blocks, body.saturating_add(FOOTER_SIZE)),
                None => (blocks, usize::MAX),
            },
            Self::Bytes(bytes) => (blocks_in(bytes, stride), bytes),
        };
        if blocks == 0 {
            return Err(ConfigError::new(FIELD, "must have room for a block and a pointer"));
        }
        match Layout::from_size_align(bytes, stride.align()) {
            Ok(layout) if bytes <= SIZE_MAX => Ok(layout),
            _ => Err(ConfigError::new(FIELD, "must not exceed isize::MAX bytes")),
        }
    }
}

/// How many blocks fit in a chunk of `bytes` beside the footer.
pub(super) const fn blocks_in(bytes: usize, stride: Layout) -> usize {
    match bytes.saturating_sub(FOOTER_SIZE).checked_div(stride.size()) {
        Some(blocks) => blocks,
        None => 0,
    }
}
