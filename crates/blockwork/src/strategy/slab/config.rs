//! How slabs are made and kept: [`SlabPolicy`], and with the size of a slot
//! [`SlabConfig`].

use crate::{
    alloc::{ConfigError, Valid},
    math::amount::{Amount, Const},
    raw::slab::RawSlab,
};

/// The size of slabs, and how many empty ones are kept.
///
/// A constant size of slab, `Const<N>`, stands in the instructions of every
/// free; a `usize` is chosen at run time, and loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabPolicy<S = usize> {
    /// Bytes of each slab, a power of two. The first 64 are its header.
    pub slab_size: S,
    /// Slabs without a live block to keep, rather than to give back at once.
    ///
    /// Zero asks the parent again whenever the last block of all is freed and
    /// another one allocated; one, the default, avoids that.
    pub keep: usize,
}

impl SlabPolicy {
    /// Slabs of 64 KiB, one of them kept when it is empty.
    pub const DEFAULT: Self = Self { slab_size: 64 * 1024, keep: 1 };
}

/// The size of the slots, and the [`SlabPolicy`], of a [`Slab`](super::Slab).
///
/// Either size is a `usize`, or a [`Const`] that takes no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabConfig<Z = usize, S = usize> {
    /// Bytes of each slot: a multiple of a pointer's size. Its largest power
    /// of two is the alignment of the slots.
    pub slot_size: Z,
    /// See [`SlabPolicy::slab_size`].
    pub slab_size: S,
    /// See [`SlabPolicy::keep`].
    pub keep: usize,
}

impl SlabConfig {
    /// Slots of 64 bytes in slabs of 64 KiB, one of them kept when it is empty.
    pub const DEFAULT: Self = Self { slot_size: 64, slab_size: 64 * 1024, keep: 1 };

    /// The smallest slabs with at least `slots` slots of `slot_size` bytes, one
    /// of them kept when it is empty.
    ///
    /// A slab is a power of two, so there may be more slots than asked for. For
    /// more than any slab can have, the configuration is one that is refused.
    ///
    /// ```
    /// use blockwork::SlabConfig;
    ///
    /// // 48 for each slot, and a header of eight words.
    /// assert_eq!(SlabConfig::with_slots(20, 48).slab_size, 1024);
    /// assert!(SlabConfig::with_slots(usize::MAX, 48).check().is_err());
    /// ```
    #[must_use]
    pub const fn with_slots(slots: usize, slot_size: usize) -> Self {
        let slab_size = match RawSlab::size_for(slots, slot_size) {
            Some(size) => size,
            None => 0,
        };
        Self { slot_size, slab_size, ..Self::DEFAULT }
    }
}

impl<Z: Amount, S: Amount> SlabConfig<Z, S> {
    /// What is said about slabs.
    pub(super) const fn policy(self) -> SlabPolicy<S> {
        SlabPolicy { slab_size: self.slab_size, keep: self.keep }
    }
}

/// Implements `check` for each form of the sizes: a constant function cannot
/// ask an `Amount`, it has to know what it reads.
macro_rules! check {
    ($([$($generics:tt)*] $slot:ty, $slab:ty: |$config:ident| $slot_size:expr, $slab_size:expr;)*) => {$(
        impl<$($generics)*> SlabConfig<$slot, $slab> {
            /// Checks every rule.
            ///
            /// # Errors
            ///
            /// The first rule that does not hold.
            pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
                let $config = self;
                match rules($slot_size, $slab_size) {
                    Ok(()) => Ok(Valid::vouch(self)),
                    Err(broken) => Err(broken),
                }
            }
        }
    )*};
}

check! {
    [] usize, usize: |config| config.slot_size, config.slab_size;
    [const S: usize] usize, Const<S>: |config| config.slot_size, S;
    [const Z: usize] Const<Z>, usize: |config| Z, config.slab_size;
    [const Z: usize, const S: usize] Const<Z>, Const<S>: |_config| Z, S;
}

impl SlabPolicy {
    /// Checks every rule that does not depend on the slots.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match slab_rules(self.slab_size, size_of::<usize>()) {
            Ok(()) => Ok(Valid::vouch(self)),
            Err(broken) => Err(broken),
        }
    }
}

impl<const N: usize> SlabPolicy<Const<N>> {
    /// Checks every rule that does not depend on the slots.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        match slab_rules(N, size_of::<usize>()) {
            Ok(()) => Ok(Valid::vouch(self)),
            Err(broken) => Err(broken),
        }
    }
}

