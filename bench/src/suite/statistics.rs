//! What is said about several measurements of one thing.

/// The value in the middle; zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Half of the range in which the middle half of the values lies, as a share of
/// the median: how far a value is usually off.
pub(crate) fn noise(values: &[f64]) -> f64 {
    let median = median(values);
    if median == 0.0 { 0.0 } else { (quantile(values, 0.75) - quantile(values, 0.25)) / 2.0 / median }
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
}
