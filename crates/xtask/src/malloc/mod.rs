//! `cargo xtask malloc-bench`: mallocs side by side, preloaded into programs;
//! see `bench/malloc/README.md`.

mod bars;
mod hit;
mod launch;
mod page;
mod pairs;
mod probes;
mod report;
mod results;
mod statistics;
mod workloads;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use launch::bindings;
pub(crate) use report::{Table, machine, said_by};

use crate::{
    args::Args,
    callgrind,
    json::Json,
    peers::{self, Malloc},
};
use launch::Usage;
use results::{Results, Runs};
use workloads::{Clock, Workload};

const RESULTS: &str = "bench/RESULTS-malloc.md";
/// What the page is made of.
const DATA: &str = "bench/results-malloc.json";
/// What all are compared with.
const REFERENCE: &str = "mimalloc3";
const PASSES: usize = 5;
const PASSES_QUICK: usize = 3;
/// Threads are run again while others had more of the machine than this many processors, this many times.
const OTHERS: f64 = 0.2;
const TRIES: usize = 3;

pub(crate) const USAGE: &str = "\
cargo xtask malloc-bench [OPTIONS] [FILTER]

Runs programs with each malloc preloaded in turn: times, peak memory, memory held, instructions. Whole, it writes
bench/RESULTS-malloc.md, the pictures in bench/pictures, and bench/results-malloc.json, of which they are made.

  FILTER                 only what has this in its name: app/, cross/producer, probe/spike, pairs/lifo1; printed only
  --quick                three passes instead of five; printed only
  --passes N             so many passes
  --only NAME,NAME       only these mallocs; printed only
  --library [NAME=]FILE  this library, too
  --from FILE            measures nothing: writes page and pictures of the data in FILE
";

/// What is asked for.
struct Plan {
    passes: usize,
    filter: String,
    mallocs: Vec<Malloc>,
    /// Whether it is everything, and so replaces the results.
    whole: bool,
}

/// Measures what `args` ask for, and prints it.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    let mut given = Args::new(args, USAGE);
    if let Some(file) = given.value("--from")? {
        given.done()?;
        let text = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        return page::write(root, &Results::of_json(&Json::parse(&text)?)?);
    }
    let plan = plan(root, given)?;
    launch::compile(root)?;
    for malloc in &plan.mallocs {
        launch::takes(root, malloc)?;
    }
    let results = measured(root, &plan, args)?;
    print!("\n{}", page::text(&results));
    if plan.whole {
        fs::write(root.join(DATA), format!("{}\n", results.json())).map_err(|error| format!("{DATA}: {error}"))?;
        page::write(root, &results)?;
    }
    if results.failed.is_empty() { Ok(()) } else { Err(results.failed.join("\n")) }
}

fn measured(root: &Path, plan: &Plan, args: &[&str]) -> Result<Results, String> {
    let about = report::about(plan.passes, args);
    let names: Vec<&str> = plan.mallocs.iter().map(|malloc| malloc.name.as_str()).collect();
    let (mut runs, mut failed) = (Vec::new(), Vec::new());
    let workloads = workloads::all(root)?;
    for workload in workloads.iter().filter(|workload| workload.full_name().contains(&plan.filter)) {
        println!("{}", workload.full_name());
        match measure(root, workload, plan) {
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
    let own = plan.mallocs.iter().find(|malloc| malloc.name == bars::OWN);
    Ok(Results {
        about,
        passes: plan.passes,
        mallocs: plan.mallocs.iter().map(|malloc| (malloc.name.clone(), malloc.version.clone())).collect(),
        runs,
        failed,
        probes: probes::measured(root, &plan.mallocs, &plan.filter)?,
        pairs: pairs::measured(root, &plan.mallocs, &plan.filter)?,
        hit: own.and_then(|own| hit::lengths(root, &own.library)),
    })
}

/// Instructions of a pair of 16 bytes, one block live at a time, under each malloc; and what to know of them.
pub(crate) fn instructions_of_a_pair(root: &Path, mallocs: &[Malloc]) -> Result<(Vec<String>, String), String> {
    launch::compile(root)?;
    callgrind::needed()?;
    Ok((pairs::of(root, mallocs, "lifo1", "16")?.iter().map(pairs::cell).collect(), pairs::stepping()))
}

fn plan(root: &Path, mut args: Args<'_>) -> Result<Plan, String> {
    let quick = args.flag("--quick");
    let passes = args.number("--passes")?;
    let only = args.value("--only")?;
    let mut libraries = Vec::new();
    while let Some(given) = args.value("--library")? {
        libraries.push(library(given)?);
    }
    let filter = args.word().unwrap_or_default().to_owned();
    args.done()?;
    let mut mallocs = peers::all(root)?;
    mallocs.extend(peers::own(root)?);
    mallocs.extend(libraries);
    if let Some(only) = only {
        mallocs.retain(|malloc| only.split(',').any(|name| name == malloc.name));
    }
    Ok(Plan {
        passes: passes.unwrap_or(if quick { PASSES_QUICK } else { PASSES }),
        whole: !quick && only.is_none() && filter.is_empty(),
        filter,
        mallocs,
    })
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
fn measure(root: &Path, workload: &Workload, plan: &Plan) -> Result<Runs, String> {
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
    Ok(Runs::new(workload, &of))
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
fn in_seconds(runs: &Runs, names: &[&str]) -> String {
    let median = |at| statistics::median((0..runs.passes()).map(|pass| runs.time(at, pass)).collect());
    let each = names.iter().enumerate().map(|(at, name)| format!("{name} {:.2} s", median(at)));
    each.collect::<Vec<_>>().join(", ")
}
