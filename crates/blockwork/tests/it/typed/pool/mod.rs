//! Pools: values stay where they are, are dropped once, and keys find what they
//! name or nothing.

mod faults;

use alloc::rc::Rc;
use core::{
    borrow::Borrow,
    cell::RefCell,
    hash::{Hash, Hasher},
    panic::AssertUnwindSafe,
    pin::Pin,
    ptr,
};
use std::{collections::HashMap, hash::DefaultHasher, panic};

use blockwork::{
    AllocError, Allocate, Buffer, Bump, Chain as _, Check, Counted, Pool, PoolBox, PoolKey, System, send_sync,
    testing::{Failing, Local, Misaligned, Reentrant, Shared, Strict, Tied, When},
};

use super::element::{Aligned, Element, Marker, Token, assert_none_lives, foreign_code, panicking_at};

type Strictly<T> = Pool<T, Strict>;

/// All is as it should be, now and when the pool is gone.
fn end<T, A: Allocate + Check>(pool: Pool<T, A>) {
    assert_eq!(pool.check(), Ok(()));
    drop(pool);
    assert_none_lives();
}

/// The pool's parent has everything back, and has seen no mistake.
fn watched<R>(work: impl FnOnce(&Strict) -> R) -> R {
    let strict = Strict::new();
    let result = work(&strict);
    assert_eq!(strict.faults(), []);
    assert_eq!((strict.live_blocks(), strict.live_bytes()), (0, 0));
    result
}

fn values_keep_their_places<T: Element>() {
    watched(|strict| {
        let mut pool = Pool::<T, _>::new(strict);
        let boxes: Vec<_> = (0..100).map(|n| (n, PoolBox::leak(pool.alloc_box(T::new(n))))).collect();
        let places: Vec<*const T> = boxes.iter().map(|(_, place)| ptr::from_ref(&**place)).collect();
        let keys: Vec<_> = (0..1000).map(|n| pool.insert(T::new(n))).collect();
        for ((n, value), place) in boxes.into_iter().zip(places) {
            assert_eq!(ptr::from_ref(&*value), place);
            assert!(place.is_aligned());
            assert_eq!(*value, T::new(n));
        }
        let all: Vec<*const T> = keys.iter().map(|&key| ptr::from_ref(&pool[key])).collect();
        for (n, &key) in (0..).zip(&keys) {
            assert_eq!(pool.get(key).map(Element::number), Some(T::new(n).number()));
            if n % 3 == 0 {
                assert_eq!(pool.remove(key), Some(T::new(n)));
            }
            assert_eq!(pool.contains_key(key), n % 3 != 0);
        }
        for ((n, &key), place) in (0..).zip(&keys).zip(all) {
            assert_eq!(pool.get(key).map(ptr::from_ref), (n % 3 != 0).then_some(place));
        }
        assert_eq!(pool.iter().count(), 666);
        assert_eq!(pool.values_live(), 766);
        end(pool);
    });
}

#[test]
fn values_of_any_type_keep_their_places() {
    values_keep_their_places::<u8>();
    values_keep_their_places::<Token>();
}

#[test]
fn over_aligned_values_keep_their_places() {
    values_keep_their_places::<Aligned>();
}

#[test]
fn values_of_no_size_have_places_too() {
    values_keep_their_places::<()>();
    values_keep_their_places::<Marker>();
}

#[test]
fn nothing_is_taken_before_the_first_value() {
    let pool = Pool::<Token, _>::new(Counted::new(System));
    assert_eq!((pool.parent().counts().requests, pool.capacity(), pool.values_live()), (0, 0, 0));
    assert_eq!(pool.iter().next(), None);
}

#[test]
fn the_place_freed_last_is_the_next() {
    let pool = Pool::new(System);
    let first = pool.alloc_box(1_u64);
    let place = ptr::from_ref(&*first);
    drop(first);
    assert_eq!(ptr::from_ref(&*pool.alloc_box(2)), place);
}

