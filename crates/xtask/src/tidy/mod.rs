//! What a program can see of the project's taste: layer order, spellings that
//! have a better replacement, and lists that must stay complete.

mod layers;
mod lists;
mod named_tests;
mod recipes;
mod spellings;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::census;

/// Fails with everything untidy under `root`.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let found = findings(root);
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Everything untidy under `root`, one line each; empty when all is well.
fn findings(root: &Path) -> Vec<String> {
    let library = root.join("crates/blockwork");
    let mut found = layers::upward_imports(&library.join("src"));
    found.extend(spellings::banned(root));
    found.extend(lists::incomplete(root));
    found.extend(named_tests::missing(root));
    found.extend(recipes::wrong(root));
    found.extend(census::findings(root));
    found
}

/// Every Rust source file under `dir`, build output left out, in a fixed order.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else { return files };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            if !path.ends_with("target") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let found = findings(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        assert!(found.is_empty(), "{found:#?}");
    }
}
