//! `cargo xtask unsafe`: how much of the project is `unsafe`, by crate and by layer, that
//! each place says why it is right, and that it is no more than the budget in
//! `docs/unsafe.txt`.
//!
//! What only tests do is counted apart, and has no budget; it must give its reasons too.

mod parse;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use parse::{Kind, Place, parse};

const BUDGET: &str = "docs/unsafe.txt";

const HEAD: &str = "\
# What is unsafe, by crate and layer: blocks, functions that ask for promises, impls and
# traits that make them, and blocks in tests, which have no budget. `cargo xtask tidy`
# fails when there is more of one kind; `cargo xtask unsafe --bless` writes this anew.
";

/// Folders whose files are counted together, each with the folders in it that are counted
/// apart.
const PLACES: &[(&str, &[&str])] = &[
    (
        "crates/blockwork/src",
        &["math", "sync", "os", "raw", "alloc", "source", "strategy", "combine", "typed", "general", "testing"],
    ),
    ("crates/blockwork", &[]),
    ("crates/blockwork-c", &[]),
    ("crates/blockwork-malloc", &[]),
    ("crates/blockwork-preload", &[]),
    ("crates/blockwork-lab", &["recorder", "checker", "composer"]),
    ("crates/xtask", &[]),
    ("bench", &[]),
    ("embedded", &[]),
    ("fuzz", &[]),
];

/// Where a comment must say more than that the caller has promised: where the contract is
/// kept.
const REVIEWED: &[&str] = &[
    "crates/blockwork/src/raw",
    "crates/blockwork/src/strategy",
    "crates/blockwork/src/combine",
    "crates/blockwork/src/general",
];

/// How many of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    blocks: usize,
    fns: usize,
    impls: usize,
    traits: usize,
    in_tests: usize,
}

impl Count {
    fn add(&mut self, place: &Place) {
        match place.kind {
            Kind::Block if place.in_test => self.in_tests += 1,
            _ if place.in_test => {}
            Kind::Block => self.blocks += 1,
            Kind::Fn => self.fns += 1,
            Kind::Impl => self.impls += 1,
            Kind::Trait => self.traits += 1,
            Kind::Extern | Kind::Attribute => {}
        }
    }

    /// Names and numbers of what has a budget.
    fn kept(&self) -> [(&'static str, usize); 4] {
        [("blocks", self.blocks), ("fns", self.fns), ("impls", self.impls), ("traits", self.traits)]
    }
}

/// Counts by place, and what has no reason, one line each.
#[derive(Debug, Default)]
struct Census {
    counts: BTreeMap<String, Count>,
    untold: Vec<String>,
}

/// Prints the census, or makes it the budget.
pub(crate) fn run(root: &Path, bless: bool) -> Result<(), String> {
    let census = census(root);
    let text = written(&census.counts);
    print!("{text}");
    if bless {
        fs::write(root.join(BUDGET), format!("{HEAD}{text}"))
            .map_err(|error| format!("cannot write {BUDGET}: {error}"))?;
    }
    if census.untold.is_empty() { Ok(()) } else { Err(census.untold.join("\n")) }
}

/// What has no reason, and what is more than the budget, one line each.
pub(crate) fn findings(root: &Path) -> Vec<String> {
    let Census { counts, mut untold } = census(root);
    let budget = fs::read_to_string(root.join(BUDGET)).unwrap_or_default();
    untold.extend(over(&counts, &read(&budget)));
    untold
}

fn census(root: &Path) -> Census {
    let mut census = Census::default();
    let mut taken = Vec::new();
    for &(folder, apart) in PLACES {
        for inner in apart.iter().map(|inner| format!("{folder}/{inner}")).chain([folder.to_owned()]) {
            let mut count = Count::default();
            let mut files = rust_files(&root.join(&inner));
            files.retain(|file| !taken.contains(file));
            count_files(root, &files, &mut count, &mut census.untold);
            taken.extend(files);
            census.counts.insert(inner.strip_prefix("crates/").unwrap_or(&inner).to_owned(), count);
        }
    }
    census
}

fn count_files(root: &Path, files: &[PathBuf], count: &mut Count, untold: &mut Vec<String>) {
    // A module comes before the files of its folder, which may be tests by its word.
    let mut tests: Vec<PathBuf> = Vec::new();
    for file in files {
        let relative = file.strip_prefix(root).unwrap_or(file);
        let in_test = is_test(relative) || tests.iter().any(|test| file.with_extension("").starts_with(test));
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = match parse(&text, in_test) {
            Ok(found) => found,
            Err(error) => {
                untold.push(format!("{}: {error}", relative.display()));
                continue;
            }
        };
        let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod" | "lib" | "main") => file.parent().map(Path::to_owned).unwrap_or_default(),
            _ => file.with_extension(""),
        };
        tests.extend(found.test_modules.iter().map(|module| folder.join(module)));
        for place in &found.places {
            count.add(place);
            if place.is_thin && !place.in_test && REVIEWED.iter().any(|folder| relative.starts_with(folder)) {
                untold.push(format!("{}:{}: which promise, and why it is kept?", relative.display(), place.line));
            }
            if !place.told {
                let wanted = match place.kind {
                    Kind::Fn | Kind::Trait => "`# Safety` in its documentation",
                    _ => "SAFETY comment",
                };
                untold.push(format!("{}:{}: no {wanted}", relative.display(), place.line));
            }
        }
    }
}

