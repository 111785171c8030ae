//! What can be done to a list, as data: done to a `Vec` beside it, with the same
//! outcome. Also what the fuzzer of containers does.

use core::ops::Range;

use blockwork::{List, testing::When};

use super::{
    element::{Element, assert_none_lives},
    heaps::{Watched, assert_clean, failing},
};

/// One operation; positions are reduced to what the list has.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Push(u32),
    PushWithin(u32),
    Insert(usize, u32),
    InsertWithin(usize, u32),
    InsertSlice(usize, Vec<u32>),
    InsertN(usize, usize, u32),
    /// Opens so many slots, and fills some of them.
    InsertSlots(usize, usize, u32),
    Extend(Vec<u32>, Hint),
    ExtendSlice(Vec<u32>),
    ExtendSliceWithin(Vec<u32>),
    ExtendWithin(usize, usize),
    Append(Vec<u32>),
    Resize(usize, u32),
    ResizeWith(usize),
    Pop,
    PopIf(u32),
    Remove(usize),
    SwapRemove(usize),
    Truncate(usize),
    Clear,
    /// A range, and how many to take from the front and from the back.
    Drain(usize, usize, usize, usize),
    SwapDrain(usize, usize, usize),
    Retain(u32),
    Dedup(u32),
    /// A range, a divisor, and how many to take.
    ExtractIf(usize, usize, u32, usize),
    Splice(usize, usize, Vec<u32>, Hint),
    ReplaceRange(usize, usize, Vec<u32>),
    SplitOff(usize),
    Clone,
    CloneFrom(Vec<u32>),
    Reserve(usize),
    ReserveExact(usize),
    ReserveInPlace(usize),
    ShrinkTo(usize),
    ShrinkInPlace(usize),
    Slice,
    Uninit,
    RawParts,
    IntoIter(usize, usize),
}

/// What an iterator says of its length.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hint {
    True,
    Nothing,
    TooMuch,
    TooLittle,
}

/// An iterator that says what it likes of its length.
#[derive(Clone, Debug)]
pub(crate) struct Liar<I>(pub(crate) I, pub(crate) Hint);

impl<I: Iterator> Iterator for Liar<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.0.size_hint();
        match self.1 {
            Hint::True => (least, most),
            Hint::Nothing => (0, None),
            Hint::TooMuch => (usize::MAX - 3, Some(usize::MAX)),
            Hint::TooLittle => (least / 2, Some(least / 2)),
        }
    }
}

/// The same elements twice.
fn elements<T: Element>(numbers: &[u32]) -> Vec<T> {
    numbers.iter().map(|&n| T::new(n)).collect()
}

/// A range in a list of `len` elements.
pub(crate) fn range(a: usize, b: usize, len: usize) -> Range<usize> {
    let (a, b) = (a % (len + 1), b % (len + 1));
    a.min(b)..a.max(b)
}

/// What `swap_drain` has to leave.
fn swap_drain<T>(model: &mut Vec<T>, range: Range<usize>) -> Vec<T> {
    let behind = model.len() - range.end;
    let moved = model.split_off(model.len() - behind.min(range.len()));
    let taken: Vec<T> = model.splice(range, moved).collect();
    taken
}

