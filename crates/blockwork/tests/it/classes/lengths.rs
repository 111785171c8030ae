//! Class 1: the wrong length copied or zeroed when a block changes its size.
//!
//! bumpalo copied as many bytes as the new block has, beyond the end of the old one,
//! [RUSTSEC-2020-0006]; its `grow_zeroed` left bytes as they were, [bumpalo#321], and
//! [bumpalo#335] took the length for the capacity, which no test saw because they were
//! always equal; mimalloc's binding looked at the old size for the new one, [mimalloc#64].
//!
//! [RUSTSEC-2020-0006]: https://rustsec.org/advisories/RUSTSEC-2020-0006.html
//! [bumpalo#321]: https://github.com/fitzgen/bumpalo/pull/321
//! [bumpalo#335]: https://github.com/fitzgen/bumpalo/pull/335
//! [mimalloc#64]: https://github.com/purpleprotocol/mimalloc_rust/pull/64

use core::{alloc::Layout, slice};

use blockwork::{
    Allocate, Arena, ArenaConfig, ArenaVec, List, Slice,
    alloc::{reallocate, reallocate_zeroed},
    testing::Strict,
};

use super::each;
use crate::typed::heaps::{Coarse, Exact, Roomy, Watched, assert_clean};

const SIZES: &[usize] = &[0, 1, 7, 8, 16, 47, 48, 49, 200, 1000, 1024, 1025, 3000, 5000];

/// From every size to every other, and back: with a neighbour on either side.
fn change(name: &str, heap: &dyn Allocate, old: usize, new: usize, zeroed: bool) {
    let layout = |size| Layout::from_size_align(size, 8).unwrap();
    let guard = layout(24);
    let take = |layout: Layout, byte| {
        let block = heap.allocate(layout).unwrap();
        // SAFETY: fresh, and valid for all that is granted.
        unsafe { block.write_bytes(byte, heap.granted(layout)) };
        block
    };
    let (before, block, behind) = (take(guard, 0xB1), take(layout(old), 0x5A), take(guard, 0xB2));
    let change = if zeroed { reallocate_zeroed } else { reallocate };
    // SAFETY: live, from this heap, with this layout.
    let block = unsafe { change(heap, block, layout(old), layout(new)) }.unwrap();
    // SAFETY: live, with as many bytes, of which no more are looked at than were written.
    let bytes = unsafe { slice::from_raw_parts(block.as_ptr(), if zeroed { new } else { old.min(new) }) };
    let kept = old.min(new);
    assert!(bytes[..kept].iter().all(|&byte| byte == 0x5A), "{name}: {old} to {new} lost a byte");
    assert!(bytes[kept..].iter().all(|&byte| byte == 0), "{name}: {old} to {new} is not zeroed");
    // SAFETY: valid for all that is granted.
    unsafe { block.write_bytes(0xC7, heap.granted(layout(new))) };
    for (guard_block, byte) in [(before, 0xB1), (behind, 0xB2)] {
        // SAFETY: live, and written.
        let bytes = unsafe { slice::from_raw_parts(guard_block.as_ptr(), guard.size()) };
        assert!(bytes.iter().all(|&found| found == byte), "{name}: {old} to {new} wrote beside the block");
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(guard_block, guard) };
    }
    // SAFETY: as above, with its last layout.
    unsafe { heap.deallocate(block, layout(new)) };
}

#[test]
fn a_block_keeps_what_both_sizes_have_and_no_byte_more() {
    each(|name, heap| {
        for &old in SIZES {
            for &new in SIZES {
                // The bytes behind the old length are zero only if the grant was not used.
                change(name, heap, old, new, false);
            }
        }
    });
}

#[test]
fn what_grows_zeroed_is_zero_behind_what_it_was() {
    each(|name, heap| {
        for &old in SIZES {
            for &new in SIZES {
                change(name, heap, heap.granted(Layout::from_size_align(old, 8).unwrap()), new, true);
            }
        }
    });
}

/// From every capacity, with every length up to it: they are not always the same.
fn grows<A: Watched>() {
    for capacity in 0..20_usize {
        for len in 0..=capacity {
            for more in [1, 2, 5, 17, 40] {
                let mut list = List::<u16, A>::with_capacity(capacity);
                list.extend((0..).take(len));
                list.reserve(more);
                assert!(list.capacity() >= len + more);
                list.extend((u16::try_from(len).unwrap()..).take(more));
                assert!(list.iter().copied().eq((0..).take(len + more)), "{capacity}, {len}, {more}");
                list.truncate(len);
                list.shrink_to_fit();
                assert!(list.iter().copied().eq((0..).take(len)));
                let mut slice: Slice<u16, A> = list.into_slice();
                slice.resize(len + more, 0xAAAA);
                assert!(slice.iter().copied().eq((0..).take(len).chain((0..more).map(|_| 0xAAAA))));
            }
        }
    }
    assert_clean::<A>();
}

#[test]
fn a_list_grows_from_every_length_at_every_capacity() {
    grows::<Exact>();
    grows::<Coarse>();
    grows::<Roomy>();
}

#[test]
fn a_vector_in_an_arena_grows_from_every_length_at_every_capacity() {
    let strict = Strict::new();
    let config = ArenaConfig { span_first: 128, span_max: 1024, ..ArenaConfig::DEFAULT };
    for last in [false, true] {
        for capacity in 0..20_usize {
            for len in 0..=capacity {
                for more in [1, 2, 5, 17, 40] {
                    let arena = Arena::try_new(&strict, config).unwrap();
                    let mut values = ArenaVec::<u16, _>::with_capacity_in(capacity, &arena);
                    // It grows in place, or somebody is behind it.
                    let guard = last.then(|| ArenaVec::<u16, _>::with_capacity_in(4, &arena));
                    values.extend((0..).take(len));
                    values.reserve(more);
                    values.extend((u16::try_from(len).unwrap()..).take(more));
                    assert!(values.iter().copied().eq((0..).take(len + more)), "{capacity}, {len}, {more}");
                    values.truncate(len);
                    values.shrink_to_fit();
                    assert!(values.iter().copied().eq((0..).take(len)));
                    drop(guard);
                }
            }
        }
    }
    assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]));
}
