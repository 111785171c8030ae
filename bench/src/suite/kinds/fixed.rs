//! Blocks of one size: 64 bytes, of which the first eight are written and read.

use core::mem::MaybeUninit;

use bench::opaque::opaque_mut;

use super::{Bar, Workload, candidates};
#[cfg(boost)]
use crate::peers::cpp::Boost;
#[cfg(cpp)]
use crate::peers::cpp::{CppPool, Pmr};
use crate::{
    peers::{
        blockwork::{Blocks, BlocksInOne, BlocksOverMemo, Classes, PerChunkBlocks, Slots},
        floor::FreeBlocks,
        global::Malloc,
        heapless::Boxes,
        nothing::Nothing,
        object_pool, opool,
        plurality::Allocs,
        slab::Values,
    },
    run::{Dice, Run},
};

/// Gives blocks of 64 bytes out, and takes them back in any order.
///
/// The loops belong to it so that pools of another language can have their own. None is
/// inlined: each is compiled the same way for every candidate.
pub(crate) trait Fixed: Sized {
    type Handle;

    /// For up to `blocks` blocks.
    fn new(blocks: usize) -> Self;

    /// A block that begins with `word`.
    fn take(&mut self, word: u64) -> Self::Handle;

    /// Gives a block back, and says what it began with.
    fn give(&mut self, handle: Self::Handle) -> u64;

    /// Takes a block and gives it back, again and again.
    #[inline(never)]
    fn pairs(&mut self, pairs: u64) -> u64 {
        let mut sum = 0_u64;
        for word in 0..pairs {
            let handle = opaque_mut(self).take(word);
            sum = sum.wrapping_add(opaque_mut(self).give(handle));
        }
        sum
    }

    /// Takes a block for each handle.
    #[inline(never)]
    fn take_all(&mut self, handles: &mut [MaybeUninit<Self::Handle>]) {
        for (word, handle) in handles.iter_mut().enumerate() {
            handle.write(opaque_mut(self).take(word as u64));
        }
    }

    /// Gives all blocks back in this order.
    ///
    /// # Safety
    ///
    /// - Every handle is of a live block, and `order` names each but once.
    #[inline(never)]
    unsafe fn give_all(&mut self, handles: &[MaybeUninit<Self::Handle>], order: &[usize]) -> u64 {
        let mut sum = 0_u64;
        for &at in order {
            // SAFETY: the caller's promise.
            let handle = unsafe { handles[at].assume_init_read() };
            sum = sum.rotate_left(1).wrapping_add(opaque_mut(self).give(handle));
        }
        sum
    }

    /// Gives a random block back and takes another one, again and again.
    ///
    /// # Safety
    ///
    /// - Every handle is of a live block.
    #[inline(never)]
    unsafe fn replace(&mut self, handles: &mut [MaybeUninit<Self::Handle>], dice: &mut Dice, times: u64) -> u64 {
        let mut sum = 0_u64;
        for word in 0..times {
            let place = &mut handles[dice.roll(handles.len())];
            // SAFETY: the caller's promise, kept by what is written below.
            let handle = unsafe { place.assume_init_read() };
            sum = sum.rotate_left(1).wrapping_add(opaque_mut(self).give(handle));
            place.write(opaque_mut(self).take(word));
        }
        sum
    }
}

