//! [`Gain`]: one candidate against the machine's `malloc`.

use crate::{
    replay::{
        candidate::Kind,
        runner::{Figures, Row},
    },
    report::stats::Spread,
    text::bytes,
};

/// A difference below this share of the machine's figure counts as none.
const SHARE: f64 = 0.05;
/// The same where there was one run only, and its noise is unknown.
const SHARE_OF_ONE_RUN: f64 = 0.2;
/// Less time over the whole recording counts as none, in nanoseconds.
pub const LEAST_TIME: f64 = 1e6;
/// A factor above this says nothing more: one of the times is next to none.
const FACTOR_MAX: f64 = 100.0;
/// Less memory counts as none: it is the step by which `malloc` grows its heap.
const LEAST_BYTES: f64 = (128 << 10) as f64;

/// What a candidate gains or loses.
#[derive(Clone, Copy, Debug)]
pub struct Gain<'a> {
    /// Which candidate.
    pub spec: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Nanoseconds per event above the driver.
    pub time: Change,
    /// Most bytes held.
    pub memory: Change,
    /// The same, as whole numbers: the candidate's, and the machine's.
    held: (u64, u64),
    /// Nanoseconds per event that cannot be told from none.
    floor: f64,
    events: f64,
}

/// A figure of a candidate beside that of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The candidate's.
    pub mine: f64,
    /// The machine's.
    pub today: f64,
    /// What the difference amounts to.
    pub way: Way,
}

/// A difference that counts, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Less than the machine needs.
    Better,
    /// The difference is within the noise.
    Same,
    /// More than the machine needs.
    Worse,
}

impl Way {
    /// What `saved` amounts to, if only more than `bar` counts.
    fn of(saved: f64, bar: f64) -> Self {
        if saved > bar {
            Self::Better
        } else if saved < -bar {
            Self::Worse
        } else {
            Self::Same
        }
    }
}

impl Change {
    /// What remains of the machine's figure; one where nothing changes.
    fn ratio(self, floor: f64) -> f64 {
        if self.way == Way::Same { 1.0 } else { self.mine.max(floor) / self.today.max(floor) }
    }
}

impl<'a> Gain<'a> {
    /// Compares `figures` with those of `today`; `None` without timed runs.
    pub fn new(row: &'a Row, figures: &Figures, today: &Figures, driver: Spread, events: u64) -> Option<Self> {
        let (mine, theirs) = (Spread::of(&figures.ns)?, Spread::of(&today.ns)?);
        // Run by run: what slows the machine down for a while slows both.
        let saved: Vec<f64> = today.ns.iter().zip(&figures.ns).map(|(theirs, mine)| theirs - mine).collect();
        let saved = Spread::of(&saved)?;
        let events = events.max(1) as f64;
        let net = |spread: Spread| (spread.median - driver.median).max(0.0);
        let share = if saved.noise.is_some() { SHARE } else { SHARE_OF_ONE_RUN };
        let bar = saved.noise.unwrap_or(0.0).max(net(theirs) * share).max(LEAST_TIME / events);
        let held = (figures.peak.held, today.peak.held);
        let (held_mine, held_today) = (held.0 as f64, held.1 as f64);
        let room = (held_today * SHARE).max(LEAST_BYTES);
        Some(Self {
            spec: &row.spec,
            kind: row.kind,
            time: Change { mine: net(mine), today: net(theirs), way: Way::of(saved.median, bar) },
            memory: Change { mine: held_mine, today: held_today, way: Way::of(held_today - held_mine, room) },
            held,
            floor: floor(mine, driver),
            events,
        })
    }

    /// Whether it gains in one and loses in neither.
    pub fn helps(&self) -> bool {
        let ways = [self.time.way, self.memory.way];
        ways.contains(&Way::Better) && !ways.contains(&Way::Worse)
    }

    /// What remains of the machine's time and memory, multiplied: less is better.
    pub fn remains(&self) -> f64 {
        self.time.ratio(self.floor) * self.memory.ratio(1.0)
    }

    /// `2.0x faster (40 → 20 ns per event, 1.5 ms in all)`
    pub fn time_words(&self) -> String {
        let Change { mine, today, way } = self.time;
        if way == Way::Same {
            return "no faster and no slower beyond noise".into();
        }
        let saved = duration((today - mine).abs() * self.events);
        let (more, word) = if mine < today {
            (today / mine.max(self.floor), "faster")
        } else {
            (mine / today.max(self.floor), "slower")
        };
        let factor = if more > FACTOR_MAX {
            format!("more than {FACTOR_MAX:.0}x")
        } else if mine.min(today) < self.floor {
            format!("at least {more:.1}x")
        } else {
            format!("{more:.1}x")
        };
        format!("{factor} {word} ({today:.0} → {mine:.0} ns per event, {saved} in all)")
    }

    /// `30 % less memory at the peak (10 MB → 7 MB)`
    pub fn memory_words(&self) -> String {
        let Change { mine, today, way } = self.memory;
        let percent = (mine - today).abs() * 100.0 / today.max(1.0);
        let how = match way {
            Way::Same => "about as much".into(),
            Way::Better => format!("{percent:.0} % less"),
            Way::Worse => format!("{percent:.0} % more"),
        };
        format!("{how} memory at the peak ({} → {})", bytes(self.held.1), bytes(self.held.0))
    }
}

/// Nanoseconds per event that cannot be told from none, where an allocator took
/// `figure` and the driver alone `driver`.
pub fn floor(figure: Spread, driver: Spread) -> f64 {
    (figure.noise.unwrap_or(0.0) + driver.noise.unwrap_or(0.0)).max(0.1)
}

/// A duration, given in nanoseconds.
pub fn duration(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.0} µs", ns / 1e3),
        ..1e8 => format!("{:.1} ms", ns / 1e6),
        ..1e9 => format!("{:.0} ms", ns / 1e6),
        _ => format!("{:.1} s", ns / 1e9),
    }
}
