//! Targets that lack something, played on this one: every test on the paths
//! that they take; and those whose std is installed, compiled.

use std::{path::Path, process::Command};

use super::Gate;
use crate::run::{OTHER_WAYS, UNOPTIMISED, host, rustflags, rustup, skipped, step, test};

/// Targets, and the features with which the library must compile for them.
const TARGETS: &[(&str, &str)] = &[
    ("thumbv6m-none-eabi", "alloc"),
    ("thumbv7m-none-eabi", "alloc,critical-section"),
    ("riscv32imac-unknown-none-elf", "alloc"),
    ("wasm32-unknown-unknown", "std"),
    ("i686-unknown-linux-gnu", "std,os"),
    ("aarch64-unknown-linux-gnu", "std,os"),
    ("aarch64-apple-darwin", "std,os"),
    ("x86_64-unknown-freebsd", "std,os"),
    ("x86_64-pc-windows-msvc", "std,os"),
];

/// What `portable-atomic` must be told where there is no compare-exchange.
const SINGLE_CORE: &[(&str, &str)] = &[("thumbv6m-none-eabi", "--cfg portable_atomic_unsafe_assume_single_core")];

/// The library's own tests, and those of whole parts that threads share, without a
/// compare-exchange of 64 bits and without an operating system. The other tests of
/// whole parts never get to such a path: only the full gate repeats them, and every
/// test of the library's own with the atomics of `portable-atomic`.
pub(super) fn played(root: &Path, gate: Gate) -> Result<(), String> {
    let mut cfgs = "--cfg blockwork_no_cas64 --cfg blockwork_no_os".to_owned();
    if gate == Gate::Fast {
        cfgs += " --cfg blockwork_shared";
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "blockwork", "--lib", "--test", "it"]);
    command.args(["--target-dir", OTHER_WAYS, "--target", &host()?]);
    command.env("RUSTFLAGS", rustflags(&cfgs));
    test(root, &format!("tests with {cfgs}"), &mut command)?;
    if gate == Gate::Fast {
        return Ok(());
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "blockwork", "--lib", "--features", "portable-atomic"]).args(UNOPTIMISED);
    test(root, "tests with the atomics of portable-atomic", &mut command)
}

/// The library for each of [`TARGETS`] that is installed.
pub(super) fn compiled(root: &Path) -> Result<(), String> {
    let installed = rustup("rustup").args(["target", "list", "--installed"]).output();
    let installed = installed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    for (target, features) in TARGETS {
        let name = format!("check --target {target} --features {features}");
        if !installed.lines().any(|line| line == *target) {
            skipped(&name, "its std is not installed: `rustup target add`");
            continue;
        }
        let mut command = Command::new(env!("CARGO"));
        command.args(["check", "-p", "blockwork", "--lib", "--no-default-features", "--target-dir", "target/targets"]);
        command.args(["--target", target, "--features", features]);
        if let Some((_, told)) = SINGLE_CORE.iter().find(|(single, _)| single == target) {
            command.args(["--features", "portable-atomic"]).env("RUSTFLAGS", rustflags(told));
        }
        step(root, &name, &mut command)?;
    }
    Ok(())
}