#[test]
fn a_box_is_what_its_value_is() {
    let pool = Pool::new(System);
    let (mut a, b) = (pool.alloc_box(3), pool.alloc_box(4));
    assert!(a < b && a == a && a != b && a.cmp(&b).is_lt());
    assert_eq!(format!("{a:?} {a}"), "3 3");
    *a.as_mut() += 1;
    assert_eq!(a, b);
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&|hasher| a.hash(hasher)), hash(&|hasher| 4.hash(hasher)));
    assert_eq!(Borrow::<i32>::borrow(&a), &4);
    assert_eq!(PoolBox::into_inner(b), 4);
}

#[test]
fn a_box_may_outlive_every_borrow_of_its_pool() {
    watched(|strict| {
        let pool = Rc::new(Pool::new(strict));
        let mut boxes: Vec<_> = (0..50).map(|n| PoolBox::new_in(Token::new(n), Rc::clone(&pool))).collect();
        let weak = Rc::downgrade(&pool);
        drop(pool);
        boxes.truncate(1);
        assert_eq!(boxes[0].number(), 0);
        assert!(weak.upgrade().is_some());
        let last = boxes.pop().map(PoolBox::into_inner);
        assert!(weak.upgrade().is_none());
        assert_eq!(last.map(|token| token.number()), Some(0));
    });
    assert_none_lives();
}

#[test]
fn a_shared_pool_is_not_to_be_changed_while_a_box_lives() {
    let mut pool = Rc::new(Pool::new(System));
    let boxed = PoolBox::new_in(1, Rc::clone(&pool));
    let key = pool.insert(2);
    assert!(Rc::get_mut(&mut pool).is_none());
    drop(boxed);
    assert_eq!(Rc::get_mut(&mut pool).and_then(|pool| pool.remove(key)), Some(2));
}

#[test]
fn what_boxes_leave_behind_is_dropped_with_the_pool() {
    watched(|strict| {
        let pool = Pool::new(strict);
        let kept = PoolBox::into_key(pool.alloc_box(Token::new(1)));
        core::mem::forget(pool.alloc_box(Token::new(2)));
        let leaked = PoolBox::leak(pool.alloc_box(Token::new(3)));
        drop(pool.alloc_box(Token::new(4)));
        assert_eq!((pool[kept].number(), leaked.number(), pool.values_live()), (1, 3, 3));
        end(pool);
    });
}

#[test]
fn clearing_ends_all_values_and_keys_and_keeps_the_memory() {
    watched(|strict| {
        let mut pool = Pool::new(strict);
        let keys: Vec<_> = (0..100).map(|n| pool.insert(Token::new(n))).collect();
        core::mem::forget(pool.alloc_box(Token::new(100)));
        pool.remove(keys[50]);
        let (capacity, requests) = (pool.capacity(), strict.requests());
        pool.clear();
        assert_none_lives();
        assert_eq!((pool.check(), pool.values_live(), pool.capacity()), (Ok(()), 0, capacity));
        let again: Vec<_> = (0..capacity).map(|_| pool.insert(Token::new(7))).collect();
        assert_eq!(strict.requests(), requests);
        assert!(keys.iter().all(|&key| pool.get(key).is_none()));
        assert!(again.iter().all(|&key| pool.contains_key(key)));
        end(pool);
    });
}

#[test]
fn a_forgotten_pool_forgets_its_values_and_nothing_else() {
    let strict = Strict::new();
    let pool = Pool::new(&strict);
    let key = pool.insert(7_u8);
    assert_eq!(pool[key], 7);
    core::mem::forget(pool);
    assert_eq!((strict.live_blocks(), strict.faults()), (1, vec![]));
    let again = Pool::new(&strict);
    assert_eq!(again.get(key), None);
}

#[test]
fn a_key_outlives_its_value_and_finds_nothing() {
    let mut pool = Pool::new(System);
    let old = pool.insert("old");
    assert_eq!(pool.remove(old), Some("old"));
    let new = pool.insert("new");
    assert_ne!(old, new);
    assert_eq!((pool.get(old), pool.contains_key(old)), (None, false));
    assert_eq!(pool.get_mut(old), None);
    assert_eq!(pool.remove(old), None);
    assert_eq!(pool.remove(new), Some("new"));
    let boxed = pool.alloc_box("boxed");
    assert_eq!(PoolBox::into_inner(boxed), "boxed");
    assert_eq!((pool.get(old), pool.get(new)), (None, None));
}

