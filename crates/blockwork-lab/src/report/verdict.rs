//! [`Verdict`]: what helps, by how much, and why nothing does.
//!
//! A candidate helps if it gains time or memory against the machine's `malloc`
//! and loses neither. A difference counts when it is beyond what repeated runs
//! differ by, beyond a share of the whole, and beyond what anybody would notice:
//! the bar is in [`Bar`]. The bound is never recommended.

use serde::Serialize;

use super::{
    stats::Spread,
    text::{bytes, count, plural},
};
use crate::replay::{
    candidate::Kind,
    runner::{Figures, Outcome},
    script::{Script, live_sizes},
};
use crate::trace::Trace;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The composition to use: that of the machine when none helps, and none
    /// when there is nothing to compare with.
    pub best: Option<String>,
    /// The same in words, with figures and reasons.
    pub text: String,
}

/// What a verdict has to know of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What was recorded.
    pub name: String,
    /// Calls.
    pub events: u64,
    /// Bytes asked for in all.
    pub requested_bytes: u64,
    /// Most blocks live at once.
    pub peak_live_blocks: u64,
    /// Most bytes live at once.
    pub peak_live_bytes: u64,
    /// Threads that called.
    pub threads: u32,
    /// The sizes of the blocks live when most bytes were, largest first.
    pub peak_sizes: Vec<u64>,
}

/// What a difference has to exceed.
struct Bar;

impl Bar {
    /// As a share of the machine's own figure.
    const SHARE: f64 = 0.05;
    /// The same where there was but one run, and its noise is unknown.
    const SHARE_OF_ONE_RUN: f64 = 0.2;
    /// Nanoseconds over the whole recording.
    const TIME: f64 = 1e6;
    /// Bytes: less than the step by which `malloc` grows its heap says nothing.
    const BYTES: u64 = 128 << 10;
}

impl Facts {
    /// The facts of a recording.
    pub fn of(trace: &Trace, script: &Script) -> Self {
        let demands = || script.images.iter().map(|part| part.demand);
        let worst = script.images.iter().max_by_key(|part| part.demand.peak_bytes);
        let peak_sizes =
            worst.and_then(|part| Some(live_sizes(trace.ops.get(part.steps.clone())?, part.demand.peak_event)));
        Self {
            name: trace.name.clone(),
            events: script.events(),
            requested_bytes: demands().map(|demand| demand.requested).sum(),
            peak_live_blocks: demands().map(|demand| demand.peak_blocks).max().unwrap_or(0),
            peak_live_bytes: demands().map(|demand| demand.peak_bytes).max().unwrap_or(0),
            threads: trace.threads,
            peak_sizes: peak_sizes.unwrap_or_default(),
        }
    }
}

/// One candidate against the machine's `malloc`.
#[derive(Clone, Copy, Debug)]
struct Gain<'a> {
    spec: &'a str,
    /// Its time above the driver, and that of `malloc`, per event.
    net: (f64, f64),
    /// Below this, its time above the driver is no figure.
    floor: f64,
    /// Its peak, and that of `malloc`.
    held: (u64, u64),
    time: Change,
    memory: Change,
}

/// A difference that counts, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Better,
    Same,
    Worse,
}

impl Change {
    fn of(mine: f64, theirs: f64, bar: f64) -> Self {
        if theirs - mine > bar {
            Self::Better
        } else if mine - theirs > bar {
            Self::Worse
        } else {
            Self::Same
        }
    }
}

impl Verdict {
    /// Judges `outcome`.
    pub fn of(facts: &Facts, outcome: &Outcome) -> Self {
        let machine = outcome.rows.iter().find(|row| row.kind == Kind::Baseline);
        let driver = Spread::of(&outcome.driver);
        let (Some(machine), Some(driver)) = (machine, driver) else {
            return Self { best: None, text: "Nothing was replayed.".into() };
        };
        let today = match &machine.result {
            Ok(today) => today,
            Err(why) => {
                let text = format!("No verdict: {}, the row to compare with, has no figures ({why}).", machine.spec);
                return Self { best: None, text };
            }
        };
        let gains: Vec<Gain<'_>> = outcome
            .rows
            .iter()
            .filter(|row| row.kind == Kind::Composition)
            .filter_map(|row| Gain::of(&row.spec, row.result.as_ref().ok()?, today, driver, facts.events))
            .collect();
        let best = gains.iter().filter(|gain| gain.helps()).min_by(|a, b| a.score().total_cmp(&b.score()));
        match best {
            Some(best) => Self { best: Some(best.spec.into()), text: best.praise(facts) },
            None => Self { best: Some(machine.spec.clone()), text: refusal(facts, &gains, today, driver) },
        }
    }
}

impl<'a> Gain<'a> {
    fn of(spec: &'a str, figures: &Figures, today: &Figures, driver: Spread, events: u64) -> Option<Self> {
        let (mine, theirs) = (Spread::of(&figures.ns)?, Spread::of(&today.ns)?);
        let net = ((mine.median - driver.median).max(0.0), (theirs.median - driver.median).max(0.0));
        let held = (figures.peak.held, today.peak.held);
        let noise = mine.noise.zip(theirs.noise).map(|(mine, theirs)| mine + theirs);
        let share = if noise.is_some() { Bar::SHARE } else { Bar::SHARE_OF_ONE_RUN };
        let bar = noise.unwrap_or(0.0).max(net.1 * share).max(Bar::TIME / events.max(1) as f64);
        let room = (held.1 as f64 * Bar::SHARE).max(Bar::BYTES as f64);
        Some(Self {
            spec,
            net,
            floor: mine.noise.unwrap_or(0.0) + driver.noise.unwrap_or(0.0),
            held,
            time: Change::of(net.0, net.1, bar),
            memory: Change::of(held.0 as f64, held.1 as f64, room),
        })
    }

