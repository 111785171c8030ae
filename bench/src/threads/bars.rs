//! What the parts for threads were built to reach.

use bench::{
    json,
    statistics::{SLACK_THREADS, held, median, noise},
};

use crate::work::{HANDOVER, ONE, TWO, WORKLOADS};

pub(crate) const JEMALLOC: &str = "jemalloc";
pub(crate) const STACK: &str = "tagged stack, links in blocks";
const HEAPLESS: &str = "heapless box pool";
const IN_BUFFER: &str = "ConcurrentBlockPool in a buffer";
const GROWING: &str = "ConcurrentBlockPool over a parent";
const GROWN: &str = "ConcurrentBlockPool, fourth chunk";
const CACHED: &str = "ThreadCached, one size";
const CACHED_CLASSES: &str = "ThreadCached, size classes";

/// Whom others are compared with, and what shares nothing.
pub(crate) const REFERENCES: &[&str] = &[JEMALLOC, STACK, HEAPLESS, "private, by hand"];

/// A time of a candidate, at most so many times that of another one.
pub(crate) struct Bar {
    pub(crate) candidate: &'static str,
    pub(crate) workload: usize,
    pub(crate) other: &'static str,
    pub(crate) other_workload: usize,
    at_most: f64,
}

pub(crate) const BARS: &[Bar] = &[
    at_most(1.0, IN_BUFFER, ONE, STACK),
    at_most(1.0, IN_BUFFER, TWO, STACK),
    at_most(1.25, GROWING, ONE, STACK),
    at_most(1.0, GROWING, TWO, STACK),
    at_most(1.25, GROWN, ONE, STACK),
    at_most(1.0, GROWN, TWO, STACK),
    at_most(0.5, IN_BUFFER, ONE, HEAPLESS),
    at_most(0.5, IN_BUFFER, TWO, HEAPLESS),
    at_most(0.5, GROWING, ONE, HEAPLESS),
    at_most(0.5, GROWING, TWO, HEAPLESS),
    at_most(0.5, GROWN, ONE, HEAPLESS),
    at_most(0.5, GROWN, TWO, HEAPLESS),
    at_most(1.0, CACHED, ONE, JEMALLOC),
    at_most(1.0, CACHED_CLASSES, ONE, JEMALLOC),
    of_its_own(1.1, CACHED),
    of_its_own(1.1, CACHED_CLASSES),
    at_most(1.0, CACHED, HANDOVER, JEMALLOC),
    at_most(1.0, CACHED_CLASSES, HANDOVER, JEMALLOC),
];

const fn at_most(at_most: f64, candidate: &'static str, workload: usize, other: &'static str) -> Bar {
    Bar { candidate, workload, other, other_workload: workload, at_most }
}

/// Two threads against one.
const fn of_its_own(at_most: f64, candidate: &'static str) -> Bar {
    Bar { candidate, workload: TWO, other: candidate, other_workload: ONE, at_most }
}

impl Bar {
    /// The same as JSON.
    pub(crate) fn json(&self, ratios: &[f64]) -> String {
        json::object(&[
            ("candidate", json::text(self.candidate)),
            ("work", json::text(WORKLOADS[self.workload].name)),
            ("other", json::text(if self.other == self.candidate { "itself, one thread" } else { self.other })),
            ("ratio", json::number(Some(median(ratios)))),
            ("noise", json::number(Some(noise(ratios)))),
            ("held", held(ratios, self.at_most, SLACK_THREADS).json()),
        ])
    }

    /// A row of a table: the ratio in the middle, and how the bar held.
    pub(crate) fn row(&self, ratios: &[f64]) -> String {
        let other = if self.other == self.candidate { "itself, one thread" } else { self.other };
        let work = WORKLOADS[self.workload].name;
        let held = held(ratios, self.at_most, SLACK_THREADS);
        format!("| {} | {work} | {other} | {:.2} | {held} |", self.candidate, median(ratios))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::CANDIDATES;

    #[test]
    fn every_bar_is_about_candidates_that_there_are() {
        let is_there = |name: &str| CANDIDATES.iter().any(|candidate| candidate.name == name);
        assert!(BARS.iter().all(|bar| is_there(bar.candidate) && is_there(bar.other)));
        assert!(REFERENCES.iter().all(|name| is_there(name)));
    }
}
