//! Spreading keys that lie at regular distances over a table.

/// 2⁶⁴ over the golden ratio, cut to the word: multiples of it spread evenly.
#[expect(clippy::cast_possible_truncation, reason = "the leading bits of the 64 are the word's worth")]
const PHI: usize = (0x9E37_79B9_7F4A_7C15_u64 >> (64 - usize::BITS)) as usize;

/// A place for `key` in a table of so many places as a word has values when
/// `shift` of its bits are gone; `shift` is not zero.
///
/// Knuth, "The Art of Computer Programming" 3, 6.4, with the high half folded
/// in first: addresses that are apart by a power of two differ only there.
#[inline]
pub(crate) const fn spread(key: usize, shift: u32) -> usize {
    key.wrapping_mul(PHI).wrapping_shr(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_table() {
        for bits in 1..20 {
            for key in [0, 1, 2, 1 << 40, usize::MAX] {
                assert!(spread(key, usize::BITS - bits) < 1 << bits);
            }
        }
    }

    #[test]
    fn the_multiplier_begins_as_the_golden_ratio_does() {
        assert_eq!([1, 2, 3].map(|key| spread(key, usize::BITS - 8)), [0x9E, 0x3C, 0xDA]);
    }

    #[test]
    fn keys_at_any_regular_distance_spread() {
        for stride in (0..40).map(|bits| 1_usize << bits).chain([3, 5, 17, 48, 1000]) {
            let mut hits = [0_u8; 1 << 10];
            for i in 0..512 {
                hits[spread((0x7F00_0000_usize + i).wrapping_mul(stride), usize::BITS - 10)] += 1;
            }
            let deepest = hits.iter().max().copied().unwrap();
            assert!(deepest <= 6, "{deepest} keys at one place, {stride} apart");
        }
    }
}
