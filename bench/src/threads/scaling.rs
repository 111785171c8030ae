//! What a pair costs as threads become more, also more than there are cores.
//!
//! All threads work for as long as the main one sleeps. The cost of a pair is what the cores
//! had of that time, divided by the pairs of all threads: it stays as it is where
//! threads share nothing, and where a lock's owner sleeps, all wait.

use std::{
    hint::{self, black_box},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use bench::{
    cores::{available, pin},
    dice::Dice,
    json,
    statistics::{median, noise},
};

use crate::{
    peers::{Candidate, Heap},
    work::{Kind, Outcome, Ring, Workload},
};

pub(crate) const THREADS: &[usize] = &[1, 2, 4, 8];
/// Milliseconds of one measurement: several turns for each thread, where they share cores.
const MILLISECONDS: usize = 60;
/// Pairs between two looks at the time.
const BATCH: usize = 64;

const fn pairs(threads: usize) -> Workload {
    Workload {
        name: "pairs",
        what: "Each thread takes a block, writes it, reads it and gives it back.",
        kind: Kind::Scaled { threads, handed: false },
    }
}

const fn handed(threads: usize) -> Workload {
    Workload {
        name: "handed over",
        what: "Half of the threads take and write blocks, each for one of the other half, which reads them and gives them back.",
        kind: Kind::Scaled { threads, handed: true },
    }
}

/// By number of threads.
const WORKS: &[[Option<Workload>; 4]] = &[
    [Some(pairs(1)), Some(pairs(2)), Some(pairs(4)), Some(pairs(8))],
    [None, Some(handed(2)), Some(handed(4)), Some(handed(8))],
];

/// Every candidate for a moment: that all come to an end.
pub(crate) fn smoke(candidates: &[&Candidate]) {
    for candidate in candidates {
        for work in WORKS.iter().flat_map(|works| works.last()).flatten() {
            (candidate.run)(work, 1);
        }
    }
}

/// Measures and prints, and returns the same as JSON.
pub(crate) fn measure(candidates: &[&Candidate], passes: usize) -> String {
    let mut dice = Dice::new(2);
    let mut all = Vec::new();
    for works in WORKS {
        let mut times = vec![vec![Vec::new(); THREADS.len()]; candidates.len()];
        for _ in 0..passes {
            for (at, work) in works.iter().enumerate() {
                let Some(work) = work else { continue };
                for one in dice.order(candidates.len()) {
                    times[one][at].extend((candidates[one].run)(work, MILLISECONDS).time);
                }
            }
        }
        let Some(work) = works.iter().flatten().next() else { continue };
        println!("\n### {}, by threads\n\n{} In ns of a core.\n", work.name, work.what);
        println!("| threads | 1 | 2 | 4 | 8 |\n|---|---:|---:|---:|---:|");
        let mut lines = Vec::new();
        for (candidate, times) in candidates.iter().zip(&times) {
            let of = |of: fn(&[f64]) -> f64| -> Vec<Option<f64>> {
                times.iter().map(|times| (!times.is_empty()).then(|| of(times))).collect()
            };
            let cell = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{time:.1}"));
            let cells: Vec<String> = of(median).into_iter().map(cell).collect();
            println!("| {} | {} |", candidate.name, cells.join(" | "));
            lines.push(json::object(&[
                ("name", json::text(candidate.name)),
                ("ns", json::array(of(median).into_iter().map(json::number))),
                ("noise", json::array(of(noise).into_iter().map(json::number))),
            ]));
        }
        all.push(json::object(&[
            ("name", json::text(work.name)),
            ("operation", json::text(work.what)),
            ("axis", json::text("threads")),
            ("points", json::array(THREADS.iter().map(ToString::to_string))),
            ("lines", json::array(lines.into_iter())),
        ]));
    }
    format!("[\n{}\n]", all.join(",\n"))
}

/// Lets `threads` work on `heap` for so many milliseconds.
pub(crate) fn run<H: Heap>(heap: &H, threads: usize, handed: bool, milliseconds: usize) -> Outcome {
    let cores = available();
    let on = |thread: usize| cores[thread % cores.len()];
    let (arrived, stop) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    let rings: Vec<Ring<H::Handle>> = (0..threads / 2).map(|_| Ring::new()).collect();
    let sent: Vec<AtomicUsize> = rings.iter().map(|_| AtomicUsize::new(usize::MAX)).collect();
    let wait = move || {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) <= threads {
            thread::yield_now();
        }
    };
    let (pairs, time) = thread::scope(|scope| {
        let (rings, sent) = (&rings, &sent);
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    pin(on(thread));
                    wait();
                    match handed {
                        false => take_and_give(heap, stop),
                        // Who gives is on the same core as who takes as often as not.
                        true if thread < rings.len() => send(heap, &rings[thread], stop, &sent[thread]),
                        true => receive(heap, &rings[thread - rings.len()], &sent[thread - rings.len()]),
                    }
                })
            })
            .collect();
        wait();
        let start = Instant::now();
        thread::sleep(Duration::from_millis(milliseconds as u64));
        stop.store(true, Ordering::Release);
        let pairs: usize = workers.into_iter().map(|worker| worker.join().expect("ran")).sum();
        (pairs, start.elapsed())
    });
    let had = time.as_secs_f64() * threads.min(cores.len()) as f64;
    Outcome { time: (pairs != 0).then(|| had * 1e9 / pairs as f64), checksum: 0 }
}

fn take_and_give<H: Heap>(heap: &H, stop: &AtomicBool) -> usize {
    let mut pairs = 0;
    while !stop.load(Ordering::Acquire) {
        for pair in 0..BATCH {
            let block = black_box(black_box(heap).allocate());
            // SAFETY: 64 bytes, just allocated.
            unsafe { H::at(&block).cast::<usize>().write(pair) };
            // SAFETY: written above.
            let read = unsafe { black_box(H::at(&block)).cast::<usize>().read() };
            assert_eq!(read, pair, "nobody else has this block");
            // SAFETY: allocated above, and given up.
            unsafe { black_box(heap).free(block) };
        }
        pairs += BATCH;
    }
    pairs
}

/// Sends until it is time, and says how many; they are counted by who receives them.
fn send<H: Heap>(heap: &H, ring: &Ring<H::Handle>, stop: &AtomicBool, sent: &AtomicUsize) -> usize {
    let mut pairs = 0;
    while !stop.load(Ordering::Acquire) {
        for pair in pairs..pairs + BATCH {
            let mut block = black_box(black_box(heap).allocate());
            // SAFETY: 64 bytes, just allocated.
            unsafe { H::at(&block).cast::<usize>().write(pair) };
            while let Err(back) = ring.try_put(pair, block) {
                block = back;
                patiently();
            }
        }
        pairs += BATCH;
    }
    sent.store(pairs, Ordering::Release);
    0
}

fn receive<H: Heap>(heap: &H, ring: &Ring<H::Handle>, sent: &AtomicUsize) -> usize {
    let mut pairs = 0;
    loop {
        let Some(block) = ring.try_take(pairs) else {
            if sent.load(Ordering::Acquire) == pairs {
                return pairs;
            }
            patiently();
            continue;
        };
        // SAFETY: written by whoever put it there.
        let read = unsafe { H::at(&block).cast::<usize>().read() };
        assert_eq!(read, pairs, "this is the block that was sent");
        // SAFETY: ours now, and given up.
        unsafe { black_box(heap).free(block) };
        pairs += 1;
    }
}

/// Who is waited for may need this very core.
fn patiently() {
    for _ in 0..64 {
        hint::spin_loop();
    }
    thread::yield_now();
}
