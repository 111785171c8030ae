//! Pools that threads share: the time of taking a block and freeing it, alone and
//! while another thread does the same.
//!
//! `shared` prints nanoseconds for a pair and thread, and the ratio to the stack
//! written by hand: medians over passes in which all candidates ran in random
//! order. Threads are pinned to two processors. A pass in which a thread was not
//! running all the time (its time by the wall exceeds its time by the processor),
//! or not at the same time as the other, is run again: what it says is about
//! another program.

use std::{
    alloc::Layout,
    hint::{black_box, spin_loop},
    mem::{MaybeUninit, zeroed},
    ptr::NonNull,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bench::{
    by_hand::treiber::Treiber,
    cores::{pin, processor_time},
};
use blockwork::{
    Allocate, BlockOf, BlockPool, BlockPoolConfig, Buffer, ChunkSize, ConcurrentBlockPool, ConcurrentBlockPoolConfig,
    Locked, SpinLock, System,
};

use crate::boxes::Boxes;

const BLOCK: Layout = Layout::new::<[u64; 8]>();
/// Blocks of the pools that do not grow.
const BLOCKS: usize = 1024;
const PASSES: usize = 31;
/// Pairs of a pass: about a millisecond of them.
const PAIRS: [u32; 2] = [30_000, 5_000];

/// What every candidate does; `false` when it has no block.
trait Pool: Sync {
    /// Takes a block, writes `value`, reads it, gives the block back.
    fn pair(&self, value: u64) -> bool;
}

/// Writes and reads as its owner would.
#[inline(always)]
fn touch(block: NonNull<u8>, value: u64) {
    let block = block.cast::<u64>();
    // SAFETY: a live block, aligned for numbers.
    unsafe { block.write(black_box(value)) };
    // SAFETY: written above.
    black_box(unsafe { block.read() });
}

struct Ours<A>(A);

impl<A: Allocate + Sync> Pool for Ours<A> {
    #[inline(always)]
    fn pair(&self, value: u64) -> bool {
        let Ok(block) = black_box(&self.0).allocate(BLOCK) else { return false };
        touch(block, value);
        // SAFETY: just allocated with this layout.
        unsafe { self.0.deallocate(black_box(block), BLOCK) };
        true
    }
}

struct ByHand(Treiber);

// SAFETY: all that changes is atomic, but for blocks, which their owners write to.
unsafe impl Sync for ByHand {}

impl Pool for ByHand {
    #[inline(always)]
    fn pair(&self, value: u64) -> bool {
        let Some(block) = black_box(&self.0).pop() else { return false };
        touch(block, value);
        // SAFETY: popped above.
        unsafe { self.0.push(black_box(block)) };
        true
    }
}

/// The pool is a static, which the macro makes public.
mod boxes {
    heapless::box_pool!(Boxes: [u64; 8]);
}

struct Heapless;

impl Pool for Heapless {
    #[inline(always)]
    fn pair(&self, value: u64) -> bool {
        // The value goes where the block is written in the others.
        let Ok(mut block) = Boxes.alloc([black_box(value), 0, 0, 0, 0, 0, 0, 0]) else { return false };
        touch(NonNull::from(&mut *block).cast(), value);
        true
    }
}

struct Jemalloc;

impl Pool for Jemalloc {
    #[inline(always)]
    fn pair(&self, value: u64) -> bool {
        // SAFETY: any size will do.
        let block = unsafe { tikv_jemalloc_sys::malloc(BLOCK.size()) };
        let Some(block) = NonNull::new(black_box(block)) else { return false };
        touch(block.cast(), value);
        // SAFETY: just allocated with this size.
        unsafe { tikv_jemalloc_sys::sdallocx(black_box(block).as_ptr(), BLOCK.size(), 0) };
        true
    }
}

fn main() {
    let candidates = candidates();
    let processors = processors();
    println!(
        "{:<34} {:>9} {:>7} {:>11} {:>7}",
        "pool of blocks of 64 bytes", "1 thread", "ratio", "2 threads", "ratio"
    );
    let columns = [1, 2].map(|threads| measure(&candidates, &processors[..threads]));
    for (at, (name, _)) in candidates.iter().enumerate() {
        let [alone, shared] = columns.each_ref().map(|column| (column[at], column[at] / column[0]));
        println!("{name:<34} {:>6.1} ns {:>7.2} {:>8.1} ns {:>7.2}", alone.0, alone.1, shared.0, shared.1);
    }
}

/// The stack written by hand, and whoever is held against it.
fn candidates() -> Vec<(&'static str, Box<dyn Bench>)> {
    /// Memory of the process' own.
    fn memory(bytes: usize) -> &'static mut [MaybeUninit<u8>] {
        let words: &'static mut [[u64; 8]] = vec![[0; 8]; bytes.div_ceil(64)].leak();
        // SAFETY: the same bytes.
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), bytes) }
    }
    let bytes = memory(BLOCKS * 64);
    // SAFETY: the same bytes, all of them zero.
    let blocks = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast::<[u8; 64]>(), BLOCKS) };
    let pool = || {
        let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(BLOCKS) };
        BlockPool::try_new(System, config).expect("a good configuration")
    };
    let growing = ConcurrentBlockPoolConfig { block: BlockOf::<64>, chunk_size: 1 << 16 };
    for _ in 0..BLOCKS {
        Boxes.manage(Box::leak(Box::new(heapless::pool::boxed::BoxBlock::new())));
    }
    vec![
        ("tagged stack, links in blocks", Box::new(ByHand(Treiber::new(blocks)))),
        (
            "ConcurrentBlockPool in a buffer",
            Box::new(Ours(ConcurrentBlockPool::new_all(Buffer::new(memory(BLOCKS * 68)), BlockOf::<64>))),
        ),
        (
            "ConcurrentBlockPool over a parent",
            Box::new(Ours(ConcurrentBlockPool::try_new(System, growing).expect("a good configuration"))),
        ),
        ("Locked<BlockPool, SpinLock>", Box::new(Ours(Locked::with_lock(pool(), SpinLock::new())))),
        ("Locked<BlockPool, Mutex>", Box::new(Ours(Locked::with_lock(pool(), Mutex::new(()))))),
        ("heapless box pool", Box::new(Heapless)),
        ("jemalloc", Box::new(Jemalloc)),
    ]
}

