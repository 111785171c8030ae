//! Tests that the documents name, as `path/file.rs::test`: each must exist.

use std::{fs, path::Path};

/// Where the documents lie whose tests are looked up.
const DOCS: &str = "docs/seeds";

/// What the paths are relative to.
const ROOTS: &[&str] = &["crates/blockwork/src", "crates/blockwork"];

/// Every test that is named and is not there, one line each.
pub(super) fn missing(root: &Path) -> Vec<String> {
    let Ok(docs) = fs::read_dir(root.join(DOCS)) else { return Vec::new() };
    let mut found = Vec::new();
    for doc in docs.filter_map(|entry| Some(entry.ok()?.path())) {
        let text = fs::read_to_string(&doc).unwrap_or_default();
        for (file, test) in named(&text).filter(|&(file, test)| !exists(root, file, test)) {
            let doc = doc.strip_prefix(root).unwrap_or(&doc).display();
            found.push(format!("{doc}: no test `{test}` in {file}"));
        }
    }
    found.sort();
    found
}

/// File and function of each code span of that form.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|span| {
        let (file, test) = span.split_once("::")?;
        file.ends_with(".rs").then_some((file, test))
    })
}

fn exists(root: &Path, file: &str, test: &str) -> bool {
    let function = format!("fn {test}(");
    let texts = ROOTS.iter().filter_map(|dir| fs::read_to_string(root.join(dir).join(file)).ok());
    texts.into_iter().any(|text| text.contains(&function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_by_file_and_function() {
        let text = "`Bump` is tested in `strategy/bump.rs::a_full_bump_stays_full`, see `std::vec`.";
        assert_eq!(named(text).collect::<Vec<_>>(), [("strategy/bump.rs", "a_full_bump_stays_full")]);
    }

    #[test]
    fn a_test_that_is_gone_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert!(exists(&root, "strategy/bump.rs", "a_full_bump_stays_full"));
        assert!(!exists(&root, "strategy/bump.rs", "a_full_bump_stays"));
        assert!(!exists(&root, "strategy/none.rs", "a_full_bump_stays_full"));
    }
}
