//! Typed values: where they lie, when they are dropped, what unwinds.

use core::{fmt, iter};
use heap::{borrow::ToOwned, string::String, vec};

use super::*;

#[repr(align(64))]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Aligned(u8);

#[repr(align(64))]
#[derive(Clone, Debug)]
struct Nothing;

#[test]
fn values_of_every_shape_keep_what_they_are() {
    let arena = arena(128, 512);
    let byte = arena.alloc(1_u8);
    let aligned = arena.alloc(Aligned(2));
    let slice = arena.alloc_slice_copy(&[3_u16, 4, 5]);
    let strings = arena.alloc_slice_clone(&["six".to_owned(), "seven".to_owned()]);
    let filled = arena.alloc_slice_fill_with(3, |index| index * 8);
    let text = arena.alloc_str("nine");
    let formatted = arena.alloc_fmt(format_args!("{byte} {slice:?} {text}"));
    let literal = arena.alloc_fmt(format_args!("literal"));
    let made = arena.alloc_with(|| [10_u64; 100]);
    let yielded = arena.alloc_from_iter("eleven".chars().rev());
    *byte += 1;
    slice.reverse();
    text.make_ascii_uppercase();
    assert_eq!((*byte, *aligned, &*slice), (2, Aligned(2), &[5, 4, 3][..]));
    assert_eq!((&*strings, &*filled), (&["six".to_owned(), "seven".to_owned()][..], &[0, 8, 16][..]));
    assert_eq!((&*text, &*formatted, &*literal), ("NINE", "1 [3, 4, 5] nine", "literal"));
    assert_eq!((*made, &*yielded), ([10; 100], &['n', 'e', 'v', 'e', 'l', 'e'][..]));
    assert!(core::ptr::from_ref(aligned).addr().is_multiple_of(64));
    assert_eq!(arena.check(), Ok(()));
    strings.iter_mut().for_each(|string| drop(core::mem::take(string)));
}

/// rust #18037 divided by zero; others dropped what was never built.
#[test]
fn values_without_bytes_take_nothing_and_are_dropped_as_often_as_built() {
    let (drops, arena) = (Cell::new(0), arena(128, 128));
    struct Zero;
    std::thread_local!(static DROPS: Cell<usize> = const { Cell::new(0) });
    impl Drop for Zero {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1);
        }
    }
    arena.alloc(());
    assert!(core::ptr::from_ref(arena.alloc(Nothing)).is_aligned());
    assert_eq!(arena.alloc_slice_copy(&[(); 1000]).len(), 1000);
    assert_eq!(arena.alloc_slice_clone(&vec![Nothing; 10]).len(), 10);
    assert_eq!(arena.alloc_from_iter(iter::repeat_n((), 77)).len(), 77);
    assert_eq!(arena.alloc_slice_fill_with(5000, |_| ()).len(), 5000);
    let mut vec = ArenaVec::new_in(&arena);
    vec.extend(iter::repeat_with(|| Zero).take(9));
    drop((vec.pop(), vec.swap_remove(2), vec.remove(0)));
    assert_eq!(DROPS.get(), 3);
    let mut values = vec.into_iter();
    drop((values.next(), values.next_back()));
    assert_eq!((DROPS.get(), values.len()), (5, 4));
    drop(values);
    assert_eq!(DROPS.get(), 9);
    drop((arena.alloc_box(Zero), arena.alloc(Zero)));
    assert_eq!((DROPS.get(), drops.get()), (10, 0));
    assert_eq!(arena.parent.requests(), 0);
}

#[test]
fn empty_slices_and_texts_take_nothing() {
    let arena = arena(128, 128);
    assert_eq!(arena.alloc_slice_copy::<u64>(&[]), []);
    assert_eq!(arena.alloc_slice_clone::<String>(&[]), [""; 0]);
    assert_eq!(arena.alloc_slice_fill_with(0, |_| 1), []);
    assert_eq!(arena.alloc_from_iter(iter::empty::<u8>()), []);
    assert_eq!((&*arena.alloc_str(""), &*arena.alloc_fmt(format_args!("{}", ""))), ("", ""));
    assert_eq!(arena.parent.requests(), 0);
}

