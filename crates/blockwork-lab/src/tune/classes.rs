//! [`Cutter`]: where to cut a histogram of sizes into classes, by dynamic
//! programming.
//!
//! ```text
//! sizes     16  24  32      56  64            200
//! cuts          24│              64│             200│     every block rounds up to its class
//! ```
//!
//! For `k` classes of `n` sizes it tries the start of the last class at every
//! size: `k·n²` steps to the best of all ways to cut, not to a good one.

use super::histogram::Histogram;

/// What a class costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// What rounding adds to the blocks that are live at the peak.
    Rounding,
    /// The most that the class ever holds, as of pools that keep what they have,
    /// and half a slab on top.
    Kept,
}

/// Cuts a histogram, into at most so many classes.
#[derive(Clone, Debug)]
pub struct Cutter {
    histogram: Histogram,
    most: usize,
}

impl Cutter {
    /// Of `histogram`, into `most` classes at most.
    pub fn new(histogram: Histogram, most: usize) -> Self {
        Self { histogram, most: most.max(1) }
    }

    /// The sizes of the classes up to `largest`; none where nothing is as small.
    /// Slabs of `slab` bytes make more classes dearer.
    pub fn cuts(&self, largest: u64, slab: u64, model: Model) -> Vec<u64> {
        let Histogram { sizes, moments, .. } = &self.histogram;
        let count = sizes.partition_point(|size| *size <= largest);
        let cost = match model {
            Model::Rounding => Costs::new(sizes, moments.get(..1).unwrap_or_default(), count, 0),
            Model::Kept => Costs::new(sizes, moments, count, slab / 2),
        };
        let ends = cut(count, self.most, |from, to| cost.of(from, to));
        ends.into_iter().filter_map(|end| sizes.get(end.checked_sub(1)?).copied()).collect()
    }

    /// Bytes of the live blocks at the peak that are in classes, and bytes that
    /// rounding adds to them, where the classes are `cuts`.
    pub fn rounding(&self, cuts: &[u64]) -> (u64, u64) {
        let Histogram { sizes, asked, .. } = &self.histogram;
        let sizes = sizes.iter().zip(self.histogram.peak()).zip(asked);
        let classes = sizes.filter_map(|((size, blocks), asked)| {
            let class = cuts.get(cuts.partition_point(|cut| cut < size))?;
            Some((*asked, (class * blocks).saturating_sub(*asked)))
        });
        classes.fold((0, 0), |sum, class| (sum.0 + class.0, sum.1 + class.1))
    }
}

/// The cost of each class that can be.
struct Costs {
    table: Vec<u64>,
    count: usize,
}

impl Costs {
    /// Of the first `count` sizes: the class's size times its most blocks at any
    /// of `moments`, and `each` for the class.
    fn new(sizes: &[u64], moments: &[Vec<u64>], count: usize, each: u64) -> Self {
        let mut table = vec![0_u64; count * (count + 1)];
        for moment in moments {
            for from in 0..count {
                let mut blocks = 0_u64;
                for to in from + 1..=count {
                    blocks += moment.get(to - 1).copied().unwrap_or(0);
                    let bytes = sizes.get(to - 1).map_or(0, |size| blocks.saturating_mul(*size));
                    let place = &mut table[from * (count + 1) + to];
                    *place = bytes.saturating_add(each).max(*place);
                }
            }
        }
        Self { table, count }
    }

    fn of(&self, from: usize, to: usize) -> u64 {
        self.table.get(from * (self.count + 1) + to).copied().unwrap_or(0)
    }
}

