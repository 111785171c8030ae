//! [`Spread`]: several runs of the same thing in a few numbers.

use serde::{Deserialize, Serialize};

/// The middle and the ends of some measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How far apart the middle half is: one run in four may be disturbed
    /// without being taken for noise. Of one run, nothing is known.
    #[serde(skip)]
    pub noise: Option<f64>,
}

impl Spread {
    /// Of `runs`, in any order; `None` of none.
    pub fn of(runs: &[f64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let (low, high) = (sorted[sorted.len() / 4], sorted[sorted.len() - 1 - sorted.len() / 4]);
        let noise = (sorted.len() > 1).then_some(high - low);
        Some(Self { median: f64::midpoint(below, above), min, max, noise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_disturbed_run_of_five_is_not_noise() {
        let spread = Spread::of(&[10.0, 11.0, 90.0, 9.0, 10.5]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (10.5, 9.0, 90.0));
        assert_eq!(spread.noise, Some(1.0));
    }

    #[test]
    fn an_even_number_of_runs_has_a_median_between_two() {
        assert_eq!(Spread::of(&[1.0, 3.0]).map(|spread| spread.median), Some(2.0));
    }

    #[test]
    fn of_one_run_no_noise_is_known() {
        assert_eq!(Spread::of(&[1.0]).map(|spread| spread.noise), Some(None));
        assert_eq!(Spread::of(&[]), None);
    }
}
