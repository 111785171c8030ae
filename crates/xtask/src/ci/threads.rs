//! What threads do to one another: the tests under ThreadSanitizer.
//!
//! It must see all that threads do, in std, too: with the std that comes
//! compiled it takes each message from a test to its harness for a race. So std
//! is compiled along, which takes its source.

use std::{path::Path, process::Command};

use super::Gate;
use crate::run::{NIGHTLY_WAYS, UNOPTIMISED, has, host, report, rustflags, rustup, skipped, test};

/// The tests whose names say that threads meet in them.
const SHARED: &[&str] = &["sync::", "locked", "current", "thread", "raw::mail", "malloc::tests::threads"];

/// The tests of what threads share under ThreadSanitizer, or all.
pub(super) fn thread_sanitizer(root: &Path, gate: Gate) -> Result<(), String> {
    if !has("cargo", &["+nightly", "--version"]) {
        skipped("ThreadSanitizer", "no nightly toolchain");
        return Ok(());
    }
    if !std_has_source() {
        skipped("ThreadSanitizer", "no source of std: `rustup component add rust-src --toolchain nightly`");
        return Ok(());
    }
    let host = host()?;
    let tests = |target: &str, filters: &[&str]| {
        let mut command = rustup("cargo");
        command.args(["+nightly", "test", "-Zbuild-std", "-p", "blockwork"]).args(target.split(' '));
        command.args(["--target", &host, "--target-dir", NIGHTLY_WAYS]);
        if gate == Gate::Fast {
            command.args(UNOPTIMISED);
        }
        // The C library's system calls, which the sanitizer watches: what is unmapped and mapped
        // again by another thread is another's from then on.
        command
            .env("RUSTFLAGS", rustflags("-Zsanitizer=thread --cfg=rustix_use_libc"))
            .env("TSAN_OPTIONS", "allocator_may_return_null=1");
        command.arg("--").args(filters);
        command
    };
    match gate {
        Gate::Fast => test(root, "ThreadSanitizer", &mut tests("--lib", SHARED))?,
        Gate::Full => {
            test(root, "ThreadSanitizer", &mut tests("--lib", &[]))?;
            test(root, "ThreadSanitizer: soak", &mut tests("--test soak", &[]))?;
        }
    }
    report("ThreadSanitizer: a planted race is found", || {
        planted_race(root, tests("--lib", &[RACE]).env("BLOCKWORK_PLANT_RACE", "1"))
    })
}

/// The test that races when it is told to.
const RACE: &str = "what_is_counted_behind_the_lock_is_no_race";

/// Threads that run one after the other by chance do not race.
const ATTEMPTS: usize = 10;

/// Whether `tests`, which race now, fail with the report that they should.
fn planted_race(root: &Path, tests: &mut Command) -> Result<(), String> {
    let mut said = String::new();
    for _ in 0..ATTEMPTS {
        let output = tests.current_dir(root).output().map_err(|error| format!("cannot run the race: {error}"))?;
        said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() && said.contains("WARNING: ThreadSanitizer: data race") {
            return Ok(());
        }
    }
    Err(format!("the race was not found\n{said}"))
}

fn std_has_source() -> bool {
    let sysroot = rustup("rustc").args(["+nightly", "--print", "sysroot"]).output();
    let sysroot = sysroot.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    sysroot.is_some_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir())
}
