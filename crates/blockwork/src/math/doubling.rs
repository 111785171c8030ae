//! Rows of slots, each twice as long as the one before: where a slot is, by its
//! number alone.
//!
//! ```text
//! row 0   0 1 2 3
//! row 1   4 5 6 7 8 9 10 11
//! row 2   12 13 …
//! ```
//!
//! Rows never move when another is added, and there are few of them: a table of
//! their starts has a fixed length.

/// The row of slot `index`, and its place there, if the first row has
/// `1 << first_log2` slots.
#[inline]
pub(crate) const fn place(index: usize, first_log2: u32) -> (usize, usize) {
    let position = index.wrapping_add(row_len(0, first_log2));
    // Never zero: whatever is in a row is not below the length of the first.
    let log2 = position.ilog2();
    let row = log2.wrapping_sub(first_log2) as usize;
    (row, position ^ 1_usize.wrapping_shl(log2))
}

/// How many slots `row` has.
#[inline]
pub(crate) const fn row_len(row: usize, first_log2: u32) -> usize {
    1_usize.wrapping_shl(first_log2) << row
}

/// The number of the first slot of `row`.
#[inline]
pub(crate) const fn row_start(row: usize, first_log2: u32) -> usize {
    row_len(row, first_log2).wrapping_sub(row_len(0, first_log2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_one_another_through_all_rows() {
        for first_log2 in 0..6 {
            let mut expected = (0, 0);
            for index in 0..5000 {
                assert_eq!(place(index, first_log2), expected);
                assert_eq!(row_start(expected.0, first_log2) + expected.1, index);
                expected.1 += 1;
                if expected.1 == row_len(expected.0, first_log2) {
                    expected = (expected.0 + 1, 0);
                }
            }
        }
    }

    #[test]
    fn the_last_number_of_32_bits_is_in_the_last_of_32_rows() {
        assert_eq!(place(u32::MAX as usize - 1, 0), (31, (1 << 31) - 1));
        assert_eq!(place(u32::MAX as usize - 2, 5).0, 27);
    }
}
