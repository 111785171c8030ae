//! `cargo xtask ci`: the steps that every change must pass, in the order in
//! which they fail soonest.

mod cargo_tools;
mod memory;
mod narrow;
mod package;
mod preload;
mod preloaded;
mod threads;

use std::{path::Path, process::Command, thread};

use crate::{
    asm, bench, dist, embedded, fuzz, instr, loom,
    run::{NIGHTLY_WAYS, UNOPTIMISED, has, host, processor_seconds, report, rustup, skipped, step, test},
    soak, tidy,
};

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// What every change must pass.
    Fast,
    /// That, and what takes long or needs more tools.
    Full,
}

/// Feature sets of the library that must compile on their own; none is the first, and
/// all are the last.
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
    "portable-atomic",
    "notation",
    "malloc",
    "valgrind",
    "testing",
    "std,os,allocator-api2-02,allocator-api2-04,critical-section,lock-api,notation,malloc,testing",
];

/// Runs every step of `gate`, and the tests unless they have just been; the
/// first failure ends the run.
pub(crate) fn run(root: &Path, gate: Gate, tested: bool) -> Result<(), String> {
    let cargo = |line: &str| step(root, line, Command::new(env!("CARGO")).args(line.split(' ')));
    cargo("fmt --all --check")?;
    report("tidy", || tidy::check(root))?;
    cargo("clippy --workspace --all-targets -- -D warnings")?;
    if !tested {
        cargo("test --workspace")?;
    }
    // Each has folders of its own for what it compiles. Some steps keep one
    // processor busy, or none for a while.
    let (products, builds) = thread::scope(|scope| {
        let builds = scope.spawn(|| other_builds(root, gate));
        (products(root, gate), builds.join())
    });
    products.and(builds.unwrap_or_else(|_| Err("a step has panicked".to_owned())))?;
    if let Some(worked) = processor_seconds() {
        println!("  {worked:.0} s of processor in all");
    }
    Ok(())
}

/// What is built as users have it: with each set of features, documented, run under
/// Valgrind, packed, installed, preloaded, counted.
fn products(root: &Path, gate: Gate) -> Result<(), String> {
    let cargo = |line: &str| step(root, line, Command::new(env!("CARGO")).args(line.split(' ')));
    for (number, features) in FEATURE_SETS.iter().enumerate() {
        // What stands in the library with any of them stands there with none or with all.
        let is_end = number == 0 || number + 1 == FEATURE_SETS.len();
        let check: &[&str] = if is_end { &["clippy"] } else { &["rustc", "--profile", "check"] };
        let mut command = Command::new(env!("CARGO"));
        command.args(check).args(["-p", "blockwork", "--lib", "--no-default-features"]);
        command.args(["--features", features, "--", "-D", "warnings"]);
        let name = format!("{} -p blockwork --no-default-features --features '{features}'", check.join(" "));
        step(root, &name, &mut command)?;
    }
    cargo("clippy -p blockwork-malloc --features debug --all-targets -- -D warnings")?;
    preloaded::lint(root)?;
    // With the features of the workspace, for which all that it needs has been built.
    cargo("test --workspace --features blockwork-malloc/debug --test debug")?;
    docs(root)?;
    memory::valgrind(root, gate)?;
    package::compiles(root)?;
    embedded(root)?;
    preload::check(root, gate)?;
    dist::check(root)?;
    if gate == Gate::Full {
        cargo_tools::run(root)?;
        soak::run(root, &[])?;
    }
    benches(root, gate)
}

/// The library built in other ways: by another compiler, for other targets, for model
/// checkers and sanitizers.
fn other_builds(root: &Path, gate: Gate) -> Result<(), String> {
    nightly(root, gate)?;
    loom::run(root, gate)?;
    narrow::compiled(root)?;
    narrow::played(root, gate)?;
    memory::address_sanitizer(root, gate)?;
    threads::thread_sanitizer(root, gate)?;
    fuzzers(root, gate)
}

