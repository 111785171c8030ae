//! [`Composition`]: allocators made of the library's parts, by name.
//!
//! Each is written down twice: for people, in the notation of the library, and
//! for the compiler. The two say the same.

use std::alloc::Layout;

use blockwork::{Allocate, Bump, Memo, SpanPool, SpanPoolConfig, Valid};
use serde::{Deserialize, Serialize};

use super::{
    child::Report,
    driver::Stop,
    heap::{Heap, NeverFreeing, Through},
    script::Demand,
};

/// An allocator made of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Composition {
    /// Every block behind the last, and no frees: the bound.
    Bump,
    /// Freed blocks, kept for requests of the same size.
    Memo,
    /// Runs of small blocks.
    Spans,
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

/// Blocks of a cache line.
const SPANS: Valid<SpanPoolConfig> =
    valid(SpanPoolConfig { block: 64, backing_request: Some(256 << 10), ..SpanPoolConfig::DEFAULT });

/// Checked while this compiles.
const fn valid(config: SpanPoolConfig) -> Valid<SpanPoolConfig> {
    match config.check() {
        Ok(valid) => valid,
        Err(_) => panic!("a rule of the configuration is broken"),
    }
}

impl Composition {
    /// All of them, in the order of their rows.
    pub const ALL: [Self; 3] = [Self::Bump, Self::Memo, Self::Spans];

    /// The notation; a bump's `capacity` is part of it.
    pub fn spec(self, capacity: u64) -> String {
        match self {
            Self::Bump => format!("bump({}) over pages", exactly(capacity)),
            Self::Memo => "memo over system".into(),
            Self::Spans => "span_pool(64, 256k) over pages".into(),
        }
    }

    /// What it stands on.
    pub fn source(self) -> Source {
        match self {
            Self::Bump | Self::Spans => Source::Pages,
            Self::Memo => Source::System,
        }
    }

    /// Bytes that it takes at least to meet `demand`.
    pub fn needs(self, demand: &Demand) -> u64 {
        match self {
            Self::Bump if demand.alignment > SPAN_ALIGN as u64 => demand.unfreed + demand.alignment,
            Self::Bump => demand.unfreed,
            Self::Memo => demand.by_size,
            Self::Spans => demand.moving_bytes,
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
            Self::Memo => stage.play(&Through(&Memo::new(source, usize::MAX))),
            Self::Spans => stage.play(&Through(&SpanPool::new(source, SPANS))),
        }
    }
}

/// Bytes in the notation: `64k`, `3M`.
fn exactly(bytes: u64) -> String {
    let units = [(30, 'G'), (20, 'M'), (10, 'k')];
    match units.iter().find(|(log, _)| bytes != 0 && bytes.is_multiple_of(1 << log)) {
        Some((log, unit)) => format!("{}{unit}", bytes >> log),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_largest_unit_that_divides_them() {
        assert_eq!([0, 100, 1024, 64 << 10, 3 << 20, 1 << 30].map(exactly), ["0", "100", "1k", "64k", "3M", "1G"]);
    }
}
