//! What std's documentation says of `Vec`, said of `List`, in its order: capacity, what
//! is visited how often, and what is left when an iterator is dropped early or forgotten.
//! That each may panic is `panics`; that all do the same is `differential`.

use alloc::rc::Rc;
use core::{mem, ops::Range};
use std::panic;

use blockwork::{List, System};

use super::{
    element::{Element, Marker},
    heaps::{Coarse, Exact, Roomy, Watched, assert_clean, live_bytes, requests},
};

fn numbers<A: Watched>(count: u32) -> List<u32, A> {
    (0..count).collect()
}

/// So many numbers.
fn up_to(count: usize) -> Range<u32> {
    0..u32::try_from(count).unwrap()
}

/// Looks at the number of those that live.
fn shared(count: usize) -> (Rc<()>, List<Rc<()>, Exact>) {
    let one = Rc::new(());
    let list = core::iter::repeat_n(Rc::clone(&one), count).collect();
    (one, list)
}

/// Of a shared value, without the one that looks.
fn live(one: &Rc<()>) -> usize {
    Rc::strong_count(one) - 1
}

#[test]
fn nothing_is_allocated_for_no_elements() {
    drop((List::<u64, Exact>::new(), List::<u64, Exact>::with_capacity(0), List::<u64, Exact>::default()));
    drop((List::<u64, Exact>::from([]), core::iter::empty::<u64>().collect::<List<_, Exact>>()));
    let mut list = List::<u64, Exact>::new();
    list.reserve(0);
    list.extend([0_u64; 0]);
    list.append(&mut List::new());
    list.resize(0, 1);
    list.shrink_to_fit();
    drop((list.clone(), list.split_off(0), list.drain(..).count(), list.into_iter()));
    assert_eq!(requests::<Exact>(), 0);
}

fn capacity_rules<A: Watched>() {
    for capacity in [1, 2, 3, 7, 10, 33, 100] {
        let mut list = List::<u32, A>::with_capacity(capacity);
        assert!(list.capacity() >= capacity);
        let (place, room, asked) = (list.as_ptr(), list.capacity(), requests::<A>());
        // No more is asked for until that is full, and it does not move.
        list.extend(up_to(room));
        list.reserve(0);
        list.try_reserve_exact(0).unwrap();
        assert_eq!((list.as_ptr(), list.capacity(), requests::<A>()), (place, room, asked));
        // What takes elements out keeps the room.
        list.retain(|n| n % 7 != 0);
        list.dedup();
        _ = list.pop();
        drop(list.drain(..list.len() / 2));
        assert!(list.extract_if(.., |n| *n % 2 == 0).all(|n| n % 2 == 0));
        drop(list.splice(.., []));
        list.truncate(1);
        list.clear();
        assert_eq!((list.as_ptr(), list.capacity(), list.len()), (place, room, 0));
        list.extend(up_to(room));
        assert_eq!((list.as_ptr(), requests::<A>()), (place, asked));
        // At least what is there, and at least what is asked for.
        list.truncate(room.div_ceil(2));
        list.shrink_to(room.div_ceil(2) + 1);
        assert!(list.capacity() > room.div_ceil(2) || list.capacity() == room);
        list.shrink_to(0);
        assert!(list.capacity() >= list.len());
        let before = list.capacity();
        list.shrink_to(before + 100);
        assert_eq!(list.capacity(), before);
        assert!(list.iter().copied().eq(up_to(room.div_ceil(2))));
    }
    assert_clean::<A>();
}

#[test]
fn room_is_kept_until_it_is_given_up() {
    capacity_rules::<Exact>();
    capacity_rules::<Coarse>();
    capacity_rules::<Roomy>();
}

#[test]
fn a_request_for_too_much_changes_nothing() {
    let mut list = numbers::<Exact>(5);
    let before = (list.as_ptr(), list.capacity());
    for much in [usize::MAX, isize::MAX as usize, isize::MAX as usize / 4] {
        assert!(list.try_reserve(much).is_err() && list.try_reserve_exact(much).is_err());
        let panicked = panic::catch_unwind(panic::AssertUnwindSafe(|| list.reserve(much)));
        assert!(panicked.is_err());
        assert_eq!((list.as_ptr(), list.capacity(), &*list), (before.0, before.1, &[0, 1, 2, 3, 4][..]));
    }
}