#[test]
fn keys_do_not_find_what_is_in_boxes() {
    let mut pool = Pool::new(System);
    let key = pool.insert(1);
    pool.remove(key);
    let _boxed = pool.alloc_box(2); // in the same place
    assert_eq!(pool.get(key), None);
    assert_eq!(pool.iter().count(), 0);
}

#[test]
fn keys_of_other_pools_and_made_up_ones_do_no_harm() {
    let mut pool = Pool::new(System);
    let elsewhere = Pool::new(System);
    let far: Vec<PoolKey<u64>> = (0..100).map(|n| elsewhere.insert(n)).collect();
    let key = pool.insert(1_u64);
    let _boxed = PoolBox::leak(pool.alloc_box(2));
    assert!(far.iter().skip(1).all(|&key| pool.get(key).is_none()));
    for number in (0..50).chain([u64::from(u32::MAX), u64::from(u32::MAX) - 1]) {
        for generation in [0, 1, 2, 3, u64::from(u32::MAX)] {
            let Some(made_up) = PoolKey::from_bits(generation << 32 | number) else { continue };
            assert!(pool.remove(made_up).is_none() || made_up == key);
        }
    }
    assert_eq!(pool.check(), Ok(()));
    assert_eq!(PoolKey::<u64>::from_bits(1 << 32), None);
}

#[test]
fn indexing_by_the_key_of_nothing_panics() {
    let mut pool = Pool::new(System);
    let key = pool.insert(1);
    pool[key] += 1;
    assert_eq!(pool.remove(key), Some(2));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| pool[key]));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"no value under this key"));
}

#[test]
fn several_values_are_borrowed_only_if_they_are_different_and_there() {
    let mut pool = Pool::new(System);
    let [a, b, c] = [1, 2, 3].map(|n| pool.insert(n));
    assert_eq!(pool.get_disjoint_mut([a, b, c]), Some([&mut 1, &mut 2, &mut 3]));
    assert_eq!(pool.get_disjoint_mut([a, b, a]), None);
    pool.remove(c);
    assert_eq!(pool.get_disjoint_mut([a, c]), None);
    // Of the same place, but of another generation.
    let d = pool.insert(4);
    assert_eq!(pool.get_disjoint_mut([c, d]), None);
    assert_eq!(pool.get_disjoint_mut([]), Some([]));
}

#[test]
fn trimming_gives_rows_back_from_the_last_one_that_lives() {
    watched(|strict| {
        let mut pool = Pool::new(strict);
        let keys: Vec<_> = (0..1000).map(|n| pool.insert(Token::new(n))).collect();
        let boxed = PoolBox::leak(pool.alloc_box(Token::new(1000)));
        let (last, rows) = (ptr::from_ref(&*boxed), strict.live_blocks());
        pool.trim();
        assert_eq!((strict.live_blocks(), boxed.number()), (rows, 1000));
        // The box is in the last row, though all others are empty.
        keys.iter().for_each(|&key| drop(pool.remove(key)));
        pool.trim();
        assert_eq!((strict.live_blocks(), pool.check()), (rows, Ok(())));
        assert_eq!(pool.values_live(), 1);
        pool.clear();
        let kept = pool.insert(Token::new(1));
        pool.trim();
        assert_eq!((strict.live_blocks(), pool[kept].number(), pool.check()), (1, 1, Ok(())));
        // Keys of slots that were given back find nothing in those that come.
        let again: Vec<_> = (0..1000).map(|n| pool.insert(Token::new(n))).collect();
        assert!(keys.iter().all(|&key| pool.get(key).is_none()));
        assert!(again.iter().all(|&key| !keys.contains(&key) && pool.contains_key(key)));
        assert!(pool.iter().any(|(_, token)| ptr::from_ref(token) != last));
        pool.clear();
        pool.trim();
        assert_eq!((strict.live_blocks(), pool.capacity(), pool.check()), (0, 0, Ok(())));
        end(pool);
    });
}

