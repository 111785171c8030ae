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

/// What a candidate has to reach.
pub(crate) struct Bar {
    pub(crate) candidate: &'static str,
    /// Its time divided by that of the reference.
    pub(crate) at_most: f64,
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
    ($($name:literal => $run:expr),+ $(,)?) => {
        &[$($crate::kinds::Candidate { name: $name, run: $run }),+]
    };
}
use candidates;
