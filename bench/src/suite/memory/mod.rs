//! Memory that is taken for blocks, beyond the blocks themselves.
//!
//! Two numbers, each above what there was before the first block. *Taken* is what
//! a pool has of its parent, counted by that parent to the byte: [`counting`].
//! *Resident* is what the process has of the machine, in whole pages, after all bytes
//! of all blocks are written. General allocators have no parent, and so only the
//! second.

pub(crate) mod counting;
mod holders;
mod jobs;
mod measure;

pub(crate) use self::{
    jobs::JOBS,
    measure::{child, json, measure, smoke, table},
};

/// Candidates that hold blocks for the same purpose.
pub(crate) struct Job {
    /// `memory/what`: what a filter on the command line looks at.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Bytes in a block.
    pub(crate) sizes: &'static [usize],
    pub(crate) candidates: &'static [Candidate],
}

/// One contestant.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    /// Holds so many blocks of so many bytes.
    pub(crate) hold: fn(usize, usize) -> measure::Held,
    /// Whether its parent counts.
    pub(crate) counted: bool,
}

/// Blocks that live.
pub(crate) const LIVE: &[usize] = &[100, 1_000, 10_000, 100_000, 1_000_000];

/// More than this is not written, and so not resident.
const WRITTEN_MAX: usize = 1 << 30;
