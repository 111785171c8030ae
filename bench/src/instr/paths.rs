//! The paths, cheapest first.

use std::{alloc::Layout, hint::black_box, mem::MaybeUninit, ptr::NonNull, rc::Rc, sync::Mutex};

use bench::{
    by_hand::{FreeList, OneClass, treiber::Treiber},
    fine::fine,
    opaque::{opaque, opaque_mut, opaque_ref, opaque_value},
};
use blockwork::{
    Allocate, Arena, ArenaConfig, ArenaString, ArenaVec, BlockAt, BlockOf, BlockPool, BlockPoolConfig, BlockShape,
    Buffer, Bump, Chain, ChunkSize, ConcurrentBlockPool, ConcurrentBlockPoolConfig, Const, FreePolicy, Handle, Lifo,
    List, Lock, Locked, Memo, Pages, PerChunk, Pool, PoolBox, Quad, Region, Segregate, SizeClasses, SlabHead,
    SlabPolicy, SpanPool, SpanPoolConfig, SpinLock, Spool, System, ThreadCached, Unwind, UpTo, handle,
};

/// Something whose cost is counted.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// What a round may cost at most, net of the empty loop.
    pub(crate) bar: Option<f64>,
    pub(crate) run: fn(u64),
}

pub(crate) const PATHS: &[Path] = &[
    Path { name: EMPTY, bar: None, run: empty_loop },
    Path { name: "free list by hand: pop, push", bar: None, run: free_list_by_hand },
    Path { name: "block pool: alloc_block, free_block", bar: Some(8.0), run: block_pool_blocks },
    Path { name: "block pool: allocate, deallocate", bar: Some(8.0), run: block_pool_layouts },
    Path { name: "tagged stack with links in blocks, by hand", bar: None, run: treiber_by_hand },
    Path { name: "concurrent pool in a buffer", bar: Some(TREIBER + 4.0), run: concurrent_in_buffer },
    Path { name: "concurrent pool in a buffer, stride a value", bar: None, run: concurrent_in_buffer_value },
    Path { name: "concurrent pool over a parent", bar: None, run: concurrent_growing },
    Path { name: "block pool behind a spin lock", bar: None, run: block_pool_locked },
    Path { name: "block pool per chunk: alloc_block, free_block", bar: Some(28.0), run: block_pool_per_chunk },
    Path { name: "typed pool: a box of a word", bar: Some(8.0), run: typed_pool_box },
    Path { name: "typed pool: a box in a shared pool", bar: None, run: typed_pool_shared_box },
    Path { name: "typed pool: insert, remove by key", bar: None, run: typed_pool_key },
    Path { name: "typed pool: get by key", bar: None, run: typed_pool_get },
    Path { name: "bump: 8 bytes", bar: Some(7.0), run: bump_8 },
    Path { name: "arena: 8 bytes", bar: Some(7.0), run: arena_8 },
    Path { name: "arena: a value of 8 bytes", bar: Some(8.0), run: arena_value },
    Path { name: "arena: layout at run time", bar: Some(20.0), run: arena_run_time },
    Path { name: "std vec: push", bar: None, run: std_vec_push },
    Path { name: "arena: vec push", bar: Some(VEC_PUSH), run: arena_vec_push },
    Path { name: "list over spans: push", bar: Some(VEC_PUSH), run: list_push::<Spanned> },
    // The system's allocator cannot grow a block where it is, so each growth is a copy, and callgrind counts its bytes.
    Path { name: "list over system: push", bar: None, run: list_push::<System> },
    Path { name: "std vec: push, with capacity", bar: None, run: std_vec_push_within },
    // At most a twentieth more than the vector.
    Path { name: "list: push, with capacity", bar: Some(7.3), run: list_push_within },
    Path { name: "std string: push_str of 7 bytes", bar: None, run: std_push_str },
    Path { name: "arena: push_str of 7 bytes", bar: Some(45.0), run: arena_push_str },
    Path { name: "one class of slabs by hand: 64 bytes", bar: None, run: one_class_by_hand },
    Path { name: "size-class heap: 64 bytes", bar: Some(ONE_CLASS), run: heap_64 },
    Path { name: "size-class heap, counted: 64 bytes", bar: None, run: heap_counted_64 },
    // Off by its type, sampling is not there.
    Path { name: "size-class heap, sampled off by type: 64 bytes", bar: Some(ONE_CLASS), run: heap_sampled_never_64 },
    Path { name: "size-class heap, sampled off: 64 bytes", bar: None, run: |rounds| heap_sampled_64(rounds, 0) },
    Path { name: "size-class heap, sampled: 64 bytes", bar: None, run: |rounds| heap_sampled_64(rounds, 512 << 10) },
    Path { name: "size-class heap, recorded off: 64 bytes", bar: None, run: |rounds| heap_recorded_64(rounds, false) },
    Path { name: "size-class heap, recorded: 64 bytes", bar: None, run: |rounds| heap_recorded_64(rounds, true) },
    Path { name: "size-class heap: layout at run time", bar: Some(42.0), run: heap_run_time },
    Path { name: "fine size classes: layout at run time", bar: None, run: fine_run_time },
    Path { name: "size-class heap behind dyn: 64 bytes", bar: None, run: heap_dyn },
    Path { name: "memo over system: 64 bytes", bar: None, run: memo_64 },
    Path {
        name: "locked block pool, spin lock: 64 bytes",
        bar: None,
        run: |rounds| locked_64(SpinLock::new(), rounds),
    },
    Path {
        name: "locked block pool, lock of spin: 64 bytes",
        bar: None,
        run: |rounds| locked_64(spin::lock_api::Mutex::new(()), rounds),
    },
    Path {
        name: "locked block pool, parking_lot: 64 bytes",
        bar: None,
        run: |rounds| locked_64(parking_lot::Mutex::new(()), rounds),
    },
    Path { name: "locked block pool, std: 64 bytes", bar: None, run: |rounds| locked_64(Mutex::new(()), rounds) },
    Path { name: "thread cache of one size: 64 bytes", bar: Some(28.0), run: thread_cached_one },
    Path { name: "thread cache of classes: 64 bytes", bar: Some(28.0), run: thread_cached_classes },
    Path { name: "thread cache of classes: layout at run time", bar: None, run: thread_cached_run_time },
    Path { name: "memo over pages: 64 KiB", bar: Some(30.0), run: memo_pages },
    Path { name: "span pool: 8 KiB, 100 live", bar: Some(SPAN), run: |rounds| span_pool_8k(rounds, 100) },
    Path {
        name: "span pool: 8 KiB, 1000000 live",
        bar: Some(SPAN * 1.1),
        run: |rounds| span_pool_8k(rounds, 1_000_000),
    },
    Path { name: EMPTY_CHURN, bar: None, run: empty_churn },
    Path { name: CHURN_FEW, bar: None, run: |rounds| span_pool_churn(rounds, 100, 1) },
    Path { name: CHURN_MANY, bar: None, run: |rounds| span_pool_churn(rounds, 1_000_000, 1) },
    Path { name: MIX_FEW, bar: None, run: |rounds| span_pool_churn(rounds, 100, 8) },
    Path { name: MIX_MANY, bar: None, run: |rounds| span_pool_churn(rounds, 1_000_000, 8) },
];

