//! `cargo xtask bench`: this library's parts beside peers; see `bench/README.md`.

mod bars;
mod page;
mod pictures;
mod results;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

use crate::{args::Args, callgrind};

pub(crate) const USAGE: &str = "\
cargo xtask bench [OPTIONS] [FILTER]            times beside peers, as ratios; how costs grow; memory
cargo xtask bench --threads [OPTIONS] [FILTER]  the same between threads
cargo xtask bench --count [FILTER]              instructions of every candidate, into bench/peers.txt
cargo xtask bench --results [--quick]           measures everything, and writes bench/RESULTS.md, its pictures, and
                                                bench/results.json, of which they are made
cargo xtask bench --results --only PART,PART    measures these parts again: tables, growth, memory, threads
cargo xtask bench --results --from FILE         measures nothing: writes page and pictures of the data in FILE

  FILTER       only what has this in its name: fixed, bump/8, growth/spans, memory/
  --only KIND  only tables, growth or memory
  --quick      fewer and shorter passes
  --passes N   so many passes
  --json FILE  writes what was measured there, too
  --smoke      tiny sizes: all candidates have to read the same things
";

/// What the command line asks for.
pub(crate) fn command(root: &Path, args: &[&str]) -> Result<(), String> {
    let mut given = Args::new(args, USAGE);
    if given.flag("--results") {
        let asked = results::Asked {
            from: given.value("--from")?,
            only: given.value("--only")?,
            is_quick: given.flag("--quick"),
        };
        given.done()?;
        return results::run(root, &asked);
    }
    if given.flag("--count") {
        let filter = given.word().unwrap_or_default();
        given.done()?;
        return count(root, filter);
    }
    let is_threads = given.flag("--threads");
    // The suite understands what it is given, and is built before it can say so: not for what it would not.
    let rest = given.rest(&["--only", "--passes", "--json"], &["--quick", "--smoke"])?;
    if is_threads { threads(root, &rest) } else { run(root, &rest) }
}

const SUITE: &str = "bench/target/release/suite";
const THREADS: &str = "bench/target/release/threads";
const TABLE: &str = "bench/peers.txt";
/// Rounds of a workload that are counted: each is thousands of operations.
const ROUNDS_SHORT: u32 = 1;
const ROUNDS_LONG: u32 = 3;

/// Runs the suite, which prints its tables.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    build(root, "suite")?;
    finish(suite(root).args(args))
}

/// Runs the candidates that threads share.
pub(crate) fn threads(root: &Path, args: &[&str]) -> Result<(), String> {
    build(root, "threads")?;
    finish(Command::new(root.join(THREADS)).current_dir(root).args(args))
}

/// Runs a bench, which prints its tables.
fn finish(bench: &mut Command) -> Result<(), String> {
    let status = bench.status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("the bench ended with {status}")) }
}

/// Counts the instructions of the candidates that `filter` leaves, peers included, into the table.
///
/// What cannot run under Valgrind, as snmalloc with its reservation of addresses, has no row.
pub(crate) fn count(root: &Path, filter: &str) -> Result<(), String> {
    callgrind::needed()?;
    build(root, "suite")?;
    let list = suite(root).args(["--list", filter]).output().map_err(|error| error.to_string())?;
    if !list.status.success() {
        return Err(String::from_utf8_lossy(&list.stderr).into_owned());
    }
    let mut counted = BTreeMap::new();
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let (workload, candidate) = line.split_once('\t').ok_or("the list of candidates is not understood")?;
        let name = format!("{workload:<26} {candidate:<36}");
        match instructions(root, workload, candidate) {
            Ok(count) => {
                println!("{name} {count:>9.1}");
                counted.insert(name, count);
            }
            Err(error) => println!("{name}         - {}", error.lines().next().unwrap_or_default()),
        }
    }
    let old = fs::read_to_string(root.join(TABLE)).unwrap_or_default();
    let all = suite(root).arg("--list").output().map_err(|error| error.to_string())?;
    let table = table(&String::from_utf8_lossy(&all.stdout), &old, &counted);
    fs::write(root.join(TABLE), table).map_err(|error| format!("{TABLE}: {error}"))
}

/// The table of all candidates there are: what was counted now, else what `old` has.
fn table(list: &str, old: &str, counted: &BTreeMap<String, f64>) -> String {
    let mut table = String::from(
        "# Instructions per operation, the workload's loop included: `cargo xtask bench --count` writes this. Nothing is\n\
         # checked against it: it moves with the versions of the peers, which `Cargo.lock` pins.\n",
    );
    for (workload, candidate) in list.lines().filter_map(|line| line.split_once('\t')) {
        let name = format!("{workload:<26} {candidate:<36}");
        let known = old.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok());
        if let Some(count) = counted.get(&name).copied().or(known) {
            writeln!(table, "{name} {count:>9.1}").expect("writing to a string");
        }
    }
    table
}

/// Instructions of one operation, by the difference of two runs.
fn instructions(root: &Path, workload: &str, candidate: &str) -> Result<f64, String> {
    let counted = |rounds: u32| {
        callgrind::count(&root.join(SUITE), &["--child", workload, candidate, &format!("count:{rounds}")])
    };
    let (short, long) = (counted(ROUNDS_SHORT)?, counted(ROUNDS_LONG)?);
    let operations: Option<u32> = long.printed.split_whitespace().last().and_then(|word| word.parse().ok());
    let operations = operations.ok_or("the suite did not say how many operations it performed")?;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let more = (long.instructions - short.instructions) as f64;
    Ok(more / f64::from(ROUNDS_LONG - ROUNDS_SHORT) / f64::from(operations))
}

fn build(root: &Path, bench: &str) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--bin", bench, "--manifest-path"]).arg(root.join("bench/Cargo.toml"));
    let built = cargo.status().map_err(|error| error.to_string())?;
    if built.success() { Ok(()) } else { Err("bench does not build".to_owned()) }
}

fn suite(root: &Path) -> Command {
    let mut suite = Command::new(root.join(SUITE));
    suite.current_dir(root);
    suite
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_replaces_its_own_row_and_those_of_candidates_that_are_no_more_go() {
        let row = |name: &str, count: f64| format!("{:<26} {name:<36} {count:>9.1}\n", "fixed/pair");
        let old = row("slab", 35.0) + &row("gone", 1.0);
        let counted = BTreeMap::from([(format!("{:<26} {:<36}", "fixed/pair", "opool"), 32.0)]);
        let table = table("fixed/pair\tslab\nfixed/pair\topool\nfixed/pair\tsnmalloc\n", &old, &counted);
        assert!(table.ends_with(&(row("slab", 35.0) + &row("opool", 32.0))), "{table}");
    }
}
