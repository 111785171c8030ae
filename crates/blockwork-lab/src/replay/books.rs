//! [`Books`]: what is held, granted and asked for, and all three at the worst moment.
//!
//! ```text
//! held     ├──────────────────────────────────────────┤  taken from the source
//! granted  ├────────────────────────────┤ external      given to live blocks
//! asked    ├──────────────────┤ internal                asked for by the program
//! ```

use serde::{Deserialize, Serialize};

use super::driver::Watch;

/// Tells how much memory an allocator holds.
pub trait Gauge {
    /// Bytes taken from the source and not given back. A request about `size`
    /// bytes has just been served: what cannot have changed by it need not be
    /// read again.
    fn held(&mut self, size: usize) -> u64;
}

/// The three sums at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Bytes taken from the source.
    pub held: u64,
    /// Bytes that live blocks occupy.
    pub granted: u64,
    /// Bytes that live blocks were asked for with.
    pub asked: u64,
}

impl Moment {
    /// Bytes that live blocks occupy beyond what was asked for.
    pub fn internal_waste(self) -> u64 {
        self.granted.saturating_sub(self.asked)
    }

    /// Bytes held beyond what live blocks occupy.
    pub fn external_waste(self) -> u64 {
        self.held.saturating_sub(self.granted)
    }
}

/// Keeps the books of one replay; a [`Watch`] that looks at everything.
#[derive(Debug)]
pub struct Books<G> {
    gauge: G,
    now: Moment,
    peak: Moment,
}

impl<G: Gauge> Books<G> {
    /// Books over an allocator that `gauge` can read.
    pub fn new(gauge: G) -> Self {
        Self { gauge, now: Moment::default(), peak: Moment::default() }
    }

    /// The moment when most was held. While that much is held, allocators fill
    /// up: of several such moments it is the fullest.
    pub fn peak(&self) -> Moment {
        self.peak
    }

    fn look(&mut self, size: usize) {
        self.now.held = self.gauge.held(size);
        if (self.now.held, self.now.granted) > (self.peak.held, self.peak.granted) {
            self.peak = self.now;
        }
    }
}

impl<G: Gauge> Watch for Books<G> {
    const THOROUGH: bool = true;

    fn took(&mut self, asked: usize, granted: usize) {
        self.now.asked += asked as u64;
        self.now.granted += granted as u64;
        self.look(granted);
    }

    fn gave(&mut self, asked: usize, granted: usize) {
        self.now.asked -= asked as u64;
        self.now.granted -= granted as u64;
        self.look(granted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds what it is told, in order.
    struct Told(Vec<u64>);

    impl Gauge for Told {
        fn held(&mut self, _: usize) -> u64 {
            self.0.remove(0)
        }
    }

    #[test]
    fn the_peak_is_the_fullest_of_the_moments_when_most_was_held() {
        let mut books = Books::new(Told(vec![64, 128, 128, 128, 64]));
        books.took(10, 16);
        books.took(20, 32);
        books.took(30, 32);
        books.gave(10, 16);
        books.gave(20, 32);
        let peak = books.peak();
        assert_eq!(peak, Moment { held: 128, granted: 80, asked: 60 });
        assert_eq!((peak.internal_waste(), peak.external_waste()), (20, 48));
    }
}