#[test]
fn trimming_while_a_value_is_made_keeps_its_place() {
    let pool = Pool::new(System);
    let key = pool.insert_with_key(|_| {
        pool.trim();
        drop(pool.alloc_box(Token::new(1)));
        Token::new(2)
    });
    pool.trim();
    assert_eq!((pool[key].number(), pool.check()), (2, Ok(())));
    end(pool);
}

#[test]
fn a_key_given_to_a_closure_that_panics_names_nothing_ever() {
    watched(|strict| {
        let mut pool = Pool::<Token, _>::new(strict);
        for _ in 0..300 {
            let mut given = None;
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
                pool.insert_with_key(|key| {
                    given = Some(key);
                    assert!(!pool.contains_key(key));
                    panic::panic_any(())
                })
            }));
            assert!(outcome.is_err());
            let next = pool.insert(Token::new(1));
            assert_ne!(given, Some(next));
            assert!(!pool.contains_key(given.unwrap()));
            pool.remove(next);
            assert_eq!(pool.check(), Ok(()));
        }
        end(pool);
    });
}

#[test]
fn iteration_sees_what_has_a_key() {
    let mut pool = Pool::new(System);
    let keys: Vec<_> = (0..70).map(|n| pool.insert(Token::new(n))).collect();
    core::mem::forget(pool.alloc_box(Token::new(99)));
    for key in keys.iter().step_by(2) {
        pool.remove(*key);
    }
    let numbers: Vec<_> = pool.iter().map(|(_, token)| token.number()).collect();
    assert_eq!(numbers, (0..70).skip(1).step_by(2).collect::<Vec<_>>());
    for (key, token) in &mut pool {
        assert!(keys.contains(&key));
        *token = Token::new(token.number() + 100);
    }
    assert!((&pool).into_iter().all(|(key, token)| pool[key] == *token && token.number() > 100));
    let twice = pool.iter();
    assert_eq!(twice.clone().count(), twice.count());
    end(pool);
}

#[test]
fn values_that_come_during_an_iteration_do_no_harm() {
    let pool = Pool::new(System);
    let first = pool.insert(0_u32);
    let mut seen = 0;
    for (_, n) in &pool {
        seen += 1;
        drop(pool.alloc_box(*n));
        (0..100).for_each(|n| _ = pool.insert(n));
    }
    assert_eq!((seen, pool[first], pool.iter().count()), (1, 0, 101));
}

#[test]
fn an_iteration_goes_on_when_rows_behind_it_go_and_come_back() {
    let pool = Pool::new(System);
    let keys: Vec<_> = (0..50_u32).map(|n| pool.insert(n)).collect();
    let boxes: Vec<_> = (0..1000).map(|n| pool.alloc_box(n)).collect();
    let mut iter = pool.iter();
    assert_eq!(iter.next(), Some((keys[0], &0)));
    drop(boxes);
    pool.trim();
    let again: Vec<_> = (0..2000).map(|n| pool.alloc_box(n)).collect();
    assert_eq!(iter.map(|(_, n)| *n).collect::<Vec<_>>(), (1..50).collect::<Vec<_>>());
    drop(again);
}

#[test]
fn an_iteration_that_has_ended_stays_so_when_values_come() {
    let pool = Pool::new(System);
    let boxes: Vec<_> = (0..1000_u32).map(|n| pool.alloc_box(n)).collect();
    let mut iter = pool.iter();
    drop(boxes);
    pool.trim();
    assert_eq!(iter.next(), None);
    (0..1000).for_each(|n| _ = pool.insert(n));
    assert_eq!(iter.next(), None);
}