/// The loop of all paths but those of [`NET_OF`].
pub(crate) const EMPTY: &str = "empty loop";
const EMPTY_CHURN: &str = "empty churn";
const CHURN_FEW: &str = "span pool: 4 KiB, any of 100";
const CHURN_MANY: &str = "span pool: 4 KiB, any of 1000000";
const MIX_FEW: &str = "span pool: 4 to 32 KiB, any of 100";
const MIX_MANY: &str = "span pool: 4 to 32 KiB, any of 1000000";

/// What a path is held against when it is not the empty loop.
pub(crate) const NET_OF: &[(&str, &str)] =
    &[(CHURN_FEW, EMPTY_CHURN), (CHURN_MANY, EMPTY_CHURN), (MIX_FEW, EMPTY_CHURN), (MIX_MANY, EMPTY_CHURN)];

/// What a pair of a span may take where few are live; where many are, a tenth more.
const SPAN: f64 = 120.0;

/// What the hand-written class takes: a composition may take no more.
const ONE_CLASS: f64 = 13.0;

/// What the hand-written tagged stack takes: the concurrent pool may take four more.
const TREIBER: f64 = 28.0;
/// What std's `Vec` takes for a push, and a twentieth more.
const VEC_PUSH: f64 = 7.4;

/// A path that runs out of memory counts nothing worth knowing.
#[cold]
pub(crate) fn exhausted() -> ! {
    panic!("the path ran out of memory")
}

