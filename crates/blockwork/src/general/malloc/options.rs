//! [`MallocOptions`]: what can be chosen while the program runs.

use super::{Malloc, SHARED_SPANS, sampling, spans};
use crate::sync::atomic::{AtomicBool, Ordering};

/// What can be chosen while the program runs; all of it is on
/// [`DEFAULT`](Self::DEFAULT) until [`Malloc::configure`] says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MallocOptions {
    /// Bytes of free spans that keep their memory until nobody needs them.
    pub retain: usize,
    /// Whether the system is asked for huge pages, where it takes memory from now on.
    pub huge: bool,
    /// What a free of no block leads to.
    pub misuse: OnMisuse,
    /// Bytes for each of which one is sampled, for a heap profile; zero is none.
    pub sample: usize,
}

/// What a call that was given no block leads to, beside the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMisuse {
    /// The end of the process.
    #[default]
    Abort,
    /// Nothing: the call has no effect.
    Ignore,
}

impl MallocOptions {
    /// 32 MiB, ordinary pages, mistakes end the process, and nothing is sampled.
    pub const DEFAULT: Self = Self { retain: spans::KEPT, huge: false, misuse: OnMisuse::Abort, sample: 0 };
}

impl Default for MallocOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

static IGNORES_MISUSE: AtomicBool = AtomicBool::new(false);

/// What mistakes lead to.
pub(super) fn misuse() -> OnMisuse {
    // Relaxed: a choice that others made before, or not yet.
    if IGNORES_MISUSE.load(Ordering::Relaxed) { OnMisuse::Ignore } else { OnMisuse::Abort }
}

impl Malloc {
    /// Makes `options` hold from now on.
    ///
    /// ```
    /// use blockwork::{Malloc, MallocOptions};
    ///
    /// let mut options = MallocOptions::DEFAULT;
    /// options.retain = 64 << 20;
    /// Malloc.configure(options);
    /// ```
    pub fn configure(self, options: MallocOptions) {
        // Relaxed: as in `misuse`.
        IGNORES_MISUSE.store(options.misuse == OnMisuse::Ignore, Ordering::Relaxed);
        spans::ask_for_huge_pages(options.huge);
        SHARED_SPANS.with_pool(|spans| spans.set_keep(options.retain));
        sampling::sample_every(options.sample);
    }
}
