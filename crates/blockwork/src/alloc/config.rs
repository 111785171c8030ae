//! Configuration that is checked once, before a part is built from it.

use core::fmt;

/// A configuration whose every rule holds.
///
/// Only a configuration's own `check` makes one, so a constructor that takes
/// it has nothing left to refuse and can be `const`. Parts of others can do the
/// same with configurations of their own:
///
/// ```
/// use blockwork::{ConfigError, Valid};
///
/// #[derive(Clone, Copy)]
/// struct PadConfig {
///     align: usize,
/// }
///
/// impl PadConfig {
///     const fn check(self) -> Result<Valid<Self>, ConfigError> {
///         if self.align.is_power_of_two() {
///             // SAFETY: that was the only rule.
///             Ok(unsafe { Valid::new_unchecked(self) })
///         } else {
///             Err(ConfigError::new("PadConfig::align", "must be a power of two"))
///         }
///     }
/// }
///
/// let error = PadConfig { align: 12 }.check().err();
/// assert_eq!(error.unwrap().to_string(), "PadConfig::align must be a power of two");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<C>(C);

impl<C: Copy> Valid<C> {
    /// Vouches for `config`; only its `check` does this.
    pub(crate) const fn vouch(config: C) -> Self {
        Self(config)
    }

    /// Vouches for `config`.
    ///
    /// # Safety
    ///
    /// - Every rule of `C` holds for `config`. What is built from it relies on
    ///   that, for memory safety too.
    #[must_use]
    pub const unsafe fn new_unchecked(config: C) -> Self {
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
    /// Says that `field` breaks `rule`; written as [`field`](Self::field) and
    /// [`rule`](Self::rule) say, so that the two make a sentence.
    #[must_use]
    pub const fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.rule)
    }
}

impl core::error::Error for ConfigError {}
