use core::ptr::NonNull;

use heap::vec::Vec;

use super::*;
use crate::{math::amount::Const, strategy::ledger::Ledger};

/// Slabs of one KiB with 15 slots of 64 bytes.
const CONFIG: SlabConfig<Const<64>, Const<1024>> = SlabConfig { slot_size: Const, slab_size: Const, keep: 0 };
const SLOTS: usize = 15;

type Small<'a> = Slab<&'a Ledger, Const<64>, Const<1024>>;

fn keeping(parent: &Ledger, keep: usize) -> Small<'_> {
    Slab::try_new(parent, SlabConfig { keep, ..CONFIG }).unwrap()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

const SLOT: Layout = match Layout::from_size_align(64, 64) {
    Ok(layout) => layout,
    Err(_) => panic!("64 is a power of two"),
};

fn take(slab: &Small<'_>, count: usize) -> Vec<NonNull<u8>> {
    (0..count).map(|_| slab.allocate(SLOT).unwrap()).inspect(|_| slab.check().unwrap()).collect()
}

fn free(slab: &Small<'_>, block: NonNull<u8>) {
    // SAFETY: the tests free what they allocated, once.
    unsafe { slab.deallocate(block, SLOT) };
    assert_eq!(slab.check(), Ok(()));
}

#[test]
fn a_new_one_takes_no_memory() {
    let parent = Ledger::new();
    let _slab = keeping(&parent, 1);
    assert_eq!(parent.requests(), 0);
}

#[test]
fn a_slot_serves_all_that_it_can_hold() {
    let parent = Ledger::new();
    let slab = Slab::try_new(&parent, SlabConfig { slot_size: 48, ..SlabConfig::DEFAULT }).unwrap();
    for align in (0..14).map(|log| 1 << log) {
        for size in 0..=150 {
            let layout = layout(size, align);
            let serves = (1..=48).contains(&size) && align <= 16;
            assert_eq!(slab.granted(layout), if serves { 48 } else { size });
            assert_eq!(slab.allocate(layout).is_ok(), serves || size == 0, "{layout:?}");
        }
    }
    assert!(slab.allocate(layout(isize::MAX as usize, 1)).is_err());
}

#[test]
fn an_empty_request_takes_nothing() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 1);
    let nothing = layout(0, 4096);
    let block = slab.allocate(nothing).unwrap();
    assert!(block.addr().get().is_multiple_of(4096));
    // SAFETY: an empty block of this allocator.
    unsafe { slab.deallocate(block, nothing) };
    assert_eq!(parent.requests(), 0);
}

#[test]
fn fresh_slots_ascend_side_by_side() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let blocks = take(&slab, SLOTS);
    assert!(blocks.windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() == 64));
    assert_eq!(parent.requests(), 1);
}

#[test]
fn the_last_freed_is_the_next_allocated() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let blocks = take(&slab, 5);
    free(&slab, blocks[2]);
    assert_eq!(take(&slab, 1), [blocks[2]]);
}

#[test]
fn nothing_is_asked_for_while_a_slot_is_free() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let blocks = take(&slab, 10 * SLOTS);
    assert_eq!(parent.requests(), 10);
    for &block in blocks.iter().step_by(7) {
        free(&slab, block);
    }
    take(&slab, blocks.len().div_ceil(7));
    assert_eq!(parent.requests(), 10);
    take(&slab, 1);
    assert_eq!(parent.requests(), 11);
}

#[test]
fn slabs_with_few_free_slots_serve_before_a_new_one() {
    let parent = Ledger::new();
    let slab = Slab::try_new(&parent, SlabConfig { slot_size: 64, slab_size: 4096, keep: 0 }).unwrap();
    let blocks: Vec<_> = (0..4 * 63).map(|_| slab.allocate(SLOT).unwrap()).collect();
    let freed: Vec<_> = blocks.into_iter().step_by(63).collect();
    for &block in &freed {
        // SAFETY: allocated above, freed once.
        unsafe { slab.deallocate(block, SLOT) };
    }
    let mut served: Vec<_> = freed.iter().map(|_| slab.allocate(SLOT).unwrap()).collect();
    served.sort();
    assert!(freed.iter().all(|block| served.contains(block)));
    assert_eq!((parent.requests(), slab.check()), (4, Ok(())));
}

#[test]
fn the_slots_of_a_kept_slab_ascend_again() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 2);
    let blocks = take(&slab, 2 * SLOTS);
    for index in 0..SLOTS {
        free(&slab, blocks[index * 7 % SLOTS]);
    }
    assert_eq!(parent.blocks(), 2);
    assert_eq!(take(&slab, SLOTS), blocks[..SLOTS]);
}

