//! Combinators that adjust one thing, over a block pool, each behind the same written
//! into a free list.

use std::{alloc::Layout, cell::Cell, ptr::NonNull};

use bench::{
    by_hand::{
        FreeList,
        around::{Affixed, Closing, Watched},
    },
    opaque::{opaque, opaque_ref},
};
use blockwork::{Affix, BlockOf, Const, Event, Frozen, Lifo, MinAlign, Observed};

use crate::paths::{Path, SIXTY_FOUR, exhausted, pairs, pool, pool_of};

/// What the hand-written ones take: a combinator may take no more.
const AFFIXED: f64 = 13.0;
const CLOSING: f64 = 10.0;
const WATCHED: f64 = 9.0;

pub(crate) const ADJUSTERS: &[Path] = &[
    Path { name: "header and trailer by hand: 48 bytes", bar: None, run: affixed_by_hand },
    Path { name: "affix over a block pool: 48 bytes", bar: Some(AFFIXED), run: affix },
    Path { name: "min align over a block pool", bar: Some(7.0), run: min_align },
    Path { name: "a list that can be closed, by hand", bar: None, run: closing_by_hand },
    Path { name: "frozen over a block pool, not yet frozen", bar: Some(CLOSING), run: frozen },
    Path { name: "a list that counts pops and pushes, by hand", bar: None, run: watched_by_hand },
    Path { name: "observed over a block pool: the same counts", bar: Some(WATCHED), run: observed },
];

/// Rounds of `pop` and `push` on what has a block in it.
#[inline(always)]
fn rounds_of<L>(list: &L, rounds: u64, pop: impl Fn(&L) -> Option<NonNull<u8>>, push: unsafe fn(&L, NonNull<u8>)) {
    for _ in 0..rounds {
        let list = opaque_ref(list);
        let Some(block) = pop(list) else { exhausted() };
        // SAFETY: popped above.
        unsafe { push(list, opaque(block)) };
    }
}

/// A list of one block.
fn list(memory: &mut [u64; 16]) -> FreeList {
    let list = FreeList::default();
    // SAFETY: room for a pointer, aligned for one, unused.
    unsafe { list.push(NonNull::from(memory).cast()) };
    list
}

fn affixed_by_hand(rounds: u64) {
    let mut memory = [0; 16];
    let list = Affixed::<48> { list: list(&mut memory), header: 7, trailer: 9 };
    rounds_of(&list, rounds, Affixed::pop, Affixed::push);
}

fn affix(rounds: u64) {
    pairs(&Affix::new(pool(Lifo), 7_u64, 9_u64), Layout::new::<[u64; 6]>, rounds);
}

fn min_align(rounds: u64) {
    pairs(&MinAlign::new(pool_of(BlockOf::<64, 64>), Const::<64>), || SIXTY_FOUR, rounds);
}

fn closing_by_hand(rounds: u64) {
    let mut memory = [0; 16];
    let list = Closing { list: list(&mut memory), ..Closing::default() };
    // SAFETY: `rounds_of` pushes what it has popped.
    rounds_of(&list, rounds, Closing::pop, |list, block| unsafe { list.list.push(block) });
}

fn frozen(rounds: u64) {
    pairs(&Frozen::new(pool(Lifo)), || SIXTY_FOUR, rounds);
}

fn watched_by_hand(rounds: u64) {
    let mut memory = [0; 16];
    let list = Watched { list: list(&mut memory), ..Watched::default() };
    rounds_of(&list, rounds, Watched::pop, Watched::push);
}

/// An observer that holds its counts itself.
fn observed(rounds: u64) {
    let (taken, returned) = (Cell::new(0_u64), Cell::new(0_u64));
    let heap = Observed::new(pool(Lifo), {
        move |event| match event {
            Event::Allocated { .. } => taken.set(taken.get().wrapping_add(1)),
            Event::Freed { .. } => returned.set(returned.get().wrapping_add(1)),
            _ => {}
        }
    });
    pairs(&heap, || SIXTY_FOUR, rounds);
}
