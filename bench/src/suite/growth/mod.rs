//! How costs grow: one kind of work at several points of an axis, live objects,
//! bytes in a block or elements, by our parts and by peers.
//!
//! A point and a candidate have a process of their own, as in the tables; what is
//! kept is nanoseconds per operation, in the middle of the passes.

mod around;
mod bytes;
mod elements;
mod live;
mod measure;
pub(crate) mod peers;

pub(crate) use self::measure::{child, json, measure, smoke, table};
use crate::run::Run;

/// One picture: a line for each candidate.
pub(crate) struct Growth {
    /// `growth/what`: what a filter on the command line looks at.
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) operation: &'static str,
    /// What the points count.
    pub(crate) axis: &'static str,
    pub(crate) points: &'static [usize],
    pub(crate) curves: &'static [Curve],
}

/// One candidate.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Run, usize),
    /// Beyond this point it is not run: it could not, or would take minutes.
    pub(crate) up_to: usize,
}

impl Growth {
    pub(crate) fn curve(&self, name: &str) -> Option<&'static Curve> {
        self.curves.iter().find(|curve| curve.name == name)
    }
}

/// Every picture.
pub(crate) fn all() -> impl Iterator<Item = &'static Growth> {
    [live::GROWTHS, around::GROWTHS, elements::GROWTHS, bytes::GROWTHS].into_iter().flatten()
}

/// Writes candidates down: `"name" => function`, and how far they go if not to the end.
macro_rules! curves {
    ($($name:literal $([to $up_to:expr])? => $run:expr),+ $(,)?) => {
        &[$($crate::growth::Curve {
            name: $name,
            run: $run,
            up_to: { let _all = usize::MAX; $(let _all = $up_to;)? _all },
        }),+]
    };
}
use curves;

/// 10² to 10⁷.
const TO_1E7: &[usize] = &[100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// 10² to 10⁶.
const TO_1E6: &[usize] = &[100, 1_000, 10_000, 100_000, 1_000_000];
