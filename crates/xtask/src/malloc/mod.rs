//! `cargo xtask malloc-bench`: mallocs side by side, preloaded into programs;
//! see `bench/malloc/README.md`.

mod launch;
mod pairs;
mod probes;
mod report;
mod statistics;
mod workloads;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use launch::bindings;
pub(crate) use report::{Table, machine, said_by};

use crate::{
    callgrind,
    peers::{self, Malloc},
};
use launch::Usage;
use statistics::Ratio;
use workloads::{Clock, Workload};

const RESULTS: &str = "bench/RESULTS-malloc.md";
/// What all are compared with.
const REFERENCE: &str = "mimalloc3";
const PASSES: usize = 5;
const PASSES_QUICK: usize = 3;
/// Threads are run again while others had more of the machine than this many processors, this many times.
const OTHERS: f64 = 0.2;
const TRIES: usize = 3;

/// What is asked for.
struct Plan {
    passes: usize,
    filter: String,
    mallocs: Vec<Malloc>,
    /// Whether it is everything, and so replaces the results.
    whole: bool,
}

/// The runs of one workload: of each malloc, one for each pass.
struct Runs<'a> {
    workload: &'a Workload,
    of: Vec<Vec<Usage>>,
}

/// Measures what `args` ask for, and prints it.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    launch::compile(root)?;
    let plan = plan(root, args)?;
    for malloc in &plan.mallocs {
        launch::takes(root, malloc)?;
    }
    let names: Vec<&str> = plan.mallocs.iter().map(|malloc| malloc.name.as_str()).collect();
    let workloads = workloads::all(root)?;
    let mut text = report::head(&plan.mallocs, plan.passes, args);
    let (mut runs, mut failed) = (Vec::new(), Vec::new());
    for workload in workloads.iter().filter(|workload| workload.full_name().contains(&plan.filter)) {
        println!("{}", workload.full_name());
        match measure(root, workload, &plan) {
            Ok(measured) => {
                println!("  {}", in_seconds(&measured, &names));
                runs.push(measured);
            }
            Err(error) => {
                println!("  failed: {error}");
                failed.push(format!("{}: {}", workload.full_name(), error.lines().next().unwrap_or_default()));
            }
        }
    }
    text.extend(failed.iter().map(|failed| format!("- failed, and left out: {failed}\n")));
    text.push('\n');
    match names.iter().position(|&name| name == REFERENCE) {
        Some(reference) if !runs.is_empty() => text += &compared(&runs, &names, reference),
        None => text += &format!("Without {REFERENCE} there is nothing to compare with.\n\n"),
        Some(_) => {}
    }
    text += &probes::table(root, &plan.mallocs, &plan.filter)?;
    text += &pairs::table(root, &plan.mallocs, &plan.filter)?;
    print!("\n{text}");
    if plan.whole {
        fs::write(root.join(RESULTS), text).map_err(|error| format!("{RESULTS}: {error}"))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Instructions of a pair of 16 bytes, one block live at a time, under each malloc; and what to know of them.
pub(crate) fn instructions_of_a_pair(root: &Path, mallocs: &[Malloc]) -> Result<(Vec<String>, String), String> {
    launch::compile(root)?;
    callgrind::needed()?;
    Ok((pairs::cells(root, mallocs, "lifo1", "16")?, pairs::stepping()))
}

fn plan(root: &Path, args: &[&str]) -> Result<Plan, String> {
    let mut mallocs = peers::all(root)?;
    mallocs.extend(peers::own(root)?);
    let mut plan = Plan { passes: PASSES, filter: String::new(), mallocs, whole: true };
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        let mut value = || args.next().copied().ok_or_else(|| format!("{arg} needs a value"));
        match arg {
            "--quick" => (plan.passes, plan.whole) = (PASSES_QUICK, false),
            "--passes" => plan.passes = value()?.parse().map_err(|_| "--passes needs a number".to_owned())?,
            "--library" => plan.mallocs.push(library(value()?)?),
            "--only" => {
                let only = value()?;
                plan.mallocs.retain(|malloc| only.split(',').any(|name| name == malloc.name));
                plan.whole = false;
            }
            filter => (plan.filter, plan.whole) = (filter.to_owned(), false),
        }
    }
    if plan.passes == 0 { Err("no passes, no medians".to_owned()) } else { Ok(plan) }
}

/// A library to preload, given as `NAME=FILE` or `FILE`.
pub(crate) fn library(given: &str) -> Result<Malloc, String> {
    let (name, file) = given.split_once('=').unwrap_or(("", given));
    let library = PathBuf::from(file).canonicalize().map_err(|error| format!("{file}: {error}"))?;
    let stem = library.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = if name.is_empty() { stem } else { name.to_owned() };
    Ok(Malloc { name, version: format!("`{file}`"), library })
}

