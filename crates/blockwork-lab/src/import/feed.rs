//! [`Feed`]: where readers put the events they read.

use std::{collections::HashMap, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use blockwork::wire::{Event, MALLOC_ALIGN_LOG2};

use super::Found;
use crate::{
    symbols::segments,
    trace::{Checker, Damage, Ending, Renamer, Sink, Summary},
};

/// Takes events that name blocks as a recorder does, by address or by any number
/// that tells live blocks apart, and passes on what they mean.
#[derive(Debug)]
pub struct Feed<'a, S> {
    renamer: Renamer,
    checker: Checker<'a, S>,
    /// Offset, length and address of what is loaded of each file.
    segments: HashMap<Vec<u8>, Vec<(u64, u64, u64)>>,
}

impl<'a, S: Sink> Feed<'a, S> {
    /// Feeds `sink`.
    pub fn new(sink: &'a mut S) -> Self {
        Self { renamer: Renamer::new(), checker: Checker::new(sink), segments: HashMap::new() }
    }

    /// The next event.
    ///
    /// # Errors
    ///
    /// When it asks for what no allocator can give.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), Damage> {
        let Self { renamer, checker, .. } = self;
        renamer.push(event, |event| checker.push(event))
    }

    /// The program whose blocks follow.
    ///
    /// # Errors
    ///
    /// None that matters.
    pub fn image(&mut self, path: &[u8]) -> Result<(), Damage> {
        self.push(&Event::Image { path })
    }

    /// Code of the file at `path` is in memory from `start` on, which is what
    /// stands at `address` in the file.
    ///
    /// # Errors
    ///
    /// None that matters.
    pub fn module(&mut self, path: &[u8], start: u64, address: u64, length: u64) -> Result<(), Damage> {
        let segments =
            self.segments.entry(path.to_vec()).or_insert_with(|| segments(Path::new(OsStr::from_bytes(path))));
        let segment = segments.iter().find(|(_, length, from)| address.wrapping_sub(*from) < *length);
        // Most files are in memory as they are on disk.
        let offset = segment.map_or(address, |(offset, _, from)| address.wrapping_sub(*from).wrapping_add(*offset));
        self.push(&Event::Module { start, length, offset, path })
    }

    /// The next frame, numbered from 1: a call at `address`, which the frame
    /// `parent` led to, or none.
    ///
    /// # Errors
    ///
    /// When there is no such parent.
    pub fn frame(&mut self, parent: u64, address: u64) -> Result<(), Damage> {
        self.push(&Event::Frame { parent, address })
    }

    /// What comes next comes from this frame.
    ///
    /// # Errors
    ///
    /// None that matters.
    pub fn stack(&mut self, index: u64) -> Result<(), Damage> {
        self.push(&Event::Stack { index })
    }

    /// A block of `size` bytes begins.
    ///
    /// # Errors
    ///
    /// When no block can be as large.
    pub fn allocate(&mut self, name: u64, size: u64) -> Result<(), Damage> {
        self.push(&Event::Allocate { name, size, align_log2: MALLOC_ALIGN_LOG2, zeroed: false })
    }

    /// A block ends.
    ///
    /// # Errors
    ///
    /// None: what is no block is counted.
    pub fn free(&mut self, name: u64) -> Result<(), Damage> {
        self.push(&Event::Free { name })
    }

    /// What is known after the last event.
    pub fn finish(self, found: Found, damage: Option<Damage>) -> Ending {
        let Self { renamer, mut checker, .. } = self;
        match found.places {
            Some(places) => checker.names(0, &places),
            None => checker.names(0, &renamer.stacks().symbolise()),
        }
        let totals = checker.totals();
        let summary = Summary { totals, missed_frees: renamer.missed(), notes: found.notes, ..Summary::default() };
        Ending {
            format: found.format,
            approximate: found.approximate,
            program: found.program,
            totals,
            summary: Some(summary),
            damage,
        }
    }
}
