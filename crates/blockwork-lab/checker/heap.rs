//! The heap: `Checked` over size classes and spans, for all threads.

use core::{
    alloc::Layout,
    ptr::NonNull,
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use blockwork::{
    Allocate, Beside, Checked, Const, Describe, Finding, Quad, Report, Scrutiny, Segregate, SizeClasses, SlabHead,
    SlabPolicy, SpanPool, SpanPoolConfig, Stacks, UpTo,
};

use super::{callers, leaks, map::Map, report, sys};

/// The largest block from a slab.
const LARGEST: usize = 4 << 10;

type Spans = SpanPool<Map>;
type Small = SizeClasses<Quad<LARGEST>, SlabHead<Const<{ 64 << 10 }>>, Spans>;
type Heap = Checked<Segregate<UpTo<LARGEST>, Small, Spans>, Tell, Beside<Map>, &'static Stacks<Map>>;

/// What only one thread at a time may use.
pub struct Inside<T>(T);

// SAFETY: used inside the lock only.
unsafe impl<T> Sync for Inside<T> {}

static STACKS: Inside<Stacks<Map>> = Inside(Stacks::new(Map));

static HEAP: Inside<Heap> = {
    const SPANS: SpanPoolConfig =
        SpanPoolConfig { block: 4 << 10, backing_request: Some(1 << 20), ..SpanPoolConfig::DEFAULT };
    const SLABS: SpanPoolConfig = SpanPoolConfig { block: 64 << 10, ..SPANS };
    let (Ok(spans), Ok(slabs)) = (SPANS.check(), SLABS.check()) else { panic!("valid configurations") };
    let Ok(policy) = (SlabPolicy { slab_size: Const, keep: 1 }).check() else { panic!("a valid policy") };
    let small = SizeClasses::new(SpanPool::new(Map, slabs), policy);
    let by_size = Segregate::new(UpTo, small, SpanPool::new(Map, spans));
    Inside(Checked::with(by_size, Tell, Beside::new(Map), &STACKS.0, Scrutiny { quarantine: 1024, ..Scrutiny::FULL }))
};

/// Bytes that may wait in quarantine.
const HELD: usize = 64 << 20;

/// Bytes that have gone into quarantine since it was empty.
static FREED: AtomicUsize = AtomicUsize::new(0);

/// Whether somebody is inside.
static LOCKED: AtomicBool = AtomicBool::new(false);

/// Takes the lock.
pub fn hold() {
    let mut tries = 0_u32;
    while LOCKED.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
        tries = tries.saturating_add(1);
        if tries < 100 { core::hint::spin_loop() } else { sys::give_way() }
    }
}

/// Gives it back.
pub fn release() {
    LOCKED.store(false, Release);
}

/// Runs `act` inside, with who is calling known.
fn inside<T>(act: impl FnOnce(&'static Heap) -> T) -> T {
    // Before the lock: the unwinder may wait for the loader, and whoever is in
    // the loader may wait for us.
    let callers = callers::now();
    hold();
    STACKS.0.arrive(callers);
    let done = act(&HEAP.0);
    release();
    done
}

/// Tells the lab.
struct Tell;

impl Report for Tell {
    fn report(&self, finding: Finding<'_>) {
        report::tell(&STACKS.0, finding);
    }
}

/// Gives a block.
pub fn allocate(layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
    inside(|heap| {
        let ask = || if zeroed { heap.allocate_zeroed(layout) } else { heap.allocate(layout) };
        let block = ask().or_else(|error| if heap.release_quarantine() == 0 { Err(error) } else { ask() });
        let block = block.ok()?;
        let _exposed = block.expose_provenance();
        Some(block)
    })
}

/// Takes a block back, by the layout that is named, or the one it has.
pub fn free(block: NonNull<u8>, named: Option<Layout>) {
    inside(|heap| {
        let layout = heap.describe(block).unwrap_or(Layout::new::<u8>());
        // SAFETY: whatever is wrong is found.
        unsafe { heap.deallocate(block, named.unwrap_or(layout)) };
        let freed = FREED.fetch_add(layout.size(), Relaxed);
        if freed > HELD {
            heap.release_quarantine();
            FREED.store(0, Relaxed);
        }
    });
}

/// Refuses: a block that moves shows who keeps its old address.
pub const fn resize(_: NonNull<u8>, _: usize) -> bool {
    false
}

/// The bytes of a block; `None` if it is none.
pub fn size_of_block(block: NonNull<u8>) -> Option<usize> {
    hold();
    let layout = HEAP.0.describe(block);
    release();
    layout.map(|layout| layout.size())
}

/// Looks at all that is still there.
pub fn finish() {
    inside(|heap| {
        heap.release_quarantine();
        for block in heap.live_blocks().iter() {
            let Some(address) = core::num::NonZero::new(block.address) else { continue };
            // SAFETY: given out by this heap, and live.
            if let Some(damage) = unsafe { heap.inspect(NonNull::with_exposed_provenance(address)) } {
                report::tell(&STACKS.0, Finding::Damage(damage));
            }
        }
        // SAFETY: inside the lock.
        unsafe { leaks::tell(&STACKS.0, heap.live_blocks(), &raw const HEAP as usize, size_of_val(&HEAP)) }
    });
}