#[test]
fn removing_while_iterating_is_retaining() {
    let mut pool = Pool::new(System);
    let keys: Vec<_> = (0..100).map(|n| pool.insert(Token::new(n))).collect();
    pool.retain(|key, token| {
        assert_eq!(keys[token.number() as usize], key);
        token.number() % 10 == 0
    });
    assert_eq!(pool.iter().count(), 10);
    let (key, token) = pool.drain().next().unwrap();
    assert_eq!((key, token.number()), (keys[0], 0));
    drop(token);
    // All were taken out when the iterator ended.
    assert_eq!(pool.values_live(), 0);
    assert_none_lives();
    pool.insert(Token::new(1));
    core::mem::forget(pool.drain());
    assert_eq!(pool.iter().count(), 1);
    end(pool);
}

#[test]
fn a_value_may_use_its_pool_while_it_is_dropped_or_made() {
    struct Busy<'p> {
        pool: &'p Strictly<u32>,
        held: RefCell<Vec<PoolBox<u32, &'p Strictly<u32>>>>,
    }
    impl Drop for Busy<'_> {
        fn drop(&mut self) {
            drop(self.pool.alloc_box(1));
            self.pool.insert(2);
            self.held.borrow_mut().clear();
        }
    }
    let pool = Pool::new(Strict::new());
    let held = (0..40).map(|n| pool.alloc_box(n)).collect();
    drop(Busy { pool: &pool, held: RefCell::new(held) });
    assert_eq!(pool.values_live(), 1);

    /// In the very pool whose boxes it makes and drops.
    struct Nested(Option<Rc<Pool<Self, System>>>, u32);
    impl Drop for Nested {
        fn drop(&mut self) {
            if let Some(pool) = &self.0 {
                let inner = PoolBox::new_in(Self(None, 0), Rc::clone(pool));
                assert!((0..9).contains(&self.1) && inner.1 == 0);
                pool.insert(Self(None, 1));
            }
        }
    }
    let pool = Rc::new(Pool::new(System));
    let boxes: Vec<_> = (0..9).map(|n| PoolBox::new_in(Nested(Some(Rc::clone(&pool)), n), Rc::clone(&pool))).collect();
    drop(boxes);
    assert_eq!((pool.check(), pool.values_live()), (Ok(()), 9));
    let boxed = pool.alloc_box_with(|| {
        pool.insert(Nested(None, 2));
        drop(pool.alloc_box(Nested(None, 3)));
        Nested(None, 4)
    });
    assert_eq!((boxed.1, pool.iter().count()), (4, 10));
}

#[test]
fn a_parent_may_call_back_into_the_pool_that_waits_for_it() {
    let strict = Strict::new();
    let parent = Reentrant::new(&strict);
    let pool = Pool::<u64, _>::new(&parent);
    let callback = || {
        pool.insert(1);
        drop(pool.alloc_box(2));
        let _ = pool.try_reserve(100);
    };
    parent.during(&callback, || {
        for n in 0..200 {
            let key = pool.insert(n);
            assert_eq!(pool[key], n);
        }
        pool.reserve(500);
    });
    assert_eq!(pool.check(), Ok(()));
    drop(pool);
    assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]));
}

#[test]
fn a_parent_may_trim_the_pool_that_waits_for_it() {
    let strict = Strict::new();
    let parent = Reentrant::new(&strict);
    let pool = Pool::<u32, _>::new(&parent);
    for held in [0_u32, 31, 32, 33, 95, 96, 97, 223, 224, 225] {
        let mut boxes: Vec<_> = (0..held).map(|n| pool.alloc_box(n)).collect();
        let rest = RefCell::new(boxes.split_off(held as usize / 2));
        let callback = || {
            rest.borrow_mut().clear();
            pool.trim();
        };
        parent.during(&callback, || {
            // Each row that is taken ends the one before.
            let _ = pool.try_reserve(300);
            pool.trim();
            boxes.extend((0..300).map(|n| pool.alloc_box(n)));
        });
        assert_eq!(pool.check(), Ok(()));
        assert!(boxes.iter().map(|boxed| **boxed).eq((0..held / 2).chain(0..300)));
    }
    drop(pool);
    assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]));
}

