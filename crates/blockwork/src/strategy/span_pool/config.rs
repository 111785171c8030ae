//! [`SpanPoolConfig`]: what a [`SpanPool`](super::SpanPool) is built from, and
//! [`Retain`]: what it keeps.

use core::ops::RangeInclusive;

use crate::{
    alloc::{ConfigError, Valid},
    math::{bins::LEN_MAX, share},
};

/// How large blocks are, how they come from the parent, and when they go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanPoolConfig {
    /// Bytes in a block: the grain of sizes, and the alignment that every span
    /// has. A power of two, at least 64.
    pub block: usize,
    /// The parent is asked for multiples of this many bytes. A power of two, not
    /// below `block`, and below 2²⁹ blocks; `None` is sixteen blocks, but at
    /// least 4096 bytes. As large as a block means one block at a time, unless a
    /// span needs more; larger means fewer requests and fewer cache misses.
    pub backing_request: Option<usize>,
    /// When free blocks go back to the parent.
    pub retain: Retain,
    /// The most blocks that the pool ever has, live and free together; at least
    /// those of one `backing_request`.
    pub capacity: usize,
}

impl SpanPoolConfig {
    /// Blocks of 4096 bytes, asked for by sixteen, of which between a quarter and
    /// half are kept when they are free; as many as the parent gives.
    pub const DEFAULT: Self = Self {
        block: 4096,
        backing_request: None,
        retain: Retain { release: Release::Simple, keep: Threshold::Permille { min: 250, max: 500 } },
        capacity: usize::MAX,
    };

    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// The first field that breaks a rule, and the rule.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        if !self.block.is_power_of_two() || self.block < 64 {
            return Err(ConfigError::new("SpanPoolConfig::block", "must be a power of two, at least 64"));
        }
        let request = self.request();
        if !request.is_power_of_two() || request < self.block {
            return Err(ConfigError::new(
                "SpanPoolConfig::backing_request",
                "must be a power of two, not below the block",
            ));
        }
        let blocks = request.wrapping_shr(self.block.trailing_zeros());
        if blocks > LEN_MAX as usize {
            return Err(ConfigError::new("SpanPoolConfig::backing_request", "must be below 2^29 blocks"));
        }
        if self.capacity < blocks {
            return Err(ConfigError::new("SpanPoolConfig::capacity", "must hold the blocks of one backing request"));
        }
        if self.retain.keep.check().is_err() {
            return Err(ConfigError::new("SpanPoolConfig::retain", Threshold::RULE));
        }
        Ok(Valid::vouch(self))
    }

    /// Bytes in a request to the parent.
    pub(super) const fn request(self) -> usize {
        match self.backing_request {
            Some(bytes) => bytes,
            None if self.block < 256 => 4096,
            None => match self.block.checked_mul(16) {
                Some(bytes) => bytes,
                None => self.block,
            },
        }
    }
}

impl Default for SpanPoolConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// When free blocks go back to the parent by themselves.
///
/// Only chunks that are free as a whole can go back. Over-aligned chunks that
/// were made for one request always do. How long a chunk has been free is a
/// matter of the program's own rounds:
/// [`trim_aged`](super::SpanPool::trim_aged).
///
/// ```
/// use blockwork::{Retain, Threshold};
///
/// let half = Retain::percent(25..=50);
/// assert_eq!(half, Retain::simple(Threshold::permille(250..=500)));
/// assert_eq!(half.aggressively(), Retain::aggressive(Threshold::percent(25..=50)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retain {
    pub(super) release: Release,
    pub(super) keep: Threshold,
}

/// How much goes back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    Never,
    Simple,
    Aggressive,
}

impl Retain {
    /// Nothing goes back by itself, only by [`trim`](super::SpanPool::trim) and
    /// on drop.
    #[must_use]
    pub const fn never_release() -> Self {
        Self { release: Release::Never, keep: Threshold::Bytes { min: 0, max: 0 } }
    }

