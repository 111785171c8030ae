//! One process, one candidate: the far side of the [runner](super::runner).
//!
//! The command starts itself again with a [hidden verb](VERB) and a [`Job`]; the
//! script comes as standard input, the [`Report`] goes to standard output.
//!
//! The process is expendable: it dies with its parent, is the first that the
//! kernel kills when memory runs out, and cannot map more than it was given.

use std::{env, ffi::OsStr, fs, io, process::ExitCode};

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

use super::{
    atlas::Atlas,
    books::Measures,
    candidate::Candidate,
    driver::{
        Stop,
        mapping::{Mapping, Plain},
        marks::Touch,
    },
    latency::Latencies,
    play::Score,
};
use crate::text;

/// What the command calls itself with.
pub const VERB: &str = "__replay";

/// What a child has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Through which allocator.
    pub candidate: Candidate,
    /// What to find out.
    pub task: Task,
    /// The first step of the script, and the one after the last.
    pub steps: (usize, usize),
    /// Events of the recording before these.
    pub first: usize,
    /// One more than the highest slot.
    pub slots: usize,
    /// Bytes that the candidate may need to reserve: see [`Candidate::capacity`].
    pub capacity: u64,
    /// By which threads.
    pub threads: Threads,
    /// What of each block is written and looked at.
    pub touch: Touch,
    /// Bytes that it may map.
    pub memory: u64,
    /// Seconds that it may compute.
    pub seconds: u64,
    /// Who waits for the answer.
    pub parent: u32,
}

/// Whose calls are replayed by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Threads {
    /// All by one thread, in recorded order
    #[default]
    Flat,
    /// By as many threads as were recorded, each its own: in recorded order for memory, and as soon as may be for time
    Exact,
}

/// What to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// How long it takes.
    Time,
    /// How long single calls take.
    Each,
    /// Which addresses it gives.
    Map,
    /// How much it holds, and whether it is right.
    Measure,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Processor time in nanoseconds.
    Time(u64),
    /// What single calls took.
    Each(Latencies),
    /// Which addresses it gave.
    Map(Atlas),
    /// What it held.
    Measure(Measures),
    /// The candidate failed.
    Stop(Stop),
    /// There is no such candidate: why.
    Refused(String),
}

/// The job, if this process was started for one.
pub fn job() -> Option<String> {
    let mut args = env::args_os().skip(1);
    if args.next().as_deref() == Some(OsStr::new(VERB)) { args.next()?.into_string().ok() } else { None }
}

/// Does `job`, and prints the report.
pub fn main(job: &str) -> ExitCode {
    match run(job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            text::tell(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(job: &str) -> anyhow::Result<()> {
    let job: Job = serde_json::from_str(job).context("not a job of this version")?;
    die_with(job.parent)?;
    let report = match job.threads {
        Threads::Flat => play(&job, |steps| Score::Flat(steps)),
        Threads::Exact => play(&job, |calls| Score::Exact(calls)),
    };
    serde_json::to_writer(io::stdout(), &report?)?;
    Ok(())
}

/// Plays its part of the script, of which `score` knows what it is.
fn play<T: Plain>(job: &Job, score: impl FnOnce(&[T]) -> Score<'_>) -> anyhow::Result<Report> {
    let script = Mapping::<T>::new(io::stdin()).context("standard input is not a script")?;
    let (from, to) = job.steps;
    let part = script.as_slice().get(from..to).context("the job reaches beyond the script")?;
    // Other mallocs reserve far more than they use, as the machine's does for its threads.
    let reserves = job.threads == Threads::Exact || matches!(job.candidate, Candidate::Library(_));
    let memory = (!reserves).then_some(job.memory);
    confine(memory, job.seconds)?;
    Ok(job.candidate.run(job, score(part)).unwrap_or_else(Report::Stop))
}

/// Ends this process with `parent`, now if that is gone already.
fn die_with(parent: u32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    ensure!(now == Some(parent), "the process that waited for this is gone");
    Ok(())
}

/// Makes sure that a candidate out of bounds harms nobody else.
fn confine(memory: Option<u64>, seconds: u64) -> anyhow::Result<()> {
    // Refused in some containers; the limits below are the ones that count.
    drop(fs::write("/proc/self/oom_score_adj", "1000"));
    if let Some(memory) = memory {
        limit(Resource::As, mapped()?.saturating_add(memory))?;
    }
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Core, 0)?;
    Ok(())
}

/// Lowers a limit, never raises it.
fn limit(resource: Resource, to: u64) -> io::Result<()> {
    let old = getrlimit(resource);
    let within = |bound: Option<u64>| Some(bound.map_or(to, |bound| bound.min(to)));
    Ok(setrlimit(resource, Rlimit { current: within(old.current), maximum: old.maximum })?)
}

/// Bytes of address space that this process has.
fn mapped() -> anyhow::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').next().unwrap_or_default().parse()?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}
