//! Configuration that is checked once, before a part is built from it.

use core::fmt;

/// A configuration whose every rule holds.
///
/// Only a configuration's own `check` makes one, so a constructor that takes
/// it has nothing left to refuse and can be `const`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<C>(C);

impl<C: Copy> Valid<C> {
    /// Vouches for `config`; only its `check` does this.
    pub(crate) const fn vouch(config: C) -> Self {
        Self(config)
    }

    /// The configuration itself.
    #[must_use]
    pub const fn get(self) -> C {
        self.0
    }
}

/// A field of a configuration breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The configuration's type and field, as in `BlockPoolConfig::block_size`.
    pub field: &'static str,
    /// What has to hold, as in "must be a power of two".
    pub rule: &'static str,
}

impl ConfigError {
    /// Says that `field` breaks `rule`.
    pub(crate) const fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.rule)
    }
}

impl core::error::Error for ConfigError {}
