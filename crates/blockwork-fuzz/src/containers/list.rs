//! `List` and `Slice` beside `Vec`.

use arbitrary::{Result, Unstructured};
use blockwork::{List, testing::When};

use super::{
    OPERATIONS,
    element::{Element, assert_none_lives, foreign_code},
    heaps::{Watched, assert_clean, failing},
    steps::{Hint, Liar, Op, range, run},
    when, with_panic,
};

/// The operations of the library's own tests, in any order.
pub(super) fn compared<T: Element, A: Watched>(u: &mut Unstructured<'_>) -> Result<()> {
    let when = when(u)?;
    let mut operations = Vec::new();
    while !u.is_empty() && operations.len() < OPERATIONS {
        operations.push(operation(u)?);
    }
    run::<T, A>(&operations, when);
    Ok(())
}

fn operation(u: &mut Unstructured<'_>) -> Result<Op> {
    let at = u.int_in_range(0..=23_usize)?;
    Ok(match u.int_in_range(0..=39)? {
        0 | 1 => Op::Push(number(u)?),
        2 => Op::PushWithin(number(u)?),
        3 => Op::Insert(at, number(u)?),
        4 => Op::InsertWithin(at, number(u)?),
        5 => Op::InsertSlice(at, numbers(u)?),
        6 => Op::InsertN(at, u.int_in_range(0..=8)?, number(u)?),
        7 => Op::InsertSlots(at, u.int_in_range(0..=8)?, u.int_in_range(0..=11)?),
        8 => Op::Extend(numbers(u)?, hint(u)?),
        9 => Op::ExtendSlice(numbers(u)?),
        10 => Op::ExtendSliceWithin(numbers(u)?),
        11 => Op::ExtendWithin(at, u.int_in_range(0..=23)?),
        12 => Op::Append(numbers(u)?),
        13 => Op::Resize(at, number(u)?),
        14 => Op::ResizeWith(at),
        15 => Op::Pop,
        16 => Op::PopIf(number(u)?),
        17 => Op::Remove(at),
        18 => Op::SwapRemove(at),
        19 => Op::Truncate(at),
        20 => Op::Clear,
        21 | 22 => Op::Drain(at, u.int_in_range(0..=23)?, u.int_in_range(0..=5)?, u.int_in_range(0..=5)?),
        23 => Op::SwapDrain(at, u.int_in_range(0..=23)?, u.int_in_range(0..=5)?),
        24 => Op::Retain(u.int_in_range(1..=3)?),
        25 => Op::Dedup(u.int_in_range(1..=3)?),
        26 => Op::ExtractIf(at, u.int_in_range(0..=23)?, u.int_in_range(1..=3)?, u.int_in_range(0..=23)?),
        27 | 28 => Op::Splice(at, u.int_in_range(0..=23)?, numbers(u)?, hint(u)?),
        29 => Op::ReplaceRange(at, u.int_in_range(0..=23)?, numbers(u)?),
        30 => Op::SplitOff(at),
        31 => Op::Clone,
        32 => Op::CloneFrom(numbers(u)?),
        33 => Op::Reserve(u.int_in_range(0..=79)?),
        34 => Op::ReserveExact(u.int_in_range(0..=79)?),
        35 => Op::ReserveInPlace(u.int_in_range(0..=79)?),
        36 => Op::ShrinkTo(u.int_in_range(0..=79)?),
        37 => Op::ShrinkInPlace(u.int_in_range(0..=79)?),
        38 => Op::IntoIter(u.int_in_range(0..=8)?, u.int_in_range(0..=8)?),
        _ => match u.int_in_range(0..=2)? {
            0 => Op::Slice,
            1 => Op::Uninit,
            _ => Op::RawParts,
        },
    })
}

fn number(u: &mut Unstructured<'_>) -> Result<u32> {
    u.int_in_range(0..=5)
}

fn numbers(u: &mut Unstructured<'_>) -> Result<Vec<u32>> {
    (0..u.int_in_range(0..=11)?).map(|_| number(u)).collect()
}

fn hint(u: &mut Unstructured<'_>) -> Result<Hint> {
    Ok(*u.choose(&[Hint::True, Hint::Nothing, Hint::TooMuch, Hint::TooLittle])?)
}

