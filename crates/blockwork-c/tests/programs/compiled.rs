//! Those in `tests/c`, compiled as C11 and as C++17 with every warning an
//! error, linked with the static library, and run; and that the header, the
//! library and the manual name the same functions.

use alloc::collections::BTreeSet;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What the static library of a debug build needs beside itself.
const SYSTEM_LIBRARIES: &[&str] = &["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

#[derive(Clone, Copy, Debug)]
enum Language {
    C11,
    Cpp17,
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library that cargo built along with this test: the newest, where builds
/// with other settings left theirs.
fn library() -> PathBuf {
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    let archives = fs::read_dir(deps).unwrap().map(|entry| entry.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        name.starts_with("libblockwork_c-") && path.extension().is_some_and(|ext| ext == "a")
    });
    let newest = archives.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("the static library was built with this test")
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; it has to be installed"))
}

fn succeeds(command: &mut Command) -> String {
    let output = output(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn compiler(language: Language) -> Command {
    let (tool, arguments) = match language {
        Language::C11 => ("cc", ["-std=c11", "-D_GNU_SOURCE", "-xc"]),
        Language::Cpp17 => ("c++", ["-std=c++17", "-D_GNU_SOURCE", "-xc++"]),
    };
    let mut command = Command::new(tool);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-I"]).arg(folder().join("include"));
    // In this order: the language is that of the files behind it.
    command.args(arguments);
    command
}

/// Builds the program, and returns where it is.
fn built(name: &str, language: Language) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{language:?}"));
    let mut command = compiler(language);
    command.arg(folder().join("tests/c").join(name)).args(["-xnone", "-o"]).arg(&program);
    // Most of the library is information for debuggers.
    command.args(["-Wl,-S,--gc-sections"]).arg(library()).args(SYSTEM_LIBRARIES);
    succeeds(&mut command);
    program
}

fn run_in_both(name: &str) {
    for language in [Language::C11, Language::Cpp17] {
        succeeds(&mut Command::new(built(name, language)));
    }
}

/// The message with which the program ends, as it must.
fn dies(command: &mut Command) -> String {
    let output = output(command);
    assert!(!output.status.success(), "{command:?} went on");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_example_of_the_first_document_runs() {
    run_in_both("seed_003.c");
}

#[test]
fn the_examples_of_the_second_document_run() {
    run_in_both("seed_004.c");
}

#[test]
fn every_part_serves_fails_and_gives_back() {
    run_in_both("parts.c");
}

#[test]
fn plain_mistakes_are_errors() {
    run_in_both("mistakes.c");
}

#[test]
fn heaps_go_as_a_whole() {
    run_in_both("heap.c");
}

#[test]
fn the_malloc_serves_as_that_of_c_and_as_a_parent() {
    run_in_both("malloc.c");
}

#[test]
fn parts_for_all_threads_are() {
    run_in_both("threads.c");
}

#[test]
fn misuse_is_reported_or_ends_the_program() {
    run_in_both("checked.c");
    let said = dies(Command::new(built("checked.c", Language::C11)).arg("stop"));
    assert!(said.contains("it was freed before"), "{said}");
}

#[test]
fn memory_resources_work_both_ways() {
    succeeds(&mut Command::new(built("pmr.cpp", Language::Cpp17)));
}

#[test]
fn what_a_callback_throws_ends_the_program() {
    dies(&mut Command::new(built("throws.cpp", Language::Cpp17)));
}

#[test]
fn the_headers_stand_alone_in_either_language() {
    let check = |language, header: &str| {
        let mut command = compiler(language);
        command.args(["-Wshadow", "-Wconversion", "-fsyntax-only"]);
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{header}-{language:?}.c"));
        fs::write(&program, format!("#include \"{header}\"\n#include \"{header}\"\n")).unwrap();
        succeeds(command.arg(&program));
    };
    check(Language::C11, "blockwork.h");
    check(Language::Cpp17, "blockwork.h");
    check(Language::Cpp17, "blockwork.hpp");
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(folder().join("include/blockwork.h")).unwrap();
    let declarations = header.split("\nBW_API ").skip(1);
    declarations.map(|text| name_before(text.split_once('(').unwrap().0)).collect()
}

/// The last word of `text`.
fn name_before(text: &str) -> String {
    text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let symbols = succeeds(Command::new("nm").args(["--defined-only", "--extern-only"]).arg(library()));
    let exported = symbols.lines().filter_map(|line| line.split(" T ").nth(1)).filter(|name| name.starts_with("bw_"));
    let exported: BTreeSet<String> = exported.map(str::to_owned).collect();
    assert!(exported.len() > 40, "{exported:?}");
    assert_eq!(declared(), exported);
}

#[test]
fn the_manual_names_every_function() {
    let manual = fs::read_to_string(folder().join("dist/blockwork.3")).unwrap();
    let words: BTreeSet<&str> = manual.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let missing: Vec<_> = declared().into_iter().filter(|name| !words.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_version_of_the_header_is_that_of_the_library() {
    let header = fs::read_to_string(folder().join("include/blockwork.h")).unwrap();
    let number = |part: &str| {
        let define = format!("#define BW_VERSION_{part} ");
        header.lines().find_map(|line| line.strip_prefix(&define)).unwrap().to_owned()
    };
    assert_eq!(["MAJOR", "MINOR", "PATCH"].map(number).join("."), env!("CARGO_PKG_VERSION"));
}
