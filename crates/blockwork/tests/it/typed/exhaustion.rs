//! A heap that refuses each request in turn: an error, and nothing has changed.

use core::fmt::Write as _;
use std::{io, io::Write as _, panic};

use blockwork::{AllocError, List, Slice, Terminated, testing::When};

use super::{
    element::{Element, Token, assert_none_lives},
    heaps::{Coarse, Exact, Roomy, Watched, Wide, assert_clean, failing},
};

type Work<T, A> = (&'static str, fn(&mut List<T, A>) -> Result<(), AllocError>);

fn list<T: Element, A: Watched>() -> List<T, A> {
    (0..10).map(T::new).collect()
}

fn fresh<T: Element>(count: u32) -> Vec<T> {
    (0..count).map(T::new).collect()
}

/// Every method that asks for memory and can say that there is none, asking for
/// much.
fn works<T: Element, A: Watched>() -> Vec<Work<T, A>> {
    vec![
        ("push", |list| (0..500).try_for_each(|n| list.try_push(T::new(n))).map_err(|_| AllocError)),
        ("insert", |list| (0..500).try_for_each(|n| list.try_insert(3, T::new(n))).map_err(|_| AllocError)),
        ("insert slots", |list| list.try_insert_slots(3, 500).map(drop)),
        ("insert from slice", |list| list.try_insert_from_slice(3, &fresh(500))),
        ("insert n", |list| list.try_insert_n(3, 500, T::new(1))),
        ("push n", |list| list.try_push_n(500, T::new(1))),
        ("extend", |list| list.try_extend(fresh(500)).map_err(|_| AllocError)),
        ("extend from slice", |list| list.try_extend_from_slice(&fresh(500))),
        ("extend from within", |list| (0..6).try_for_each(|_| list.try_extend_from_within(..))),
        ("append", |list| list.try_append(&mut List::try_from_iter(fresh(500))?)),
        ("resize", |list| list.try_resize(500, T::new(1))),
        ("resize with", |list| list.try_resize_with(500, || T::new(1))),
        ("replace range", |list| list.try_replace_range(2..7, &fresh(500))),
        ("splice", |list| list.try_splice(2..7, fresh(500)).map(drop)),
        ("splice a few", |list| list.try_splice(2..7, fresh(3)).map(drop)),
        ("clone from", |list| list.try_clone_from(&List::try_from_iter(fresh(500))?)),
        ("reserve", |list| list.try_reserve(500)),
        ("reserve exact", |list| list.try_reserve_exact(500)),
        ("reserve in place", |list| list.try_reserve_in_place(500)),
        ("shrink to fit", |list| {
            list.try_reserve(300)?;
            list.try_shrink_to_fit()
        }),
        ("split off", |list| list.try_split_off(4).map(drop)),
        ("clone", |list| list.try_clone().map(drop)),
        ("from slice", |_| List::<T, A>::try_from_slice(&fresh(500)).map(drop)),
        ("from iterator", |_| List::<T, A>::try_from_iter(fresh(500)).map(drop)),
        ("from array", |_| List::<T, A>::try_from_array([1; 90].map(T::new)).map(drop).map_err(|_| AllocError)),
        ("clone of an iterator", |_| List::<T, A>::try_from_iter(fresh(500))?.into_iter().try_clone().map(drop)),
        ("slice from array", |_| Slice::<T, A>::try_from_array([1; 90].map(T::new)).map(drop).map_err(|_| AllocError)),
        ("slice from iterator", |_| Slice::<T, A>::try_from_iter(fresh(500)).map(drop)),
        ("slice from iterator without a hint", |_| {
            Slice::<T, A>::try_from_iter(fresh(500).into_iter().filter(|_| true)).map(drop)
        }),
        ("slice clone from", |_| {
            let mut slice = Slice::<T, A>::try_from_slice(&fresh(7))?;
            slice.try_clone_from(&Slice::try_from_slice(&fresh(500))?)
        }),
        ("slice from slice", |_| Slice::<T, A>::try_from_slice(&fresh(500)).map(drop)),
        ("with capacity", |_| List::<T, A>::try_with_capacity(500).map(drop)),
        ("uninit", |_| Slice::<T, A>::try_new_uninit(500).map(drop)),
        ("uninit at least", |_| Slice::<T, A>::try_new_uninit_at_least(500).map(drop)),
    ]
}

fn run<T: Element, A: Watched>() {
    for (name, work) in works::<T, A>() {
        for plan in [When::Once, When::From] {
            let mut refused = 0;
            loop {
                let mut list = list::<T, A>();
                let (outcome, failures) = failing::<A, _>(plan(refused), || {
                    let outcome = work(&mut list);
                    (outcome, A::with(|heap| heap.failures()))
                });
                if outcome.is_err() && !["push", "insert", "extend", "extend from within"].contains(&name) {
                    assert_eq!(list, *fresh::<T>(10), "{name} has changed something");
                }
                list.push(T::new(7));
                drop(list);
                assert_none_lives();
                assert_clean::<A>();
                if failures == 0 {
                    break;
                }
                refused += 1;
            }
        }
    }
}

#[test]
fn each_request_may_fail() {
    run::<Token, Exact>();
}

#[test]
fn each_request_may_fail_with_room_to_spare() {
    run::<Token, Coarse>();
}

#[test]
fn each_request_may_fail_in_memory_that_grows_in_place() {
    run::<Token, Roomy>();
}

#[test]
fn a_list_that_cannot_become_a_slice_comes_back() {
    let mut list = list::<Token, Exact>();
    list.reserve_exact(90);
    let list = failing::<Exact, _>(When::From(0), || list.try_into_slice()).unwrap_err();
    assert_eq!((list.len(), list.capacity()), (10, 100));
    assert_eq!(list.into_slice().len(), 10);
    assert_clean::<Exact>();
}

#[test]
fn a_list_that_cannot_be_terminated_comes_back() {
    let list = List::<u8, Exact>::from(b"12345678");
    let list = failing::<Exact, _>(When::From(0), || list.try_into_terminated::<blockwork::Zero>()).unwrap_err();
    assert_eq!(list, b"12345678");
    drop(list);
    assert!(failing::<Exact, _>(When::From(0), || Terminated::<u8, Exact>::try_from_slice(b"1")).is_err());
    let terminated = Terminated::<u8, Exact>::try_from_slice(b"1").unwrap();
    assert!(failing::<Exact, _>(When::From(0), || terminated.try_clone()).is_err());
    assert_eq!(*terminated.try_clone().unwrap(), *b"1");
    drop(terminated);
    assert_clean::<Exact>();
}

#[test]
fn what_could_not_be_spliced_in_or_cloned_has_changed_nothing() {
    let mut list = list::<Token, Exact>();
    failing::<Exact, _>(When::From(0), || {
        assert!(list.try_splice(2..4, fresh(500)).is_err());
        assert!(list.try_splice(2..4, fresh(1)).is_err());
    });
    assert_eq!(list, *fresh::<Token>(10));
    let long: List<Token, Exact> = fresh(50).into_iter().collect();
    failing::<Exact, _>(When::From(0), || assert!(list.try_clone_from(&long).is_err()));
    assert_eq!(list, *fresh::<Token>(10));
    // The first request is for what comes in, the next ones are for its room.
    failing::<Exact, _>(When::From(1), || assert!(list.try_splice(2..4, fresh(500)).is_err()));
    assert_eq!(list, *fresh::<Token>(10));
    let with = fresh(3);
    let removed = list.try_splice(8.., with).unwrap();
    // What it needs it has.
    failing::<Exact, _>(When::From(0), || assert!(removed.eq(fresh(10).drain(8..))));
    assert_eq!(list[8..], *fresh::<Token>(3));
    drop((list, long));
    assert_none_lives();
    assert_clean::<Exact>();
}

#[test]
fn an_array_that_finds_no_room_comes_back() {
    let array = failing::<Exact, _>(When::From(0), || List::<Token, Exact>::try_from_array([1, 2].map(Token::new)));
    assert_eq!(array.unwrap_err(), [1, 2].map(Token::new));
    let array = failing::<Exact, _>(When::From(0), || Slice::<Token, Exact>::try_from_array([1, 2].map(Token::new)));
    assert_eq!(array.unwrap_err(), [1, 2].map(Token::new));
    assert_none_lives();
}

#[test]
fn slices_of_one_length_are_cloned_in_place() {
    let mut slice = Slice::<Token, Exact>::from([1, 2].map(Token::new));
    let other = Slice::<Token, Exact>::from([3, 4].map(Token::new));
    let place = slice.as_ptr();
    failing::<Exact, _>(When::From(0), || slice.clone_from(&other));
    assert_eq!((&slice, slice.as_ptr()), (&other, place));
    slice.clone_from(&Slice::from([5].map(Token::new)));
    assert_eq!(*slice, [Token::new(5)]);
    drop((slice, other));
    assert_none_lives();
    assert_clean::<Exact>();
}

#[test]
fn short_of_memory_a_list_grows_by_what_it_needs() {
    // Growing in place is the request with number 0, a block of twice the size the
    // one with number 1.
    let mut list = List::<u8, Exact>::from(&[1; 100]);
    failing::<Exact, _>(When::Once(1), || list.push(2));
    assert_eq!((list.len(), list.capacity()), (101, 101));
}

#[test]
fn sizes_that_cannot_be_are_errors() {
    for count in [usize::MAX, usize::MAX / 2, usize::MAX / 8 + 1, isize::MAX as usize, isize::MAX as usize / 8] {
        assert_eq!(List::<u64, Exact>::try_with_capacity(count).unwrap_err(), AllocError);
        assert_eq!(Slice::<u64, Wide>::try_new_uninit(count).unwrap_err(), AllocError);
        let mut list = List::<u64, Exact>::from([1]);
        assert_eq!(list.try_reserve(count), Err(AllocError));
        assert_eq!(list.try_reserve_exact(count), Err(AllocError));
        assert_eq!(list.try_reserve_in_place(count), Err(AllocError));
        assert_eq!(list.try_insert_slots(0, count).map(drop), Err(AllocError));
        assert_eq!(list.try_resize(count, 0), Err(AllocError));
        assert_eq!(list, [1]);
    }
    let mut endless = List::<(), Exact>::new();
    endless.push(());
    assert_eq!(endless.try_reserve(usize::MAX), Err(AllocError));
    assert_eq!(endless.try_reserve(usize::MAX - 1), Ok(()));
    // SAFETY: there is always room for what takes no space.
    unsafe { endless.set_len(usize::MAX) }
    assert_eq!(endless.try_push(()), Err(()));
    assert!(endless.try_insert_slots(3, 1).is_err());
}

#[test]
fn infallible_methods_panic_and_lose_nothing() {
    let mut list = list::<Token, Exact>();
    failing::<Exact, _>(When::From(0), || {
        let shrunk = panic::catch_unwind(panic::AssertUnwindSafe(|| list.reserve(1000)));
        assert_eq!(shrunk.unwrap_err().downcast_ref(), Some(&"memory allocation failed"));
        assert!(panic::catch_unwind(panic::AssertUnwindSafe(|| list.extend(fresh(1000)))).is_err());
    });
    assert!(list.starts_with(&fresh(10)));
    drop(list);
    assert_none_lives();
    assert_clean::<Exact>();
}

#[test]
fn writing_without_memory_is_an_error() {
    let mut list = List::<u8, Exact>::from("a");
    failing::<Exact, _>(When::From(0), || {
        assert!(write!(&mut list as &mut dyn core::fmt::Write, "{:9}", 1).is_err());
        let error = io::Write::write(&mut list, &[0; 99]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert_eq!(io::Write::write_all(&mut list, &[0; 99]).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        assert!(list.try_format(format_args!("{:99}", 1)).is_err());
    });
    list.flush().unwrap();
    list.write_str("b").unwrap();
    list.write_all(b"c").unwrap();
    assert!(list.ends_with(b"bc"));
}

#[test]
fn a_slice_that_cannot_change_is_as_it_was() {
    let mut slice = Slice::<u8, Exact>::from(&[1; 10]);
    failing::<Exact, _>(When::From(0), || {
        assert_eq!(slice.try_resize(20, 2), Err(AllocError));
        assert_eq!(slice.try_resize(5, 2), Err(AllocError));
        assert_eq!(slice.try_resize_at_least(20, 2), Err(AllocError));
        assert_eq!(slice.try_resize_in_place(20, 2), Err(AllocError));
        assert_eq!(slice, [1; 10]);
        assert_eq!(slice.try_resize(0, 2), Ok(()));
    });
    assert!(slice.is_empty());
    assert_clean::<Exact>();
}
