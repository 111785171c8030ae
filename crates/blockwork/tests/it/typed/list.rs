//! What lists promise beyond acting like a `Vec`.

use core::{fmt::Write as _, hash::BuildHasher as _, mem::MaybeUninit, ptr::NonNull};
use std::{collections::HashSet, hash::RandomState, io::Write as _, panic};

use blockwork::{Allocate as _, List, Slice, System};

use super::{
    element::{Aligned, Element as _, Marker, Token, assert_none_lives},
    heaps::{Coarse, Exact, Roomy, Watched, assert_clean, live_bytes, requests},
};

#[test]
fn the_capacity_is_all_that_is_granted() {
    for count in 1..300 {
        let list = List::<[u8; 24], Coarse>::with_capacity(count);
        let asked = core::alloc::Layout::array::<[u8; 24]>(count).unwrap();
        assert_eq!(list.capacity(), Coarse.granted(asked) / 24);
        assert_eq!(live_bytes::<Coarse>(), Coarse.granted(asked));
    }
}

#[test]
fn pushing_asks_for_memory_a_logarithmic_number_of_times() {
    let mut list = List::<u32, Exact>::new();
    let before = requests::<Exact>();
    list.extend((0..100_000).filter(|_| true));
    assert!(requests::<Exact>() - before < 18);
    assert_eq!(list.len(), 100_000);
}

#[test]
fn growing_prefers_to_stay() {
    let mut list = List::<u8, Roomy>::from([1]);
    let start = list.as_ptr();
    list.try_reserve_in_place(400).unwrap();
    list.extend_from_slice(&[2; 400]);
    assert_eq!((list.as_ptr(), list.len()), (start, 401));
    list.try_reserve_in_place(4000).unwrap_err();
    list.truncate(1);
    list.shrink_to_fit();
    assert_eq!((list.as_ptr(), list.capacity()), (start, 48));
    assert_eq!(live_bytes::<Roomy>(), 48);
}

#[test]
fn a_slice_of_the_same_grant_costs_nothing() {
    let mut list = List::<u32, Coarse>::with_capacity(28);
    list.extend(0..26);
    let (start, before) = (list.as_ptr(), requests::<Coarse>());
    let slice = list.into_slice();
    assert_eq!((slice.as_ptr(), requests::<Coarse>()), (start, before));
    let list = slice.into_list();
    assert_eq!((list.as_ptr(), list.capacity(), requests::<Coarse>()), (start, 28, before));
}

#[test]
fn a_slice_of_a_smaller_grant_stays_where_it_can() {
    let mut list = List::<u32, Roomy>::with_capacity(100);
    list.extend(0..5);
    let (start, before) = (list.as_ptr(), requests::<Roomy>());
    let slice = list.into_slice();
    assert_eq!((slice.as_ptr(), requests::<Roomy>(), live_bytes::<Roomy>()), (start, before, 48));

    let mut list = List::<u32, Exact>::with_capacity(100);
    list.extend(0..5);
    let slice = list.into_slice();
    assert_eq!((&*slice, live_bytes::<Exact>()), (&[0, 1, 2, 3, 4][..], 20));
}

#[test]
fn an_empty_list_has_no_memory() {
    let mut list = List::<Aligned, Exact>::new();
    list.shrink_to_fit();
    assert!(list.as_ptr().is_aligned());
    assert!(list.clone().into_slice().into_list().into_iter().next().is_none());
    list.reserve(3);
    list.shrink_to_fit();
    assert_clean::<Exact>();
    assert_eq!(requests::<Exact>(), 1);
}

#[test]
fn elements_of_no_size_need_no_memory() {
    let mut list = List::<Marker, Exact>::new();
    assert_eq!(list.capacity(), usize::MAX);
    list.extend((0..1000).map(Marker::new));
    list.insert(500, Marker);
    // The one above was made without being counted.
    core::mem::forget(list.swap_remove(3));
    drop(list.swap_drain(100..200));
    assert_eq!(list.split_off(400).len(), 500);
    let (all, len) = list.into_uninit();
    assert_eq!((all.len(), len), (usize::MAX, 400));
    // SAFETY: so many live.
    let slice = unsafe { all.into_list_with_len(len) }.into_slice();
    assert_eq!(slice.len(), 400);
    drop(slice);
    assert_none_lives();
    assert_eq!(requests::<Exact>(), 0);
}

#[test]
fn slots_close_over_what_was_not_filled() {
    let mut list = List::<u32, Exact>::from([0, 1, 2, 3]);
    let mut slots = list.insert_slots(2, 5);
    slots.as_uninit_mut()[0].write(10);
    slots.as_uninit_mut()[1].write(11);
    // SAFETY: the first two were just written.
    unsafe { slots.assume_filled(2) }
    assert_eq!(slots.remaining(), 3);
    slots.fill(12).unwrap();
    drop(slots);
    assert_eq!(list, [0, 1, 10, 11, 12, 2, 3]);
    drop(list.insert_slots(7, 0));
    drop(list.insert_slots(0, 100));
    assert_eq!(list, [0, 1, 10, 11, 12, 2, 3]);
    assert!(list.capacity() >= 107);
}

#[test]
fn spare_capacity_can_be_filled_by_hand() {
    let mut list = List::<u32, Coarse>::from([1]);
    let spare = list.spare_capacity_mut();
    assert_eq!(spare.len(), 27);
    spare[0].write(2);
    // SAFETY: the first two have a value.
    unsafe { list.set_len(2) }
    assert_eq!(list, [1, 2]);
}