/// Runs `workload` under each malloc in turn, pass after pass; each pass begins with another.
fn measure<'a>(root: &Path, workload: &'a Workload, plan: &Plan) -> Result<Runs<'a>, String> {
    let mut of: Vec<Vec<Usage>> = plan.mallocs.iter().map(|_| Vec::new()).collect();
    let mut printed = None;
    for malloc in &plan.mallocs {
        let usage = workload.watched(root, malloc)?;
        if printed.get_or_insert_with(|| usage.printed.clone()) != &usage.printed {
            return Err(format!("{} prints something else under {}", workload.full_name(), malloc.name));
        }
    }
    for pass in 0..plan.passes {
        for turn in 0..plan.mallocs.len() {
            let at = (pass + turn) % plan.mallocs.len();
            of[at].push(undisturbed(root, workload, &plan.mallocs[at])?);
        }
    }
    Ok(Runs { workload, of })
}

/// One run; of threads the least disturbed of some.
fn undisturbed(root: &Path, workload: &Workload, malloc: &Malloc) -> Result<Usage, String> {
    let mut best = workload.run(root, malloc)?;
    let tries = if workload.clock == Clock::Wall { TRIES } else { 1 };
    for _ in 1..tries {
        if best.others <= OTHERS {
            break;
        }
        let again = workload.run(root, malloc)?;
        if again.others < best.others {
            best = again;
        }
    }
    Ok(best)
}

/// What a run takes in the middle, for who watches.
fn in_seconds(runs: &Runs<'_>, names: &[&str]) -> String {
    let median = |of: &[Usage]| statistics::median(of.iter().map(|usage| time(runs.workload, usage)).collect());
    let each = names.iter().zip(&runs.of).map(|(name, of)| format!("{name} {:.2} s", median(of)));
    each.collect::<Vec<_>>().join(", ")
}

fn time(workload: &Workload, usage: &Usage) -> f64 {
    match workload.clock {
        Clock::Processor => usage.processor,
        Clock::Wall => usage.wall,
    }
}

/// Times and peaks, by group and by workload.
fn compared(runs: &[Runs<'_>], names: &[&str], reference: usize) -> String {
    let time = |runs: &Runs<'_>, at: usize, pass: usize| time(runs.workload, &runs.of[at][pass]);
    let work = |runs: &Runs<'_>, at: usize, pass: usize| runs.of[at][pass].processor;
    let peak = |runs: &Runs<'_>, at: usize, pass: usize| runs.of[at][pass].peak;
    let mut text = report::disturbance(runs);
    text += &by_group("Time, by group", runs, names, reference, time);
    text += &by_group("Work of the processors, by group", runs, names, reference, work);
    text += &by_group("Peak memory, by group", runs, names, reference, peak);
    text += &by_workload("Time, by workload", "s", runs, names, reference, time);
    text += &by_workload("Peak memory, by workload", "MiB", runs, names, reference, |runs, at, pass| {
        peak(runs, at, pass) / 1024.0
    });
    text
}

/// Geometric means of the ratios of each pass, and the median of those.
fn by_group(
    title: &str,
    runs: &[Runs<'_>],
    names: &[&str],
    reference: usize,
    value: impl Fn(&Runs<'_>, usize, usize) -> f64,
) -> String {
    let mut groups: Vec<&str> = runs.iter().map(|runs| runs.workload.group).collect();
    groups.dedup();
    groups.push("all");
    let mut table = Table::new(title, &format!("geometric mean / {REFERENCE}"), names);
    for group in groups {
        let of_group: Vec<&Runs<'_>> =
            runs.iter().filter(|runs| group == "all" || runs.workload.group == group).collect();
        let Some(first) = of_group.first() else { continue };
        let mean = |at: usize, pass: usize| {
            let ratios = of_group.iter().map(|runs| value(runs, at, pass) / value(runs, reference, pass));
            statistics::geometric_mean(ratios)
        };
        let passes = first.of[reference].len();
        let ratio = |at: usize| Ratio::of((0..passes).map(|pass| mean(at, pass)).collect());
        table.row(&format!("{group} ({})", of_group.len()), (0..names.len()).map(|at| ratio(at).to_string()).collect());
    }
    table.finish()
}

/// The ratio in the middle, and what the reference itself takes.
fn by_workload(
    title: &str,
    unit: &str,
    runs: &[Runs<'_>],
    names: &[&str],
    reference: usize,
    value: impl Fn(&Runs<'_>, usize, usize) -> f64,
) -> String {
    let mut columns = names.to_vec();
    let absolute = format!("{REFERENCE}, {unit}");
    columns.push(&absolute);
    let mut table = Table::new(title, &format!("ratio / {REFERENCE}"), &columns);
    for runs in runs {
        let passes = runs.of[reference].len();
        let ratio = |at: usize| {
            let of_pass = |pass| value(runs, at, pass) / value(runs, reference, pass);
            Ratio::of((0..passes).map(of_pass).collect())
        };
        let mut cells: Vec<String> = (0..names.len()).map(|at| ratio(at).to_string()).collect();
        let own = statistics::median((0..passes).map(|pass| value(runs, reference, pass)).collect());
        cells.push(format!("{own:.2}"));
        table.row(&runs.workload.full_name(), cells);
    }
    table.finish()
}
