//! One module per verb: its `Args`, and a `run` that acts on them.

pub mod compare;
pub mod completions;
pub mod diff;
pub mod export;
pub mod import;
pub mod man;
pub mod record;
pub mod recorder;
pub mod report;
pub mod run;
pub mod stats;
pub mod tune;
pub mod verify;
