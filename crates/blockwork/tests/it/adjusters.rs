//! Affixes, alignments, freezing and observers through every law, alone and over
//! other parts, and in which of them threads may meet.

use core::alloc::Layout;

use blockwork::{
    Affix, Allocate, Bump, Chain, Checked, Const, Counted, Event, Fallback, Frozen, Growth, Ignore, Memo, MinAlign,
    Null, Observed, OnFailure, Reset, Retry, System, check_allocator, send_sync, suite,
    testing::{Bound, Failing, Local, Misaligned, Parent, Shared, Suite, Tied, When, pairs},
};

/// A callback that threads may share.
type Callback<A> = fn(&A, Layout) -> bool;

/// A parent that fails now and then, and is asked again.
type Stubborn<'a> = OnFailure<Failing<Parent<'a>>, Retry<Callback<Failing<Parent<'a>>>>>;

/// Every third request fails, and is made again.
fn stubborn(parent: Parent<'_>) -> Stubborn<'_> {
    OnFailure::new(Failing::new(parent, When::Every(3)), Retry::new(1, |_, _| true))
}

/// What is not copied for its alignment.
#[derive(Clone, Copy)]
#[repr(align(128))]
struct Wide(#[expect(dead_code, reason = "only its place matters")] u8);

check_allocator!(affix_nothing, |parent| Affix::new(parent, (), ()), .retains(0));
check_allocator!(affix_header, |parent| Affix::new(parent, 7_u64, ()), .retains(0));
check_allocator!(affix_trailer, |parent| Affix::new(parent, (), [1_u8; 3]), .retains(0));
check_allocator!(affix_wide, |parent| Affix::new(parent, Wide(3), 0xDEAD_BEEF_u32), .retains(0));
check_allocator!(affix_over_failing, |parent| Affix::new(stubborn(parent), 7_u16, 9_u64), .retains(0));
check_allocator!(affix_over_misaligned, |parent| Affix::new(Misaligned::new(parent), 7_u16, 9_u64), .retains(0));
check_allocator!(affix_over_counted, |parent| Counted::new(Affix::new(Counted::new(parent), 7_u64, 9_u64)), .retains(0));
check_allocator!(affix_of_affixes, |parent| Affix::new(Affix::new(parent, 1_u8, 2_u8), 3_u32, 4_u32), .retains(0));
check_allocator!(affix_bump, |parent| Affix::new(Bump::new(parent, 1 << 18), 7_u64, 9_u64), .owns_spans().region());

check_allocator!(min_align, |parent| MinAlign::new(parent, Const::<64>), .retains(0));
check_allocator!(min_align_one, |parent| MinAlign::try_new(parent, 1).unwrap(), .retains(0));
check_allocator!(min_align_page, |parent| MinAlign::try_new(parent, 4096).unwrap(), .retains(0));
check_allocator!(min_align_over_failing, |parent| MinAlign::new(stubborn(parent), Const::<32>), .retains(0));
check_allocator!(min_align_over_misaligned, |parent| MinAlign::new(Misaligned::new(parent), Const::<16>), .retains(0));
check_allocator!(min_align_over_counted, |parent| Counted::new(MinAlign::new(Counted::new(parent), Const::<64>)), .retains(0));
check_allocator!(
    min_align_that_owns,
    |parent| Fallback::new(MinAlign::new(Bump::new(parent, 1 << 14), Const::<64>), MinAlign::new(Null, Const::<8>)),
    .owns_spans().region()
);

check_allocator!(frozen, |parent| Frozen::new(parent), .retains(0));
check_allocator!(frozen_over_failing, |parent| Frozen::new(stubborn(parent)), .retains(0));
check_allocator!(frozen_over_misaligned, |parent| Frozen::new(Misaligned::new(parent)), .retains(0));
check_allocator!(frozen_over_counted, |parent| Counted::new(Frozen::new(Counted::new(parent))), .retains(0));

check_allocator!(observed, |parent| Observed::new(parent, |_| {}), .retains(0));
check_allocator!(observed_growth, |parent| Memo::new(Observed::growth(parent, |_| {}), 0), .retains(0));
check_allocator!(observed_over_failing, |parent| Observed::new(stubborn(parent), |_| {}), .retains(0));
check_allocator!(observed_over_misaligned, |parent| Observed::new(Misaligned::new(parent), |_| {}), .retains(0));
check_allocator!(observed_over_counted, |parent| Counted::new(Counted::new(parent).observed(|_| {})), .retains(0));

#[test]
fn every_pair() {
    pairs(&parts()).for_each(|pair| pair.run());
}

fn parts() -> Vec<Suite> {
    vec![
        suite!("affix", |parent| Affix::new(parent, 7_u16, 9_u64), .retains(0)),
        suite!("min align", |parent| MinAlign::new(parent, Const::<64>), .retains(0)),
        suite!("frozen", |parent| Frozen::new(parent), .retains(0)),
        suite!("observed", |parent| Observed::new(parent, |_| {}), .retains(0)),
        suite!("checked beside", |parent| Checked::beside(parent, Ignore, System), .retains(0)),
        suite!("bump", |parent| Bump::new(parent, 1 << 18), .region().owns_spans()),
    ]
}

#[test]
fn what_stands_over_a_region_is_reset_with_it() {
    let mut heap = Frozen::new(MinAlign::new(Affix::new(Bump::new(System, 1000), 0_u64, ()), Const::<64>));
    let layout = Layout::new::<[u8; 700]>();
    for _ in 0..3 {
        assert!(heap.allocate(layout).is_ok() && heap.allocate(layout).is_err());
        heap.reset();
    }
}

send_sync! {
    Affix<Shared, u64, u64>: Send, Sync;
    Affix<Local, u64>: Send, !Sync;
    Affix<Bound>: !Send, Sync;
    Affix<Tied>: !Send, !Sync;
    Affix<Shared, *const u8>: !Send, !Sync;

    MinAlign<Shared>: Send, Sync;
    MinAlign<Local, Const<8>>: Send, !Sync;
    MinAlign<Bound>: !Send, Sync;
    MinAlign<Tied>: !Send, !Sync;

    Frozen<Shared>: Send, Sync;
    Frozen<Local>: Send, !Sync;
    Frozen<Bound>: !Send, Sync;
    Frozen<Tied>: !Send, !Sync;

    Observed<Shared, fn(Event)>: Send, Sync;
    Observed<Local, fn(Event)>: Send, !Sync;
    Observed<Bound, fn(Event), Growth>: !Send, Sync;
    Observed<Tied, fn(Event)>: !Send, !Sync;
    Observed<Shared, &'static dyn Fn(Event)>: !Send, !Sync;
}
