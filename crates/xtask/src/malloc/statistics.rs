//! Medians of ratios, and how far they scatter.

use std::fmt;

/// The ratio in the middle of those of all passes.
pub(super) struct Ratio {
    pub(super) median: f64,
    /// Half of the range of the middle half.
    pub(super) noise: f64,
}

impl Ratio {
    /// Of what is counted.
    pub(super) fn exact(ratio: f64) -> Self {
        Self { median: ratio, noise: 0.0 }
    }

    pub(super) fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        let quarter = ratios.len() / 4;
        let noise = match (ratios.get(quarter), ratios.iter().rev().nth(quarter)) {
            (Some(low), Some(high)) => (high - low) / 2.0,
            _ => f64::NAN,
        };
        Self { median: median(ratios), noise }
    }
}

impl fmt::Display for Ratio {
    /// Noise below half a hundredth is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.median)?;
        if self.noise >= 0.005 { write!(f, " ±{:.2}", self.noise) } else { Ok(()) }
    }
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(&value), 1) => value,
        (Some(&value), _) => f64::midpoint(values[middle - 1], value),
        (None, _) => f64::NAN,
    }
}

pub(super) fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value.ln(), count + 1.0));
    f64::exp(sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_counts_and_the_middle_half_is_the_noise() {
        assert_eq!(Ratio::of(vec![9.0, 1.0, 1.2, 0.8, 1.1]).to_string(), "1.10 ±0.10");
        assert_eq!(Ratio::of(vec![1.0, 1.0, 1.0]).to_string(), "1.00");
        assert!((median(vec![1.0, 2.0]) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn doubling_and_halving_are_level() {
        assert!((geometric_mean([2.0, 0.5].into_iter()) - 1.0).abs() < 1e-9);
    }
}
