//! [`Composition`]: allocators made of the library's parts, by name.
//!
//! Each is written down twice: for people, in the [`notation`] of
//! the library, and for the compiler, so that nothing of it is decided while it is
//! timed. A test builds what is written, and finds that the two do the same.

use std::alloc::Layout;

use blockwork::{
    Allocate, Bump, ConfigError, Const, Memo, Quad, Segregate, SizeClasses, SlabHead, SlabPolicy, SpanPool,
    SpanPoolConfig, UpTo, Valid, notation,
};
use serde::{Deserialize, Serialize};

use super::{
    child::Report,
    driver::{
        Stop,
        heap::{Heap, NeverFreeing, Through},
    },
    script::Demand,
};

/// An allocator made of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Composition {
    /// Every block behind the last, and no frees: the bound.
    Bump,
    /// Freed blocks, kept for requests of their class.
    Memo,
    /// Small blocks in slabs, by class.
    Slabs,
    /// Runs of cache lines.
    Spans,
    /// Small blocks in small slabs, large ones in pages, all from one pool.
    FineHeap,
    /// The same with larger slabs and coarser spans.
    CoarseHeap,
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

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The alignment of a bump's span. A block aligned to more may cost padding
/// before it, beyond what the demand counts.
const SPAN_ALIGN: usize = 4096;

const LINES: Valid<SpanPoolConfig> = spans(64, 256 * KIB);
const FINE_SPANS: Valid<SpanPoolConfig> = spans(4 * KIB, 256 * KIB);
const COARSE_SPANS: Valid<SpanPoolConfig> = spans(64 * KIB, MIB);

const FINE_SLABS: Slabs<{ 16 * KIB }> = valid(SlabPolicy { slab_size: Const, keep: 1 }.check());
const COARSE_SLABS: Slabs<{ 64 * KIB }> = valid(SlabPolicy { slab_size: Const, keep: 1 }.check());

type Slabs<const SIZE: usize> = Valid<SlabPolicy<Const<SIZE>>>;

/// Blocks of `block` bytes, from chunks of `chunk`.
const fn spans(block: usize, chunk: usize) -> Valid<SpanPoolConfig> {
    valid(SpanPoolConfig { block, backing_request: Some(chunk), ..SpanPoolConfig::DEFAULT }.check())
}

/// A configuration that is checked while this compiles.
const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
    match checked {
        Ok(valid) => valid,
        Err(error) => panic!("{}", error.rule),
    }
}

impl Composition {
    /// All of them, in the order of their rows.
    pub const ALL: [Self; 6] = [Self::Bump, Self::Memo, Self::Slabs, Self::Spans, Self::FineHeap, Self::CoarseHeap];

    /// The notation; a bump's `capacity` is part of it.
    pub fn spec(self, capacity: u64) -> String {
        match self {
            Self::Bump => {
                let text = format!("bump({capacity}) over pages");
                // As the library prints it.
                return text.parse::<notation::Composition>().map_or(text, |bump| bump.to_string());
            }
            Self::Memo => "memo(quad 16..1M) over system",
            Self::Slabs => "segregate(<=8k: slab(quad 16..8k, 64k) over pages, else pages)",
            Self::Spans => "span_pool(64, 256k) over pages",
            Self::FineHeap => {
                "let s = span_pool(4k, 256k) over pages; segregate(<=2k: slab(quad 16..2k, 16k) over s, else s)"
            }
            Self::CoarseHeap => {
                "let s = span_pool(64k, 1M) over pages; segregate(<=8k: slab(quad 16..8k, 64k) over s, else s)"
            }
        }
        .into()
    }

    /// What it stands on.
    pub fn source(self) -> Source {
        match self {
            Self::Memo => Source::System,
            Self::Bump | Self::Slabs | Self::Spans | Self::FineHeap | Self::CoarseHeap => Source::Pages,
        }
    }

    /// Bytes that it takes at least to meet `demand`.
    pub fn needs(self, demand: &Demand) -> u64 {
        match self {
            Self::Bump if demand.alignment > SPAN_ALIGN as u64 => demand.unfreed.saturating_add(demand.alignment),
            Self::Bump => demand.unfreed,
            Self::Memo => demand.by_size,
            Self::Slabs | Self::Spans | Self::FineHeap | Self::CoarseHeap => demand.moving_bytes,
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
                // A capacity that no layout can have makes every request fail.
                let span = Layout::from_size_align(capacity, SPAN_ALIGN).unwrap_or(Layout::new::<()>());
                stage.play(&NeverFreeing(&Bump::with_span(source, span)))
            }
            Self::Memo => stage.play(&Through(&Memo::by_class(source, Quad::<MIB>, usize::MAX))),
            Self::Slabs => {
                let small = SizeClasses::<Quad<{ 8 * KIB }>, SlabHead<_>, _>::new(&source, COARSE_SLABS);
                stage.play(&Through(&Segregate::new(UpTo::<{ 8 * KIB }>, small, &source)))
            }
            Self::Spans => stage.play(&Through(&SpanPool::new(source, LINES))),
            Self::FineHeap => {
                let spans = SpanPool::new(source, FINE_SPANS);
                let small = SizeClasses::<Quad<{ 2 * KIB }>, SlabHead<_>, _>::new(&spans, FINE_SLABS);
                stage.play(&Through(&Segregate::new(UpTo::<{ 2 * KIB }>, small, &spans)))
            }
            Self::CoarseHeap => {
                let spans = SpanPool::new(source, COARSE_SPANS);
                let small = SizeClasses::<Quad<{ 8 * KIB }>, SlabHead<_>, _>::new(&spans, COARSE_SLABS);
                stage.play(&Through(&Segregate::new(UpTo::<{ 8 * KIB }>, small, &spans)))
            }
        }
    }
}