    fn helps(&self) -> bool {
        use Change::{Better, Worse};
        self.time != Worse && self.memory != Worse && (self.time == Better || self.memory == Better)
    }

    /// The product of both ratios: less is better. What is the same within
    /// noise is exactly one.
    fn score(&self) -> f64 {
        let ratio = |change, mine: f64, theirs: f64| if change == Change::Same { 1.0 } else { mine / theirs };
        let time = ratio(self.time, self.net.0.max(self.floor), self.net.1);
        time * ratio(self.memory, self.held.0 as f64, self.held.1 as f64)
    }

    fn praise(&self, facts: &Facts) -> String {
        let time = match self.time {
            Change::Better => {
                let saved = (self.net.1 - self.net.0) * facts.events as f64;
                format!("{}, {} over the whole recording", self.faster(), time(saved))
            }
            _ => "about as fast".into(),
        };
        let memory = match self.memory {
            Change::Better => self.memory_words(),
            _ => "about the same peak memory".into(),
        };
        format!("{} helps: {time}, and {memory}, against system.", self.spec)
    }

    /// How much faster or slower, net of the driver.
    fn faster(&self) -> String {
        let (mine, theirs) = self.net;
        let (least, at_least) = if mine < self.floor { (self.floor, "at least ") } else { (mine, "") };
        if mine < theirs {
            format!("{at_least}{:.1}x faster ({:.0} → {:.0} ns per event)", theirs / least.max(0.1), theirs, mine)
        } else {
            format!("{:.1}x slower ({:.0} → {:.0} ns per event)", mine / theirs.max(0.1), theirs, mine)
        }
    }

    fn memory_words(&self) -> String {
        let (mine, theirs) = self.held;
        let percent = (mine as f64 - theirs as f64).abs() * 100.0 / theirs.max(1) as f64;
        let word = if mine < theirs { "less" } else { "more" };
        format!("{percent:.0} % {word} peak memory ({} → {})", bytes(theirs), bytes(mine))
    }
}

/// Why nothing helps, as far as it can be told.
fn refusal(facts: &Facts, gains: &[Gain<'_>], today: &Figures, driver: Spread) -> String {
    let mut text = String::from("Nothing helps:");
    if gains.is_empty() {
        text.push_str(" no composition came to the end.");
        return text;
    }
    text.push_str(" no composition is faster than system or holds less without losing in the other, beyond noise.");
    let trade = |of: fn(&Gain<'_>) -> (Change, Change)| {
        gains.iter().filter(move |gain| of(gain) == (Change::Better, Change::Worse))
    };
    if let Some(gain) = trade(|gain| (gain.time, gain.memory)).min_by(|a, b| a.score().total_cmp(&b.score())) {
        text.push_str(&format!(" {} is {}, but for {}.", gain.spec, gain.faster(), gain.memory_words()));
    }
    if let Some(gain) = trade(|gain| (gain.memory, gain.time)).min_by(|a, b| a.score().total_cmp(&b.score())) {
        text.push_str(&format!(" {} takes {}, but is {}.", gain.spec, gain.memory_words(), gain.faster()));
    }
    let net = Spread::of(&today.ns).map_or(0.0, |spread| (spread.median - driver.median).max(0.0));
    let spent = net * facts.events as f64;
    if spent < 10.0 * Bar::TIME {
        text.push_str(&format!(
            " There is little time to save: all {} take {} in malloc.",
            plural(facts.events, "event", "events"),
            time(spent)
        ));
    }
    text.push_str(&memory_reason(facts, today));
    text
}

/// Why there is little memory to save.
fn memory_reason(facts: &Facts, today: &Figures) -> String {
    const FEW: usize = 16;
    let live = facts.peak_live_bytes;
    let waste = today.peak.held.saturating_sub(live);
    let few: u64 = facts.peak_sizes.iter().take(FEW).sum();
    let most = live / 2;
    if few > most {
        let (mut number, mut sum) = (0, 0);
        for size in &facts.peak_sizes {
            if sum > most {
                break;
            }
            number += 1;
            sum += size;
        }
        let smallest = facts.peak_sizes.get(number as usize - 1).copied().unwrap_or(0);
        let whose =
            if number == 1 { "one block of".to_owned() } else { format!("{} blocks of at least", count(number)) };
        return format!(
            " {whose} {} hold {:.0} % of the peak: no pool can change that.",
            bytes(smallest),
            sum as f64 * 100.0 / live.max(1) as f64
        );
    }
    if (waste as f64) < live as f64 * 0.1 {
        return format!(
            " There is little memory to save: system holds {} at its peak for {} asked for.",
            bytes(today.peak.held),
            bytes(live)
        );
    }
    String::new()
}

/// A duration given in nanoseconds.
pub fn time(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.0} µs", ns / 1e3),
        ..1e8 => format!("{:.1} ms", ns / 1e6),
        ..1e9 => format!("{:.0} ms", ns / 1e6),
        _ => format!("{:.1} s", ns / 1e9),
    }
}