#[test]
fn a_pool_works_in_a_buffer_and_over_parents_of_any_kind() {
    fn run<A: Allocate + Check>(parent: A) {
        let mut pool = Pool::<Aligned, A>::new(parent);
        let keys: Vec<_> = (0..20).map(|n| pool.insert(Aligned::new(n))).collect();
        let _leaked = PoolBox::leak(pool.alloc_box(Aligned::new(20)));
        assert!(keys.iter().all(|&key| pool.remove(key).is_some()));
        assert_eq!((pool.check(), pool.values_live()), (Ok(()), 1));
        end(pool);
    }
    run(Strict::new());
    run(Misaligned::new(Strict::new()));
    run(System.counted());
    run(Strict::new().grain(112));
    #[repr(align(64))]
    struct Region([core::mem::MaybeUninit<u8>; 16 << 10]);
    let mut region = Region([const { core::mem::MaybeUninit::uninit() }; 16 << 10]);
    run(Bump::new(Buffer::new(&mut region.0), 16 << 10));
}

#[test]
fn a_pinned_value_stays_and_is_dropped_there() {
    type Heap = Rc<Pool<Token, System>>;
    let pool: Heap = Rc::new(Pool::new(System));
    let pinned: Pin<PoolBox<Token, Heap>> = PoolBox::into_pin(PoolBox::new_in(Token::new(1), Rc::clone(&pool)));
    assert_eq!(pinned.number(), 1);
    drop((pinned, pool));
    assert_none_lives();
}

#[test]
fn a_pool_that_went_through_anything_is_as_a_map_would_be() {
    watched(|strict| {
        let mut pool = Pool::<Token, _>::new(strict);
        let mut model = HashMap::new();
        let mut dead = vec![];
        let mut dice = 1_u64;
        let mut roll = |below: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % below
        };
        for step in 0..6000 {
            let number = u32::try_from(roll(1000)).unwrap();
            match roll(20) {
                0..9 => assert!(model.insert(pool.insert(Token::new(number)), number).is_none()),
                9..17 => {
                    let Some(&key) = model.keys().nth(number as usize % (model.len() + 1)) else { continue };
                    assert_eq!(pool.remove(key).map(|token| token.number()), model.remove(&key));
                    dead.push(key);
                }
                17 => drop((0..number % 20).map(|n| pool.alloc_box(Token::new(n))).collect::<Vec<_>>()),
                18 => {
                    let key = PoolBox::into_key(pool.alloc_box(Token::new(number)));
                    assert!(model.insert(key, number).is_none());
                }
                _ if roll(10) == 0 => pool.trim(),
                _ if roll(50) == 0 => {
                    pool.clear();
                    dead.extend(model.drain().map(|(key, _)| key));
                }
                _ => {
                    pool.retain(|_, token| token.number() % 7 != 0);
                    dead.extend(model.extract_if(|_, number| *number % 7 == 0).map(|(key, _)| key));
                }
            }
            if step % 50 == 0 {
                assert_eq!(pool.check(), Ok(()));
                assert_eq!(pool.iter().map(|(key, token)| (key, token.number())).collect::<HashMap<_, _>>(), model);
                assert!(dead.iter().all(|&key| pool.get(key).is_none()));
                assert_eq!(pool.values_live(), model.len());
            }
        }
        end(pool);
    });
}

send_sync! {
    Pool<u64, Shared>: Send, !Sync;
    Pool<u64, Local>: Send, !Sync;
    Pool<u64, Tied>: !Send, !Sync;
    Pool<*mut u8, Shared>: !Send, !Sync;
    Pool<core::cell::Cell<u8>, Shared>: Send, !Sync;

    PoolBox<u64, &'static Pool<u64, Shared>>: !Send, Sync;
    PoolBox<u64, Rc<Pool<u64, Tied>>>: !Send, Sync;
    PoolBox<core::cell::Cell<u8>, &'static Pool<core::cell::Cell<u8>, Shared>>: !Send, !Sync;

    PoolKey<u64>: Send, Sync;
    PoolKey<*mut u8>: Send, Sync;

    blockwork::PoolIter<'static, u64, Shared>: !Send, !Sync;
    blockwork::PoolIterMut<'static, u64, Shared>: !Send, !Sync;
    blockwork::PoolDrain<'static, u64, Shared>: !Send, !Sync;
}
