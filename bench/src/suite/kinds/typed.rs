//! Values that are found again by a key: 64 bytes each, of which the first eight
//! are written and read.

use core::mem::MaybeUninit;

use bench::opaque::{opaque_mut, opaque_ref};

use super::{Workload, candidates};
use crate::{
    peers::{
        blockwork::{self as ours, Blocks, Boxed},
        nothing::Nothing,
        plurality::Allocs,
        rows::Rows,
        sharded_slab,
        slab::Values,
        slotmap::{Dense, Keyed},
    },
    run::{Dice, Run},
};

/// Stores values.
pub(crate) trait Typed {
    type Key;

    /// With room for `values`, if that can be said.
    fn new(values: usize) -> Self;

    fn insert(&mut self, word: u64) -> Self::Key;

    /// The word of a stored value.
    fn get(&self, key: &Self::Key) -> u64;

    /// Removes a value, and returns its word.
    fn remove(&mut self, key: Self::Key) -> u64;
}

/// Finds all that is stored.
pub(crate) trait Iterated: Typed {
    /// All words, added up.
    fn sum(&self) -> u64;
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "typed/churn",
        operation: "replace a random one of 10,000 values",
        reference: "slab",
        candidates: candidates![
            "the loop alone" => churn::<Nothing>,
            "rows by hand, by key" => churn::<Rows>,
            "blockwork BlockPool, by pointer" => churn::<Blocks>,
            "blockwork Pool, in boxes" => churn::<Boxed>,
            "blockwork Pool, by key" => churn::<ours::Keyed>,
            "slab" => churn::<Values>,
            "slotmap" => churn::<Keyed>,
            "slotmap, dense" => churn::<Dense>,
            "plurality, by pointer" => churn::<Allocs>,
            "sharded-slab" => churn::<sharded_slab::Values>,
        ],
        bars: &[],
    },
    Workload {
        name: "typed/get",
        operation: "read a random one of 10,000 values",
        reference: "slab",
        candidates: candidates![
            "the loop alone" => get::<Nothing>,
            "rows by hand, by key" => get::<Rows>,
            "blockwork BlockPool, by pointer" => get::<Blocks>,
            "blockwork Pool, in boxes" => get::<Boxed>,
            "blockwork Pool, by key" => get::<ours::Keyed>,
            "slab" => get::<Values>,
            "slotmap" => get::<Keyed>,
            "slotmap, dense" => get::<Dense>,
            "plurality, by pointer" => get::<Allocs>,
            "sharded-slab" => get::<sharded_slab::Values>,
        ],
        bars: &[],
    },
    Workload {
        name: "typed/iterate",
        operation: "visit a value of 5,000, where another 5,000 were removed",
        reference: "slab",
        candidates: candidates![
            "blockwork Pool, by key" => iterate::<ours::Keyed>,
            "slab" => iterate::<Values>,
            "slotmap" => iterate::<Keyed>,
            "slotmap, dense" => iterate::<Dense>,
        ],
        bars: &[],
    },
];

/// A store with `values` values, and their keys.
pub(crate) fn filled<P: Typed>(values: usize) -> (P, Vec<MaybeUninit<P::Key>>) {
    let mut store = P::new(values);
    let keys = (0..values).map(|word| MaybeUninit::new(store.insert(word as u64))).collect();
    (store, keys)
}

fn churn<P: Typed>(run: &mut Run) {
    let values = run.size(10_000);
    let (mut store, mut keys) = filled::<P>(values);
    let mut dice = Dice::new(1);
    // SAFETY: every key is of a value that is there, and each that is removed is replaced.
    run.rounds(values * 4, || unsafe { replace(&mut store, &mut keys, &mut dice, values as u64 * 4) });
}

/// # Safety
///
/// - Every key is of a value that is there.
#[inline(never)]
pub(crate) unsafe fn replace<P: Typed>(
    store: &mut P,
    keys: &mut [MaybeUninit<P::Key>],
    dice: &mut Dice,
    times: u64,
) -> u64 {
    let mut sum = 0_u64;
    for word in 0..times {
        let place = &mut keys[dice.roll(keys.len())];
        // SAFETY: the caller's promise, kept by what is written below.
        let key = unsafe { place.assume_init_read() };
        sum = sum.rotate_left(1).wrapping_add(opaque_mut(store).remove(key));
        place.write(opaque_mut(store).insert(word));
    }
    sum
}

fn get<P: Typed>(run: &mut Run) {
    let values = run.size(10_000);
    let (store, keys) = filled::<P>(values);
    let mut dice = Dice::new(1);
    // SAFETY: every key is of a value that is there.
    run.rounds(values * 4, || unsafe { read(&store, &keys, &mut dice, values * 4) });
}

/// # Safety
///
/// - Every key is of a value that is there.
#[inline(never)]
unsafe fn read<P: Typed>(store: &P, keys: &[MaybeUninit<P::Key>], dice: &mut Dice, times: usize) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..times {
        // SAFETY: the caller's promise.
        let key = unsafe { keys[dice.roll(keys.len())].assume_init_ref() };
        sum = sum.rotate_left(1).wrapping_add(opaque_ref(store).get(key));
    }
    sum
}

fn iterate<P: Iterated>(run: &mut Run) {
    let values = run.size(10_000);
    let visits = 20;
    let (mut store, keys) = filled::<P>(values);
    for &at in &Dice::new(5).order(values)[..values / 2] {
        // SAFETY: each is removed once, and no key is used again.
        store.remove(unsafe { keys[at].assume_init_read() });
    }
    run.rounds(visits * (values - values / 2), || {
        (0..visits).fold(0, |sum: u64, _| sum.rotate_left(1).wrapping_add(opaque_ref(&store).sum()))
    });
}
