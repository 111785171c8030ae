//! With the number of live objects.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::opaque_mut;
use blockwork::{Memo, SpanPool, System};

use super::{
    Curve, Growth, TO_1E6, TO_1E7, curves,
    peers::{ConcurrentBlocks, HeapBlocks, HeapRanges, Ours},
};
use crate::{
    kinds::{
        fixed::{self, Fixed},
        ranges::Ranges,
        typed::{self, Typed},
    },
    peers::{
        blockwork::{self as ours, Blocks, Boxed, Classes, PerChunkBlocks, RangesOf, Slots},
        floor::FreeBlocks,
        global::Malloc,
        heapless::Boxes,
        slab::Values,
        slotmap::{Dense, Keyed},
    },
    run::{Dice, Run},
};

macro_rules! pools {
    ($run:ident) => {
        curves![
            "blockwork BlockPool" => $run::<Blocks>,
            "blockwork BlockPool, PerChunk" => $run::<PerChunkBlocks>,
            "blockwork ConcurrentBlockPool" => $run::<ConcurrentBlocks>,
            "blockwork Slab" => $run::<Slots>,
            "blockwork SizeClasses" => $run::<Classes>,
            "blockwork Heap" => $run::<HeapBlocks>,
            "blockwork Malloc" => $run::<Malloc<Ours>>,
            "free list by hand" => $run::<FreeBlocks>,
            "slab" => $run::<Values>,
            "heapless box pool" => $run::<Boxes>,
            "mimalloc" => $run::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => $run::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => $run::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc" => $run::<Malloc<std::alloc::System>>,
        ]
    };
}

const SPANS: &[Curve] = curves![
    "blockwork SpanPool" => spans::<RangesOf<SpanPool<System>>>,
    "blockwork Heap" => spans::<HeapRanges>,
    "blockwork Malloc" => spans::<Malloc<Ours>>,
    "blockwork Memo" => spans::<RangesOf<Memo<System>>>,
    "mimalloc" => spans::<Malloc<mimalloc::MiMalloc>>,
    "snmalloc" => spans::<Malloc<snmalloc_rs::SnMalloc>>,
    "jemalloc" => spans::<Malloc<tikv_jemallocator::Jemalloc>>,
    "system malloc" => spans::<Malloc<std::alloc::System>>,
];

pub(super) const GROWTHS: &[Growth] = &[
    Growth {
        name: "growth/blocks",
        operation: "replace a random one of the live blocks of 64 bytes",
        axis: "live blocks",
        points: TO_1E7,
        curves: pools!(churn),
    },
    Growth {
        name: "growth/shuffled",
        operation: "a block of 64 bytes: all are allocated, then freed in random order, again and again",
        axis: "blocks",
        points: TO_1E6,
        curves: pools!(shuffled),
    },
    Growth {
        name: "growth/values",
        operation: "replace a random one of the live values of 64 bytes",
        axis: "live values",
        points: TO_1E7,
        curves: curves![
            "blockwork Pool, in boxes" => values::<Boxed>,
            "blockwork Pool, by key" => values::<ours::Keyed>,
            "blockwork BlockPool, by pointer" => values::<Blocks>,
            "slab" => values::<Values>,
            "slotmap" => values::<Keyed>,
            "slotmap, dense" => values::<Dense>,
        ],
    },
    Growth {
        name: "growth/spans",
        operation: "replace a random one of the live spans of 64 to 256 bytes",
        axis: "live spans",
        points: TO_1E7,
        curves: SPANS,
    },
];

/// Operations in a round; fewer would be told by the clock's own time.
const ROUND: usize = 20_000;

pub(super) fn churn<P: Fixed>(run: &mut Run, live: usize) {
    let live = run.size(live);
    let mut pool = P::new(live);
    let mut handles = fixed::places(live);
    pool.take_all(&mut handles);
    let mut dice = Dice::new(1);
    // SAFETY: all were taken, and each that is given is taken again. In the order in which they came they would be
    // neighbours, which they cease to be.
    unsafe { pool.replace(&mut handles, &mut dice, live as u64) };
    let times = run.size(ROUND);
    // SAFETY: as above.
    run.rounds(times, || unsafe { pool.replace(&mut handles, &mut dice, times as u64) });
}

fn shuffled<P: Fixed>(run: &mut Run, blocks: usize) {
    let blocks = run.size(blocks);
    let order = Dice::new(7).order(blocks);
    // Few blocks are told by many cycles.
    let cycles = run.size(ROUND).div_ceil(blocks);
    let mut pool = P::new(blocks);
    let mut handles = fixed::places(blocks);
    run.rounds(blocks * cycles, || {
        (0..cycles).fold(0_u64, |sum, _| {
            pool.take_all(&mut handles);
            // SAFETY: taken above; an order names everything once.
            sum.rotate_left(1).wrapping_add(unsafe { pool.give_all(&handles, &order) })
        })
    });
}

fn values<P: Typed>(run: &mut Run, live: usize) {
    let live = run.size(live);
    let (mut store, mut keys) = typed::filled::<P>(live);
    let mut dice = Dice::new(1);
    // SAFETY: every key is of a value that is there, and each that is removed is replaced.
    unsafe { typed::replace(&mut store, &mut keys, &mut dice, live as u64) };
    let times = run.size(ROUND);
    // SAFETY: as above.
    run.rounds(times, || unsafe { typed::replace(&mut store, &mut keys, &mut dice, times as u64) });
}

/// Bytes in a block of spans, and blocks in the largest span.
const BLOCK: usize = 64;
const LARGEST: usize = 4;

/// A span: where it is, and of how many blocks.
type Span = (NonNull<u8>, usize);

fn spans<P: Ranges>(run: &mut Run, live: usize) {
    let live = run.size(live);
    let mut pool = P::new(BLOCK);
    let mut dice = Dice::new(1);
    let mut spans: Vec<Span> = (0..live as u64).map(|word| take(&mut pool, &mut dice, word)).collect();
    // The holes need a while until they are as they will be.
    replace(&mut pool, &mut spans, &mut dice, live as u64);
    let times = run.size(ROUND);
    run.rounds(times, || replace(&mut pool, &mut spans, &mut dice, times as u64));
}

fn layout(blocks: usize) -> Layout {
    Layout::from_size_align(blocks * BLOCK, 8).expect("small")
}

#[inline(always)]
fn take<P: Ranges>(pool: &mut P, dice: &mut Dice, word: u64) -> Span {
    let blocks = 1 + dice.roll(LARGEST);
    let range = opaque_mut(pool).take(layout(blocks));
    // SAFETY: at least a block, aligned for a word.
    unsafe { range.cast::<u64>().write(word) };
    (range, blocks)
}

#[inline(never)]
fn replace<P: Ranges>(pool: &mut P, spans: &mut [Span], dice: &mut Dice, times: u64) -> u64 {
    let mut sum = 0_u64;
    for word in 0..times {
        let at = dice.roll(spans.len());
        let (range, blocks) = spans[at];
        // SAFETY: written when it was taken.
        sum = sum.rotate_left(1).wrapping_add(unsafe { range.cast::<u64>().read() });
        // SAFETY: taken with this layout, and replaced below.
        unsafe { opaque_mut(pool).give(range, layout(blocks)) };
        spans[at] = take(pool, dice, word);
    }
    sum
}
