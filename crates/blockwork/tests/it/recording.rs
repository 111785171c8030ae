//! Recording and sampling through every law, alone and over other parts, and in
//! which of them threads may meet.

use blockwork::{
    Bump, Const, Counted, OnFailure, Recorded, Retry, Sampled, Unwind, check_allocator, send_sync, suite,
    testing::{Bound, Failing, Local, Misaligned, Parent, Shared, Suite, Tied, When, pairs},
};

/// A parent that fails now and then, and is asked again.
type Stubborn<'a> = OnFailure<Failing<Parent<'a>>, Retry<fn(&Failing<Parent<'a>>, core::alloc::Layout) -> bool>>;

/// Every third request fails, and is made again.
fn stubborn(parent: Parent<'_>) -> Stubborn<'_> {
    OnFailure::new(Failing::new(parent, When::Every(3)), Retry::new(1, |_, _| true))
}

check_allocator!(recorded, |parent| Recorded::new(parent, ()), .retains(0));
check_allocator!(recorded_over_failing, |parent| Recorded::new(stubborn(parent), ()), .retains(0));
check_allocator!(recorded_over_misaligned, |parent| Recorded::new(Misaligned::new(parent), ()), .retains(0));
check_allocator!(
    recorded_over_counted,
    |parent| Counted::new(Recorded::new(Counted::new(parent), ())),
    .retains(0)
);
check_allocator!(recorded_bump, |parent| Recorded::new(Bump::new(parent, 1 << 18), ()), .owns_spans().region());

/// What the harness's parent holds for samples, when nothing is live: the table.
const BOOKS: usize = 64 << 10;

check_allocator!(sampled, |parent| Sampled::new(parent, 64, ()), .retains(BOOKS));
check_allocator!(sampled_all, |parent| Sampled::new(parent, Const::<1>, ()), .retains(BOOKS));
check_allocator!(sampled_with_callers, |parent| Sampled::new(parent, 10_000, Unwind), .retains(BOOKS));
check_allocator!(sampled_off, |parent| Sampled::new(parent, 0, ()), .retains(0));
check_allocator!(sampled_off_by_type, |parent| Sampled::new(parent, Const::<0>, ()), .retains(0));
check_allocator!(sampled_over_failing, |parent| Sampled::new(stubborn(parent), 64, ()), .retains(BOOKS));
check_allocator!(sampled_over_misaligned, |parent| Sampled::new(Misaligned::new(parent), 64, ()), .retains(BOOKS));
check_allocator!(
    sampled_over_counted,
    |parent| Counted::new(Sampled::new(Counted::new(parent), 64, ())),
    .retains(BOOKS)
);
check_allocator!(
    sampled_bump,
    |parent| Sampled::new(Bump::new(parent, 1 << 18), 10_000, ()),
    .owns_spans().region()
);

#[test]
fn every_pair() {
    pairs(&parts()).for_each(|pair| pair.run());
}

fn parts() -> Vec<Suite> {
    vec![
        suite!("recorded", |parent| Recorded::new(parent, ()), .retains(0)),
        suite!("sampled", |parent| Sampled::new(parent, 64, ()), .retains(BOOKS)),
        suite!("counted", |parent| Counted::new(parent), .retains(0)),
        suite!("bump", |parent| Bump::new(parent, 1 << 18), .region().owns_spans()),
        suite!("failing", |parent| Failing::new(parent, When::Never), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
    ]
}

send_sync! {
    Recorded<Shared, ()>: Send, Sync;
    Recorded<Local, ()>: Send, !Sync;
    Recorded<Bound, ()>: !Send, Sync;
    Recorded<Tied, ()>: !Send, !Sync;

    Sampled<Shared>: Send, !Sync;
    Sampled<Local>: Send, !Sync;
    Sampled<Bound>: !Send, !Sync;
    Sampled<Tied, Const<8>, ()>: !Send, !Sync;
}

/// Files to record into are Linux's.
#[cfg(all(target_os = "linux", not(blockwork_no_os)))]
mod spool {
    use blockwork::Spool;

    use super::{Local, Recorded, Shared, send_sync};

    send_sync! {
        Recorded<Shared, Spool>: Send, Sync;
        Recorded<Local, Spool>: Send, !Sync;
    }
}
