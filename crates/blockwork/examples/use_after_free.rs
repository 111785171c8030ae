//! Reads a block after its end, or bytes that nobody has had yet, inside of memory
//! that its allocator still holds, for tools that watch memory to find:
//! `use_after_free <part>`, or `<part>_tail`.
//!
//! With `right` before the parts it reads nothing out of turn in any, and all is well.
//! `cargo xtask ci` runs it under Valgrind (feature `valgrind`) and under
//! `AddressSanitizer`, with each part that reads, and with all that do not.

use core::{alloc::Layout, hint::black_box, ptr::NonNull};
use std::{env, process::ExitCode};

use blockwork::{
    Allocate, Arena, ArenaConfig, BlockOf, BlockPool, BlockPoolConfig, Bump, ChunkSize, ConcurrentBlockPool,
    ConcurrentBlockPoolConfig, Const, Decommit, Memo, MixedSlab, Pages, PerChunk, Pool, Quad, Reset, SizeClasses, Slab,
    SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, System,
};

/// Every block.
const LAYOUT: Layout = Layout::new::<[u64; 8]>();

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (is_wrong, parts) = match &*arguments {
        ["right", parts @ ..] if !parts.is_empty() => (false, parts),
        parts @ [_] => (true, parts),
        _ => return ExitCode::FAILURE,
    };
    let is_right = |part: &&str| match part.strip_suffix("_tail") {
        Some(part) => go(part, Trip::Tail { is_wrong }),
        None => go(part, Trip::Freed { is_wrong }),
    };
    if parts.iter().all(is_right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is done with a part, and whether it goes wrong.
#[derive(Clone, Copy)]
enum Trip {
    /// A block is read after its end.
    Freed { is_wrong: bool },
    /// What lies behind the last block is read.
    Tail { is_wrong: bool },
}

fn go(part: &str, trip: Trip) -> bool {
    let pool = BlockPoolConfig { block: BlockOf::<64, 8>, chunk: ChunkSize::Blocks(10) };
    let shared = ConcurrentBlockPoolConfig { block: BlockOf::<64, 8>, chunk_size: 4096 };
    let slabs = SlabPolicy { slab_size: 4096, keep: 1 };
    match part {
        "block_pool" => BlockPool::try_new(System, pool).is_ok_and(|heap| trip.with(&heap)),
        "per_chunk" => BlockPool::try_with_policy(System, pool, PerChunk).is_ok_and(|heap| trip.with(&heap)),
        "concurrent_block_pool" => ConcurrentBlockPool::try_new(System, shared).is_ok_and(|heap| trip.with(&heap)),
        "slab" => Slab::try_new(System, SlabConfig { slot_size: Const::<64>, slab_size: Const::<4096>, keep: 1 })
            .is_ok_and(|heap| trip.with(&heap)),
        "mixed_slab" => MixedSlab::try_new(System, slabs).is_ok_and(|heap| trip.with(&heap)),
        "size_classes" => {
            SizeClasses::<Quad<1024>, SlabHead<_>, _>::try_new(System, slabs).is_ok_and(|heap| trip.with(&heap))
        }
        "span_pool" => SpanPool::try_new(System, SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT })
            .is_ok_and(|heap| trip.with(&heap)),
        // SAFETY: a pool over pages.
        "decommit" => SpanPool::try_new(Pages, SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT })
            .is_ok_and(|heap| trip.with(&unsafe { Decommit::new(heap, usize::MAX) })),
        "memo" => trip.with(&Memo::new(System, usize::MAX)),
        "bump" => {
            let mut heap = Bump::new(System, 4096);
            trip.with(&heap) && trip.until_reset(&mut heap)
        }
        "arena" => Arena::try_new(System, ArenaConfig::DEFAULT)
            .is_ok_and(|mut heap| trip.with(&heap) && trip.until_reset(&mut heap)),
        "typed_pool" => typed(trip),
        _ => false,
    }
}

impl Trip {
    fn with(self, heap: &impl Allocate) -> bool {
        match self {
            Self::Freed { is_wrong } => freed(heap, is_wrong),
            Self::Tail { is_wrong } => {
                let Ok(block) = heap.allocate(LAYOUT) else { return false };
                // SAFETY: 64 bytes that are ours.
                unsafe { block.write_bytes(1, LAYOUT.size()) };
                // SAFETY: memory of the allocator, if not ours.
                read(unsafe { block.add(LAYOUT.size()) }, is_wrong);
                // SAFETY: just allocated with this layout.
                unsafe { heap.deallocate(block, LAYOUT) };
                true
            }
        }
    }

    /// A block that ends with all others.
    fn until_reset<A: Allocate + Reset>(self, heap: &mut A) -> bool {
        let Ok(block) = heap.allocate(LAYOUT) else { return false };
        heap.reset();
        let (Self::Freed { is_wrong } | Self::Tail { is_wrong }) = self;
        read(block, is_wrong);
        self.with(heap)
    }
}

/// The same with a box in a typed pool.
fn typed(trip: Trip) -> bool {
    let pool = Pool::<[u64; 8], _>::new(System);
    let value = pool.alloc_box([1; 8]);
    let place = NonNull::from(&*value).cast::<u8>();
    match trip {
        Trip::Freed { is_wrong } => {
            drop(value);
            read(place, is_wrong);
        }
        // SAFETY: memory of the pool, in one of the next slots.
        Trip::Tail { is_wrong } => read(unsafe { place.add(128) }, is_wrong),
    }
    pool.alloc_box([1; 8]).iter().sum::<u64>() == 8
}

/// Allocates, frees, and reads what was freed if `is_wrong`; then a proper round.
fn freed(heap: &impl Allocate, is_wrong: bool) -> bool {
    let (Ok(block), Ok(stays)) = (heap.allocate(LAYOUT), heap.allocate(LAYOUT)) else { return false };
    // SAFETY: 64 bytes that are ours.
    unsafe { block.write_bytes(1, LAYOUT.size()) };
    // SAFETY: just allocated with this layout.
    unsafe { heap.deallocate(block, LAYOUT) };
    read(block, is_wrong);
    let Ok(again) = heap.allocate_zeroed(LAYOUT) else { return false };
    // SAFETY: 64 zeroes that are ours.
    let sum: u64 = unsafe { again.cast::<[u64; 8]>().read() }.iter().sum();
    // SAFETY: just allocated with this layout.
    unsafe { heap.deallocate(again, LAYOUT) };
    // SAFETY: allocated above with this layout.
    unsafe { heap.deallocate(stays, LAYOUT) };
    sum == 0
}

/// Reads from the middle of `block`, which is nobody's, if `is_wrong`.
fn read(block: NonNull<u8>, is_wrong: bool) {
    if is_wrong {
        // SAFETY: inside of what was the block.
        let middle = unsafe { block.add(32) };
        // SAFETY: none; that is the point. The memory is still the allocator's.
        if black_box(unsafe { middle.read_volatile() }) == 0 {
            black_box(());
        }
    }
}
