//! `threads`: shared allocators, by one thread, by two, and from one to the other.
//!
//! ```text
//! threads [PASSES [FILTER]]
//! ```
//!
//! A filter leaves the candidates with it in their names, and what they are
//! compared with.
//!
//! Each pass runs every candidate at every workload, one after the other, its
//! threads pinned to cores 0 and 1. Two ratios are printed: of the best times of
//! all passes, and the median of those inside a pass. They disagree where the
//! cores changed their pace between passes; the second is the one that was taken
//! at one pace. A measurement whose threads did not have their cores to
//! themselves, where the wall clock went more than a tenth faster than the
//! processor's, is repeated a few times and then dropped: threads that share a
//! core do not contend.
//!
//! `private, by hand` shares nothing: that two of it take longer than one is
//! the machine's doing.

mod peers;
mod work;

use std::env;

use crate::{
    peers::{CANDIDATES, Candidate},
    work::{WORKLOADS, checksum_of},
};

fn main() {
    let passes: u32 = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(31);
    let filter = env::args().nth(2).unwrap_or_default();
    let asked = |name: &str| name.contains(&filter) || [REFERENCE, CONTROL].contains(&name);
    let candidates: Vec<&Candidate> = CANDIDATES.iter().filter(|candidate| asked(candidate.name)).collect();
    for workload in WORKLOADS {
        let mut sums = candidates.iter().map(|candidate| checksum_of(workload, candidate));
        let first = sums.next();
        assert!(sums.all(|sum| Some(sum) == first), "{}: the candidates did different work", workload.name);
    }
    // By candidate and workload, a time for each pass.
    let mut times: Vec<Vec<Times>> = vec![vec![Times::new(); WORKLOADS.len()]; candidates.len()];
    for _ in 0..passes {
        for (w, workload) in WORKLOADS.iter().enumerate() {
            for (candidate, times) in candidates.iter().zip(&mut times) {
                times[w].push((0..TRIES).find_map(|_| work::time(workload, candidate)));
            }
        }
    }
    print!("{:<34}", "ns, x of jemalloc: best, median");
    WORKLOADS.iter().for_each(|workload| print!("{:>24}", workload.name));
    println!("{:>22}", "two threads / one");
    let reference = candidates.iter().position(|candidate| candidate.name == REFERENCE).expect("a candidate");
    for (candidate, mine) in candidates.iter().zip(&times) {
        print!("{:<34}", candidate.name);
        for (mine, theirs) in mine.iter().zip(&times[reference]) {
            print!("{:>24}", format!("{} {}", shown(best(mine)), ratios(mine, theirs)));
        }
        println!("{:>22}", ratios(&mine[work::TWO], &mine[work::ONE]));
    }
    let (all, kept) = (times.iter().flatten().flatten(), times.iter().flatten().flatten().flatten());
    println!("{} of {} measurements had their cores to themselves", kept.count(), all.count());
}

/// What all are compared with.
const REFERENCE: &str = "jemalloc";
/// What shares nothing.
const CONTROL: &str = "private, by hand";

/// By pass; nothing where the threads were disturbed.
type Times = Vec<Option<f64>>;

/// How often a measurement that was disturbed is repeated.
const TRIES: u32 = 20;

/// The ratio of the best times, and the median of those inside each pass.
fn ratios(mine: &[Option<f64>], theirs: &[Option<f64>]) -> String {
    let of_best = best(mine).zip(best(theirs)).map(|(mine, theirs)| mine / theirs);
    format!("{}x {}x", shown(of_best), shown(ratio(mine, theirs)))
}

fn best(times: &[Option<f64>]) -> Option<f64> {
    times.iter().flatten().copied().min_by(f64::total_cmp)
}

/// The median of the ratios inside each pass.
fn ratio(mine: &[Option<f64>], theirs: &[Option<f64>]) -> Option<f64> {
    median(mine.iter().zip(theirs).filter_map(|(mine, theirs)| Some((*mine)? / (*theirs)?)))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
