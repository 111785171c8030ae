//! [`Runner`]: which processes run, in which order, and what they found.
//!
//! ```text
//! measure  system  bump  memo  …          once each: those that fail are out
//! time     driver  system  bump  memo  …  run 1
//! time     driver  system  bump  memo  …  run 2
//! ```
//!
//! Interleaved, so that a machine that turns slow for a while turns slow for
//! all; one at a time, so that none is in another's way. Each image of a
//! recording is a process of its own, as a new program is.

use std::{
    ops::Range,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{self, Command, ExitStatus, Stdio},
};

use anyhow::Context;

use super::{
    books::Moment,
    candidate::{Candidate, Kind},
    child::{Job, Report, Task, VERB},
    memory,
    script::Script,
};
use crate::report::text::bytes;

/// Runs candidates in processes of their own.
#[derive(Debug)]
pub struct Runner<'a> {
    /// The command that understands [`VERB`].
    pub program: PathBuf,
    /// What to replay.
    pub script: &'a Script,
    /// Timed runs for each candidate.
    pub runs: u32,
    /// Bytes that a candidate may take.
    pub spare: u64,
}

/// What all candidates did.
#[derive(Debug)]
pub struct Outcome {
    /// Nanoseconds per event of the null allocator, one for each run.
    pub driver: Vec<f64>,
    /// The candidates in the order given.
    pub rows: Vec<Row>,
}

/// What one candidate did.
#[derive(Debug)]
pub struct Row {
    /// Its composition, in the notation of the library.
    pub spec: String,
    /// What it stands for.
    pub kind: Kind,
    /// Its figures, or why it has none.
    pub result: Result<Figures, String>,
}

/// What a candidate that came to the end needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Nanoseconds per event, one for each run, driver included.
    pub ns: Vec<f64>,
    /// The moment when most was held, in the image that held most.
    pub peak: Moment,
    /// Requests to the parent, in all images.
    pub requests: Option<u64>,
}

/// A candidate that is still in.
#[derive(Debug)]
struct Entry {
    candidate: Candidate,
    result: Result<Figures, String>,
}

impl<'a> Runner<'a> {
    /// A runner of this very command over `script`.
    ///
    /// # Errors
    ///
    /// When the system does not say where the command is.
    pub fn new(script: &'a Script, runs: u32) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the command itself, to replay in a new process")?;
        Ok(Self { program, script, runs, spare: memory::spare() })
    }

    /// Processes that [`run`](Self::run) will start for this many candidates,
    /// at most.
    pub fn processes(&self, candidates: usize) -> u64 {
        let all = candidates as u64 * (1 + u64::from(self.runs)) + u64::from(self.runs);
        all * self.script.images.len() as u64
    }

    /// Runs everything. `tell` is called before each process with what it does.
    ///
    /// # Errors
    ///
    /// When not even the null allocator can be run.
    pub fn run(&self, candidates: &[Candidate], tell: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
        let mut entries: Vec<Entry> = candidates.iter().map(|&candidate| self.enter(candidate, tell)).collect();
        let mut driver = Vec::new();
        for _ in 0..self.runs {
            let ns = self.time(Candidate::Driver, tell).map_err(anyhow::Error::msg);
            driver.push(ns.context("the replay does not work even without an allocator")?);
            for entry in &mut entries {
                let Ok(figures) = &mut entry.result else { continue };
                match self.time(entry.candidate, tell) {
                    Ok(ns) => figures.ns.push(ns),
                    Err(why) => entry.result = Err(why),
                }
            }
        }
        let row = |Entry { candidate, result }| Row { spec: candidate.spec(self.script), kind: candidate.kind(), result };
        Ok(Outcome { driver, rows: entries.into_iter().map(row).collect() })
    }

    /// Measures a candidate, if there is memory for it.
    fn enter(&self, candidate: Candidate, tell: &mut dyn FnMut(&str)) -> Entry {
        let needs = self.script.images.iter().map(|part| candidate.needs(&part.demand)).max().unwrap_or(0);
        let result = if needs <= self.spare {
            self.measure(candidate, tell)
        } else {
            Err(format!("not run: needs {}, and {} can be spared", bytes(needs), bytes(self.spare)))
        };
        Entry { candidate, result }
    }

    fn measure(&self, candidate: Candidate, tell: &mut dyn FnMut(&str)) -> Result<Figures, String> {
        let mut figures = Figures { ns: Vec::new(), peak: Moment::default(), requests: None };
        for part in &self.script.images {
            match self.child(candidate, Task::Measure, &part.steps, tell)? {
                Report::Measure(peak, requests) => {
                    if peak.held >= figures.peak.held {
                        figures.peak = peak;
                    }
                    figures.requests = match (figures.requests, requests) {
                        (Some(sum), Some(more)) => Some(sum + more),
                        (sum, more) => sum.or(more),
                    };
                }
                other => return Err(failure(part.steps.start, &other)),
            }
        }
        Ok(figures)
    }

    /// Nanoseconds per event of one run.
    fn time(&self, candidate: Candidate, tell: &mut dyn FnMut(&str)) -> Result<f64, String> {
        let mut ns = 0;
        for part in &self.script.images {
            match self.child(candidate, Task::Time, &part.steps, tell)? {
                Report::Time(more) => ns += more,
                other => return Err(failure(part.steps.start, &other)),
            }
        }
        Ok(ns as f64 / self.script.events().max(1) as f64)
    }

    /// Runs one process to its end.
    fn child(
        &self,
        candidate: Candidate,
        task: Task,
        steps: &Range<usize>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Report, String> {
        tell(&candidate.spec(self.script));
        let job = Job {
            candidate,
            task,
            steps: (steps.start, steps.end),
            slots: self.script.slots,
            capacity: candidate.capacity(self.script),
            memory: self.spare,
            seconds: 60 + steps.len() as u64 / 20_000,
            parent: process::id(),
        };
        let job = serde_json::to_string(&job).map_err(|error| format!("failed: {error}"))?;
        let script = self.script.file.try_clone().map_err(|error| format!("failed: {error}"))?;
        let done = Command::new(&self.program)
            .args([VERB, &job])
            .stdin(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| format!("failed: cannot start {}: {error}", self.program.display()))?;
        match serde_json::from_slice(&done.stdout) {
            Ok(report) if done.status.success() => Ok(report),
            _ => Err(crash(done.status, &String::from_utf8_lossy(&done.stderr))),
        }
    }
}

/// A report that tells of a failure, in words; `first` is the number of the
/// image's first event.
fn failure(first: usize, report: &Report) -> String {
    match report {
        Report::Stop(stop) => format!("failed: {} at event {}", stop.fault, first + stop.step + 1),
        Report::Time(_) | Report::Measure(..) => "failed: answered another question".into(),
    }
}

/// A process that came to no report, in words.
fn crash(status: ExitStatus, said: &str) -> String {
    let how = match status.signal() {
        Some(libc::SIGKILL) => "killed, most likely for want of memory".into(),
        Some(libc::SIGXCPU) => "stopped after far more time than a replay takes".into(),
        Some(libc::SIGSEGV | libc::SIGBUS) => "crashed with a wild memory access".into(),
        Some(libc::SIGABRT) => "aborted".into(),
        Some(signal) => format!("killed by signal {signal}"),
        None => format!("ended with {status}"),
    };
    match said.trim().lines().next() {
        Some(line) => format!("failed: {how}: {line}"),
        None => format!("failed: {how}"),
    }
}
