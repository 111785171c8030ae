//! [`Feed`]: where readers put the events they read.

use blockwork::wire::{Event, MALLOC_ALIGN_LOG2};

use super::Found;
use crate::trace::{Checker, Damage, Ending, Renamer, Sink, Summary};

/// Takes events that name blocks as a recorder does, by address or by any number
/// that tells live blocks apart, and passes on what they mean.
#[derive(Debug)]
pub struct Feed<'a, S> {
    renamer: Renamer,
    checker: Checker<'a, S>,
}

impl<'a, S: Sink> Feed<'a, S> {
    /// Feeds `sink`.
    pub fn new(sink: &'a mut S) -> Self {
        Self { renamer: Renamer::new(), checker: Checker::new(sink) }
    }

    /// The next event.
    ///
    /// # Errors
    ///
    /// When it asks for what no allocator can give.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), Damage> {
        let Self { renamer, checker } = self;
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
        let totals = self.checker.totals();
        let summary = Summary { totals, missed_frees: self.renamer.missed(), notes: found.notes, ..Summary::default() };
        Ending { format: found.format, program: found.program, totals, summary: Some(summary), damage }
    }
}
