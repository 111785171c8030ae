//! Load on what threads share: rounds of threads that come and go and hand blocks to
//! one another. What a block holds is looked at before it is freed, no block is lost,
//! and rounds do not grow.
//!
//! `cargo xtask soak` runs it for longer, by `BLOCKWORK_SOAK_OPERATIONS`. Allocators with
//! one bug each show that it finds them.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "what a test cannot do fails it"
)]

use std::{
    alloc::Layout,
    env,
    ptr::{self, NonNull},
    sync::{
        Mutex,
        atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use blockwork::{
    AllocError, Allocate, BlockOf, BlockPool, BlockPoolConfig, ChunkSize, ConcurrentBlockPool,
    ConcurrentBlockPoolConfig, Locked, Quad, Slab, SlabConfig, SpanPool, SpanPoolConfig, System, ThreadCached,
};

/// Rounds that are run, and how many of them come before the first that is measured.
const ROUNDS: usize = 20;
const WARM: usize = 8;
/// Threads at a time, and how many come one after the other in each one's place.
const WORKERS: usize = 3;
const LIVES: u64 = 3;
/// Places where threads leave blocks for others, and places of each thread's own.
const SHARED: usize = 256;
const OWN: usize = 64;
/// What one run may hold more at its end than in its middle, since threads meet differently
/// every time.
const GROWTH: f64 = 262_144.0;

/// What a part takes from the system, to see that it does not grow, and ends with nothing.
#[derive(Default)]
struct Tallied {
    bytes: AtomicUsize,
}

// SAFETY: blocks and grants are the system's, unchanged; numbers do not panic.
unsafe impl Allocate for &Tallied {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = System.allocate(layout)?;
        self.bytes.fetch_add(layout.size(), Ordering::Relaxed);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.bytes.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the system gave it, for a layout that fits, says the caller.
        unsafe { System.deallocate(block, layout) }
    }
}

/// A block in use, at its start.
#[derive(Clone, Copy)]
struct Head {
    seed: u64,
    size: usize,
}

/// Where threads take what others left.
type Places = [AtomicPtr<Head>; SHARED];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// How much was done, and what was seen to be wrong.
#[derive(Default)]
struct Tally {
    taken: AtomicU64,
    freed: AtomicU64,
    wrong: Mutex<Option<String>>,
}

impl Tally {
    fn is_wrong(&self, what: String) {
        self.wrong.lock().unwrap().get_or_insert(what);
    }
}

/// The part under load, and the sizes that it is asked for: the least has room for a head.
struct Load<'a> {
    heap: &'a (dyn Allocate + Sync),
    most: usize,
    places: Places,
    tally: Tally,
}

