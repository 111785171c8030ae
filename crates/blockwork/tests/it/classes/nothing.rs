//! Class 8: values of no size, requests of no bytes.
//!
//! rustc's arena divided by the size of its values, [rust#18037]; boxcar dropped values
//! that never were, [boxcar#41]; static-alloc forgot to drop them; jemalloc's binding
//! stopped at a size of zero.
//!
//! [rust#18037]: https://github.com/rust-lang/rust/issues/18037
//! [boxcar#41]: https://github.com/ibraheemdev/boxcar/issues/41

use core::alloc::Layout;

use blockwork::{
    Allocate, Arena, ArenaBox, ArenaString, ArenaVec, Check, Interner, List, Pool, PoolBox, Region, Slice, System,
    alloc::{reallocate, reallocate_zeroed},
    testing::Strict,
};

use super::each;
use crate::typed::{
    element::{Element, Marker, assert_none_lives},
    heaps::{Exact, assert_clean, requests},
};

#[test]
fn every_part_serves_no_bytes_and_takes_them_back() {
    each(|name, heap| {
        for bits in 0..13 {
            let align = 1 << bits;
            let nothing = Layout::from_size_align(0, align).unwrap();
            let some = Layout::from_size_align(24, align).unwrap();
            let (first, second) = (heap.allocate(nothing).unwrap(), heap.allocate_zeroed(nothing).unwrap());
            assert!(first.addr().get().is_multiple_of(align) && second.addr().get().is_multiple_of(align), "{name}");
            assert_eq!(heap.granted(nothing), 0, "{name}");
            // SAFETY: live, of no bytes.
            assert!(unsafe { heap.resize(first, nothing, nothing) }.is_err() || heap.granted(nothing) == 0);
            for change in [reallocate::<dyn Allocate>, reallocate_zeroed] {
                // From nothing to some, and to nothing again.
                // SAFETY: live, with this layout.
                let Ok(grown) = (unsafe { change(heap, heap.allocate(nothing).unwrap(), nothing, some) }) else {
                    continue;
                };
                // SAFETY: of that size now.
                unsafe { grown.write_bytes(1, some.size()) };
                // SAFETY: live, with this layout.
                let none = unsafe { change(heap, grown, some, nothing) }.unwrap();
                assert!(none.addr().get().is_multiple_of(align), "{name}");
                // SAFETY: as above.
                unsafe { heap.deallocate(none, nothing) };
            }
            // SAFETY: as above.
            unsafe {
                heap.deallocate(second, nothing);
                heap.deallocate(first, nothing);
            }
        }
    });
}

/// `Marker` is aligned to 32, takes no space, and counts its drops.
#[test]
fn values_of_no_size_are_made_and_dropped_as_often_as_it_seems() {
    let strict = Strict::new();
    let arena = Arena::with_defaults(&strict);
    let mut values = ArenaVec::new_in(&arena);
    values.extend((0..100).map(Marker::new));
    values.insert(3, Marker::new(0));
    drop((values.remove(50), values.swap_remove(0), values.pop()));
    values.truncate(40);
    values.extend_from_slice(&[Marker::new(0), Marker::new(0)]);
    assert_eq!((values.len(), values.capacity()), (42, usize::MAX));
    let mut rest = values.into_iter();
    drop((rest.next(), rest.next_back()));
    assert_eq!(rest.len(), 40);
    drop(rest);
    drop(arena.alloc_box(Marker::new(0)));
    drop(ArenaBox::into_inner(arena.alloc_box(Marker::new(0))));
    assert_none_lives();
    assert_eq!(strict.requests(), 0);

    let mut pool = Pool::<Marker, _>::new(&strict);
    let keys: Vec<_> = (0..20).map(|n| pool.insert(Marker::new(n))).collect();
    drop(pool.alloc_box(Marker::new(0)));
    drop(PoolBox::into_inner(pool.alloc_box(Marker::new(0))));
    assert!(keys.iter().all(|&key| core::ptr::from_ref(&pool[key]).is_aligned()));
    drop(pool.remove(keys[3]));
    assert_eq!((pool.values_live(), pool.contains_key(keys[3])), (19, false));
    pool.clear();
    assert_none_lives();
    drop(pool);
    assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]));

    let mut list = List::<Marker, Exact>::from([Marker::new(0), Marker::new(1)]);
    list.extend_from_within(..);
    list.resize(9, Marker::new(0));
    drop(list.splice(1..3, [Marker::new(0)]));
    drop(list.drain(2..4));
    list.dedup();
    assert_eq!(list.len(), 1);
    let slice: Slice<Marker, Exact> = list.into_slice();
    drop(slice.into_list().split_off(0));
    assert_none_lives();
    assert_clean::<Exact>();
    assert_eq!(requests::<Exact>(), 0);
}

#[test]
fn the_unit_is_a_value_like_any_other() {
    let strict = Strict::new();
    let arena = Arena::with_defaults(&strict);
    assert_eq!(arena.alloc_slice_copy(&[(); 1000]).len(), 1000);
    assert_eq!(arena.alloc_slice_fill_with(7, |_| ()).len(), 7);
    assert_eq!(arena.alloc_from_iter((0..1000).map(|_| ())).len(), 1000);
    assert_eq!((&*arena.alloc_str(""), ArenaString::new_in(&arena).as_str()), ("", ""));
    *arena.alloc(()) = ();
    assert_eq!((strict.requests(), arena.check()), (0, Ok(())));
    let names: Interner<_> = Interner::with_defaults(System);
    assert_eq!(&names[names.intern("")], "");
    let list: List<(), System> = core::iter::repeat_n((), 1 << 20).collect();
    assert_eq!((list.len(), list.into_iter().count()), (1 << 20, 1 << 20));
}
