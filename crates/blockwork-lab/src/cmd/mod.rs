//! One module per verb: its `Args`, and a `run` that acts on them.

pub mod compare;
pub mod export;
pub mod import;
pub mod record;
pub mod recorder;
pub mod run;
pub mod stats;
pub mod tune;
pub mod verify;
