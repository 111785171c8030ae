//! The malloc: one for the whole of this program, beside the one that it has.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{
    Allocate, Check, Counted, Decommit, Describe, FutexLock, Heap, HeapPool, Malloc, Pages, PerThread, PooledHeap,
    Pow2, Quad, SpanPool, SpanPoolConfig, System, check_allocator, send_sync,
    testing::{Failing, When},
};

check_allocator!(malloc, |_| Malloc, .own_memory());
check_allocator!(heap, |_| Heap::new(Pages), .own_memory());
check_allocator!(heap_pool, |parent| HeapPool::<_, _, Quad<8192>, 2>::new(parent, System), .owns_spans());
check_allocator!(pooled_heap, |_| POOL.heap().unwrap(), .own_memory());
check_allocator!(per_thread, |_| &PER_THREAD, .own_memory());

static POOL: HeapPool<Pages, Pages, Pow2<16, 4096>, 0> = HeapPool::new(Pages, Pages);
// SAFETY: a static.
static PER_THREAD: PerThread<Pages, Pages> = unsafe { PerThread::new(HeapPool::new(Pages, Pages)) };
check_allocator!(
    decommit,
    |_| {
        let config = SpanPoolConfig { block: 4096, ..SpanPoolConfig::DEFAULT };
        // SAFETY: a pool over pages.
        unsafe { Decommit::new(SpanPool::try_new(Pages, config).unwrap(), 100_000) }
    },
    .own_memory()
);

send_sync! {
    Malloc: Send, Sync;
    FutexLock: Send, Sync;
    Decommit<SpanPool<Pages>>: Send, !Sync;
    Heap<Pages>: Send, !Sync;
    HeapPool<Pages, Pages>: Send, Sync;
    PooledHeap<'static, Pages, Pages>: Send, !Sync;
    PerThread<Pages, Pages>: Send, Sync;
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn every_block_is_described_as_it_was_granted() {
    for align in (0..=26).map(|log| 1_usize << log) {
        for size in (0..=25).flat_map(|log| [(1 << log) - 1, 1 << log, (1 << log) + 1]).filter(|&size| size != 0) {
            let layout = layout(size, align);
            let block = Malloc.allocate(layout).unwrap();
            let described = Malloc.describe(block).unwrap();
            assert_eq!(described.size(), Malloc.granted(layout), "{layout:?}");
            assert!(described.align() >= align, "{layout:?}");
            assert!(block.addr().get().is_multiple_of(align), "{layout:?}");
            // SAFETY: the last byte that is granted.
            let last = unsafe { block.add(described.size() - 1) };
            // SAFETY: as above.
            unsafe { last.write(1) }
            // SAFETY: allocated above.
            unsafe { Malloc.deallocate(block, layout) }
        }
    }
}

#[test]
fn addresses_of_others_are_not_described() {
    let local = 0_u64;
    let heap = Box::new(0_u64);
    for address in [NonNull::from(&local), NonNull::from(&*heap), NonNull::from(&STATIC)] {
        assert_eq!(Malloc.describe(address.cast()), None);
    }
    for bits in 4..usize::BITS {
        let address = NonNull::new(core::ptr::without_provenance_mut(1 << bits)).unwrap();
        assert_eq!(Malloc.describe(address), None);
    }
}

static STATIC: u64 = 0;

#[test]
fn a_heap_survives_whatever_request_its_parent_refuses() {
    for when in (0..10).map(When::Once).chain((2..5).map(When::Every)).chain((0..10).map(When::From)) {
        let parent = Failing::new(Counted::new(System), when);
        let heap = Heap::new(&parent);
        let mut blocks = Vec::new();
        for size in [1, 5000, 100_000, 300_000, 2 << 20].into_iter().cycle().take(100) {
            let layout = layout(size, 8);
            if let Ok(block) = heap.allocate(layout) {
                blocks.push((block, layout));
            }
            assert_eq!(heap.check(), Ok(()), "{when:?}");
        }
        assert!(parent.failures() != 0, "{when:?}");
        // Half of them; the others go with the heap.
        for (block, layout) in blocks.into_iter().step_by(2) {
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout) }
        }
        drop(heap);
        assert_eq!(parent.parent().counts().blocks_live, 0, "{when:?}");
    }
}
