//! [`Effect`]: a difference that was predicted, beside the one that was measured.

use serde::Serialize;

use crate::report::stats::Spread;

/// A difference to the machine's `malloc`, in nanoseconds or bytes: less than
/// nothing is a gain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// What the replay says.
    pub predicted: f64,
    /// What the program says.
    pub measured: f64,
    /// Differences of the program below this are none: what its runs differ by,
    /// and what the preloaded library costs by being there.
    pub noise: f64,
    /// What that means.
    pub outcome: Outcome,
}

/// Whether a prediction held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The program went the way that was predicted; or nothing was, and nothing came.
    Held,
    /// What was predicted is less than what runs of the program differ by.
    Unclear,
    /// It went another way.
    Failed,
}

impl Effect {
    /// Of `predicted`, and what runs of the program say. Differences of `least`
    /// count as none.
    pub fn new(predicted: f64, today: &[f64], composed: &[f64], least: f64) -> Option<Self> {
        // Run by run: what slows the machine down for a while slows both.
        let more: Vec<f64> = composed.iter().zip(today).map(|(composed, today)| composed - today).collect();
        let more = Spread::of(&more)?;
        let noise = more.noise.unwrap_or(0.0).max(least).max(Spread::of(today)?.median * SHARE);
        let measured = more.median;
        let outcome = match (predicted.abs() > noise, measured.abs() > noise) {
            (_, true) if predicted.abs() >= least && predicted.signum() == measured.signum() => Outcome::Held,
            (true, _) | (_, true) => Outcome::Failed,
            (false, false) if predicted.abs() < least => Outcome::Held,
            (false, false) => Outcome::Unclear,
        };
        Some(Self { predicted, measured, noise, outcome })
    }
}

/// A difference below this share of the program's figure counts as none.
const SHARE: f64 = 0.01;

impl Outcome {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Unclear => "too small to tell",
            Self::Failed => "did not hold",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(predicted: f64, measured: f64) -> Outcome {
        let today = [1000.0, 1004.0, 996.0, 1000.0];
        Effect::new(predicted, &today, &today.map(|run| run + measured), 5.0).unwrap().outcome
    }

    #[test]
    fn a_prediction_holds_where_the_program_goes_the_same_way() {
        assert_eq!([outcome(-100.0, -60.0), outcome(80.0, 200.0), outcome(-7.0, -60.0)], [Outcome::Held; 3]);
        assert_eq!([outcome(-100.0, 60.0), outcome(-100.0, -3.0), outcome(0.0, -100.0)], [Outcome::Failed; 3]);
    }

    #[test]
    fn what_is_less_than_the_noise_of_the_program_cannot_be_told() {
        assert_eq!(outcome(-9.0, 2.0), Outcome::Unclear);
        assert_eq!(outcome(-2.0, 2.0), Outcome::Held, "nothing was predicted, and nothing came");
    }
}
