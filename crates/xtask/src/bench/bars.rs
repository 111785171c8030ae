//! What the parts have to reach, and whether they do: each row of the page's first table is made of some measurements.

use std::fmt::Write as _;

use super::{
    pictures::{is_ours, overhead, place},
    results::Results,
};
use crate::{json::Json, picture::three_digits};

/// By how much two runs of the same differ, between threads by more.
const LEEWAY: f64 = 1.05;
const LEEWAY_OF_THREADS: f64 = 1.15;

/// One measurement against its bar.
pub(super) struct Check {
    pub(super) of: String,
    /// The measured divided by the bar.
    share: f64,
    /// As a share of itself.
    noise: f64,
    leeway: f64,
    pub(super) measured: String,
}

impl Check {
    fn is_met(&self) -> bool {
        self.share <= self.leeway
    }

    /// Whether noise could turn it.
    fn is_close(&self) -> bool {
        (self.share - self.leeway).abs() <= self.share * self.noise
    }

    fn counted(of: &str, measured: f64, bar: f64) -> Self {
        let share = if bar > 0.0 { measured / bar } else { f64::from(measured > 0.0) * 2.0 };
        Self { of: of.to_owned(), share, noise: 0.0, leeway: 1.0, measured: three_digits(measured) }
    }
}

/// One row: what it asks, and what was measured.
struct Row {
    part: &'static str,
    reach: &'static str,
    checks: Vec<Check>,
}

