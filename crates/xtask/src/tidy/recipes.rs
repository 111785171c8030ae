//! `docs/recipes.md` and the programs in `examples/`: each names the other, and
//! the page's numbers are those that are asserted and measured.

use std::{fs, path::Path};

const PAGE: &str = "docs/recipes.md";
const EXAMPLES: &str = "crates/blockwork/examples";
const TESTS: &str = "crates/blockwork/tests/recipes.rs";
const COUNTS: &str = "bench/instructions.txt";
/// How an example asserts the size of its state: `assert!(size_of::<…>() == 128, "…")`.
const ASSERTED: &str = "docs/recipes.md says so";

/// What is missing or wrong, one line each.
pub(super) fn wrong(root: &Path) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let (page, tests, counts) = (read(PAGE), read(TESTS), read(COUNTS));
    let mut found = Vec::new();
    for path in programs(root) {
        let name = name_of(&path);
        if !page.contains(&format!("`examples/{path}`")) {
            found.push(format!("{PAGE}: `examples/{path}` is not named"));
        }
        let folder = path.strip_suffix("main.rs").map(|folder| read(&format!("{EXAMPLES}/{folder}heap.rs")));
        let sizes = asserted(&(read(&format!("{EXAMPLES}/{path}")) + &folder.unwrap_or_default()));
        if sizes.is_empty() {
            continue;
        }
        if !tests.contains(&format!("/{}", path.replace("main.rs", "heap.rs"))) {
            found.push(format!("{TESTS}: `{name}` is not tested"));
        }
        let counts = measured(&counts, name);
        if counts.is_empty() {
            found.push(format!("{COUNTS}: no `recipe {name}`"));
        }
        let row = row(&page, name);
        for number in sizes.iter().chain(&counts).filter(|number| !has_number(row, number)) {
            found.push(format!("{PAGE}: the row of `{name}` lacks {number}"));
        }
    }
    let named = page.split('`').skip(1).step_by(2).filter_map(|span| span.strip_prefix("examples/"));
    for path in named.filter(|path| !root.join(EXAMPLES).join(path).exists()) {
        found.push(format!("{PAGE}: there is no `examples/{path}`"));
    }
    found
}

/// `name.rs` or `name/main.rs` of each example, in a fixed order.
fn programs(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(EXAMPLES)) else { return Vec::new() };
    let mut paths: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            Some(if path.is_dir() { format!("{name}/main.rs") } else { name.to_owned() })
        })
        .collect();
    paths.sort();
    paths
}

fn name_of(path: &str) -> &str {
    path.trim_end_matches("/main.rs").trim_end_matches(".rs")
}

/// The numbers of the assertion that names the page.
fn asserted(program: &str) -> Vec<String> {
    let Some((before, _)) = program.split_once(ASSERTED) else { return Vec::new() };
    let assertion = before.rsplit("assert!(").next().unwrap_or_default();
    assertion.split("== ").skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect()).collect()
}

/// The instructions of a recipe, whole.
fn measured(counts: &str, name: &str) -> Vec<String> {
    let rows = counts.lines().filter_map(|line| line.strip_prefix("recipe ")?.strip_prefix(name));
    let rows = rows.filter(|rest| rest.starts_with([' ', ':']));
    rows.filter_map(|rest| Some(format!("{:.0}", rest.split_whitespace().next_back()?.parse::<f64>().ok()?))).collect()
}

/// The line of the page's table that begins with a link to the recipe.
fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let start = format!("| [`{name}`]");
    page.lines().find(|line| line.starts_with(&start)).unwrap_or_default()
}

fn has_number(row: &str, number: &str) -> bool {
    row.split(|c: char| !c.is_ascii_digit() && c != ',').any(|word| word.replace(',', "") == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_an_assertion_are_found() {
        let program = r#"
            const _: () = assert!(
                size_of::<Program>() == 1304 && size_of::<Budget<'_>>() == 24,
                "docs/recipes.md says so"
            );"#;
        assert_eq!(asserted(program), ["1304", "24"]);
        assert_eq!(asserted("assert!(1 == 1);"), Vec::<String>::new());
    }

    #[test]
    fn all_counts_of_a_recipe_are_found_and_no_others() {
        let counts = "recipe pool       7.0\nrecipe pool: slow   1281.6\nrecipe pools   9.0\nmemo   8.0\n";
        assert_eq!(measured(counts, "pool"), ["7", "1282"]);
    }

    #[test]
    fn a_number_is_found_as_a_word() {
        let page = "| [`pool`](#pool) | 1,304 | 7 |";
        assert!(has_number(row(page, "pool"), "1304") && has_number(row(page, "pool"), "7"));
        assert!(!has_number(row(page, "pool"), "304") && !has_number(row(page, "pools"), "7"));
    }
}