/// Whether a file is nothing but tests, by its name or its folder's.
fn is_test(file: &Path) -> bool {
    file.components().any(|part| ["tests", "tests.rs"].iter().any(|name| part.as_os_str() == *name))
}

/// Every Rust source file under `dir`, modules before what is in their folders; no build
/// output, and nothing twice by way of links.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort_by_key(|path| (path.is_dir(), path.file_stem() != Some("mod".as_ref()), path.clone()));
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| !path.is_symlink()) {
        if path.is_dir() {
            if !path.ends_with("target") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn written(counts: &BTreeMap<String, Count>) -> String {
    let mut text =
        format!("{:<32}{:>8}{:>8}{:>8}{:>8}{:>10}\n", "# place", "blocks", "fns", "impls", "traits", "in tests");
    for (place, count) in counts.iter().filter(|(_, count)| **count != Count::default()) {
        let Count { blocks, fns, impls, traits, in_tests } = count;
        // Writing to a text does not fail.
        let _ = writeln!(text, "{place:<32}{blocks:>8}{fns:>8}{impls:>8}{traits:>8}{in_tests:>10}");
    }
    text
}

fn read(text: &str) -> BTreeMap<String, Count> {
    let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (place, numbers) = line.split_once(' ')?;
        let mut numbers = numbers.split_whitespace().map_while(|number| number.parse().ok());
        let mut next = || numbers.next().unwrap_or_default();
        let count = Count { blocks: next(), fns: next(), impls: next(), traits: next(), in_tests: next() };
        Some((place.to_owned(), count))
    });
    rows.collect()
}