/// All rows, of which those without a measurement are left out.
fn rows(results: &Results) -> Vec<Row> {
    let counts = |paths: &[(&str, f64)]| paths.iter().filter_map(|(path, bar)| count(results, path, *bar)).collect();
    let row = |part, reach, checks| Row { part, reach, checks };
    let mut rows = vec![
        row(
            "`BlockPool`, `Pool`",
            "a pair in 8 instructions",
            counts(&[
                ("block pool: alloc_block, free_block", 8.0),
                ("block pool: allocate, deallocate", 8.0),
                ("typed pool: a box of a word", 8.0),
            ]),
        ),
        row(
            "`BlockPool`, `PerChunk`",
            "100,000 blocks freed in random order: as mimalloc",
            timed(results, "fixed/random", "blockwork BlockPool, PerChunk", 1.0),
        ),
        row(
            "`BlockPool`",
            "freed newest first 1.4, churn 1.2 times a free list by hand",
            [
                timed(results, "fixed/lifo", "blockwork BlockPool", 1.4),
                timed(results, "fixed/churn", "blockwork BlockPool", 1.2),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        row("`Bump`, `Arena`", "8 bytes in 7 instructions", counts(&[("bump: 8 bytes", 7.0), ("arena: 8 bytes", 7.0)])),
        row("`Arena`", "a layout known at run time in 20 instructions", counts(&[("arena: layout at run time", 20.0)])),
        row("`Arena`", "a push as short as std's, at most 14.5 instructions", {
            let std = counted(results, "std vec: push").unwrap_or(14.5);
            counts(&[("arena: vec push", std.min(14.5))])
        }),
        row(
            "`ThreadCached`",
            "a pair alone: as jemalloc",
            between(
                results,
                &[
                    ("ThreadCached, one size", "pair, 1 thread", "jemalloc"),
                    ("ThreadCached, size classes", "pair, 1 thread", "jemalloc"),
                ],
            ),
        ),
        row(
            "`ThreadCached`",
            "with 2 threads 1.1 times its own cost with 1",
            between(
                results,
                &[
                    ("ThreadCached, one size", "pair, 2 threads", "itself, one thread"),
                    ("ThreadCached, size classes", "pair, 2 threads", "itself, one thread"),
                ],
            ),
        ),
        row(
            "`ConcurrentBlockPool`",
            "as the tagged stack, and half of heapless, alone and contended",
            between(
                results,
                &[
                    ("ConcurrentBlockPool in a buffer", "pair, 1 thread", "tagged stack, links in blocks"),
                    ("ConcurrentBlockPool in a buffer", "pair, 2 threads", "tagged stack, links in blocks"),
                    ("ConcurrentBlockPool in a buffer", "pair, 1 thread", "heapless box pool"),
                    ("ConcurrentBlockPool in a buffer", "pair, 2 threads", "heapless box pool"),
                ],
            ),
        ),
        row(
            "producer and consumer",
            "`ThreadCached` as jemalloc",
            between(
                results,
                &[
                    ("ThreadCached, one size", "producer, consumer", "jemalloc"),
                    ("ThreadCached, size classes", "producer, consumer", "jemalloc"),
                ],
            ),
        ),
        row(
            "`Block`, retained",
            "10 ns at every size",
            ["blocks/32K", "blocks/64K", "blocks/1M", "blocks/4M"]
                .iter()
                .filter_map(|name| nanoseconds(results, name, "blockwork Memo over Pages", 10.0))
                .collect(),
        ),
        row("`SpanPool`", "40 ns with 100 live spans", {
            nanoseconds(results, "spans/by-live", "100 live", 40.0).into_iter().collect()
        }),
        row("`SpanPool`", "as many instructions with 10⁶ live spans as with 10²", {
            let few = counted(results, "span pool: 4 KiB, any of 100").unwrap_or_default();
            counts(&[("span pool: 4 KiB, any of 1000000", few * LEEWAY)])
        }),
    ];
    for job in results.data.get("memory").get("memory").list() {
        rows.push(Row {
            part: "memory",
            reach: "for each block at most what the best peer takes",
            checks: memory(job),
        });
    }
    rows.retain(|row| !row.checks.is_empty());
    rows
}

/// Instructions of a path, as the gate keeps them.
fn counted(results: &Results, path: &str) -> Option<f64> {
    let rest = results.counts.lines().find_map(|line| line.strip_prefix(path).filter(|rest| rest.starts_with(' ')))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn count(results: &Results, path: &str, bar: f64) -> Option<Check> {
    Some(Check::counted(path, counted(results, path)?, bar))
}

/// A row of a table of ratios.
fn table_row<'a>(results: &'a Results, table: &str, candidate: &str) -> &'a Json {
    results.data.get("tables").get("tables").named(table).get("rows").named(candidate)
}

fn timed(results: &Results, table: &str, candidate: &str, bar: f64) -> Vec<Check> {
    let row = table_row(results, table, candidate);
    let check = |(ratio, noise): (f64, f64)| Check {
        of: table.to_owned(),
        share: ratio / bar,
        noise,
        leeway: LEEWAY,
        measured: three_digits(ratio),
    };
    row.get("ratio").number().zip(row.get("noise").number()).map(check).into_iter().collect()
}

fn nanoseconds(results: &Results, table: &str, candidate: &str, bar: f64) -> Option<Check> {
    let row = table_row(results, table, candidate);
    // Beyond what the loop takes, if that is known.
    let time = row.get("own").number().or_else(|| row.get("ns").number())?;
    let noise = row.get("noise").number()?;
    let measured = format!("{} ns", three_digits(time));
    Some(Check { of: table.to_owned(), share: time / bar, noise, leeway: 1.0, measured })
}

/// Bars between threads, which the program that measures knows.
fn between(results: &Results, wanted: &[(&str, &str, &str)]) -> Vec<Check> {
    let bars = results.data.get("threads").get("bars").list();
    let of = |(candidate, work, other): &(&str, &str, &str)| {
        let is_it = |bar: &&Json| {
            [("candidate", candidate), ("work", work), ("other", other)]
                .iter()
                .all(|(name, value)| bar.get(name).text() == **value)
        };
        let bar = bars.iter().find(is_it)?;
        let ratio = bar.get("ratio").number()?;
        Some(Check {
            of: format!("{candidate}: {work}, against {other}"),
            share: ratio / bar.get("held").get("bar").number()?,
            noise: bar.get("noise").number()?,
            leeway: LEEWAY_OF_THREADS,
            measured: three_digits(ratio),
        })
    };
    wanted.iter().filter_map(of).collect()
}

/// For each size of 10,000 blocks and more, the best of ours against the best peer.
fn memory(job: &Json) -> Vec<Check> {
    let name = job.get("name").text();
    let sizes: Vec<f64> = job.get("sizes").numbers().into_iter().flatten().collect();
    let lines = job.get("lines").list();
    let mut checks = Vec::new();
    for (at, size) in sizes.iter().enumerate() {
        for (live, said) in [(10_000.0, "10 k"), (100_000.0, "100 k"), (1_000_000.0, "1 M")] {
            let Some(live) = place(job, live) else { continue };
            let best = |ours: bool| {
                let of = lines.iter().filter(|line| is_ours(line.get("name").text()) == ours);
                of.filter_map(|line| overhead(line, at, live)).min_by(f64::total_cmp)
            };
            let (Some(own), Some(peer)) = (best(true), best(false)) else { continue };
            let bytes = size * super::pictures::average(name);
            // Of what is taken in all: bytes beyond may be none.
            let share = (bytes + own) / (bytes + peer);
            checks.push(Check {
                of: format!("{name}: {size} B, {said}"),
                share,
                noise: 0.0,
                leeway: 1.01,
                measured: format!("{own:+.1} B (peer {peer:+.1} B)"),
            });
        }
    }
    checks
}

/// The short table that the page begins with, and what is missed.
pub(super) fn table(results: &Results) -> String {
    let rows = rows(results);
    let is_met = |row: &&Row| row.checks.iter().all(Check::is_met);
    let met = rows.iter().filter(is_met).count();
    let mut text = format!(
        "## The bars\n\n{met} of {} are met. What is counted is exact; a time counts as met up to {LEEWAY} of its bar, between \
         threads up to {LEEWAY_OF_THREADS}; \"within noise\" means that the noise could turn it. The gate keeps instructions \
         (`cargo xtask instr`) and machine code beside code by hand (`cargo xtask asm`).\n\n\
         | part | what to reach | measured | noise | |\n|---|---|---|---:|---|\n",
        rows.len()
    );
    let mut missed = String::new();
    for row in &rows {
        let many = row.checks.len() > 4;
        let measured = if many {
            of_many(&row.checks)
        } else {
            row.checks.iter().map(|check| check.measured.as_str()).collect::<Vec<_>>().join(", ")
        };
        let noise = row.checks.iter().map(|check| check.noise).fold(0.0, f64::max);
        let noise = if noise == 0.0 { "none".to_owned() } else { format!("± {:.0} %", noise * 100.0) };
        let close =
            if row.checks.iter().any(|check| check.is_close() && check.noise > 0.0) { ", within noise" } else { "" };
        let verdict = if is_met(&row) { "met" } else { "**missed**" };
        // The jobs of memory are told apart by their checks.
        let part = match row.checks.first().and_then(|check| check.of.split_once(':')) {
            Some((job, _)) if row.part == "memory" => format!("`{job}`"),
            _ => row.part.to_owned(),
        };
        writeln!(text, "| {part} | {} | {measured} | {noise} | {verdict}{close} |", row.reach)
            .expect("writing to a string");
        for check in row.checks.iter().filter(|check| !check.is_met()) {
            writeln!(missed, "- {}: {}, {} of the bar", check.of, check.measured, three_digits(check.share))
                .expect("writing to a string");
        }
    }
    if !missed.is_empty() {
        write!(text, "\n<details><summary>Each measurement that misses its bar</summary>\n\n{missed}\n</details>\n")
            .expect("writing to a string");
    }
    text + "\n"
}

fn of_many(checks: &[Check]) -> String {
    let met = checks.iter().filter(|check| check.is_met()).count();
    let worst = checks.iter().map(|check| check.share).fold(0.0, f64::max);
    format!("{met} of {}; {} at worst", checks.len(), three_digits(worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let data = r#"{"tables":{"tables":[{"name":"fixed/random","rows":[
                {"name":"blockwork BlockPool, PerChunk","ratio":1.2,"noise":0.3,"ns":5}]}]},
            "memory":{"memory":[{"name":"memory/blocks","what":"w","sizes":[64],"live":[10000],"lines":[
                {"name":"blockwork BlockPool","taken":[[0.5]],"resident":[[1]]},
                {"name":"slab","taken":[[30]],"resident":[[31]]}]}]}}"#;
        let counts = "bump: 8 bytes     6.0  bar 8\narena: 8 bytes     9.0  bar 7\n".to_owned();
        Results { data: Json::parse(data).unwrap(), counts }
    }

    #[test]
    fn a_row_is_met_if_all_that_it_asks_is() {
        let table = table(&results());
        assert!(table.contains("| 6.00, 9.00 | none | **missed** |"), "{table}");
        assert!(table.contains("- arena: 8 bytes: 9.00, 1.29 of the bar"), "{table}");
        assert!(table.contains("| 1.20 | ± 30 % | **missed**, within noise |"), "{table}");
        assert!(table.contains("| `memory/blocks` |"), "{table}");
    }

    #[test]
    fn what_was_not_measured_has_no_row() {
        let nothing = Results { data: Json::Null, counts: String::new() };
        assert!(table(&nothing).starts_with("## The bars\n\n0 of 0"));
    }
}
