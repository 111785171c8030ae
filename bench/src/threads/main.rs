//! `threads`: shared allocators, by one thread, by two, and from one to the other.
//!
//! `threads [--passes N | --smoke] [FILTER]` measures the candidates with the filter in their
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

mod bars;
mod objects;
mod peers;
mod work;

use std::{env, process::ExitCode};

use bench::{
    dice::Dice,
    machine,
    statistics::{median, noise},
};

use crate::{
    peers::{CANDIDATES, Candidate},
    work::{WORKLOADS, checksum_of},
};

const USAGE: &str = "usage: threads [--passes N | --smoke] [FILTER]";

const PASSES: usize = 51;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => compare("", PASSES),
        ["--smoke"] => smoke(&chosen("")),
        ["--smoke", filter] => smoke(&chosen(filter)),
        ["--passes", passes] => passes_of(passes, ""),
        ["--passes", passes, filter] => passes_of(passes, filter),
        [filter] if !filter.starts_with('-') => compare(filter, PASSES),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn passes_of(passes: &str, filter: &str) -> Result<(), String> {
    compare(filter, passes.parse().ok().filter(|&passes| passes > 0).ok_or("how many passes?")?)
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
    println!("    {} workloads between threads: {} candidates agree", WORKLOADS.len(), candidates.len());
    Ok(())
}

/// Nanoseconds by pass; nothing where the threads were disturbed.
type Times = Vec<Option<f64>>;

/// How often a measurement that was disturbed is repeated.
const TRIES: u32 = 20;

fn compare(filter: &str, passes: usize) -> Result<(), String> {
    let candidates = chosen(filter);
    smoke(&candidates)?;
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
    for (at, workload) in WORKLOADS.iter().enumerate() {
        println!("\n### {}\n\n{}\n", workload.name, workload.what);
        println!("| candidate | ns | best | x of jemalloc | x of the stack | noise |");
        println!("|---|---:|---:|---:|---:|---:|");
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
        }
    }
    println!("\n### Bars between threads\n\n| candidate | work | compared with | x | |\n|---|---|---|---:|---|");
    for bar in bars::BARS {
        if let Some((mine, theirs)) = of(bar.candidate, bar.workload).zip(of(bar.other, bar.other_workload)) {
            println!("{}", bar.row(&ratios(mine, theirs)));
        }
    }
    let (all, kept) = (times.iter().flatten().flatten(), times.iter().flatten().flatten().flatten());
    println!("\n{} of {} measurements had their cores to themselves.", kept.count(), all.count());
    Ok(())
}

/// The ratios inside each pass.
fn ratios(mine: &[Option<f64>], theirs: &[Option<f64>]) -> Vec<f64> {
    mine.iter().zip(theirs).filter_map(|(mine, theirs)| Some((*mine)? / (*theirs)?)).collect()
}