/// What is more than its budget, one line each.
fn over(counts: &BTreeMap<String, Count>, budget: &BTreeMap<String, Count>) -> Vec<String> {
    let mut found = Vec::new();
    for (place, count) in counts {
        let allowed = budget.get(place).copied().unwrap_or_default();
        for ((what, now), (_, most)) in
            count.kept().into_iter().zip(allowed.kept()).filter(|(now, most)| now.1 > most.1)
        {
            found.push(format!(
                "{BUDGET}: {place} has {now} unsafe {what}, its budget is {most}: `cargo xtask unsafe --bless` if they are needed"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds and lines, those without a reason negative.
    fn found(text: &str) -> Vec<(Kind, isize)> {
        let places = parse(text, false).unwrap().places;
        places.iter().map(|place| (place.kind, place.line as isize * if place.told { 1 } else { -1 })).collect()
    }

    #[test]
    fn every_kind_is_told_from_the_others() {
        let text = "\
            unsafe fn a() {}\n\
            unsafe impl B for C {}\n\
            unsafe trait D {}\n\
            unsafe extern \"C\" { fn e(); }\n\
            unsafe extern \"C\" fn f() {}\n\
            #[unsafe(no_mangle)] fn g() { unsafe { h() } }\n\
            type T = unsafe extern \"C\" fn(); type U = unsafe fn();\n";
        let expected = [
            (Kind::Fn, -1),
            (Kind::Impl, -2),
            (Kind::Trait, -3),
            (Kind::Extern, 4),
            (Kind::Fn, 5),
            (Kind::Attribute, 6),
            (Kind::Block, -6),
        ];
        assert_eq!(found(text), expected);
    }

    #[test]
    fn words_in_comments_and_texts_are_no_code() {
        assert_eq!(found("// unsafe { x() }\nconst A: &str = \"unsafe { y() }\";"), []);
    }

    #[test]
    fn bodies_of_macros_are_looked_into() {
        let text = "macro_rules! m { ($x:expr) => {\n// SAFETY: so.\nunsafe { $x() }\n}; () => { unsafe { y() } } }";
        assert_eq!(found(text), [(Kind::Block, 3), (Kind::Block, -4)]);
    }

    #[test]
    fn a_reason_stands_above_the_statement_or_on_the_line() {
        let told = "fn f() {\n// SAFETY: so.\nlet x =\n a(unsafe { b() });\n/* */ unsafe { c() } // SAFETY: so.\n}";
        assert_eq!(found(told), [(Kind::Block, 4), (Kind::Block, 5)]);
        let untold = "// SAFETY: of another thing.\nfn f() {\n unsafe { b() };\n let x = 1;\n unsafe { c() }\n}";
        assert_eq!(found(untold), [(Kind::Block, -3), (Kind::Block, -5)]);
    }

    #[test]
    fn a_reason_serves_one_statement() {
        let text = "fn f() {\n// SAFETY: so.\nunsafe { b() };\nunsafe { c() }\n}";
        assert_eq!(found(text), [(Kind::Block, 3), (Kind::Block, -4)]);
    }

    #[test]
    fn a_reason_that_gives_none_is_thin() {
        let thin = |text| parse(text, false).unwrap().places.iter().map(|place| place.is_thin).collect::<Vec<_>>();
        assert_eq!(thin("fn f() {\n// SAFETY: the caller's promise.\nunsafe { b() }\n}"), [true]);
        assert_eq!(thin("fn f() {\n// SAFETY: below `len`, says the caller.\nunsafe { b() }\n}"), [false]);
    }

    #[test]
    fn methods_of_traits_promise_what_the_trait_says() {
        let text = "impl<T, U> A for B {\nunsafe fn c() {}\n}\nimpl B {\nunsafe fn d() {}\n}";
        assert_eq!(found(text), [(Kind::Fn, -5)]);
    }

    #[test]
    fn documentation_says_what_is_promised() {
        assert_eq!(found("/// A.\n///\n/// # Safety\n///\n/// So.\n#[b(\nc)]\npub unsafe fn d() {}"), [(Kind::Fn, 8)]);
    }

    #[test]
    fn tests_are_known_by_their_attribute() {
        let text = "#[cfg(test)]\nmod tests { fn f() { unsafe { b() } } }\n#[cfg(all(test, not(loom)))] mod more { fn f() { unsafe { b() } } }\n#[cfg(not(test))] fn g() { unsafe { c() } }";
        let places = parse(text, false).unwrap().places;
        assert_eq!(places.iter().map(|place| place.in_test).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(parse("#[cfg(all(test, unix))]\nmod x;", false).unwrap().test_modules, ["x"]);
    }

    #[test]
    fn a_planted_block_is_over_the_budget() {
        let row = |blocks| BTreeMap::from([("raw".to_owned(), Count { blocks, fns: 1, ..Count::default() })]);
        assert_eq!(over(&row(3), &row(3)), Vec::<String>::new());
        assert_eq!(over(&row(2), &row(3)), Vec::<String>::new());
        let found = over(&row(4), &row(3));
        assert!(found.len() == 1 && found[0].contains("raw has 4 unsafe blocks, its budget is 3"), "{found:?}");
        assert!(!over(&row(1), &BTreeMap::new()).is_empty());
    }

    #[test]
    fn a_budget_is_read_as_it_was_written() {
        let counts = BTreeMap::from([
            ("bench".to_owned(), Count { blocks: 3, fns: 1, impls: 2, traits: 0, in_tests: 7 }),
            ("blockwork/src/raw".to_owned(), Count { traits: 4, ..Count::default() }),
        ]);
        assert_eq!(read(&format!("{HEAD}{}", written(&counts))), counts);
    }
}
