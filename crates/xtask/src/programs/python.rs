//! Python's own tests, as the distribution packs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Program;

const PYTHON: &str = "/usr/bin/python3";

/// What the short form runs: containers, text, threads, processes, and libraries written in C.
const SHORT: &[&str] = &[
    "test_array",
    "test_ast",
    "test_bytes",
    "test_bz2",
    "test_collections",
    "test_ctypes",
    "test_dict",
    "test_fork1",
    "test_functools",
    "test_gc",
    "test_generators",
    "test_hashlib",
    "test_heapq",
    "test_json",
    "test_list",
    "test_mmap",
    "test_ordered_dict",
    "test_re",
    "test_set",
    "test_sort",
    "test_struct",
    "test_thread",
    "test_threading_local",
    "test_unicode",
    "test_weakref",
    "test_xml_etree_c",
    "test_zlib",
];

/// Cannot end in reasonable time, or test the terminal and the machine.
const LEFT_OUT: &[&str] = &["test_asdl_parser", "test_gdb", "test_idle", "test_tools", "test_tk", "test_ttk_guionly"];

/// Every module by itself.
pub(super) fn tests(root: &Path, full: bool) -> Vec<Program> {
    let Some(folder) = folder() else {
        println!(
            "    skipped: Python's own tests (libpython3-testsuite, or the distribution's name for it, is not installed)"
        );
        return Vec::new();
    };
    let script = root.join("bench/malloc/programs/python_tests.py").display().to_string();
    let all: Vec<String> = if full { modules(&folder) } else { SHORT.iter().map(|&name| name.to_owned()).collect() };
    let program = |name: String| Program {
        command: vec![PYTHON.to_owned(), "-W".to_owned(), "ignore".to_owned(), script.clone(), name.clone()],
        name: format!("python {name}"),
        needs: &[],
        watched: false,
    };
    all.into_iter().map(program).collect()
}

/// Where Python's own tests are, if they are all there.
fn folder() -> Option<PathBuf> {
    let said = Command::new(PYTHON).args(["-c", "import test; print(test.__path__[0])"]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
    folder.join("test_dict.py").exists().then_some(folder)
}

/// The names of all modules in `folder`.
fn modules(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter_map(|name| {
        let name = name.strip_suffix(".py").unwrap_or(&name).to_owned();
        (name.starts_with("test_") && !name.contains('.') && !LEFT_OUT.contains(&name.as_str())).then_some(name)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
