//! `threads`: shared allocators, by one thread, by two, and from one to the other.
//!
//! ```text
//! threads [PASSES]
//! ```
//!
//! Each pass runs every candidate at every workload, one after the other, its
//! threads pinned to cores 0 and 1; ratios are taken inside a pass, and the median
//! of them is printed. A measurement whose threads did not have their cores to
//! themselves, where the wall clock went more than a tenth faster than the
//! processor's, is repeated a few times and then dropped: threads that share a
//! core do not contend.

mod peers;
mod work;

use std::env;

use crate::{
    peers::CANDIDATES,
    work::{WORKLOADS, checksum_of},
};

fn main() {
    let passes = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(15);
    for workload in WORKLOADS {
        let sums: Vec<u64> = CANDIDATES.iter().map(|candidate| checksum_of(workload, candidate)).collect();
        assert!(sums.iter().all(|&sum| sum == sums[0]), "{}: the candidates did different work", workload.name);
    }
    // By candidate, workload and pass.
    let mut times: Vec<Vec<Vec<Option<f64>>>> = vec![vec![vec![None; passes]; WORKLOADS.len()]; CANDIDATES.len()];
    for pass in 0..passes {
        for (w, workload) in WORKLOADS.iter().enumerate() {
            for (c, candidate) in CANDIDATES.iter().enumerate() {
                times[c][w][pass] = (0..TRIES).find_map(|_| work::time(workload, candidate));
            }
        }
    }
    print!("{:<34}", "ns per pair, x of jemalloc");
    WORKLOADS.iter().for_each(|workload| print!("{:>26}", workload.name));
    println!("{:>22}", "two threads / one");
    let reference = CANDIDATES.iter().position(|candidate| candidate.name == "jemalloc").expect("a candidate");
    for (c, candidate) in CANDIDATES.iter().enumerate() {
        print!("{:<34}", candidate.name);
        for w in 0..WORKLOADS.len() {
            let (mine, theirs) = (&times[c][w], &times[reference][w]);
            print!("{:>26}", format!("{} {}x", shown(median(mine.iter().flatten().copied())), shown(ratio(mine, theirs))));
        }
        println!("{:>22}", format!("{}x", shown(ratio(&times[c][work::TWO], &times[c][work::ONE]))));
    }
    let kept = times.iter().flatten().flatten().filter(|time| time.is_some()).count();
    println!("{kept} of {} measurements had their cores to themselves", passes * WORKLOADS.len() * CANDIDATES.len());
}

/// How often a measurement that was disturbed is repeated.
const TRIES: u32 = 20;

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
