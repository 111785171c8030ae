//! [`Verdict`]: what helps, by how much, and why nothing does.
//!
//! | a candidate | when it has |
//! |---|---|
//! | helps | less time or less memory than the machine's `malloc`, and not more of the other |
//! | trades | less of the one, more of the other: said, not recommended |
//! | does not help | no difference that counts |
//!
//! What counts is in [`gain`]: more than runs of the same thing differ by, more
//! than a twentieth, and enough over the whole recording to be worth a change.
//! The bound is never recommended, and models of allocators would not be.

pub mod gain;
mod limit;

use serde::{Deserialize, Serialize};

use self::gain::{Gain, LEAST_TIME, Way, duration, floor};
pub use self::limit::Limit;
use super::{facts::Facts, stats::Spread};
use crate::{
    replay::{
        candidate::Kind,
        child::Threads,
        runner::{Figures, Outcome},
    },
    text::{bytes, counted},
};

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The composition to use: the machine's own when none helps, none when
    /// there is nothing to compare with.
    pub best: Option<String>,
    /// The same in words, with figures and reasons.
    pub text: String,
}

impl Verdict {
    /// Judges `outcome`.
    pub fn of(facts: &Facts, outcome: &Outcome) -> Self {
        let none = |text: String| Self { best: None, text };
        let Some(machine) = outcome.rows.iter().find(|row| row.kind == Kind::Baseline) else {
            return none("No verdict: nothing was replayed that could be compared with.".into());
        };
        let (today, driver) = match (&machine.result, Spread::of(&outcome.driver)) {
            (Ok(today), Some(driver)) => (today, driver),
            (Err(why), _) => return none(format!("No verdict: {}, the row to beat, {why}.", machine.spec)),
            (_, None) => return none("No verdict: nothing was timed.".into()),
        };
        let rows = outcome.rows.iter().filter(|row| matches!(row.kind, Kind::Composition | Kind::Library));
        let gains: Vec<Gain<'_>> =
            rows.filter_map(|row| Gain::new(row, row.result.as_ref().ok()?, today, driver, facts.events)).collect();
        match best(&gains, Gain::helps) {
            Some(gain) => Self { best: Some(gain.spec.into()), text: praise(facts, outcome.method.threads, gain) },
            None => Self { best: Some(machine.spec.clone()), text: refusal(facts, &gains, today, driver) },
        }
    }
}

/// The gain that leaves least, among those that `fit`.
fn best<'a, 'b>(gains: &'b [Gain<'a>], fit: impl Fn(&Gain<'a>) -> bool) -> Option<&'b Gain<'a>> {
    gains.iter().filter(|gain| fit(gain)).min_by(|a, b| a.remains().total_cmp(&b.remains()))
}

fn praise(facts: &Facts, by: Threads, gain: &Gain<'_>) -> String {
    let Gain { spec, .. } = gain;
    let mut said =
        format!("{spec} helps: {}, {}, against the machine's malloc.", gain.time_words(), gain.memory_words());
    if facts.threads > 1 && gain.kind == Kind::Composition && by == Threads::Flat {
        let threads = counted(facts.threads, "thread", "threads");
        said.push_str(&format!(
            " The program has {threads}; this is without a lock, for a heap that one of them owns."
        ));
    }
    said
}

