//! Lists that must name every part: the README's table and the conformance
//! tests.

use std::{fs, path::Path};

use super::rust_files;

/// Layers whose files are parts.
const PART_LAYERS: &[&str] = &["source", "strategy", "combine"];

/// What a part's name is missing from, one line each.
pub(super) fn incomplete(root: &Path) -> Vec<String> {
    let library = root.join("crates/blockwork");
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    let tests: String =
        rust_files(&library.join("tests")).iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let mut found = Vec::new();
    for part in PART_LAYERS.iter().flat_map(|layer| parts(&library.join("src").join(layer))) {
        if !readme.contains(&format!("`{part}`")) {
            found.push(format!("README.md: no row for `{part}`"));
        }
        if !mentions(&tests, &part) {
            found.push(format!("crates/blockwork/tests: `{part}` is in no conformance test"));
        }
    }
    found
}

/// Public types of a layer that implement `Allocate`, found by the first line
/// of each file: ``//! [`Name`]: …``.
fn parts(layer: &Path) -> Vec<String> {
    let texts = rust_files(layer).into_iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.filter_map(|text| part_of(&text)).collect()
}

fn part_of(text: &str) -> Option<String> {
    let name = text.strip_prefix("//! [`")?.split('`').next()?;
    let is_part = text.contains(&format!("Allocate for {name}")) || text.contains("over_core!(");
    is_part.then(|| name.to_owned())
}

/// Whether `word` stands in `text` as a word of its own.
fn mentions(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        [before, after].iter().all(|c| !c.is_some_and(|c| c.is_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_by_the_first_line_of_its_file() {
        let text = "//! [`Quota`]: a ceiling.\nunsafe impl<A: Allocate> Allocate for Quota<A> {}";
        assert_eq!(part_of(text), Some("Quota".to_owned()));
        assert_eq!(part_of("//! Helpers.\n"), None);
        assert_eq!(part_of("//! [`Lock`]: no allocator.\n"), None);
    }

    #[test]
    fn a_longer_name_is_no_mention() {
        assert!(mentions("Suite::new(Bump::new)", "Bump"));
        assert!(!mentions("BumpConfig", "Bump"));
    }
}
