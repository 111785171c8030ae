use heap::vec::Vec;

use super::*;
use crate::{
    math::{
        align::SIZE_MAX,
        size_class::{Pow2, Quad},
    },
    source::system::System,
    strategy::{bump::Bump, ledger::Ledger},
};

const ALL: usize = usize::MAX;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn take<A: Allocate + Check, R: Rounding>(memo: &Memo<A, R>, size: usize, align: usize) -> NonNull<u8> {
    let block = memo.allocate(layout(size, align)).unwrap();
    assert!(block.addr().get().is_multiple_of(align));
    assert_eq!(memo.check(), Ok(()));
    block
}

fn give<A: Allocate + Check, R: Rounding>(memo: &Memo<A, R>, block: NonNull<u8>, size: usize, align: usize) {
    // SAFETY: taken from this memo with a layout of the same class, and
    // given once.
    unsafe { memo.deallocate(block, layout(size, align)) };
    assert_eq!(memo.check(), Ok(()));
}

/// Seed 004's own test.
#[test]
fn a_freed_block_comes_back_for_its_size_and_no_other() {
    let memo = Memo::new(Ledger::new(), ALL);
    let (int, long) = (take(&memo, 12, 4), take(&memo, 24, 8));
    give(&memo, int, 12, 4);
    let other = take(&memo, 13, 4);
    assert_ne!(other, int);
    assert_eq!(take(&memo, 12, 4), int);
    assert_eq!(memo.parent.requests(), 3);
    for (block, size, align) in [(int, 12, 4), (long, 24, 8), (other, 13, 4)] {
        give(&memo, block, size, align);
    }
}

/// Seed 004, H5: a header took every block off its alignment.
#[test]
fn recycled_blocks_keep_the_alignment_they_were_asked_with() {
    let memo = Memo::new(Ledger::new(), ALL);
    for align in (0..=14).map(|bit| 1 << bit) {
        let first = take(&memo, 16, align);
        give(&memo, first, 16, align);
        assert_eq!(take(&memo, 16, align), first);
        give(&memo, first, 16, align);
    }
}

/// Seed 004, H6: the end freed only some of the blocks.
#[test]
fn everything_kept_goes_back_at_the_end() {
    let parent = Ledger::new();
    let memo = Memo::new(&parent, ALL);
    let blocks = Vec::from_iter((1..=100).map(|size| (take(&memo, size, 8), size)));
    for (block, size) in blocks {
        give(&memo, block, size, 8);
    }
    assert!(parent.blocks() > 0);
    drop(memo);
    assert_eq!(parent.blocks(), 0);
}

/// Seed 004, H7: nothing noticed a block that was freed twice.
#[test]
fn a_walk_finds_a_block_that_was_freed_twice() {
    let memo = Memo::new(Ledger::new(), ALL);
    let block = take(&memo, 16, 8);
    give(&memo, block, 16, 8);
    // SAFETY: breaks the contract, but the block stays the memo's; only
    // the walk reads the list.
    unsafe { memo.deallocate(block, layout(16, 8)) };
    assert!(memo.check().is_err());
    memo.core.slots.iter().for_each(|slot| slot.blocks.clear());
    // SAFETY: asked of the parent with this layout; in no list any more.
    unsafe { memo.parent.deallocate(block, layout(16, 8)) };
}

/// Seed 004, H8 and H18: what is empty is no block, and freeing it harmless.
#[test]
fn an_empty_request_takes_nothing_and_leaves_nothing() {
    let memo = Memo::new(Ledger::new(), ALL);
    let block = memo.allocate(layout(0, 64)).unwrap();
    give(&memo, block, 0, 64);
    assert_eq!((memo.granted(layout(0, 64)), memo.bytes_kept(), memo.parent.requests()), (0, 0, 0));
}

/// Seed 004, H9: nobody looked whether the parent had failed.
#[test]
fn a_failing_parent_changes_nothing() {
    let memo = Memo::new(Ledger::new(), ALL);
    let block = take(&memo, 16, 8);
    memo.parent.fail_after(0);
    assert_eq!(memo.allocate(layout(16, 8)), Err(AllocError));
    assert_eq!(memo.allocate_zeroed(layout(16, 8)), Err(AllocError));
    give(&memo, block, 16, 8);
    assert_eq!(take(&memo, 16, 8), block, "what is kept needs no parent");
    give(&memo, block, 16, 8);
}

