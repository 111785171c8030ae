//! What threads do to one another: the tests under ThreadSanitizer.
//!
//! It must see all that threads do, in std, too: with the std that comes
//! compiled it takes each message from a test to its harness for a race. So std
//! is compiled along, which takes its source.

use std::path::Path;

use super::Gate;
use crate::run::{NIGHTLY_WAYS, UNOPTIMISED, has, host, rustflags, rustup, skipped, test};

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
    let mut command = rustup("cargo");
    command.args(["+nightly", "test", "-Zbuild-std", "-p", "blockwork", "--lib"]);
    command.args(["--target", &host()?, "--target-dir", NIGHTLY_WAYS]);
    if gate == Gate::Fast {
        command.args(UNOPTIMISED);
        command.arg("--").args(SHARED);
    }
    command.env("RUSTFLAGS", rustflags("-Zsanitizer=thread")).env("TSAN_OPTIONS", "allocator_may_return_null=1");
    test(root, "ThreadSanitizer", &mut command)
}

fn std_has_source() -> bool {
    let sysroot = rustup("rustc").args(["+nightly", "--print", "sysroot"]).output();
    let sysroot = sysroot.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    sysroot.is_some_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir())
}
