//! Our parts beside peers, at the same work in the same run.
//!
//! `suite [--quick | --passes N | --smoke] [--only KIND] [--json FILE] [FILTER]` measures all that has the filter in its
//! name: a table of ratios for each workload, how costs grow, `growth/…`, and the memory that is
//! taken, `memory/…`. With a file, the same goes there as JSON.
//!
//! `suite --list [FILTER]` prints names of workloads and candidates, `suite --child WORKLOAD CANDIDATE
//! TASK`, `--growth-child` and `--memory-child` run one of them in this process.

mod compare;
mod growth;
mod kinds;
mod memory;
mod peers;
mod report;
mod run;

use std::{env, fs, process::ExitCode};

use bench::{json, machine};

use crate::{
    compare::Effort,
    growth::Growth,
    kinds::Workload,
    memory::Job,
    run::{Dice, Task},
};

const USAGE: &str =
    "usage: suite [--quick | --passes N | --smoke | --list] [--only tables|growth|memory] [--json FILE] [FILTER]";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--child", workload, candidate, task] => child(workload, candidate, task),
        ["--growth-child", growth, curve, point, task] => growth_child(growth, curve, point, task),
        ["--memory-child", job, candidate, size, live] => memory::child(job, candidate, size, live),
        ["--list"] => list(""),
        ["--list", filter] => list(filter),
        rest => Plan::read(rest).and_then(|plan| plan.run()),
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
    compare::child(workload, candidate, Task::from_word(task).ok_or("no such task")?);
    Ok(())
}

fn growth_child(growth: &str, curve: &str, point: &str, task: &str) -> Result<(), String> {
    let growth = growth::all().find(|one| one.name == growth).ok_or("no such growth")?;
    growth::child(growth, curve, point, Task::from_word(task).ok_or("no such task")?)
}

fn list(filter: &str) -> Result<(), String> {
    for workload in Chosen::by(filter)?.workloads {
        for candidate in workload.candidates {
            println!("{}\t{}", workload.name, candidate.name);
        }
    }
    Ok(())
}

/// What a filter leaves.
struct Chosen {
    workloads: Vec<&'static Workload>,
    growths: Vec<&'static Growth>,
    jobs: Vec<&'static Job>,
}

impl Chosen {
    /// At least one.
    fn by(filter: &str) -> Result<Self, String> {
        let workloads: Vec<_> = kinds::all().filter(|workload| workload.name.contains(filter)).collect();
        let growths: Vec<_> = growth::all().filter(|growth| growth.name.contains(filter)).collect();
        let jobs: Vec<_> = memory::JOBS.iter().filter(|job| job.name.contains(filter)).collect();
        if workloads.is_empty() && growths.is_empty() && jobs.is_empty() {
            return Err(format!("no workload has `{filter}` in its name"));
        }
        Ok(Self { workloads, growths, jobs })
    }

    /// Of one kind.
    fn only(mut self, kind: &str) -> Result<Self, String> {
        match kind {
            "" => {}
            "tables" => self = Self { growths: Vec::new(), jobs: Vec::new(), ..self },
            "growth" => self = Self { workloads: Vec::new(), jobs: Vec::new(), ..self },
            "memory" => self = Self { workloads: Vec::new(), growths: Vec::new(), ..self },
            _ => return Err(USAGE.to_owned()),
        }
        Ok(self)
    }
}

/// What is asked for.
struct Plan<'a> {
    effort: Effort,
    json: Option<&'a str>,
    /// `tables`, `growth` or `memory`; all of them if it is empty.
    only: &'a str,
    filter: &'a str,
}

impl<'a> Plan<'a> {
    fn read(args: &[&'a str]) -> Result<Self, String> {
        let mut plan = Self { effort: Effort::WHOLE, json: None, only: "", filter: "" };
        let mut args = args.iter().copied();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"));
            match arg {
                "--quick" => plan.effort = Effort::QUICK,
                "--smoke" => plan.effort = Effort::SMOKE,
                // As many passes as it takes to tell a difference from the noise.
                "--passes" => {
                    let passes = value()?.parse().ok().filter(|&passes| passes > 0).ok_or("how many passes?")?;
                    plan.effort = Effort { passes, ..Effort::WHOLE };
                }
                "--json" => plan.json = Some(value()?),
                "--only" => plan.only = value()?,
                filter if !filter.starts_with('-') && plan.filter.is_empty() => plan.filter = filter,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(plan)
    }

    fn run(&self) -> Result<(), String> {
        let chosen = Chosen::by(self.filter)?.only(self.only)?;
        if self.effort.task == Task::Smoke {
            return smoke(&chosen);
        }
        let mut dice = Dice::new(env::args().len() as u64);
        print!("{}", machine::description());
        let (machine, mut tables, mut growths, mut jobs) = (machine::json(), Vec::new(), Vec::new(), Vec::new());
        for workload in chosen.workloads {
            let rows = compare::compare(workload, self.effort, &mut dice)?;
            print!("{}", report::table(workload, &rows));
            tables.push(report::json(workload, &rows));
        }
        for growth in chosen.growths {
            let lines = growth::measure(growth, self.effort.for_growth(), &mut dice)?;
            print!("{}", growth::table(growth, &lines));
            growths.push(growth::json(growth, &lines));
        }
        for job in chosen.jobs {
            let lines = memory::measure(job)?;
            print!("{}", memory::table(job, &lines));
            jobs.push(memory::json(job, &lines));
        }
        if !tables.is_empty() {
            print!("{}", report::counted());
        }
        let Some(file) = self.json else { return Ok(()) };
        let mut fields = vec![("machine", machine), ("passes", self.effort.passes.to_string())];
        for (name, measured) in [("tables", tables), ("growth", growths), ("memory", jobs)] {
            if !measured.is_empty() {
                // A line for each, so that one sees what changed.
                fields.push((name, format!("[\n{}\n]", measured.join(",\n"))));
            }
        }
        fs::write(file, json::object(&fields)).map_err(|error| format!("{file}: {error}"))
    }
}

/// Every candidate at tiny sizes: they have to read the same things.
fn smoke(chosen: &Chosen) -> Result<(), String> {
    for workload in &chosen.workloads {
        compare::compare(workload, Effort::SMOKE, &mut Dice::new(1))?;
    }
    for growth in &chosen.growths {
        growth::smoke(growth)?;
    }
    for job in &chosen.jobs {
        memory::smoke(job)?;
    }
    println!(
        "    {} workloads, {} axes, {} jobs: their candidates agree",
        chosen.workloads.len(),
        chosen.growths.len(),
        chosen.jobs.len()
    );
    Ok(())
}
