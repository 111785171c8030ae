//! A program that records its own allocations, and profiles its live heap.
//!
//! ```text
//! $ cargo run --example records_itself -- own.bwrec own.pb.gz
//! $ blockwork stats own.bwrec          what was asked for, by whom, for how long
//! $ blockwork compare own.bwrec        the same requests through many allocators
//! $ pprof -top own.pb.gz               who holds the memory at the end
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]
#![cfg_attr(not(target_os = "linux"), expect(unused, reason = "only Linux has spools"))]

extern crate alloc;

use alloc::collections::BTreeMap;
use std::{env, fs::File, io, thread};

use blockwork::{
    Locked, Sampled, System, Unwind,
    combine::sampled::{Sample, pprof},
};
#[cfg(target_os = "linux")]
use blockwork::{Recorded, Spool};

/// One byte in so many is a sample.
const MEAN: usize = 4 << 10;

/// Every allocation of the program passes here: sampled inside the lock,
/// recorded outside of it.
#[cfg(target_os = "linux")]
#[global_allocator]
static HEAP: Recorded<Locked<Sampled<System>>, Spool> =
    Recorded::new(Locked::new(Sampled::new(System, MEAN, Unwind)), Spool::new());

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("only Linux can record: it hides memory from forked children");
}

#[cfg(target_os = "linux")]
fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let recording = arguments.next().unwrap_or_else(|| "own.bwrec".into());
    let profile = arguments.next().unwrap_or_else(|| "own.pb.gz".into());

    HEAP.recording().start(recording)?;
    let halves: Vec<_> = (0..2).map(|half| thread::spawn(move || squares(half))).collect();
    let tables: Vec<_> = halves.into_iter().filter_map(|half| half.join().ok()).collect();
    HEAP.recording().stop();

    // The room first: while it is filled, the lock is held that it was allocated through.
    let mut samples = vec![Sample::EMPTY; HEAP.parent().with_parent(Sampled::live_samples).saturating_add(16)];
    let count = HEAP.parent().with_parent(|heap| heap.copy_samples(&mut samples));
    samples.truncate(count);
    pprof::write(&samples, MEAN, &mut File::create(profile)?)?;

    let entries: usize = tables.iter().map(BTreeMap::len).sum();
    let estimate = HEAP.parent().with_parent(Sampled::estimate);
    println!("{entries} entries, some {:.0} bytes live", estimate.bytes);
    Ok(())
}

/// Something to allocate for: texts by number.
fn squares(half: u32) -> BTreeMap<u32, String> {
    (half..10_000).step_by(2).map(|number| (number, format!("{number} squared"))).collect()
}