/// An iterator's hint is no promise, in neither direction.
#[test]
fn a_wrong_size_hint_is_of_no_consequence() {
    struct Lies(usize, (usize, Option<usize>));
    impl Iterator for Lies {
        type Item = usize;

        fn next(&mut self) -> Option<usize> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            self.1
        }
    }
    for hint in [(0, None), (0, Some(0)), (5, Some(5)), (500, Some(3)), (usize::MAX, None), (usize::MAX / 8, Some(0))] {
        let arena = arena(128, 1024);
        let slice = arena.alloc_from_iter(Lies(100, hint));
        assert_eq!(slice.len(), 100);
        assert!(slice.iter().rev().copied().eq(0..100));
        assert_eq!(arena.alloc_from_iter(Lies(0, hint)), []);
        assert_eq!(arena.check(), Ok(()));
    }
}

/// What an iterator yields may come from the same arena (rust #67001).
#[test]
fn iterators_closures_and_values_may_use_the_same_arena() {
    struct Doubled<'a>(&'a Arena<Ledger>, &'a str);
    impl fmt::Display for Doubled<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0.alloc_fmt(format_args!("{0}{0}", self.1)))
        }
    }
    let arena = arena(64, 256);
    let nested = arena.alloc_from_iter((0..20).map(|n| arena.alloc_from_iter((0..n).map(|m| &*arena.alloc(n * m)))));
    for (n, row) in nested.iter().enumerate() {
        assert!(row.iter().enumerate().all(|(m, product)| **product == n * m));
    }
    let outer = arena.alloc_with(|| arena.alloc_with(|| arena.alloc(1)));
    let filled = arena.alloc_slice_fill_with(30, |index| arena.alloc(index));
    ***outer += 1;
    assert_eq!((***outer, filled.iter().map(|value| **value).sum::<usize>()), (2, 435));
    let (a, b) = (Doubled(&arena, "one "), Doubled(&arena, "two "));
    assert_eq!(arena.alloc_fmt(format_args!("{a}{b}{a}")), "one one two two one one ");
    assert_eq!(arena.check(), Ok(()));
}

/// At each k-th call: what was made is dropped once, and the arena serves on.
#[test]
fn closures_clones_and_iterators_that_unwind_drop_what_was_made() {
    struct Clones<'c>(Counts<'c>, &'c Cell<usize>);
    impl Clone for Clones<'_> {
        fn clone(&self) -> Self {
            self.1.set(self.1.get().checked_sub(1).expect("one clone too many"));
            Self(Counts(self.0.0), self.1)
        }
    }
    for k in 0..7 {
        let (drops, left, arena) = (Cell::new(0), Cell::new(k), arena(64, 128));
        let left: &Cell<usize> = &left;
        let fuse = || left.set(left.get().checked_sub(1).expect("one call too many"));
        let check = |work: &dyn Fn()| {
            (drops.set(0), left.set(k));
            assert!(unwinds(work));
            assert_eq!((drops.get(), arena.check()), (k, Ok(())));
        };
        let make = || {
            fuse();
            Counts(&drops)
        };
        check(&|| _ = arena.alloc_slice_fill_with(7, |_| make()));
        check(&|| _ = arena.alloc_from_iter(iter::repeat_with(make)));
        check(&|| _ = arena.alloc_from_iter(iter::repeat_with(make).take(7)));
        let values: Vec<_> = (0..7).map(|_| Clones(Counts(&drops), left)).collect();
        check(&|| _ = arena.alloc_slice_clone(&values));
        check(&|| {
            let mut vec = ArenaVec::new_in(&arena);
            vec.extend_from_slice(&values);
        });
    }
}

