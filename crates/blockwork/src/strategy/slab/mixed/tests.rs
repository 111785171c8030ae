use heap::vec::Vec;

use super::*;
use crate::{math::amount::Const, strategy::ledger::Ledger};

const SLAB: usize = 128;
/// What a slab has for blocks.
const ROOM: usize = SLAB - HEADER_SIZE;

type Small<'a> = MixedSlab<&'a Ledger, Const<SLAB>>;

fn keeping(parent: &Ledger, keep: usize) -> Small<'_> {
    MixedSlab::try_new(parent, SlabPolicy { slab_size: Const, keep }).unwrap()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn take(slab: &Small<'_>, size: usize) -> NonNull<u8> {
    let block = slab.allocate(layout(size, 1)).unwrap();
    assert_eq!(slab.check(), Ok(()));
    block
}

fn free(slab: &Small<'_>, block: NonNull<u8>, size: usize) {
    // SAFETY: the tests free what they took, once.
    unsafe { slab.deallocate(block, layout(size, 1)) };
    assert_eq!(slab.check(), Ok(()));
}

#[test]
fn blocks_of_all_sizes_lie_side_by_side() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let blocks = [1, 7, 30, 2].map(|size| (take(&slab, size).addr().get(), size));
    assert!(blocks.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
    assert_eq!(parent.requests(), 1);
}

/// Seed 004, H13 and H14: the first block of a slab, aligned, ran over its end.
#[test]
fn padding_is_paid_for_in_fresh_slabs_and_oversize_ones() {
    for align in (0..14).map(|log| 1 << log) {
        for size in 0..=4 * SLAB {
            let parent = Ledger::new();
            let slab = keeping(&parent, 0);
            let layout = layout(size, align);
            let block = slab.allocate(layout).unwrap();
            assert!(block.addr().get().is_multiple_of(align), "{layout:?}");
            if size != 0 {
                let memory = parent.layouts()[0].size();
                let begin = parent.blocks_at()[0].addr().get();
                assert!((begin..=begin + memory - size).contains(&block.addr().get()), "{layout:?}");
            }
            assert_eq!(slab.check(), Ok(()));
        }
    }
}

/// Seed 004, H15: an oversize slab in front hid all others.
#[test]
fn an_oversize_block_leaves_the_slabs_alone() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    take(&slab, 8);
    let large = take(&slab, 4 * SLAB);
    for _ in 0..6 {
        take(&slab, 8);
    }
    assert_eq!(parent.requests(), 2);
    free(&slab, large, 4 * SLAB);
    assert_eq!(parent.blocks(), 1);
}

/// Seed 004, H16: slabs were sorted the wrong way, so the first one, which was
/// full, hid all others.
#[test]
fn a_full_slab_does_not_hide_one_with_room() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    take(&slab, ROOM - 36);
    take(&slab, ROOM - 8);
    for _ in 0..3 {
        take(&slab, 12);
    }
    assert_eq!(parent.requests(), 2);
    take(&slab, 8);
    assert_eq!(parent.requests(), 2);
    take(&slab, 1);
    assert_eq!(parent.requests(), 3);
}

/// Seed 004, H17: a walk over the slabs did not see its end, and took the
/// allocator itself for a slab.
#[test]
fn a_search_over_any_number_of_slabs_ends_with_a_new_one() {
    for slabs in 1..20 {
        let parent = Ledger::new();
        let slab = keeping(&parent, 0);
        for left in 0..slabs {
            take(&slab, ROOM - left);
        }
        assert_eq!(parent.requests(), slabs);
        take(&slab, ROOM);
        assert_eq!(parent.requests(), slabs + 1, "none had room");
        for left in (1..slabs).rev() {
            take(&slab, left);
        }
        assert_eq!(parent.requests(), slabs + 1, "each had room for one");
        take(&slab, 1);
        assert_eq!(parent.requests(), slabs + 2, "all are full");
    }
}

/// As in the study of seed 004 (H16), whose slabs were 35 % full: sizes up to
/// five eighths of a slab.
#[test]
fn random_sizes_fill_slabs_well() {
    let parent = Ledger::new();
    let slab = MixedSlab::try_new(&parent, SlabPolicy { slab_size: SLAB, keep: 0 }).unwrap();
    let (mut random, mut used) = (1_u64, 0);
    for _ in 0..20_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = 1 + usize::try_from(random >> 33).unwrap() % (ROOM * 5 / 8);
        slab.allocate(layout(size, 1)).unwrap();
        used += size;
    }
    assert_eq!(slab.check(), Ok(()));
    let percent = used * 100 / (parent.requests() * ROOM);
    assert!(percent >= 95, "{percent} %");
}

#[test]
fn the_fullest_slab_with_room_serves() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let [a, b, c] = [ROOM - 30, ROOM - 20, ROOM - 40].map(|size| take(&slab, size).addr().get() & !(SLAB - 1));
    let served = [20, 25, 31].map(|size| take(&slab, size).addr().get() & !(SLAB - 1));
    assert_eq!(served, [b, a, c]);
}

