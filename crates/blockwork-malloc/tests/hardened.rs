//! What the hardened malloc does about mistakes and attacks: a program of C, whose
//! every case is a process of its own, under the preload library.
//!
//! `docs/malloc-hardened.md` has the same as a table.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

/// How a case ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// By itself, and the attack has got nothing.
    Unharmed,
    /// By itself, and the attack has got what it wants.
    Harmed,
    /// With this message.
    Told(&'static str),
    /// By the processor, at a fence.
    Fenced,
    /// With this message, or at a fence, as it is drawn.
    ToldOrFenced(&'static str),
    /// With one message or the other, as it is drawn.
    Either(&'static str, &'static str),
}
use End::{Either, Fenced, Harmed, Told, ToldOrFenced, Unharmed};

const DOUBLE: End = Told("double free");
const INSIDE: End = Told("free of an address inside of a block");
const NO_BLOCK: End = Told("free of what is no live block of this allocator");
const OF_SIZE: End = Told("free of a block with another size than it was allocated with");
const BEYOND: &str = "free of a block that was written beyond its end";
const FREED: &str = "a freed block was written, or the free list that led to it";
const WRITTEN: End = Told(FREED);

const CASES: &[(&str, End)] = &[
    ("none", Unharmed),
    ("double_free", DOUBLE),
    ("double_free_delayed", DOUBLE),
    ("double_free_then_elsewhere", DOUBLE),
    ("double_free_elsewhere_then_here", DOUBLE),
    ("double_free_by_two_others", DOUBLE),
    ("double_free_span", NO_BLOCK),
    ("double_free_mapping", NO_BLOCK),
    ("free_interior", INSIDE),
    ("free_misaligned", INSIDE),
    ("free_interior_elsewhere", INSIDE),
    ("free_interior_of_span", NO_BLOCK),
    ("free_page_of_span", NO_BLOCK),
    ("free_static", NO_BLOCK),
    ("free_stack", NO_BLOCK),
    ("free_anywhere", NO_BLOCK),
    ("free_never_allocated", Either("double free", "free of a block that was never allocated")),
    ("free_with_wrong_size", OF_SIZE),
    ("delete_with_wrong_size", OF_SIZE),
    ("free_span_with_wrong_size", OF_SIZE),
    ("realloc_freed", DOUBLE),
    ("realloc_interior", INSIDE),
    ("overflow_by_one", Told(BEYOND)),
    ("overflow_of_string", Told(BEYOND)),
    ("overflow_elsewhere", Told(BEYOND)),
    ("underflow_by_one", ToldOrFenced(BEYOND)),
    ("overflow_into_links", ToldOrFenced(FREED)),
    ("overflow_of_span", Fenced),
    ("overflow_of_mapping", Fenced),
    ("underflow_of_mapping", Fenced),
    ("overflow_without_end", Fenced),
    ("write_soon_after_free", WRITTEN),
    ("write_link", WRITTEN),
    ("write_link_of_zero", Unharmed),
    ("write_behind_link", WRITTEN),
    ("write_all", WRITTEN),
    ("write_late", Unharmed),
    ("write_after_free_elsewhere", WRITTEN),
    ("read_after_free", Harmed),
    ("reuse_at_once", Unharmed),
    ("forge_inside_of_block", WRITTEN),
    ("link_to_live_block", WRITTEN),
    ("link_to_smaller_block", WRITTEN),
    ("link_to_itself", WRITTEN),
];

/// What is otherwise while freed blocks are wiped.
const WIPING: &[(&str, End)] = &[("none", Unharmed), ("write_late", WRITTEN), ("read_after_free", Unharmed)];

/// The program, and the library that it is run under; none without a compiler of C.
fn built() -> Option<&'static (PathBuf, PathBuf)> {
    static BUILT: OnceLock<Option<(PathBuf, PathBuf)>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let here = Path::new(env!("CARGO_MANIFEST_DIR"));
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let program = folder.join("misuse");
            let compiled = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()))
                .args(["-O1", "-g", "-w", "-pthread", "-o"])
                .args([&program, &here.join("tests/hardened/misuse.c")])
                .status();
            if compiled.is_err() {
                // Skipped: there is no compiler of C.
                return None;
            }
            assert!(compiled.is_ok_and(|status| status.success()));
            let preload = here.join("../blockwork-preload");
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--release", "--quiet", "-p", "blockwork-preload-hardened"]).current_dir(&preload);
            cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
            assert!(cargo.status().is_ok_and(|status| status.success()));
            Some((program, preload.join("target/release/libblockwork_preload_hardened.so")))
        })
        .as_ref()
}

