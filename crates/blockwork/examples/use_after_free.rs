//! Reads a block after its end, inside of memory that its allocator still holds,
//! for tools that watch memory to find: `use_after_free <part>`.
//!
//! With `right` before the part it reads nothing out of turn, and all is well.
//! `cargo xtask ci` runs it under Valgrind (feature `valgrind`) and under
//! `AddressSanitizer`, with each part.

use core::{alloc::Layout, hint::black_box, ptr::NonNull};
use std::{env, process::ExitCode};

use blockwork::{
    Allocate, BlockOf, BlockPool, BlockPoolConfig, Bump, ChunkSize, Const, Memo, MixedSlab, PerChunk, Quad, Reset,
    SizeClasses, Slab, SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, System,
};

/// Every block.
const LAYOUT: Layout = Layout::new::<[u64; 8]>();

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (is_wrong, part) = match *arguments {
        ["right", part] => (false, part),
        [part] => (true, part),
        _ => return ExitCode::FAILURE,
    };
    let pool = BlockPoolConfig { block: BlockOf::<64, 8>, chunk: ChunkSize::Blocks(10) };
    let slabs = SlabPolicy { slab_size: 4096, keep: 1 };
    match part {
        "block_pool" => BlockPool::try_new(System, pool).map(|heap| trip(&heap, is_wrong)),
        "per_chunk" => BlockPool::try_with_policy(System, pool, PerChunk).map(|heap| trip(&heap, is_wrong)),
        "slab" => Slab::try_new(System, SlabConfig { slot_size: Const::<64>, slab_size: Const::<4096>, keep: 1 })
            .map(|heap| trip(&heap, is_wrong)),
        "mixed_slab" => MixedSlab::try_new(System, slabs).map(|heap| trip(&heap, is_wrong)),
        "size_classes" => {
            SizeClasses::<Quad<1024>, SlabHead<_>, _>::try_new(System, slabs).map(|heap| trip(&heap, is_wrong))
        }
        "span_pool" => SpanPool::try_new(System, SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT })
            .map(|heap| trip(&heap, is_wrong)),
        "memo" => Ok(trip(&Memo::new(System, usize::MAX), is_wrong)),
        "bump" => {
            let mut heap = Bump::new(System, 4096);
            let block = heap.allocate(LAYOUT);
            heap.reset();
            Ok(block.map(|block| read(block, is_wrong)).is_ok())
        }
        _ => return ExitCode::FAILURE,
    }
    .map_or(ExitCode::FAILURE, |is_done| if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Allocates, frees, and reads what was freed if `is_wrong`; then a proper round.
fn trip(heap: &impl Allocate, is_wrong: bool) -> bool {
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

/// Reads from the middle of `block`, which is freed, if `is_wrong`.
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
