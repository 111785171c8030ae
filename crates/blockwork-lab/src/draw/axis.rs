//! [`Axis`]: numbers on a line, straight or logarithmic, with round ticks.

/// Numbers from one place to another.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The least and the greatest number.
    range: (f64, f64),
    /// Where these two are drawn.
    span: (f64, f64),
    is_log: bool,
}

/// A logarithmic axis shows its figures better when they differ by more.
const WIDE: f64 = 8.0;

impl Axis {
    /// From 0 to a little above `most`.
    pub fn from_zero(most: f64, span: (f64, f64)) -> Self {
        Self { range: (0.0, if most > 0.0 { most * 1.06 } else { 1.0 }), span, is_log: false }
    }

    /// Exactly from `least` to `most`.
    pub fn exact(least: f64, most: f64, span: (f64, f64)) -> Self {
        Self { range: (least, if most > least { most } else { least + 1.0 }), span, is_log: false }
    }

    /// Whatever shows `values` best, with room around them; only positive ones
    /// can be on a logarithmic axis.
    pub fn fitting(values: impl Iterator<Item = f64> + Clone, span: (f64, f64)) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        if least > 0.0 && most / least > WIDE {
            Self { range: (least / 1.3, most * 1.3), span, is_log: true }
        } else {
            Self::from_zero(most, span)
        }
    }

    /// Where `value` is drawn.
    pub fn at(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let value = value.clamp(low, high);
        let share = if self.is_log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) };
        self.span.0 + share * (self.span.1 - self.span.0)
    }

    /// Round numbers within, about `count` of them; `binary` for bytes in powers of 1024.
    pub fn ticks(&self, count: f64) -> Vec<f64> {
        if self.is_log { self.log_ticks(count) } else { self.straight_ticks(count) }
    }

    fn straight_ticks(&self, count: f64) -> Vec<f64> {
        let (low, high) = self.range;
        let rough = (high - low) / count.max(1.0);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough);
        let first = (low / step).ceil();
        (0..64).map(|index| (first + f64::from(index)) * step).take_while(|tick| *tick <= high * (1.0 + 1e-9)).collect()
    }

    fn log_ticks(&self, count: f64) -> Vec<f64> {
        let (low, high) = self.range;
        let decades = (high / low).log10();
        let digits: &[f64] = match decades {
            d if d * 3.0 <= count => &[1.0, 2.0, 5.0],
            d if d * 2.0 <= count => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        let mut power = 10_f64.powf(low.log10().floor());
        while power <= high && ticks.len() < 64 {
            ticks.extend(digits.iter().map(|digit| digit * power).filter(|tick| (low..=high).contains(tick)));
            power *= 10.0;
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_ticks_are_round_and_within() {
        let axis = Axis::exact(0.0, 1234.0, (0.0, 100.0));
        assert_eq!(axis.ticks(5.0), [0.0, 500.0, 1000.0]);
        assert_eq!((axis.at(0.0), axis.at(617.0), axis.at(1e9)), (0.0, 50.0, 100.0));
    }

    #[test]
    fn figures_far_apart_get_a_logarithmic_axis() {
        let axis = Axis::fitting([2.0, 100.0].into_iter(), (0.0, 1.0));
        assert_eq!(axis.ticks(6.0), [2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert!((axis.at(200_f64.sqrt()) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn nothing_to_show_is_no_division_by_zero() {
        for axis in [Axis::from_zero(0.0, (0.0, 9.0)), Axis::fitting([].into_iter(), (0.0, 9.0))] {
            assert!(axis.at(0.0).is_finite() && !axis.ticks(4.0).is_empty());
        }
    }
}
