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

use core::cell::Cell;

/// The longest run: three bits of a 32-bit tag are taken.
pub(crate) const LEN_MAX: u32 = (1 << 29) - 1;

/// The number of bins; bin 0 stays empty, since no run is.
pub(crate) const COUNT: u32 = bin_of(LEN_MAX).wrapping_add(1);

/// The bin that holds runs of `len` blocks.
#[inline]
pub(crate) const fn bin_of(len: u32) -> u32 {
    let shift = shift_of(len);
    // A doubling holds eight steps, numbered 8 to 15 by the leading four bits.
    shift.wrapping_mul(8).wrapping_add(len.wrapping_shr(shift))
}

/// Whether runs of the one and the other length belong to one bin.
#[inline]
pub(crate) const fn share_bin(one: u32, other: u32) -> bool {
    // No bit differs of the leading four, of the longer of the two.
    let differ = ((one ^ other) as u64).wrapping_shl(3);
    differ.wrapping_shr((one | other | 8).ilog2()) == 0
}

/// Whether it is plain to see that runs of `long` and of no more, `short`, blocks
/// [belong to one bin](share_bin): mostly, if they do.
#[inline]
pub(crate) const fn plainly_share_bin(long: u32, short: u32) -> bool {
    // What differs is below an eighth of the leading bit, if below a sixteenth of all.
    ((long ^ short) as u64).wrapping_shl(4) <= long as u64
}

/// The least length of `bin`.
#[inline]
pub(crate) fn least_of(bin: u32) -> u32 {
    if bin < EXACT { bin } else { LEAST.get(bin as usize).copied().unwrap_or(u32::MAX) }
}

static LEAST: [u32; COUNT as usize] = {
    let mut table = [0; COUNT as usize];
    let mut len = 0;
    while len <= LEN_MAX {
        #[expect(clippy::indexing_slicing, reason = "while compiling")]
        {
            table[bin_of(len) as usize] = len;
        }
        len = class_of(len.wrapping_add(1));
    }
    table
};

/// Below this each length has a bin of its own, of that number.
pub(crate) const EXACT: u32 = 16;

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
#[derive(Debug)]
pub(crate) struct BinSet {
    words: [Cell<u64>; WORDS],
}

/// The bits of a bin's number that tell its place in a word.
const LOW: u32 = u64::BITS.wrapping_sub(1);

const WORDS: usize = COUNT.div_ceil(u64::BITS) as usize;

impl BinSet {
    /// No bins.
    pub(crate) const fn new() -> Self {
        Self { words: [const { Cell::new(0) }; WORDS] }
    }

    /// Adds `bin`.
    #[inline]
    pub(crate) fn insert(&self, bin: u32) {
        if let Some(word) = self.word_of(bin) {
            word.set(word.get() | 1_u64.wrapping_shl(bin));
        }
    }

    /// Removes `bin`.
    #[inline]
    pub(crate) fn remove(&self, bin: u32) {
        if let Some(word) = self.word_of(bin) {
            word.set(word.get() & !1_u64.wrapping_shl(bin));
        }
    }

    /// The first bin of the set that is not below `bin`, if it shares a word with
    /// `bin`.
    #[inline]
    pub(crate) fn first_near(&self, bin: u32) -> Option<u32> {
        let here = self.word_of(bin)?.get() & u64::MAX.wrapping_shl(bin);
        (here != 0).then(|| (bin & !LOW) | here.trailing_zeros())
    }

    /// The first bin of the set that is not below `bin`.
    #[inline]
    pub(crate) fn first_from(&self, bin: u32) -> Option<u32> {
        self.first_near(bin).or_else(|| self.first_beyond(bin))
    }

    /// The first bin of the set in a word beyond that of `bin`.
    #[cold]
    fn first_beyond(&self, bin: u32) -> Option<u32> {
        let mut words = (0_u32..).step_by(u64::BITS as usize).zip(&self.words);
        words.find(|(from, word)| *from > bin && word.get() != 0).map(|(from, word)| from | word.get().trailing_zeros())
    }

    #[inline]
    fn word_of(&self, bin: u32) -> Option<&Cell<u64>> {
        self.words.get((bin / u64::BITS) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All small lengths, and the surroundings of every power of two.
    fn lengths() -> impl Iterator<Item = u32> {
        let edges = (13..29).flat_map(|bits| {
            let power = 1_u32 << bits;
            (0..40).flat_map(move |by| {
                [power.wrapping_sub(by), power.wrapping_add(by), power.wrapping_add(power / 8).wrapping_sub(by)]
            })
        });
        (1..10_000).chain(edges).chain([LEN_MAX]).filter(|&len| len <= LEN_MAX)
    }

    #[test]
    fn short_runs_have_a_bin_each() {
        for len in 1..EXACT {
            assert_eq!((bin_of(len), bin_for(len), class_of(len)), (len, len, len));
        }
    }

    #[test]
    fn two_lengths_share_a_bin_as_they_are_sorted() {
        for long in lengths() {
            for short in (long.saturating_sub(40).max(1)..=long).chain([1, long / 2 + 1]) {
                let same = bin_of(long) == bin_of(short);
                assert_eq!((share_bin(long, short), share_bin(short, long)), (same, same), "{long} {short}");
                assert!(same || !plainly_share_bin(long, short), "{long} {short}");
            }
            // What differs by one bit of the last few of many is seen at once.
            assert!(long < 64 || plainly_share_bin(long | 1, long & !1), "{long}");
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
            assert!(least_of(bin_of(len)) <= len && (class > LEN_MAX || least_of(bin_of(class)) == class), "{len}");
        }
    }

    #[test]
    fn every_length_has_a_bin_in_range() {
        assert_eq!(COUNT, 216);
        assert!(lengths().all(|len| (1..COUNT).contains(&bin_of(len))));
        assert_eq!(bin_for(LEN_MAX), COUNT);
        let all = BinSet::new();
        (0..COUNT).for_each(|bin| all.insert(bin));
        assert_eq!((all.first_from(bin_for(LEN_MAX)), all.first_from(bin_for(u32::MAX))), (None, None));
    }

    #[test]
    fn a_set_finds_its_first_member_from_anywhere() {
        let set = BinSet::new();
        for bin in 0..COUNT {
            set.insert(bin);
            // Once more is the same.
            set.insert(bin);
            for from in 0..=COUNT {
                assert_eq!(set.first_from(from), (from <= bin).then_some(bin));
            }
            set.remove(bin);
            assert_eq!(set.first_from(0), None);
        }
    }

    #[test]
    fn a_set_finds_the_nearer_of_two() {
        for (low, high) in (0..COUNT).flat_map(|low| (low + 1..COUNT).map(move |high| (low, high))) {
            let set = BinSet::new();
            set.insert(high);
            set.insert(low);
            assert_eq!([0, low, low + 1].map(|from| set.first_from(from)), [Some(low), Some(low), Some(high)]);
            set.remove(low);
            assert_eq!(set.first_from(0), Some(high));
        }
    }
}
