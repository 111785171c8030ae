//! The `blockwork` command: record the allocations of any program, look at
//! them, replay them through many allocators, see which one helps.
//!
//! ```text
//! blockwork record -- ls -l        ─► ls.4711.bwrec
//! blockwork stats ls.4711.bwrec    what was asked for, by whom, for how long
//! blockwork compare ls.4711.bwrec  the same requests through many allocators
//! blockwork run -- ls -l           record, compare and draw in one
//! blockwork report ls.4711.bwrec   the pictures, in one HTML file
//! blockwork tune ls.4711.bwrec     the composition that serves it best, as Rust
//! blockwork verify ls.4711.bwrec   the program itself with it: was that right?
//! blockwork diff a.bwrec b.bwrec   what changed from one to the other
//! blockwork import heaptrack.raw   recordings of other tools, as ours
//! blockwork export ls.4711.bwrec   for other tools, and for databases
//! blockwork run --checked -- ls -l what is done wrong with the heap, and by whom
//! ```

mod capture;
mod checked;
mod cli;
mod cmd;
mod diff;
mod draw;
mod export;
mod import;
mod models;
mod output;
mod page;
mod protobuf;
mod recorder;
mod replay;
mod report;
mod results;
mod shipped;
mod stats;
mod survey;
mod symbols;
mod text;
mod trace;
mod tune;
mod verify;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else allocates: the machine's own allocator is a candidate.
    match replay::child::job() {
        Some(job) => replay::child::main(&job),
        None => verify::usage::job().map_or_else(cli::main, |job| verify::usage::main(&job)),
    }
}