/// Why nothing helps, as far as it can be told.
fn refusal(facts: &Facts, gains: &[Gain<'_>], today: &Figures, driver: Spread) -> String {
    if gains.is_empty() {
        return "Nothing helps: nothing else came to the end.".into();
    }
    let mut said = vec![
        "Nothing helps: against the machine's malloc, none gains time or memory beyond noise without losing \
                         the other."
            .to_owned(),
    ];
    if let Some(gain) = best(gains, |gain| gain.time.way == Way::Better) {
        said.push(format!("{} is {}, but takes {}.", gain.spec, gain.time_words(), gain.memory_words()));
    }
    if let Some(gain) = best(gains, |gain| gain.memory.way == Way::Better) {
        said.push(format!("{} takes {}, but is {}.", gain.spec, gain.memory_words(), gain.time_words()));
    }
    said.extend(reasons(facts, today, driver));
    said.join(" ")
}

/// What there is in a recording that no allocator changes.
pub fn reasons(facts: &Facts, today: &Figures, driver: Spread) -> impl Iterator<Item = String> {
    let memory = large_blocks(facts).or_else(|| little_waste(facts, today));
    little_time(facts, today, driver).into_iter().chain(memory)
}

/// The program hardly calls `malloc`.
fn little_time(facts: &Facts, today: &Figures, driver: Spread) -> Option<String> {
    let today = Spread::of(&today.ns)?;
    let net = (today.median - driver.median).max(0.0);
    let all = net * facts.events as f64;
    let events = counted(facts.events, "event takes", "events take");
    let time = if net < floor(today, driver) { "no measurable time".into() } else { duration(all) };
    (all < 10.0 * LEAST_TIME).then(|| format!("There is little time to save: {events} {time} in malloc."))
}

/// A few blocks are most of the peak.
fn large_blocks(facts: &Facts) -> Option<String> {
    const FEW: usize = 8;
    // Below, a pool of its size could serve the block.
    const LARGE: u64 = 32 << 10;
    let mut sum = 0_u64;
    let mut sums = facts.peak_sizes.iter().take(FEW).zip(1_u64..).map(|(size, number)| {
        sum = size.saturating_add(sum);
        (number, *size, sum)
    });
    let (number, size, sum) = sums.find(|(_, _, sum)| *sum > facts.peak_live_bytes / 2)?;
    if size < LARGE {
        return None;
    }
    let least = if number == 1 { "" } else { "at least " };
    let blocks = counted(number, "block holds", "blocks hold");
    let share = sum as f64 * 100.0 / facts.peak_live_bytes as f64;
    Some(format!("At the peak, {blocks} {share:.0} % ({least}{} each): no pool changes that.", bytes(size)))
}

/// The machine's `malloc` holds hardly more than it was asked for.
fn little_waste(facts: &Facts, today: &Figures) -> Option<String> {
    let (held, live) = (today.peak.held, facts.peak_live_bytes);
    let close = held as f64 <= live as f64 * 1.15;
    close.then(|| format!("There is little memory to save: malloc holds {} for {} in use.", bytes(held), bytes(live)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{
        books::Moment,
        runner::{Method, Row},
    };

    const MIB: u64 = 1 << 20;

    fn row(kind: Kind, spec: &str, ns: [f64; 5], held: u64) -> Row {
        let peak = Moment { held, metadata: None, granted: held, asked: held };
        Row { spec: spec.into(), kind, result: Ok(Figures { ns: ns.to_vec(), peak, ..Figures::default() }) }
    }

    fn steady(ns: f64) -> [f64; 5] {
        [ns, ns + 1.0, ns + 0.5, ns - 0.5, ns]
    }

    /// The machine at 60 ns and 10 MiB over a driver of 20 ns, a bound that
    /// nobody beats, and `rows`.
    fn judge(facts: &Facts, rows: impl IntoIterator<Item = Row>) -> Verdict {
        let mut all =
            vec![row(Kind::Baseline, "system", steady(60.0), 10 * MIB), row(Kind::Bound, "bump", steady(21.0), MIB)];
        all.extend(rows);
        Verdict::of(facts, &Outcome { driver: steady(20.0).to_vec(), rows: all, ..Outcome::default() })
    }

    fn facts() -> Facts {
        Facts { events: 1_000_000, peak_live_bytes: 6 * MIB, peak_sizes: vec![100; 60_000], ..Facts::default() }
    }

    #[test]
    fn what_is_faster_and_no_larger_helps() {
        let verdict = judge(&facts(), [row(Kind::Composition, "pool", steady(40.0), 10 * MIB)]);
        assert_eq!(verdict.best.as_deref(), Some("pool"));
        assert_eq!(
            verdict.text,
            "pool helps: 2.0x faster (40 → 20 ns per event, 20.0 ms in all), about as much memory at the peak \
             (10 MB → 10 MB), against the machine's malloc."
        );
    }

    #[test]
    fn what_is_smaller_and_no_slower_helps() {
        let verdict = judge(&facts(), [row(Kind::Composition, "pool", steady(60.5), 7 * MIB)]);
        assert_eq!(verdict.best.as_deref(), Some("pool"));
        assert!(verdict.text.contains("30 % less memory at the peak (10 MB → 7.3 MB)"), "{}", verdict.text);
    }

    #[test]
    fn the_best_of_several_is_the_one_that_leaves_least() {
        let rows = [
            row(Kind::Composition, "fast", steady(30.0), 10 * MIB),
            row(Kind::Composition, "both", steady(30.0), 8 * MIB),
            row(Kind::Composition, "small", steady(60.0), 8 * MIB),
        ];
        assert_eq!(judge(&facts(), rows).best.as_deref(), Some("both"));
    }

    #[test]
    fn the_bound_is_never_recommended() {
        assert_eq!(judge(&facts(), []).best.as_deref(), Some("system"));
    }

    #[test]
    fn a_difference_within_the_noise_counts_as_none() {
        let noisy = row(Kind::Composition, "pool", [40.0, 70.0, 52.0, 45.0, 60.0], 10 * MIB);
        let verdict = judge(&facts(), [noisy]);
        assert_eq!(verdict.best.as_deref(), Some("system"));
        assert!(verdict.text.starts_with("Nothing helps"), "{}", verdict.text);
    }

    #[test]
    fn what_helps_one_thread_says_so_of_many() {
        let [alone, many, exact] =
            [(1, Threads::Flat), (4, Threads::Flat), (4, Threads::Exact)].map(|(threads, by)| {
                let rows = vec![
                    row(Kind::Baseline, "system", steady(60.0), 10 * MIB),
                    row(Kind::Composition, "pool", steady(40.0), 10 * MIB),
                ];
                let method = Method { threads: by, ..Method::default() };
                let outcome = Outcome { method, driver: steady(20.0).to_vec(), rows, ..Outcome::default() };
                Verdict::of(&Facts { threads, ..facts() }, &outcome).text
            });
        assert!(many.ends_with("The program has 4 threads; this is without a lock, for a heap that one of them owns."));
        assert!(!alone.contains("lock") && !exact.contains("lock"), "{exact}");
    }

    #[test]
    fn a_trade_is_told_and_not_recommended() {
        let verdict = judge(&facts(), [row(Kind::Composition, "pool", steady(40.0), 20 * MIB)]);
        assert_eq!(verdict.best.as_deref(), Some("system"));
        assert!(verdict.text.contains("pool is 2.0x faster"), "{}", verdict.text);
        assert!(verdict.text.contains("but takes 100 % more memory"), "{}", verdict.text);
    }

    #[test]
    fn where_events_are_few_that_is_the_reason() {
        let few = Facts { events: 300, ..facts() };
        let verdict = judge(&few, [row(Kind::Composition, "pool", steady(40.0), 10 * MIB)]);
        assert_eq!(verdict.best.as_deref(), Some("system"));
        assert!(verdict.text.contains("300 events take 12 µs in malloc"), "{}", verdict.text);
    }

    #[test]
    fn where_malloc_takes_next_to_no_time_no_factor_is_made_of_it() {
        // As fast as the driver alone, and a composition that is not.
        let rows = [
            row(Kind::Baseline, "system", steady(19.9), 10 * MIB),
            row(Kind::Composition, "pool", steady(40_000.0), 7 * MIB),
        ];
        let outcome = Outcome { driver: steady(20.0).to_vec(), rows: rows.into(), ..Outcome::default() };
        let text = Verdict::of(&Facts { events: 300, ..facts() }, &outcome).text;
        let slower = "but is more than 100x slower (0 → 39980 ns per event, 12.0 ms in all)";
        assert!(text.contains(slower), "{text}");
        assert!(text.contains("300 events take no measurable time in malloc"), "{text}");
    }

    #[test]
    fn where_a_few_blocks_are_the_peak_that_is_the_reason() {
        let large = Facts { peak_sizes: vec![2 * MIB, 2 * MIB, MIB, MIB], ..facts() };
        let verdict = judge(&large, [row(Kind::Composition, "pool", steady(60.0), 10 * MIB)]);
        let reason = "At the peak, 2 blocks hold 67 % (at least 2.0 MB each): no pool changes that.";
        assert!(verdict.text.ends_with(reason), "{}", verdict.text);
    }

    #[test]
    fn without_the_row_to_beat_there_is_no_verdict() {
        let failed = Row { spec: "system".into(), kind: Kind::Baseline, result: Err("failed: aborted".into()) };
        let verdict = Verdict::of(&facts(), &Outcome { driver: vec![20.0], rows: vec![failed], ..Outcome::default() });
        assert_eq!(verdict.best, None);
        assert_eq!(verdict.text, "No verdict: system, the row to beat, failed: aborted.");
    }
}
