//! Blocks of one size: 64 bytes, of which the first eight are written and read.

use core::mem::MaybeUninit;

use bench::opaque::opaque_mut;

use super::{Bar, Workload, candidates};
use crate::{
    peers::{
        blockwork::{Blocks, Classes, Slots},
        floor::FreeBlocks,
        global::Malloc,
        heapless::Boxes,
        slab::Values,
    },
    run::{Dice, Run},
};

/// Gives blocks of 64 bytes out, and takes them back in any order.
pub(crate) trait Fixed {
    type Handle;

    /// For up to `blocks` blocks.
    fn new(blocks: usize) -> Self;

    /// A block that begins with `word`.
    fn take(&mut self, word: u64) -> Self::Handle;

    /// Gives a block back, and says what it began with.
    fn give(&mut self, handle: Self::Handle) -> u64;
}

/// What those hold that store values rather than blocks: as large as a block, and
/// no more of it is written.
#[derive(Clone, Copy)]
// `pub` because the macro of heapless wants it so.
pub struct Value {
    pub(crate) word: u64,
    _rest: MaybeUninit<[u64; 7]>,
}

impl Value {
    #[inline(always)]
    pub(crate) fn new(word: u64) -> Self {
        Self { word, _rest: MaybeUninit::uninit() }
    }
}

macro_rules! pools {
    ($run:ident) => {
        candidates![
            "free list by hand" => $run::<FreeBlocks>,
            "blockwork BlockPool" => $run::<Blocks>,
            "blockwork Slab" => $run::<Slots>,
            "blockwork SizeClasses" => $run::<Classes>,
            "slab" => $run::<Values>,
            "heapless box pool" => $run::<Boxes>,
            "mimalloc" => $run::<Malloc<mimalloc::MiMalloc>>,
            "system malloc" => $run::<Malloc<std::alloc::System>>,
        ]
    };
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "fixed/pair",
        operation: "allocate a block of 64 bytes and free it, in a pool that has one",
        reference: "free list by hand",
        candidates: pools!(pair),
        bars: &[],
    },
    Workload {
        name: "fixed/lifo",
        operation: "a block of 100,000 that are allocated, then freed newest first",
        reference: "free list by hand",
        candidates: pools!(lifo),
        bars: &[Bar { candidate: "blockwork BlockPool", at_most: 1.4 }],
    },
    Workload {
        name: "fixed/random",
        operation: "a block of 100,000 that are allocated, then freed in random order, again and again",
        reference: "mimalloc",
        candidates: pools!(random),
        bars: &[],
    },
    Workload {
        name: "fixed/churn",
        operation: "replace a random one of 10,000 blocks",
        reference: "free list by hand",
        candidates: pools!(churn),
        bars: &[Bar { candidate: "blockwork BlockPool", at_most: 1.2 }],
    },
    Workload {
        name: "fixed/cold",
        operation: "a block of 100,000 in a new pool that is dropped with all of them",
        reference: "free list by hand",
        candidates: candidates![
            "free list by hand" => cold::<FreeBlocks>,
            "blockwork BlockPool" => cold::<Blocks>,
            "blockwork Slab" => cold::<Slots>,
            "slab" => cold::<Values>,
            "mimalloc, each freed" => cold_each::<Malloc<mimalloc::MiMalloc>>,
            "system malloc, each freed" => cold_each::<Malloc<std::alloc::System>>,
        ],
        bars: &[],
    },
];

fn pair<P: Fixed>(run: &mut Run) {
    let pairs = run.size(50_000);
    let mut pool = P::new(16);
    let _stays_live = pool.take(0);
    run.rounds(pairs, || {
        let mut sum = 0_u64;
        for word in 0..pairs as u64 {
            let handle = opaque_mut(&mut pool).take(word);
            sum = sum.wrapping_add(opaque_mut(&mut pool).give(handle));
        }
        sum
    });
}

/// The handles of blocks, by number.
struct Handles<H>(Vec<MaybeUninit<H>>);

impl<H> Handles<H> {
    fn new(blocks: usize) -> Self {
        Self((0..blocks).map(|_| MaybeUninit::uninit()).collect())
    }

    #[inline(always)]
    fn put(&mut self, at: usize, handle: H) {
        self.0[at].write(handle);
    }

    /// # Safety
    ///
    /// - `at` was put, and not taken since.
    #[inline(always)]
    unsafe fn take(&mut self, at: usize) -> H {
        // SAFETY: the caller's promise.
        unsafe { self.0[at].assume_init_read() }
    }
}

/// Allocates all blocks, then frees them in `order`.
fn cycles<P: Fixed>(run: &mut Run, blocks: usize, order: &[usize]) {
    let mut pool = P::new(blocks);
    let mut handles = Handles::new(blocks);
    run.rounds(blocks, || {
        for at in 0..blocks {
            handles.put(at, opaque_mut(&mut pool).take(at as u64));
        }
        let mut sum = 0_u64;
        for &at in order {
            // SAFETY: put above, and the order names each but once.
            let handle = unsafe { handles.take(at) };
            sum = sum.rotate_left(1).wrapping_add(opaque_mut(&mut pool).give(handle));
        }
        sum
    });
}

fn lifo<P: Fixed>(run: &mut Run) {
    let blocks = run.size(100_000);
    cycles::<P>(run, blocks, &(0..blocks).rev().collect::<Vec<_>>());
}

fn random<P: Fixed>(run: &mut Run) {
    let blocks = run.size(100_000);
    cycles::<P>(run, blocks, &Dice::new(7).order(blocks));
}

fn churn<P: Fixed>(run: &mut Run) {
    let blocks = run.size(10_000);
    let replaced = blocks * 4;
    let mut pool = P::new(blocks);
    let mut handles = Handles::new(blocks);
    for at in 0..blocks {
        handles.put(at, pool.take(at as u64));
    }
    let mut dice = Dice::new(1);
    run.rounds(replaced, || {
        let mut sum = 0_u64;
        for word in 0..replaced as u64 {
            let at = dice.roll(blocks);
            // SAFETY: every one was put, and is put again right away.
            let handle = unsafe { handles.take(at) };
            sum = sum.rotate_left(1).wrapping_add(opaque_mut(&mut pool).give(handle));
            handles.put(at, opaque_mut(&mut pool).take(word));
        }
        sum
    });
}

fn cold<P: Fixed>(run: &mut Run) {
    let blocks = run.size(100_000);
    run.rounds(blocks, || {
        let mut pool = P::new(0);
        for at in 0..blocks {
            let _dropped_with_the_pool = opaque_mut(&mut pool).take(at as u64);
        }
        blocks as u64
    });
}

/// The same for those that have no pool to drop.
fn cold_each<P: Fixed>(run: &mut Run) {
    let blocks = run.size(100_000);
    let mut handles = Handles::new(blocks);
    run.rounds(blocks, || {
        let mut pool = P::new(0);
        for at in 0..blocks {
            handles.put(at, opaque_mut(&mut pool).take(at as u64));
        }
        for at in 0..blocks {
            // SAFETY: put above.
            let handle = unsafe { handles.take(at) };
            opaque_mut(&mut pool).give(handle);
        }
        blocks as u64
    });
}
