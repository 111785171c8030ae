//! [`Curve`]: what was held over time, in a bounded number of points.

use serde::{Deserialize, Serialize};

use super::books::Moment;

/// Points of a curve, at most: more than a picture has room for.
pub const POINTS: usize = 256;

/// What was held over time.
///
/// Each point stands for the events since the last one, and is the fullest
/// moment among them: the highest of a curve is the peak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curve {
    /// The points, in order.
    pub points: Vec<Point>,
    #[serde(skip)]
    from: u64,
    #[serde(skip)]
    steps: usize,
    /// Steps that share a point; zero for a curve without points.
    #[serde(skip)]
    stretch: usize,
}

/// A stretch of the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// How many events of the recording have passed.
    pub event: u64,
    /// The fullest moment since the last point.
    pub moment: Moment,
}

impl Curve {
    /// Room for at most `points` points over `steps` events, before which the
    /// recording has `from` others. Touched now, so that a replay never waits for it.
    pub fn of(steps: usize, from: u64, points: usize) -> Self {
        let mut room = vec![Point::default(); points + 1];
        room.clear();
        Self { points: room, from, steps, stretch: steps.div_ceil(points.max(1)).max(1) }
    }

    /// The number of events after `step`, if a point is due there.
    pub(super) fn is_due(&self, step: usize) -> Option<u64> {
        let passed = step + 1;
        (self.stretch > 0 && passed.is_multiple_of(self.stretch)).then_some(self.from + passed as u64)
    }

    /// The number of events in the end.
    pub(super) fn end(&self) -> u64 {
        self.from + self.steps as u64
    }

    /// Goes on with another image's curve, keeping within twice [`POINTS`].
    pub fn append(&mut self, mut next: Self) {
        self.points.append(&mut next.points);
        while self.points.len() > 2 * POINTS {
            self.points = self.points.chunks(2).filter_map(merged).collect();
        }
    }
}

/// Neighbours as one.
fn merged(points: &[Point]) -> Option<Point> {
    let last = points.last()?;
    let fullest = points.iter().fold(last.moment, |a, b| if b.moment.is_fuller(a) { b.moment } else { a });
    Some(Point { event: last.event, moment: fullest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(event: u64, held: u64) -> Point {
        Point { event, moment: Moment { held, ..Moment::default() } }
    }

    #[test]
    fn a_curve_of_many_images_stays_bounded_and_keeps_its_peak() {
        let mut curve = Curve::default();
        for image in 0..10 {
            let mut next = Curve::of(0, 0, 0);
            next.points.extend((0..POINTS as u64).map(|event| point(image * 1000 + event, event % 7)));
            next.points[3] = point(image * 1000 + 3, 100 + image);
            curve.append(next);
        }
        assert!((POINTS..=2 * POINTS).contains(&curve.points.len()));
        assert_eq!(curve.points.iter().map(|point| point.moment.held).max(), Some(109));
        assert!(curve.points.is_sorted_by_key(|point| point.event));
        assert_eq!(curve.points.last().map(|point| point.event), Some(9255));
    }

    #[test]
    fn points_are_due_at_the_ends_of_stretches() {
        let curve = Curve::of(10, 5, 4);
        let due: Vec<_> = (0..10).filter_map(|step| curve.is_due(step)).collect();
        assert_eq!((due, curve.end()), (vec![8, 11, 14], 15));
    }
}