fn empty_loop(rounds: u64) {
    let value = black_box(Box::new(0_u64));
    let block = NonNull::from(&*value).cast::<u8>();
    for _ in 0..rounds {
        opaque_ref(&*value);
        opaque(block);
    }
}

fn free_list_by_hand(rounds: u64) {
    let mut memory = [0_u64; 8];
    let list = FreeList::default();
    // SAFETY: room for a pointer, aligned for one, unused.
    unsafe { list.push(NonNull::from(&mut memory).cast()) };
    for _ in 0..rounds {
        let list = opaque_ref(&list);
        let Some(block) = list.pop() else { exhausted() };
        // SAFETY: popped above.
        unsafe { list.push(opaque(block)) };
    }
}

pub(crate) fn pool<F: FreePolicy>(policy: F) -> BlockPool<System, BlockOf<64>, F> {
    pool_with(BlockOf::<64>, policy)
}

pub(crate) fn pool_of<S: BlockShape>(block: S) -> BlockPool<System, S> {
    pool_with(block, Lifo)
}

fn pool_with<S: BlockShape, F: FreePolicy>(block: S, policy: F) -> BlockPool<System, S, F> {
    let config = BlockPoolConfig { block, chunk: ChunkSize::Blocks(64) };
    let pool = BlockPool::try_with_policy(System, config, policy).expect("a good configuration");
    let block = pool.alloc_block().expect("memory");
    // SAFETY: just allocated. Now the list is saturated.
    unsafe { pool.free_block(block) };
    pool
}

fn block_pool_blocks(rounds: u64) {
    alloc_free(&pool(Lifo), rounds);
}

fn block_pool_per_chunk(rounds: u64) {
    alloc_free(&pool(PerChunk), rounds);
}

#[inline(always)]
fn alloc_free<F: FreePolicy>(pool: &BlockPool<System, BlockOf<64>, F>, rounds: u64) {
    for _ in 0..rounds {
        let pool = opaque_ref(pool);
        let Ok(block) = pool.alloc_block() else { exhausted() };
        // SAFETY: just allocated.
        unsafe { pool.free_block(opaque(block)) };
    }
}

fn block_pool_layouts(rounds: u64) {
    const LAYOUT: Layout = Layout::new::<[u64; 8]>();
    let pool = pool(Lifo);
    for _ in 0..rounds {
        let pool = opaque_ref(&pool);
        let Ok(block) = pool.allocate(LAYOUT) else { exhausted() };
        // SAFETY: just allocated with this layout.
        unsafe { pool.deallocate(opaque(block), LAYOUT) };
    }
}

/// Room for a few blocks of a concurrent pool.
#[repr(align(64))]
struct Memory([MaybeUninit<u8>; 8192]);

fn treiber_by_hand(rounds: u64) {
    let mut memory = [[0_u64; 8]; 64];
    let blocks = memory.as_flattened_mut();
    // SAFETY: the same bytes.
    let blocks = unsafe { core::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), 64) };
    let stack = Treiber::new(blocks);
    for _ in 0..rounds {
        let stack = opaque_ref(&stack);
        let Some(block) = stack.pop() else { exhausted() };
        // SAFETY: popped above.
        unsafe { stack.push(opaque(block)) };
    }
}

/// Rounds of a pool that is saturated.
#[inline(always)]
fn concurrent<A: Allocate>(rounds: u64, pool: &A) {
    const LAYOUT: Layout = Layout::new::<[u64; 8]>();
    let Ok(block) = pool.allocate(LAYOUT) else { exhausted() };
    // SAFETY: just allocated with this layout.
    unsafe { pool.deallocate(opaque(block), LAYOUT) };
    for _ in 0..rounds {
        let pool = opaque_ref(pool);
        let Ok(block) = pool.allocate(LAYOUT) else { exhausted() };
        // SAFETY: just allocated with this layout.
        unsafe { pool.deallocate(opaque(block), LAYOUT) };
    }
}

