//! `ConcurrentBlockPool` through every law, as a static, and among threads.

use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};
use std::thread;

use blockwork::{
    Allocate, BlockAt, BlockOf, Buffer, Bump, Check, ConcurrentBlockPool, ConcurrentBlockPoolConfig, Counted, Growing,
    InBuffer, Locked, SpanPool, SpanPoolConfig, SpinLock, System, Valid, check_allocator, send_sync, suite,
    testing::{Bound, Failing, Local, Misaligned, Parent, Shared, Tied, When, pairs},
};

fn pool<A: Allocate>(parent: A, size: usize, align: usize, chunk_size: usize) -> ConcurrentBlockPool<A, BlockAt> {
    let config = ConcurrentBlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk_size };
    ConcurrentBlockPool::try_new(parent, config).unwrap()
}

fn region(parent: Parent<'_>) -> Buffer<'_> {
    Buffer::new(parent.region(Layout::from_size_align(10_001, 1).unwrap()))
}

check_allocator!(concurrent, |parent| pool(parent, 48, 16, 512), .owns_spans().max_size(48).max_align(16));
check_allocator!(concurrent_one, |parent| pool(parent, 1, 1, 32), .owns_spans().max_size(8).max_align(8));
check_allocator!(
    concurrent_paged,
    |parent| {
        let config = ConcurrentBlockPoolConfig { block: BlockOf::<640, 128>, chunk_size: 8192 };
        ConcurrentBlockPool::try_new(parent, config).unwrap()
    },
    .owns_spans().max_size(640).max_align(128)
);
check_allocator!(
    concurrent_buffer,
    |parent| ConcurrentBlockPool::new_all(region(parent), BlockOf::<48, 16>),
    .own_memory().max_size(48).max_align(16)
);
check_allocator!(
    concurrent_buffer_value,
    |parent| ConcurrentBlockPool::new_all(region(parent), BlockAt::new(24, 8).unwrap()),
    .own_memory().max_size(24).max_align(8)
);

#[test]
fn a_concurrent_pool_stands_over_other_parts_and_under_them() {
    let concurrent =
        suite!("concurrent", |parent| pool(parent, 1024, 64, 4096), .owns_spans().max_size(1024).max_align(64));
    let small = suite!("small", |parent| pool(parent, 48, 16, 512), .owns_spans().max_size(48).max_align(16));
    let counted = suite!("counted", |parent| Counted::new(parent));
    let misaligned = suite!("misaligned", |parent| Misaligned::new(parent));
    let failing = suite!("failing", |parent| Failing::new(parent, When::Never));
    let spans = suite!(
        "spans",
        |parent| SpanPool::try_new(parent, SpanPoolConfig { block: 4096, ..SpanPoolConfig::DEFAULT }).unwrap(),
        .owns_spans()
    );
    for other in [&counted, &misaligned, &failing, &spans] {
        concurrent.over(other).run();
    }
    small.over(&concurrent).run();
    let wrappers = [counted, misaligned];
    pairs(&wrappers).for_each(|pair| small.over(&pair).run());
}

send_sync! {
    ConcurrentBlockPool<Shared, BlockAt>: Send, Sync;
    ConcurrentBlockPool<Local, BlockOf<8>>: Send, !Sync;
    ConcurrentBlockPool<Bound, BlockAt>: !Send, Sync;
    ConcurrentBlockPool<Tied, BlockOf<8>, Growing>: !Send, !Sync;
    ConcurrentBlockPool<Buffer<'static>, BlockOf<8>, InBuffer>: Send, Sync;
    ConcurrentBlockPool<Buffer<'static>, BlockOf<8>, Growing>: Send, !Sync;
}

const CONFIG: Valid<ConcurrentBlockPoolConfig<BlockOf<64, 16>>> =
    match (ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: 4096 }).check() {
        Ok(config) => config,
        Err(_) => panic!("the configuration is valid"),
    };

/// Over the system's allocator.
static GROWING: ConcurrentBlockPool<System, BlockOf<64, 16>> = ConcurrentBlockPool::new(System, CONFIG);
/// Over another one.
static STACKED: ConcurrentBlockPool<&ConcurrentBlockPool<Locked<Bump<System>, SpinLock>, BlockAt>, BlockOf<64, 16>> =
    ConcurrentBlockPool::new(&UNDER, CONFIG);
static UNDER: ConcurrentBlockPool<Locked<Bump<System>, SpinLock>, BlockAt> =
    ConcurrentBlockPool::new(Locked::with_lock(Bump::new(System, 1 << 22), SpinLock::new()), UNDER_CONFIG);
const UNDER_CONFIG: Valid<ConcurrentBlockPoolConfig<BlockAt>> = {
    let Ok(block) = BlockAt::new(4096, 4096) else { panic!("a good shape") };
    match (ConcurrentBlockPoolConfig { block, chunk_size: 1 << 16 }).check() {
        Ok(config) => config,
        Err(_) => panic!("the configuration is valid"),
    }
};
/// In memory of the program's image: no parent, no lock, no operating system.
static FIXED: ConcurrentBlockPool<Buffer<'static>, BlockOf<64, 16>, InBuffer> = {
    static mut REGION: [MaybeUninit<u8>; 68 * 1000 + 16] = [MaybeUninit::uninit(); 68 * 1000 + 16];
    #[expect(static_mut_refs, reason = "the only one")]
    // SAFETY: nobody else can name it.
    ConcurrentBlockPool::new_all(Buffer::new(unsafe { &mut REGION }), BlockOf)
};

/// Two threads take half of `blocks` each, sign them, and free those that the
/// other one took.
fn serves(pool: &'static (impl Allocate + Check + Sync), blocks: usize) {
    struct Held(NonNull<u64>);
    // SAFETY: a block belongs to whoever holds it.
    unsafe impl Send for Held {}

    const BLOCK: Layout = Layout::new::<[u64; 8]>();
    let threads = [1, 2].map(|name: u64| {
        thread::spawn(move || {
            let blocks = (0..blocks / 2).map(|_| Held(pool.allocate(BLOCK).unwrap().cast()));
            // SAFETY: a live block.
            blocks.inspect(|block| unsafe { block.0.write(name) }).collect::<Vec<_>>()
        })
    });
    let [first, second] = threads.map(|thread| thread.join().unwrap());
    let threads = [(2, second), (1, first)].map(|(name, blocks)| {
        thread::spawn(move || {
            for Held(block) in blocks {
                // SAFETY: a live block, signed when it was taken.
                assert_eq!(unsafe { block.read() }, name);
                // SAFETY: taken with this layout, and given once.
                unsafe { pool.deallocate(block.cast(), BLOCK) };
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(pool.check(), Ok(()));
}

#[test]
fn a_static_pool_serves_all_threads_before_main_has_done_anything() {
    for _ in 0..3 {
        serves(&GROWING, 2000);
        serves(&STACKED, 2000);
        serves(&FIXED, FIXED.blocks_max());
    }
    assert_eq!((GROWING.blocks_live(), FIXED.blocks_live(), FIXED.blocks_max()), (0, 0, 1000));
    assert_eq!(GROWING.chunks(), 2000_usize.div_ceil(GROWING.blocks_per_chunk()));
    assert_eq!(UNDER.blocks_live(), STACKED.chunks() + 1, "its chunks and their table");
}