#[test]
fn appending_empties_the_other_and_leaves_it_its_room() {
    let (mut list, mut other) = (numbers::<Exact>(3), numbers::<Exact>(4));
    let room = other.capacity();
    list.append(&mut other);
    assert_eq!((&*list, other.len(), other.capacity()), (&[0, 1, 2, 0, 1, 2, 3][..], 0, room));
}

#[test]
fn splitting_leaves_the_first_its_room() {
    for at in [0, 3, 8] {
        let mut list = numbers::<Exact>(8);
        let (place, room) = (list.as_ptr(), list.capacity());
        let behind = list.split_off(at);
        assert_eq!((list.as_ptr(), list.capacity(), list.len(), behind.len()), (place, room, at, 8 - at));
        assert!(list.iter().chain(&behind).copied().eq(0..8));
    }
}

#[test]
fn cloning_into_a_list_uses_its_memory() {
    let mut list = numbers::<Exact>(20);
    let (place, asked) = (list.as_ptr(), requests::<Exact>());
    let other = List::from([7, 8, 9]);
    let own = requests::<Exact>() - asked;
    list.clone_from(&other);
    assert_eq!((list.as_ptr(), &*list, requests::<Exact>()), (place, &[7, 8, 9][..], asked + own));
}

#[test]
fn each_element_is_looked_at_once_and_in_order() {
    let mut list = numbers::<Exact>(10);
    let mut seen = Vec::new();
    list.retain_mut(|n| {
        seen.push(*n);
        *n += 100;
        *n % 3 != 0
    });
    assert_eq!((seen, &*list), ((0..10).collect(), &[100, 101, 103, 104, 106, 107, 109][..]));
    let mut made = 0;
    list.resize_with(10, || {
        made += 1;
        made
    });
    assert_eq!((made, &list[6..]), (3, &[109, 1, 2, 3][..]));
}

