//! Values in arenas, and code of others that panics at each of its calls in turn, and
//! allocates from the same arena at all of them.
//!
//! arenavec and scratchpad dropped values twice then, [RUSTSEC-2021-0040] and
//! [RUSTSEC-2021-0030]; `alloc_from_iter` of rustc's arena could be entered again while
//! it ran, [rust#67001].
//!
//! [RUSTSEC-2021-0040]: https://rustsec.org/advisories/RUSTSEC-2021-0040.html
//! [RUSTSEC-2021-0030]: https://rustsec.org/advisories/RUSTSEC-2021-0030.html
//! [rust#67001]: https://github.com/rust-lang/rust/issues/67001

use core::mem::ManuallyDrop;

use blockwork::{Arena, ArenaBox, ArenaConfig, ArenaVec, Check, Region, testing::Strict};

use crate::typed::element::{Element, Marker, Token, assert_none_lives, foreign_code, panicking_at};

type Home<'s> = Arena<&'s Strict>;
type Work = (&'static str, fn(&mut Home<'_>));

fn fresh<T: Element>(count: u32) -> impl Iterator<Item = T> {
    (0..count).map(|n| {
        foreign_code();
        T::new(n)
    })
}

fn ten<'a, 's, T: Element>(arena: &'a Home<'s>) -> ArenaVec<T, &'a Home<'s>> {
    let mut values = ArenaVec::new_in(arena);
    (0..10).for_each(|n| values.push(T::new(n)));
    values
}

/// Drops values that the arena leaves to nobody, as it says.
fn end<T>(values: &mut [T]) {
    // SAFETY: nobody else drops them, or uses them again.
    unsafe { core::ptr::from_mut(values).drop_in_place() }
}

/// Takes a number from the arena in the middle of everything, and sees that it stays.
fn meanwhile<T>(arena: &Home<'_>, value: T) -> T {
    let number = arena.alloc(0x1234_u32);
    foreign_code();
    let text = arena.alloc_str("in between");
    assert_eq!((*number, &*text), (0x1234, "in between"));
    value
}

fn works<T: Element>() -> Vec<Work> {
    vec![
        ("drop", |arena| drop(ten::<T>(arena))),
        ("truncate", |arena| ten::<T>(arena).truncate(3)),
        ("clear", |arena| ten::<T>(arena).clear()),
        ("pop", |arena| drop(ten::<T>(arena).pop())),
        ("remove", |arena| drop(ten::<T>(arena).remove(4))),
        ("swap remove", |arena| drop(ten::<T>(arena).swap_remove(4))),
        ("insert", |arena| ten(arena).insert(4, meanwhile(arena, T::new(3)))),
        ("extend", |arena| ten(arena).extend(fresh::<T>(20))),
        ("extend, entered again", |arena| ten(arena).extend(fresh::<T>(20).map(|value| meanwhile(arena, value)))),
        ("extend from slice", |arena| {
            let more: Vec<T> = fresh(20).collect();
            ten(arena).extend_from_slice(&more);
        }),
        ("into iter", |arena| ten::<T>(arena).into_iter().skip(2).take(3).for_each(drop)),
        ("into iter, from the back", |arena| drop(ten::<T>(arena).into_iter().next_back())),
        ("boxed slice", |arena| drop(ten::<T>(arena).into_boxed_slice())),
        ("box", |arena| drop(arena.alloc_box(meanwhile(arena, T::new(5))))),
        ("into inner", |arena| drop(ArenaBox::into_inner(arena.alloc_box(T::new(5))))),
        ("with", |arena| {
            let value = arena.alloc_with(|| meanwhile(arena, T::new(1)));
            end(core::slice::from_mut(value));
        }),
        ("fill with", |arena| end(arena.alloc_slice_fill_with(9, |_| meanwhile(arena, T::new(1))))),
        ("clones", |arena| {
            let from: Vec<T> = fresh(9).collect();
            end(arena.alloc_slice_clone(&from));
        }),
        ("from an iterator", |arena| end(arena.alloc_from_iter(fresh::<T>(30).map(|value| meanwhile(arena, value))))),
        ("within a scope", |arena| {
            arena.scope(|scope| {
                let boxed = scope.alloc_box(T::new(1));
                foreign_code();
                let mut values = ArenaVec::new_in(&scope);
                values.extend(fresh::<T>(9));
                drop(boxed);
            });
        }),
    ]
}

fn each_call_may_panic<T: Element>() {
    let config = ArenaConfig { span_first: 64, span_max: 512, ..ArenaConfig::DEFAULT };
    for (name, work) in works::<T>() {
        for call in 0.. {
            let strict = Strict::new();
            let mut arena = Arena::try_new(&strict, config).unwrap();
            let own = ManuallyDrop::new(arena.alloc_box(0x55_u8));
            let own: *const u8 = &raw const **own;
            let panicked = panicking_at(call, || work(&mut arena));
            assert_none_lives();
            assert_eq!(arena.check(), Ok(()), "{name}");
            // SAFETY: the arena has not been reset.
            assert_eq!(unsafe { own.read() }, 0x55, "{name}");
            drop(ten::<T>(&arena));
            drop(arena);
            assert_none_lives();
            assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]), "{name}");
            if !panicked {
                break;
            }
            assert!(call < 200, "{name} does not end");
        }
    }
}

#[test]
fn each_call_of_others_code_may_panic_and_use_the_arena() {
    each_call_may_panic::<Token>();
}

#[test]
fn each_call_of_others_code_may_panic_with_values_of_no_size() {
    each_call_may_panic::<Marker>();
}