/// Cuts `count` things into at most `most` runs so that the sum of `cost(from,
/// to)` over the runs is least; returns where they end. Of equals, the fewest.
fn cut(count: usize, most: usize, cost: impl Fn(usize, usize) -> u64) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    // best[to]: the least cost of the first `to` in so many runs; starts: where
    // the last of those begins.
    let mut best: Vec<Option<u64>> = vec![None; count + 1];
    best[0] = Some(0);
    let mut starts: Vec<Vec<usize>> = Vec::new();
    let mut least: Option<(u64, usize)> = None;
    for runs in 1..=most.min(count) {
        let mut next = vec![None; count + 1];
        let mut start = vec![0; count + 1];
        for to in runs..=count {
            let ways = (runs - 1..to).filter_map(|from| Some((best[from]?.saturating_add(cost(from, to)), from)));
            if let Some((sum, from)) = ways.min() {
                (next[to], start[to]) = (Some(sum), from);
            }
        }
        starts.push(start);
        if let Some(sum) = next[count]
            && least.is_none_or(|(least, _)| sum < least)
        {
            least = Some((sum, runs));
        }
        best = next;
    }
    let mut ends = Vec::new();
    let mut end = count;
    for start in starts.iter().take(least.map_or(0, |(_, runs)| runs)).rev() {
        ends.push(end);
        end = start[end];
    }
    ends.reverse();
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least cost of all ways to cut.
    fn by_trying(count: usize, most: usize, cost: &dyn Fn(usize, usize) -> u64) -> u64 {
        let ways = 0..1_u32 << (count - 1);
        let price = |way: u32| {
            let ends: Vec<usize> = (1..=count).filter(|end| *end == count || way & 1 << (end - 1) != 0).collect();
            let starts = [0].into_iter().chain(ends.iter().copied());
            (ends.len() <= most).then(|| starts.zip(&ends).map(|(from, to)| cost(from, *to)).sum())
        };
        ways.filter_map(price).min().unwrap()
    }

    #[test]
    fn no_other_way_to_cut_is_cheaper() {
        let mut seed = 1_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for count in 1..=9 {
            let costs: Vec<u64> = (0..100).map(|_| random(50)).collect();
            let cost = |from: usize, to: usize| costs[from * 10 + to];
            for most in 1..=count {
                let ends = cut(count, most, cost);
                let starts = [0].into_iter().chain(ends.iter().copied());
                let sum: u64 = starts.zip(&ends).map(|(from, to)| cost(from, *to)).sum();
                assert_eq!(sum, by_trying(count, most, &cost), "{count} into {most}: {ends:?}");
                assert_eq!(ends.last(), Some(&count));
            }
        }
        assert_eq!(cut(0, 3, |_, _| 1), Vec::<usize>::new());
    }

    fn cutter(most: usize) -> Cutter {
        let sizes = vec![16, 32, 48, 64, 512, 40_000];
        let moments = vec![vec![100, 1, 0, 80, 3, 1], vec![0, 0, 90, 2, 0, 0]];
        let asked = vec![1500, 30, 0, 80 * 64, 1500, 40_000];
        Cutter::new(Histogram { sizes, requests: vec![1; 6], asked, moments }, most)
    }

    #[test]
    fn classes_lie_where_rounding_at_the_peak_is_least() {
        // One block of 32 costs 32 more in a class of 64; 100 of 16 would cost 1600 more in one of 32.
        assert_eq!(cutter(3).cuts(1 << 10, 0, Model::Rounding), [16, 64, 512]);
        assert_eq!(cutter(9).cuts(1 << 10, 0, Model::Rounding).last(), Some(&512));
        assert_eq!(cutter(3).cuts(64, 0, Model::Rounding), [16, 32, 64]);
        assert_eq!(cutter(3).cuts(8, 0, Model::Rounding), Vec::<u64>::new());
    }

    #[test]
    fn sizes_that_are_live_at_different_times_share_a_class_of_pools_that_keep() {
        // 48 and 64 apart: 90 × 48 + 80 × 64; together: 92 × 64.
        assert_eq!(cutter(9).cuts(64, 0, Model::Kept), [16, 64]);
    }

    #[test]
    fn large_slabs_make_for_few_classes() {
        assert_eq!(cutter(9).cuts(1 << 10, 1 << 20, Model::Kept), [512]);
    }

    #[test]
    fn what_rounding_adds_is_counted_from_what_was_asked_for() {
        let (asked, added) = cutter(3).rounding(&[16, 64, 512]);
        assert_eq!((asked, added), (1500 + 30 + 5120 + 1500, 100 + 34 + 36));
    }
}
