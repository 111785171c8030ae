//! [`BlockError`]: why there is no block.

use core::{error, fmt};

use crate::alloc::AllocError;

/// Why there is no [`Block`](super::Block).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockError {
    /// The size is no power of two, or larger than anything in memory.
    BadRequest,
    /// The parent has no such block now.
    OutOfMemory,
}

impl From<AllocError> for BlockError {
    fn from(AllocError: AllocError) -> Self {
        Self::OutOfMemory
    }
}

impl From<BlockError> for AllocError {
    fn from(_: BlockError) -> Self {
        Self
    }
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "a block's size must be a power of two and not exceed isize::MAX",
            Self::OutOfMemory => "memory allocation failed",
        })
    }
}

impl error::Error for BlockError {}
