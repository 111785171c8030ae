//! [`Check`]: a part that can walk its own books; [`Census`]: one that can count what it has out.

/// Can verify its free lists and counters against each other.
///
/// For tests and debug builds: a walk may cost time in proportion to
/// everything the part holds. Wrappers check themselves, then their parent.
pub trait Check {
    /// Walks the books once.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold, in words.
    fn check(&self) -> Result<(), &'static str>;
}

/// Can count the blocks that it has out.
///
/// ```text
/// carved = out + free + on their way back
/// ```
///
/// While nobody is in a call, these are the blocks that callers hold. One that the
/// part has lost is out for ever: no walk over the books finds it, but its holders
/// know that it is none of theirs. The conformance harness asks after every operation.
///
/// ```
/// use blockwork::{Allocate, BlockOf, BlockPool, BlockPoolConfig, Census, ChunkSize, System};
///
/// let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(10) };
/// let pool = BlockPool::try_new(System, config)?;
/// let block = pool.alloc_block()?;
/// assert_eq!(pool.blocks_out(), 1);
/// // SAFETY: allocated above, and not used again.
/// unsafe { pool.free_block(block) };
/// assert_eq!(pool.blocks_out(), 0);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub trait Census {
    /// Returns how many blocks were carved and are neither free nor on their way to
    /// be, those of no bytes not counted.
    ///
    /// It may walk everything that the part holds.
    fn blocks_out(&self) -> usize;
}