    /// A free that reaches the most and makes a chunk free as a whole gives that
    /// chunk back, if the least remains.
    #[must_use]
    pub const fn simple(keep: Threshold) -> Self {
        Self { release: Release::Simple, keep }
    }

    /// A free that reaches the most gives back chunks until less is free, or
    /// only the least would remain.
    #[must_use]
    pub const fn aggressive(keep: Threshold) -> Self {
        Self { release: Release::Aggressive, keep }
    }

    /// [`simple`](Self::simple), with [`Threshold::bytes`].
    #[must_use]
    pub const fn bytes(range: RangeInclusive<usize>) -> Self {
        Self::simple(Threshold::bytes(range))
    }

    /// [`simple`](Self::simple), with [`Threshold::percent`].
    #[must_use]
    pub const fn percent(range: RangeInclusive<u16>) -> Self {
        Self::simple(Threshold::percent(range))
    }

    /// The same threshold, [aggressively](Self::aggressive).
    #[must_use]
    pub const fn aggressively(self) -> Self {
        Self::aggressive(self.keep)
    }
}

/// How many bytes may be free: from `max` on some go back, but `min` stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// A number of bytes.
    Bytes {
        /// What stays at least.
        min: usize,
        /// From here on something goes back.
        max: usize,
    },
    /// Thousandths of all bytes that the pool has, live and free.
    Permille {
        /// What stays at least.
        min: u16,
        /// From here on something goes back.
        max: u16,
    },
}

impl Threshold {
    const RULE: &'static str = "must have a least that is not above the most, and shares of at most the whole";

    /// Keeps nothing.
    pub(crate) const NOTHING: Valid<Self> = Valid::vouch(Self::Bytes { min: 0, max: 0 });

    /// From `min` to `max` bytes.
    #[must_use]
    pub const fn bytes(range: RangeInclusive<usize>) -> Self {
        Self::Bytes { min: *range.start(), max: *range.end() }
    }

    /// From `min` to `max` hundredths of what the pool has.
    #[must_use]
    pub const fn percent(range: RangeInclusive<u16>) -> Self {
        Self::Permille { min: range.start().saturating_mul(10), max: range.end().saturating_mul(10) }
    }

    /// From `min` to `max` thousandths of what the pool has.
    #[must_use]
    pub const fn permille(range: RangeInclusive<u16>) -> Self {
        Self::Permille { min: *range.start(), max: *range.end() }
    }

