//! [`Choice`]: which of the front is recommended.
//!
//! It must help where it was tuned, and where it was not. What helps only where
//! it was tuned has learnt the recording by heart.

use super::Goal;
use crate::{
    replay::runner::{Figures, Outcome},
    report::{
        facts::Facts,
        stats::Spread,
        verdict::{self, gain::Gain, gain::Way},
    },
};

/// The front on both parts, and what is recommended.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Of the machine's `malloc`.
    pub today: [Option<Figures>; 2],
    /// Nanoseconds per event of the replay itself, on both parts.
    pub driver: [f64; 2],
    /// Nothing beats these in both time and memory.
    pub front: Vec<Finalist>,
    /// Which of them is recommended.
    pub best: Option<usize>,
    /// Why, or why none is.
    pub text: String,
}

/// A composition of the front.
#[derive(Clone, Debug, PartialEq)]
pub struct Finalist {
    /// In the notation.
    pub spec: String,
    /// On the part that it was tuned on, and on the other; or why there are none.
    pub parts: [Result<Figures, String>; 2],
    /// Whether it helps there.
    pub helps: [bool; 2],
}

/// What may be lost of the one for a gain in the other, where that is wanted.
const PRICE: f64 = 1.25;

impl Choice {
    /// Chooses for `goal`. The first row of both outcomes is the machine's
    /// `malloc`; the others are the front, in the same order.
    pub fn new(goal: Goal, facts: &[Facts; 2], outcomes: &[Outcome; 2]) -> Self {
        let part = |number: usize| Part::new(goal, &facts[number], &outcomes[number]);
        let parts = [part(0), part(1)];
        let front = outcomes[0].rows.iter().zip(&outcomes[1].rows).enumerate().skip(1);
        let front: Vec<Finalist> = front
            .map(|(index, (one, other))| Finalist {
                spec: one.spec.clone(),
                parts: [one.result.clone(), other.result.clone()],
                helps: [parts[0].helps(index), parts[1].helps(index)],
            })
            .collect();
        let helping = (0..front.len()).filter(|index| front[*index].helps == [true, true]);
        let best = helping.min_by(|a, b| parts[0].remains(a + 1).total_cmp(&parts[0].remains(b + 1)));
        let text = match best {
            Some(index) => parts.each_ref().map(|part| part.praise(index + 1)).join(" "),
            None => refusal(&front, &parts, facts, outcomes),
        };
        let today = outcomes.each_ref().map(|outcome| outcome.rows.first()?.result.as_ref().ok().cloned());
        let driver = outcomes.each_ref().map(|outcome| Spread::of(&outcome.driver).map_or(0.0, |driver| driver.median));
        Self { today, driver, front, best, text }
    }

    /// What is recommended.
    pub fn best(&self) -> Option<&Finalist> {
        self.front.get(self.best?)
    }
}

/// The gains on one part, by row.
struct Part<'a> {
    goal: Goal,
    gains: Vec<Option<Gain<'a>>>,
}

impl<'a> Part<'a> {
    fn new(goal: Goal, facts: &Facts, outcome: &'a Outcome) -> Self {
        let today = outcome.rows.first().and_then(|row| row.result.as_ref().ok());
        let driver = Spread::of(&outcome.driver);
        let gain = |row: &'a crate::replay::runner::Row| {
            Gain::new(&row.spec, row.result.as_ref().ok()?, today?, driver?, facts.events)
        };
        Self { goal, gains: outcome.rows.iter().map(gain).collect() }
    }

    fn gain(&self, row: usize) -> Option<&Gain<'a>> {
        self.gains.get(row)?.as_ref()
    }

    /// Whether a row gains what is wanted, at a price that may be paid.
    fn helps(&self, row: usize) -> bool {
        let Some(gain) = self.gain(row) else { return false };
        let cheap = |change: verdict::gain::Change| change.way != Way::Worse || change.mine <= change.today * PRICE;
        match self.goal {
            Goal::Balanced => gain.helps(),
            Goal::Speed => gain.time.way == Way::Better && cheap(gain.memory),
            Goal::Memory => gain.memory.way == Way::Better && cheap(gain.time),
        }
    }

    /// What remains of what the goal is about: less is better.
    fn remains(&self, row: usize) -> f64 {
        let Some(gain) = self.gain(row) else { return f64::INFINITY };
        let share = |change: verdict::gain::Change| change.mine.max(1.0) / change.today.max(1.0);
        match self.goal {
            Goal::Balanced => gain.remains(),
            Goal::Speed => share(gain.time) * share(gain.memory).powf(0.25),
            Goal::Memory => share(gain.memory) * share(gain.time).powf(0.25),
        }
    }

    fn praise(&self, row: usize) -> String {
        self.gain(row).map_or_else(String::new, |gain| format!("{}, {}.", gain.time_words(), gain.memory_words()))
    }
}