fn concurrent_in_buffer(rounds: u64) {
    let mut region = Memory([MaybeUninit::uninit(); 8192]);
    concurrent(rounds, &ConcurrentBlockPool::new_all(Buffer::new(&mut region.0), BlockOf::<64>));
}

fn concurrent_in_buffer_value(rounds: u64) {
    let mut region = Memory([MaybeUninit::uninit(); 8192]);
    let shape = BlockAt::new(black_box(64), 8).expect("a good shape");
    concurrent(rounds, &ConcurrentBlockPool::new_all(Buffer::new(&mut region.0), shape));
}

fn concurrent_growing(rounds: u64) {
    let config = ConcurrentBlockPoolConfig { block: BlockOf::<64>, chunk_size: black_box(1 << 16) };
    concurrent(rounds, &ConcurrentBlockPool::try_new(System, config).expect("a good configuration"));
}

fn block_pool_locked(rounds: u64) {
    concurrent(rounds, &Locked::with_lock(pool(Lifo), SpinLock::new()));
}

fn typed_pool() -> Pool<u64, System> {
    let pool = Pool::new(System);
    // Now a slot is free.
    drop(pool.alloc_box(0));
    pool
}

fn typed_pool_box(rounds: u64) {
    let pool = typed_pool();
    for _ in 0..rounds {
        drop(opaque_value(opaque_ref(&pool).alloc_box(1)));
    }
}

fn typed_pool_shared_box(rounds: u64) {
    let pool = Rc::new(typed_pool());
    for _ in 0..rounds {
        drop(opaque_value(PoolBox::new_in(1, Rc::clone(opaque_ref(&pool)))));
    }
}

fn typed_pool_key(rounds: u64) {
    let mut pool = typed_pool();
    for _ in 0..rounds {
        let pool = opaque_mut(&mut pool);
        let key = pool.insert(1);
        pool.remove(opaque_value(key));
    }
}

fn typed_pool_get(rounds: u64) {
    let pool = typed_pool();
    let key = pool.insert(0);
    for _ in 0..rounds {
        let Some(value) = opaque_ref(&pool).get(opaque_value(key)) else { exhausted() };
        opaque_ref(value);
    }
}

fn bump_8(rounds: u64) {
    const LAYOUT: Layout = Layout::new::<u64>();
    let bump = Bump::new(System, 1 << 20);
    for _ in 0..rounds {
        let Ok(block) = opaque_ref(&bump).allocate(LAYOUT) else { exhausted() };
        opaque(block);
    }
}

/// With room for all of a path, as after a reset.
fn arena() -> Arena<System> {
    const SIZE: usize = 1 << 20;
    Arena::try_new(System, ArenaConfig { span_first: SIZE, span_max: SIZE, keep: SIZE }).expect("a good configuration")
}

fn arena_8(rounds: u64) {
    const LAYOUT: Layout = Layout::new::<u64>();
    let arena = arena();
    for _ in 0..rounds {
        let Ok(block) = opaque_ref(&arena).allocate(LAYOUT) else { exhausted() };
        opaque(block);
    }
}

fn arena_value(rounds: u64) {
    let arena = arena();
    for round in 0..rounds {
        opaque(NonNull::from(opaque_ref(&arena).alloc(round)));
    }
}

fn arena_run_time(rounds: u64) {
    let arena = arena();
    let layout = black_box(Layout::new::<u64>());
    for _ in 0..rounds {
        let Ok(block) = opaque_ref(&arena).allocate(*opaque_ref(&layout)) else { exhausted() };
        opaque(block);
    }
}

fn std_vec_push(rounds: u64) {
    let mut vec = Vec::new();
    for round in 0..rounds {
        opaque_mut(&mut vec).push(round as u32);
    }
}

fn arena_vec_push(rounds: u64) {
    let arena = arena();
    let mut vec = ArenaVec::new_in(&arena);
    for round in 0..rounds {
        opaque_mut(&mut vec).push(round as u32);
    }
}