/// The fuzzers, for a minute each; what they found before is replayed by ordinary tests.
fn fuzzers(root: &Path, gate: Gate) -> Result<(), String> {
    if gate == Gate::Fast {
        return Ok(());
    }
    if !fuzz::is_there() {
        skipped("the fuzzers", "no nightly toolchain with cargo-fuzz");
        return Ok(());
    }
    report("the fuzzers", || fuzz::run(root, &[]))
}

/// The workspace of the programs without std.
fn embedded(root: &Path) -> Result<(), String> {
    let folder = root.join("embedded");
    let cargo =
        |line: &str| step(&folder, &format!("embedded: {line}"), Command::new(env!("CARGO")).args(line.split(' ')));
    cargo("fmt --check")?;
    cargo("clippy --release --bins --all-features -- -D warnings")?;
    report("embedded", || embedded::check(root))
}

/// The workspace of the benches: that it keeps working, and the instruction
/// counts. Times prove nothing on a machine that others use, so none is taken.
///
/// The tests of what the benches compute with are compiled with all peers once more,
/// and run in the full gate.
fn benches(root: &Path, gate: Gate) -> Result<(), String> {
    let cargo = |line: &str| {
        step(&root.join("bench"), &format!("bench: {line}"), Command::new(env!("CARGO")).args(line.split(' ')))
    };
    cargo("fmt --check")?;
    cargo("clippy --release --all-targets -- -D warnings")?;
    if gate == Gate::Full {
        cargo("test --release")?;
    }
    report("bench --smoke", || bench::run(root, &["--smoke"]))?;
    report("bench --threads --smoke", || bench::threads(root, &["--smoke"]))?;
    report("asm", || asm::check(root))?;
    report("instr", || instr::check(root))
}

/// The documentation of every crate, warnings as errors.
fn docs(root: &Path) -> Result<(), String> {
    // `nightly` needs an unstable compiler, so `--all-features` is spelled out for the library.
    let mut library = Command::new(env!("CARGO"));
    library.args(["doc", "-p", "blockwork", "--no-deps", "--features"]);
    library.args(["std,os,allocator-api2-02,allocator-api2-04,critical-section,lock-api,notation,malloc,testing"]);
    library.env("RUSTDOCFLAGS", "-Dwarnings");
    step(root, "doc -p blockwork", &mut library)?;
    let mut malloc = Command::new(env!("CARGO"));
    malloc.args(["doc", "-p", "blockwork-malloc", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
    step(root, "doc -p blockwork-malloc", &mut malloc)?;
    let mut others = Command::new(env!("CARGO"));
    others.args(["doc", "-p", "blockwork-lab", "-p", "blockwork-c", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
    step(root, "doc -p blockwork-lab -p blockwork-c", &mut others)
}

/// The edge to std's `Allocator` where that is unstable, or with it every test
/// of whole parts; and that what must not compile does not for the reason it is
/// said to have; skipped, and said so, without a nightly toolchain.
fn nightly(root: &Path, gate: Gate) -> Result<(), String> {
    let common = format!("-p blockwork --features nightly --target-dir {NIGHTLY_WAYS} --target {}", host()?);
    let mut line = format!("+nightly test {common} --test bridge");
    if gate == Gate::Full {
        line += " --test it";
    }
    if !has("cargo", &["+nightly", "--version"]) {
        skipped(&format!("cargo {line}"), "no nightly toolchain");
        return Ok(());
    }
    // The toolchain is chosen by rustup's `cargo`, not by the one that runs us.
    test(root, &line, rustup("cargo").args(line.split(' ')).args(UNOPTIMISED))?;
    // Only nightly looks at the codes of errors that examples are said to have.
    let only: &[&str] = if gate == Gate::Full { &[] } else { &["refused", "escapes"] };
    let line = format!("+nightly test {common} --doc");
    test(root, &line, rustup("cargo").args(line.split(' ')).args(UNOPTIMISED).arg("--").args(only))
}
