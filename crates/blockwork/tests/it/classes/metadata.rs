//! Class 7: books that were never written, or are one for all.
//!
//! static-alloc read memory that nobody had written, [RUSTSEC-2025-0042], as slotmap did,
//! [slotmap#150]; bump-scope's allocators without memory shared one empty header, and wrote
//! to it for requests of no bytes, from any thread, [bump-scope#90], [bump-scope#91].
//!
//! [RUSTSEC-2025-0042]: https://rustsec.org/advisories/RUSTSEC-2025-0042.html
//! [slotmap#150]: https://github.com/orlp/slotmap/pull/150
//! [bump-scope#90]: https://github.com/bluurryy/bump-scope/issues/90
//! [bump-scope#91]: https://github.com/bluurryy/bump-scope/issues/91

use core::{alloc::Layout, mem::MaybeUninit};
use std::thread;

use blockwork::{
    Allocate, Arena, BlockAt, BlockPool, Buffer, Bump, Check, ConcurrentBlockPool, Interner, List, Memo, MixedSlab,
    Pool, Quad, SizeClasses, Slab, SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, System,
};

/// What a part does in memory full of any byte is the same.
#[test]
fn what_is_in_a_region_before_is_of_no_consequence() {
    fn trail(byte: u8) -> Vec<usize> {
        #[repr(align(4096))]
        struct Room([MaybeUninit<u8>; 1 << 16]);
        let mut room = Box::new(Room([MaybeUninit::new(byte); 1 << 16]));
        let base = room.0.as_ptr().addr();
        let mut trail = Vec::new();
        let mut look = |heap: &dyn Allocate, check: Result<(), &'static str>| {
            assert_eq!(check, Ok(()));
            let mut held = Vec::new();
            for turn in 0..40 {
                let layout = Layout::from_size_align([8, 24, 16, 40][turn % 4], 8).unwrap();
                let block = heap.allocate(layout);
                trail.push(block.map_or(0, |block| block.addr().get() - base));
                held.extend(block.map(|block| (block, layout)));
                if turn % 3 == 2 {
                    let (block, layout) = held.swap_remove(turn % held.len());
                    // SAFETY: allocated above with this layout.
                    unsafe { heap.deallocate(block, layout) };
                }
            }
            for (block, layout) in held {
                // SAFETY: as above.
                unsafe { heap.deallocate(block, layout) };
            }
        };
        macro_rules! look {
            (|$buffer:ident| $heap:expr) => {{
                room.0.fill(MaybeUninit::new(byte));
                let $buffer = Buffer::new(&mut room.0);
                let heap = $heap;
                look(&heap, heap.check());
            }};
        }
        look!(|buffer| Bump::new_all(buffer));
        look!(|buffer| BlockPool::try_new_all(buffer, BlockAt::new(40, 8).unwrap()).unwrap());
        look!(|buffer| ConcurrentBlockPool::try_new_all(buffer, BlockAt::new(40, 8).unwrap()).unwrap());
        look!(|buffer| Slab::try_new(Bump::new_all(buffer), SlabConfig { slot_size: 40, slab_size: 4096, keep: 1 })
            .unwrap());
        look!(|buffer| MixedSlab::try_new(Bump::new_all(buffer), SlabPolicy { slab_size: 4096, keep: 1 }).unwrap());
        look!(|buffer| SpanPool::try_new(
            Bump::new_all(buffer),
            SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT }
        )
        .unwrap());
        look!(|buffer| Memo::new(Bump::new_all(buffer), 1 << 12));
        trail
    }
    let zeroes = trail(0);
    for byte in [0xA5, 0xFF, 0x01] {
        assert_eq!(trail(byte), zeroes, "{byte:#x}");
    }
}

/// Empty ones in constants, used by many threads at a time: under `ThreadSanitizer`, what
/// they share would show.
#[test]
fn what_is_empty_is_nobody_elses() {
    const NOTHING: Layout = Layout::new::<()>();
    const WIDE: Layout = Layout::new::<[u128; 0]>();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let arena: Arena<System> = const { Arena::with_defaults(System) };
                    let pool: Pool<u64, System> = const { Pool::new(System) };
                    let names: Interner<System> = Interner::with_defaults(System);
                    let list: List<u64, System> = const { List::new() };
                    let bump = Bump::new(System, 64);
                    let classes =
                        SizeClasses::<Quad<1024>, SlabHead<_>, _>::try_new(System, SlabPolicy::DEFAULT).unwrap();
                    for heap in [&arena as &dyn Allocate, &bump, &classes] {
                        for layout in [NOTHING, WIDE] {
                            let block = heap.allocate(layout).unwrap();
                            // SAFETY: just allocated with this layout.
                            unsafe { heap.deallocate(block, layout) };
                        }
                    }
                    assert_eq!((pool.values_live(), names.len(), list.len()), (0, 0, 0));
                    assert_eq!((arena.check(), bump.check()), (Ok(()), Ok(())));
                }
            });
        }
    });
}
