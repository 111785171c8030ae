//! The workloads: pairs by one thread, pairs by two, and blocks that one thread
//! allocates and another one frees.

use std::{
    hint::{self, black_box},
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use bench::cores::{pin, processor_time};

use crate::peers::{Candidate, Heap};

/// Some work for one or two threads.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Pairs { threads: usize },
    Handover,
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { name: "pair, 1 thread", kind: Kind::Pairs { threads: 1 } },
    Workload { name: "pair, 2 threads", kind: Kind::Pairs { threads: 2 } },
    Workload { name: "producer, consumer", kind: Kind::Handover },
];
/// Where the pairs of one and of two threads stand.
pub(crate) const ONE: usize = 0;
pub(crate) const TWO: usize = 1;

/// Pairs in one measurement of each thread: few, so that most measurements end
/// before another program wants the core.
const PAIRS: usize = 20_000;

/// Nanoseconds per pair, unless the threads were disturbed.
pub(crate) fn time(workload: &Workload, candidate: &Candidate) -> Option<f64> {
    (candidate.run)(workload, PAIRS).time
}

/// What the blocks held that were read.
pub(crate) fn checksum_of(workload: &Workload, candidate: &Candidate) -> u64 {
    (candidate.run)(workload, 1000).checksum
}

/// What came out of a run.
pub(crate) struct Outcome {
    time: Option<f64>,
    checksum: u64,
}

/// Runs `workload` on `heap`, which is saturated first.
pub(crate) fn run<H: Heap>(workload: &Workload, heap: &H, pairs: usize) -> Outcome {
    let spans: Vec<Span> = match workload.kind {
        Kind::Pairs { threads } => {
            let start = &Start::of(threads);
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|core| scope.spawn(move || on_core(core, start, || allocate_and_free(heap, pairs))))
                    .collect();
                workers.into_iter().map(|worker| worker.join().expect("ran")).collect()
            })
        }
        Kind::Handover => {
            let (start, ring) = (&Start::of(2), &Ring::new());
            thread::scope(|scope| {
                let from = scope.spawn(move || on_core(0, start, || produce(heap, ring, pairs)));
                let to = scope.spawn(move || on_core(1, start, || consume(heap, ring, pairs)));
                [from, to].map(|worker| worker.join().expect("ran")).into()
            })
        }
    };
    let undisturbed = spans.iter().all(|span| span.wall.as_secs_f64() <= 1.1 * span.cpu.as_secs_f64());
    let slowest = spans.iter().map(|span| span.wall).max().unwrap_or_default();
    Outcome {
        time: undisturbed.then(|| slowest.as_secs_f64() * 1e9 / pairs as f64),
        checksum: spans.iter().fold(0, |sum, span| sum.wrapping_add(span.checksum)),
    }
}

/// How long a thread took.
struct Span {
    wall: Duration,
    cpu: Duration,
    checksum: u64,
}

/// Lets threads go when all of them run, which those that sleep until then do not.
struct Start {
    threads: usize,
    arrived: AtomicUsize,
}

impl Start {
    fn of(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0) }
    }

    fn wait(&self, round: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < round * self.threads {
            hint::spin_loop();
        }
    }
}

/// Runs `work` twice on a core of its own, once to warm up; the threads start
/// together.
fn on_core(core: usize, start: &Start, work: impl Fn() -> u64) -> Span {
    pin(core);
    start.wait(1);
    black_box(work());
    start.wait(2);
    let (wall, cpu) = (Instant::now(), processor_time());
    let checksum = work();
    Span { wall: wall.elapsed(), cpu: processor_time() - cpu, checksum }
}

fn allocate_and_free<H: Heap>(heap: &H, pairs: usize) -> u64 {
    let mut sum = 0_u64;
    for pair in 0..pairs {
        let block = black_box(heap).allocate();
        let block = black_box(block);
        // SAFETY: 64 bytes, just allocated.
        unsafe { block.cast::<usize>().write(pair) };
        // SAFETY: written above.
        sum = sum.wrapping_add(unsafe { black_box(block).cast::<usize>().read() } as u64);
        // SAFETY: allocated above, and given up.
        unsafe { black_box(heap).free(block) };
    }
    sum
}

fn produce<H: Heap>(heap: &H, ring: &Ring, pairs: usize) -> u64 {
    for pair in 0..pairs {
        let block = black_box(black_box(heap).allocate());
        // SAFETY: 64 bytes, just allocated.
        unsafe { block.cast::<usize>().write(pair) };
        ring.put(pair, block);
    }
    ring.rewind(pairs);
    0
}

fn consume<H: Heap>(heap: &H, ring: &Ring, pairs: usize) -> u64 {
    let mut sum = 0_u64;
    for pair in 0..pairs {
        let block = ring.take(pair);
        // SAFETY: written by whoever put it there.
        sum = sum.wrapping_add(unsafe { block.cast::<usize>().read() } as u64);
        // SAFETY: ours now, and given up.
        unsafe { black_box(heap).free(block) };
    }
    sum
}

const PLACES: usize = 1024;

/// Pointers on their way from one thread to another.
struct Ring {
    places: [AtomicPtr<u8>; PLACES],
}

impl Ring {
    fn new() -> Self {
        Self { places: [const { AtomicPtr::new(std::ptr::null_mut()) }; PLACES] }
    }

    fn put(&self, number: usize, block: *mut u8) {
        let place = &self.places[number % PLACES];
        while !place.load(Ordering::Acquire).is_null() {
            hint::spin_loop();
        }
        place.store(block, Ordering::Release);
    }

    fn take(&self, number: usize) -> *mut u8 {
        let place = &self.places[number % PLACES];
        loop {
            let block = place.load(Ordering::Acquire);
            if !block.is_null() {
                place.store(std::ptr::null_mut(), Ordering::Release);
                return block;
            }
            hint::spin_loop();
        }
    }

    /// Waits until all is taken, so that the next round starts at an empty ring.
    fn rewind(&self, pairs: usize) {
        let last = &self.places[(pairs - 1) % PLACES];
        while !last.load(Ordering::Acquire).is_null() {
            hint::spin_loop();
        }
    }
}