/// Seed 004, H10: exact sizes recycled nothing, and there was no other way.
#[test]
fn classes_recycle_one_anothers_sizes() {
    let memo = Memo::by_class(Ledger::new(), Quad::<128>, ALL);
    for size in (1..=100).rev() {
        let block = take(&memo, size, 1);
        give(&memo, block, size, 1);
    }
    assert_eq!(memo.parent.requests(), 7, "one a class");
}

/// Seed 004, H10: nothing bounded what was kept.
#[test]
fn no_more_is_kept_than_the_limit() {
    for limit in [0, 15, 16, 100] {
        let memo = Memo::new(Ledger::new(), limit);
        let blocks = Vec::from_iter((0..20).map(|_| take(&memo, 16, 8)));
        for block in blocks {
            give(&memo, block, 16, 8);
        }
        assert_eq!((memo.bytes_kept(), memo.parent.blocks()), (limit / 16 * 16, limit / 16));
    }
}

/// Seed 004, H11: the size of the header was added to any size.
#[test]
fn impossible_sizes_fail_and_are_granted_as_asked() {
    fn check<R: Rounding>(memo: &Memo<System, R>) {
        for align in (0..usize::BITS - 1).map(|bit| 1 << bit) {
            for less in [0, 1, 7, 8, 100] {
                let huge = layout(SIZE_MAX - (align - 1) - less.min(SIZE_MAX - align), align);
                assert_eq!(memo.allocate(huge), Err(AllocError));
                assert!(memo.granted(huge) >= huge.size());
            }
        }
    }
    check(&Memo::new(System, ALL));
    check(&Memo::by_class(System, Pow2::<16, 1024>, ALL));
}

/// Seed 004, H12: past some number of kept sizes, they were mixed up.
#[test]
fn more_sizes_than_lists_are_kept_as_far_as_they_fit() {
    let memo = Memo::new(Ledger::new(), ALL);
    let blocks = Vec::from_iter((1..=1000).map(|size| (take(&memo, size * 8, 8), size * 8)));
    for &(block, size) in &blocks {
        give(&memo, block, size, 8);
    }
    assert!(memo.parent.blocks() <= SLOTS);
    assert!(memo.bytes_kept() > 0);
    for &(_, size) in blocks.iter().rev() {
        let block = take(&memo, size, 8);
        // SAFETY: a live block of that size.
        unsafe { block.write_bytes(1, size) };
        give(&memo, block, size, 8);
    }
}

#[test]
fn sizes_that_went_out_of_use_make_room() {
    let memo = Memo::new(Ledger::new(), ALL);
    for size in 1..=1000 {
        let block = take(&memo, size * 8, 8);
        give(&memo, block, size * 8, 8);
    }
    for size in [9000, 9008, 10_000] {
        let recycled = (0..4).any(|_| {
            let block = take(&memo, size, 8);
            give(&memo, block, size, 8);
            let requests = memo.parent.requests();
            give(&memo, take(&memo, size, 8), size, 8);
            memo.parent.requests() == requests
        });
        assert!(recycled, "{size}");
    }
}

#[test]
fn any_layout_of_the_class_frees_a_block() {
    let memo = Memo::new(Ledger::with_grain(48), ALL);
    let block = take(&memo, 49, 8);
    give(&memo, block, 96, 8);
    assert_eq!(take(&memo, 60, 8), block);
    give(&memo, block, 50, 8);
    memo.trim();
    assert_eq!(memo.parent.blocks(), 0);
}

#[test]
fn the_class_is_granted_and_beyond_the_table_what_the_parent_grants() {
    let memo = Memo::by_class(Ledger::with_grain(48), Pow2::<16, 256>, ALL);
    for (size, align, granted) in
        [(1, 1, 16), (17, 8, 32), (200, 64, 256), (256, 256, 256), (257, 1, 288), (100, 512, 144)]
    {
        assert_eq!(memo.granted(layout(size, align)), granted);
        assert_eq!(memo.granted(layout(granted, align)), granted);
        let block = take(&memo, size, align);
        give(&memo, block, granted, align);
    }
}

