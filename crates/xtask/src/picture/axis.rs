//! Axes on which each doubling has the same length.

use super::three_digits;

/// From the least to the greatest value, and where that is in the picture.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// Around all `values`, with some room, from `start` to `end` in the picture; never shorter than `least` times.
    pub(super) fn around(values: impl Iterator<Item = f64>, least: f64, start: f64, end: f64) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite() && *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (1.0, 10.0) };
        let room = (high / low).powf(0.06).max(1.04);
        let (low, high) = (low / room, high * room);
        let more = (least / (high / low)).max(1.0).sqrt();
        Self { low: low / more, high: high * more, start, end }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.start + share * (self.end - self.start)
    }

    /// Round values to be marked, few enough to be read.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let steps: [&[f64]; 6] = [
            &[
                1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0,
                8.0, 9.0,
            ],
            &[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
            &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 3.0],
            &[1.0],
        ];
        let within = |digits: &[f64]| -> Vec<f64> {
            let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
            let all = decades.flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
            all.filter(|tick| (self.low..=self.high).contains(tick)).collect()
        };
        let few = steps.iter().map(|digits| within(digits)).find(|ticks| ticks.len() <= 8);
        few.unwrap_or_else(|| within(&[1.0]).into_iter().step_by(2).collect())
    }
}

/// What stands beside a tick: no more digits than it has.
pub(super) fn tick(value: f64) -> String {
    let text = three_digits(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_values_lie_inside() {
        let axis = Axis::around([2.0, 500.0].into_iter(), 1.0, 100.0, 0.0);
        assert!(axis.at(2.0) < 100.0 && axis.at(500.0) > 0.0);
        assert!((axis.at(31.6) - 50.0).abs() < 1.0);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            Axis::around([1.0, 90.0].into_iter(), 1.0, 0.0, 1.0).ticks(),
            [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
        );
        for high in [1.01, 1.5, 3.0, 40.0, 1e3, 1e9] {
            let ticks = Axis::around([1.0, high].into_iter(), 1.3, 0.0, 1.0).ticks();
            assert!((2..=8).contains(&ticks.len()), "{high}: {ticks:?}");
        }
        assert_eq!([0.5, 1.0, 20.0, 1000.0].map(tick), ["0.5", "1", "20", "1,000"]);
    }
}
