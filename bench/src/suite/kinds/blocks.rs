//! Blocks aligned to their size: kept when they are freed, or mapped each time.

use core::alloc::Layout;

use bench::opaque::{opaque, opaque_mut};
use blockwork::{Memo, Pages, SpanPool};

use super::{Bar, Workload, candidates, ranges::Ranges};
use crate::{
    peers::{blockwork::RangesOf, global::Malloc, nothing::OneRange},
    run::Run,
};

/// A table for blocks of `$size` bytes, of which one byte in `$step` is touched.
macro_rules! sizes {
    ($($name:literal, $operation:literal, $size:expr, $step:expr, $bars:expr;)+) => {
        &[$(Workload {
            name: $name,
            operation: $operation,
            reference: "Pages: mapped each time",
            candidates: candidates![
                "the loop alone" => |run| pairs::<OneRange>(run, $size, $step),
                "Pages: mapped each time" => |run| pairs::<RangesOf<Pages>>(run, $size, $step),
                "blockwork Memo over Pages" => |run| pairs::<RangesOf<Memo<Pages>>>(run, $size, $step),
                "blockwork SpanPool over Pages" => |run| pairs::<RangesOf<SpanPool<Pages>>>(run, $size, $step),
                "mimalloc" => |run| pairs::<Malloc<mimalloc::MiMalloc>>(run, $size, $step),
                "snmalloc" => |run| pairs::<Malloc<snmalloc_rs::SnMalloc>>(run, $size, $step),
                "jemalloc" => |run| pairs::<Malloc<tikv_jemallocator::Jemalloc>>(run, $size, $step),
                "system malloc" => |run| pairs::<Malloc<std::alloc::System>>(run, $size, $step),
            ],
            bars: $bars,
        }),+]
    };
}

/// A block that is kept costs 10 ns where one that is mapped costs microseconds.
const KEPT: &[Bar] =
    &[Bar::nanoseconds("blockwork Memo over Pages", 10.0), Bar::times("blockwork SpanPool over Pages", 0.01)];

/// Bytes in a page.
const PAGE: usize = 4096;

pub(super) const WORKLOADS: &[Workload] = sizes![
    "blocks/32K", "allocate 32 KiB, touch the first byte, free", 32 << 10, 32 << 10, KEPT;
    "blocks/64K", "allocate 64 KiB, touch the first byte, free", 64 << 10, 64 << 10, KEPT;
    "blocks/1M", "allocate 1 MiB, touch the first byte, free", 1 << 20, 1 << 20, KEPT;
    "blocks/4M", "allocate 4 MiB, touch the first byte, free", 4 << 20, 4 << 20, KEPT;
    "blocks/64K-pages", "allocate 64 KiB, touch every page, free", 64 << 10, PAGE, &[];
    "blocks/1M-pages", "allocate 1 MiB, touch every page, free", 1 << 20, PAGE, &[];
];

fn pairs<P: Ranges>(run: &mut Run, size: usize, step: usize) {
    let pairs = run.size(200);
    let layout = Layout::from_size_align(size, size).expect("a power of two");
    let mut ranges = P::new(size);
    // Neither pool nor allocator ever becomes empty.
    let stays_live = ranges.take(layout);
    run.rounds(pairs, || {
        let mut sum = 0_u64;
        for at in 0..pairs {
            let block = opaque(opaque_mut(&mut ranges).take(layout));
            assert_eq!(block.addr().get() % size, 0, "aligned to its size");
            for offset in (0..size).step_by(step) {
                // SAFETY: inside the block.
                let byte = unsafe { block.add(offset) };
                // SAFETY: ours until it is given back.
                unsafe { byte.write(at as u8) };
                // SAFETY: written above.
                sum = sum.wrapping_add(u64::from(unsafe { opaque(byte).read() }));
            }
            // SAFETY: taken above with this layout.
            unsafe { opaque_mut(&mut ranges).give(block, layout) };
        }
        sum
    });
    // SAFETY: taken above with this layout.
    unsafe { ranges.give(stays_live, layout) };
}
