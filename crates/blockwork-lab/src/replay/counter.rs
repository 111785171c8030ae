//! [`Counter`]: what a counted source has given.

use blockwork::Counted;

use super::books::Gauge;

/// Blocks that a composition asked its source for, or made larger in place.
pub fn requests<A>(source: &Counted<A>) -> Option<u64> {
    let counts = source.counts();
    Some(counts.requests + counts.resizes)
}

/// Reads what a counted source has given.
#[derive(Debug)]
pub struct Counter<'a, A> {
    source: &'a Counted<A>,
    peak: usize,
}

impl<'a, A> Counter<'a, A> {
    /// Nothing given yet.
    pub fn new(source: &'a Counted<A>) -> Self {
        Self { source, peak: 0 }
    }
}

impl<A> Gauge for Counter<'_, A> {
    /// What is held now; or what was held for a moment since the last look, if
    /// it was more than ever before.
    fn held(&mut self, _: usize) -> u64 {
        let counts = self.source.counts();
        let held = if counts.bytes_peak > self.peak { counts.bytes_peak } else { counts.bytes_live };
        self.peak = counts.bytes_peak;
        held as u64
    }
}
