//! A verification for people, and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Effect, Outcome, Verification};
use crate::{
    report::table::{Style, wrap},
    text::{bytes, counted, grouped},
};

/// The whole report: predicted and measured, and what that means.
pub fn render(done: &Verification, style: Style) -> String {
    let mut text = wrap(&heading(done), style);
    let _ = writeln!(text, "\n{:<24}{:>14}{:>14}{:>14}", "", "predicted", "measured", "noise");
    for (name, effect, words) in
        [("processor time", done.time, time as fn(f64) -> String), ("memory at the peak", done.memory, memory)]
    {
        let Effect { predicted, measured, noise, outcome } = effect;
        let noise = words(noise).trim_start_matches('+').to_owned();
        let line = format!("{name:<24}{:>14}{:>14}{noise:>14}  {}", words(predicted), words(measured), outcome.word());
        let _ = writeln!(text, "{line}");
    }
    if let Some(figures) = done.figures {
        let predicted = bytes(done.replayed[2].held);
        let _ = writeln!(text, "{:<24}{predicted:>14}{:>14}", "held by it", bytes(figures.held));
    }
    text.push('\n');
    text.push_str(&wrap(&verdict(done), style));
    for remark in remarks(done) {
        text.push_str(&wrap(&remark, style));
    }
    text
}

fn heading(done: &Verification) -> String {
    format!(
        "{} with {}, preloaded: behind one lock, and with 16 bytes before each block, which are in the prediction, \
         too. Against the machine's malloc, {} each:",
        done.facts.name,
        done.spec,
        counted(done.runs[0].len() as u64, "run", "runs"),
    )
}

/// What it means, in a sentence.
pub fn verdict(done: &Verification) -> String {
    if let (Some(figures), Some(false)) = (done.figures, done.is_same_program()) {
        return format!(
            "Nothing is verified: the program asked for {} blocks, in the recording it asks for {}. Is it the same \
             program, with the same arguments and environment?",
            grouped(figures.given),
            grouped(done.recorded_blocks)
        );
    }
    let what = [("time", done.time.outcome), ("memory", done.memory.outcome)];
    let of = |wanted: Outcome| {
        let names = what.iter().filter(|(_, outcome)| *outcome == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(" and ")
    };
    match (of(Outcome::Held), of(Outcome::Unclear), of(Outcome::Failed)) {
        (held, unclear, failed) if failed.is_empty() && unclear.is_empty() => {
            format!("The prediction held, for {held}.")
        }
        (held, unclear, failed) if failed.is_empty() && held.is_empty() => {
            format!(
                "It cannot be told whether the prediction holds: for {unclear}, runs of the program differ by more."
            )
        }
        (held, unclear, failed) if failed.is_empty() => {
            format!("The prediction held for {held}; for {unclear}, runs of the program differ by more than it says.")
        }
        (_, _, failed) => format!("The prediction did not hold, for {failed}."),
    }
}

fn remarks(done: &Verification) -> Vec<String> {
    let mut remarks = Vec::new();
    let [_, plain, preloaded] = done.replayed;
    remarks.push(format!(
        "Lock and head cost {:.0} ns per event and {} here; compiled into a program, the composition has neither.",
        (preloaded.ns - plain.ns).max(0.0),
        bytes(preloaded.held.saturating_sub(plain.held)),
    ));
    if done.figures.is_none() {
        remarks.push("The composition told nothing: the program never loaded it, or was killed.".into());
    }
    if let Some(figures) = done.figures.filter(|figures| figures.strange > 0) {
        let blocks = counted(figures.strange, "block", "blocks");
        remarks.push(format!("{blocks} came back that were not given, and were left alone."));
    }
    remarks
}

/// `-1.5 ms`.
fn time(ns: f64) -> String {
    format!("{:+.1} ms", ns / 1e6)
}

/// `-1.5 MB`.
fn memory(of: f64) -> String {
    format!("{:+.1} MB", of / 1e6)
}

/// A verification as one object.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    recording: &'a str,
    spec: &'a str,
    runs: usize,
    time_ns: Effect,
    resident_bytes: Effect,
    held_bytes: Held,
    held: bool,
    text: String,
    remarks: Vec<String>,
}

/// What the composition held.
#[derive(Debug, Serialize)]
struct Held {
    predicted: u64,
    measured: Option<u64>,
}

impl<'a> Json<'a> {
    /// Of `done`.
    pub fn new(done: &'a Verification) -> Self {
        Self {
            recording: &done.facts.name,
            spec: &done.spec,
            runs: done.runs[0].len(),
            time_ns: done.time,
            resident_bytes: done.memory,
            held_bytes: Held { predicted: done.replayed[2].held, measured: done.figures.map(|figures| figures.held) },
            held: done.held(),
            text: verdict(done),
            remarks: remarks(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::facts::Facts,
        verify::{Figures, Replayed},
    };

    fn done(time: Outcome, memory: Outcome) -> Verification {
        let effect = |outcome| Effect { predicted: -2e7, measured: -1.5e7, noise: 1e6, outcome };
        let replayed = [(40.0, 9), (20.0, 6), (30.0, 7)].map(|(ns, held)| Replayed { ns, held: held * 1_000_000 });
        Verification {
            facts: Facts { name: "prog".into(), events: 2000, ..Facts::default() },
            spec: "memo over system".into(),
            replayed,
            runs: [vec![], vec![]],
            time: effect(time),
            memory: effect(memory),
            figures: Some(Figures { held: 7_100_000, given: 1010, strange: 0 }),
            recorded_blocks: 1000,
        }
    }

    #[test]
    fn predicted_and_measured_stand_side_by_side() {
        let text = render(&done(Outcome::Held, Outcome::Unclear), Style { emphasis: false, width: 90 });
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "processor time -20.0 ms -15.0 ms 1.0 ms held",
            "memory at the peak -20.0 MB -15.0 MB 1.0 MB too small to tell",
            "held by it 7.0 MB 7.1 MB",
            "The prediction held for time; for memory, runs of the program differ by more than it says.",
            "Lock and head cost 10 ns per event and 1.0 MB here",
        ] {
            assert!(words.contains(part), "{part:?} is not in {words}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
    }

    #[test]
    fn the_verdict_says_what_did_not_hold() {
        use Outcome::{Failed, Held, Unclear};
        for (time, memory, said) in [
            (Held, Held, "The prediction held, for time and memory."),
            (Failed, Held, "The prediction did not hold, for time."),
            (Unclear, Unclear, "It cannot be told whether"),
        ] {
            let done = done(time, memory);
            assert!(verdict(&done).starts_with(said), "{}", verdict(&done));
            assert_eq!(done.held(), time != Failed);
        }
    }

    #[test]
    fn another_program_is_noticed() {
        let mut other = done(Outcome::Held, Outcome::Held);
        other.figures = Some(Figures { given: 700, ..Figures::default() });
        assert!(!other.held());
        assert!(verdict(&other).starts_with("Nothing is verified: the program asked for 700 blocks"));
    }
}