#[expect(clippy::panic, reason = "a test that cannot run its program fails")]
fn run(case: &str, wipe: &str) -> Option<Output> {
    let (program, library) = built()?;
    let mut command = Command::new(program);
    command.arg(case).env("LD_PRELOAD", library).env("BLOCKWORK_WIPE", wipe);
    Some(command.output().unwrap_or_else(|error| panic!("{case}: {error}")))
}

/// Whether a run of `case` ended like `end`.
fn ends(output: &Output, end: End) -> bool {
    const ABORT: i32 = 6;
    const SEGMENT: i32 = 11;
    let text = String::from_utf8_lossy(&output.stderr);
    let (code, signal) = (output.status.code(), output.status.signal());
    let told = |message| signal == Some(ABORT) && text.starts_with(&format!("blockwork: {message}: 0x"));
    match end {
        Unharmed => code == Some(0) && text.is_empty(),
        Harmed => code == Some(3),
        Told(message) => told(message),
        Fenced => signal == Some(SEGMENT),
        ToldOrFenced(message) => told(message) || signal == Some(SEGMENT),
        Either(one, other) => told(one) || told(other),
    }
}

fn check(cases: &[(&str, End)], wipe: &str) {
    // What is drawn at random is drawn several times.
    for _ in 0..3 {
        for &(case, end) in cases {
            let Some(output) = run(case, wipe) else { return };
            assert!(ends(&output, end), "{case}: expected {end:?}: {output:?}");
        }
    }
}

#[test]
fn each_mistake_ends_as_the_table_says() {
    check(CASES, "0");
}

#[test]
fn wiping_finds_more() {
    check(WIPING, "1");
}

#[test]
fn every_case_of_the_program_is_tested_and_in_the_table() {
    let Some(list) = run("list", "0") else { return };
    let list = String::from_utf8(list.stdout).unwrap();
    let table =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/malloc-hardened.md")).unwrap();
    assert_eq!(list.lines().collect::<Vec<_>>(), CASES.iter().map(|&(case, _)| case).collect::<Vec<_>>());
    for case in list.lines().filter(|&case| case != "none") {
        assert!(table.contains(&format!("| `{case}` |")), "{case}");
    }
}

/// The program that refuses calls which map, unmap or change memory: some of them, or
/// all with `BLOCKWORK_TEST_LONG`.
#[test]
fn the_system_may_refuse_any_call() {
    let Some((misuse, library)) = built() else { return };
    let program = misuse.with_file_name("faults");
    let mut compiler = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()));
    compiler.args(["-std=c11", "-O1", "-fno-builtin", "-pthread", "-o"]).arg(&program);
    compiler.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/faults.c")).arg("-ldl");
    assert!(compiler.status().is_ok_and(|status| status.success()));
    let step = if env::var_os("BLOCKWORK_TEST_LONG").is_some() { "1" } else { "7" };
    let output = Command::new(&program).arg(step).env("LD_PRELOAD", library).output().unwrap();
    assert!(output.status.success() && output.stdout.ends_with(b"done\n"), "{output:?}");
}

/// Threads, processes, and their blocks: what is no mistake is not taken for one.
#[test]
fn real_programs_run() {
    let Some((_, library)) = built() else { return };
    let script = "import threading, subprocess, json\n\
        def work(n):\n    return [json.dumps({str(i): [i] * (i % 50)}) for i in range(n)]\n\
        threads = [threading.Thread(target=work, args=(2000,)) for _ in range(8)]\n\
        [t.start() for t in threads]; [t.join() for t in threads]\n\
        print(subprocess.check_output(['echo', 'whole']).decode().strip())";
    for wipe in ["0", "1"] {
        let python = Command::new("python3")
            .args(["-c", script])
            .env("LD_PRELOAD", library)
            .env("BLOCKWORK_WIPE", wipe)
            .output();
        let Ok(output) = python else { return };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "whole", "{output:?}");
    }
}
