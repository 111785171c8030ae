//! Class 6: regions that are tiny or lie oddly, sizes that are huge, sums that overflow.
//!
//! `linked_list_allocator` wrote its first header beyond a region that was too small,
//! [RUSTSEC-2022-0063], and had trouble with huge layouts, [linked_list#60]; a tag of talc
//! lay on a size, and growing by too little went on for ever, [talc#47], [talc#49];
//! bump-scope hung in the same way, [bump-scope#127].
//!
//! [RUSTSEC-2022-0063]: https://rustsec.org/advisories/RUSTSEC-2022-0063.html
//! [linked_list#60]: https://github.com/rust-osdev/linked-list-allocator/issues/60
//! [talc#47]: https://github.com/SFBdragon/talc/issues/47
//! [talc#49]: https://github.com/SFBdragon/talc/pull/49
//! [bump-scope#127]: https://github.com/bluurryy/bump-scope/pull/127

use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};

use blockwork::{
    Allocate, BlockAt, BlockPool, Buffer, Bump, ConcurrentBlockPool, Memo, MixedSlab, PerChunk, Slab, SlabConfig,
    SlabPolicy, SpanPool, SpanPoolConfig,
};

use super::each;

/// What `heap` gives of the region, of blocks for `layout`: they are inside, apart from
/// each other and from what lies around; and as many again when they were freed, or at
/// most so many where a bump keeps what is freed out of order.
fn exhausts(name: &str, heap: &dyn Allocate, region: core::ops::Range<usize>, layout: Layout) {
    let mut first = None;
    for _ in 0..2 {
        let mut blocks: Vec<NonNull<u8>> = core::iter::from_fn(|| heap.allocate(layout).ok()).take(300).collect();
        let granted = heap.granted(layout);
        let mut ends = Vec::new();
        for block in &blocks {
            let start = block.addr().get();
            assert!(region.start <= start && start + granted <= region.end, "{name}: outside of {region:?}");
            assert!(start.is_multiple_of(layout.align()), "{name}: not aligned");
            // SAFETY: fresh, and valid for what is granted.
            unsafe { block.write_bytes(0x99, granted) };
            ends.push((start, start + granted));
        }
        ends.sort_unstable();
        assert!(ends.windows(2).all(|two| two[0].1 <= two[1].0), "{name}: blocks overlap in {region:?}");
        let before = *first.get_or_insert(blocks.len());
        assert!(before == blocks.len() || (before > blocks.len() && OVER_BUMP.contains(&name)), "{name}: {region:?}");
        // Last in, first out: what a bump wants.
        while let Some(block) = blocks.pop() {
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}

/// They give what they do not keep back to a bump, from the front perhaps.
const OVER_BUMP: &[&str] = &["slots", "mixed", "spans"];

/// Builds a part in a buffer, for someone to use it.
type Build<'a> = dyn Fn(Buffer<'_>, &mut dyn FnMut(&dyn Allocate)) + 'a;

#[test]
fn a_region_of_every_size_at_every_place_is_used_and_nothing_around_it() {
    const SIZE: usize = 256;
    #[repr(align(256))]
    struct Room([MaybeUninit<u8>; SIZE + 64 + 64]);
    let mut room = Room([MaybeUninit::new(0xA5); SIZE + 64 + 64]);
    let block = BlockAt::new(24, 8).unwrap();
    let word = Layout::new::<u64>();
    for place in 0..64 {
        for size in (0..=SIZE).step_by(if place < 2 { 1 } else { 7 }) {
            let mut within = |name: &str, build: &Build<'_>| {
                room.0.fill(MaybeUninit::new(0xA5));
                let region = &mut room.0[place..place + size];
                let (start, end) = (region.as_ptr().addr(), region.as_ptr().addr() + size);
                build(Buffer::new(region), &mut |heap| exhausts(name, heap, start..end, word));
                let around = room.0[..place].iter().chain(&room.0[place + size..]);
                // SAFETY: all of it was written above.
                let mut around = around.map(|byte| unsafe { byte.assume_init() });
                assert!(around.all(|byte| byte == 0xA5), "{name}: wrote around {size} bytes at {place}");
            };
            within("buffer", &|buffer, use_it| use_it(&buffer));
            within("bump", &|buffer, use_it| use_it(&Bump::new_all(buffer)));
            within("blocks", &|buffer, use_it| {
                if let Ok(pool) = BlockPool::try_new_all(buffer, block) {
                    use_it(&pool);
                }
            });
            within("blocks by chunk", &|buffer, use_it| {
                if let Ok(pool) = BlockPool::try_all_with_policy(buffer, block, PerChunk) {
                    use_it(&pool);
                }
            });
            within("concurrent blocks", &|buffer, use_it| {
                if let Ok(pool) = ConcurrentBlockPool::try_new_all(buffer, block) {
                    use_it(&pool);
                }
            });
            if size % 7 == 0 {
                within("memo", &|buffer, use_it| use_it(&Memo::new(Bump::new_all(buffer), usize::MAX)));
                within("slots", &|buffer, use_it| {
                    let config = SlabConfig { slot_size: 8, slab_size: 128, keep: 1 };
                    use_it(&Slab::try_new(Bump::new_all(buffer), config).unwrap());
                });
                within("mixed", &|buffer, use_it| {
                    use_it(&MixedSlab::try_new(Bump::new_all(buffer), SlabPolicy { slab_size: 128, keep: 1 }).unwrap());
                });
                within("spans", &|buffer, use_it| {
                    let config = SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT };
                    use_it(&SpanPool::try_new(Bump::new_all(buffer), config).unwrap());
                });
            }
        }
    }
}

/// Whatever cannot be is refused, at once, and nothing is the matter afterwards.
#[test]
fn sizes_near_the_end_of_all_memory_are_refused_by_every_part() {
    let small = Layout::new::<[u64; 5]>();
    each(|name, heap| {
        let held = heap.allocate(small).unwrap();
        for align in [1_usize, 16, 4096, 1 << 30] {
            let most = isize::MAX as usize + 1 - align;
            for less in [0, 1, 8, 64, 4096, 65_536, 1 << 32] {
                let Ok(layout) = Layout::from_size_align(most.saturating_sub(less), align) else { continue };
                assert!(heap.allocate(layout).is_err(), "{name}: {layout:?}");
                assert!(heap.allocate_zeroed(layout).is_err(), "{name}: {layout:?}");
                assert!(heap.granted(layout) >= layout.size(), "{name}: {layout:?}");
                let new = Layout::from_size_align(layout.size(), 8);
                // SAFETY: live, with this layout.
                let resized = new.map(|new| unsafe { heap.resize(held, small, new) });
                assert!(!matches!(resized, Ok(Ok(()))), "{name}: {layout:?}");
            }
        }
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(held, small) };
    });
}
