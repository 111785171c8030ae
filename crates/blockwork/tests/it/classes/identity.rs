//! Class 4: which allocator a block is of: one that was moved, copied, changed, or is
//! another one.
//!
//! An allocator with its bytes inside that is passed by value leaves its blocks behind
//! when it moves (static-alloc 0.3.3's `Bump`); bump-scope's were copied bit by bit,
//! [bump-scope#134], or changed through `&mut`, [bump-scope#137], and a block of an outer
//! scope was grown and freed in an inner one, [GHSA-xhx6-q96x-pf9c].
//!
//! [bump-scope#134]: https://github.com/bluurryy/bump-scope/pull/134
//! [bump-scope#137]: https://github.com/bluurryy/bump-scope/issues/137
//! [GHSA-xhx6-q96x-pf9c]: https://github.com/advisories/GHSA-xhx6-q96x-pf9c

use core::{alloc::Layout, mem::MaybeUninit};

use blockwork::{
    Allocate, Arena, ArenaConfig, ArenaVec, Buffer, Bump, Check, Counted, Fallback, LastResort, Memo, Owns, Region,
    System,
    alloc::reallocate,
    testing::{Op, Pick, Strict, Suite},
};

use crate::notation;

/// Allocations, changes and frees, with a move of the part after each of them.
fn restless() -> Vec<Op> {
    let sizes = [8, 40, 48, 200, 1000, 5000];
    let layout = |turn: usize| Layout::from_size_align(sizes[turn % sizes.len()], 8).unwrap();
    let ops = (0..60).map(|turn| match turn % 4 {
        0 | 1 => Op::Allocate { slot: turn % 7, layout: layout(turn), zeroed: turn % 3 == 0 },
        2 => Op::Resize { slot: (turn + 3) % 7, pick: Pick(0), size: layout(turn).size() + turn },
        _ => Op::Free { slot: (turn + 1) % 7, pick: Pick(255) },
    });
    ops.flat_map(|op| [op, Op::Relocate]).collect()
}

#[test]
fn a_part_may_move_between_any_two_calls() {
    let operations = restless();
    for suite in notation::suites() {
        let moved: Result<(), _> = Suite::replay(&suite, &operations);
        assert_eq!(moved, Ok(()), "{}", suite.name());
    }
}

/// Both sides have memory of the same parent; who is asked goes by who owns, even when a
/// block that one side refused once would fit there now.
#[test]
fn frees_find_their_side_after_the_sides_have_changed() {
    const WORD: Layout = Layout::new::<[u64; 4]>();
    let strict = Strict::new();
    let mut room = [MaybeUninit::uninit(); 256];
    let heap = Fallback::new(Memo::new(Bump::new_all(Buffer::new(&mut room)), 1 << 10), Counted::new(&strict));
    let blocks = [(); 20].map(|()| heap.allocate(WORD).unwrap());
    let outside = strict.live_blocks();
    assert!((8..20).contains(&outside));
    // SAFETY: allocated above with this layout, freed once.
    blocks.into_iter().for_each(|block| unsafe { heap.deallocate(block, WORD) });
    assert_eq!((strict.live_blocks(), strict.faults(), heap.check()), (0, vec![], Ok(())));

    let mut room = [MaybeUninit::uninit(); 256];
    let (parent, reserve) =
        (blockwork::testing::Failing::new(&strict, blockwork::testing::When::Every(2)), Buffer::new(&mut room));
    let heap = LastResort::new(Counted::new(&parent), Bump::new_all(reserve));
    let blocks = [(); 12].map(|()| heap.allocate(WORD));
    assert!(blocks.iter().all(Result::is_ok));
    // SAFETY: as above.
    blocks.into_iter().flatten().rev().for_each(|block| unsafe { heap.deallocate(block, WORD) });
    assert_eq!((strict.live_blocks(), strict.faults(), heap.check()), (0, vec![], Ok(())));
}

#[test]
fn nobody_owns_a_block_of_his_neighbour() {
    const WORD: Layout = Layout::new::<u64>();
    let mut rooms = [[MaybeUninit::uninit(); 128], [MaybeUninit::uninit(); 128]];
    let [one, other] = &mut rooms;
    let (one, other) = (Bump::new_all(Buffer::new(one)), Bump::new_all(Buffer::new(other)));
    let mut blocks = Vec::new();
    while let (Ok(here), Ok(there)) = (one.allocate(WORD), other.allocate(WORD)) {
        blocks.push((here, there));
    }
    assert!(blocks.len() >= 14);
    for (here, there) in blocks {
        assert!(one.owns(here, WORD) && other.owns(there, WORD));
        assert!(!one.owns(there, WORD) && !other.owns(here, WORD));
    }
}

/// Whatever an inner scope does with it, an outer block keeps its bytes, and the next
/// one is aligned.
#[test]
fn an_outer_block_that_an_inner_scope_grows_or_frees_is_safe() {
    let strict = Strict::new();
    let config = ArenaConfig { span_first: 256, span_max: 256, ..ArenaConfig::DEFAULT };
    for old in [1, 3, 8, 24, 100, 400] {
        for new in [1, 2, 8, 30, 150, 500] {
            let mut arena = Arena::try_new(&strict, config).unwrap();
            let layout = |size| Layout::from_size_align(size, 1).unwrap();
            let outer = arena.allocate(layout(old)).unwrap();
            // SAFETY: fresh, of that size.
            unsafe { outer.write_bytes(0x77, old) };
            arena.scope(|scope| {
                // SAFETY: a block of the same arena, with this layout.
                let grown = unsafe { reallocate(&scope, outer, layout(old), layout(new)) }.unwrap();
                // SAFETY: so many bytes were written, and kept.
                let bytes = unsafe { core::slice::from_raw_parts(grown.as_ptr(), old.min(new)) };
                assert!(bytes.iter().all(|&byte| byte == 0x77));
                let word = scope.alloc(0_u128);
                assert!(core::ptr::from_mut(word).is_aligned());
                // SAFETY: as above.
                unsafe { scope.deallocate(grown, layout(new)) };
                let mut values = ArenaVec::<u64, _>::new_in(&scope);
                values.extend(0..100);
                assert!(values.as_ptr().is_aligned() && values.iter().copied().eq(0..100));
                assert_eq!(scope.check(), Ok(()));
            });
            assert!(core::ptr::from_mut(arena.alloc(0_u128)).is_aligned());
            assert_eq!(arena.check(), Ok(()));
        }
    }
    assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]));
}

/// What lies inside moves, so it is lent, and lent memory cannot move.
#[test]
fn no_source_carries_its_bytes() {
    assert!(size_of::<Buffer<'static>>() <= size_of::<[usize; 3]>());
    assert!(size_of::<Bump<Buffer<'static>>>() <= size_of::<[usize; 16]>());
    assert_eq!(size_of::<System>(), 0);
}
