//! Tuning: which composition, with which numbers, serves a recording best; and
//! whether it serves another part of it as well.
//!
//! ```text
//!              ┌─ first half ──► histogram ─► cuts ─► plans ─► replay ─► front ─┬─► timed
//! recording ───┤                                        ▲         │             │
//!              │                                        └─────────┘             │
//!              └─ second half, or another recording ────────────────────────────┴─► checked ─► choice
//! ```
//!
//! | part | knows |
//! |---|---|
//! | [`histogram`] | which sizes are live when |
//! | [`classes`] | where to cut them into classes |
//! | [`plan`] | compositions as numbers, and which are next to which |
//! | [`search`] | which to try next, and the front of those that nothing beats |
//! | [`judge`] | how to try them: by replay |
//! | [`split`] | the halves of a recording |
//! | [`choice`] | which of the front helps, on both parts, and why none does |
//! | [`report`] | how that is printed |

mod choice;
mod classes;
mod histogram;
mod judge;
mod plan;
pub mod report;
mod search;
mod split;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use blockwork::notation;
use serde::Serialize;

pub use self::choice::Choice;
use self::{
    choice::Finalist,
    classes::Cutter,
    histogram::{Histogram, LARGEST},
    judge::{Replays, finals},
    plan::Plan,
    search::{explore, front},
};
use crate::{
    replay::script::Script,
    report::{
        facts::Facts,
        table::{Style, wrap},
    },
    trace::Trace,
};

/// What to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Less memory, for at most a quarter more time
    Memory,
    /// Less time, for at most a quarter more memory
    Speed,
    /// Less of one, and no more of the other
    #[default]
    Balanced,
}

/// What to tune, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The recording.
    pub trace: &'a Trace,
    /// Another one, to check on.
    pub check: Option<&'a Trace>,
    /// For how long.
    pub budget: Duration,
    /// What for.
    pub goal: Goal,
    /// Classes of small blocks, at most.
    pub classes: usize,
    /// Whether it has to be for all threads.
    pub locked: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Tuning {
    /// What it is for.
    pub goal: Goal,
    /// The recording as a whole.
    pub facts: Facts,
    /// What it was checked on.
    pub checked: Checked,
    /// Compositions that were replayed.
    pub tried: u64,
    /// The front, and the machine's `malloc`, on both parts.
    pub choice: Choice,
    /// How small sizes round, in classes cut for them and in classes for all.
    pub rounding: Option<Rounding>,
    /// Whether the compositions are for all threads.
    pub locked: bool,
}

/// What a composition was checked on, that was tuned on the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// The second half.
    Half,
    /// What it was tuned on: the recording is too short to be split.
    Itself,
    /// Another recording, of this program.
    Other(String),
}

/// What rounding adds at the peak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rounding {
    /// The classes that the recommended composition has, or else the best.
    pub classes: Vec<u64>,
    /// Bytes that small blocks were asked for with.
    pub asked_bytes: u64,
    /// Bytes that these classes add.
    pub added_bytes: u64,
    /// Bytes that four classes for each doubling would add.
    pub quad_added_bytes: u64,
}

/// Of the budget: to explore. The rest is for the front, half for each part.
const EXPLORING: f64 = 0.6;

/// Of the front, so many at most are timed thoroughly.
const FINALISTS: usize = 6;

/// How comments are set.
const COMMENT: Style = Style { emphasis: false, width: 97 };

/// Timed runs of those, if there is time.
const RUNS: u32 = 7;