#[test]
fn what_empties_goes_back_unless_kept() {
    for keep in 0..4 {
        let parent = Ledger::new();
        let slab = keeping(&parent, keep);
        let blocks = take(&slab, 6 * SLOTS);
        for &block in &blocks {
            free(&slab, block);
        }
        assert_eq!(parent.blocks(), keep);
        take(&slab, 6 * SLOTS);
        assert_eq!(parent.requests(), 12 - keep);
    }
}

#[test]
fn one_block_to_and_fro_asks_the_parent_once() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 1);
    for _ in 0..100 {
        free(&slab, take(&slab, 1)[0]);
    }
    let full = take(&slab, SLOTS);
    for _ in 0..100 {
        free(&slab, take(&slab, 1)[0]);
    }
    assert_eq!(parent.requests(), 2);
    drop(full);
}

#[test]
fn trimming_gives_back_what_was_kept_and_no_more() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 3);
    let blocks = take(&slab, 3 * SLOTS);
    for &block in &blocks[1..] {
        free(&slab, block);
    }
    slab.trim();
    assert_eq!((parent.blocks(), slab.check()), (1, Ok(())));
    free(&slab, blocks[0]);
    slab.trim();
    assert_eq!((parent.blocks(), slab.check()), (0, Ok(())));
}

#[test]
fn the_fuller_slab_serves_first_so_that_others_empty() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let blocks = take(&slab, 4 * SLOTS);
    let (low, high) = (&blocks[..SLOTS], &blocks[SLOTS..2 * SLOTS]);
    low[..12].iter().chain(&high[..5]).for_each(|&block| free(&slab, block));
    let begin = high[0].addr().get();
    for block in take(&slab, 5) {
        assert!((begin..begin + 1024).contains(&block.addr().get()));
    }
    low[12..].iter().for_each(|&block| free(&slab, block));
    assert_eq!(parent.blocks(), 3);
}

#[test]
fn dropping_gives_back_full_slabs_too() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 2);
    let blocks = take(&slab, 5 * SLOTS);
    free(&slab, blocks[20]);
    drop(slab);
    assert_eq!(parent.blocks(), 0);
}

#[test]
fn a_reset_one_is_as_good_as_new() {
    let parent = Ledger::new();
    let mut slab = keeping(&parent, 2);
    take(&slab, 5 * SLOTS);
    slab.reset();
    assert_eq!((parent.blocks(), slab.check()), (0, Ok(())));
    take(&slab, SLOTS);
    assert_eq!(parent.blocks(), 1);
}

#[test]
fn every_request_of_the_parent_may_fail() {
    for served in 0..5 {
        let parent = Ledger::new();
        let slab = keeping(&parent, 1);
        parent.fail_after(served);
        let blocks: Vec<_> = core::iter::from_fn(|| slab.allocate(SLOT).ok()).collect();
        assert_eq!((blocks.len(), slab.check()), (served * SLOTS, Ok(())));
        assert_eq!(slab.allocate(SLOT), Err(AllocError));
        if let Some(&block) = blocks.first() {
            free(&slab, block);
            assert_eq!(slab.allocate(SLOT), Ok(block));
        }
        parent.fail_after(usize::MAX);
        assert!(slab.allocate(SLOT).is_ok());
    }
}

#[test]
fn slabs_of_one_slot_work() {
    let parent = Ledger::new();
    let slab = Slab::try_new(&parent, SlabConfig { slot_size: 512, slab_size: 1024, keep: 1 }).unwrap();
    let blocks: Vec<_> = (0..3).map(|_| slab.allocate(layout(512, 512)).unwrap()).collect();
    for &block in &blocks {
        // SAFETY: just allocated, freed once.
        unsafe { slab.deallocate(block, layout(512, 512)) };
        assert_eq!(slab.check(), Ok(()));
    }
    assert_eq!((parent.requests(), parent.blocks()), (3, 1));
}

#[test]
fn blocks_stay_where_they_are_when_the_slab_moves() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 1);
    let blocks = take(&slab, 20);
    let moved = heap::boxed::Box::new(slab);
    blocks.iter().for_each(|&block| free(&moved, block));
    assert_eq!(parent.blocks(), 1);
}

#[test]
fn zeroed_slots_are_zero_whatever_was_in_them() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 1);
    let block = take(&slab, 1)[0];
    // SAFETY: a slot of 64 bytes.
    unsafe { block.write_bytes(0xA5, 64) };
    free(&slab, block);
    assert_eq!(slab.allocate_zeroed(layout(3, 1)), Ok(block));
    // SAFETY: all of the slot was zeroed.
    assert_eq!(unsafe { block.cast::<[u8; 64]>().read() }, [0; 64]);
}

#[test]
fn sizes_in_the_type_take_no_space() {
    assert_eq!(size_of::<Small<'_>>() + 2 * size_of::<usize>(), size_of::<Slab<&Ledger>>());
}
