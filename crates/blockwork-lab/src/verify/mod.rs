//! Verifying: the real program with a composition preloaded, and whether what the
//! replay predicted holds.
//!
//! ```text
//! recording ─► each block with a head, behind a lock ─► replay ─► predicted ─┐
//!                                                                            ├─► held?
//! program ─┬─► today    ┐                                                    │
//!          └─► composer ┴─ in turns ─► processor time, resident ─► measured ─┘
//! ```
//!
//! | part | knows |
//! |---|---|
//! | [`mod@headed`] | what the preloaded library adds to each request |
//! | [`program`] | how to run the program with either |
//! | [`usage`] | what it needed |
//! | [`effect`] | when a prediction has held |
//! | [`report`] | how that is printed |
//!
//! The library is in the folder `composer` beside `src`.

mod effect;
mod headed;
mod program;
pub mod report;
pub mod usage;

use std::ffi::OsString;

use anyhow::{Context, bail, ensure};
use blockwork::notation::Composition;

pub use self::effect::{Effect, Outcome};
use self::{
    headed::{headed, locked},
    program::{Figures, Program, Run},
};
use crate::{
    replay::{candidate::Candidate, child::Threads, outcome::Row, runner::Runner, script::Script},
    report::{facts::Facts, stats::Spread},
    trace::Trace,
};

/// What to verify.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The recording that the prediction is from.
    pub trace: &'a Trace,
    /// The composition, as the library prints it.
    pub spec: &'a str,
    /// The program and its arguments.
    pub command: &'a [OsString],
    /// Runs of each, of the replay and of the program.
    pub runs: u32,
}

/// What came of it.
#[derive(Debug)]
pub struct Verification {
    /// What was recorded.
    pub facts: Facts,
    /// The composition.
    pub spec: String,
    /// Replayed: today's, the composition as code, and as it is preloaded.
    pub replayed: [Replayed; 3],
    /// The program: today, and with the composition.
    pub runs: [Vec<Run>; 2],
    /// Processor time in nanoseconds.
    pub time: Effect,
    /// The most bytes in memory.
    pub memory: Effect,
    /// What the composition said of itself.
    pub figures: Option<Figures>,
    /// Blocks that were asked for in the recording.
    pub recorded_blocks: u64,
}

/// What a replay needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replayed {
    /// Nanoseconds per event, without the replay itself.
    pub ns: f64,
    /// Most bytes held.
    pub held: u64,
    /// Most bytes of them that were in memory, as far as that is known.
    pub resident: Option<u64>,
}

/// Below this, a difference in time is none.
const LEAST_NS: f64 = 1e6;

/// Below this, a difference in memory is none: the library itself takes as much.
const LEAST_BYTES: f64 = (1 << 20) as f64;

/// Verifies. `tell` is called before each process with what it does.
///
/// # Errors
///
/// When the composition or the program cannot be run, or it ends otherwise with
/// the composition than without.
pub fn verify(request: Request<'_>, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Verification> {
    let Request { trace, spec, command, runs } = request;
    check(spec)?;
    let program = Program::new(command)?;
    let script = Script::new(trace, Threads::Flat)?;
    let facts = Facts::of(trace, &script);
    let compiled = Candidate::Spec(spec.to_owned());
    let [today, plain] = replay(&script, &[Candidate::System, compiled], runs, tell)?[..] else {
        bail!("a replay is missing");
    };
    let with_heads = Script::new(&headed(trace), Threads::Flat)?;
    let preloaded = replay(&with_heads, &[Candidate::Spec(locked(spec))], runs, tell)?;
    let preloaded = *preloaded.first().context("a replay is missing")?;
    let mut both = [Vec::new(), Vec::new()];
    // The first round warms the caches of files, and does not count.
    for round in 0..=runs {
        for (runs, spec) in both.iter_mut().zip([None, Some(spec)]) {
            tell(spec.unwrap_or("the program, as it is"));
            let run = program.run(spec)?;
            if round > 0 {
                runs.push(run);
            }
        }
    }
    same_end(&both)?;
    let events = facts.events as f64;
    let of = |figure: fn(&Run) -> f64| both.each_ref().map(|runs| runs.iter().map(figure).collect::<Vec<_>>());
    let ([ns, composed_ns], [bytes, composed_bytes]) = (of(|run| run.ns), of(|run| run.resident));
    let time = Effect::new((preloaded.ns - today.ns) * events, &ns, &composed_ns, LEAST_NS);
    let more = match (preloaded.resident, today.resident) {
        (Some(composed), Some(today)) => composed as f64 - today as f64,
        _ => preloaded.held as f64 - today.held as f64,
    };
    let memory = Effect::new(more, &bytes, &composed_bytes, LEAST_BYTES);
    let (time, memory) = time.zip(memory).context("nothing was run")?;
    Ok(Verification {
        facts,
        spec: spec.to_owned(),
        replayed: [today, plain, preloaded],
        figures: both[1].iter().find_map(|run| run.figures),
        runs: both,
        time,
        memory,
        recorded_blocks: trace.tally.totals().allocations,
    })
}

