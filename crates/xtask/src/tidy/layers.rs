//! The order of the library's layers: a folder imports only from those below.

use std::{fs, path::Path};

use super::rust_files;

/// The layers of the library, bottom first. A file may name its own layer and those before it.
const LAYERS: &[&str] =
    &["math", "sync", "os", "raw", "alloc", "source", "strategy", "combine", "typed", "general", "testing"];

/// Every import under `src` that points upwards, as `file:line: layer -> layer`.
pub(super) fn upward_imports(src: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in rust_files(src).into_iter().filter(|file| !is_test(file)) {
        let relative = file.strip_prefix(src).expect("listed under src");
        let top = relative.iter().next().expect("not empty").to_str().expect("ascii path");
        let Some(own) = rank(top.trim_end_matches(".rs")) else { continue }; // lib.rs
        let text = fs::read_to_string(&file).expect("readable source");
        for (line, name) in upward_names(own, &text) {
            found.push(format!("{}:{line}: {} -> {name}", relative.display(), LAYERS[own]));
        }
    }
    found
}

/// Whether a file holds nothing but unit tests, by its name or its folder's.
fn is_test(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// Line and name of each layer above `own` that `text` imports, unit tests left out.
fn upward_names(own: usize, text: &str) -> Vec<(usize, String)> {
    let shipped = without_comments(text.split("#[cfg(test)]\nmod ").next().expect("split yields one"));
    let mut found = Vec::new();
    for (at, root) in shipped.match_indices("crate::") {
        for name in first_names(&shipped[at + root.len()..]) {
            if rank(name).is_some_and(|theirs| theirs > own) {
                found.push((1 + shipped[..at].matches('\n').count(), name.to_owned()));
            }
        }
    }
    found
}

/// The names that directly follow `crate::`: one, or each branch of `{…}`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![identifier(path)] };
    let mut names = vec![identifier(group.trim_start())];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(identifier(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn identifier(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
}

/// Blanks comment lines, so that line numbers stay.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| if line.trim_start().starts_with("//") { "\n" } else { line }).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line.trim_end());
            all.push('\n');
            all
        },
    )
}

fn rank(name: &str) -> Option<usize> {
    LAYERS.iter().position(|&layer| layer == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_import_is_found_in_either_form() {
        let raw = rank("raw").unwrap();
        assert_eq!(upward_names(raw, "\nuse crate::combine::Quota;"), [(2, "combine".to_owned())]);
        let grouped = "use crate::{\n    math::align::{up, down},\n    source::{Buffer, Null},\n    os,\n};";
        assert_eq!(upward_names(raw, grouped), [(1, "source".to_owned())]);
    }

    #[test]
    fn comments_and_unit_tests_may_name_anything() {
        let text = "/// See crate::general.\nuse crate::math;\n#[cfg(test)]\nmod tests {\n    use crate::general;\n}";
        assert!(upward_names(rank("raw").unwrap(), text).is_empty());
    }
}
