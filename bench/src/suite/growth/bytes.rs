//! With the bytes in a block.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::{opaque, opaque_mut};
use blockwork::{Memo, Pages, SpanPool, System};

use super::{
    Growth, curves,
    peers::{HeapRanges, Ours},
};
use crate::{
    kinds::ranges::Ranges,
    peers::{blockwork::RangesOf, global::Malloc},
    run::{Dice, Run},
};

pub(super) const GROWTHS: &[Growth] = &[
    Growth {
        name: "growth/size",
        operation: "replace a random one of 100 live blocks of this size",
        axis: "bytes in a block",
        points: &[8, 32, 128, 512, 2 << 10, 8 << 10, 32 << 10, 128 << 10, 512 << 10],
        curves: curves![
            "blockwork Heap" => churn::<HeapRanges>,
            "blockwork Malloc" => churn::<Malloc<Ours>>,
            "blockwork Memo" => churn::<RangesOf<Memo<System>>>,
            "mimalloc" => churn::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => churn::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => churn::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc" => churn::<Malloc<std::alloc::System>>,
        ],
    },
    Growth {
        name: "growth/aligned",
        operation: "a block aligned to its size: allocate, touch its first byte, free",
        axis: "bytes in a block",
        points: &[4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20],
        curves: curves![
            "blockwork Memo over Pages" => aligned::<RangesOf<Memo<Pages>>>,
            "blockwork SpanPool over Pages" => aligned::<RangesOf<SpanPool<Pages>>>,
            "blockwork Malloc" => aligned::<Malloc<Ours>>,
            "Pages: mapped each time" => aligned::<RangesOf<Pages>>,
            "mimalloc" => aligned::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => aligned::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => aligned::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc" => aligned::<Malloc<std::alloc::System>>,
        ],
    },
];

/// Live blocks of one size.
const LIVE: usize = 100;

fn churn<P: Ranges>(run: &mut Run, size: usize) {
    let times = run.size(2_000);
    let layout = Layout::from_size_align(size, 8).expect("a power of two");
    let mut pool = P::new(4096);
    let mut dice = Dice::new(1);
    let mut blocks: Vec<NonNull<u8>> = (0..LIVE as u64).map(|word| taken(&mut pool, layout, word)).collect();
    run.rounds(times, || {
        let mut sum = 0_u64;
        for word in 0..times as u64 {
            let place = &mut blocks[dice.roll(LIVE)];
            // SAFETY: written when it was taken.
            sum = sum.rotate_left(1).wrapping_add(unsafe { place.cast::<u64>().read() });
            // SAFETY: taken with this layout, and replaced below.
            unsafe { opaque_mut(&mut pool).give(*place, layout) };
            *place = taken(&mut pool, layout, word);
        }
        sum
    });
}

#[inline(always)]
fn taken<P: Ranges>(pool: &mut P, layout: Layout, word: u64) -> NonNull<u8> {
    let block = opaque_mut(pool).take(layout);
    // SAFETY: at least a word, aligned for it.
    unsafe { block.cast::<u64>().write(word) };
    block
}

fn aligned<P: Ranges>(run: &mut Run, size: usize) {
    let pairs = run.size(100);
    let layout = Layout::from_size_align(size, size).expect("a power of two");
    let mut pool = P::new(size);
    // Neither pool nor allocator ever becomes empty.
    let stays_live = pool.take(layout);
    run.rounds(pairs, || {
        let mut sum = 0_u64;
        for at in 0..pairs {
            let block = opaque(opaque_mut(&mut pool).take(layout));
            // SAFETY: at least a byte, and ours until it is given back.
            unsafe { block.write(at as u8) };
            // SAFETY: written above.
            sum = sum.wrapping_add(u64::from(unsafe { opaque(block).read() }));
            // SAFETY: taken above with this layout.
            unsafe { opaque_mut(&mut pool).give(block, layout) };
        }
        sum
    });
    // SAFETY: taken above with this layout.
    unsafe { pool.give(stays_live, layout) };
}
