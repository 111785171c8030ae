//! Blocks that end together: allocated one after the other, then reset.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::{opaque, opaque_mut, opaque_ref};

use super::{Workload, candidates};
use crate::{
    peers::{
        blockwork::{OneSpan, Spans},
        bump_scope::{BumpScope, BumpScopeWords},
        bumpalo::Bumpalo,
        floor::Span,
        global::{Kept, Malloc},
        typed_arena::Words,
    },
    run::{Dice, Run},
};

/// Gives words out.
pub(crate) trait Values {
    /// With room for `bytes`, if that can be said.
    fn new(bytes: usize) -> Self;

    fn word(&mut self, word: u64) -> NonNull<u64>;

    /// Ends every block; the memory is kept.
    fn reset(&mut self);
}

/// Gives blocks out whose layout is known at run time only.
pub(crate) trait Layouts: Values {
    fn bytes(&mut self, layout: Layout) -> NonNull<u8>;
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "bump/8-bytes",
        operation: "write a word into a block of its own; reset after 100,000",
        reference: "bump by hand",
        candidates: candidates![
            "bump by hand" => words::<Span>,
            "blockwork Bump" => words::<OneSpan>,
            "blockwork Arena" => words::<Spans>,
            "bumpalo" => words::<Bumpalo<1>>,
            "bumpalo, aligned to 8" => words::<Bumpalo<8>>,
            "bump-scope" => words::<BumpScope>,
            "bump-scope, aligned to 8" => words::<BumpScopeWords>,
            "typed-arena, made anew" => words::<Words>,
            "mimalloc, each freed" => words::<Kept<Malloc<mimalloc::MiMalloc>>>,
            "system malloc, each freed" => words::<Kept<Malloc<std::alloc::System>>>,
        ],
        bars: &[],
    },
    Workload {
        name: "bump/run-time-layout",
        operation: "a block of 1 to 64 bytes aligned to 1 to 8, read from a table; reset after 15,000",
        reference: "bump by hand",
        candidates: candidates![
            "bump by hand" => layouts::<Span>,
            "blockwork Bump" => layouts::<OneSpan>,
            "blockwork Arena" => layouts::<Spans>,
            "bumpalo" => layouts::<Bumpalo<1>>,
            "bumpalo, aligned to 8" => layouts::<Bumpalo<8>>,
            "bump-scope" => layouts::<BumpScope>,
            "bump-scope, aligned to 8" => layouts::<BumpScopeWords>,
            "mimalloc, each freed" => layouts::<Kept<Malloc<mimalloc::MiMalloc>>>,
            "system malloc, each freed" => layouts::<Kept<Malloc<std::alloc::System>>>,
        ],
        bars: &[],
    },
];

/// What a candidate is given to cut; no round needs more.
const BYTES: usize = 1 << 20;

fn words<P: Values>(run: &mut Run) {
    let words = run.size(100_000);
    let mut region = P::new(BYTES);
    run.rounds(words, || {
        let sum = write_words(&mut region, words as u64);
        region.reset();
        sum
    });
}

#[inline(never)]
pub(crate) fn write_words<P: Values>(region: &mut P, words: u64) -> u64 {
    let mut sum = 0_u64;
    for word in 0..words {
        let block = opaque(opaque_mut(region).word(word));
        // SAFETY: live until the reset, and written.
        sum = sum.wrapping_add(unsafe { block.read() });
    }
    sum
}

fn layouts<P: Layouts>(run: &mut Run) {
    let blocks = run.size(15_000);
    let mut dice = Dice::new(3);
    let table: [Layout; 64] = core::array::from_fn(|_| {
        Layout::from_size_align(1 + dice.roll(64), 1 << dice.roll(4)).expect("a power of two")
    });
    let mut region = P::new(BYTES);
    run.rounds(blocks, || {
        let sum = write_layouts(&mut region, opaque_ref(&table), blocks);
        region.reset();
        sum
    });
}

#[inline(never)]
fn write_layouts<P: Layouts>(region: &mut P, table: &[Layout; 64], blocks: usize) -> u64 {
    let mut sum = 0_u64;
    for at in 0..blocks {
        let block = opaque(opaque_mut(region).bytes(table[at % 64]));
        // SAFETY: at least one byte, live until the reset.
        unsafe { block.write(at as u8) };
        // SAFETY: written above.
        sum = sum.wrapping_add(u64::from(unsafe { opaque(block).read() }));
    }
    sum
}
