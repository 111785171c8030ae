//! `cargo xtask loom`: the models of what threads share, and their schedules.
//!
//! A model is a test in a module named `models`. loom runs it once for every
//! order in which its threads can meet, over the very code that ships, in which
//! only the atomic types are loom's. How often a thread may be interrupted
//! against its will is bounded, because the orders grow with every such place;
//! most errors take one or two.
//!
//! A schedule is a test in a module named `schedules`: more threads that do more
//! than all orders of which could be tried. shuttle runs it in hundreds of
//! random ones, over the same code with shuttle's atomic types.

use std::{path::Path, process::Command};

use crate::{
    ci::Gate,
    run::{OTHER_WAYS, UNOPTIMISED, host, rustflags, test},
};

/// Runs every model, and every schedule.
pub(crate) fn run(root: &Path, gate: Gate) -> Result<(), String> {
    // Two interruptions take less time than optimising does.
    let (interruptions, schedules, compiled) = match gate {
        Gate::Fast => ("2", "500", &UNOPTIMISED[..]),
        Gate::Full => ("3", "20000", &["--release"][..]),
    };
    let mut command = Command::new(env!("CARGO"));
    let library = ["test", "-p", "blockwork", "--lib", "--target-dir", OTHER_WAYS, "--target", &host()?];
    command.args(library).args(compiled).arg("models");
    command.env("RUSTFLAGS", rustflags("--cfg loom")).env("LOOM_MAX_PREEMPTIONS", interruptions);
    test(root, &format!("loom, with up to {interruptions} interruptions"), &mut command)?;
    let mut command = Command::new(env!("CARGO"));
    command.args(library).args(compiled).arg("schedules");
    command.env("RUSTFLAGS", rustflags("--cfg shuttle")).env("BLOCKWORK_SCHEDULES", schedules);
    test(root, &format!("shuttle, {schedules} schedules of each"), &mut command)
}