#[test]
fn trimming_gives_back_what_is_kept_and_nothing_else() {
    let memo = Memo::new(Ledger::new(), ALL);
    let (live, freed) = (take(&memo, 16, 8), take(&memo, 16, 8));
    give(&memo, freed, 16, 8);
    memo.trim();
    assert_eq!((memo.bytes_kept(), memo.parent.blocks(), memo.check()), (0, 1, Ok(())));
    give(&memo, live, 16, 8);
}

#[test]
fn a_recycled_zeroed_block_is_zero_in_all_that_is_granted() {
    let memo = Memo::new(Ledger::with_grain(48), ALL);
    let block = take(&memo, 10, 8);
    // SAFETY: a live block; all that is granted.
    unsafe { block.write_bytes(0xA5, 48) };
    give(&memo, block, 10, 8);
    assert_eq!(memo.allocate_zeroed(layout(11, 8)), Ok(block));
    // SAFETY: initialised and granted.
    assert_eq!(unsafe { block.cast::<[u8; 48]>().read() }, [0; 48]);
    give(&memo, block, 11, 8);
}

#[test]
fn a_block_keeps_its_class_whatever_the_parent_could_do() {
    let memo = Memo::new(Bump::new(Ledger::new(), 4096), ALL);
    let block = take(&memo, 4, 4);
    for (old, new, result) in [
        (layout(4, 4), layout(8, 4), Ok(())),
        (layout(8, 4), layout(9, 4), Err(AllocError)),
        (layout(8, 4), layout(8, 8), Err(AllocError)),
        (layout(8, 4), layout(0, 4), Err(AllocError)),
    ] {
        // SAFETY: live; `old` is what the last success left.
        assert_eq!(unsafe { memo.resize(block, old, new) }, result);
    }
    give(&memo, block, 1, 4);
    assert_eq!((memo.bytes_kept(), memo.parent.used()), (8, 8));
}

#[test]
fn it_owns_what_its_parent_owns() {
    let memo = Memo::new(Bump::new(Ledger::new(), 4096), ALL);
    let other = Memo::new(Bump::new(Ledger::new(), 4096), ALL);
    let (own, foreign) = (take(&memo, 4, 4), take(&other, 4, 4));
    assert!(memo.owns(own, layout(4, 4)) && !memo.owns(foreign, layout(4, 4)));
}

#[test]
fn a_size_out_of_use_gives_up_its_share_of_the_limit() {
    let memo = Memo::new(Ledger::new(), 1600);
    let blocks = Vec::from_iter((0..100).map(|_| take(&memo, 16, 8)));
    for block in blocks {
        give(&memo, block, 16, 8);
    }
    for _ in 0..10 {
        let block = take(&memo, 80, 8);
        give(&memo, block, 80, 8);
    }
    let requests = memo.parent.requests();
    let block = take(&memo, 80, 8);
    give(&memo, block, 80, 8);
    assert_eq!(memo.parent.requests(), requests);
}

#[test]
fn the_limit_counts_what_the_parent_granted() {
    let memo = Memo::by_class(Ledger::with_grain(48), Pow2::<16, 64>, 100);
    let blocks = [(); 3].map(|()| take(&memo, 16, 8));
    for block in blocks {
        give(&memo, block, 16, 8);
    }
    assert_eq!((memo.bytes_kept(), memo.parent.blocks()), (96, 2));
}

#[test]
fn a_reset_forgets_what_is_kept_before_the_parent_ends_it() {
    let mut memo = Memo::new(Ledger::new(), ALL);
    let block = take(&memo, 16, 8);
    give(&memo, block, 16, 8);
    take(&memo, 32, 8);
    memo.reset();
    assert_eq!((memo.bytes_kept(), memo.parent.blocks(), memo.check()), (0, 0, Ok(())));
}

#[test]
fn it_fits_a_constant_and_changes_threads() {
    let memo = const { Memo::new(System, 4096) };
    give(&memo, take(&memo, 16, 8), 16, 8);
    assert_eq!(std::thread::spawn(move || memo.bytes_kept()).join().unwrap(), 16);
}