/// Why nothing is recommended.
fn refusal(front: &[Finalist], parts: &[Part<'_>; 2], facts: &[Facts; 2], outcomes: &[Outcome; 2]) -> String {
    let mut said = Vec::new();
    let learnt = front.iter().position(|finalist| finalist.helps == [true, false]);
    match learnt {
        Some(index) => said.push(format!(
            "No gain that holds: {} helps where it was tuned ({}), but not where it was checked: {}",
            front[index].spec,
            parts[0].praise(index + 1).trim_end_matches('.'),
            parts[1].praise(index + 1)
        )),
        None => {
            let wanted = match parts[0].goal {
                Goal::Balanced => "saves time or memory beyond noise without losing the other",
                Goal::Speed => "saves time beyond noise for at most a quarter more memory",
                Goal::Memory => "saves memory beyond noise for at most a quarter more time",
            };
            said.push(format!("No gain: against the machine's malloc, nothing that was tried {wanted}."));
            let nearest = (1..=front.len()).min_by(|a, b| parts[0].remains(*a).total_cmp(&parts[0].remains(*b)));
            if let Some(row) = nearest.filter(|row| parts[0].gain(*row).is_some()) {
                said.push(format!("The nearest, {}: {}", front[row - 1].spec, parts[0].praise(row)));
            }
        }
    }
    let today = outcomes[0].rows.first().and_then(|row| row.result.as_ref().ok());
    if let (Some(today), Some(driver)) = (today, Spread::of(&outcomes[0].driver)) {
        said.extend(verdict::reasons(&facts[0], today, driver));
    }
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{books::Moment, candidate::Kind, runner::Row};

    const MIB: u64 = 1 << 20;

    fn row(spec: &str, ns: f64, held: u64) -> Row {
        let figures = Figures {
            ns: vec![ns, ns + 0.5, ns - 0.5, ns, ns],
            peak: Moment { held, granted: held, asked: held },
            requests: None,
        };
        Row { spec: spec.into(), kind: Kind::Composition, result: Ok(figures) }
    }

    fn outcome(rows: [(f64, u64); 2]) -> Outcome {
        let names = ["small", "fast"];
        let rows = names.into_iter().zip(rows).map(|(name, (ns, held))| row(name, ns, held));
        Outcome { driver: vec![20.0; 5], rows: [row("system", 60.0, 10 * MIB)].into_iter().chain(rows).collect() }
    }

    fn choose(goal: Goal, first: [(f64, u64); 2], second: [(f64, u64); 2]) -> Choice {
        let facts =
            Facts { events: 1_000_000, peak_live_bytes: 6 * MIB, peak_sizes: vec![2 * MIB; 3], ..Facts::default() };
        Choice::new(goal, &[facts.clone(), facts], &[outcome(first), outcome(second)])
    }

    #[test]
    fn what_helps_on_both_parts_is_recommended_by_the_goal() {
        let both = [(60.0, 5 * MIB), (30.0, 10 * MIB)];
        let name = |goal| choose(goal, both, both).best().map(|best| best.spec.clone());
        assert_eq!(name(Goal::Memory).as_deref(), Some("small"));
        assert_eq!(name(Goal::Speed).as_deref(), Some("fast"));
        let text = choose(Goal::Memory, both, both).text;
        assert!(text.contains("50 % less memory at the peak (10 MB → 5.2 MB)"), "{text}");
    }

    #[test]
    fn a_price_is_paid_where_that_is_wanted() {
        let dear = [(69.0, 5 * MIB), (90.0, 4 * MIB)];
        assert_eq!(choose(Goal::Balanced, dear, dear).best, None);
        assert_eq!(choose(Goal::Memory, dear, dear).best().map(|best| best.spec.as_str()), Some("small"));
    }

    #[test]
    fn what_helps_only_where_it_was_tuned_is_told_and_not_recommended() {
        let none = [(60.0, 10 * MIB), (60.0, 10 * MIB)];
        let choice = choose(Goal::Balanced, [(60.0, 5 * MIB), (60.0, 10 * MIB)], none);
        assert_eq!((choice.best, choice.front[0].helps), (None, [true, false]));
        assert!(choice.text.starts_with("No gain that holds: small helps where it was tuned"), "{}", choice.text);
    }

    #[test]
    fn where_nothing_gains_the_reason_is_told() {
        let none = [(60.0, 10 * MIB), (60.0, 12 * MIB)];
        let choice = choose(Goal::Balanced, none, none);
        assert!(choice.text.starts_with("No gain: against the machine's malloc"), "{}", choice.text);
        let reason = "At the peak, 2 blocks hold 67 % (at least 2.0 MB each): no pool changes that.";
        assert!(choice.text.ends_with(reason), "{}", choice.text);
    }
}
