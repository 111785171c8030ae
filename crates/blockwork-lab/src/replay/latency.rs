//! [`Latencies`]: how long single calls took.

use serde::{Deserialize, Serialize};

/// Times of calls, in nanoseconds, with how many took so long; in order.
///
/// Above a microsecond to within 2 %.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latencies(Vec<(u64, u64)>);

/// Times below this are kept as they are; above, this many steps to a doubling.
const EXACT: u32 = 10;
const STEPS: u32 = 6;

impl Latencies {
    /// Of these times, in any order.
    pub fn of(mut times: Vec<u64>) -> Self {
        times.iter_mut().for_each(|ns| *ns = rounded(*ns));
        times.sort_unstable();
        let counted = times.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len() as u64)));
        Self(counted.collect())
    }

    /// Takes in what was seen of another image.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.sort_unstable();
        self.0.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
    }

    /// The time that `percent` of the calls did not exceed; `None` without calls.
    ///
    /// Clocks tick coarsely, some only every ten nanoseconds: the calls that took
    /// equally long are taken to lie around their time, and what lies between two
    /// times is found on the line between them.
    pub fn percentile(&self, percent: u64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let rank = all as f64 * percent as f64 / 100.0;
        let (mut seen, mut last) = (0, None);
        for (ns, count) in &self.0 {
            let (time, middle) = (*ns as f64, seen as f64 + *count as f64 / 2.0);
            seen += count;
            match last {
                _ if middle < rank => last = Some((time, middle)),
                Some((below, before)) => return Some(below + (time - below) * (rank - before) / (middle - before)),
                None => return Some(time),
            }
        }
        last.map(|(time, _)| time)
    }
}

/// Without the digits that make no difference.
fn rounded(ns: u64) -> u64 {
    let bits = ns.checked_ilog2().unwrap_or(0);
    let dropped = if bits < EXACT { 0 } else { bits - STEPS };
    ns >> dropped << dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_calls_one_is_beyond_the_last_percentile() {
        let calls = Latencies::of((1..=100).rev().collect());
        assert_eq!([0, 50, 99, 100].map(|percent| calls.percentile(percent)), [1.0, 50.5, 99.5, 100.0].map(Some));
        assert_eq!(Latencies::default().percentile(50), None);
    }

    #[test]
    fn a_coarse_clock_still_tells_what_is_between_its_ticks() {
        // Calls of 24 ns, on a clock that ticks every ten.
        let calls = Latencies::of([vec![20; 60], vec![30; 40]].concat());
        assert_eq!(calls.percentile(50), Some(24.0));
    }

    #[test]
    fn two_images_count_as_one() {
        let mut calls = Latencies::of(vec![5; 99]);
        calls.append(Latencies::of(vec![7, 5, 3]));
        assert_eq!(calls, Latencies::of([vec![5; 100], vec![7, 3]].concat()));
    }

    #[test]
    fn long_times_are_rounded_by_little() {
        assert_eq!([1023, 1024, 1039, 1040, 1_000_000].map(rounded), [1023, 1024, 1024, 1040, 999_424]);
    }
}