/// What those hold that store values rather than blocks: as large as a block, and
/// no more of it is written.
#[derive(Clone, Copy)]
#[expect(unreachable_pub, reason = "the macro of heapless names it in a public trait")]
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
            "the loop alone" => $run::<Nothing>,
            "free list by hand" => $run::<FreeBlocks>,
            "blockwork BlockPool" => $run::<Blocks>,
            "blockwork BlockPool, PerChunk" => $run::<PerChunkBlocks>,
            "blockwork Slab" => $run::<Slots>,
            "blockwork SizeClasses" => $run::<Classes>,
            "slab" => $run::<Values>,
            "plurality" => $run::<Allocs>,
            "opool" => $run::<opool::Objects>,
            "object-pool" => $run::<object_pool::Objects>,
            "heapless box pool" => $run::<Boxes>,
            #[cfg(boost)]
            "Boost.Pool" => $run::<CppPool<Boost>>,
            #[cfg(cpp)]
            "std::pmr pool" => $run::<CppPool<Pmr>>,
            "mimalloc" => $run::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => $run::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => $run::<Malloc<tikv_jemallocator::Jemalloc>>,
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
        bars: &[Bar::times("blockwork BlockPool", 1.4)],
    },
    Workload {
        name: "fixed/random",
        operation: "a block of 100,000 that are allocated, then freed in random order, again and again",
        reference: "mimalloc",
        candidates: pools!(random),
        bars: &[Bar::times("blockwork BlockPool, PerChunk", 1.0)],
    },
    Workload {
        name: "fixed/churn",
        operation: "replace a random one of 10,000 blocks",
        reference: "free list by hand",
        candidates: pools!(churn),
        bars: &[Bar::times("blockwork BlockPool", 1.2)],
    },
    Workload {
        name: "fixed/cold",
        operation: "a block of 100,000 in a new pool that is dropped with all of them",
        reference: "slab",
        candidates: candidates![
            "free list by hand" => cold::<FreeBlocks>,
            "blockwork BlockPool" => cold::<Blocks>,
            "blockwork BlockPool, PerChunk" => cold::<PerChunkBlocks>,
            "blockwork BlockPool over a Memo" => cold::<BlocksOverMemo>,
            "blockwork BlockPool, one chunk" => cold::<BlocksInOne>,
            "blockwork Slab" => cold::<Slots>,
            "slab" => cold::<Values>,
            #[cfg(boost)]
            "Boost.Pool" => cold::<CppPool<Boost>>,
            #[cfg(cpp)]
            "std::pmr pool" => cold::<CppPool<Pmr>>,
            "mimalloc, each freed" => cold_each::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc, each freed" => cold_each::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc, each freed" => cold_each::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc, each freed" => cold_each::<Malloc<std::alloc::System>>,
        ],
        bars: &[Bar::times("blockwork BlockPool over a Memo", 1.0), Bar::times("blockwork BlockPool, one chunk", 1.0)],
    },
];

fn pair<P: Fixed>(run: &mut Run) {
    let pairs = run.size(50_000);
    let mut pool = P::new(16);
    let _stays_live = pool.take(0);
    run.rounds(pairs, || pool.pairs(pairs as u64));
}

/// Places for the handles of blocks, none of them taken yet.
pub(crate) fn places<H>(blocks: usize) -> Vec<MaybeUninit<H>> {
    (0..blocks).map(|_| MaybeUninit::uninit()).collect()
}

/// Allocates all blocks, then frees them in `order`.
fn cycles<P: Fixed>(run: &mut Run, order: &[usize]) {
    let mut pool = P::new(order.len());
    let mut handles = places(order.len());
    run.rounds(order.len(), || {
        pool.take_all(&mut handles);
        // SAFETY: taken above; an order names everything once.
        unsafe { pool.give_all(&handles, order) }
    });
}

fn lifo<P: Fixed>(run: &mut Run) {
    cycles::<P>(run, &(0..run.size(100_000)).rev().collect::<Vec<_>>());
}

fn random<P: Fixed>(run: &mut Run) {
    cycles::<P>(run, &Dice::new(7).order(run.size(100_000)));
}

fn churn<P: Fixed>(run: &mut Run) {
    let blocks = run.size(10_000);
    let mut pool = P::new(blocks);
    let mut handles = places(blocks);
    pool.take_all(&mut handles);
    let mut dice = Dice::new(1);
    // SAFETY: all were taken, and each that is given is taken again.
    run.rounds(blocks * 4, || unsafe { pool.replace(&mut handles, &mut dice, blocks as u64 * 4) });
}

fn cold<P: Fixed>(run: &mut Run) {
    let blocks = run.size(100_000);
    let mut handles = places(blocks);
    run.rounds(blocks, || {
        P::new(0).take_all(&mut handles);
        blocks as u64
    });
}

/// The same for those that have no pool to drop.
fn cold_each<P: Fixed>(run: &mut Run) {
    let blocks = run.size(100_000);
    let order: Vec<usize> = (0..blocks).collect();
    let mut handles = places(blocks);
    run.rounds(blocks, || {
        let mut pool = P::new(0);
        pool.take_all(&mut handles);
        // SAFETY: taken above; the order names everything once.
        unsafe { pool.give_all(&handles, &order) };
        blocks as u64
    });
}
