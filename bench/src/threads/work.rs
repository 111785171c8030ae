//! The workloads: pairs by one thread, pairs by two, and blocks that one thread
//! allocates and another one frees.

use std::{
    cell::UnsafeCell,
    hint::{self, black_box},
    mem::MaybeUninit,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use bench::cores::{available, pin, processor_time};

use crate::{
    peers::{Candidate, Heap},
    scaling,
};

/// Some work for one or two threads.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// What is measured, in a sentence.
    pub(crate) what: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Pairs {
        threads: usize,
    },
    Handover,
    /// Also by more threads than there are cores; what is asked for is milliseconds.
    Scaled {
        threads: usize,
        handed: bool,
    },
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "pair, 1 thread",
        what: "A block is taken, written, read and given back.",
        kind: Kind::Pairs { threads: 1 },
    },
    Workload {
        name: "pair, 2 threads",
        what: "Two threads do that at once; the time is that of a pair, for each of them.",
        kind: Kind::Pairs { threads: 2 },
    },
    Workload {
        name: "producer, consumer",
        what: "One thread takes and writes a block, another one reads it and gives it back.",
        kind: Kind::Handover,
    },
];
/// Where the workloads stand.
pub(crate) const ONE: usize = 0;
pub(crate) const TWO: usize = 1;
pub(crate) const HANDOVER: usize = 2;

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
    pub(crate) time: Option<f64>,
    pub(crate) checksum: u64,
}

/// Runs `workload` on `heap`, which is saturated first.
pub(crate) fn run<H: Heap>(workload: &Workload, heap: &H, pairs: usize) -> Outcome {
    let cores = available();
    let spans: Vec<Span> = match workload.kind {
        Kind::Scaled { threads, handed } => return scaling::run(heap, threads, handed, pairs),
        Kind::Pairs { threads } => {
            let start = &Start::of(threads);
            thread::scope(|scope| {
                let work = move |pairs| allocate_and_free(heap, pairs);
                let workers: Vec<_> = cores[..threads]
                    .iter()
                    .map(|&core| scope.spawn(move || on_core(core, start, || work(pairs), || _ = work(10))))
                    .collect();
                workers.into_iter().map(|worker| worker.join().expect("ran")).collect()
            })
        }
        Kind::Handover => {
            let (start, ring) = (&Start::of(2), &Ring::new());
            thread::scope(|scope| {
                let from = scope.spawn(move || on_core(cores[0], start, || produce(heap, ring, pairs), || {}));
                let to = scope.spawn(move || on_core(cores[1], start, || consume(heap, ring, pairs), || {}));
                [from, to].map(|worker| worker.join().expect("ran")).into()
            })
        }
    };
    let undisturbed = spans.iter().all(|span| span.wall.as_secs_f64() <= 1.1 * span.cpu.as_secs_f64());
    let mean = spans.iter().map(|span| span.wall.as_secs_f64()).sum::<f64>() / spans.len() as f64;
    Outcome {
        time: undisturbed.then(|| mean * 1e9 / pairs as f64),
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

    /// Waits for all, doing something meanwhile.
    fn wait(&self, round: usize, meanwhile: impl Fn()) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < round * self.threads {
            meanwhile();
            hint::spin_loop();
        }
    }
}

/// Runs `work` twice on a core of its own, once to warm up; the threads start
/// together. Who is through goes on with `more` until all are, so that nobody is
/// alone at the end.
fn on_core(core: usize, start: &Start, work: impl Fn() -> u64, more: impl Fn()) -> Span {
    pin(core);
    start.wait(1, || {});
    black_box(work());
    start.wait(2, || {});
    let (wall, cpu) = (Instant::now(), processor_time());
    let checksum = work();
    let span = Span { wall: wall.elapsed(), cpu: processor_time() - cpu, checksum };
    start.wait(3, more);
    span
}

fn allocate_and_free<H: Heap>(heap: &H, pairs: usize) -> u64 {
    let mut sum = 0_u64;
    for pair in 0..pairs {
        let block = black_box(black_box(heap).allocate());
        // SAFETY: 64 bytes, just allocated.
        unsafe { H::at(&block).cast::<usize>().write(pair) };
        // SAFETY: written above.
        sum = sum.wrapping_add(unsafe { black_box(H::at(&block)).cast::<usize>().read() } as u64);
        // SAFETY: allocated above, and given up.
        unsafe { black_box(heap).free(block) };
    }
    sum
}

fn produce<H: Heap>(heap: &H, ring: &Ring<H::Handle>, pairs: usize) -> u64 {
    for pair in 0..pairs {
        let block = black_box(black_box(heap).allocate());
        // SAFETY: 64 bytes, just allocated.
        unsafe { H::at(&block).cast::<usize>().write(pair) };
        ring.put(pair, block);
    }
    ring.rewind(pairs);
    0
}

fn consume<H: Heap>(heap: &H, ring: &Ring<H::Handle>, pairs: usize) -> u64 {
    let mut sum = 0_u64;
    for pair in 0..pairs {
        let block = ring.take(pair);
        // SAFETY: written by whoever put it there.
        sum = sum.wrapping_add(unsafe { H::at(&block).cast::<usize>().read() } as u64);
        // SAFETY: ours now, and given up.
        unsafe { black_box(heap).free(block) };
    }
    sum
}

const PLACES: usize = 1024;

/// Handles of blocks on their way from one thread to another.
pub(crate) struct Ring<T> {
    places: [Place<T>; PLACES],
}

struct Place<T> {
    is_full: AtomicBool,
    handle: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: one thread puts handles in and another one takes them out, which may
// change threads; whose turn it is at a place says its flag.
unsafe impl<T> Sync for Ring<T> {}

impl<T> Ring<T> {
    pub(crate) fn new() -> Self {
        Self {
            places: [const { Place { is_full: AtomicBool::new(false), handle: UnsafeCell::new(MaybeUninit::uninit()) } };
                PLACES],
        }
    }

    fn put(&self, number: usize, mut handle: T) {
        while let Err(back) = self.try_put(number, handle) {
            handle = back;
            hint::spin_loop();
        }
    }

    fn take(&self, number: usize) -> T {
        loop {
            match self.try_take(number) {
                Some(handle) => return handle,
                None => hint::spin_loop(),
            }
        }
    }

    /// Puts `handle` into its place, if that is empty.
    #[inline(always)]
    pub(crate) fn try_put(&self, number: usize, handle: T) -> Result<(), T> {
        let place = &self.places[number % PLACES];
        if place.is_full.load(Ordering::Acquire) {
            return Err(handle);
        }
        // SAFETY: ours as long as it is empty.
        unsafe { place.handle.get().write(MaybeUninit::new(handle)) };
        place.is_full.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes what is in a place, if anything is.
    #[inline(always)]
    pub(crate) fn try_take(&self, number: usize) -> Option<T> {
        let place = &self.places[number % PLACES];
        if !place.is_full.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: ours as long as it is full.
        let handle = unsafe { place.handle.get().read() };
        place.is_full.store(false, Ordering::Release);
        // SAFETY: it was full.
        Some(unsafe { handle.assume_init() })
    }

    /// Waits until all is taken, so that the next round starts at an empty ring.
    fn rewind(&self, pairs: usize) {
        let last = &self.places[(pairs - 1) % PLACES];
        while last.is_full.load(Ordering::Acquire) {
            hint::spin_loop();
        }
    }
}