    /// Checks that the least is not above the most, nor a share above the whole.
    ///
    /// # Errors
    ///
    /// The threshold, and the rule.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        let holds = match self {
            Self::Bytes { min, max } => min <= max,
            Self::Permille { min, max } => min <= max && max <= share::WHOLE,
        };
        if holds { Ok(Valid::vouch(self)) } else { Err(ConfigError::new("Threshold", Self::RULE)) }
    }

    /// Whether `free` of `total` bytes reach the most.
    pub(super) const fn max_reached(self, free: usize, total: usize) -> bool {
        match self {
            Self::Bytes { max, .. } => free >= max,
            Self::Permille { max, .. } => share::at_least(free, max, total),
        }
    }

    /// Whether `free` of `total` bytes are at least the least.
    pub(super) const fn min_kept(self, free: usize, total: usize) -> bool {
        match self {
            Self::Bytes { min, .. } => free >= min,
            Self::Permille { min, .. } => share::at_least(free, min, total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(config: SpanPoolConfig) -> &'static str {
        config.check().unwrap_err().field
    }

    const GOOD: SpanPoolConfig = SpanPoolConfig::DEFAULT;

    #[test]
    fn the_default_is_valid_in_a_const() {
        const VALID: Valid<SpanPoolConfig> = match SpanPoolConfig::DEFAULT.check() {
            Ok(valid) => valid,
            Err(_) => panic!("the default is valid"),
        };
        assert_eq!(VALID.get(), SpanPoolConfig::default());
    }

    #[test]
    fn the_backing_request_follows_the_block_unless_it_is_named() {
        assert_eq!(SpanPoolConfig { block: 64, ..GOOD }.request(), 4096);
        assert_eq!(SpanPoolConfig { block: 1 << 16, ..GOOD }.request(), 1 << 20);
        let largest = 1 << (usize::BITS - 1);
        assert_eq!(SpanPoolConfig { block: largest, ..GOOD }.request(), largest);
        assert_eq!(SpanPoolConfig { block: 64, backing_request: Some(128), ..GOOD }.request(), 128);
    }

    #[test]
    fn a_block_is_a_power_of_two_of_at_least_64() {
        for block in [0, 1, 32, 63, 65, 96, 4095, usize::MAX] {
            assert_eq!(broken(SpanPoolConfig { block, ..GOOD }), "SpanPoolConfig::block");
        }
        for block in [64, 128, 1 << 20] {
            assert!(SpanPoolConfig { block, ..GOOD }.check().is_ok());
        }
    }

    #[test]
    fn a_backing_request_is_a_power_of_two_not_below_the_block() {
        for backing_request in [0, 64, 2048, 4097, 12288, usize::MAX].map(Some) {
            assert_eq!(broken(SpanPoolConfig { backing_request, ..GOOD }), "SpanPoolConfig::backing_request");
        }
        assert!(SpanPoolConfig { backing_request: Some(4096), ..GOOD }.check().is_ok());
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_backing_request_has_fewer_than_two_to_the_29_blocks() {
        let backing = |backing_request| SpanPoolConfig { block: 64, backing_request: Some(backing_request), ..GOOD };
        assert!(backing(64 << 28).check().is_ok());
        assert_eq!(broken(backing(64 << 29)), "SpanPoolConfig::backing_request");
    }

    #[test]
    fn the_capacity_holds_one_backing_request() {
        let capacity = |capacity| SpanPoolConfig { backing_request: Some(16 * 4096), capacity, ..GOOD };
        assert_eq!(broken(capacity(0)), "SpanPoolConfig::capacity");
        assert_eq!(broken(capacity(15)), "SpanPoolConfig::capacity");
        assert!(capacity(16).check().is_ok());
    }

    #[test]
    fn a_least_above_the_most_is_refused() {
        let retains = [
            Retain::bytes(RangeInclusive::new(5000, 100)),
            Retain::percent(RangeInclusive::new(50, 25)),
            Retain::percent(0..=101),
            Retain::percent(0..=u16::MAX),
            Retain::aggressive(Threshold::permille(0..=1001)),
        ];
        for retain in retains {
            assert_eq!(broken(SpanPoolConfig { retain, ..GOOD }), "SpanPoolConfig::retain");
        }
    }

    #[test]
    fn the_edges_of_a_threshold_are_allowed() {
        let retains = [
            Retain::never_release(),
            Retain::bytes(0..=0),
            Retain::bytes(usize::MAX..=usize::MAX),
            Retain::percent(0..=100),
            Retain::percent(50..=50),
        ];
        assert!(retains.iter().all(|&retain| SpanPoolConfig { retain, ..GOOD }.check().is_ok()));
    }

    #[test]
    fn the_most_is_reached_when_it_is_equal() {
        let bytes = Threshold::bytes(10..=20);
        assert!(!bytes.max_reached(19, 100) && bytes.max_reached(20, 100));
        assert!(!bytes.min_kept(9, 100) && bytes.min_kept(10, 100));
        let share = Threshold::percent(25..=50);
        assert!(!share.max_reached(49, 100) && share.max_reached(50, 100));
        assert!(!share.min_kept(24, 100) && share.min_kept(25, 100));
    }

    #[test]
    fn a_pool_of_nothing_keeps_every_share() {
        let share = Threshold::percent(25..=50);
        assert!(share.min_kept(0, 0) && share.max_reached(0, 0));
    }
}
