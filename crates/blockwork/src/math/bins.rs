//! Which bin a run of blocks belongs to: exact below sixteen, then eight bins
//! to each doubling.
//!
//! ```text
//! length  1  2  3 … 15 │ 16-17  18-19 … 30-31 │ 32-35  36-39 … 60-63 │ 64-71 …
//! bin     1  2  3 … 15 │  16     17   …  23   │  24     25   …  31   │  32   …
//! ```
//!
//! Masmano, Ripoll, Crespo and Real, "TLSF: a new dynamic memory allocator for
//! real-time systems", ECRTS 2004.

/// The longest run: two bits of a 32-bit tag are taken.
pub(crate) const LEN_MAX: u32 = (1 << 30) - 1;

/// The number of bins; bin 0 stays empty, since no run is.
pub(crate) const COUNT: u32 = bin_of(LEN_MAX).wrapping_add(1);

/// The bin that holds runs of `len` blocks.
#[inline]
pub(crate) const fn bin_of(len: u32) -> u32 {
    let shift = shift_of(len);
    // A doubling holds eight steps, numbered 8 to 15 by the leading four bits.
    shift.wrapping_mul(8).wrapping_add(len.wrapping_shr(shift))
}

/// The first bin of which every run holds `len` blocks.
#[inline]
pub(crate) const fn bin_for(len: u32) -> u32 {
    bin_of(class_of(len))
}

/// The least length of [`bin_for`]`(len)`; a run of it is found again by
/// every request of the class.
#[inline]
pub(crate) const fn class_of(len: u32) -> u32 {
    let below = 1_u32.wrapping_shl(shift_of(len)).wrapping_sub(1);
    len.saturating_add(below) & !below
}

/// The bits of `len` that its bin does not tell apart.
#[inline]
const fn shift_of(len: u32) -> u32 {
    (len | 8).ilog2().wrapping_sub(3)
}

/// The set of bins that are not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BinSet {
    low: u128,
    high: u128,
}

impl BinSet {
    pub(crate) const EMPTY: Self = Self { low: 0, high: 0 };

    /// This set and `bin`.
    #[inline]
    pub(crate) const fn with(mut self, bin: u32) -> Self {
        *self.half_of(bin) |= bit(bin);
        self
    }

    /// This set less `bin`.
    #[inline]
    pub(crate) const fn without(mut self, bin: u32) -> Self {
        *self.half_of(bin) &= !bit(bin);
        self
    }

    /// The first bin of the set that is not below `bin`.
    #[inline]
    pub(crate) const fn first_from(self, bin: u32) -> Option<u32> {
        let from = u128::MAX.wrapping_shl(bin);
        let (low, high) = match bin {
            0..128 => (self.low & from, self.high),
            128..256 => (0, self.high & from),
            _ => (0, 0),
        };
        if low != 0 {
            Some(low.trailing_zeros())
        } else if high != 0 {
            Some(high.trailing_zeros().wrapping_add(128))
        } else {
            None
        }
    }

    const fn half_of(&mut self, bin: u32) -> &mut u128 {
        if bin < 128 { &mut self.low } else { &mut self.high }
    }
}

/// The bit of `bin` in its half.
const fn bit(bin: u32) -> u128 {
    1_u128.wrapping_shl(bin)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All small lengths, and the surroundings of every power of two.
    fn lengths() -> impl Iterator<Item = u32> {
        let edges = (13..30).flat_map(|bits| {
            let power = 1_u32 << bits;
            (0..40).flat_map(move |by| {
                [power.wrapping_sub(by), power.wrapping_add(by), power.wrapping_add(power / 8).wrapping_sub(by)]
            })
        });
        (1..10_000).chain(edges).chain([LEN_MAX]).filter(|&len| len <= LEN_MAX)
    }

    #[test]
    fn short_runs_have_a_bin_each() {
        for len in 1..16 {
            assert_eq!((bin_of(len), bin_for(len), class_of(len)), (len, len, len));
        }
    }

    #[test]
    fn bins_ascend_without_a_gap() {
        for len in 1..10_000 {
            let step = bin_of(len + 1) - bin_of(len);
            assert!(step <= 1, "after {len}");
        }
    }

    #[test]
    fn every_run_of_the_bin_for_a_length_holds_it() {
        for len in lengths() {
            let class = class_of(len);
            assert!(class >= len && class - len <= len / 8, "{len} {class}");
            assert_eq!(bin_of(class), bin_for(len), "{len}");
            // The class is the least of its bin, so the rest of the bin is longer.
            assert!(bin_of(class - 1) < bin_of(class), "{len}");
        }
    }

    #[test]
    fn every_length_has_a_bin_in_range() {
        assert_eq!(COUNT, 224);
        assert!(lengths().all(|len| (1..COUNT).contains(&bin_of(len))));
        assert_eq!(bin_for(LEN_MAX), COUNT);
        let all = (0..COUNT).fold(BinSet::EMPTY, BinSet::with);
        assert_eq!((all.first_from(bin_for(LEN_MAX)), all.first_from(bin_for(u32::MAX))), (None, None));
    }

    #[test]
    fn a_set_finds_its_first_member_from_anywhere() {
        for bin in 0..COUNT {
            let set = BinSet::EMPTY.with(bin);
            for from in 0..=COUNT {
                assert_eq!(set.first_from(from), (from <= bin).then_some(bin));
            }
            assert_eq!(set.without(bin), BinSet::EMPTY);
        }
    }

    #[test]
    fn a_set_finds_the_lower_of_two() {
        let set = BinSet::EMPTY.with(5).with(200);
        assert_eq!((set.first_from(0), set.first_from(6), set.first_from(201)), (Some(5), Some(200), None));
    }
}
