//! Code that runs in the middle of an allocation, and allocates: observers, remedies,
//! and what a program does when it panics.

use core::{alloc::Layout, cell::Cell};

use blockwork::{
    Allocate, Check, Counted, Memo, Observed, OnFailure, Retry,
    testing::{Failing, Strict, When},
};

const SMALL: Layout = Layout::new::<[u64; 3]>();

fn round(heap: &dyn Allocate) {
    let block = heap.allocate(SMALL).unwrap();
    // SAFETY: just allocated with this layout.
    unsafe { block.write_bytes(0xC3, SMALL.size()) };
    // SAFETY: as above.
    unsafe { heap.deallocate(block, SMALL) };
}

#[test]
fn an_observer_may_use_what_lies_below() {
    let strict = Strict::new();
    let memo = Memo::new(Counted::new(&strict), 1 << 12);
    let busy = Cell::new(0);
    let heap = Observed::new(&memo, |_| {
        busy.set(busy.get() + 1);
        round(&memo);
    });
    let blocks = [(); 20].map(|()| heap.allocate(SMALL).unwrap());
    // SAFETY: allocated above with this layout, freed once.
    blocks.into_iter().for_each(|block| unsafe { heap.deallocate(block, SMALL) });
    assert!(busy.get() >= 40);
    assert_eq!((memo.check(), strict.faults()), (Ok(()), vec![]));
}

#[test]
fn a_remedy_may_free_what_the_same_heap_gave() {
    let parent = Failing::new(Strict::new(), When::Never);
    let memo = Memo::new(&parent, 1 << 12);
    let reserve = Cell::new(Some(memo.allocate(SMALL).unwrap()));
    let heap = OnFailure::new(
        &memo,
        Retry::new(3, |_: &&Memo<&Failing<Strict>>, _| {
            let Some(block) = reserve.take() else { return false };
            round_or_not(&memo);
            // SAFETY: allocated above with this layout, freed once.
            unsafe { memo.deallocate(block, SMALL) };
            true
        }),
    );
    parent.set(When::From(0));
    let block = heap.allocate(SMALL).unwrap();
    assert!(heap.allocate(SMALL).is_err() && reserve.get().is_none());
    parent.set(When::Never);
    // SAFETY: allocated above with this layout.
    unsafe { heap.deallocate(block, SMALL) };
    assert_eq!(memo.check(), Ok(()));
    drop(memo);
    assert_eq!((parent.parent().live_blocks(), parent.parent().faults()), (0, vec![]));
}

/// Asks again, from inside of the remedy for the request before.
fn round_or_not(heap: &dyn Allocate) {
    assert!(heap.allocate(SMALL).is_err());
}
