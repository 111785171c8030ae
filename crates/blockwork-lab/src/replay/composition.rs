//! [`Composition`]: allocators made of the library's parts, by name.
//!
//! Each is written down twice: for people, in the notation of the library, and
//! for the compiler. The two say the same.

use std::alloc::Layout;

use blockwork::{Allocate, Bump};
use serde::{Deserialize, Serialize};

use super::{
    child::Report,
    driver::Stop,
    heap::{Heap, NeverFreeing, Through},
    script::Demand,
};
use crate::report::text::exactly;

/// An allocator made of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Composition {
    /// Every block behind the last, and no frees: the bound.
    Bump,
}

/// What a composition stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Pages of the operating system.
    Pages,
    /// The machine's `malloc`.
    System,
}

/// What is done with a composition once it stands.
pub trait Stage {
    /// Plays on it.
    ///
    /// # Errors
    ///
    /// The step at which it failed.
    fn play(self, heap: &impl Heap) -> Result<Report, Stop>;
}

/// The alignment of a bump's span. A block aligned to more may cost padding
/// before it, beyond what the demand counts.
const SPAN_ALIGN: usize = 4096;

impl Composition {
    /// All of them, in the order of their rows.
    pub const ALL: [Self; 1] = [Self::Bump];

    /// The notation; a bump's `capacity` is part of it.
    pub fn spec(self, capacity: u64) -> String {
        match self {
            Self::Bump => format!("bump({}) over pages", exactly(capacity)),
        }
    }

    /// What it stands on.
    pub fn source(self) -> Source {
        match self {
            Self::Bump => Source::Pages,
        }
    }

    /// Bytes that it takes at least to meet `demand`.
    pub fn needs(self, demand: &Demand) -> u64 {
        match self {
            Self::Bump if demand.alignment > SPAN_ALIGN as u64 => demand.unfreed + demand.alignment,
            Self::Bump => demand.unfreed,
        }
    }

    /// Puts it on `source`, and plays.
    ///
    /// # Errors
    ///
    /// The step at which it failed.
    pub fn stand_on(self, source: impl Allocate, capacity: usize, stage: impl Stage) -> Result<Report, Stop> {
        match self {
            Self::Bump => {
                let span = Layout::from_size_align(capacity, SPAN_ALIGN).unwrap_or(Layout::new::<()>());
                stage.play(&NeverFreeing(&Bump::with_span(source, span)))
            }
        }
    }
}
