//! [`Runner`]: which processes run, in which order, and what they found.
//!
//! ```text
//! measure  system  bump  memo  …          once each, two at a time: those that fail are out
//! each     driver  system  bump  memo  …  once each: single calls
//! time     driver  system  bump  memo  …  run 1
//! time     driver  system  bump  memo  …  run 2
//! ```
//!
//! Interleaved, so that a machine that turns slow for a while turns slow for
//! all; timed one at a time, so that none is in another's way. Each image of a
//! recording is a process of its own, as a new program is.

use std::{
    env,
    ffi::OsString,
    io, iter,
    os::unix::process::ExitStatusExt,
    process::{self, Command, ExitStatus, Output, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

pub use super::outcome::{Figures, Method, Outcome, Row};
use super::{
    atlas::Atlas,
    candidate::Candidate,
    child::{Job, Report, Task, VERB},
    driver::marks::Touch,
    latency::Latencies,
    memory,
    script::{Part, Script},
};
use crate::text::bytes;

/// Runs candidates in processes of their own.
#[derive(Debug)]
pub struct Runner<'a> {
    /// The command that understands [`VERB`], with what comes before the verb.
    pub command: Vec<OsString>,
    /// What to replay.
    pub script: &'a Script,
    /// Timed runs for each candidate, if there is time.
    pub runs: u32,
    /// What of each block is written and looked at.
    pub touch: Touch,
    /// Whether that is all of it while memory is measured.
    pub verify: bool,
    /// Whether single calls are timed as well, in processes of their own.
    pub single_calls: bool,
    /// After so long, no other round of timed runs begins.
    pub patience: Duration,
    /// A process that takes longer for a million events is stopped.
    pub hang: Duration,
    /// Bytes that a candidate may take.
    pub spare: u64,
}

/// Enough for five rounds over millions of events; a round alone takes minutes
/// where a program asks for large blocks all the time, which a replay touches.
const PATIENCE: Duration = Duration::from_secs(60);

/// A thousand times what a replay takes that fills blocks of kilobytes.
const HANG: Duration = Duration::from_secs(600);

/// What there is to say when the null allocator fails.
const NO_DRIVER: &str = "the replay does not work even without an allocator";

/// A candidate that is still in.
#[derive(Debug)]
struct Entry {
    candidate: Candidate,
    result: Result<Figures, String>,
}

impl Entry {
    /// Has `put` note in the figures what `find` found, if the candidate can be
    /// timed at all; where that failed there are no figures any more.
    fn add<T>(&mut self, find: impl FnOnce(&Candidate) -> Result<T, String>, put: impl FnOnce(&mut Figures, T)) {
        let Ok(figures) = &mut self.result else { return };
        if !self.candidate.is_timed() {
            return;
        }
        match find(&self.candidate) {
            Ok(found) => put(figures, found),
            Err(why) => self.result = Err(why),
        }
    }
}

impl<'a> Runner<'a> {
    /// A runner of this very command over `script`.
    ///
    /// # Errors
    ///
    /// When the system does not say where the command is.
    pub fn new(script: &'a Script, runs: u32) -> anyhow::Result<Self> {
        let command = env::current_exe().context("cannot find the command itself, to replay in a new process")?;
        Ok(Self {
            command: vec![command.into()],
            script,
            runs,
            touch: Touch::default(),
            verify: false,
            single_calls: true,
            patience: PATIENCE,
            hang: HANG,
            spare: memory::spare(),
        })
    }

    /// Processes that [`run`](Self::run) will start for this many candidates,
    /// at most.
    pub fn processes(&self, candidates: usize) -> u64 {
        let timed = u64::from(self.runs) + u64::from(self.single_calls);
        let all = candidates as u64 * (1 + timed) + timed;
        all * self.script.images.len() as u64
    }

    /// Runs everything. `tell` is called before each process with what it does.
    ///
    /// # Errors
    ///
    /// When not even the null allocator can be run.
    pub fn run(&self, candidates: &[Candidate], tell: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
        let mut entries = self.enter_all(candidates, tell);
        let mut driver = Vec::new();
        let runs = if self.has_room_for(&Candidate::Driver).is_ok() { self.runs } else { 0 };
        let mut clock = Latencies::default();
        if runs > 0 && self.single_calls {
            clock = self.each(&Candidate::Driver, tell).map_err(anyhow::Error::msg).context(NO_DRIVER)?;
            for entry in &mut entries {
                entry.add(|candidate| self.each(candidate, tell), |figures, calls| figures.calls = calls);
            }
        }
        let begin = Instant::now();
        for round in 0..runs {
            if round > 0 && begin.elapsed() >= self.patience {
                break;
            }
            let ns = self.time(&Candidate::Driver, tell).map_err(anyhow::Error::msg);
            driver.push(ns.context(NO_DRIVER)?);
            for entry in &mut entries {
                entry.add(|candidate| self.time(candidate, tell), |figures, ns| figures.ns.push(ns));
            }
        }
        let row =
            |Entry { candidate, result }| Row { spec: candidate.spec(self.script), kind: candidate.kind(), result };
        let method = Method { threads: self.script.threads, touch: self.touch };
        Ok(Outcome { method, driver, clock, rows: entries.into_iter().map(row).collect() })
    }

    /// Measures the candidates, two at a time where the machine can.
    fn enter_all(&self, candidates: &[Candidate], tell: &mut dyn FnMut(&str)) -> Vec<Entry> {
        let next = AtomicUsize::new(0);
        let (said, heard) = mpsc::channel::<String>();
        let work = |said: mpsc::Sender<String>| {
            // Nobody listens any more where this command is ending.
            let mut tell = |spec: &str| drop(said.send(spec.to_owned()));
            let mine = || {
                let index = next.fetch_add(1, Ordering::Relaxed);
                Some((index, self.enter(candidates.get(index)?, &mut tell)))
            };
            iter::from_fn(mine).collect::<Vec<_>>()
        };
        let work = &work;
        let mut entries: Vec<(usize, Entry)> = thread::scope(|scope| {
            let begin = |said| scope.spawn(move || work(said));
            let lanes: Vec<_> = iter::repeat_n(said, self.lanes(candidates)).map(begin).collect();
            heard.iter().for_each(|spec| tell(&spec));
            lanes.into_iter().flat_map(|lane| lane.join().unwrap_or_default()).collect()
        });
        entries.sort_unstable_by_key(|(index, _)| *index);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// How many may be measured at a time: what they hold is not known, only
    /// what they need at least.
    fn lanes(&self, candidates: &[Candidate]) -> usize {
        let needs = candidates.iter().map(|candidate| self.needs(candidate)).filter(|needs| *needs <= self.spare);
        let is_roomy = needs.max().is_some_and(|most| most.saturating_mul(4) <= self.spare);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        if is_roomy { processors.min(2) } else { 1 }
    }

    /// Measures a candidate, if there is memory for it.
    fn enter(&self, candidate: &Candidate, tell: &mut dyn FnMut(&str)) -> Entry {
        let result = self.has_room_for(candidate).and_then(|()| self.measure(candidate, tell));
        Entry { candidate: candidate.clone(), result }
    }

    /// Bytes that `candidate` takes at least.
    fn needs(&self, candidate: &Candidate) -> u64 {
        // The null allocator has its memory for each thread.
        let times = |part: &Part| if *candidate == Candidate::Driver { part.threads as u64 } else { 1 };
        let needs = |part: &Part| candidate.needs(&part.demand).saturating_mul(times(part));
        self.script.images.iter().map(needs).max().unwrap_or(0)
    }

    fn has_room_for(&self, candidate: &Candidate) -> Result<(), String> {
        let needs = self.needs(candidate);
        if needs <= self.spare {
            Ok(())
        } else {
            Err(format!("not run: needs {}, and {} can be spared", bytes(needs), bytes(self.spare)))
        }
    }

    fn measure(&self, candidate: &Candidate, tell: &mut dyn FnMut(&str)) -> Result<Figures, String> {
        let mut figures = Figures::default();
        for part in &self.script.images {
            match self.child(candidate, Task::Measure, part, tell)? {
                Report::Measure(measures) => figures.add(measures, part.demand.peak_bytes),
                other => return Err(failure(part.ops.start, &other)),
            }
        }
        Ok(figures)
    }

    /// What single calls take.
    fn each(&self, candidate: &Candidate, tell: &mut dyn FnMut(&str)) -> Result<Latencies, String> {
        let mut calls = Latencies::default();
        for part in &self.script.images {
            match self.child(candidate, Task::Each, part, tell)? {
                Report::Each(more) => calls.append(more),
                other => return Err(failure(part.ops.start, &other)),
            }
        }
        Ok(calls)
    }

    /// Which addresses a candidate gives, in the image that has most bytes live.
    ///
    /// # Errors
    ///
    /// Why it does not come to the end.
    pub fn map(&self, candidate: &Candidate, tell: &mut dyn FnMut(&str)) -> Result<Atlas, String> {
        self.has_room_for(candidate)?;
        let part = self.script.images.iter().max_by_key(|part| part.demand.peak_bytes).ok_or("nothing to replay")?;
        match self.child(candidate, Task::Map, part, tell)? {
            Report::Map(atlas) => Ok(atlas),
            other => Err(failure(part.ops.start, &other)),
        }
    }

    /// Nanoseconds per event of one run.
    fn time(&self, candidate: &Candidate, tell: &mut dyn FnMut(&str)) -> Result<f64, String> {
        let mut ns = 0;
        for part in &self.script.images {
            match self.child(candidate, Task::Time, part, tell)? {
                Report::Time(more) => ns += more,
                other => return Err(failure(part.ops.start, &other)),
            }
        }
        Ok(ns as f64 / self.script.events().max(1) as f64)
    }

    /// Runs one process to its end.
    fn child(
        &self,
        candidate: &Candidate,
        task: Task,
        part: &Part,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Report, String> {
        tell(&candidate.spec(self.script));
        let job = Job {
            candidate: candidate.clone(),
            task,
            steps: (part.steps.start, part.steps.end),
            first: part.ops.start,
            slots: self.script.slots,
            capacity: candidate.capacity(self.script),
            threads: self.script.threads,
            touch: if self.verify && task == Task::Measure { Touch::All } else { self.touch },
            memory: self.spare,
            seconds: 60 + part.steps.len() as u64 / 20_000,
            parent: process::id(),
        };
        let job = serde_json::to_string(&job).map_err(|error| format!("failed: {error}"))?;
        let script = self.script.file.try_clone().map_err(|error| format!("failed: {error}"))?;
        let (program, before) = self.command.split_first().ok_or("failed: no command")?;
        let mut command = Command::new(program);
        if let Candidate::Library(path) = candidate {
            command.env("LD_PRELOAD", path);
        }
        let command = command.args(before).args([VERB, &job]).stdin(script);
        let bound = self.hang.saturating_mul(1 + u32::try_from(part.steps.len() / 1_000_000).unwrap_or(u32::MAX));
        let done = output_within(bound, command.stdout(Stdio::piped()).stderr(Stdio::piped()))
            .map_err(|error| format!("failed: cannot start {}: {error}", program.display()))?;
        match serde_json::from_slice(&done.stdout) {
            Ok(report) if done.status.success() => Ok(report),
            _ => Err(crash(done.status, &String::from_utf8_lossy(&done.stderr))),
        }
    }
}

/// Runs `command` to its end, or stops it when it takes longer than `bound`: an
/// allocator may wait for itself for ever.
fn output_within(bound: Duration, command: &mut Command) -> io::Result<Output> {
    let child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let (done, waits) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if waits.recv_timeout(bound) == Err(mpsc::RecvTimeoutError::Timeout) {
                // It may just have ended.
                let _gone = kill_process(pid, Signal::XCPU);
            }
        });
        let output = child.wait_with_output();
        drop(done);
        output
    })
}

