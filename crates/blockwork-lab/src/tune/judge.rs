//! [`Replays`]: compositions judged by replaying a recording through them.

use std::time::{Duration, Instant};

use super::search::{Judge, Score};
use crate::{
    replay::{
        candidate::Candidate,
        outcome::{Figures, Outcome},
        runner::Runner,
        script::Script,
    },
    report::stats::Spread,
};

/// Replays one part of a recording.
pub struct Replays<'a> {
    runner: Runner<'a>,
    until: Instant,
    tell: &'a mut dyn FnMut(&str),
    /// Compositions that were replayed.
    pub count: u64,
}

impl<'a> Replays<'a> {
    /// Of `script`, until then.
    ///
    /// # Errors
    ///
    /// When the system does not say where the command is.
    pub fn new(script: &'a Script, until: Instant, tell: &'a mut dyn FnMut(&str)) -> anyhow::Result<Self> {
        let runner = Runner { single_calls: false, ..Runner::new(script, 1)? };
        Ok(Self { runner, until, tell, count: 0 })
    }

    /// What the machine's `malloc` needs; `None` if it fails.
    ///
    /// # Errors
    ///
    /// When not even the null allocator can be run.
    pub fn today(&mut self) -> anyhow::Result<Option<Score>> {
        let outcome = self.runner.run(&[Candidate::System], self.tell)?;
        Ok(scores(&outcome).into_iter().next().flatten())
    }
}

impl Judge for Replays<'_> {
    fn judge(&mut self, specs: &[String]) -> Vec<Option<Score>> {
        self.count += specs.len() as u64;
        let candidates: Vec<Candidate> = specs.iter().cloned().map(Candidate::Spec).collect();
        match self.runner.run(&candidates, self.tell) {
            Ok(outcome) => scores(&outcome),
            Err(_) => vec![None; specs.len()],
        }
    }

    fn may_go_on(&self) -> bool {
        Instant::now() < self.until
    }
}

/// Times and memory of all rows.
fn scores(outcome: &Outcome) -> Vec<Option<Score>> {
    let driver = Spread::of(&outcome.driver).map_or(0.0, |driver| driver.median);
    let score = |figures: &Figures| {
        let ns = Spread::of(&figures.ns)?.median;
        Some(Score { ns: (ns - driver).max(0.0), held: figures.peak.held })
    };
    outcome.rows.iter().map(|row| score(row.result.as_ref().ok()?)).collect()
}

/// Replays `script` through the machine's `malloc` and `specs`, in turns, at most
/// so many times and for so long.
///
/// # Errors
///
/// When not even the null allocator can be run.
pub fn finals(
    script: &Script,
    specs: &[String],
    runs: u32,
    patience: Duration,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Outcome> {
    let runner = Runner { patience, single_calls: false, ..Runner::new(script, runs)? };
    let specs = specs.iter().cloned().map(Candidate::Spec);
    runner.run(&[Candidate::System].into_iter().chain(specs).collect::<Vec<_>>(), tell)
}
