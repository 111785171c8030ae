//! `cargo xtask loom`: the models of what threads share, and their schedules.
//!
//! A model is a test in a module named `models`. loom runs it once for every
//! order in which its threads can meet, over the very code that ships, in which
//! only the atomic types are loom's. How often a thread may be interrupted
//! against its will is bounded, because the orders grow with every such place;
//! most errors take one or two.
//!
//! A schedule is a test in a module named `schedules`: more threads that do more
//! than all orders of which could be tried. shuttle runs it in some thousand
//! random ones, over the same code with shuttle's atomic types.

use std::{path::Path, process::Command};

use crate::{
    ci::Gate,
    run::{UNOPTIMISED, rustflags, test},
};

/// Runs every model, and every schedule.
pub(crate) fn run(root: &Path, gate: Gate) -> Result<(), String> {
    // Two interruptions take less time than optimising does.
    let (interruptions, compiled) = match gate {
        Gate::Fast => ("2", &UNOPTIMISED[..]),
        Gate::Full => ("3", &["--release"][..]),
    };
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "blockwork", "--lib", "--target-dir", "target/loom"]).args(compiled).arg("models");
    command.env("RUSTFLAGS", rustflags("--cfg loom")).env("LOOM_MAX_PREEMPTIONS", interruptions);
    test(root, &format!("loom, with up to {interruptions} interruptions"), &mut command)?;
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "-p", "blockwork", "--lib", "--target-dir", "target/shuttle"])
        .args(compiled)
        .arg("schedules");
    command.env("RUSTFLAGS", rustflags("--cfg shuttle"));
    test(root, "shuttle", &mut command)
}