/// Does `op` to both; without memory to none.
#[expect(clippy::too_many_lines, clippy::cognitive_complexity, reason = "one arm per operation")]
fn apply<T: Element, A: Watched>(list: &mut List<T, A>, model: &mut Vec<T>, op: &Op, may_fail: bool) {
    let len = model.len();
    let spare = list.capacity() - list.len();
    match *op {
        Op::Push(n) => match list.try_push(T::new(n)) {
            Ok(()) => model.push(T::new(n)),
            Err(value) => assert!(may_fail && value == T::new(n)),
        },
        Op::PushWithin(n) => {
            assert_eq!(list.push_within_capacity(T::new(n)).is_ok(), spare != 0);
            if spare != 0 {
                model.push(T::new(n));
            }
        }
        Op::Insert(at, n) => match list.try_insert(at % (len + 1), T::new(n)) {
            Ok(()) => model.insert(at % (len + 1), T::new(n)),
            Err(value) => assert!(may_fail && value == T::new(n)),
        },
        Op::InsertWithin(at, n) => {
            assert_eq!(list.insert_within_capacity(at % (len + 1), T::new(n)).is_ok(), spare != 0);
            if spare != 0 {
                model.insert(at % (len + 1), T::new(n));
            }
        }
        Op::InsertSlice(at, ref n) => {
            let at = at % (len + 1);
            if list.try_insert_from_slice(at, &elements(n)).is_ok() || !may_fail {
                model.splice(at..at, elements(n)).for_each(drop);
            }
        }
        Op::InsertN(at, count, n) => {
            let at = at % (len + 1);
            if list.try_insert_n(at, count, T::new(n)).is_ok() || !may_fail {
                model.splice(at..at, (0..count).map(|_| T::new(n))).for_each(drop);
            }
        }
        Op::InsertSlots(at, count, fill) => {
            let at = at % (len + 1);
            if let Ok(mut slots) = list.try_insert_slots(at, count) {
                for number in 0..fill {
                    let full = slots.remaining() == 0;
                    assert_eq!(slots.fill(T::new(number)).is_err(), full);
                }
                drop(slots);
                model.splice(at..at, (0..fill).take(count).map(T::new)).for_each(drop);
            } else {
                assert!(may_fail);
            }
        }
        Op::Extend(ref n, hint) => {
            let mut from = elements::<T>(n).into_iter();
            let outcome = list.try_extend(Liar(from.by_ref(), hint));
            assert!(may_fail || outcome.is_ok());
            let taken = n.len() - from.len() - usize::from(outcome.is_err());
            model.extend(n[..taken].iter().map(|&n| T::new(n)));
        }
        Op::ExtendSlice(ref n) => {
            if list.try_extend_from_slice(&elements(n)).is_ok() || !may_fail {
                model.extend(elements(n));
            }
        }
        Op::ExtendSliceWithin(ref n) => {
            assert_eq!(list.extend_from_slice_within_capacity(&elements(n)).is_ok(), n.len() <= spare);
            if n.len() <= spare {
                model.extend(elements(n));
            }
        }
        Op::ExtendWithin(a, b) => {
            if list.try_extend_from_within(range(a, b, len)).is_ok() || !may_fail {
                model.extend_from_within(range(a, b, len));
            }
        }
        Op::Append(ref n) => {
            let Ok(mut other) = List::try_from_iter(elements::<T>(n)) else { return assert!(may_fail) };
            if list.try_append(&mut other).is_ok() || !may_fail {
                assert!(other.is_empty());
                model.extend(elements(n));
            } else {
                assert_eq!(other, *elements::<T>(n));
            }
        }
        Op::Resize(to, n) => {
            if list.try_resize(to, T::new(n)).is_ok() || !may_fail {
                model.resize(to, T::new(n));
            }
        }
        Op::ResizeWith(to) => {
            if list.try_resize_with(to, || T::new(3)).is_ok() || !may_fail {
                model.resize_with(to, || T::new(3));
            }
        }
        Op::Pop => assert_eq!(list.pop(), model.pop()),
        Op::PopIf(n) => assert_eq!(list.pop_if(|e| e.number() == n), model.pop_if(|e| e.number() == n)),
        Op::Remove(at) if len != 0 => assert_eq!(list.remove(at % len), model.remove(at % len)),
        Op::SwapRemove(at) if len != 0 => assert_eq!(list.swap_remove(at % len), model.swap_remove(at % len)),
        Op::Remove(_) | Op::SwapRemove(_) => {}
        Op::Truncate(to) => {
            list.truncate(to);
            model.truncate(to);
        }
        Op::Clear => {
            let capacity = list.capacity();
            list.clear();
            model.clear();
            assert_eq!(list.capacity(), capacity);
        }
        Op::Drain(a, b, front, back) => {
            let (mut ours, mut theirs) = (list.drain(range(a, b, len)), model.drain(range(a, b, len)));
            for _ in 0..front {
                assert_eq!(ours.next(), theirs.next());
            }
            for _ in 0..back {
                assert_eq!(ours.next_back(), theirs.next_back());
            }
            assert_eq!(ours.as_slice(), theirs.as_slice());
        }
        Op::SwapDrain(a, b, front) => {
            let theirs = swap_drain(model, range(a, b, len));
            let mut ours = list.swap_drain(range(a, b, len));
            let first: Vec<T> = ours.by_ref().take(front).collect();
            assert_eq!((&first[..], ours.as_slice()), theirs.split_at(front.min(theirs.len())));
        }
        Op::Retain(by) => {
            list.retain(|e| e.number() % by == 0);
            model.retain(|e| e.number() % by == 0);
        }
        Op::Dedup(by) => {
            list.dedup_by_key(|e| e.number() / by);
            model.dedup_by_key(|e| e.number() / by);
        }
        Op::ExtractIf(a, b, by, take) => {
            let ours: Vec<T> = list.extract_if(range(a, b, len), |e| e.number() % by == 0).take(take).collect();
            let theirs: Vec<T> = model.extract_if(range(a, b, len), |e| e.number() % by == 0).take(take).collect();
            assert_eq!(ours, theirs);
        }
        Op::Splice(a, b, ref n, hint) if !may_fail && n.len() % 2 == 1 => {
            let ours: Vec<T> = list.splice(range(a, b, len), Liar(elements(n).into_iter(), hint)).collect();
            let theirs: Vec<T> = model.splice(range(a, b, len), elements(n)).collect();
            assert_eq!(ours, theirs);
        }
        Op::Splice(a, b, ref n, hint) => match list.try_splice(range(a, b, len), Liar(elements(n).into_iter(), hint)) {
            Ok(removed) => assert!(removed.eq(model.splice(range(a, b, len), elements(n)))),
            Err(_) => assert!(may_fail),
        },
        Op::ReplaceRange(a, b, ref n) => {
            if list.try_replace_range(range(a, b, len), &elements(n)).is_ok() || !may_fail {
                model.splice(range(a, b, len), elements(n)).for_each(drop);
            }
        }
        Op::SplitOff(at) => match list.try_split_off(at % (len + 1)) {
            Ok(other) => assert_eq!(other, *model.split_off(at % (len + 1))),
            Err(_) => assert!(may_fail),
        },
        Op::Clone => match list.try_clone() {
            Ok(other) => assert_eq!(other, **model),
            Err(_) => assert!(may_fail),
        },
        Op::CloneFrom(ref n) if n.len() % 2 == 0 => {
            let Ok(from) = List::try_from_slice(&elements(n)) else { return assert!(may_fail) };
            match list.try_clone_from(&from) {
                Ok(()) => model.clone_from(&elements(n)),
                Err(_) => assert!(may_fail),
            }
        }
        Op::CloneFrom(ref n) if !may_fail => {
            list.clone_from(&elements(n).into_iter().collect());
            model.clone_from(&elements(n));
        }
        Op::Reserve(more) => {
            assert!(list.try_reserve(more).map_or(may_fail, |()| list.capacity() - len >= more));
        }
        Op::ReserveExact(more) => {
            assert!(list.try_reserve_exact(more).map_or(may_fail, |()| list.capacity() - len >= more));
        }
        Op::ReserveInPlace(more) => {
            let start = list.as_ptr();
            let done = list.try_reserve_in_place(more).is_ok();
            assert!(list.as_ptr() == start && (!done || list.capacity() - len >= more));
        }
        Op::ShrinkTo(to) => {
            let before = list.capacity();
            assert!(list.try_shrink_to(to).is_ok() || may_fail);
            assert!(list.capacity() <= before && list.capacity() >= to.min(before).max(len));
        }
        Op::ShrinkInPlace(to) => {
            let start = list.as_ptr();
            let done = list.try_shrink_in_place(to).is_ok();
            assert!(list.as_ptr() == start || (done && to.max(len) == 0));
        }
        Op::Slice => match core::mem::take(list).try_into_slice() {
            Ok(slice) => {
                assert_eq!(slice, **model);
                *list = slice.into_list();
            }
            Err(same) => {
                assert!(may_fail);
                *list = same;
            }
        },
        Op::Uninit => {
            let (start, capacity) = (list.as_ptr(), list.capacity());
            let (all, live) = core::mem::take(list).into_uninit();
            assert_eq!((all.len(), live), (capacity, len));
            // SAFETY: so many live.
            *list = unsafe { all.into_list_with_len(live) };
            assert_eq!((list.as_ptr(), list.capacity()), (start, capacity));
        }
        Op::RawParts => {
            let (start, len, capacity) = core::mem::take(list).into_raw_parts();
            // SAFETY: just taken apart.
            *list = unsafe { List::from_raw_parts(start, len, capacity) };
        }
        Op::IntoIter(front, back) if !may_fail => {
            let mut ours = core::mem::take(list).into_iter();
            let mut theirs = core::mem::take(model).into_iter();
            for _ in 0..front {
                assert_eq!(ours.next(), theirs.next());
            }
            for _ in 0..back {
                assert_eq!(ours.next_back(), theirs.next_back());
            }
            assert_eq!(ours.as_slice(), theirs.as_slice());
            list.extend(ours);
            model.extend(theirs);
        }
        // These have no twin that returns the error.
        Op::CloneFrom(_) | Op::IntoIter(..) => {}
    }
}

/// Does `ops` to a list and to a `Vec`; requests fail `when`.
pub(crate) fn run<T: Element, A: Watched>(ops: &[Op], when: When) {
    let mut list = List::<T, A>::new();
    let mut model = Vec::new();
    failing::<A, _>(when, || {
        for op in ops {
            apply(&mut list, &mut model, op, when != When::Never);
            assert_eq!(list, *model, "after {op:?}");
            assert!(list.len() <= list.capacity());
            let align = if size_of::<T>() == 0 { 1 } else { A::ALIGN };
            assert!(list.as_ptr().is_aligned() && list.as_ptr().addr().is_multiple_of(align), "after {op:?}");
        }
    });
    A::with(|heap| assert_eq!(heap.parent().faults(), []));
    drop((list, model));
    assert_clean::<A>();
    assert_none_lives();
}
