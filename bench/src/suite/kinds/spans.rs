//! Runs of blocks: random sizes, freed in random order, few and very many live.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::opaque_mut;
use blockwork::{SpanPool, System};

use super::{
    Bar, Workload, candidates,
    ranges::{Nothing, Ranges},
};
use crate::{
    peers::{blockwork::RangesOf, global::Malloc},
    run::{Dice, Run},
};

/// A table for `$live` live spans.
macro_rules! churns {
    ($($name:literal, $operation:literal, $live:expr;)+) => {
        [$(Workload {
            name: $name,
            operation: $operation,
            reference: "mimalloc",
            candidates: candidates![
                "blockwork SpanPool" => |run| churn::<RangesOf<SpanPool<System>>>(run, $live, Touch::First),
                "mimalloc" => |run| churn::<Malloc<mimalloc::MiMalloc>>(run, $live, Touch::First),
                "snmalloc" => |run| churn::<Malloc<snmalloc_rs::SnMalloc>>(run, $live, Touch::First),
                "jemalloc" => |run| churn::<Malloc<tikv_jemallocator::Jemalloc>>(run, $live, Touch::First),
                "system malloc" => |run| churn::<Malloc<std::alloc::System>>(run, $live, Touch::First),
            ],
            bars: &[],
        }),+]
    };
}

const AGAINST_MALLOCS: [Workload; 5] = churns![
    "spans/churn-1e2", "replace a random one of 100 spans of 64 to 512 bytes", 100;
    "spans/churn-1e3", "replace a random one of 1,000 spans of 64 to 512 bytes", 1_000;
    "spans/churn-1e4", "replace a random one of 10,000 spans of 64 to 512 bytes", 10_000;
    "spans/churn-1e5", "replace a random one of 100,000 spans of 64 to 512 bytes", 100_000;
    "spans/churn-1e6", "replace a random one of 1,000,000 spans of 64 to 512 bytes", 1_000_000;
];

const BY_LIVE: Workload = Workload {
    name: "spans/by-live",
    operation: "replace a random span of 1 to 8 blocks of the pool's that are live, without touching it",
    reference: "100 live",
    candidates: candidates![
        "100 live" => |run| by_live::<RangesOf<SpanPool<System>>>(run, 100),
        "1,000 live" => |run| by_live::<RangesOf<SpanPool<System>>>(run, 1_000),
        "10,000 live" => |run| by_live::<RangesOf<SpanPool<System>>>(run, 10_000),
        "100,000 live" => |run| by_live::<RangesOf<SpanPool<System>>>(run, 100_000),
        "1,000,000 live" => |run| by_live::<RangesOf<SpanPool<System>>>(run, 1_000_000),
        "mimalloc, 100 live" => |run| by_live::<Malloc<mimalloc::MiMalloc>>(run, 100),
        "mimalloc, 1,000,000 live" => |run| by_live::<Malloc<mimalloc::MiMalloc>>(run, 1_000_000),
        "jemalloc, 100 live" => |run| by_live::<Malloc<tikv_jemallocator::Jemalloc>>(run, 100),
        "jemalloc, 1,000,000 live" => |run| by_live::<Malloc<tikv_jemallocator::Jemalloc>>(run, 1_000_000),
        "the loop alone, 100 live" => |run| by_live::<Nothing>(run, 100),
        "the loop alone, 1,000,000 live" => |run| by_live::<Nothing>(run, 1_000_000),
    ],
    bars: &[Bar::nanoseconds("1,000 live", 40.0), Bar::nanoseconds("10,000 live", 40.0)],
};

pub(super) const WORKLOADS: &[Workload] = {
    const ALL: [Workload; 6] = {
        let [a, b, c, d, e] = AGAINST_MALLOCS;
        [a, b, c, d, e, BY_LIVE]
    };
    &ALL
};

/// What is written into a span and read from it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Nothing,
    First,
}

/// Bytes in a block.
const BLOCK: usize = 64;
/// Spans replaced in a round.
const REPLACED: usize = 20_000;

fn by_live<P: Ranges>(run: &mut Run, live: usize) {
    churn::<P>(run, live, Touch::Nothing);
}

fn churn<P: Ranges>(run: &mut Run, live: usize, touch: Touch) {
    let live = run.size(live);
    let replaced = run.size(REPLACED);
    let mut churn = Churn { pool: P::new(BLOCK), dice: Dice::new(1), touch };
    let mut spans: Vec<Span> = (0..live as u64).map(|word| churn.take(word)).collect();
    // The holes need a while until they are as they will be.
    churn.replace(&mut spans, live);
    run.rounds(replaced, || churn.replace(&mut spans, replaced));
}

/// A span, and what it was asked for with.
struct Span {
    range: NonNull<u8>,
    layout: Layout,
}

struct Churn<P> {
    pool: P,
    dice: Dice,
    touch: Touch,
}

impl<P: Ranges> Churn<P> {
    #[inline(always)]
    fn take(&mut self, word: u64) -> Span {
        let layout = Layout::from_size_align(BLOCK + self.dice.roll(8) * BLOCK, 8).expect("small");
        let range = opaque_mut(&mut self.pool).take(layout);
        if self.touch == Touch::First {
            // SAFETY: at least a block, aligned for a word.
            unsafe { range.cast::<u64>().write(word) };
        }
        Span { range, layout }
    }

    #[inline(always)]
    fn give(&mut self, span: &Span) -> u64 {
        let word = match self.touch {
            Touch::Nothing => 1,
            // SAFETY: written when it was taken.
            Touch::First => unsafe { span.range.cast::<u64>().read() },
        };
        // SAFETY: taken with this layout, and replaced by the caller.
        unsafe { opaque_mut(&mut self.pool).give(span.range, span.layout) };
        word
    }

    #[inline(never)]
    fn replace(&mut self, spans: &mut [Span], times: usize) -> u64 {
        let mut sum = 0_u64;
        for word in 0..times as u64 {
            let span = &mut spans[self.dice.roll(spans.len())];
            sum = sum.rotate_left(1).wrapping_add(self.give(span));
            *span = self.take(word);
        }
        sum
    }
}
