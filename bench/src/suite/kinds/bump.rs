//! Blocks that end together: allocated one after the other, then reset.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::{opaque, opaque_mut, opaque_ref};

use super::{Bar, Workload, candidates};
#[cfg(cpp)]
use crate::peers::cpp::PmrBump;
use crate::{
    peers::{
        blink_alloc::Blink,
        blockwork::{OneSpan, Spans},
        bump_scope::{BumpScope, BumpScopeWords},
        bumpalo::Bumpalo,
        floor::Span,
        global::{Kept, Malloc},
        nothing::Nothing,
        typed_arena::Words,
    },
    run::{Dice, Run},
};

/// Gives words out. The loop belongs to it for the reason that [`Fixed`](super::fixed::Fixed) has.
pub(crate) trait Values: Sized {
    /// With room for `bytes`, if that can be said.
    fn new(bytes: usize) -> Self;

    fn word(&mut self, word: u64) -> NonNull<u64>;

    /// Ends every block; the memory is kept.
    fn reset(&mut self);

    /// Writes words and reads them.
    #[inline(never)]
    fn words(&mut self, words: u64) -> u64 {
        let mut sum = 0_u64;
        for word in 0..words {
            let block = opaque(opaque_mut(self).word(word));
            // SAFETY: live until the reset, and written.
            sum = sum.wrapping_add(unsafe { block.read() });
        }
        sum
    }
}

/// Gives blocks out whose layout is known at run time only.
pub(crate) trait Layouts: Values {
    fn bytes(&mut self, layout: Layout) -> NonNull<u8>;

    /// Writes and reads a byte of blocks as the table has them.
    #[inline(never)]
    fn layouts(&mut self, table: &[Layout; 64], blocks: usize) -> u64 {
        let mut sum = 0_u64;
        for at in 0..blocks {
            let block = opaque(opaque_mut(self).bytes(table[at % 64]));
            // SAFETY: at least one byte, live until the reset.
            unsafe { block.write(at as u8) };
            // SAFETY: written above.
            sum = sum.wrapping_add(u64::from(unsafe { opaque(block).read() }));
        }
        sum
    }
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "bump/8-bytes",
        operation: "write a word into a block of its own; reset after 100,000",
        reference: "bump by hand",
        candidates: candidates![
            "the loop alone" => words::<Nothing>,
            "bump by hand" => words::<Span>,
            "blockwork Bump" => words::<OneSpan>,
            "blockwork Arena" => words::<Spans>,
            "bumpalo" => words::<Bumpalo<1>>,
            "bumpalo, aligned to 8" => words::<Bumpalo<8>>,
            "bump-scope" => words::<BumpScope>,
            "bump-scope, aligned to 8" => words::<BumpScopeWords>,
            "blink-alloc" => words::<Blink>,
            "typed-arena, made anew" => words::<Words>,
            #[cfg(cpp)]
            "std::pmr monotonic" => words::<PmrBump>,
            "mimalloc, each freed" => words::<Kept<Malloc<mimalloc::MiMalloc>>>,
            "snmalloc, each freed" => words::<Kept<Malloc<snmalloc_rs::SnMalloc>>>,
            "jemalloc, each freed" => words::<Kept<Malloc<tikv_jemallocator::Jemalloc>>>,
            "system malloc, each freed" => words::<Kept<Malloc<std::alloc::System>>>,
        ],
        bars: &[Bar::times("blockwork Bump", 1.0), Bar::times("blockwork Arena", 1.0)],
    },
    Workload {
        name: "bump/run-time-layout",
        operation: "a block of 1 to 64 bytes aligned to 1 to 8, read from a table; reset after 15,000",
        reference: "bump by hand",
        candidates: candidates![
            "the loop alone" => layouts::<Nothing>,
            "bump by hand" => layouts::<Span>,
            "blockwork Bump" => layouts::<OneSpan>,
            "blockwork Arena" => layouts::<Spans>,
            "bumpalo" => layouts::<Bumpalo<1>>,
            "bumpalo, aligned to 8" => layouts::<Bumpalo<8>>,
            "bump-scope" => layouts::<BumpScope>,
            "bump-scope, aligned to 8" => layouts::<BumpScopeWords>,
            "blink-alloc" => layouts::<Blink>,
            #[cfg(cpp)]
            "std::pmr monotonic" => layouts::<PmrBump>,
            "mimalloc, each freed" => layouts::<Kept<Malloc<mimalloc::MiMalloc>>>,
            "snmalloc, each freed" => layouts::<Kept<Malloc<snmalloc_rs::SnMalloc>>>,
            "jemalloc, each freed" => layouts::<Kept<Malloc<tikv_jemallocator::Jemalloc>>>,
            "system malloc, each freed" => layouts::<Kept<Malloc<std::alloc::System>>>,
        ],
        bars: &[Bar::times("blockwork Bump", 1.0), Bar::times("blockwork Arena", 1.0)],
    },
];

/// What a candidate is given to cut; no round needs more.
const BYTES: usize = 1 << 20;

fn words<P: Values>(run: &mut Run) {
    let words = run.size(100_000);
    let mut region = P::new(BYTES);
    run.rounds(words, || {
        let sum = region.words(words as u64);
        region.reset();
        sum
    });
}

fn layouts<P: Layouts>(run: &mut Run) {
    let blocks = run.size(15_000);
    let mut dice = Dice::new(3);
    let table: [Layout; 64] = core::array::from_fn(|_| {
        Layout::from_size_align(1 + dice.roll(64), 1 << dice.roll(4)).expect("a power of two")
    });
    let mut region = P::new(BYTES);
    run.rounds(blocks, || {
        let sum = region.layouts(opaque_ref(&table), blocks);
        region.reset();
        sum
    });
}
