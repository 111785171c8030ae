//! The library for `LD_PRELOAD`, under programs in C and C++.
//!
//! Each test compiles a program of `programs/` and runs it under the library, which
//! is built first, once. The programs check for themselves, and say `done`.
//! With `BLOCKWORK_TEST_LONG` set the ones that depend on chance try for longer; how long
//! the soak is, `BLOCKWORK_SOAK_OPERATIONS` says, which `cargo xtask soak` sets.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test cannot do fails it"
)]

#[path = "preload/profile.rs"]
mod profile;

use core::time::Duration;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
    thread,
};

/// Seconds that a program may take.
fn time() -> &'static str {
    if env::var_os(SOAK).is_some() { "7200" } else { "120" }
}

/// The environment's word for how many operations the soak does.
const SOAK: &str = "BLOCKWORK_SOAK_OPERATIONS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// The library, built once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../blockwork-preload");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--quiet"]).current_dir(&package);
        // What this test was compiled with is not for the library.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(name);
        }
        assert!(cargo.status().unwrap().success());
        package.join("target/release/libblockwork_preload.so").canonicalize().unwrap()
    })
}

/// How a program is compiled.
#[derive(Clone, Copy)]
enum Language {
    C11,
    Cxx17,
    /// C11, as a shared library.
    Shared,
}

/// Compiles `programs/source`; where the outcome is.
fn compiled(source: &str, language: Language) -> PathBuf {
    let (compiler, standard, suffix, more): (_, _, _, &[&str]) = match language {
        Language::C11 => ("cc", "-std=c11", "c", &[]),
        Language::Cxx17 => ("c++", "-std=c++17", "cc", &["-x", "c++"]),
        Language::Shared => ("cc", "-std=c11", "so", &["-shared", "-fPIC"]),
    };
    let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{source}.{suffix}"));
    // Two tests may compile the same program at a time.
    let fresh = at.with_extension(format!("{suffix}.{:?}", thread::current().id()));
    let mut command = Command::new(compiler);
    command.args([standard, "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-pthread"]).args(more);
    command.arg(folder().join(source)).arg("-o").arg(&fresh).arg("-ldl");
    assert!(command.status().unwrap().success(), "{command:?}");
    fs::rename(&fresh, &at).unwrap();
    at
}

/// A program under the library; `limit` is for `ulimit`, which may be nothing.
fn preloaded(program: &Path, arguments: &[&str], limit: &str) -> Command {
    under(library(), program, arguments, limit)
}

/// A program under one of the libraries.
fn under(library: &Path, program: &Path, arguments: &[&str], limit: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -c 0; {limit} LD_PRELOAD=$0 exec timeout {} \"$@\"", time()));
    shell.arg(library).arg(program).args(arguments).stdin(Stdio::null());
    shell
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs it, and demands that all went well; what it printed.
fn goes_well(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && out.ends_with("done\n"), "{command:?}: {}\n{out}{err}", output.status);
    output
}

fn runs(source: &str, language: Language, arguments: &[&str]) -> Output {
    goes_well(preloaded(&compiled(source, language), arguments, ""))
}

fn is_long() -> bool {
    env::var_os("BLOCKWORK_TEST_LONG").is_some()
}

/// What `nm` says of the library, a name each.
fn names(options: &[&str]) -> Vec<String> {
    let output = Command::new("nm").args(options).arg(library()).output().unwrap();
    assert!(output.status.success());
    text(&output.stdout).lines().filter_map(|line| line.split(' ').next_back()).map(str::to_owned).collect()
}

#[test]
fn nothing_is_exported_but_what_is_on_the_list() {
    let mut expected: Vec<_> = include_str!("exports.txt").lines().filter(|line| !line.starts_with('#')).collect();
    expected.sort_unstable();
    let mut exported = names(&["-D", "--defined-only"]);
    exported.sort_unstable();
    assert_eq!(exported, expected);
}

