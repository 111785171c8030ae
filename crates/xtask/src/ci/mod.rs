//! `cargo xtask ci`: the steps that every change must pass, in the order in
//! which they fail soonest.

use std::{path::Path, process::Command};

use crate::{
    bench, instr, loom,
    run::{has, report, rustup, skipped, step},
    tidy,
};

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// What every change must pass.
    Fast,
    /// That, and what takes long or needs more tools.
    Full,
}

/// Feature sets of the library that must compile on their own.
const FEATURE_SETS: &[&str] = &[
    "",
    "alloc",
    "std",
    "os",
    "alloc,os",
    "allocator-api2-02",
    "allocator-api2-04",
    "critical-section",
    "lock-api",
    "testing",
    "std,os,allocator-api2-02,allocator-api2-04,critical-section,lock-api,testing",
];

/// Runs every step of `gate`; the first failure ends the run.
pub(crate) fn run(root: &Path, gate: Gate) -> Result<(), String> {
    let cargo = |line: &str| step(root, line, Command::new(env!("CARGO")).args(line.split(' ')));
    cargo("fmt --all --check")?;
    report("tidy", || tidy::check(root))?;
    cargo("clippy --workspace --all-targets -- -D warnings")?;
    for features in FEATURE_SETS {
        let mut command = Command::new(env!("CARGO"));
        command.args(["clippy", "-p", "blockwork", "--lib", "--no-default-features"]);
        command.args(["--features", features, "--", "-D", "warnings"]);
        step(root, &format!("clippy -p blockwork --no-default-features --features '{features}'"), &mut command)?;
    }
    cargo("test --workspace --all-targets")?;
    cargo("test --workspace --doc")?;
    docs(root)?;
    nightly(root)?;
    loom::run(root, gate)?;
    cargo("package --workspace --allow-dirty --quiet")?;
    benches(root)?;
    if gate == Gate::Full {
        full(root)?;
    }
    Ok(())
}

/// The workspace of the benches: that it keeps working, and the instruction
/// counts. Times prove nothing on a machine that others use, so none is taken.
fn benches(root: &Path) -> Result<(), String> {
    let cargo = |line: &str| {
        step(&root.join("bench"), &format!("bench: {line}"), Command::new(env!("CARGO")).args(line.split(' ')))
    };
    cargo("fmt --check")?;
    cargo("clippy --release --all-targets -- -D warnings")?;
    cargo("test --release")?;
    report("bench --smoke", || bench::run(root, &["--smoke"]))?;
    report("instr", || instr::check(root))
}

/// The documentation of every crate, warnings as errors.
fn docs(root: &Path) -> Result<(), String> {
    // `nightly` needs an unstable compiler, so `--all-features` is spelled out for the library.
    let mut library = Command::new(env!("CARGO"));
    library.args(["doc", "-p", "blockwork", "--no-deps", "--features"]);
    library.args(["std,os,allocator-api2-02,allocator-api2-04,critical-section,lock-api,testing"]);
    library.env("RUSTDOCFLAGS", "-Dwarnings");
    step(root, "doc -p blockwork", &mut library)?;
    let mut lab = Command::new(env!("CARGO"));
    lab.args(["doc", "-p", "blockwork-lab", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
    step(root, "doc -p blockwork-lab", &mut lab)
}

/// The edge to std's `Allocator` where that is unstable; skipped, and said so,
/// without a nightly toolchain.
fn nightly(root: &Path) -> Result<(), String> {
    let line = "+nightly test -p blockwork --features nightly --test it --target-dir target/nightly";
    if !has("cargo", &["+nightly", "--version"]) {
        skipped(&format!("cargo {line}"), "no nightly toolchain");
        return Ok(());
    }
    // The toolchain is chosen by rustup's `cargo`, not by the one that runs us.
    step(root, line, rustup("cargo").args(line.split(' ')))
}

/// The long checks: the tests under AddressSanitizer, which finds what strays
/// outside the parents' memory.
fn full(root: &Path) -> Result<(), String> {
    if !has("cargo", &["+nightly", "--version"]) {
        return Err("ci --full needs a nightly toolchain for the sanitizers".to_owned());
    }
    let line = "+nightly test -p blockwork --lib --test it --target x86_64-unknown-linux-gnu --target-dir target/asan";
    let mut command = rustup("cargo");
    // Requests that cannot be served are part of the tests.
    command.args(line.split(' ')).env("ASAN_OPTIONS", "allocator_may_return_null=1");
    command.env("RUSTFLAGS", "-Zsanitizer=address");
    step(root, "AddressSanitizer", &mut command)
}