static SPANNED: Locked<Spans> = Locked::new(SpanPool::new(
    System,
    match SPANS.check() {
        Ok(config) => config,
        Err(_) => panic!("a good configuration"),
    },
));
handle!(
    /// Memory that can grow where it is.
    struct Spanned = SPANNED;
);

fn list_push<A: Handle>(rounds: u64) {
    let mut list = List::<u32, A>::new();
    for round in 0..rounds {
        opaque_mut(&mut list).push(round as u32);
    }
}

fn std_vec_push_within(rounds: u64) {
    let mut vec = Vec::with_capacity(rounds as usize);
    for round in 0..rounds {
        opaque_mut(&mut vec).push(round);
    }
}

fn list_push_within(rounds: u64) {
    let mut list = List::<u64, System>::with_capacity(rounds as usize);
    for round in 0..rounds {
        opaque_mut(&mut list).push(round);
    }
}

fn std_push_str(rounds: u64) {
    let mut string = String::new();
    for _ in 0..rounds {
        opaque_mut(&mut string).push_str(black_box("7 bytes"));
    }
}

fn arena_push_str(rounds: u64) {
    let arena = arena();
    let mut string = ArenaString::new_in(&arena);
    for _ in 0..rounds {
        opaque_mut(&mut string).push_str(black_box("7 bytes"));
    }
}

fn one_class_by_hand(rounds: u64) {
    let class = OneClass::new();
    let _stays_live = class.allocate();
    for _ in 0..rounds {
        let class = opaque_ref(&class);
        let Some(block) = class.allocate() else { exhausted() };
        // SAFETY: just allocated.
        unsafe { class.free(opaque(block)) };
    }
}

const SPANS: SpanPoolConfig = SpanPoolConfig { block: 4096, backing_request: Some(1 << 20), ..SpanPoolConfig::DEFAULT };
const SLABS: SlabPolicy<Const<65536>> = SlabPolicy { slab_size: Const, keep: 1 };

type Spans = SpanPool<System>;
type Small<'a> = SizeClasses<Quad<2048>, SlabHead<Const<65536>>, &'a Spans>;
type Heap<'a> = Segregate<UpTo<2048>, Small<'a>, &'a Spans>;

fn spans() -> Spans {
    SpanPool::try_new(System, SPANS).expect("a good configuration")
}

fn heap(spans: &Spans) -> Heap<'_> {
    let small = SizeClasses::try_new(spans, SLABS).expect("a good configuration");
    Segregate::new(UpTo, small, spans)
}

/// Allocates and frees one block a round, while another stays live.
#[inline(always)]
pub(crate) fn pairs<A: Allocate>(heap: &A, layout: impl Fn() -> Layout, rounds: u64) {
    let Ok(_stays_live) = heap.allocate(layout()) else { exhausted() };
    for _ in 0..rounds {
        let layout = layout();
        let heap = opaque_ref(heap);
        let Ok(block) = heap.allocate(layout) else { exhausted() };
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(opaque(block), layout) };
    }
}

pub(crate) const SIXTY_FOUR: Layout = Layout::new::<[u64; 8]>();

fn heap_64(rounds: u64) {
    let spans = spans();
    pairs(&heap(&spans), || SIXTY_FOUR, rounds);
}

fn heap_counted_64(rounds: u64) {
    let spans = spans();
    pairs(&heap(&spans).counted(), || SIXTY_FOUR, rounds);
}

fn heap_sampled_never_64(rounds: u64) {
    let spans = spans();
    pairs(&heap(&spans).sampled(Const::<0>, Unwind), || SIXTY_FOUR, rounds);
}

/// With four samples of other blocks live, if it is on.
fn heap_sampled_64(rounds: u64, mean: usize) {
    let spans = spans();
    let heap = heap(&spans).sampled(mean, Unwind);
    let layout = Layout::new::<[u8; 32 << 10]>();
    let blocks: Vec<_> = (0..64).flat_map(|_| heap.allocate(layout)).collect();
    pairs(&heap, || SIXTY_FOUR, rounds);
    for block in blocks {
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(block, layout) };
    }
}