/// Instructions of `function` from its start to the return, when a block is in hand:
/// what it tests for is there, and nothing else is the case.
fn hit(function: &str) -> usize {
    let symbols = text(&Command::new("nm").arg(library()).output().unwrap().stdout);
    let start = symbols.lines().find_map(|line| line.strip_suffix(&format!(" T {function}"))).unwrap();
    let start = usize::from_str_radix(start, 16).unwrap();
    let mut objdump = Command::new("objdump");
    objdump.args(["-d", "--no-show-raw-insn"]).arg(format!("--start-address={start}")).arg(library());
    objdump.arg(format!("--stop-address={}", start + 256));
    let listing = text(&objdump.output().unwrap().stdout);
    let lines = listing.lines().filter_map(|line| line.trim().split_once(":\t"));
    let code: Vec<_> = lines.map(|(at, what)| (at, what.trim())).collect();
    let (mut place, mut count, mut before) = (0, 0, "");
    while let Some(&(_, what)) = code.get(place) {
        count += 1;
        let mut words = what.split_whitespace();
        let (operation, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if operation == "ret" {
            return count;
        }
        assert_ne!(operation, "call", "{function}");
        let jumps = operation == "jmp" || (operation == "jne" && before == "test");
        place = if jumps { code.iter().position(|&(at, _)| at == target).unwrap() } else { place + 1 };
        before = operation;
    }
    panic!("{function} does not return:\n{listing}")
}

#[test]
#[cfg(target_arch = "x86_64")]
fn hits_are_as_short_as_the_page_says() {
    assert_eq!(hit("malloc"), 13);
    assert!(hit("_Znwm") <= 14);
    assert_eq!(hit("free"), 18);
}

#[test]
fn nothing_panics_or_formats_or_unwinds() {
    for name in names(&[]) {
        for word in ["panick", "4core3fmt", "rust_eh_personality", "_Unwind", "rust_alloc", "__rust"] {
            assert!(!name.contains(word), "{name}");
        }
    }
}

#[test]
fn nothing_is_taken_from_others_but_what_never_allocates_first() {
    let taken = names(&["-D", "--undefined-only"]);
    // `fwrite` and `fputc` for `malloc_info`; `backtrace` and what follows for heap profiles, which may
    // allocate; the compiler's are weak.
    const KNOWN: &[&str] = &[
        "__errno_location",
        "__register_atfork",
        "abort",
        "clock_gettime",
        "dlsym",
        "fwrite",
        "fputc",
        "backtrace",
        "close",
        "getauxval",
        "getpid",
        "getrandom",
        "open",
        "read",
        "sched_yield",
        "sigaction",
        "memcpy",
        "memmove",
        "memset",
        "pthread_key_create",
        "pthread_setspecific",
        "strlen",
        "write",
        "_ITM_deregisterTMCloneTable",
        "_ITM_registerTMCloneTable",
        "__cxa_finalize",
        "__gmon_start__",
    ];
    for name in taken {
        let plain = name.split('@').next().unwrap_or_default();
        assert!(KNOWN.contains(&plain), "{name}");
    }
}

#[test]
fn functions_of_c_do_what_the_standards_say() {
    runs("semantics.c", Language::C11, &[]);
}

#[test]
fn functions_of_c_do_so_in_cxx() {
    runs("semantics.c", Language::Cxx17, &[]);
}

#[test]
fn operators_of_cxx_throw_and_ask_the_handler() {
    runs("operators.cc", Language::Cxx17, &[]);
}

#[test]
fn threads_come_and_go_and_are_interrupted() {
    for _ in 0..if is_long() { 20 } else { 1 } {
        runs("threads.c", Language::C11, &[]);
    }
}

#[test]
fn processes_fork_under_load() {
    runs("forks.c", Language::C11, &[if is_long() { "1000" } else { "40" }]);
}

/// The library and the hardened one, which is built with it.
fn both() -> [PathBuf; 2] {
    [library().to_owned(), library().with_file_name("libblockwork_preload_hardened.so")]
}

#[test]
fn a_soak_loses_nothing_and_does_not_grow() {
    let program = compiled("soak.c", Language::C11);
    let operations = env::var(SOAK).unwrap_or_else(|_| "1000000".to_owned());
    for library in both() {
        let output = goes_well(under(&library, &program, &[&operations], ""));
        println!("{}: {}", library.file_name().unwrap().display(), text(&output.stdout));
    }
}

#[test]
fn a_soak_loses_nothing_while_samples_are_taken() {
    let program = compiled("soak.c", Language::C11);
    // Most lists of free blocks have no sample in them, and some have.
    for mean in ["1000000000", "100000"] {
        goes_well_with(&mut under(library(), &program, &["1000000"], ""), "BLOCKWORK_SAMPLE", mean);
    }
}

#[test]
fn a_soak_with_a_mistake_planted_finds_it() {
    let program = compiled("soak.c", Language::C11);
    for library in both() {
        for (mistake, complaint) in [("leak", "more_"), ("damage", "memcmp"), ("lose", "all.taken == all.freed")] {
            let output = under(&library, &program, &["1000000", mistake], "").output().unwrap();
            let said = text(&output.stderr);
            assert!(
                !output.status.success() && said.contains("not so") && said.contains(complaint),
                "{mistake}: {said}"
            );
        }
    }
}

#[test]
fn it_serves_before_main_and_after_it() {
    let plugin = compiled("plugin.c", Language::Shared);
    runs("early.c", Language::C11, &[plugin.to_str().unwrap()]);
}

/// Two copies of the library, under names of their own.
fn copies() -> [PathBuf; 2] {
    ["one", "two"].map(|name| {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("so");
        fs::copy(library(), &copy).unwrap();
        copy
    })
}

#[test]
fn several_copies_live_in_one_process() {
    let copies = copies();
    let program = compiled("copies.c", Language::C11);
    let arguments = copies.each_ref().map(|copy| copy.to_str().unwrap());
    goes_well(preloaded(&program, &arguments, ""));
    // And beside the malloc of the C library.
    let mut alone = Command::new("timeout");
    alone.arg(time()).arg(&program).args(arguments);
    goes_well(alone);
}

#[test]
fn little_address_space_is_used_to_the_end_and_again() {
    let program = compiled("limits.c", Language::C11);
    for (kilobytes, sizes) in [
        (64_000, &["100", "3000", "100000", "3000000"][..]),
        (200_000, &["100", "3000", "100000", "3000000", "20000000"]),
        (1_000_000, &["100", "3000", "100000", "3000000", "20000000"]),
    ] {
        goes_well(preloaded(&program, sizes, &format!("ulimit -v {kilobytes};")));
    }
}

/// Each of the calls that map, unmap or change memory.
#[test]
fn the_system_may_refuse_any_call() {
    let output = runs("faults.c", Language::C11, &[]);
    let said = text(&output.stdout);
    assert!(said.contains(" refusals") || said.contains("no filters") || said.contains("not for"), "{said}");
}

/// A group of processes with a limit on memory; gone when this goes.
struct Group(PathBuf);

impl Group {
    /// None where groups cannot be made: that takes rights.
    fn new(bytes: usize) -> Option<Self> {
        let name = format!("blockwork-{}", std::process::id());
        [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")].iter().find_map(
            |&(root, limit)| {
                let group = Path::new(root).join(&name);
                fs::create_dir(&group).ok()?;
                let group = Self(group);
                // Where there is no such limit, writing fails.
                let file = fs::OpenOptions::new().write(true).open(group.0.join(limit));
                file.and_then(|mut file| io::Write::write_all(&mut file, bytes.to_string().as_bytes())).ok()?;
                Some(group)
            },
        )
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever was in it has just ended.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_limit_on_memory_is_lived_within() {
    const LIMIT: usize = 192 << 20;
    let Some(group) = Group::new(LIMIT) else {
        println!("skipped: no group with a limit on memory can be made here");
        return;
    };
    let program = compiled("confined.c", Language::C11);
    let enter = format!("echo $$ > {}/cgroup.procs;", group.0.display());
    let rounds = if is_long() { "40" } else { "8" };
    goes_well(preloaded(&program, &[&(LIMIT / 2).to_string(), rounds], &enter));
}

/// A malloc that loses a block when it has no memory for another.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_malloc_that_loses_a_block_then_is_caught() {
    let loses = compiled("loses.c", Language::Shared);
    let mut program = Command::new("sh");
    program.args(["-c", "ulimit -c 0; LD_PRELOAD=$0 exec \"$@\""]).arg(loses);
    let output = program.arg(compiled("faults.c", Language::C11)).arg("7").output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(out.contains("no filters") || (!output.status.success() && err.contains(" refused: status")), "{output:?}");
}

#[test]
fn memory_goes_back() {
    let program = compiled("giveback.c", Language::C11);
    let sizes: &[_] = if is_long() { &["64", "1000", "9000", "100000", "3000000", "20000000"] } else { &["1000"] };
    for size in sizes {
        goes_well(preloaded(&program, &[size, "2000"], ""));
    }
}

#[test]
fn a_free_of_no_block_is_named_and_ends_the_program_or_not() {
    let program = compiled("misuse.c", Language::C11);
    for kind in ["stack", "static", "wild", "span-inside", "span-far-inside", "huge-inside", "span-twice", "huge-twice"]
    {
        let output = preloaded(&program, &[kind], "").output().unwrap();
        let said = text(&output.stderr);
        let address = said.lines().find_map(|line| line.strip_prefix("bad ")).unwrap();
        let message = format!("blockwork: free of what is no block of this allocator: {address}");
        assert!(said.contains(&message), "{kind}: {said}");
        assert!(!output.status.success() && output.stdout.is_empty(), "{kind}");

        let mut lenient = preloaded(&program, &[kind], "");
        let output = goes_well_with(&mut lenient, "BLOCKWORK_MISUSE", "print");
        assert!(text(&output.stderr).contains("blockwork: free of what is no block"), "{kind}");
    }
    let said = text(&preloaded(&program, &["realloc"], "").output().unwrap().stderr);
    assert!(said.contains("blockwork: realloc of what is no block"), "{said}");
}

fn goes_well_with(command: &mut Command, name: &str, value: &str) -> Output {
    command.env(name, value);
    let output = command.output().unwrap();
    assert!(output.status.success() && text(&output.stdout).ends_with("done\n"), "{name}={value}: {output:?}");
    output
}

#[test]
fn statistics_are_said_at_the_end() {
    let program = compiled("forks.c", Language::C11);
    let said = |value| {
        let output = goes_well_with(&mut preloaded(&program, &["1"], ""), "BLOCKWORK_STATS", value);
        text(&output.stderr)
    };
    let table = said("text");
    assert!(table.contains("blockwork malloc\n") && table.contains(" heaps\n"), "{table}");
    let json = said("json");
    assert!(json.starts_with("{\"bytes_used\":") && json.ends_with("}]}\n"), "{json}");
    assert!(json.contains(",\"heaps\":4,\"heaps_idle\":"), "{json}");
}

#[test]
fn programs_run_while_every_block_is_sampled() {
    for (source, arguments) in [("threads.c", &[][..]), ("forks.c", &["4"])] {
        let program = compiled(source, Language::C11);
        goes_well_with(&mut preloaded(&program, arguments, ""), "BLOCKWORK_SAMPLE", "1");
    }
}

#[test]
fn options_hold() {
    let program = compiled("semantics.c", Language::C11);
    for (name, value) in [("BLOCKWORK_HUGE", "1"), ("BLOCKWORK_RETAIN", "0"), ("BLOCKWORK_RETAIN", "4G")] {
        goes_well_with(&mut preloaded(&program, &[], ""), name, value);
    }
}

#[test]
fn ordinary_programs_do_as_before() {
    // A folder that nobody changes meanwhile.
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../blockwork/src");
    for (program, arguments) in
        [("ls", &["-laR", sources][..]), ("sh", &["-c", "for i in 1 2 3; do echo $i | cat; done"])]
    {
        let without = Command::new(program).args(arguments).output().unwrap();
        let with = Command::new(program).args(arguments).env("LD_PRELOAD", library()).output().unwrap();
        assert!(without.status.success() && with == without, "{program}");
    }
}