impl<'a> Load<'a> {
    fn new(heap: &'a (dyn Allocate + Sync), most: usize) -> Self {
        Self { heap, most, places: [const { AtomicPtr::new(ptr::null_mut()) }; SHARED], tally: Tally::default() }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    /// A block whose bytes follow from its seed.
    fn take(&self, random: &mut Random) -> *mut Head {
        let size = size_of::<Head>() + random.below(self.most - size_of::<Head>() + 1);
        let Ok(block) = self.heap.allocate(Self::layout(size)) else {
            self.tally.is_wrong(format!("no block of {size} bytes"));
            return ptr::null_mut();
        };
        let seed = random.0;
        // SAFETY: fresh, so large, and aligned to 8.
        unsafe { block.cast().write(Head { seed, size }) };
        for at in size_of::<Head>()..size {
            // SAFETY: inside of the block.
            let byte = unsafe { block.add(at) };
            // SAFETY: as above; nobody else has the block.
            unsafe { byte.write((seed >> (at % 8 * 8)) as u8) };
        }
        self.tally.taken.fetch_add(1, Ordering::Relaxed);
        block.as_ptr().cast()
    }

    /// Looks at all that a block holds, and frees it.
    fn give(&self, head: *mut Head) {
        let Some(block) = NonNull::new(head) else { return };
        // SAFETY: `take` wrote it, and whoever hands it on does so by Release and Acquire.
        let Head { seed, size } = unsafe { block.read() };
        if size < size_of::<Head>() || size > self.most {
            return self.tally.is_wrong(format!("the head of {block:?} was changed"));
        }
        let block = block.cast::<u8>();
        for at in size_of::<Head>()..size {
            // SAFETY: inside of the block.
            let byte = unsafe { block.add(at) };
            // SAFETY: as above; written by `take`.
            if unsafe { byte.read() } != (seed >> (at % 8 * 8)) as u8 {
                return self.tally.is_wrong(format!("byte {at} of {size} at {block:?} was changed"));
            }
        }
        self.tally.freed.fetch_add(1, Ordering::Relaxed);
        // Whoever has it too will see that.
        // SAFETY: as above.
        unsafe { head.write(Head { seed: 0, size: 0 }) };
        // SAFETY: from `take`, with this layout, and handed on once.
        unsafe { self.heap.deallocate(block, Self::layout(size)) }
    }

    fn swap(&self, at: usize, block: *mut Head) -> *mut Head {
        self.places[at].swap(block, Ordering::AcqRel)
    }

    /// What one thread does until it ends, and leaves a quarter of its blocks to others.
    fn live(&self, seed: u64, operations: u64) {
        let mut random = Random(seed);
        let mut own = [ptr::null_mut(); OWN];
        for _ in 0..operations {
            let at = random.below(OWN);
            if random.below(4) == 0 {
                own[at] = self.swap(random.below(SHARED), own[at]);
            } else {
                self.give(own[at]);
                own[at] = self.take(&mut random);
            }
        }
        for (at, block) in own.into_iter().enumerate() {
            self.give(if at % 4 == 0 { self.swap(random.below(SHARED), block) } else { block });
        }
    }

    fn round(&self, operations: u64) {
        thread::scope(|scope| {
            for worker in 0..WORKERS as u64 {
                scope.spawn(move || {
                    for life in 0..LIVES {
                        let each = operations / (WORKERS as u64 * LIVES);
                        thread::scope(|scope| scope.spawn(|| self.live(worker * LIVES + life, each)).join().unwrap());
                    }
                });
            }
        });
        (0..SHARED).for_each(|at| self.give(self.swap(at, ptr::null_mut())));
    }
}

/// Rounds of load on `heap`, of `operations` in all; `held` says what it has from its parent.
fn soak(heap: &(dyn Allocate + Sync), most: usize, held: impl Fn() -> usize, operations: u64) -> Result<(), String> {
    let load = Load::new(heap, most);
    let mut measured = Vec::new();
    for round in 0..ROUNDS {
        load.round(operations / ROUNDS as u64);
        if let Some(wrong) = load.tally.wrong.lock().unwrap().take() {
            return Err(wrong);
        }
        if round >= WARM {
            measured.push(held() as f64);
        }
    }
    let (taken, freed) = (load.tally.taken.into_inner(), load.tally.freed.into_inner());
    let rise = rise(&measured);
    println!("soak: {operations} operations, {taken} blocks taken, {freed} freed, {rise:+.0} bytes to {}", held());
    if taken != freed {
        return Err(format!("{taken} blocks taken, {freed} freed"));
    }
    if rise > GROWTH { Err(format!("rounds hold {rise} bytes more at the end")) } else { Ok(()) }
}

/// By how much the straight line through `values` rises from the first to the last.
fn rise(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        above += (at as f64 - middle) * (value - mean);
        below += (at as f64 - middle).powi(2);
    }
    above / below * (count - 1.0)
}

/// Soaks what `make` makes over a parent, and demands that its end leaves nothing there.
fn check<A: Allocate + Sync>(most: usize, make: impl FnOnce(&'static Tallied) -> A) {
    let operations = env::var("BLOCKWORK_SOAK_OPERATIONS").ok().and_then(|number| number.parse().ok());
    let parent: &Tallied = Box::leak(Box::default());
    let heap = make(parent);
    soak(&heap, most, || parent.bytes.load(Ordering::Relaxed), operations.unwrap_or(100_000)).unwrap();
    drop(heap);
    assert_eq!(parent.bytes.load(Ordering::Relaxed), 0, "its end leaves something in the parent");
}

#[test]
fn a_concurrent_block_pool_loses_nothing_and_does_not_grow() {
    let config = ConcurrentBlockPoolConfig { block: BlockOf::<64>, chunk_size: 1 << 14 };
    check(64, |parent| ConcurrentBlockPool::try_new(parent, config).unwrap());
}

#[test]
fn a_locked_span_pool_loses_nothing_and_does_not_grow() {
    let config = SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT };
    check(3000, |parent| Locked::new(SpanPool::try_new(parent, config).unwrap()));
}