/// The rules of [`SlabConfig`].
pub(super) const fn rules(slot: usize, slab: usize) -> Result<(), ConfigError> {
    if slot == 0 || !slot.is_multiple_of(size_of::<usize>()) {
        return Err(ConfigError::new("SlabConfig::slot_size", "must be a multiple of a pointer's size, and not zero"));
    }
    slab_rules(slab, slot)
}

/// The rules of [`SlabPolicy`], for slots up to `slot_max`.
pub(super) const fn slab_rules(slab: usize, slot_max: usize) -> Result<(), ConfigError> {
    const SLAB_SIZE: &str = "SlabPolicy::slab_size";
    if !slab.is_power_of_two() || slab > isize::MAX.unsigned_abs() / 2 {
        return Err(ConfigError::new(SLAB_SIZE, "must be a power of two below half of what a block may have"));
    }
    if RawSlab::capacity_of(slab, slot_max) == 0 {
        return Err(ConfigError::new(SLAB_SIZE, "must have room for a header of eight words and the largest slot"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_sizes_is_checked_alike() {
        for (slot, slab, rule) in [(64, 1024, None), (0, 1024, Some("SlabConfig::slot_size"))] {
            let config = SlabConfig { slot_size: slot, slab_size: slab, keep: 0 };
            assert_eq!(config.check().err().map(|broken| broken.field), rule);
            let config = SlabConfig { slot_size: slot, slab_size: Const::<1024>, keep: 0 };
            assert_eq!(config.check().err().map(|broken| broken.field), rule);
        }
        assert!(SlabConfig { slot_size: Const::<64>, slab_size: 1024, keep: 0 }.check().is_ok());
        assert!(SlabConfig { slot_size: Const::<64>, slab_size: Const::<1024>, keep: 0 }.check().is_ok());
        assert!(SlabConfig { slot_size: Const::<60>, slab_size: Const::<1024>, keep: 0 }.check().is_err());
        assert!(SlabConfig { slot_size: Const::<64>, slab_size: 1000, keep: 0 }.check().is_err());
    }

    #[test]
    fn a_slab_has_room_for_one_slot() {
        let config = |slot_size: usize, slab_size: usize| SlabConfig { slot_size, slab_size, keep: 1 }.check();
        assert!(config(64, 128).is_ok());
        assert!(config(72, 128).is_err());
        assert!(config(960, 1024).is_ok());
        assert!(config(1024, 1024).is_err());
        assert!(config(512, 1024).is_ok());
    }

    #[test]
    fn slabs_by_their_slots_are_the_smallest_that_do() {
        for slot_size in (8..=600).step_by(8) {
            for slots in 1..=100 {
                let config = SlabConfig::with_slots(slots, slot_size);
                assert!(config.check().is_ok());
                assert!(RawSlab::capacity_of(config.slab_size, slot_size) >= slots);
                assert!(RawSlab::capacity_of(config.slab_size / 2, slot_size) < slots);
            }
        }
    }

    #[test]
    fn slots_that_no_slab_can_have_are_refused() {
        for (slots, slot_size) in [(0, 64), (1, 0), (1, 60), (usize::MAX, 8), (1 << 59, 16), (1, usize::MAX & !7)] {
            assert!(SlabConfig::with_slots(slots, slot_size).check().is_err(), "{slots} of {slot_size}");
        }
    }

    #[test]
    fn absurd_sizes_are_errors() {
        for slab_size in [0, 1, 3, usize::MAX, 1 << (usize::BITS - 1), 1 << (usize::BITS - 2)] {
            assert!(SlabPolicy { slab_size, keep: 0 }.check().is_err(), "{slab_size}");
            assert!(SlabConfig { slot_size: 8, slab_size, keep: 0 }.check().is_err(), "{slab_size}");
        }
        for slot_size in [usize::MAX, usize::MAX & !7, 1 << (usize::BITS - 1)] {
            assert!(SlabConfig { slot_size, slab_size: 1 << 16, keep: 0 }.check().is_err(), "{slot_size}");
        }
        assert!(SlabPolicy { slab_size: Const::<65536>, keep: 0 }.check().is_ok());
        assert!(SlabPolicy { slab_size: Const::<100>, keep: 0 }.check().is_err());
    }
}
