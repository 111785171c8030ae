//! Our parts beside peers, at the same work in the same run: times as ratios.
//!
//! `suite [--quick | --passes N | --smoke] [FILTER]` prints a table for each workload whose name
//! contains the filter. `suite --list [FILTER]` prints names of workloads and candidates,
//! `suite --child WORKLOAD CANDIDATE TASK` runs one of them in this process.

mod compare;
mod kinds;
mod peers;
mod report;
mod run;

use std::{env, process::ExitCode};

use bench::machine;

use crate::{
    compare::Effort,
    run::{Dice, Task},
};

const USAGE: &str = "usage: suite [--quick | --passes N | --smoke | --list] [FILTER]";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--child", workload, candidate, task] => child(workload, candidate, task),
        ["--list"] => list(""),
        ["--list", filter] => list(filter),
        ["--quick"] => compare_all(Effort::QUICK, ""),
        ["--quick", filter] | [filter, "--quick"] => compare_all(Effort::QUICK, filter),
        ["--passes", passes] => passes_of(passes, ""),
        ["--passes", passes, filter] => passes_of(passes, filter),
        ["--smoke"] => smoke(""),
        ["--smoke", filter] => smoke(filter),
        [] => compare_all(Effort::WHOLE, ""),
        [filter] if !filter.starts_with('-') => compare_all(Effort::WHOLE, filter),
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

fn child(workload: &str, candidate: &str, task: &str) -> Result<(), String> {
    let workload = kinds::all().find(|one| one.name == workload).ok_or("no such workload")?;
    let candidate = workload.candidate(candidate).ok_or("no such candidate")?;
    let task = Task::from_word(task).ok_or("no such task")?;
    compare::child(workload, candidate, task);
    Ok(())
}

/// The workloads that a filter leaves; at least one.
fn chosen(filter: &str) -> Result<Vec<&'static kinds::Workload>, String> {
    let chosen: Vec<_> = kinds::all().filter(|workload| workload.name.contains(filter)).collect();
    if chosen.is_empty() { Err(format!("no workload has `{filter}` in its name")) } else { Ok(chosen) }
}

fn list(filter: &str) -> Result<(), String> {
    for workload in chosen(filter)? {
        for candidate in workload.candidates {
            println!("{}\t{}", workload.name, candidate.name);
        }
    }
    Ok(())
}

fn compare_all(effort: Effort, filter: &str) -> Result<(), String> {
    let mut dice = Dice::new(env::args().len() as u64);
    print!("{}", machine::description());
    for workload in chosen(filter)? {
        let rows = compare::compare(workload, effort, &mut dice)?;
        print!("{}", report::table(workload, &rows));
    }
    print!("{}", report::counted());
    Ok(())
}

/// As many passes as it takes to tell a difference from the noise.
fn passes_of(passes: &str, filter: &str) -> Result<(), String> {
    let passes = passes.parse().ok().filter(|&passes| passes > 0).ok_or("how many passes?")?;
    compare_all(Effort { passes, ..Effort::WHOLE }, filter)
}

/// Every candidate at tiny sizes: they have to read the same things.
fn smoke(filter: &str) -> Result<(), String> {
    let workloads = chosen(filter)?;
    for workload in &workloads {
        compare::compare(workload, Effort::SMOKE, &mut Dice::new(1))?;
    }
    println!("    {} workloads: their candidates agree", workloads.len());
    Ok(())
}