/// A report that tells of a failure, in words; `first` is the number of the
/// image's first event.
fn failure(first: usize, report: &Report) -> String {
    match report {
        Report::Stop(stop) => format!("failed: {} at event {}", stop.fault, first + stop.step + 1),
        Report::Refused(why) => format!("not run: {why}"),
        Report::Time(_) | Report::Each(_) | Report::Map(_) | Report::Measure(_) => {
            "failed: answered another question".into()
        }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::replay::{
        books::Moment,
        child::Threads,
        testing::{Ops, trace},
    };

    /// Answers jobs about single calls.
    const EACH: &str = "*'\"each\"'*) echo '{\"each\":[[25,1]]}';;";

    /// Answers every job with `shell`, over a recording of two images. Also
    /// returns how many jobs there were.
    fn answers(shell: &str, spare: u64) -> (anyhow::Result<Outcome>, usize) {
        answers_within(PATIENCE, HANG, shell, spare)
    }

    fn answers_within(patience: Duration, hang: Duration, shell: &str, spare: u64) -> (anyhow::Result<Outcome>, usize) {
        let calls = tempfile::NamedTempFile::new().unwrap();
        let shell = format!("echo >> {}; {shell}", calls.path().display());
        let trace = trace([Ops::new().alloc(0, 100).free(0), Ops::new().alloc(0, 60)]);
        let script = Script::new(&trace, Threads::Flat).unwrap();
        let command = ["sh", "-c", &shell].map(OsString::from).to_vec();
        let runner = Runner {
            command,
            script: &script,
            runs: 2,
            touch: Touch::Pages,
            verify: false,
            single_calls: true,
            patience,
            hang,
            spare,
        };
        let outcome = runner.run(&[Candidate::System], &mut |_| ());
        (outcome, fs::read(calls.path()).unwrap().len())
    }

    /// Answers jobs about the driver, and those about `system` with `shell`.
    fn system(shell: &str) -> Result<Figures, String> {
        let (outcome, _) =
            answers(&format!("case $1 in {EACH} *driver*) echo '{{\"time\":3}}';; *) {shell};; esac"), 1 << 30);
        outcome.unwrap().rows.remove(0).result
    }

    #[test]
    fn images_are_processes_of_their_own_and_their_figures_add_up() {
        let answer = r#"case $1 in
            *'"each"'*'steps":[0,2]'*) echo '{"each":[[20,1],[30,2]]}';;
            *'"each"'*) echo '{"each":[[25,1]]}';;
            *measure*'steps":[0,2]'*) echo '{"measure":{"peak":{"held":50,"granted":40,"asked":30},"requests":2}}';;
            *measure*) echo '{"measure":{"peak":{"held":90,"granted":60,"asked":60},"requests":5,"resident":70,"faults":4}}';;
            *) echo '{"time":30}';;
        esac"#;
        let (outcome, calls) = answers(answer, 1 << 30);
        let mut outcome = outcome.unwrap();
        assert_eq!(outcome.driver, [20.0, 20.0]);
        let figures = outcome.rows.remove(0).result.unwrap();
        let peak = Moment { held: 90, metadata: None, granted: 60, asked: 60 };
        assert_eq!((figures.peak, figures.peak_live, figures.requests), (peak, 60, Some(7)));
        assert_eq!((figures.resident, figures.faults), (Some(70), Some(4)));
        assert_eq!((figures.held_to_live_then(), figures.held_to_most_live()), (Some(1.5), Some(1.5)));
        assert_eq!(figures.ns, [20.0, 20.0]);
        assert_eq!(figures.calls, Latencies::of(vec![20, 25, 30, 30]));
        assert_eq!(outcome.clock, figures.calls);
        assert_eq!(calls, 2 + 2 * 2 + 2 * 2 + 2 * 2);
    }

    #[test]
    fn a_candidate_that_stops_says_at_which_event_of_the_recording() {
        let stop = r#"case $1 in
            *'steps":[0,2]'*) echo '{"measure":{"peak":{"held":50,"granted":40,"asked":30},"requests":2}}';;
            *) echo '{"stop":{"step":0,"fault":{"OutOfMemory":60}}}';;
        esac"#;
        assert_eq!(system(stop), Err("failed: out of memory, asked for 60 bytes at event 3".into()));
    }

    #[test]
    fn a_candidate_that_crashes_does_not_end_the_others() {
        assert_eq!(system("kill -SEGV $$"), Err("failed: crashed with a wild memory access".into()));
        assert_eq!(
            system("echo 'went wrong' >&2; exit 3"),
            Err("failed: ended with exit status: 3: went wrong".into())
        );
        assert_eq!(system("echo nonsense"), Err("failed: ended with exit status: 0".into()));
    }

    #[test]
    fn a_candidate_that_waits_for_ever_is_stopped() {
        let shell = "case $1 in *driver*) echo '{\"time\":3}';; *) exec sleep 600;; esac";
        let (outcome, _) = answers_within(Duration::ZERO, Duration::from_millis(300), shell, 1 << 30);
        let why = outcome.ok().map(|mut outcome| outcome.rows.remove(0).result);
        let stopped = Err("failed: stopped after far more time than a replay takes".into());
        // Where the machine is too busy even for the driver, it is stopped, too.
        assert!(why.is_none_or(|why| why == stopped));
    }

    #[test]
    fn a_candidate_that_needs_more_than_is_free_is_not_run() {
        let (outcome, calls) = answers("echo '{\"time\":3}'", 99);
        let mut outcome = outcome.unwrap();
        assert_eq!(outcome.rows.remove(0).result, Err("not run: needs 100 bytes, and 99 bytes can be spared".into()));
        assert_eq!((outcome.driver, calls), (vec![], 0), "there is nothing to take the driver off");
    }

    #[test]
    fn where_patience_ends_after_the_first_round_that_one_counts() {
        let answer = r#"case $1 in
            *'"each"'*) echo '{"each":[[25,1]]}';;
            *measure*) echo '{"measure":{"peak":{"held":50,"granted":40,"asked":30},"requests":2}}';;
            *) echo '{"time":30}';;
        esac"#;
        let (outcome, _) = answers_within(Duration::ZERO, HANG, answer, 1 << 30);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.driver, [20.0]);
        assert_eq!(outcome.rows[0].result.as_ref().map(|figures| figures.ns.as_slice()), Ok([20.0].as_slice()));
    }

    #[test]
    fn without_a_driver_there_is_no_outcome() {
        let (outcome, _) = answers("exit 1", 1 << 30);
        assert!(format!("{:#}", outcome.unwrap_err()).starts_with("the replay does not work"));
    }
}
