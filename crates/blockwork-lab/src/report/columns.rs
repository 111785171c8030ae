//! [`Column`]: one figure of every row, and which of them a terminal has room for.

use super::stats::Spread;
use crate::{
    replay::{
        curve::Curve,
        latency::Latencies,
        runner::{Figures, Outcome},
    },
    text::{bytes, grouped, percent},
};

/// What a table may say of an allocator, in the order of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The mean over all calls.
    Time,
    /// The same without the replay itself.
    Net,
    /// The middle one of single calls.
    Median,
    /// What one call in a hundred exceeds.
    Slowest,
    /// The most that was held.
    Held,
    /// The most that was there.
    Resident,
    /// Rounding.
    Inside,
    /// In no block.
    Outside,
    /// The allocator's own.
    Metadata,
    /// Against what was live then.
    Third,
    /// Against the most that was live.
    Fourth,
    /// Requests to the parent.
    Requests,
    /// Page faults.
    Faults,
    /// A curve of what was held.
    OverTime,
}

/// What is subtracted from times.
#[derive(Clone, Copy, Debug)]
pub struct Overhead {
    /// The replay itself, for each event.
    pub driver: Spread,
    /// The clock, for each call.
    pub clock: Option<Clock>,
}

/// A clock before and behind a call that does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What it reads, mostly.
    median: f64,
    /// By how much that is off: some clocks tick every ten nanoseconds.
    noise: f64,
}

impl Clock {
    fn of(calls: &Latencies) -> Option<Self> {
        let noise = (calls.percentile(90)? - calls.percentile(10)?) / 2.0;
        Some(Self { median: calls.percentile(50)?, noise: noise.max(0.5) })
    }

    /// A time without the clock, or the noise that it drowns in.
    fn net(self, took: f64) -> String {
        let net = took - self.median;
        if net < self.noise { format!("< {:.0}", self.noise.ceil()) } else { format!("{net:.0}") }
    }
}

impl Overhead {
    /// As it was timed; `None` if it was not.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        Some(Self { driver: Spread::of(&outcome.driver)?, clock: Clock::of(&outcome.clock) })
    }
}

/// Characters of a curve.
const CURVE: usize = 16;

impl Column {
    const ALL: [Self; 14] = [
        Self::Time,
        Self::Net,
        Self::Median,
        Self::Slowest,
        Self::Held,
        Self::Resident,
        Self::Inside,
        Self::Outside,
        Self::Metadata,
        Self::Third,
        Self::Fourth,
        Self::Requests,
        Self::Faults,
        Self::OverTime,
    ];

    /// The most telling first.
    const BY_WORTH: [Self; 14] = [
        Self::Time,
        Self::Net,
        Self::Held,
        Self::Inside,
        Self::Outside,
        Self::Slowest,
        Self::Fourth,
        Self::Requests,
        Self::Resident,
        Self::Median,
        Self::Metadata,
        Self::Faults,
        Self::Third,
        Self::OverTime,
    ];

    /// Those that fit in `width` characters, in their order; two are always there.
    pub fn that_fit(width: usize) -> Vec<Self> {
        let mut left = width;
        let fitting = Self::BY_WORTH.into_iter().map_while(|column| {
            let fits = left.checked_sub(column.width());
            left = fits.unwrap_or(0);
            fits.or(matches!(column, Self::Time | Self::Net | Self::Held).then_some(0)).map(|_| column)
        });
        let fitting: Vec<Self> = fitting.collect();
        Self::ALL.into_iter().filter(|column| fitting.contains(column)).collect()
    }