#[test]
fn a_closure_that_unwinds_leaves_no_value() {
    let arena = arena(128, 128);
    assert!(unwinds(|| arena.alloc_with::<Counts<'_>>(|| panic!("no value"))));
    assert_eq!((*arena.alloc(1), arena.check()), (1, Ok(())));
}

#[test]
fn a_value_that_refuses_to_be_formatted_is_an_error() {
    struct Refuses;
    impl fmt::Display for Refuses {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    let arena = arena(128, 128);
    assert_eq!(arena.try_alloc_fmt(format_args!("text {Refuses}")), Err(AllocError));
    assert!(unwinds(|| arena.alloc_fmt(format_args!("{Refuses}"))));
    assert_eq!(arena.room(), 128 - FOOTER, "the text was the last block");
}

#[test]
fn without_memory_every_twin_says_so_and_drops_what_it_was_given() {
    let (drops, calls, arena) = (Cell::new(0), Cell::new(0), arena(128, 128));
    arena.parent.fail_after(0);
    let call = || calls.set(calls.get() + 1);
    assert!(arena.try_alloc(Counts(&drops)).is_err());
    assert!(arena.try_alloc_box(Counts(&drops)).is_err());
    assert!(arena.try_alloc_from_iter(iter::repeat_with(|| Counts(&drops)).take(1)).is_err());
    assert_eq!(drops.get(), 3);
    assert!(arena.try_alloc_with(|| (call(), 1)).is_err());
    assert!(arena.try_alloc_slice_fill_with(1, |_| (call(), 1)).is_err());
    assert_eq!(calls.get(), 0);
    assert!(arena.try_alloc_str("text").is_err());
    assert!(arena.try_alloc_slice_copy(&[1]).is_err());
    assert!(arena.try_alloc_slice_clone(&[String::new()]).is_err());
    assert!(arena.try_alloc_fmt(format_args!("{}", 1)).is_err());
    assert!(arena.try_alloc_slice_fill_with(usize::MAX, |_| 1_u8).is_err());
    assert!(arena.try_alloc_slice_fill_with(usize::MAX / 2, |_| 1_u64).is_err());
    assert_eq!((arena.spans(), arena.check()), (0, Ok(())));
}

#[test]
fn without_memory_the_others_panic() {
    let arena = arena(128, 128);
    arena.parent.fail_after(0);
    assert!(unwinds(|| arena.alloc(1)));
    assert!(unwinds(|| arena.alloc_box(1)));
    assert!(unwinds(|| arena.alloc_with(|| 1)));
    assert!(unwinds(|| arena.alloc_str("text")));
    assert!(unwinds(|| arena.alloc_slice_copy(&[1])));
    assert!(unwinds(|| arena.alloc_slice_clone(&[1])));
    assert!(unwinds(|| arena.alloc_slice_fill_with(1, |_| 1)));
    assert!(unwinds(|| arena.alloc_from_iter(0..1)));
    assert!(unwinds(|| arena.alloc_fmt(format_args!("{}", 1))));
    assert!(unwinds(|| ArenaVec::new_in(&arena).push(1)));
    assert!(unwinds(|| ArenaString::new_in(&arena).push('1')));
}

#[test]
fn a_box_owns_its_value() {
    let (drops, arena) = (Cell::new(0), arena(128, 128));
    let mut boxed = arena.alloc_box((1, Counts(&drops)));
    boxed.0 += 1;
    assert_eq!(boxed.0, 2);
    let (two, counts) = ArenaBox::into_inner(boxed);
    assert_eq!((two, drops.get()), (2, 0));
    drop(counts);
    assert_eq!(drops.get(), 1);
    _ = ArenaBox::leak(arena.alloc_box(Counts(&drops)));
    assert_eq!(drops.get(), 1);
    let raw: *mut dyn fmt::Debug = ArenaBox::into_raw(arena.alloc_box(Counts(&drops))).as_ptr();
    // SAFETY: from a box of this arena, which gave it up.
    let wider: ArenaBox<'_, dyn fmt::Debug> = unsafe { ArenaBox::from_raw(NonNull::new(raw).unwrap()) };
    assert!(std::format!("{wider:?}").starts_with("Counts"));
    drop(wider);
    assert_eq!(drops.get(), 2);
    let mut vec = ArenaVec::new_in(&arena);
    vec.extend(iter::repeat_with(|| Counts(&drops)).take(3));
    let slice: ArenaBox<'_, [Counts<'_>]> = vec.into_boxed_slice();
    assert_eq!((slice.len(), drops.get()), (3, 2));
    drop(slice);
    assert_eq!(drops.get(), 5);
}

#[test]
fn boxes_compare_as_their_values() {
    let arena = arena(128, 128);
    let [one, two] = [1, 2].map(|value| arena.alloc_box(value));
    assert!(one < two && one != two && one == arena.alloc_box(1));
    assert_eq!(std::format!("{one} {two:?}"), "1 2");
}

/// Compiling is the test: bumpalo's box lost this once, and found it again.
#[test]
fn handles_are_covariant() {
    fn boxes<'a>(long: ArenaBox<'static, &'static str>) -> ArenaBox<'a, &'a str> {
        long
    }
    fn vecs<'a, R: Allocate>(long: ArenaVec<&'static str, R>) -> ArenaVec<&'a str, R> {
        long
    }
    fn iterators<'a, R: Allocate>(long: ArenaIntoIter<&'static str, R>) -> ArenaIntoIter<&'a str, R> {
        long
    }
    let _: (fn(_) -> _, fn(ArenaVec<_, System>) -> _, fn(ArenaIntoIter<_, System>) -> _) = (boxes, vecs, iterators);
}