/// What the preloaded library cannot build.
fn check(spec: &str) -> anyhow::Result<()> {
    let words: Vec<&str> = spec.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    ensure!(!words.contains(&"guarded"), "`guarded` cannot be preloaded: a page for each block, and one more");
    spec.parse::<Composition>()?.build()?;
    Ok(())
}

/// Replays `script` through `candidates`, all of which have to come to the end.
fn replay(
    script: &Script,
    candidates: &[Candidate],
    runs: u32,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<Replayed>> {
    let outcome = Runner { single_calls: false, ..Runner::new(script, runs)? }.run(candidates, tell)?;
    let driver = Spread::of(&outcome.driver).context("there is no memory to time a replay")?;
    let row = |row: &Row| match &row.result {
        Ok(figures) => {
            let ns = Spread::of(&figures.ns).context("nothing was timed")?;
            Ok(Replayed {
                ns: (ns.median - driver.median).max(0.0),
                held: figures.peak.held,
                resident: figures.resident,
            })
        }
        Err(why) => bail!("{}: {why}", row.spec),
    };
    outcome.rows.iter().map(row).collect()
}

/// A program that ends otherwise was not verified but broken.
fn same_end([today, composed]: &[Vec<Run>; 2]) -> anyhow::Result<()> {
    let code = today.first().map_or(0, |run| run.code);
    ensure!(
        today.iter().all(|run| run.code == code),
        "the program does not end the same way twice: it cannot be verified"
    );
    if let Some(other) = composed.iter().map(|run| run.code).find(|other| *other != code) {
        bail!("with the composition, the program ends with {other}, without with {code}: it was not verified");
    }
    Ok(())
}

impl Verification {
    /// Whether both predictions held, as far as it can be told.
    pub fn held(&self) -> bool {
        let outcomes = [self.time.outcome, self.memory.outcome];
        !outcomes.contains(&Outcome::Failed) && self.is_same_program() != Some(false)
    }

    /// Whether the program asked for about as many blocks as in the recording.
    pub fn is_same_program(&self) -> Option<bool> {
        let given = self.figures?.given;
        // A `realloc` that moves is a block more.
        let events = self.facts.events.max(self.recorded_blocks);
        Some(given >= self.recorded_blocks - self.recorded_blocks / 10 && given <= events + events / 10 + 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_preloaded_is_refused() {
        assert!(check("guarded").unwrap_err().to_string().contains("cannot be preloaded"));
        assert!(check("memo over guards").is_err());
        assert!(check("let guards = pages; counted over guards").is_ok());
    }

    #[test]
    fn a_program_that_ends_otherwise_is_not_verified() {
        let end = |code| vec![Run { code, ..Run::default() }; 2];
        assert!(same_end(&[end(3), end(3)]).is_ok());
        assert!(same_end(&[end(0), end(139)]).unwrap_err().to_string().contains("ends with 139, without with 0"));
        let twice = vec![Run { code: 1, ..Run::default() }, Run::default()];
        assert!(same_end(&[twice, end(0)]).is_err());
    }
}
