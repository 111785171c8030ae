//! What the tests do to memory, watched while they run: AddressSanitizer knows
//! every byte that is not theirs, Valgrind also those that were never written,
//! and both what was never given back.

use std::{path::Path, process::Command};

use super::Gate;
use crate::run::{has, rustflags, rustup, skipped, test};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Modules of the library's own tests that touch memory through raw pointers
/// and are quick under Valgrind.
const RAW: &[&str] = &["raw::", "source::", "alloc::", "strategy::slab"];

/// Modules of the tests of whole parts that do, likewise.
const PARTS: &[&str] = &["seeds::", "statics::"];

/// The tests under AddressSanitizer: without the conformance harness, which
/// takes ten minutes, or whole.
pub(super) fn address_sanitizer(root: &Path, gate: Gate) -> Result<(), String> {
    if !has("cargo", &["+nightly", "--version"]) {
        skipped("AddressSanitizer", "no nightly toolchain");
        return Ok(());
    }
    let mut command = rustup("cargo");
    command.args(["+nightly", "test", "-p", "blockwork", "--target", TARGET, "--target-dir", "target/asan"]);
    command.args(match gate {
        Gate::Fast => &["--lib"][..],
        Gate::Full => &["--lib", "--test", "it"],
    });
    // Requests that cannot be served are part of the tests.
    command.env("ASAN_OPTIONS", "allocator_may_return_null=1");
    command.env("RUSTFLAGS", rustflags("-Zsanitizer=address"));
    test(root, "AddressSanitizer", &mut command)
}

/// The tests under Valgrind: those of [`RAW`] and [`PARTS`], or all of the
/// library's own.
pub(super) fn valgrind(root: &Path, gate: Gate) -> Result<(), String> {
    if !has("valgrind", &["--version"]) {
        skipped("Valgrind", "not installed");
        return Ok(());
    }
    let own = if gate == Gate::Full { &[] } else { RAW };
    memcheck(root, "--lib", own)?;
    memcheck(root, "--test=it", PARTS)
}

/// The tests of `modules` under Valgrind's memcheck, errors and leaks alike.
fn memcheck(root: &Path, target: &str, modules: &[&str]) -> Result<(), String> {
    // One thread, or those that spin would spin out their turn; what std keeps
    // for ever is reachable, and no leak.
    const RUNNER: &str = "target.'cfg(all())'.runner = ['valgrind', '--quiet', '--error-exitcode=9', \
        '--fair-sched=try', '--leak-check=full', '--show-leak-kinds=definite,indirect', \
        '--errors-for-leak-kinds=definite,indirect']";
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "blockwork", target, "--config", RUNNER, "--"]);
    command.args(modules).args(["--test-threads", "1"]);
    test(root, &format!("Valgrind {target} {}", modules.join(" ")), &mut command)
}
