//! `threads`: shared allocators, by one thread, by two, and from one to the other.
//!
//! `threads [--passes N | --smoke] [--json FILE] [FILTER]` measures the candidates with the filter in their
//! names, and those they are compared with; `cargo xtask bench --threads` calls it.
//!
//! A pass runs every candidate at every workload, in an order drawn for that pass, its
//! threads pinned to two cores. Ratios are taken inside a pass; the one in the middle is
//! printed, and of the times the middle and the best. A measurement whose threads did not
//! have their cores to themselves, where the wall clock went more than a tenth faster than
//! the processor's, is repeated a few times and then dropped: threads that share a core do
//! not contend.
//!
//! `private, by hand` shares nothing: that two of it take longer than one is
//! the machine's doing.
//!
//! Then the same with 1 to 8 threads: see [`scaling`].

mod bars;
mod objects;
mod peers;
mod scaling;
mod work;

use std::{env, fs, process::ExitCode};

use bench::{
    dice::Dice,
    json, machine,
    statistics::{median, noise},
};

use crate::{
    peers::{CANDIDATES, Candidate},
    work::{WORKLOADS, checksum_of},
};

const USAGE: &str = "usage: threads [--passes N | --smoke] [--json FILE] [FILTER]";

const PASSES: usize = 51;
/// Of what is measured by 1 to 8 threads.
const PASSES_SCALING: usize = 5;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match measure(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &[String]) -> Result<(), String> {
    let (mut passes, mut is_smoke, mut file, mut filter) = (PASSES, false, None, "");
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--smoke" => is_smoke = true,
            "--passes" => {
                let given = args.next().and_then(|passes| passes.parse().ok());
                passes = given.filter(|&passes| passes > 0).ok_or("how many passes?")?;
            }
            "--json" => file = Some(args.next().ok_or(USAGE)?),
            given if !given.starts_with('-') && filter.is_empty() => filter = given,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let candidates = chosen(filter);
    smoke(&candidates)?;
    if is_smoke {
        return Ok(());
    }
    let machine = machine::json();
    let [tables, bars] = compare(&candidates, passes);
    let scaling = scaling::measure(&candidates, passes.min(PASSES_SCALING));
    let Some(file) = file else { return Ok(()) };
    let fields =
        [("machine", machine), ("passes", passes.to_string()), ("tables", tables), ("bars", bars), ("growth", scaling)];
    fs::write(file, json::object(&fields)).map_err(|error| format!("{file}: {error}"))
}

/// The candidates that a filter leaves, and those that others are compared with.
fn chosen(filter: &str) -> Vec<&'static Candidate> {
    let asked = |name: &str| name.contains(filter) || bars::REFERENCES.contains(&name);
    CANDIDATES.iter().filter(|candidate| asked(candidate.name)).collect()
}

/// Every candidate does the same work.
fn smoke(candidates: &[&Candidate]) -> Result<(), String> {
    for workload in WORKLOADS {
        let mut sums = candidates.iter().map(|candidate| checksum_of(workload, candidate));
        let first = sums.next();
        if !sums.all(|sum| Some(sum) == first) {
            return Err(format!("{}: the candidates did different work", workload.name));
        }
    }
    scaling::smoke(candidates);
    println!("    {} workloads between threads: {} candidates agree", WORKLOADS.len(), candidates.len());
    Ok(())
}

/// Nanoseconds by pass; nothing where the threads were disturbed.
type Times = Vec<Option<f64>>;

/// How often a measurement that was disturbed is repeated.
const TRIES: u32 = 20;

/// Measures and prints; tables and bars as JSON.
fn compare(candidates: &[&Candidate], passes: usize) -> [String; 2] {
    print!("{}", machine::description());
    let mut dice = Dice::new(1);
    // By candidate and workload.
    let mut times: Vec<Vec<Times>> = vec![vec![Times::new(); WORKLOADS.len()]; candidates.len()];
    for _ in 0..passes {
        for (at, workload) in WORKLOADS.iter().enumerate() {
            for one in dice.order(candidates.len()) {
                times[one][at].push((0..TRIES).find_map(|_| work::time(workload, candidates[one])));
            }
        }
    }
    let of = |name: &str, at: usize| {
        let place = candidates.iter().position(|candidate| candidate.name == name)?;
        Some(&times[place][at])
    };
    let (mut tables, mut held) = (Vec::new(), Vec::new());
    for (at, workload) in WORKLOADS.iter().enumerate() {
        println!("\n### {}\n\n{}\n", workload.name, workload.what);
        println!("| candidate | ns | best | x of jemalloc | x of the stack | noise |");
        println!("|---|---:|---:|---:|---:|---:|");
        let mut rows = Vec::new();
        for (candidate, mine) in candidates.iter().zip(&times) {
            let mine = &mine[at];
            let all: Vec<f64> = mine.iter().flatten().copied().collect();
            let best = all.iter().copied().min_by(f64::total_cmp).unwrap_or(f64::NAN);
            let against = |name| of(name, at).map_or(f64::NAN, |theirs| median(&ratios(mine, theirs)));
            println!(
                "| {} | {:.1} | {best:.1} | {:.2} | {:.2} | ± {:.0} % |",
                candidate.name,
                median(&all),
                against(bars::JEMALLOC),
                against(bars::STACK),
                100.0 * noise(&all)
            );
            rows.push(json::object(&[
                ("name", json::text(candidate.name)),
                ("ns", json::number(Some(median(&all)))),
                ("best", json::number(Some(best))),
                ("of_jemalloc", json::number(Some(against(bars::JEMALLOC)))),
                ("of_stack", json::number(Some(against(bars::STACK)))),
                ("noise", json::number(Some(noise(&all)))),
            ]));
        }
        tables.push(json::object(&[
            ("name", json::text(workload.name)),
            ("operation", json::text(workload.what)),
            ("rows", json::array(rows.into_iter())),
        ]));
    }
    println!("\n### Bars between threads\n\n| candidate | work | compared with | x | |\n|---|---|---|---:|---|");
    for bar in bars::BARS {
        if let Some((mine, theirs)) = of(bar.candidate, bar.workload).zip(of(bar.other, bar.other_workload)) {
            println!("{}", bar.row(&ratios(mine, theirs)));
            held.push(bar.json(&ratios(mine, theirs)));
        }
    }
    let (all, kept) = (times.iter().flatten().flatten(), times.iter().flatten().flatten().flatten());
    println!("\n{} of {} measurements had their cores to themselves.", kept.count(), all.count());
    [tables, held].map(|lines| format!("[\n{}\n]", lines.join(",\n")))
}

/// The ratios inside each pass.
fn ratios(mine: &[Option<f64>], theirs: &[Option<f64>]) -> Vec<f64> {
    mine.iter().zip(theirs).filter_map(|(mine, theirs)| Some((*mine)? / (*theirs)?)).collect()
}