#[test]
fn of_neighbours_that_are_the_same_the_first_stays() {
    let mut list = List::<_, System>::from([(1, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (1, 'e'), (1, 'f')]);
    // Told in the opposite order: `this` goes if they are the same.
    let mut pairs = Vec::new();
    list.dedup_by(|this, before| {
        pairs.push((this.1, before.1));
        this.0 == before.0
    });
    assert_eq!(list, [(1, 'a'), (2, 'c'), (1, 'd')]);
    assert_eq!(pairs, [('b', 'a'), ('c', 'a'), ('d', 'c'), ('e', 'd'), ('f', 'd')]);
    let mut list = List::<u32, System>::from([10, 11, 20, 30, 31, 12]);
    list.dedup_by_key(|n| *n / 10);
    assert_eq!(list, [10, 20, 30, 12]);
}

#[test]
fn a_drain_that_is_dropped_early_takes_all_of_its_range() {
    let (one, mut list) = shared(8);
    let mut drain = list.drain(2..6);
    assert_eq!((drain.len(), drain.as_slice().len(), drain.as_ref().len()), (4, 4, 4));
    drop((drain.next(), drain.next_back()));
    assert_eq!((drain.size_hint(), live(&one)), ((2, Some(2)), 6));
    drop(drain);
    assert_eq!((list.len(), live(&one)), (4, 4));
    assert_eq!(list.drain(1..1).next(), None);
    drop(list);
    assert_eq!(live(&one), 0);
}

#[test]
fn what_is_extracted_is_gone_and_the_rest_stays_when_it_is_dropped_early() {
    let mut list = numbers::<Exact>(10);
    let mut evens = list.extract_if(2..9, |n| *n % 2 == 0);
    assert_eq!((evens.next(), evens.next(), evens.size_hint().1), (Some(2), Some(4), Some(4)));
    drop(evens);
    assert_eq!(list, [0, 1, 3, 5, 6, 7, 8, 9]);
}

#[test]
fn a_splice_takes_and_gives_when_it_is_dropped() {
    let mut list = numbers::<Exact>(6);
    let asked = core::cell::Cell::new(0);
    let with = (70..74).inspect(|_| asked.set(asked.get() + 1));
    let mut splice = list.splice(1..4, with);
    assert_eq!((splice.next(), splice.next_back(), splice.len(), asked.get()), (Some(1), Some(3), 1, 0));
    drop(splice);
    assert_eq!((&*list, asked.get()), (&[0, 70, 71, 72, 73, 4, 5][..], 4));
    drop(list.splice(.., [1]));
    drop(list.splice(1.., [2, 3]));
    drop(list.splice(0..0, [0]));
    assert_eq!(list, [0, 1, 2, 3]);
}

#[test]
fn what_an_iterator_has_not_yielded_is_dropped_with_it() {
    let (one, list) = shared(9);
    let mut all = list.into_iter();
    drop((all.next(), all.nth(1), all.next_back()));
    assert_eq!((all.len(), all.as_slice().len(), all.as_ref().len(), live(&one)), (5, 5, 5, 5));
    let copy = all.clone();
    assert_eq!((copy.len(), live(&one)), (5, 10));
    drop(copy);
    all.as_mut_slice()[0] = Rc::new(());
    assert_eq!(live(&one), 4);
    drop(all);
    assert_eq!(live(&one), 0);
    assert_clean::<Exact>();
    assert!(blockwork::typed::list::IntoIter::<u8, Exact>::default().next().is_none());
}

/// Forgetting is safe: something is lost, as documented, and nothing is dropped twice.
#[test]
fn what_is_forgotten_is_lost_and_nothing_else_happens() {
    let before = live_bytes::<Exact>();
    let (one, list) = shared(5);
    let bytes = live_bytes::<Exact>() - before;
    mem::forget(list.into_iter());
    assert_eq!((live(&one), live_bytes::<Exact>() - before), (5, bytes));

    let (one, mut list) = shared(8);
    let mut drain = list.drain(3..5);
    drop(drain.next());
    mem::forget(drain);
    assert_eq!((list.len(), live(&one)), (3, 7));
    mem::forget(list.splice(1..2, [Rc::new(())]));
    assert_eq!(list.len(), 1);
    let mut extract = list.extract_if(.., |_| true);
    drop(extract.next());
    mem::forget(extract);
    mem::forget(list.insert_slots(0, 3));
    assert_eq!(list.len(), 0);
    list.push(Rc::clone(&one));
    drop(list);
    // Two were dropped in all: by the first drain, by the extraction.
    assert_eq!(live(&one), 6);
}

#[test]
fn arrays_in_a_list_become_its_elements_where_they_are() {
    let (one, _) = shared(0);
    let mut arrays = List::<[Rc<()>; 3], Exact>::with_capacity(5);
    arrays.extend((0..4).map(|_| [(); 3].map(|()| Rc::clone(&one))));
    let (place, room) = (arrays.as_ptr().addr(), arrays.capacity());
    let mut flat = arrays.into_flattened();
    assert_eq!((flat.as_ptr().addr(), flat.len(), flat.capacity(), live(&one)), (place, 12, 3 * room, 12));
    flat.push(Rc::clone(&one));
    flat.shrink_to_fit();
    drop(flat);
    assert_eq!(live(&one), 0);
    assert_clean::<Exact>();

    assert_eq!(List::<[u8; 0], Exact>::from([[], [], []]).into_flattened().capacity(), 0);
    assert_eq!(List::<[u8; 4], Exact>::new().into_flattened(), [0; 0]);
    let markers =
        List::<[Marker; 2], Exact>::from([[Marker::new(0), Marker::new(0)], [Marker::new(0), Marker::new(0)]]);
    assert_eq!(markers.into_flattened().len(), 4);
    super::element::assert_none_lives();
    let coarse = List::<[u16; 3], Coarse>::from([[1, 2, 3]]);
    let room = coarse.capacity();
    let mut coarse = coarse.into_flattened();
    assert_eq!((coarse.capacity(), &*coarse), (3 * room, &[1, 2, 3][..]));
    coarse.reserve_exact(100);
    assert_eq!(coarse, [1, 2, 3]);
    drop(coarse);
    assert_clean::<Coarse>();
}

#[test]
fn more_elements_than_can_be_counted_are_a_mistake() {
    let mut endless = List::<[(); usize::MAX], Exact>::new();
    endless.extend([[(); usize::MAX]; 2]);
    assert!(panic::catch_unwind(|| endless.into_flattened()).is_err());
}

#[test]
fn what_is_put_in_can_be_changed_there() {
    let mut list = List::<u32, Exact>::new();
    *list.push_mut(1) += 1;
    *list.insert_mut(0, 7) += 1;
    *list.insert_mut(2, 9) += 1;
    assert_eq!(list, [8, 2, 10]);
    let mut other = [8, 2, 10];
    assert_eq!(list, &mut other[..]);
    let mut zero = List::<(), Exact>::new();
    *zero.push_mut(()) = ();
    assert_eq!(zero.len(), 1);
}
