//! The malloc: one for the whole of this program, beside the one that it has.

use core::{alloc::Layout, ptr::NonNull};
use std::{sync::Mutex, thread};

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
fn a_block_that_is_to_be_aligned_to_more_moves_if_it_must() {
    // SAFETY: live.
    let reallocate = |block, layout| unsafe { Malloc.reallocate(block, layout) }.unwrap();
    // SAFETY: live.
    aligned_to_more(&Malloc, reallocate, |block| unsafe { Malloc.free(block.as_ptr()) });
}

/// Blocks of every kind, with room behind them to stay where they are: each is asked to
/// be larger, and aligned as it is not unless by chance.
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
pub(crate) fn aligned_to_more(
    malloc: &impl Describe,
    reallocate: impl Fn(NonNull<u8>, Layout) -> NonNull<u8>,
    free: impl Fn(NonNull<u8>),
) {
    for size in [40, 1000, 20_000, 200_000, 3 << 20, 18 << 20] {
        for align in [64, 1 << 12, 1 << 16, 1 << 17, 1 << 22] {
            // The first of a slab among them.
            let count = (250_000 / size).clamp(4, 2000);
            let blocks: Vec<_> = (0..count).map(|_| malloc.allocate(layout(3 * size, 16)).unwrap()).collect();
            for block in blocks {
                let block = reallocate(block, layout(size, 16));
                // SAFETY: a live block of that size.
                unsafe { block.write_bytes(5, size) }
                let block = reallocate(block, layout(2 * size, align));
                assert!(block.addr().get().is_multiple_of(align), "{size}, {align}: {block:?}");
                assert!(malloc.describe(block).unwrap().size() >= 2 * size, "{size}, {align}");
                // SAFETY: live, and longer than that.
                let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), size) };
                assert!(bytes.iter().step_by(7).all(|&byte| byte == 5), "{size}, {align}");
                free(block);
            }
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

/// A block on its way between threads.
struct Parcel(NonNull<u8>, Layout);
// SAFETY: blocks of the malloc may change threads.
unsafe impl Send for Parcel {}

/// Threads allocate, free what others have, and end; some blocks stay.
#[expect(clippy::arithmetic_side_effects, reason = "small numbers")]
fn flurry(threads: usize) -> Vec<Parcel> {
    let between = Mutex::new(Vec::<Parcel>::new());
    thread::scope(|scope| {
        let all = (0..threads).map(|number| {
            let between = &between;
            scope.spawn(move || {
                for turn in 0..1500_usize {
                    let size = 1 + (turn * 7919 + number * 104_729) % [40, 300, 3000, 30_000, 200_000][turn % 5];
                    let layout = layout(size, 8);
                    let block = Malloc.allocate(layout).unwrap();
                    between.lock().unwrap().push(Parcel(block, layout));
                    if between.lock().unwrap().len() > 300 {
                        let all = &mut *between.lock().unwrap();
                        let gone = all.swap_remove((turn * 31 + number) % all.len());
                        // SAFETY: allocated with this layout, and given once.
                        unsafe { Malloc.deallocate(gone.0, gone.1) }
                    }
                }
            })
        });
        // To their very end, with what they leave behind.
        all.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    });
    between.into_inner().unwrap()
}

/// What the malloc says that it has out is `live`, of every class, and spans are slabs
/// or blocks.
#[expect(clippy::arithmetic_side_effects, reason = "small numbers")]
fn census(live: &[Parcel]) -> Result<(), String> {
    Malloc.trim();
    let stats = Malloc.stats();
    let of = |size: usize| live.iter().filter(|parcel| Malloc.granted(parcel.1) == size).count();
    for class in &stats.classes {
        if class.blocks_used != of(class.size) {
            return Err(format!("{} blocks of {} are live, {} are out", of(class.size), class.size, class.blocks_used));
        }
    }
    let largest = stats.classes.iter().map(|class| class.size).max().unwrap();
    let spans = live.iter().map(|parcel| Malloc.granted(parcel.1)).filter(|&size| size > largest);
    let (count, bytes) = spans.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    let slabs: usize = stats.classes.iter().map(|class| class.slabs).sum();
    let found = (stats.spans, stats.span_bytes, stats.chunk_bytes_live);
    let expected = (count, bytes, bytes + slabs * 65_536);
    if found == expected { Ok(()) } else { Err(format!("spans: {found:?}, not {expected:?}")) }
}

/// carved = live + free + in flight, when all is quiet: in a process where nobody else
/// uses the malloc. A block that is lost there is missed.
#[test]
fn no_block_is_lost_among_threads_that_come_and_go() {
    const INSIDE: &str = "BLOCKWORK_TEST_ALONE";
    if std::env::var_os(INSIDE).is_none() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let name = "malloc::no_block_is_lost_among_threads_that_come_and_go";
        let run = command.args([name, "--exact", "--test-threads=1"]).env(INSIDE, "1").output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
        assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
        return;
    }
    for round in 0..8 {
        let mut live = flurry(1 + round % 5);
        assert_eq!(census(&live), Ok(()));
        let lost = live.swap_remove(round * 17 % live.len());
        assert!(census(&live).is_err(), "a lost block is not missed");
        live.push(lost);
        for Parcel(block, layout) in live {
            // SAFETY: allocated with this layout, and given once.
            unsafe { Malloc.deallocate(block, layout) }
        }
        assert_eq!(census(&[]), Ok(()));
    }
}

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
