//! What the tests do to memory, watched while they run: AddressSanitizer knows
//! every byte that is not theirs, Valgrind also those that were never written,
//! and both what was never given back.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::Gate;
use crate::run::{NIGHTLY_WAYS, OTHER_WAYS, UNOPTIMISED, has, host, report, rustflags, rustup, skipped, step, test};

/// Modules of the library's own tests that touch memory through raw pointers
/// and are quick under Valgrind.
const RAW: &[&str] = &["raw::", "source::", "alloc::", "strategy::slab"];

/// Modules of the tests of whole parts that do, likewise.
const PARTS: &[&str] = &["seeds::", "statics::"];

/// The harness over many compositions, which takes a minute and more.
const SLOW: &str = "in_any_order";

/// Ask for alignments of which Valgrind itself dies, or count page faults, which are
/// Valgrind's too.
const BEYOND_VALGRIND: &[&str] = &[
    "a_parent_without_such_a_block_is_out_of_memory",
    "every_power_of_two_is_aligned_to_itself",
    "impossible_sizes_fail_and_are_granted_as_asked",
    "a_mapping_that_grows_is_moved_and_not_copied",
    "a_block_that_moves_takes_its_pages_along",
];

/// The tests under AddressSanitizer: without the conformance harness, which
/// takes ten minutes, or whole.
pub(super) fn address_sanitizer(root: &Path, gate: Gate) -> Result<(), String> {
    if !has("cargo", &["+nightly", "--version"]) {
        skipped("AddressSanitizer", "no nightly toolchain");
        return Ok(());
    }
    let target = host()?;
    let mut command = rustup("cargo");
    command
        .args(["+nightly", "test", "-p", "blockwork", "--target", &target, "--target-dir", NIGHTLY_WAYS])
        .args(UNOPTIMISED);
    command.args(match gate {
        Gate::Fast => &["--lib"][..],
        Gate::Full => &["--lib", "--test", "bridge", "--test", "it"],
    });
    // Requests that cannot be served are part of the tests, and so is a look at
    // what was freed: they hide nothing inside of blocks from themselves.
    command.env("ASAN_OPTIONS", "allocator_may_return_null=1:allow_user_poisoning=0");
    command.env("RUSTFLAGS", rustflags("-Zsanitizer=address"));
    test(root, "AddressSanitizer", &mut command)?;

    let mut command = rustup("cargo");
    command.args(["+nightly", "build", "-p", "blockwork", "--example", "use_after_free"]);
    command.args(["--target", &target, "--target-dir", NIGHTLY_WAYS]).args(UNOPTIMISED);
    command.env("RUSTFLAGS", rustflags("-Zsanitizer=address"));
    step(root, "AddressSanitizer: build the deliberate mistakes", &mut command)?;
    let program = root.join(NIGHTLY_WAYS).join(target).join("debug/examples/use_after_free");
    report("AddressSanitizer: the deliberate mistakes are found", || {
        mistakes_are_found("use-after-poison", || Command::new(&program))
    })
}

/// Parts that tell the tools what is free in them; as the example
/// `use_after_free` knows them.
const TELLING: &[&str] = &[
    "block_pool",
    "per_chunk",
    "concurrent_block_pool",
    "slab",
    "mixed_slab",
    "size_classes",
    "span_pool",
    "decommit",
    "memo",
    "bump",
    "arena",
    "typed_pool",
];

/// Those that hold memory which nobody has had yet.
const WITH_TAILS: &[&str] = &[
    "block_pool_tail",
    "per_chunk_tail",
    "concurrent_block_pool_tail",
    "slab_tail",
    "mixed_slab_tail",
    "size_classes_tail",
    "span_pool_tail",
    "decommit_tail",
    "bump_tail",
    "arena_tail",
    "typed_pool_tail",
];

/// Whether `watched`, the example `use_after_free` under a tool, ends with `words`
/// in its report when it reads what is free inside of a part, or was never given,
/// and well when it does not in any.
fn mistakes_are_found(words: &str, watched: impl Fn() -> Command) -> Result<(), String> {
    let run = |arguments: &[&str]| {
        let output = watched().args(arguments).output();
        output.map_err(|error| format!("cannot run the deliberate mistakes: {error}"))
    };
    let parts = || TELLING.iter().chain(WITH_TAILS).copied();
    for part in parts() {
        let wrong = run(&[part])?;
        if wrong.status.success() || !String::from_utf8_lossy(&wrong.stderr).contains(words) {
            return Err(format!("the mistake inside of `{part}` was not found"));
        }
    }
    let right = run(&["right"].into_iter().chain(parts()).collect::<Vec<_>>())?;
    if !right.status.success() {
        let said = String::from_utf8_lossy(&right.stderr).into_owned();
        return Err(format!("parts are accused of what they may do\n{said}"));
    }
    Ok(())
}

