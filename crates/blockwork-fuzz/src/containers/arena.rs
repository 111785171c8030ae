//! What grows in an arena, several at once, with scopes.

use arbitrary::{Result, Unstructured};
use blockwork::{
    Arena, ArenaBox, ArenaConfig, ArenaString, ArenaVec, Check as _, Region,
    testing::{Failing, Strict},
};

use super::{
    OPERATIONS,
    element::{Element, assert_none_lives},
    when, with_panic,
};

type Parent = Failing<Strict>;

fn arena(parent: &Parent) -> Arena<&Parent> {
    let config = ArenaConfig { span_first: 128, span_max: 4096, ..ArenaConfig::DEFAULT };
    Arena::try_new(parent, config).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Nothing is left, and nothing went wrong.
fn end(parent: &Parent, arena: Arena<&Parent>) {
    assert_eq!(arena.check(), Ok(()));
    drop(arena);
    assert_none_lives();
    assert_eq!(parent.parent().faults(), []);
    assert_eq!(parent.parent().live_blocks(), 0, "an arena has left memory behind");
}

/// Vectors beside std's.
pub(super) fn vectors<T: Element>(u: &mut Unstructured<'_>) -> Result<()> {
    let parent = Failing::new(Strict::new(), when(u)?);
    let mut arena = arena(&parent);
    // So that it does not begin at the beginning of a span.
    drop(arena.try_alloc_str("text"));
    let rounds = u.int_in_range(0..=2)?;
    for _ in 0..rounds {
        arena.scope(|scope| together::<T, _>(&parent, &scope, u))?;
    }
    together::<T, _>(&parent, &arena, u)?;
    end(&parent, arena);
    Ok(())
}

fn together<'a, T: Element, R: Region<'a>>(parent: &Parent, region: R, u: &mut Unstructured<'_>) -> Result<()> {
    let mut vectors = [(); 3].map(|()| (ArenaVec::<T, R>::new_in(region), Vec::<T>::new()));
    let mut boxes: Vec<(u32, ArenaBox<'a, T>)> = Vec::new();
    let mut done = 0;
    while !u.is_empty() && done < OPERATIONS {
        done += 1;
        let (ours, theirs) = &mut vectors[u.int_in_range(0..=2)?];
        let (len, at) = (theirs.len(), u.int_in_range(0..=23_usize)?);
        let number = u.int_in_range(0..=5)?;
        match u.int_in_range(0..=16)? {
            0..=2 => {
                if ours.try_push(T::new(number)).is_ok() {
                    theirs.push(T::new(number));
                }
            }
            3 => assert_eq!(ours.pop(), theirs.pop()),
            4 => {
                if ours.try_insert(at % (len + 1), T::new(number)).is_ok() {
                    theirs.insert(at % (len + 1), T::new(number));
                }
            }
            5 if len != 0 => assert_eq!(ours.remove(at % len), theirs.remove(at % len)),
            6 if len != 0 => assert_eq!(ours.swap_remove(at % len), theirs.swap_remove(at % len)),
            7 => {
                ours.truncate(at);
                theirs.truncate(at);
            }
            8 => {
                ours.clear();
                theirs.clear();
            }
            9 => {
                let more: Vec<T> = (0..number).map(T::new).collect();
                if ours.try_extend_from_slice(&more).is_ok() {
                    theirs.extend(more);
                }
            }
            10 => drop(ours.try_reserve(at)),
            11 => ours.shrink_to_fit(),
            12 => {
                let old = core::mem::replace(ours, ArenaVec::new_in(region));
                assert!(old.into_iter().eq(theirs.drain(..)));
            }
            13 => {
                let boxed = core::mem::replace(ours, ArenaVec::new_in(region)).into_boxed_slice();
                assert_eq!(*boxed, **theirs);
                theirs.clear();
            }
            14 => boxes.extend(region.try_alloc_box(T::new(number)).ok().map(|boxed| (number, boxed))),
            15 => {
                if let Some((number, boxed)) = boxes.pop() {
                    assert_eq!(ArenaBox::into_inner(boxed), T::new(number));
                }
            }
            _ => drop(region.try_alloc_slice_copy(&[7_u64; 9][..at % 10])),
        }
        assert_eq!(ours.as_slice(), &**theirs);
        assert!(ours.len() <= ours.capacity());
        assert_eq!(parent.parent().faults(), []);
    }
    assert!(boxes.iter().all(|(number, boxed)| **boxed == T::new(*number)));
    with_panic(u, move || drop((vectors, boxes))).map(drop)
}

/// Strings beside std's.
pub(super) fn strings(u: &mut Unstructured<'_>) -> Result<()> {
    let parent = Failing::new(Strict::new(), when(u)?);
    let arena = arena(&parent);
    let mut strings = [(); 2].map(|()| (ArenaString::new_in(&arena), String::new()));
    let mut kept: Vec<(&str, String)> = Vec::new();
    let mut done = 0;
    while !u.is_empty() && done < OPERATIONS {
        done += 1;
        let (ours, theirs) = &mut strings[usize::from(u.arbitrary::<bool>()?)];
        match u.int_in_range(0..=9)? {
            0..=2 => {
                let character = u.arbitrary()?;
                if ours.try_push(character).is_ok() {
                    theirs.push(character);
                }
            }
            3 | 4 => {
                let text: &str = u.arbitrary()?;
                let text = text.get(..text.floor_char_boundary(100)).unwrap_or("");
                if ours.try_push_str(text).is_ok() {
                    theirs.push_str(text);
                }
            }
            5 => assert_eq!(ours.pop(), theirs.pop()),
            6 => {
                let at = theirs.floor_char_boundary(u.int_in_range(0..=50)?);
                ours.truncate(at);
                theirs.truncate(at);
            }
            7 => drop(ours.try_reserve(u.int_in_range(0..=300)?)),
            8 => ours.shrink_to_fit(),
            _ => {
                let old = core::mem::replace(ours, ArenaString::new_in(&arena));
                kept.push((old.into_str(), core::mem::take(theirs)));
            }
        }
        assert_eq!(ours.as_str(), theirs);
    }
    assert!(kept.iter().all(|(ours, theirs)| ours == theirs));
    drop((strings, kept));
    end(&parent, arena);
    Ok(())
}
