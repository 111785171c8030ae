//! Every part over every part, itself included: sources, strategies, combinators and
//! adversaries. Whatever has more than one form is here once; its own module has the
//! others.

use core::alloc::Layout;

use blockwork::{
    Beside, Buffer, Chain, Checked, Counted, Finding, FromApi2_04, Guarded, Log, Observed, OnFailure, Pages, Quota,
    Recorded, Return, Sampled, Scrutiny, System, Unsited, suite,
    testing::{Audited, Failing, Misaligned, Parent, Reentrant, Shuffled, Suite, When},
};

use super::notation;

/// What a short quarantine holds: the largest blocks.
const HELD: usize = 1 << 20;

/// What the books of samples take, when nothing is live.
const BOOKS: usize = 64 << 10;

/// Ends the test if a block is misused. Leaks are what the harness does to parts
/// that own their spans.
fn severe(finding: Finding<'_>) {
    match finding {
        Finding::Leak(_) => {}
        other => panic!("{other}"),
    }
}

type Severe = Log<fn(Finding<'_>)>;

fn checked(parent: Parent<'_>) -> Checked<Parent<'_>, Severe, Beside<System>> {
    let closely = Scrutiny { fence: 8, fill: true, quarantine: 3 };
    Checked::with(parent, Log::new(severe as fn(Finding<'_>)), Beside::new(System), Unsited, closely)
}

/// What the notation has no word for, or another one in its place.
fn others() -> Vec<Suite> {
    vec![
        suite!("system", |_| System, .own_memory()),
        suite!("pages", |_| Pages, .own_memory()),
        suite!("guarded", |_| Guarded::new(), .own_memory()),
        suite!("buffer", |parent| Buffer::new(parent.region(Layout::new::<[u64; 2048]>())), .region()),
        suite!("foreign", |parent| FromApi2_04::new(Counted::new(parent)), .retains(0)),
        suite!("observed", |parent| Observed::new(parent, |_| {}), .retains(0)),
        suite!("observed growth", |parent| Observed::growth(parent, |_| {}), .retains(0)),
        suite!("recorded", |parent| Recorded::new(parent, ()), .retains(0)),
        suite!("sampled", |parent| Sampled::new(parent, 64, ()), .retains(BOOKS)),
        suite!("checked", |parent| checked(parent), .retains(HELD)),
        suite!("returning", |parent| OnFailure::new(parent, Return), .retains(0)),
        suite!("retrying", |parent| parent.retrying(1, |_, _| true), .retains(0)),
        suite!("two quotas", |parent| Quota::new(Quota::new(parent, 1 << 29), 1 << 30), .retains(0)),
        suite!("audited", |parent| Audited::new(parent), .retains(0)),
        suite!("failing", |parent| Failing::new(parent, When::Never), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
        suite!("shuffled", |parent| Shuffled::new(parent, 5), .retains(0).irregular()),
        suite!("reentrant", |parent| Reentrant::new(parent), .retains(0)),
    ]
}

/// The pairs with a part of these on top.
fn over_all(tops: &[Suite]) {
    let below: Vec<Suite> = notation::suites().into_iter().chain(others()).collect();
    tops.iter().for_each(|top| below.iter().for_each(|below| top.over(below).cases(1).run()));
}

#[test]
fn what_is_written_down_over_everything() {
    over_all(&notation::suites());
}

#[test]
fn the_others_over_everything() {
    over_all(&others());
}
