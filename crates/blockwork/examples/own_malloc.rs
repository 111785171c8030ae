//! A malloc of one's own: the composition that `Malloc` is, in another shape.
//!
//! ```text
//! size ≤ 4 KiB  ─► heap of this thread ─► slab of that class ─┐
//! size ≤ 1 MiB ───────────────────────────────────────────────┼─► counted ─► spans ─► Pages
//! beyond ─► Pages
//! ```
//!
//! Powers of two in place of four classes to each doubling; a thread keeps no free
//! slab, and the spans no memory beyond 256 KiB: for a program of many threads that
//! must be small.
#![expect(clippy::print_stdout, reason = "an example")]

use std::thread;

use blockwork::{
    Check, Counted, Decommit, FutexLock, HeapPool, Locked, Pages, PerThread, Pow2, Segregate, SpanPool, SpanPoolConfig,
    UpTo,
};

/// Runs of 64 KiB, 4 MiB at a time; what is free loses its memory soon.
type Spans = Locked<Counted<Decommit<SpanPool<Pages>>>, FutexLock>;

/// Where slabs and larger blocks come from.
type Parent = Segregate<UpTo<{ 1 << 20 }>, Spans, Pages>;

/// The whole of it.
type Own = PerThread<Parent, Pages, Pow2<16, 4096>, 0>;

const CONFIG: SpanPoolConfig =
    SpanPoolConfig { block: 64 << 10, backing_request: Some(4 << 20), ..SpanPoolConfig::DEFAULT };

#[global_allocator]
static HEAP: Own = {
    let Ok(config) = CONFIG.check() else { panic!("a valid configuration") };
    // SAFETY: a pool over pages.
    let spans = unsafe { Decommit::new(SpanPool::new(Pages, config), 256 << 10) };
    let spans = Locked::with_lock(Counted::new(spans), FutexLock::new());
    // SAFETY: a static.
    unsafe { PerThread::new(HeapPool::new(Segregate::new(UpTo, spans, Pages), Pages)) }
};

/// Bytes of spans that are live.
fn live() -> usize {
    HEAP.pool().parent().small().with_parent(|spans| spans.counts().bytes_live)
}

fn main() {
    let threads: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                let mut lines: Vec<String> = Vec::new();
                for line in 0..20_000 {
                    lines.push(format!("line {line} of thread {number}"));
                    if line % 3 == 0 {
                        lines.swap_remove(line / 3);
                    }
                }
                // Freed by the main thread.
                lines
            })
        })
        .collect();
    let lines: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect();
    let most = live();
    println!("{} lines of 8 threads in {} KiB of spans", lines.len(), most >> 10);
    drop(lines);
    HEAP.trim();
    let (heaps, idle) = HEAP.pool().heaps();
    println!("{} KiB are left, and {idle} of {heaps} heaps wait for a thread", live() >> 10);
    assert!(live() < most / 2, "what nobody uses went back");
    assert_eq!(HEAP.check(), Ok(()));
}
