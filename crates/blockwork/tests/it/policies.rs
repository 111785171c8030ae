//! Quotas, remedies, scrubbing and checking through every law, alone and over
//! other parts, and in which of them threads may meet.

use core::alloc::Layout;

use blockwork::{
    Allocate, Backtraces, Below, Beside, Bump, Chain, Checked, Const, Counted, Finding, Ignore, Locked, Log, OnFailure,
    Quota, Retry, Return, Scrubbed, Scrutiny, Stop, System, Tally, Unsited, check_allocator, send_sync, suite,
    testing::{Bound, Failing, Local, Misaligned, Parent, Shared, Suite, Tied, When, pairs},
};

/// Fences, fill and a short quarantine.
const CLOSE: Scrutiny = Scrutiny { fence: 8, fill: true, quarantine: 3 };

/// What the harness's parent holds for a short quarantine: the largest blocks.
const HELD: usize = 1 << 20;

type Severe = Log<fn(Finding<'_>)>;

/// As strict as can be.
fn closely<A: Allocate>(parent: A) -> Checked<A, Severe, Beside<System>> {
    let report = Log::new(severe as fn(Finding<'_>));
    Checked::with(parent, report, Beside::new(System), Unsited, CLOSE)
}

/// Enough for any workload of the harness.
const AMPLE: usize = 1 << 30;

/// What the harness's parent holds for the books, when nothing is live.
const BOOKS: usize = 64 << 10;

/// Ends the test if a block is misused. Leaks are what the harness does to parts
/// that own their spans.
fn severe(finding: Finding<'_>) {
    match finding {
        Finding::Leak(_) => {}
        other => panic!("{other}"),
    }
}

/// A callback that threads may share.
type Callback<A> = fn(&A, Layout) -> bool;

/// A parent that fails now and then, and is asked again.
type Stubborn<'a> = OnFailure<Failing<Parent<'a>>, Retry<Callback<Failing<Parent<'a>>>>>;

/// Every third request fails, and is made again.
fn stubborn(parent: Parent<'_>) -> Stubborn<'_> {
    OnFailure::new(Failing::new(parent, When::Every(3)), Retry::new(1, |_, _| true))
}

check_allocator!(quota, |parent| Quota::new(parent, AMPLE), .retains(0));
check_allocator!(quota_of_the_type, |parent| Quota::new(parent, Const::<AMPLE>), .retains(0));
check_allocator!(quota_that_refuses, |parent| Quota::new(parent, 100_000), .retains(0));
check_allocator!(quota_over_failing, |parent| Quota::new(stubborn(parent), AMPLE), .retains(0));
check_allocator!(quota_over_misaligned, |parent| Quota::new(Misaligned::new(parent), AMPLE), .retains(0));
check_allocator!(quota_over_counted, |parent| Counted::new(Quota::new(Counted::new(parent), AMPLE)), .retains(0));
check_allocator!(quota_of_quotas, |parent| Quota::new(Quota::new(Quota::new(parent, 90_000), 120_000), 80_000), .retains(0));

check_allocator!(on_failure_return, |parent| OnFailure::new(parent, Return), .retains(0));
check_allocator!(on_failure_retry, |parent| parent.retrying(2, |_, _| true), .retains(0));
check_allocator!(on_failure_over_failing, |parent| stubborn(parent), .retains(0));
check_allocator!(on_failure_over_misaligned, |parent| OnFailure::new(Misaligned::new(parent), Return), .retains(0));
check_allocator!(on_failure_over_counted, |parent| Counted::new(parent).retrying(1, |_, _| false).counted(), .retains(0));

check_allocator!(scrubbed, |parent| Scrubbed::new(parent), .retains(0));
check_allocator!(scrubbed_with_pattern, |parent| Scrubbed::with_pattern(parent, 0xAA), .retains(0));
check_allocator!(scrubbed_over_failing, |parent| Scrubbed::new(stubborn(parent)), .retains(0));
check_allocator!(scrubbed_over_misaligned, |parent| Scrubbed::new(Misaligned::new(parent)), .retains(0));
check_allocator!(scrubbed_over_counted, |parent| Counted::new(Scrubbed::new(Counted::new(parent))), .retains(0));
check_allocator!(scrubbed_bump, |parent| Scrubbed::new(Bump::new(Scrubbed::new(parent), 1 << 18)), .owns_spans().region());

check_allocator!(checked, |parent| Checked::new(parent, Log::new(severe)), .retains(BOOKS));
check_allocator!(checked_beside, |parent| Checked::beside(parent, Log::new(severe), System), .retains(0));
check_allocator!(
    checked_over_failing,
    |parent| Checked::new(stubborn(parent), Log::new(severe)),
    .retains(BOOKS)
);
check_allocator!(
    checked_beside_failing,
    |parent| Checked::beside(parent, Stop, Failing::new(System, When::Every(2))),
    .retains(0)
);
check_allocator!(checked_over_misaligned, |parent| Checked::new(Misaligned::new(parent), Stop), .retains(BOOKS));
check_allocator!(
    checked_over_counted,
    |parent| Counted::new(Checked::beside(Counted::new(parent), Stop, System)),
    .retains(0)
);
check_allocator!(checked_closely, |parent| closely(parent), .retains(HELD).cases(8));
check_allocator!(
    checked_closely_with_books_below,
    |parent| Checked::with(parent, Log::new(severe), Below, Unsited, CLOSE),
    .retains(HELD).cases(8)
);
check_allocator!(checked_closely_over_failing, |parent| closely(stubborn(parent)), .retains(HELD).cases(8));
check_allocator!(checked_closely_over_misaligned, |parent| closely(Misaligned::new(parent)), .retains(HELD).cases(8));
check_allocator!(checked_closely_over_counted, |parent| Counted::new(closely(Counted::new(parent))), .retains(HELD).cases(8));
check_allocator!(checked_bump, |parent| Checked::beside(Bump::new(parent, 1 << 18), Ignore, System), .owns_spans().region());

#[test]
fn threads_share_a_budget_and_each_keeps_its_own() {
    const EACH: usize = 600;
    let root = Locked::new(Quota::new(System, 1000));
    let layout = Layout::new::<[u8; 100]>();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let branch = Quota::new(&root, EACH);
            scope.spawn(move || {
                for _ in 0..500 {
                    let blocks: Vec<_> = (0..7).filter_map(|_| branch.allocate(layout).ok()).collect();
                    assert!(branch.used() == blocks.len() * 100 && branch.used() <= EACH);
                    assert!(root_used(branch.parent()) <= 1000);
                    for block in blocks {
                        // SAFETY: allocated above with this layout.
                        unsafe { branch.deallocate(block, layout) };
                    }
                    assert_eq!(branch.used(), 0);
                }
            });
        }
    });
    assert_eq!(root_used(&root), 0);
}

fn root_used(root: &Locked<Quota<System>>) -> usize {
    root.with_parent(Quota::used)
}

#[test]
fn every_pair() {
    pairs(&parts()).for_each(|pair| pair.run());
}

fn parts() -> Vec<Suite> {
    vec![
        suite!("quota", |parent| Quota::new(parent, AMPLE), .retains(0)),
        suite!("retry", |parent| parent.retrying(1, |_, _| true), .retains(0)),
        suite!("scrubbed", |parent| Scrubbed::new(parent), .retains(0)),
        suite!("checked", |parent| Checked::new(parent, Log::new(severe)), .retains(BOOKS)),
        suite!("checked beside", |parent| Checked::beside(parent, Log::new(severe), System), .retains(0)),
        suite!("checked closely", |parent| closely(parent), .retains(HELD)),
        suite!("counted", |parent| Counted::new(parent), .retains(0)),
        suite!("bump", |parent| Bump::new(parent, 1 << 18), .region().owns_spans()),
        suite!("failing", |parent| Failing::new(parent, When::Never), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
    ]
}

send_sync! {
    Quota<Shared>: Send, !Sync;
    Quota<Local>: Send, !Sync;
    Quota<Bound>: !Send, !Sync;
    Quota<Tied, Const<8>>: !Send, !Sync;

    OnFailure<Shared, Stop>: Send, Sync;
    OnFailure<Local, Return>: Send, !Sync;
    OnFailure<Bound, Stop>: !Send, Sync;
    OnFailure<Tied, Stop>: !Send, !Sync;
    OnFailure<Shared, Retry<Callback<Shared>>>: Send, !Sync;

    Scrubbed<Shared>: Send, Sync;
    Scrubbed<Local>: Send, !Sync;
    Scrubbed<Bound>: !Send, Sync;
    Scrubbed<Tied>: !Send, !Sync;

    Checked<Shared>: Send, !Sync;
    Checked<Local>: Send, !Sync;
    Checked<Bound>: !Send, !Sync;
    Checked<Tied>: !Send, !Sync;
    Checked<Shared, Tally, Beside<Local>>: Send, !Sync;
    Checked<Shared, Ignore, Beside<Bound>>: !Send, !Sync;
    Checked<Shared, &'static Tally>: !Send, !Sync;
    Checked<Shared, Stop, Beside<System>, Backtraces>: Send, !Sync;
    Checked<Shared, Stop, Beside<System>, &'static Backtraces>: !Send, !Sync;
}
