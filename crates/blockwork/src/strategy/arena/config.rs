//! [`ArenaConfig`]: how an arena grows, and what a reset keeps.

use crate::{
    alloc::{ConfigError, Valid},
    math::align::{SIZE_MAX, align_down},
    raw::span_stack::FOOTER_SIZE,
};

use super::SPAN_ALIGN;

/// How an [`Arena`](super::Arena) grows, and what a reset keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArenaConfig {
    /// Bytes asked of the parent for the first span, its footer of four words
    /// included.
    pub span_first: usize,
    /// The growth cap. Each span is twice as large as the one before, up to
    /// this; only a block that needs more gets more, and no more than that.
    pub span_max: usize,
    /// Bytes of spans that a [reset](super::Arena::reset_keeping) keeps at most: 0 for
    /// none, [`usize::MAX`] for all.
    pub keep: usize,
}

/// The least that makes a useful span.
const SPAN_MIN: usize = FOOTER_SIZE.wrapping_mul(2);

/// The largest size that a span can have.
const SPAN_MAX: usize = align_down(SIZE_MAX, SPAN_ALIGN);

impl ArenaConfig {
    /// From one page to 1 MiB; a reset keeps all.
    pub const DEFAULT: Self = Self { span_first: 4096, span_max: 1 << 20, keep: usize::MAX };

    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold.
    pub const fn check(self) -> Result<Valid<Self>, ConfigError> {
        if self.span_first < SPAN_MIN {
            Err(ConfigError::new("ArenaConfig::span_first", "must be at least eight words"))
        } else if self.span_max < self.span_first {
            Err(ConfigError::new("ArenaConfig::span_max", "must not be below `span_first`"))
        } else if self.span_max > SPAN_MAX {
            Err(ConfigError::new("ArenaConfig::span_max", "must be a size that memory can have"))
        } else {
            Ok(Valid::vouch(self))
        }
    }

    /// The default, which is valid.
    pub(super) const fn default_valid() -> Valid<Self> {
        Valid::vouch(Self::DEFAULT)
    }
}

impl Default for ArenaConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(config: ArenaConfig) -> &'static str {
        config.check().unwrap_err().field
    }

    const GOOD: ArenaConfig = ArenaConfig::DEFAULT;

    #[test]
    fn the_default_is_valid() {
        assert_eq!(GOOD.check(), Ok(ArenaConfig::default_valid()));
        assert_eq!(ArenaConfig::default(), GOOD);
    }

    #[test]
    fn a_first_span_has_room_for_more_than_its_footer() {
        for span_first in [0, 1, FOOTER_SIZE, SPAN_MIN - 1] {
            assert_eq!(broken(ArenaConfig { span_first, ..GOOD }), "ArenaConfig::span_first");
        }
        assert!(ArenaConfig { span_first: SPAN_MIN, span_max: SPAN_MIN, ..GOOD }.check().is_ok());
    }

    #[test]
    fn the_cap_lies_between_the_first_span_and_memory() {
        for span_max in [0, 4095, SPAN_MAX + 1, usize::MAX] {
            assert_eq!(broken(ArenaConfig { span_max, ..GOOD }), "ArenaConfig::span_max");
        }
        for span_max in [4096, 4097, SPAN_MAX] {
            assert!(ArenaConfig { span_max, ..GOOD }.check().is_ok());
        }
    }
}