#[test]
fn a_locked_block_pool_loses_nothing_and_does_not_grow() {
    let config = BlockPoolConfig { block: BlockOf::<128>, chunk: ChunkSize::Blocks(64) };
    check(128, |parent| Locked::new(BlockPool::try_new(parent, config).unwrap()));
}

#[test]
fn caches_of_threads_lose_nothing_and_do_not_grow() {
    check(1024, |parent| ThreadCached::new(parent, Quad::<1024>, 4096));
    let config = SlabConfig::with_slots(64, 256);
    check(256, |parent| ThreadCached::new(Locked::new(Slab::try_new(parent, config).unwrap()), BlockOf::<256>, 4096));
}

/// Bugs of an allocator, one in so many operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// A freed block is forgotten.
    Loses,
    /// A block is given to two.
    GivesTwice,
    /// A byte of a live block is written.
    Writes,
}

struct Buggy {
    bug: Bug,
    parent: &'static Tallied,
    count: AtomicUsize,
    last: AtomicPtr<u8>,
}

impl Buggy {
    fn is_time(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed) % 16 == 15
    }
}

// SAFETY: wrong! But only as far as `bug` says, and blocks of one size are never given back
// to the system, so all memory stays valid.
unsafe impl Allocate for Buggy {
    fn allocate(&self, _: Layout) -> Result<NonNull<u8>, AllocError> {
        let last = NonNull::new(self.last.load(Ordering::Acquire));
        if let (Bug::GivesTwice, Some(last), true) = (self.bug, last, self.is_time()) {
            return Ok(last);
        }
        let block = self.parent.allocate(Layout::new::<[u64; 8]>())?;
        self.last.store(block.as_ptr(), Ordering::Release);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, _: Layout) {
        match self.bug {
            Bug::Loses if !self.is_time() => {
                // SAFETY: asked for above, with this layout.
                unsafe { self.parent.deallocate(block, Layout::new::<[u64; 8]>()) }
            }
            Bug::Loses | Bug::GivesTwice => {}
            Bug::Writes => {
                let last = self.last.load(Ordering::Acquire);
                if self.is_time() && !last.is_null() {
                    // SAFETY: inside of the block.
                    let byte = unsafe { last.add(20) };
                    // SAFETY: blocks stay valid and written, as this bug frees none.
                    let old = unsafe { byte.read() };
                    // SAFETY: as above.
                    unsafe { byte.write(!old) }
                }
            }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        layout.size()
    }
}

fn found(bug: Bug) -> String {
    let parent: &Tallied = Box::leak(Box::default());
    let heap = Buggy { bug, parent, count: AtomicUsize::new(0), last: AtomicPtr::new(ptr::null_mut()) };
    // By one thread: it must not race, or the test itself were wrong.
    let load = Load::new(&heap, 64);
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        load.live(1, 20_000);
        (0..SHARED).for_each(|at| load.give(load.swap(at, ptr::null_mut())));
        if let Some(wrong) = load.tally.wrong.lock().unwrap().take() {
            return wrong;
        }
        held.push(parent.bytes.load(Ordering::Relaxed) as f64);
    }
    match rise(&held) {
        rise if rise > GROWTH => format!("rounds hold {rise} bytes more at the end"),
        _ => "nothing".to_owned(),
    }
}

#[test]
fn a_planted_loss_is_found_by_its_growth() {
    assert!(found(Bug::Loses).contains("more at the end"));
}

#[test]
fn a_block_planted_twice_is_found_by_its_contents() {
    assert!(found(Bug::GivesTwice).contains("was changed"));
}

#[test]
fn a_planted_write_is_found_by_its_place() {
    assert!(found(Bug::Writes).contains("byte 20 of"), "{}", found(Bug::Writes));
}