#[test]
fn a_slab_is_whole_again_when_its_blocks_are_back_in_any_order() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 1);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let blocks = [10, 20, 30].map(|size| (take(&slab, size), size));
        for index in order {
            free(&slab, blocks[index].0, blocks[index].1);
        }
    }
    let whole = take(&slab, ROOM);
    assert_eq!(parent.requests(), 1);
    free(&slab, whole, ROOM);
}

#[test]
fn what_empties_goes_back_unless_kept() {
    for keep in 0..4 {
        let parent = Ledger::new();
        let slab = keeping(&parent, keep);
        let blocks: Vec<_> = (0..6).map(|_| take(&slab, ROOM)).collect();
        for &block in &blocks {
            free(&slab, block, ROOM);
        }
        assert_eq!(parent.blocks(), keep);
        slab.trim();
        assert_eq!((parent.blocks(), slab.check()), (0, Ok(())));
    }
}

#[test]
fn the_last_block_of_a_slab_grows_in_place_and_any_shrinks() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    let (first, last) = (take(&slab, 10), take(&slab, 10));
    let resize = |block, old, new| {
        // SAFETY: live blocks, of these sizes.
        let result = unsafe { slab.resize(block, layout(old, 1), layout(new, 1)) };
        assert_eq!(slab.check(), Ok(()));
        result
    };
    assert_eq!(resize(first, 10, 11), Err(AllocError));
    assert_eq!(resize(last, 10, ROOM - 10), Ok(()));
    assert_eq!(resize(last, ROOM - 10, ROOM - 9), Err(AllocError));
    assert_eq!(resize(last, ROOM - 10, 4 * SLAB), Err(AllocError));
    assert_eq!(resize(last, ROOM - 10, 1), Ok(()));
    assert_eq!(resize(first, 10, 3), Ok(()));
    let more = take(&slab, 5);
    assert_eq!(more.addr().get(), last.addr().get() + 1);
    free(&slab, first, 3);
    free(&slab, more, 5);
    free(&slab, last, 1);
    assert_eq!(parent.blocks(), 0);
}

#[test]
fn oversize_blocks_are_granted_what_the_parent_grants() {
    let parent = Ledger::with_grain(100);
    let slab = keeping(&parent, 0);
    let large = layout(1000, 16);
    let grant = slab.granted(large);
    assert!(grant >= 1000 && (grant + oversize_offset(large)).is_multiple_of(100));
    let block = slab.allocate(large).unwrap();
    let whole = layout(grant, 16);
    // SAFETY: just allocated with this layout.
    assert_eq!(unsafe { slab.resize(block, large, whole) }, Ok(()));
    // SAFETY: just resized to this layout.
    unsafe { slab.deallocate(block, whole) };
    assert_eq!(parent.blocks(), 0);
}

#[test]
fn dropping_gives_back_full_slabs_and_oversize_blocks() {
    let parent = Ledger::new();
    let mut slab = keeping(&parent, 2);
    for size in 1..2 * SLAB {
        take(&slab, size);
    }
    slab.reset();
    assert_eq!((parent.blocks(), slab.check()), (0, Ok(())));
    for size in 1..2 * SLAB {
        take(&slab, size);
    }
    drop(slab);
    assert_eq!(parent.blocks(), 0);
}

/// Seed 004, H9: nobody looked whether the parent had failed.
#[test]
fn every_request_of_the_parent_may_fail() {
    for served in 0..8 {
        let parent = Ledger::new();
        let slab = keeping(&parent, 0);
        parent.fail_after(served);
        let sizes = [ROOM, 4 * SLAB].into_iter().cycle();
        let blocks = sizes.map_while(|size| Some((slab.allocate(layout(size, 1)).ok()?, size)));
        let blocks: Vec<_> = blocks.collect();
        assert_eq!((blocks.len(), slab.check()), (served, Ok(())));
        for (block, size) in blocks {
            free(&slab, block, size);
        }
        assert_eq!(parent.blocks(), 0);
    }
}

/// Seed 004, H11 and H18: sizes wrapped, and empty blocks shared an address
/// with others.
#[test]
fn nothing_overflows_and_nothing_takes_nothing() {
    let parent = Ledger::new();
    let slab = keeping(&parent, 0);
    for huge in [layout(isize::MAX as usize, 1), layout(8, 1 << 62), layout(isize::MAX as usize - 7, 8)] {
        assert_eq!(slab.granted(huge), huge.size());
        assert_eq!(slab.allocate(huge), Err(AllocError));
        assert_eq!(slab.allocate_zeroed(huge), Err(AllocError));
    }
    let nothing = slab.allocate(layout(0, 64)).unwrap();
    // SAFETY: an empty block of this allocator.
    unsafe { slab.deallocate(nothing, layout(0, 64)) };
    assert_eq!(parent.requests(), 0);
}
