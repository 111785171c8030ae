//! Recordings: what they hold, how they are kept, how they are read.
//!
//! ```text
//! spool ──► Renamer ──► Writer ──► file          after recording
//!   addresses    slot numbers        │
//!     └──► Renamer ───┐              │      files of other tools: `import`
//!                     ▼              ▼
//!                  Checker ◄──── container       when reading either
//!                     │
//!                     ▼
//!                    Sink: Trace, Stats
//! ```

mod checker;
mod container;
mod damage;
mod reader;
mod renamer;
#[expect(clippy::allow_attributes, reason = "who uses what changes with the verbs")]
#[allow(dead_code, reason = "whole for all verbs that show call sites")]
pub mod sites;
mod spool;
mod tally;
#[cfg(test)]
mod tests;

use std::{fs::File, io, ops::Range, path::Path};

pub use self::{
    checker::Checker,
    container::{MAGIC, Summary, Writer, fill},
    damage::Damage,
    reader::{Ending, read, read_as},
    renamer::Renamer,
    sites::Sites,
    spool::{base_name, pack, stopped},
    tally::Tally,
};

/// One recorded call, in sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// Bytes asked for; 0 for a free. Never above `isize::MAX`.
    pub size: u64,
    /// The block: a number that no other live block has. It keeps its slot
    /// through reallocations; what was freed last is reused first.
    pub slot: u32,
    /// The thread that called, numbered from 0 in order of first call.
    pub thread: u16,
    /// What was called.
    pub kind: Kind,
    /// The logarithm of the alignment asked for: 4 for plain `malloc`, and for
    /// every reallocation; below 48.
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

/// Takes what a recording holds, in order.
pub trait Sink {
    /// A program image begins; all blocks of the former have ended, unfreed.
    fn image(&mut self, path: &[u8]);
    /// A call.
    fn op(&mut self, op: Op);
    /// A free or reallocation of what was no live block.
    fn stray(&mut self, double: bool);
    /// Something about call sites, for who wants to know: [`Said::Stack`] is
    /// about the operations that come next.
    fn said(&mut self, said: Said<'_>) {
        let _ = said;
    }
}

/// What a recording says about call sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// All allocations and reallocations from here on come from this stack;
    /// none is known in a new image.
    Stack(u32),
    /// The next node: the one that led to it, and its address.
    Node(u32, u64),
    /// Code of a file: address, length, offset, path.
    Module(u64, u64, u64, &'a [u8]),
    /// Names of places, from this one on.
    Names(usize, &'a [Vec<sites::Frame>]),
}

/// One program image. A process has several when it calls `exec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The program's file.
    pub path: String,
    /// Its part of [`Trace::ops`]. Blocks that are live at the end of an image
    /// end with it, and slots begin anew.
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
    /// Who asked.
    pub sites: Sites,
    /// Counts and peaks.
    pub tally: Tally,
    /// Why the rest could not be read; `ops` is what came before.
    pub damage: Option<Damage>,
    /// What must be known to judge the rest, of a file that another tool wrote.
    pub notes: Vec<String>,
}

impl Trace {
    /// Reads the recording at `path`. What can be read is returned even if the
    /// rest is damaged.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::load(io::BufReader::new(File::open(path)?))
    }

    /// Reads a recording.
    pub fn load(input: impl io::Read) -> io::Result<Self> {
        let mut trace = Self::default();
        let ending = read(input, &mut trace)?;
        trace.name = ending.program;
        trace.damage = ending.damage;
        trace.notes = ending.summary.map_or_else(Vec::new, |summary| summary.notes);
        Ok(trace)
    }
}

impl Sink for Trace {
    fn image(&mut self, path: &[u8]) {
        self.tally.image(path);
        self.sites.image();
        let end = self.ops.len();
        self.images.push(Image { path: String::from_utf8_lossy(path).into_owned(), ops: end..end });
    }

    fn op(&mut self, op: Op) {
        self.sites.op(self.ops.len(), op.kind);
        self.ops.push(op);
        self.slots = self.slots.max(op.slot + 1);
        self.tally.op(op);
        match self.images.last_mut() {
            Some(image) => image.ops.end = self.ops.len(),
            None => self.images.push(Image { path: String::new(), ops: 0..1 }),
        }
    }

    fn stray(&mut self, double: bool) {
        self.tally.stray(double);
    }

    fn said(&mut self, said: Said<'_>) {
        self.sites.said(said);
    }
}

/// How many calls of which kind a recording holds; written at its end, so that
/// a reader can tell that it has them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    /// Blocks that began.
    pub allocations: u64,
    /// Blocks that were freed.
    pub frees: u64,
    /// Blocks that changed their size.
    pub reallocations: u64,
    /// Frees and reallocations of what was no live block.
    pub strays: u64,
    /// Those of them that named a block which had been freed.
    pub double_frees: u64,
}

impl Totals {
    /// Calls in all, those that failed to name a block left out.
    pub fn events(&self) -> u64 {
        self.allocations + self.frees + self.reallocations
    }

    /// Counts a call that names no live block.
    pub fn count_stray(&mut self, double: bool) {
        self.strays += 1;
        self.double_frees += u64::from(double);
    }

    /// Counts a call.
    pub fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Allocate | Kind::AllocateZeroed => self.allocations += 1,
            Kind::Free => self.frees += 1,
            Kind::Reallocate => self.reallocations += 1,
        }
    }
}