#[test]
fn elements_are_taken_over_into_slots_of_the_caller() {
    let mut list: List<Token, Exact> = (0..8).map(Token::new).collect();
    let mut slots = [const { MaybeUninit::uninit() }; 6];
    let mut drain = list.drain(2..6);
    assert_eq!(drain.next().map(|t| t.number()), Some(2));
    let taken = drain.write_into(&mut slots);
    assert_eq!(taken.iter().map(Token::number).collect::<Vec<_>>(), [3, 4, 5]);
    // SAFETY: they live, and are not used again.
    unsafe { core::ptr::drop_in_place(taken) }
    assert_eq!(list.iter().map(Token::number).collect::<Vec<_>>(), [0, 1, 6, 7]);
    drop(list);
    assert_none_lives();
}

#[test]
fn too_few_slots_are_a_mistake_that_loses_nothing() {
    let mut list: List<Token, Exact> = (0..8).map(Token::new).collect();
    let mut slots = [const { MaybeUninit::uninit() }; 2];
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        list.drain(2..6).write_into(&mut slots);
    }));
    assert!(outcome.is_err());
    assert_eq!(list.len(), 4);
    drop(list);
    assert_none_lives();
}

#[test]
fn ranges_that_are_not_there_are_mistakes() {
    use core::ops::Bound::{Excluded, Included, Unbounded};
    type Work = fn(&mut List<u8, System>);
    let works: &[Work] = &[
        |list| drop(list.drain(2..9)),
        #[expect(clippy::reversed_empty_ranges, reason = "the mistake")]
        |list| drop(list.drain(3..2)),
        |list| drop(list.drain(..=4)),
        |list| drop(list.drain(..=usize::MAX)),
        |list| drop(list.drain((Excluded(usize::MAX), Unbounded))),
        |list| drop(list.swap_drain(5..)),
        |list| drop(list.extract_if((Included(0), Included(4)), |_| true)),
        |list| drop(list.splice(5.., [])),
        |list| list.replace_range(5.., &[]),
        |list| list.extend_from_within(5..),
        |list| drop(list.split_off(5)),
        |list| list.insert(5, 0),
        |list| drop(list.insert_slots(5, 0)),
        |list| list.insert_n(5, 1, 1),
        |list| list.insert_from_slice(5, &[]),
        |list| _ = list.remove(4),
        |list| _ = list.swap_remove(4),
    ];
    for (index, work) in works.iter().enumerate() {
        let mut list = List::from([1, 2, 3, 4]);
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| work(&mut list)));
        assert!(outcome.is_err(), "the mistake with number {index} was not found");
        assert_eq!(list, [1, 2, 3, 4]);
    }
    let mut list = List::<u8, System>::from([1, 2, 3, 4]);
    assert_eq!(list.drain((Excluded(0), Included(2))).as_slice(), [2, 3]);
}

#[test]
fn it_is_written_to_like_a_string_and_like_a_file() {
    let mut text = List::<u8, System>::new();
    core::fmt::Write::write_fmt(&mut text, format_args!("{}-{:?}", 1, "two")).unwrap();
    text.write_str(" ").unwrap();
    text.write_all(b"three").unwrap();
    assert_eq!(std::io::Write::write(&mut text, b"!").unwrap(), 1);
    text.flush().unwrap();
    assert_eq!(text, b"1-\"two\" three!");
    assert_eq!(text.format(format_args!("{:04}", 5)), "0005");
    assert_eq!(text, b"0005");
}

#[test]
fn it_is_what_collections_expect() {
    let words: List<List<u8, System>, System> = ["b", "a", "b"].into_iter().map(List::from).collect();
    let set: HashSet<List<u8, System>> = words.iter().cloned().collect();
    assert!(set.contains(&b"a"[..]));
    assert_eq!((set.len(), words[1] < words[0]), (2, true));
    let hasher = RandomState::new();
    assert_eq!(hasher.hash_one(&words[0]), hasher.hash_one(Slice::<u8, System>::from("b")));
    assert_eq!(words[0], Slice::<u8, System>::from("b"));
    assert_eq!(format!("{:?}", words[1]), "[97]");
    assert_eq!(<[List<u8, System>; 3]>::try_from(words).unwrap()[1], b"a");
    assert!(<[u8; 2]>::try_from(List::<u8, System>::from([1])).is_err());
    let mut sum = List::<u8, System>::from([1, 2]);
    sum.extend(&[3]);
    for number in &mut sum {
        *number *= 2;
    }
    assert_eq!((&sum).into_iter().sum::<u8>(), 12);
    let capacity = sum.capacity();
    let leaked = sum.leak();
    assert_eq!(leaked, [2, 4, 6]);
    // SAFETY: of a list with this capacity, which has been forgotten.
    drop(unsafe { List::<u8, System>::from_raw_parts(NonNull::from(leaked).cast(), 3, capacity) });
}

#[test]
fn parts_keep_the_capacity() {
    fn round<A: Watched>() {
        let mut list = List::<u16, A>::with_capacity(100);
        list.push(1);
        let capacity = list.capacity();
        let (start, len, room) = list.into_raw_parts();
        assert_eq!((len, room), (1, capacity));
        // SAFETY: just taken apart.
        let list = unsafe { List::<u16, A>::from_raw_parts(start, len, room) };
        assert_eq!((list.capacity(), &*list), (capacity, &[1][..]));
        drop(list);
        assert_clean::<A>();
    }
    round::<Exact>();
    round::<Coarse>();
    round::<Roomy>();
}
