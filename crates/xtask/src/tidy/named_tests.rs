//! Tests, files and commands that the documents name: each must exist.
//!
//! A test is named as `path/file.rs::test`, a file as `path/file.rs`, a command as it is
//! given.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::rust_files;

/// Where the documents lie whose tests are looked up.
const DOCS: &[&str] = &["docs/seeds", "docs/trust.md"];

/// What the paths are relative to.
const ROOTS: &[&str] = &["crates/blockwork/src", "crates/blockwork", "crates/blockwork-c", ""];

/// Every test, file or command that is named and is not there, one line each.
pub(super) fn missing(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for doc in DOCS.iter().flat_map(|doc| pages(&root.join(doc))) {
        let text = fs::read_to_string(&doc).unwrap_or_default();
        let doc = doc.strip_prefix(root).unwrap_or(&doc).display();
        for (file, test) in named(&text).filter(|&(file, test)| !exists(root, file, test)) {
            found.push(format!("{doc}: no test `{test}` in {file}"));
        }
        for file in spans(&text).filter(|span| is_file(span)).filter(|file| !is_there(root, file)) {
            found.push(format!("{doc}: no file {file}"));
        }
        for command in spans(&text).filter(|span| span.starts_with("cargo ")).filter(|command| !runs(root, command)) {
            found.push(format!("{doc}: no command `{command}`"));
        }
    }
    found.sort();
    found
}

/// A page, or those of a folder.
fn pages(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(_) => vec![path.to_owned()],
    }
}

/// What stands between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// File and function of each code span of that form.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    spans(text).filter_map(|span| {
        let (file, test) = span.split_once("::")?;
        file.ends_with(".rs").then_some((file, test))
    })
}

/// Whether a code span is the path of a file.
fn is_file(span: &str) -> bool {
    let ends = [".rs", ".c", ".txt", ".toml"].iter().any(|end| span.ends_with(end));
    ends && span.contains('/') && !span.contains([' ', ':', '<', '*'])
}

fn is_there(root: &Path, file: &str) -> bool {
    ROOTS.iter().any(|dir| root.join(dir).join(file).is_file())
}

/// Whether `file` has a function of that name, or a line of a macro's list of tests.
fn exists(root: &Path, file: &str, test: &str) -> bool {
    let (function, listed) = (format!("fn {test}("), format!("{test}: "));
    let texts = ROOTS.iter().filter_map(|dir| fs::read_to_string(root.join(dir).join(file)).ok());
    texts
        .into_iter()
        .any(|text| text.contains(&function) || text.lines().any(|line| line.trim_start().starts_with(&listed)))
}

/// Whether a command is a task of ours, or tests something that is there.
fn runs(root: &Path, command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1));
    match words.as_slice() {
        ["cargo", "xtask", task, flags @ ..] => {
            let folder = root.join("crates/xtask/src");
            let tasks = fs::read_to_string(folder.join("main.rs")).unwrap_or_default();
            let all: String = rust_files(&folder).iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
            let flags = flags.iter().filter(|flag| flag.starts_with("--"));
            // `[FLAG …` is how each says what it takes.
            tasks.contains(&format!("name: \"{task}\""))
                && flags.into_iter().all(|flag| usage(&all, task).contains(flag))
        }
        ["cargo", "test", ..] => {
            let Some(package) = after("-p") else { return true };
            let tests = root.join("crates").join(package).join("tests");
            let has =
                |test: &&str| tests.join(format!("{test}.rs")).is_file() || tests.join(test).join("main.rs").is_file();
            tests.parent().is_some_and(Path::is_dir) && after("--test").is_none_or(has)
        }
        _ => true,
    }
}

/// What the task says of its use.
fn usage<'a>(all: &'a str, task: &str) -> &'a str {
    let start = all.find(&format!("\ncargo xtask {task}")).or_else(|| all.find(&format!("\"cargo xtask {task}")));
    let text = start.map_or("", |start| &all[start + 1..]);
    text.split_once("\";").or_else(|| text.split_once("\",")).map_or(text, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn a_test_is_named_by_file_and_function() {
        let text = "`Bump` is tested in `strategy/bump.rs::a_full_bump_stays_full`, see `std::vec`.";
        assert_eq!(named(text).collect::<Vec<_>>(), [("strategy/bump.rs", "a_full_bump_stays_full")]);
    }

    #[test]
    fn a_test_that_is_gone_is_found() {
        assert!(exists(&root(), "strategy/bump.rs", "a_full_bump_stays_full"));
        assert!(!exists(&root(), "strategy/bump.rs", "a_full_bump_stays"));
        assert!(!exists(&root(), "strategy/none.rs", "a_full_bump_stays_full"));
        assert!(exists(&root(), "tests/it/mutants.rs", "a_panic_is_caught"));
        assert!(!exists(&root(), "tests/it/mutants.rs", "a_panic_is"));
    }

    #[test]
    fn a_file_that_is_gone_is_found() {
        assert!(is_file("strategy/bump.rs") && !is_file("bump.rs") && !is_file("strategy/bump.rs::a_test"));
        assert!(is_there(&root(), "strategy/bump.rs") && !is_there(&root(), "strategy/none.rs"));
    }

    #[test]
    fn a_command_that_is_none_is_found() {
        for command in ["cargo xtask ci --full", "cargo xtask soak", "cargo test -p blockwork --test it", "cargo build"]
        {
            assert!(runs(&root(), command), "{command}");
        }
        for command in
            ["cargo xtask wish", "cargo xtask ci --slow", "cargo test -p blockwork --test none", "cargo test -p none"]
        {
            assert!(!runs(&root(), command), "{command}");
        }
    }
}