fn heap_recorded_64(rounds: u64, on: bool) {
    let spans = spans();
    let heap = heap(&spans).recorded(Spool::new());
    let path = std::env::temp_dir().join(format!("blockwork-instr-{}.bwrec", std::process::id()));
    if on {
        heap.recording().start(&path).expect("a file");
    }
    pairs(&heap, || SIXTY_FOUR, rounds);
    if on {
        std::fs::remove_file(&path).expect("made above");
    }
}

fn heap_run_time(rounds: u64) {
    let spans = spans();
    let layout = Box::new(SIXTY_FOUR);
    pairs(&heap(&spans), || *opaque_ref(&*layout), rounds);
}

fn fine_run_time(rounds: u64) {
    let layout = Box::new(SIXTY_FOUR);
    pairs(&fine(System), || *opaque_ref(&*layout), rounds);
}

fn heap_dyn(rounds: u64) {
    let spans = spans();
    let heap = heap(&spans);
    let heap: &dyn Allocate = black_box(&heap);
    pairs(&heap, || SIXTY_FOUR, rounds);
}

fn memo_64(rounds: u64) {
    pairs(&Memo::new(System, usize::MAX), || SIXTY_FOUR, rounds);
}

fn locked_64<L: Lock>(lock: L, rounds: u64) {
    pairs(&Locked::with_lock(pool(Lifo), lock), || SIXTY_FOUR, rounds);
}

fn thread_cached_one(rounds: u64) {
    pairs(&ThreadCached::new(System, BlockOf::<64>, usize::MAX), || SIXTY_FOUR, rounds);
}

fn thread_cached_classes(rounds: u64) {
    pairs(&ThreadCached::new(System, Quad::<2048>, usize::MAX), || SIXTY_FOUR, rounds);
}

fn thread_cached_run_time(rounds: u64) {
    let layout = Box::new(SIXTY_FOUR);
    pairs(&ThreadCached::new(System, Quad::<2048>, usize::MAX), || *opaque_ref(&*layout), rounds);
}

fn memo_pages(rounds: u64) {
    const BLOCK: Layout = match Layout::from_size_align(64 << 10, 64 << 10) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two"),
    };
    pairs(&Memo::new(Pages, usize::MAX), || BLOCK, rounds);
}

fn span_pool_8k(rounds: u64, live: usize) {
    let pool = spans();
    for _ in 0..live {
        let Ok(_stays_live) = pool.allocate(Layout::new::<[u64; 512]>()) else { exhausted() };
    }
    pairs(&pool, Layout::new::<[u64; 1024]>, rounds);
}

/// Numbers that look random, for a few instructions each.
struct Dice(u64);

impl Dice {
    #[inline(always)]
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * below as u64) >> 32) as usize
    }

    /// From 4 KiB to `most` times as many.
    #[inline(always)]
    fn layout(&mut self, most: usize) -> Layout {
        Layout::from_size_align(4096 + self.roll(most) * 4096, 8).expect("small")
    }
}

/// Replaces any of `live` spans of one to `most` blocks each round.
#[inline(always)]
fn churn(
    rounds: u64,
    live: usize,
    most: usize,
    allocate: impl Fn(Layout) -> NonNull<u8>,
    deallocate: impl Fn(NonNull<u8>, Layout),
) {
    let mut dice = Dice(1);
    let mut spans = Vec::with_capacity(live);
    for _ in 0..live {
        let layout = dice.layout(most);
        spans.push((allocate(layout), layout));
    }
    // The holes need a while until they are as they will be.
    for _ in 0..rounds + live as u64 {
        let (span, layout) = &mut spans[dice.roll(live)];
        deallocate(opaque(*span), *layout);
        *layout = dice.layout(*opaque_ref(&most));
        *span = allocate(*layout);
    }
}

fn empty_churn(rounds: u64) {
    churn(rounds, 100, 8, |_| opaque(NonNull::dangling()), |_, _| {});
}

fn span_pool_churn(rounds: u64, live: usize, most: usize) {
    let pool = spans();
    churn(
        rounds,
        live,
        most,
        |layout| match opaque_ref(&pool).allocate(layout) {
            Ok(span) => span,
            Err(_) => exhausted(),
        },
        // SAFETY: the churn frees what it has allocated, with its layout.
        |span, layout| unsafe { opaque_ref(&pool).deallocate(span, layout) },
    );
}
