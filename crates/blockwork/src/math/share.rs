//! Shares in thousandths, without division and without overflow.

/// A whole, in the unit of shares.
pub(crate) const WHOLE: u16 = 1000;

/// Whether `part` is at least `permille` thousandths of `whole`.
///
/// Nothing is at least any share of nothing.
#[inline]
pub(crate) const fn at_least(part: usize, permille: u16, whole: usize) -> bool {
    widening(part, WHOLE) >= widening(whole, permille)
}

const fn widening(a: usize, b: u16) -> u128 {
    (a as u128).wrapping_mul(b as u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_itself_counts() {
        assert!(at_least(1, 250, 4));
        assert!(!at_least(1, 251, 4));
        assert!(at_least(4, WHOLE, 4));
    }

    #[test]
    fn nothing_is_any_share_of_nothing() {
        assert!(at_least(0, 0, 0) && at_least(0, WHOLE, 0));
    }

    #[test]
    fn the_largest_numbers_compare() {
        assert!(at_least(usize::MAX, WHOLE, usize::MAX));
        assert!(!at_least(usize::MAX - 1, WHOLE, usize::MAX));
        assert!(at_least(usize::MAX / 2 + 1, 500, usize::MAX));
    }
}
