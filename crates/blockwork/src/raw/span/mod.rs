//! Runs of blocks in chunks: their books, and the free ones sorted by length.
//!
//! ```text
//! chunk   [ b0 b1 b2 | b3 b4 | b5 | b6 b7 ]   the blocks: never read or written here
//! books   [ ChunkHead | Pair | Pair | Pair | Pair ]
//! tags      L3  .  L   F2 F2   L1   F2 F2     length at both ends of each run
//! ```

pub(crate) mod bins;
pub(crate) mod chunk;
