//! [`Outcome`]: what all candidates did.

use serde::Serialize;

use super::{
    books::{Measures, Moment},
    candidate::Kind,
    child::Threads,
    curve::Curve,
    driver::marks::Touch,
    latency::Latencies,
};

/// How it was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Method {
    /// By which threads.
    pub threads: Threads,
    /// What of each block was written.
    pub touch: Touch,
}

/// What all candidates did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How.
    pub method: Method,
    /// Nanoseconds per event of the null allocator, one for each run; none if
    /// the machine has no memory for the largest block.
    pub driver: Vec<f64>,
    /// What the clock around single calls takes: calls of the null allocator.
    pub clock: Latencies,
    /// The candidates in the order given.
    pub rows: Vec<Row>,
}

/// What one candidate did.
#[derive(Debug)]
pub struct Row {
    /// Its composition, in the notation of the library.
    pub spec: String,
    /// What it stands for.
    pub kind: Kind,
    /// Its figures, or why it has none.
    pub result: Result<Figures, String>,
}

/// What a candidate that came to the end needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Nanoseconds per event, one for each run, driver included.
    pub ns: Vec<f64>,
    /// What single calls took, in all images, the clock included.
    pub calls: Latencies,
    /// The moment when most was held, in the image that held most.
    pub peak: Moment,
    /// Most bytes that were live at once in that image, as asked for.
    pub peak_live: u64,
    /// What was held over time, in all images.
    pub curve: Curve,
    /// Most bytes in memory, in the image that had most there.
    pub resident: Option<u64>,
    /// Page faults, in all images.
    pub faults: Option<u64>,
    /// Requests to the parent, in all images.
    pub requests: Option<u64>,
}

impl Figures {
    /// Takes in what was measured of another image, in which `live` bytes were
    /// the most.
    pub fn add(&mut self, measures: Measures, live: u64) {
        let Measures { peak, curve, requests, resident, faults } = measures;
        if peak.held >= self.peak.held {
            (self.peak, self.peak_live) = (peak, live);
        }
        self.curve.append(curve);
        self.requests = sum(self.requests, requests);
        self.resident = self.resident.max(resident);
        self.faults = sum(self.faults, faults);
    }

    /// Johnstone and Wilson's third measure: the most that was held, in parts of
    /// what was live then.
    pub fn held_to_live_then(&self) -> Option<f64> {
        ratio(self.peak.held, self.peak.asked)
    }

    /// Their fourth: the most that was held, in parts of the most that was live.
    pub fn held_to_most_live(&self) -> Option<f64> {
        ratio(self.peak.held, self.peak_live)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}
