//! [`ConcurrentBlockPoolConfig`]: what a growing pool is made of.

use core::alloc::Layout;

use super::growing::{CHUNK_SIZE_MAX, blocks};
use crate::{
    alloc::{ConfigError, Valid},
    strategy::block_pool::{BlockAt, BlockOf, BlockShape},
};

/// How a [`ConcurrentBlockPool`](super::ConcurrentBlockPool) that grows is built.
///
/// ```
/// use blockwork::{BlockAt, BlockOf, ConcurrentBlockPoolConfig, Valid};
///
/// // Known at compile time: a mistake would not compile.
/// const CONFIG: Valid<ConcurrentBlockPoolConfig<BlockOf<48>>> =
///     match (ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: 4096 }).check() {
///         Ok(config) => config,
///         Err(_) => panic!(),
///     };
///
/// // Known at run time.
/// let config = ConcurrentBlockPoolConfig { block: BlockAt::new(48, 16)?, chunk_size: 5000 };
/// assert_eq!(config.check().unwrap_err().field, "ConcurrentBlockPoolConfig::chunk_size");
/// # Ok::<(), blockwork::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrentBlockPoolConfig<S> {
    /// The size and alignment of every block.
    pub block: S,
    /// Bytes that are asked of the parent when no block is free: a power of two,
    /// to which the chunk is aligned. Each block takes its stride of them, and
    /// four bytes; eight more are the chunk's own.
    pub chunk_size: usize,
}

impl<const SIZE: usize, const ALIGN: usize> ConcurrentBlockPoolConfig<BlockOf<SIZE, ALIGN>> {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk is no power of two, holds no block, or is
    /// larger than 2 GiB.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match check(self.chunk_size, BlockOf::<SIZE, ALIGN>::STRIDE) {
            Ok(()) => Ok(Valid::vouch(self)),
            Err(error) => Err(error),
        }
    }
}

impl ConcurrentBlockPoolConfig<BlockAt> {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk is no power of two, holds no block, or is
    /// larger than 2 GiB.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match check(self.chunk_size, self.block.get()) {
            Ok(()) => Ok(Valid::vouch(self)),
            Err(error) => Err(error),
        }
    }
}

impl<S: BlockShape> ConcurrentBlockPoolConfig<S> {
    /// `check` for any shape; traits have no `const` methods yet.
    pub(super) fn check_any(self) -> Result<Valid<Self>, ConfigError> {
        check(self.chunk_size, self.block.stride()).map(|()| Valid::vouch(self))
    }
}

const fn check(chunk_size: usize, stride: Layout) -> Result<(), ConfigError> {
    const FIELD: &str = "ConcurrentBlockPoolConfig::chunk_size";
    if !chunk_size.is_power_of_two() {
        return Err(ConfigError::new(FIELD, "must be a power of two"));
    }
    if chunk_size > CHUNK_SIZE_MAX {
        return Err(ConfigError::new(FIELD, "must not exceed 2 GiB"));
    }
    if chunk_size < stride.align() || blocks(chunk_size, stride) == 0 {
        return Err(ConfigError::new(FIELD, "must have room for a block and its book-keeping"));
    }
    Ok(())
}