/// The tests under Valgrind: those of [`RAW`] and [`PARTS`], or all of the
/// library's own.
pub(super) fn valgrind(root: &Path, gate: Gate) -> Result<(), String> {
    if !has("valgrind", &["--version"]) {
        skipped("Valgrind", "not installed");
        return Ok(());
    }
    let own = if gate == Gate::Full { &[] } else { RAW };
    memcheck(root, "src/lib.rs", own, gate)?;
    memcheck(root, "tests/it/main.rs", PARTS, gate)?;

    let mut command = Command::new(env!("CARGO"));
    // With the features of the workspace, for which its dependencies have been built.
    command.args(["build", "--workspace", "--example", "use_after_free", "--features", "blockwork/valgrind"]);
    command.args(UNOPTIMISED);
    step(root, "Valgrind: build the deliberate mistakes", &mut command)?;
    let program = root.join("target/debug/examples/use_after_free");
    report("Valgrind: the deliberate mistakes are found", || {
        mistakes_are_found("Invalid read", || {
            let mut command = Command::new("valgrind");
            command.args(["--quiet", "--error-exitcode=9"]).arg(&program);
            command
        })
    })
}

/// The tests of `modules` under Valgrind's memcheck, errors and leaks alike.
fn memcheck(root: &Path, target: &str, modules: &[&str], gate: Gate) -> Result<(), String> {
    let mut command = Command::new("valgrind");
    // One thread, or those that spin would spin out their turn; what std keeps
    // for ever is reachable, and no leak.
    command.args(["--quiet", "--error-exitcode=9", "--fair-sched=try", "--leak-check=full"]);
    command.args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"]);
    command.arg(tests_of_library(root, target, gate)?).args(modules).args(["--test-threads", "1"]);
    command.args(BEYOND_VALGRIND.iter().flat_map(|test| ["--skip", test]));
    if gate == Gate::Fast {
        command.args(["--skip", SLOW]);
    }
    // Where cargo runs them.
    let folder = root.join("crates/blockwork");
    test(&folder, &format!("Valgrind {target} {}", modules.join(" ")), &mut command)
}

/// The program of the library's tests whose source is `target`.
///
/// All tests of the workspace are named to cargo, as they have just been built for
/// the features that all of them ask for: those of this one alone would be built
/// once more. As they are for the full gate, with the system calls of the C library:
/// rustix's own begin with the vDSO, which Valgrind hides from it.
fn tests_of_library(root: &Path, target: &str, gate: Gate) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).args(["test", "--no-run"]);
    match gate {
        Gate::Fast => cargo.arg("--workspace"),
        Gate::Full => cargo
            .args(["-p", "blockwork", "--lib", "--test", "it", "--target-dir", OTHER_WAYS])
            .env("RUSTFLAGS", rustflags("--cfg=rustix_use_libc")),
    };
    let built = cargo.output();
    let built = built.map_err(|error| format!("cannot build the tests: {error}"))?;
    let said = String::from_utf8_lossy(&built.stderr);
    program_in(&said, target).map(|program| root.join(program)).ok_or_else(|| format!("no tests of {target}\n{said}"))
}

/// The program that cargo says it has made of the library's `target`, of a path
/// like `target/debug/deps/blockwork-0123`.
fn program_in<'a>(said: &'a str, target: &str) -> Option<&'a str> {
    let lines = said.lines().filter(|line| line.contains(&format!(" {target} (")));
    let mut programs = lines.filter_map(|line| line.rsplit_once('(')?.1.strip_suffix(')'));
    // Programs of other crates have the same source.
    programs.find(|program| program.contains("/deps/blockwork-") || program.contains("/deps/it-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_the_library_is_found_among_those_of_others() {
        let said = "  Executable unittests src/lib.rs (target/debug/deps/blockwork_c-01)\n  \
                    Executable unittests src/lib.rs (target/debug/deps/blockwork-23)\n  \
                    Executable tests/it/main.rs (target/debug/deps/it-45)\n";
        assert_eq!(program_in(said, "src/lib.rs"), Some("target/debug/deps/blockwork-23"));
        assert_eq!(program_in(said, "tests/it/main.rs"), Some("target/debug/deps/it-45"));
        assert_eq!(program_in(said, "tests/bridge/main.rs"), None);
    }
}
