//! Statistics in production: what is live, at most and in all, exactly, and who
//! holds it, by sampling; for a whole program, all the time.
//!
//! ```text
//! every allocation ─► Locked ─► Sampled, 1 byte in 512 Ki ─► Counted ─► Segregate ─► slabs, System
//!                                   │ pprof                     │ metrics
//! ```
//!
//! `cargo run --example statistics -- heap.pb.gz` also writes a profile.
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

extern crate alloc;

use alloc::collections::BTreeMap;
use std::{env, fs::File, io, thread};

mod heap;

#[global_allocator]
static HEAP: heap::Heap = heap::heap(heap::MEAN);

fn main() -> io::Result<()> {
    println!("state: {} bytes", size_of_val(&HEAP));
    let service = |number| thread::spawn(move || sessions(number));
    let tables: Vec<_> = [1, 2].map(service).into_iter().filter_map(|thread| thread.join().ok()).collect();
    heap::metrics(&HEAP, &mut io::stdout())?;
    if let Some(path) = env::args_os().nth(1) {
        heap::profile(&HEAP, &mut File::create(path)?)?;
    }
    println!("{} sessions", tables.iter().map(BTreeMap::len).sum::<usize>());
    Ok(())
}

/// Something to allocate for: the users of a service, by number.
fn sessions(service: u32) -> BTreeMap<u32, String> {
    (0..20_000).map(|number| (number, format!("user {number} of service {service}"))).collect()
}
