//! Workloads, one file for each kind: a trait that says what a candidate must
//! do, and what is done with it.

pub(crate) mod blocks;
pub(crate) mod bump;
pub(crate) mod collections;
pub(crate) mod fixed;
pub(crate) mod ranges;
pub(crate) mod spans;
pub(crate) mod typed;

use crate::run::Run;

/// One table: several candidates at the same work.
pub(crate) struct Workload {
    /// `kind/what`: what a filter on the command line looks at.
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) operation: &'static str,
    /// The candidate whose time is 1.
    pub(crate) reference: &'static str,
    pub(crate) candidates: &'static [Candidate],
    pub(crate) bars: &'static [Bar],
}

/// One contestant.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Run),
}

/// The candidate that does all that a workload does, but for allocating: what the others
/// take beyond it is theirs.
pub(crate) const LOOP: &str = "the loop alone";

/// What a candidate has to reach.
pub(crate) struct Bar {
    pub(crate) candidate: &'static str,
    pub(crate) at_most: f64,
    pub(crate) of: Of,
}

/// What a bar is a bar of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// The time divided by that of the reference.
    Reference,
    /// The nanoseconds beyond those of the [`LOOP`], if it is there.
    Nanoseconds,
}

impl Bar {
    /// At most so many times the reference.
    pub(crate) const fn times(candidate: &'static str, at_most: f64) -> Self {
        Self { candidate, at_most, of: Of::Reference }
    }

    /// At most so many nanoseconds.
    pub(crate) const fn nanoseconds(candidate: &'static str, at_most: f64) -> Self {
        Self { candidate, at_most, of: Of::Nanoseconds }
    }
}

impl Workload {
    pub(crate) fn candidate(&self, name: &str) -> Option<&'static Candidate> {
        self.candidates.iter().find(|candidate| candidate.name == name)
    }
}

/// Every workload.
pub(crate) fn all() -> impl Iterator<Item = &'static Workload> {
    [fixed::WORKLOADS, bump::WORKLOADS, collections::WORKLOADS, typed::WORKLOADS, blocks::WORKLOADS, spans::WORKLOADS]
        .into_iter()
        .flatten()
}

/// Writes candidates down: `"name" => function`.
macro_rules! candidates {
    ($($(#[$meta:meta])* $name:literal => $run:expr),+ $(,)?) => {
        &[$($(#[$meta])* $crate::kinds::Candidate { name: $name, run: $run }),+]
    };
}
use candidates;