/// Code of elements panics somewhere in a sequence of operations; the list can be used
/// afterwards, and every element is dropped once.
pub(super) fn panicking<T: Element, A: Watched>(u: &mut Unstructured<'_>) -> Result<()> {
    let when = when(u)?;
    let steps = u.arbitrary::<[u8; 16]>()?;
    let mut list: List<T, A> = (0..u.int_in_range(0..=12)?).map(|n| T::new(n / 3)).collect();
    with_panic(u, || {
        failing::<A, _>(when, || {
            for pair in steps.chunks_exact(2) {
                disturb(&mut list, pair[0], usize::from(pair[1]));
            }
        });
    })?;
    // All that is in it lives.
    for element in &list {
        let _alive = element.number();
    }
    list.push(T::new(1));
    assert_eq!(list.pop(), Some(T::new(1)));
    let iterator = list.into_iter();
    with_panic(u, || drop(iterator))?;
    if when == When::Never {
        assert_none_lives();
    }
    assert_clean::<A>();
    assert_none_lives();
    Ok(())
}

/// Elements whose making may panic, and an iterator that lies.
fn fresh<T: Element>(count: usize) -> impl Iterator<Item = T> {
    let hint = [Hint::True, Hint::Nothing, Hint::TooMuch, Hint::TooLittle][count % 4];
    Liar(0..u32::try_from(count % 7).unwrap_or(0), hint).map(|n| {
        foreign_code();
        T::new(n)
    })
}

/// Something that runs code of elements, or of iterators, or closures.
fn disturb<T: Element, A: Watched>(list: &mut List<T, A>, what: u8, at: usize) {
    let len = list.len();
    let some = range(at % 16, at / 16, len);
    let yes = |_: &mut T| {
        foreign_code();
        at.is_multiple_of(2)
    };
    match what % 26 {
        0 => list.clear(),
        1 => list.truncate(at % (len + 1)),
        2 => drop(list.pop_if(yes)),
        3 if len != 0 => drop(list.remove(at % len)),
        4 if len != 0 => drop(list.swap_remove(at % len)),
        5 => drop(list.drain(some)),
        6 => list.drain(some).by_ref().take(at % 3).for_each(drop),
        7 => drop(list.swap_drain(some)),
        8 => list.retain_mut(yes),
        9 => list.dedup_by(|a, b| {
            foreign_code();
            a == b
        }),
        10 => list.extract_if(some, yes).take(at % 5).for_each(drop),
        11 => drop(list.try_extend(fresh(at))),
        12 => drop(list.try_splice(some, fresh(at))),
        13 => drop(list.try_replace_range(some, &[T::new(1), T::new(2), T::new(3)])),
        14 => drop(list.try_clone()),
        15 => {
            if let Ok(other) = List::try_from_slice(&[T::new(4), T::new(5), T::new(6)]) {
                let _done = list.try_clone_from(&other);
            }
        }
        16 => drop(list.try_resize(at % 20, T::new(1))),
        17 => drop(list.try_resize_with(at % 20, || {
            foreign_code();
            T::new(2)
        })),
        18 => drop(list.try_insert_n(at % (len + 1), at % 5, T::new(3))),
        19 => drop(list.try_insert_from_slice(at % (len + 1), &[T::new(1), T::new(2)])),
        20 => drop(list.try_extend_from_within(some)),
        21 => {
            if let Ok(mut slots) = list.try_insert_slots(at % (len + 1), at % 6) {
                for value in fresh(at) {
                    drop(slots.fill(value));
                }
            }
        }
        22 => match core::mem::take(list).try_into_slice() {
            Ok(slice) => {
                drop(slice.try_clone());
                *list = slice.into_list();
            }
            Err(same) => *list = same,
        },
        23 => {
            let mut rest = core::mem::take(list).into_iter();
            rest.by_ref().take(at % 4).for_each(drop);
            drop(rest.next_back());
            drop(rest.try_clone());
        }
        24 => drop(list.try_split_off(at % (len + 1))),
        _ => drop(list.try_push(T::new(5))),
    }
}
