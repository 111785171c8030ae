//! `cargo xtask instr`: instructions per operation, counted by callgrind.
//!
//! Each named path of `bench/src/instr` is run twice under callgrind, for a
//! short and a long number of rounds; the difference of the totals divided by
//! the difference of the rounds is the cost of one round, set-up cancelled.
//! The cost of an empty loop is subtracted: for most paths the same one, for
//! those that draw random numbers one that draws them, too. Counts do not depend on the load of
//! the machine, so they guard against regressions where times cannot.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

use crate::callgrind;

const ROUNDS_SHORT: u64 = 2_000;
const ROUNDS_LONG: u64 = 12_000;
/// A count may be this much above the blessed one before the check fails,
const TOLERANCE: f64 = 0.5;
/// or this share of it: long paths look into tables by address, and so some
/// instructions differ from one build to the next.
const TOLERANCE_SHARE: f64 = 0.015;
const TABLE: &str = "bench/instructions.txt";

/// One path: its cost, and the bar it may not exceed.
struct Row {
    name: String,
    count: f64,
    limit: Option<f64>,
}

/// Compares the counts of now with the blessed ones and with the bars.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let rows = measure(root)?;
    let blessed = fs::read_to_string(root.join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    let blessed = parse(&blessed)?;
    print!("{}", render(&rows));
    let mut wrong = over_the_bar(&rows);
    wrong.extend(unlike(&rows, &blessed));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// How the counts differ from the blessed ones, but for fewer instructions.
fn unlike(rows: &[Row], blessed: &BTreeMap<String, f64>) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        match blessed.get(&row.name) {
            None => wrong.push(format!("`{}` is not in {TABLE}: bless it", row.name)),
            Some(&before) if row.count > before + TOLERANCE.max(before * TOLERANCE_SHARE) => {
                wrong.push(format!("`{}` takes {:.1} instructions, {before:.1} when blessed", row.name, row.count));
            }
            Some(_) => {}
        }
    }
    for name in blessed.keys().filter(|name| !rows.iter().any(|row| &row.name == *name)) {
        wrong.push(format!("`{name}` is in {TABLE}, but no path has that name"));
    }
    wrong
}

/// Writes the counts of now into the table, unless one exceeds its bar.
pub(crate) fn bless(root: &Path) -> Result<(), String> {
    let rows = measure(root)?;
    let table = render(&rows);
    print!("{table}");
    let wrong = over_the_bar(&rows);
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    fs::write(root.join(TABLE), table).map_err(|error| format!("{TABLE}: {error}"))
}

/// Counts are compared as the table prints them: a thousandth of an
/// instruction is the alignment of one copy, and differs between processors.
fn over_the_bar(rows: &[Row]) -> Vec<String> {
    let over = rows.iter().filter_map(|row| {
        let limit = row.limit.filter(|&limit| (row.count * 10.0).round() / 10.0 > limit)?;
        Some(format!("`{}` takes {:.1} instructions, its bar is {limit}", row.name, row.count))
    });
    over.collect()
}

fn measure(root: &Path) -> Result<Vec<Row>, String> {
    callgrind::needed()?;
    let manifest = root.join("bench/Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--bin", "instr", "--manifest-path"])
        .arg(&manifest)
        .status();
    if !built.map_err(|error| error.to_string())?.success() {
        return Err("bench does not build".to_owned());
    }
    let program = root.join("bench/target/release/instr");
    let list = Command::new(&program).arg("--list").output().map_err(|error| error.to_string())?;
    let mut loops = BTreeMap::new();
    let mut rows = Vec::new();
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let [name, limit, against] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("the list of paths is not understood: `{line}`"));
        };
        if !name.starts_with("empty ") {
            let empty = match loops.get(against) {
                Some(&empty) => empty,
                None => count(&program, against)?,
            };
            loops.insert(against.to_owned(), empty);
            let count = count(&program, name)? - empty;
            rows.push(Row { name: name.to_owned(), count, limit: limit.parse().ok() });
        }
    }
    Ok(rows)
}

/// Instructions of one round of `path`.
fn count(program: &Path, path: &str) -> Result<f64, String> {
    let (short, long) = (total(program, path, ROUNDS_SHORT)?, total(program, path, ROUNDS_LONG)?);
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let per_round = (long - short) as f64 / (ROUNDS_LONG - ROUNDS_SHORT) as f64;
    Ok(per_round)
}

fn total(program: &Path, path: &str, rounds: u64) -> Result<u64, String> {
    Ok(callgrind::count(program, &[path, &rounds.to_string()])?.instructions)
}

fn render(rows: &[Row]) -> String {
    let mut table =
        String::from("# Instructions per operation, net of the loop: `cargo xtask instr --bless` writes this.\n");
    for Row { name, count, limit } in rows {
        let bar = limit.map(|limit| format!("  bar {limit}")).unwrap_or_default();
        let line = format!("{name:<44} {count:>7.1}{bar}");
        writeln!(table, "{}", line.trim_end()).expect("writing to a string");
    }
    table
}

/// Name and count of each line of the table.
fn parse(table: &str) -> Result<BTreeMap<String, f64>, String> {
    let rows = table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    rows.map(|line| {
        let cells = line.split_once("  bar ").map_or(line, |(cells, _)| cells).trim_end();
        let (name, count) = cells.rsplit_once(' ').ok_or_else(|| format!("{TABLE}: no count in `{line}`"))?;
        let count = count.parse().map_err(|_| format!("{TABLE}: no number in `{line}`"))?;
        Ok((name.trim_end().to_owned(), count))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(count: f64, limit: Option<f64>) -> Row {
        Row { name: "pool pair".to_owned(), count, limit }
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let table = render(&[row(8.0, Some(8.0))]);
        assert_eq!(parse(&table), Ok(BTreeMap::from([("pool pair".to_owned(), 8.0)])));
    }

    #[test]
    fn an_instruction_that_is_planted_is_found() {
        let blessed = parse(&render(&[row(8.0, None)])).unwrap();
        assert_eq!(unlike(&[row(8.0, None)], &blessed), Vec::<String>::new());
        assert_eq!(unlike(&[row(7.0, None)], &blessed), Vec::<String>::new());
        assert_eq!(unlike(&[row(9.0, None)], &blessed), ["`pool pair` takes 9.0 instructions, 8.0 when blessed"]);
        assert_eq!(unlike(&[], &blessed).len(), 1);
    }

    #[test]
    fn a_bar_is_inclusive() {
        assert!(over_the_bar(&[row(8.0, Some(8.0)), row(8.04, Some(8.0)), row(9.0, None)]).is_empty());
        assert_eq!(over_the_bar(&[row(8.1, Some(8.0))]).len(), 1);
    }
}
