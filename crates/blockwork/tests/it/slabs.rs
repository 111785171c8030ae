//! Slabs, size classes and what divides requests between them and others,
//! through every law.

use core::alloc::Layout;
use std::{
    sync::{Barrier, Mutex},
    thread,
};

use blockwork::{
    Allocate, BlockPoolHead, BlockPoolPolicy, ChunkSize, Const, Counted, Listed, Locked, MixedSlab, Pow2, Quad,
    Segregate, SizeClasses, Sizes, Slab, SlabConfig, SlabHead, SlabPolicy, System, UpTo, Within, check_allocator,
    math::size_class::Initial,
    send_sync,
    testing::{Bound, Local, Parent, Shared, Tied},
};

const KIB: usize = 1024;

/// What the harness's parent counts for so many slabs: it rounds up.
const fn kept(slabs: usize, size: usize) -> usize {
    slabs.saturating_mul(size.saturating_add(112))
}

/// Sizes that leave gaps in alignment.
#[derive(Clone, Copy, Debug, Default)]
struct Gaps;

impl Sizes for Gaps {
    const SIZES: &'static [usize] = &[16, 24, 48, 200, 1000];
    type PerSize<T: Initial> = [T; 5];
}

type Slots<A> = Slab<A, Const<48>, Const<1024>>;

fn slots<A: Allocate>(parent: A, keep: usize) -> Slots<A> {
    Slab::try_new(parent, SlabConfig { slot_size: Const, slab_size: Const, keep }).unwrap()
}

fn mixed<A: Allocate>(parent: A, slab_size: usize, keep: usize) -> MixedSlab<A> {
    MixedSlab::try_new(parent, SlabPolicy { slab_size, keep }).unwrap()
}

type Quads<A> = SizeClasses<Quad<1024>, SlabHead<Const<4096>>, A>;

fn quads<A: Allocate>(parent: A) -> Quads<A> {
    SizeClasses::try_new(parent, SlabPolicy { slab_size: Const, keep: 1 }).unwrap()
}

fn listed<A: Allocate>(parent: A) -> SizeClasses<Listed<Gaps>, SlabHead<usize>, A> {
    SizeClasses::try_new(parent, SlabPolicy { slab_size: 2 * KIB, keep: 0 }).unwrap()
}

/// Small blocks from size classes, the rest from the same parent.
fn heap(parent: Parent<'_>) -> Segregate<UpTo<1024>, Quads<Parent<'_>>, Parent<'_>> {
    Segregate::new(UpTo, quads(parent), parent)
}

check_allocator!(slab, |parent| slots(parent, 0), .owns_spans().retains(0).max_size(48).max_align(16));
check_allocator!(slab_keeping, |parent| slots(parent, 1), .owns_spans().retains(kept(1, KIB)).max_size(48).max_align(16));
check_allocator!(slab_keeping_more, |parent| slots(parent, 3), .owns_spans().retains(kept(3, KIB)).max_size(48).max_align(16));
check_allocator!(
    slab_of_few_slots,
    |parent| Slab::try_new(parent, SlabConfig { slot_size: 320, slab_size: KIB, keep: 1 }).unwrap(),
    .owns_spans().retains(kept(1, KIB)).max_size(320).max_align(64)
);
check_allocator!(
    slab_of_many_slots,
    |parent| Slab::try_new(parent, SlabConfig { slot_size: 8, slab_size: 64 * KIB, keep: 1 }).unwrap(),
    .owns_spans().retains(kept(1, 64 * KIB)).max_size(8).max_align(8)
);
check_allocator!(mixed_slab, |parent| mixed(parent, 256, 0), .owns_spans().retains(0));
check_allocator!(mixed_slab_keeping, |parent| mixed(parent, 4 * KIB, 2), .owns_spans().retains(kept(2, 4 * KIB)));
check_allocator!(
    mixed_slab_of_small_blocks,
    |parent| mixed(parent, KIB, 1),
    .owns_spans().retains(kept(1, KIB)).max_size(200).max_align(64)
);
check_allocator!(size_classes, |parent| quads(parent), .owns_spans().retains(kept(20, 4 * KIB)).max_size(1024));
check_allocator!(size_classes_listed, |parent| listed(parent), .owns_spans().retains(0).max_size(1000));
check_allocator!(
    size_classes_of_powers,
    |parent| {
        let slabs = SlabPolicy { slab_size: Const::<8192>, keep: 2 };
        SizeClasses::<Pow2<8, 2048>, SlabHead<_>, _>::try_new(parent, slabs).unwrap()
    },
    .owns_spans().retains(kept(18, 8 * KIB)).max_size(2048)
);
check_allocator!(
    size_classes_of_pools,
    |parent| {
        let pools = BlockPoolPolicy { chunk: ChunkSize::Blocks(5) };
        SizeClasses::<Quad<1024>, BlockPoolHead, _>::try_new(parent, pools).unwrap()
    },
    .owns_spans().max_size(1024)
);
check_allocator!(
    size_classes_of_pools_listed,
    |parent| {
        let pools = BlockPoolPolicy { chunk: ChunkSize::Bytes(2 * KIB) };
        SizeClasses::<Listed<Gaps>, BlockPoolHead, _>::try_new(parent, pools).unwrap()
    },
    .owns_spans().max_size(1000)
);
check_allocator!(segregate, |parent| heap(parent), .retains(kept(20, 4 * KIB)));
check_allocator!(segregate_at_run_time, |parent| Segregate::new(UpTo::at(100), quads(parent), parent), .retains(kept(20, 4 * KIB)));
check_allocator!(
    segregate_within_gaps,
    |parent| Segregate::new(Within::new(Listed::<Gaps>::new()), listed(parent), parent),
    .retains(0)
);
check_allocator!(segregate_of_parents, |parent| Segregate::new(UpTo::at(1000), parent, Counted::new(parent)), .retains(0));
check_allocator!(
    segregate_of_three,
    |parent| Segregate::new(UpTo::<48>, slots(parent, 1), Segregate::new(UpTo::<1024>, quads(parent), parent)),
    .retains(kept(21, 4 * KIB))
);