/// A candidate behind a pointer: one call a pass.
trait Bench: Sync {
    fn pairs(&self, count: u32) -> bool;
}

impl<P: Pool> Bench for P {
    #[inline(never)]
    fn pairs(&self, count: u32) -> bool {
        (0..count).all(|round| self.pair(round.into()))
    }
}

/// Nanoseconds of a pair in each thread: the median of all passes.
fn measure(candidates: &[(&str, Box<dyn Bench>)], processors: &[usize]) -> Vec<f64> {
    let mut times = vec![Vec::new(); candidates.len()];
    let mut state = 1_u64;
    for _ in 0..PASSES {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        for at in order {
            let bench = &*candidates[at].1;
            let time = loop {
                if let Some(time) = pass(bench, processors) {
                    break time;
                }
            };
            times[at].push(time);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

/// One pass in each of some threads; nothing if one of them was interrupted.
fn pass(bench: &dyn Bench, processors: &[usize]) -> Option<f64> {
    let pairs = PAIRS[processors.len() - 1];
    let ready = AtomicU32::new(0);
    let everybody = processors.len() as u32;
    let times: Vec<Option<(Instant, Instant)>> = thread::scope(|scope| {
        let threads: Vec<_> = processors
            .iter()
            .map(|&processor| {
                let ready = &ready;
                scope.spawn(move || {
                    pin(processor);
                    assert!(bench.pairs(100), "a pool ran out of blocks");
                    ready.fetch_add(1, Ordering::AcqRel);
                    while ready.load(Ordering::Acquire) < everybody {
                        spin_loop();
                    }
                    let (start, cpu) = (Instant::now(), processor_time());
                    let is_served = bench.pairs(pairs);
                    let (end, cpu) = (Instant::now(), processor_time() - cpu);
                    // It goes on until the others are through, too.
                    ready.fetch_add(1, Ordering::AcqRel);
                    while ready.load(Ordering::Acquire) < 2 * everybody {
                        bench.pairs(10);
                    }
                    assert!(is_served, "a pool ran out of blocks");
                    (end - start <= cpu.mul_f64(1.1)).then_some((start, end))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let times = times.into_iter().collect::<Option<Vec<_>>>()?;
    let sum: Duration = times.iter().map(|&(start, end)| end - start).sum();
    // All of them have to begin and end at about the same time.
    let most = sum / everybody / 10;
    let together = |pick: fn(&(Instant, Instant)) -> Instant| {
        let (first, last) = (times.iter().map(pick).min()?, times.iter().map(pick).max()?);
        (last - first <= most).then_some(())
    };
    together(|times| times.0)?;
    together(|times| times.1)?;
    Some(sum.as_secs_f64() * 1e9 / f64::from(everybody) / f64::from(pairs))
}

/// Two processors that this process may use.
fn processors() -> Vec<usize> {
    // SAFETY: all zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: a set of that size.
    let status = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) };
    assert_eq!(status, 0, "the set can be read");
    // SAFETY: below the size of a set.
    let all: Vec<_> = (0..1024).filter(|&processor| unsafe { libc::CPU_ISSET(processor, &set) }).take(2).collect();
    assert_eq!(all.len(), 2, "two processors are needed");
    all
}