    /// What stands above it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Net => "net",
            Self::Median => "p50",
            Self::Slowest => "p99",
            Self::Held => "held",
            Self::Resident => "resident",
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Metadata => "own",
            Self::Third => "#3",
            Self::Fourth => "#4",
            Self::Requests => "requests",
            Self::Faults => "faults",
            Self::OverTime => "over time",
        }
    }

    /// Characters, with the space behind it, that it takes with usual figures.
    const fn width(self) -> usize {
        match self {
            Self::Time | Self::Net | Self::Median | Self::Slowest => 6,
            Self::Held | Self::Inside | Self::Metadata | Self::Third | Self::Fourth => 8,
            Self::Outside | Self::Faults => 9,
            Self::Resident | Self::Requests => 10,
            Self::OverTime => CURVE + 2,
        }
    }

    /// What it means, if that is not said with another.
    pub const fn meaning(self) -> Option<&'static str> {
        match self {
            Self::Time | Self::Net | Self::Resident => None,
            Self::Median => Some("p50, p99: single calls, without the clock"),
            Self::Slowest => Some("p99: of single calls one in a hundred takes longer"),
            Self::Held => Some("held: most bytes taken from the system"),
            Self::Inside => Some("inside: of them, rounding within blocks"),
            Self::Outside => Some("outside: in no block"),
            Self::Metadata => Some("own: headers, where they are known"),
            Self::Third => Some("#3, #4: held beyond what was live then, and beyond the most that ever was"),
            Self::Fourth => Some("#4: held beyond the most that was live"),
            Self::Requests => Some("requests: to the parent"),
            Self::Faults => Some("faults: of pages"),
            Self::OverTime => Some("over time: what was held"),
        }
    }

    /// Whether `other` says what this means.
    pub fn is_explained_by(self, other: Self) -> bool {
        matches!((self, other), (Self::Slowest, Self::Median) | (Self::Fourth, Self::Third))
    }

    /// The figure, or a dash where there is none.
    pub fn cell(self, figures: &Figures, overhead: Option<Overhead>) -> String {
        self.figure(figures, overhead).unwrap_or_else(|| "–".into())
    }

    fn figure(self, figures: &Figures, overhead: Option<Overhead>) -> Option<String> {
        let peak = figures.peak;
        let call = |percent| Some(overhead?.clock?.net(figures.calls.percentile(percent)?));
        match self {
            Self::Time => Some(format!("{:.0}", Spread::of(&figures.ns)?.median)),
            Self::Net => Some(net(Spread::of(&figures.ns)?, overhead?.driver)),
            Self::Median => call(50),
            Self::Slowest => call(99),
            Self::Held => Some(bytes(peak.held)),
            Self::Resident => Some(bytes(figures.resident?)),
            Self::Inside => Some(percent(peak.internal_waste(), peak.held)),
            Self::Outside => Some(percent(peak.external_waste(), peak.held)),
            Self::Metadata => Some(percent(peak.metadata?, peak.held)),
            Self::Third => Some(beyond(peak.held, peak.asked)),
            Self::Fourth => Some(beyond(peak.held, figures.peak_live)),
            Self::Requests => Some(grouped(figures.requests?)),
            Self::Faults => Some(grouped(figures.faults?)),
            Self::OverTime => Some(drawn(&figures.curve)),
        }
    }
}

/// How much more is held than was live, in parts of the latter.
fn beyond(held: u64, live: u64) -> String {
    if live == 0 { "–".into() } else { percent(held.saturating_sub(live), live) }
}

/// The time above the driver, or the noise that it drowns in.
fn net(spread: Spread, driver: Spread) -> String {
    let net = spread.median - driver.median;
    let noise = spread.noise.unwrap_or(0.0) + driver.noise.unwrap_or(0.0);
    if net < noise { format!("< {}", noise.ceil().max(1.0)) } else { format!("{net:.0}") }
}

/// A curve in one line, each character a part of the recording.
fn drawn(curve: &Curve) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let points = &curve.points;
    let most = points.iter().map(|point| point.moment.held).max().unwrap_or(0).max(1);
    let width = CURVE.min(points.len());
    let part = |at: usize| points.get(at * points.len() / width..(at + 1) * points.len() / width).unwrap_or_default();
    let level = |at: usize| {
        let held = part(at).iter().map(|point| point.moment.held).max().unwrap_or(0);
        let eighths = (u128::from(held) * LEVELS.len() as u128).div_ceil(u128::from(most));
        usize::try_from(eighths).unwrap_or(0).saturating_sub(1)
    };
    (0..width).map(|at| LEVELS[level(at)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{books::Moment, curve::Point};

    #[test]
    fn wider_terminals_have_more_columns() {
        let titles = |width| Column::that_fit(width).into_iter().map(Column::title).collect::<Vec<_>>().join(" ");
        assert_eq!(titles(0), "ns net held");
        assert_eq!(titles(52), "ns net p99 held inside outside #4");
        assert_eq!(titles(200), "ns net p50 p99 held resident inside outside own #3 #4 requests faults over time");
    }

    #[test]
    fn a_call_that_takes_less_than_the_clock_can_tell_is_told_so() {
        let clock = Clock::of(&Latencies::of([vec![20; 70], vec![30; 30]].concat())).unwrap();
        let calls = |times: &[u64]| Latencies::of(times.repeat(50)).percentile(50).unwrap();
        assert_eq!(
            [calls(&[30]), calls(&[20, 30, 30]), calls(&[350])].map(|took| clock.net(took)),
            ["7", "< 5", "327"]
        );
    }

    #[test]
    fn a_curve_is_drawn_in_one_line() {
        let point = |(event, held)| Point { event, moment: Moment { held, ..Moment::default() } };
        let mut curve = Curve::default();
        assert_eq!(drawn(&curve), "");
        curve.points = (1..).zip([0, 10, 80, 40]).map(point).collect();
        assert_eq!(drawn(&curve), "▁▁█▄");
        curve.points = (0..320).map(|event| point((event, event))).collect();
        assert_eq!(drawn(&curve), "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██");
    }
}
