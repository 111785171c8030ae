//! `cargo xtask loom`: the models of what threads share.
//!
//! A model is a test in a module named `models`. loom runs it once for every
//! order in which its threads can meet, over the very code that ships, in which
//! only the atomic types are loom's. How often a thread may be interrupted
//! against its will is bounded, because the orders grow with every such place;
//! most errors take one or two.

use std::{path::Path, process::Command};

use crate::{
    ci::Gate,
    run::{rustflags, test},
};

/// Runs every model.
pub(crate) fn run(root: &Path, gate: Gate) -> Result<(), String> {
    let interruptions = match gate {
        Gate::Fast => "2",
        Gate::Full => "3",
    };
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "blockwork", "--lib", "--release", "--target-dir", "target/loom", "models"]);
    command.env("RUSTFLAGS", rustflags("--cfg loom")).env("LOOM_MAX_PREEMPTIONS", interruptions);
    test(root, &format!("loom, with up to {interruptions} interruptions"), &mut command)
}