send_sync! {
    Slab<Shared>: Send, !Sync;
    Slab<Local>: Send, !Sync;
    Slab<Bound>: !Send, !Sync;
    Slab<Tied>: !Send, !Sync;

    MixedSlab<Shared>: Send, !Sync;
    MixedSlab<Local>: Send, !Sync;
    MixedSlab<Bound>: !Send, !Sync;
    MixedSlab<Tied>: !Send, !Sync;

    SizeClasses<Quad<1024>, SlabHead<usize>, Shared>: Send, !Sync;
    SizeClasses<Quad<1024>, SlabHead<usize>, Local>: Send, !Sync;
    SizeClasses<Quad<1024>, SlabHead<usize>, Bound>: !Send, !Sync;
    SizeClasses<Quad<1024>, SlabHead<usize>, Tied>: !Send, !Sync;

    SizeClasses<Quad<1024>, BlockPoolHead, Shared>: Send, !Sync;
    SizeClasses<Quad<1024>, BlockPoolHead, Local>: Send, !Sync;
    SizeClasses<Quad<1024>, BlockPoolHead, Bound>: !Send, !Sync;
    SizeClasses<Quad<1024>, BlockPoolHead, Tied>: !Send, !Sync;

    Segregate<UpTo<64>, Shared, Shared>: Send, Sync;
    Segregate<UpTo<64>, Shared, Local>: Send, !Sync;
    Segregate<UpTo<64>, Bound, Shared>: !Send, Sync;
    Segregate<UpTo<64>, Shared, Tied>: !Send, !Sync;
}

type Small = SizeClasses<Quad<2048>, SlabHead<Const<65536>>, System>;

static HEAP: Locked<Segregate<UpTo<2048>, Small, System>> = Locked::new(Segregate::new(
    UpTo,
    match (SlabPolicy { slab_size: Const::<65536>, keep: 1 }).check() {
        Ok(slabs) => SizeClasses::new(System, slabs),
        Err(_) => panic!("the classes fit"),
    },
    System,
));

#[test]
fn a_static_heap_of_size_classes_serves_every_thread() {
    let (spans, all_live) = (Mutex::new(Vec::new()), Barrier::new(4));
    let work = || {
        let layouts = (1..4000).map(|size| Layout::from_size_align(size, 1 << (size % 7)).unwrap());
        let blocks: Vec<_> = layouts.map(|layout| (HEAP.allocate(layout).unwrap(), layout)).collect();
        spans.lock().unwrap().extend(blocks.iter().map(|&(block, layout)| (block.addr().get(), layout)));
        all_live.wait();
        for (block, layout) in blocks {
            // SAFETY: allocated above with this layout.
            unsafe { HEAP.deallocate(block, layout) };
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let mut spans = spans.into_inner().unwrap();
    spans.sort_by_key(|&(at, _)| at);
    assert!(spans.windows(2).all(|pair| pair[0].0 + HEAP.granted(pair[0].1) <= pair[1].0));
    assert!(spans.iter().all(|&(at, layout)| at.is_multiple_of(layout.align())));
}
