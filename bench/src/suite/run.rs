//! One candidate's run at one workload, alone in a process.

use std::time::Duration;

use bench::cores::processor_time;
pub(crate) use bench::dice::Dice;

/// What is asked of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Task {
    /// Times rounds until this much time has passed.
    Time(Duration),
    /// Performs this many rounds, for a tool that counts instructions.
    Count(u32),
    /// Performs two rounds of a tiny size: only the checksum counts.
    Smoke,
}

/// Rounds before the first timed one, and those that the checksum is of.
const WARM_UP: u32 = 2;
/// Timed rounds, however long they take.
const ROUNDS_MIN: usize = 5;

impl Task {
    /// As a word on the command line of a child.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Time(budget) => format!("time:{}", budget.as_millis()),
            Self::Count(rounds) => format!("count:{rounds}"),
            Self::Smoke => "smoke".to_owned(),
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word.split_once(':') {
            Some(("time", budget)) => Some(Self::Time(Duration::from_millis(budget.parse().ok()?))),
            Some(("count", rounds)) => Some(Self::Count(rounds.parse().ok()?)),
            None if word == "smoke" => Some(Self::Smoke),
            _ => None,
        }
    }
}

/// Carries a task through a workload, and what came out of it back.
#[derive(Debug)]
pub(crate) struct Run {
    task: Task,
    outcome: Outcome,
}

/// What came out of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Nanoseconds of processor time per operation, of each timed round.
    pub(crate) times: Vec<f64>,
    /// What the blocks held when they were read, over the first rounds.
    pub(crate) checksum: u64,
    /// Operations in one round.
    pub(crate) operations: usize,
}

impl Run {
    pub(crate) fn new(task: Task) -> Self {
        Self { task, outcome: Outcome::default() }
    }

    pub(crate) fn outcome(self) -> Outcome {
        self.outcome
    }

    /// `whole`, or, for a smoke test, a hundredth, but at least 16.
    pub(crate) fn size(&self, whole: usize) -> usize {
        if self.task == Task::Smoke { (whole / 100).max(16).min(whole) } else { whole }
    }

    /// Performs rounds as the task says. Each is `operations` operations, and
    /// returns what it has read.
    pub(crate) fn rounds(&mut self, operations: usize, mut round: impl FnMut() -> u64) {
        self.outcome.operations = operations;
        for _ in 0..WARM_UP {
            self.outcome.checksum = self.outcome.checksum.rotate_left(1).wrapping_add(round());
        }
        match self.task {
            Task::Smoke => {}
            Task::Count(rounds) => {
                for _ in 0..rounds {
                    core::hint::black_box(round());
                }
            }
            Task::Time(budget) => {
                let start = processor_time();
                let mut now = start;
                while now - start < budget || self.outcome.times.len() < ROUNDS_MIN {
                    core::hint::black_box(round());
                    let before = core::mem::replace(&mut now, processor_time());
                    self.outcome.times.push((now - before).as_nanos() as f64 / operations as f64);
                }
            }
        }
    }
}
