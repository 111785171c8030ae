//! What is said about several measurements of one thing.

use std::fmt;

use crate::json;

/// The value in the middle; zero of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Half of the range in which the middle half of the values lies, as a share of
/// the median: how far a value is usually off.
#[must_use]
pub fn noise(values: &[f64]) -> f64 {
    let median = median(values);
    if median == 0.0 { 0.0 } else { (quantile(values, 0.75) - quantile(values, 0.25)) / 2.0 / median }
}

/// How a bar held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// What the ratio may be at most.
    pub bar: f64,
    /// Passes in which the ratio was not above the bar and its slack.
    pub passes: usize,
    /// Passes in all.
    pub of: usize,
}

/// What is not told from a bar where one thread works: a twentieth above it still counts as met.
pub const SLACK: f64 = 1.05;
/// The same where threads meet.
pub const SLACK_THREADS: f64 = 1.15;

/// How `bar` held in passes with these ratios, which may be above it by `slack`.
#[must_use]
pub fn held(ratios: &[f64], bar: f64, slack: f64) -> Held {
    let most = bar * slack;
    Held { bar, passes: ratios.iter().filter(|&&ratio| ratio <= most).count(), of: ratios.len() }
}

impl Held {
    /// Whether the true middle of the ratios is at or below the bar, if these passes can
    /// tell: with coins instead of passes it would be said wrongly once in twenty times.
    #[must_use]
    pub fn met(self) -> Option<bool> {
        // A pass is above the true middle as often as a coin shows heads.
        let of = self.of as f64;
        let few = (of / 2.0 - 0.98 * of.sqrt() - 0.5).max(0.0) as usize;
        if self.passes >= self.of - few {
            Some(true)
        } else if self.passes <= few {
            Some(false)
        } else {
            None
        }
    }
}

impl Held {
    /// As JSON.
    #[must_use]
    pub fn json(self) -> String {
        let met = self.met().map_or("null", |met| if met { "true" } else { "false" });
        json::object(&[
            ("bar", json::number(Some(self.bar))),
            ("passes", self.passes.to_string()),
            ("of", self.of.to_string()),
            ("met", met.to_owned()),
        ])
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.met() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "undecided, within noise",
        };
        write!(f, "bar {}: {word}, {} of {} passes", self.bar, self.passes, self.of)
    }
}

/// The value below which `share` of the values lie, between two of them if need be.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn one_value_is_its_own_median_without_noise() {
        assert_eq!((median(&[3.0]), noise(&[3.0])), (3.0, 0.0));
    }

    #[test]
    fn one_value_far_off_changes_neither() {
        let quiet = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 90.0];
        assert_eq!((median(&quiet), noise(&quiet)), (1.0, 0.0));
    }

    #[test]
    fn noise_is_a_share_of_the_median() {
        assert_eq!(noise(&[8.0, 9.0, 10.0, 11.0, 12.0]), 0.1);
    }

    #[test]
    fn a_bar_is_met_or_missed_only_where_the_passes_agree() {
        let met = |passes| Held { bar: 1.0, passes, of: 11 }.met();
        assert_eq!([0, 1, 2, 9, 10, 11].map(met), [Some(false), Some(false), None, None, Some(true), Some(true)]);
        assert_eq!([27, 28].map(|passes| Held { bar: 1.0, passes, of: 41 }.met()), [None, Some(true)]);
    }

    #[test]
    fn a_bar_is_inclusive_and_has_some_slack() {
        assert_eq!(held(&[0.9, 1.0, 1.1], 1.0, 1.0), Held { bar: 1.0, passes: 2, of: 3 });
        assert_eq!(held(&[1.0, 1.05, 1.06], 1.0, SLACK), Held { bar: 1.0, passes: 2, of: 3 });
    }
}
