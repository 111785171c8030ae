//! Code of others that panics at each of its calls in turn: every element is
//! dropped once, no memory is lost, and the list can be used afterwards.

use blockwork::{List, Slice};

use super::{
    element::{Element, Marker, Token, assert_none_lives, foreign_code, panicking_at, with_each_doing},
    heaps::{Coarse, Exact, Roomy, Watched, assert_clean},
};

type Work<T, A> = (&'static str, fn(&mut List<T, A>));

/// Ten elements, in three groups of neighbours that are alike.
fn list<T: Element, A: Watched>() -> List<T, A> {
    (0..10).map(|n| T::new(n / 4)).collect()
}

fn fresh<T: Element>(count: u32) -> impl Iterator<Item = T> {
    (0..count).map(|n| {
        foreign_code();
        T::new(n)
    })
}

/// Every operation that runs code of others.
fn works<T: Element, A: Watched>() -> Vec<Work<T, A>> {
    vec![
        ("drop", |list| drop(core::mem::take(list))),
        ("clear", List::clear),
        ("truncate", |list| list.truncate(3)),
        ("pop", |list| drop(list.pop())),
        ("pop if", |list| {
            list.pop_if(|_| {
                foreign_code();
                true
            });
        }),
        ("remove", |list| drop(list.remove(4))),
        ("swap remove", |list| drop(list.swap_remove(4))),
        ("drain", |list| drop(list.drain(2..6))),
        ("drain some", |list| list.drain(2..8).by_ref().take(2).for_each(drop)),
        ("swap drain", |list| drop(list.swap_drain(2..4))),
        ("swap drain most", |list| drop(list.swap_drain(1..9))),
        ("retain", |list| {
            list.retain(|element| {
                foreign_code();
                element.number() == 1
            });
        }),
        ("retain none", |list| list.retain(|_| false)),
        ("dedup", |list| {
            list.dedup_by(|a, b| {
                foreign_code();
                a == b
            });
        }),
        ("extract", |list| {
            let mut turn = false;
            let chosen = list.extract_if(1..9, |_| {
                foreign_code();
                turn = !turn;
                turn
            });
            chosen.take(3).for_each(drop);
        }),
        ("extend", |list| list.extend(fresh(20))),
        ("extend from slice", |list| list.extend_from_slice(&fresh(7).collect::<Vec<_>>())),
        ("extend from within", |list| list.extend_from_within(2..9)),
        ("insert from slice", |list| list.insert_from_slice(3, &fresh(7).collect::<Vec<_>>())),
        ("insert n", |list| list.insert_n(3, 5, T::new(9))),
        ("insert n nothing", |list| list.insert_n(3, 0, T::new(9))),
        ("fill slots", |list| {
            let mut slots = list.insert_slots(5, 4);
            fresh(6).for_each(|value| drop(slots.fill(value)));
        }),
        ("resize", |list| list.resize(17, T::new(4))),
        ("resize down", |list| list.resize(7, T::new(4))),
        ("resize with", |list| list.resize_with(17, || fresh(1).next().unwrap())),
        ("splice shorter", |list| drop(list.splice(2..8, fresh(2)))),
        ("splice longer", |list| drop(list.splice(2..4, fresh(20)))),
        ("splice without a hint", |list| drop(list.splice(2..4, fresh(20).filter(|_| true)))),
        ("splice what is there", |list| drop(list.try_splice(2..4, fresh(20)))),
        ("clone a slice from", |_| Slice::<T, A>::from_iter(fresh(9)).clone_from(&fresh(9).collect())),
        ("splice some", |list| {
            let mut removed = list.splice(2..8, fresh(9));
            drop((removed.next(), removed.next_back()));
        }),
        ("replace range", |list| list.replace_range(2..4, &fresh(9).collect::<Vec<_>>())),
        ("replace by less", |list| list.replace_range(2..8, &fresh(1).collect::<Vec<_>>())),
        ("clone", |list| drop(list.clone())),
        ("clone from", |list| list.clone_from(&fresh(15).collect())),
        ("collect", |list| *list = fresh(9).collect()),
        ("split off", |list| drop(list.split_off(4))),
        ("append", |list| list.append(&mut fresh(9).collect())),
        ("into iter", |list| core::mem::take(list).into_iter().skip(2).take(3).for_each(drop)),
        ("into iter, not at all", |list| drop(core::mem::take(list).into_iter())),
        ("clone of an iterator", |list| drop(core::mem::take(list).into_iter().clone())),
        ("slice", |list| drop(core::mem::take(list).into_slice())),
        ("slice from an iterator", |_| drop(fresh(9).collect::<Slice<T, A>>())),
        ("clone of a slice", |list| drop(core::mem::take(list).into_slice().clone())),
        ("from array", |list| *list = List::from([T::new(1), T::new(2)])),
        ("into array", |list| drop(<[T; 10]>::try_from(core::mem::take(list)))),
    ]
}

fn run<T: Element, A: Watched>() {
    for (name, work) in works::<T, A>() {
        let mut calls = 0;
        loop {
            let mut list = list::<T, A>();
            let panicked = panicking_at(calls, || work(&mut list));
            assert!(list.iter().all(|element| element.number() < 100), "{name}");
            list.push(T::new(7));
            drop(list);
            assert_none_lives();
            assert_clean::<A>();
            if !panicked {
                break;
            }
            calls += 1;
            assert!(calls < 200, "{name} does not end");
        }
    }
}

#[test]
fn each_call_may_panic() {
    run::<Token, Exact>();
}

#[test]
fn each_call_may_panic_with_room_to_spare() {
    run::<Token, Coarse>();
}

#[test]
fn each_call_may_panic_in_memory_that_grows_in_place() {
    run::<Token, Roomy>();
}

#[test]
fn each_call_may_panic_with_elements_of_no_size() {
    run::<Marker, Exact>();
}

/// A drop, a clone, a closure, an iterator, a hook that runs when one of them panics:
/// all of them use the heap that the list is in, and may be what grows or moves in it.
#[test]
fn each_call_may_use_the_same_heap_and_panic() {
    fn busy<A: Watched>() {
        let mut other = List::<u32, A>::from([1, 2, 3]);
        other.extend_from_within(..);
        other.shrink_to_fit();
        assert_eq!(other, [1, 2, 3, 1, 2, 3]);
    }
    with_each_doing(busy::<Exact>, run::<Token, Exact>);
    with_each_doing(busy::<Roomy>, run::<Token, Roomy>);
}

#[test]
fn what_is_forgotten_is_lost_but_nothing_else() {
    let mut list = list::<u8, Exact>();
    core::mem::forget(list.drain(2..5));
    assert_eq!(list, [0, 0]);
    list.extend_from_slice(&[1, 2, 3]);
    core::mem::forget(list.insert_slots(1, 3));
    assert_eq!(list, [0]);
    list.extend_from_slice(&[1, 2, 3]);
    core::mem::forget(list.splice(3.., [7]));
    assert_eq!(list, [0, 1, 2]);
    core::mem::forget(list.extract_if(1.., |_| true));
    assert_eq!(list, [0]);
    drop(list);
    assert_clean::<Exact>();
}

#[test]
fn what_elements_do_while_they_are_dropped_may_use_the_same_heap() {
    /// Allocates when it is dropped.
    struct Busy(u8);
    impl Drop for Busy {
        fn drop(&mut self) {
            assert_eq!(List::<u8, Exact>::from(&[self.0; 30]), [self.0; 30]);
        }
    }
    let mut list: List<Busy, Exact> = (0..10).map(Busy).collect();
    list.truncate(8);
    drop(list.drain(2..4));
    list.retain(|busy| busy.0 % 2 == 0);
    drop(list.into_slice());
    assert_clean::<Exact>();
}
