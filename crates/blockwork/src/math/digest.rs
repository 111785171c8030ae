//! A number for a text, to look it up by.

/// Half of its bits are set, at no regular distance.
const ODD: u64 = 0x9E6C_63D0_876A_68DB;

/// A number that differs for most texts that differ; not a secret one.
///
/// Eight bytes at a time: a product spreads each bit upwards, and a shift brings
/// the result down again.
#[inline]
#[must_use]
pub(crate) fn digest(text: &[u8]) -> u32 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let state = words.iter().fold(spread(text.len() as u64), |state, word| spread(state ^ u64::from_le_bytes(*word)));
    let [low @ .., _, _, _, _] = spread(state ^ u64::from_le_bytes(last)).to_le_bytes();
    u32::from_le_bytes(low)
}

#[inline]
const fn spread(state: u64) -> u64 {
    let product = state.wrapping_add(ODD).wrapping_mul(ODD);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use heap::{collections::BTreeSet, format, string::String, vec::Vec};

    use super::*;

    /// How many of 4096 places are taken: by as many random numbers, 63 % of them.
    fn places_taken(texts: &[String], from_bit: u32) -> usize {
        let places: BTreeSet<_> = texts.iter().map(|text| (digest(text.as_bytes()) >> from_bit) & 4095).collect();
        places.len()
    }

    #[test]
    fn texts_that_differ_in_any_place_are_spread() {
        let families: [fn(u32) -> String; 5] = [
            |n| format!("{n}"),
            |n| format!("{n:07}!"),
            |n| format!("a prefix of some length {n}"),
            |n| format!("{n:b} and a tail of some length"),
            |n| "x".repeat(n as usize),
        ];
        for family in families {
            let texts: Vec<_> = (0..4096).map(family).collect();
            for from_bit in [0, 8, 20] {
                assert!(places_taken(&texts, from_bit) >= 4096 * 6 / 10, "{}", texts[1]);
            }
        }
    }

    #[test]
    fn a_longer_text_is_another_one_even_if_it_ends_in_zeroes() {
        let zeroes: BTreeSet<_> = (0..64).map(|len| digest(&[0; 64][..len])).collect();
        assert_eq!(zeroes.len(), 64);
    }
}
