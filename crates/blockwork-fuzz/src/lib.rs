//! What the fuzzers do with their bytes; the fuzzers themselves are in `fuzz`.
//!
//! ```text
//! libFuzzer ─► fuzz/targets/NAME.rs ─┐
//!                                    ├─► NAME(bytes)   panics, or does not return, when it finds something
//! tests/replay.rs ─► fuzz/corpora ───┘
//! ```
//!
//! What the bytes of each target are and what must hold is a table in `fuzz/README.md`. A run takes milliseconds.

pub mod c_api;
pub mod compositions;
pub mod containers;
pub mod malloc;
pub mod notation;
pub mod recordings;

// The lab is a program, and no library: what reads recordings is compiled here again.
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::all,
    reason = "its own build is the place for its warnings"
)]
#[path = "../../blockwork-lab/src"]
mod lab {
    pub(crate) mod import;
    pub(crate) mod protobuf;
    pub(crate) mod stats;
    pub(crate) mod symbols;
    pub(crate) mod text;
    pub(crate) mod trace;
}

// Where the lab's own code looks for them.
use lab::{import, protobuf, stats, symbols, text, trace};

/// As the lab has it, of which the readers need the layout of a spool.
mod recorder {
    pub(crate) use blockwork::combine::recorded::layout;
}

/// What a fuzzer does with its bytes.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("c_api", c_api::run),
    ("compositions", compositions::run),
    ("containers", containers::run),
    ("malloc", malloc::run),
    ("notation", notation::run),
    ("recordings", recordings::run),
];