/// Tunes. `tell` is called before each process with what it does, and the time
/// since the beginning.
///
/// # Errors
///
/// When nothing can be replayed.
pub fn tune(request: Request<'_>, tell: &mut dyn FnMut(&str, Duration)) -> anyhow::Result<Tuning> {
    let Request { trace, check, budget, goal, classes, locked } = request;
    let begin = Instant::now();
    let mut halves = if check.is_none() { split::halves(trace) } else { None };
    let checked = match (check, &halves) {
        (Some(other), _) => Checked::Other(other.name.clone()),
        (None, Some(_)) => Checked::Half,
        (None, None) => Checked::Itself,
    };
    let [first, second] = match &mut halves {
        Some([first, second]) => [&*first, &*second],
        None => [trace, check.unwrap_or(trace)],
    };
    let mut tell = |what: &str| tell(what, begin.elapsed());
    let cutter = Cutter::new(Histogram::of(first), classes);
    let script = Script::new(first)?;
    let mut replays = Replays::new(&script, begin + budget.mul_f64(EXPLORING), &mut tell)?;
    let today = replays.today()?.context("the recording cannot be replayed through the machine's malloc")?;
    let tried = explore(Plan::seeds(locked), &cutter, &mut replays, today, goal);
    let count = replays.count;
    let mut best = front(&tried);
    if best.is_empty() {
        bail!("no composition came to the end of a replay: is there memory for any?");
    }
    best.sort_by(|a, b| tried[*a].score.value(today, goal).total_cmp(&tried[*b].score.value(today, goal)));
    best.truncate(FINALISTS);
    let specs: Vec<String> = best.iter().map(|index| tried[*index].spec.clone()).collect();
    let left = |share: u32| (budget.saturating_sub(begin.elapsed()) / share).max(Duration::from_millis(1));
    let trained = finals(&script, &specs, RUNS, left(2), &mut tell)?;
    let other = if checked == Checked::Itself { None } else { Some(Script::new(second)?) };
    let proved = finals(other.as_ref().unwrap_or(&script), &specs, RUNS, left(1), &mut tell)?;
    let facts = [Facts::of(first, &script), Facts::of(second, other.as_ref().unwrap_or(&script))];
    let choice = Choice::new(goal, &facts, &[trained, proved]);
    let chosen = choice.best.or(if specs.is_empty() { None } else { Some(0) });
    let plan = chosen.and_then(|index| best.get(index)).map(|index| tried[*index].plan);
    let rounding = rounding(&cutter, plan);
    let whole = Script::new(trace)?;
    Ok(Tuning { goal, facts: Facts::of(trace, &whole), checked, tried: count, choice, rounding, locked })
}

/// What the classes of `plan` add, if it has any of its own.
fn rounding(cutter: &Cutter, plan: Option<Plan>) -> Option<Rounding> {
    let classes = plan.map(|plan| plan.cuts(cutter)).filter(|cuts| !cuts.is_empty())?;
    let largest = classes.last().copied()?.min(LARGEST);
    let (asked_bytes, added_bytes) = cutter.rounding(&classes);
    let (_, quad_added_bytes) = cutter.rounding(&quad(largest));
    Some(Rounding { classes, asked_bytes, added_bytes, quad_added_bytes })
}

/// Four classes for each doubling, up to at least `largest`.
fn quad(largest: u64) -> Vec<u64> {
    let mut classes: Vec<u64> = (1..=8).map(|step| step * 16).collect();
    while let Some(last) = classes.last().copied().filter(|last| *last < largest) {
        classes.extend((1..=4).map(|step| last + last / 4 * step));
    }
    classes
}

impl Tuning {
    /// The recommended composition in the notation: the machine's `malloc` where
    /// none helps.
    pub fn spec(&self) -> &str {
        self.choice.best().map_or("system", |finalist: &Finalist| &finalist.spec)
    }

    /// The recommended composition as Rust.
    ///
    /// # Errors
    ///
    /// Never, if the library reads what it prints.
    pub fn rust(&self) -> anyhow::Result<String> {
        let rust = self.spec().parse::<notation::Composition>()?.to_rust();
        let usage = if self.locked || self.choice.best.is_none() {
            "For a whole program: #[global_allocator] static GLOBAL: Heap = heap();"
        } else {
            "For what one thread owns: let heap = heap(); … Vec::new_in(&heap)"
        };
        let said = format!("{}\n{usage}\n", wrap(&report::verdict(self), COMMENT));
        let lines = said.lines().filter(|line| !line.is_empty());
        Ok(lines.map(|line| format!("// {line}\n")).chain([format!("\n{rust}")]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_for_all_double_in_four_steps() {
        assert_eq!(quad(300), [16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512]);
        assert_eq!(quad(16).len(), 8);
    }
}
