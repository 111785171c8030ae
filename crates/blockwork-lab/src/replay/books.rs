//! [`Books`]: what is held, granted and asked for, at every moment and at the
//! worst one.
//!
//! ```text
//! held     ├──────────────────────────────────────────┤  taken from the source
//! metadata                                 ├──────────┤  the allocator's own
//! granted  ├────────────────────┤ external               given to live blocks
//! asked    ├────────────┤ internal                       asked for by the program
//! ```

use serde::{Deserialize, Serialize};

use super::{
    curve::{Curve, Point},
    driver::Watch,
    footprint::Footprint,
};

/// Tells how much memory an allocator holds.
pub trait Gauge {
    /// Bytes taken from the source and not given back. A request about `size`
    /// bytes has just been served: what cannot have changed by it need not be
    /// read again.
    fn held(&mut self, size: usize) -> u64;

    /// Bytes of those that the allocator keeps for itself while this many
    /// `blocks` are live; `None` where that is not known.
    fn metadata(&mut self, blocks: u64) -> Option<u64> {
        let _ = blocks;
        None
    }
}

/// The sums at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Bytes taken from the source.
    pub held: u64,
    /// Bytes of them that the allocator keeps for itself, if it is known:
    /// headers, tables. Where it is not, they count as external.
    #[serde(default)]
    pub metadata: Option<u64>,
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

    /// Bytes held beyond what live blocks and the allocator itself occupy.
    pub fn external_waste(self) -> u64 {
        self.held.saturating_sub(self.granted).saturating_sub(self.metadata.unwrap_or(0))
    }

    /// Whether more is held than at `other`; or as much, and more of it is full.
    pub fn is_fuller(self, other: Self) -> bool {
        (self.held, self.granted) > (other.held, other.granted)
    }
}

/// Keeps the books of one replay; a [`Watch`] that looks at everything.
#[derive(Debug)]
pub struct Books<G> {
    gauge: G,
    blocks: u64,
    now: Moment,
    peak: Moment,
    /// The fullest moment since the curve's last point.
    fullest: Moment,
    curve: Curve,
    footprint: Option<Footprint>,
}

/// What the books say in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measures {
    /// The moment when most was held. While that much is held, allocators fill
    /// up: of several such moments it is the fullest.
    pub peak: Moment,
    /// All moments, thinned out.
    pub curve: Curve,
    /// Requests to the parent, where there is one that counts.
    pub requests: Option<u64>,
    /// Most bytes that were in memory and not only mapped, as far as samples saw.
    pub resident: Option<u64>,
    /// Pages that came when they were touched.
    pub faults: Option<u64>,
}

impl<G: Gauge> Books<G> {
    /// Books over an allocator that `gauge` can read. Moments go to `curve`, and
    /// memory is sampled by `footprint`.
    pub fn new(gauge: G, curve: Curve, footprint: Option<Footprint>) -> Self {
        let none = Moment::default();
        Self { gauge, blocks: 0, now: none, peak: none, fullest: none, curve, footprint }
    }

    /// Closes the books. `requests` are counted by others.
    pub fn close(mut self, requests: Option<u64>) -> Measures {
        let end = self.curve.end();
        self.point(end);
        let (resident, faults) = self.footprint.map(Footprint::close).unzip();
        Measures {
            peak: self.peak,
            curve: self.curve,
            requests,
            resident: resident.flatten(),
            faults: faults.flatten(),
        }
    }

    fn look(&mut self, size: usize) {
        self.now.held = self.gauge.held(size);
        self.now.metadata = self.gauge.metadata(self.blocks);
        if self.now.is_fuller(self.fullest) {
            self.fullest = self.now;
        }
        if self.now.is_fuller(self.peak) {
            self.peak = self.now;
        }
    }

    /// Ends a stretch of the curve after `event`.
    fn point(&mut self, event: u64) {
        if self.curve.points.last().is_some_and(|last| last.event == event) {
            return;
        }
        self.curve.points.push(Point { event, moment: self.fullest });
        self.fullest = self.now;
        if let Some(footprint) = &mut self.footprint {
            footprint.sample();
        }
    }
}

impl<G: Gauge> Watch for Books<G> {
    const THOROUGH: bool = true;

    fn took(&mut self, asked: usize, granted: usize) {
        self.blocks += 1;
        self.now.asked += asked as u64;
        self.now.granted += granted as u64;
        self.look(granted);
    }

    fn gave(&mut self, asked: usize, granted: usize) {
        self.blocks -= 1;
        self.now.asked -= asked as u64;
        self.now.granted -= granted as u64;
        self.look(granted);
    }

    fn stepped(&mut self, step: usize) {
        if let Some(event) = self.curve.is_due(step) {
            self.point(event);
        }
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

        fn metadata(&mut self, blocks: u64) -> Option<u64> {
            Some(blocks * 8)
        }
    }

    fn moment(held: u64, blocks: u64, granted: u64, asked: u64) -> Moment {
        Moment { held, metadata: Some(blocks * 8), granted, asked }
    }

    fn played(curve: Curve) -> Measures {
        let mut books = Books::new(Told(vec![64, 128, 128, 128, 64]), curve, None);
        books.took(10, 16);
        books.stepped(0);
        books.took(20, 32);
        books.stepped(1);
        books.took(30, 32);
        books.stepped(2);
        books.gave(10, 16);
        books.stepped(3);
        books.gave(20, 32);
        books.stepped(4);
        books.close(Some(2))
    }

    #[test]
    fn the_peak_is_the_fullest_of_the_moments_when_most_was_held() {
        let peak = played(Curve::default()).peak;
        assert_eq!(peak, moment(128, 3, 80, 60));
        assert_eq!((peak.internal_waste(), peak.external_waste()), (20, 24));
    }

    #[test]
    fn what_the_allocator_keeps_for_itself_is_external_where_it_is_not_known() {
        assert_eq!(Moment { metadata: None, ..moment(128, 3, 80, 60) }.external_waste(), 48);
    }

    #[test]
    fn a_curve_has_the_fullest_moment_of_each_stretch() {
        let measures = played(Curve::of(5, 100, 2));
        // Stretches of three events, numbered on from 100.
        let points = [(103, moment(128, 3, 80, 60)), (105, moment(128, 3, 80, 60))];
        assert_eq!(measures.curve.points, points.map(|(event, moment)| Point { event, moment }));
        assert_eq!(measures.requests, Some(2));
    }
}
