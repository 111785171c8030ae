//! What takes too long to happen: generations that are used up.

use core::ptr;

use heap::{rc::Rc, vec::Vec};

use super::*;
use crate::source::system::System;

/// Makes all free slots as old as they get but for `left` more keys.
fn age<T>(pool: &Pool<T, System>, left: u32) {
    for slot in pool.slots().filter(|slot| !slot.tag().generation.get().is_live()) {
        slot.tag().generation.set(Generation::LAST.before(left.wrapping_mul(2).wrapping_sub(1)));
    }
}

fn place<T>(pool: &Pool<T, System>, key: PoolKey<T>) -> *const T {
    ptr::from_ref(&pool[key])
}

#[test]
fn a_place_whose_generations_are_used_up_is_not_used_again() {
    let mut pool = Pool::new(System);
    let stays = pool.insert(0);
    let first = pool.insert(1);
    let old = place(&pool, first);
    pool.remove(first);
    age(&pool, 3);
    let mut keys = Vec::from([first]);
    for n in 0..10 {
        let key = pool.insert(n);
        assert_eq!(place(&pool, key) == old, n < 3);
        assert!(!keys.contains(&key));
        keys.push(key);
        assert_eq!(pool.remove(key), Some(n));
        assert!(keys.iter().all(|&key| !pool.contains_key(key)));
        assert_eq!((pool.check(), pool.values_live(), pool[stays]), (Ok(()), 1, 0));
    }
    pool.clear();
    assert_eq!(pool.check(), Ok(()));
    let boxes: Vec<_> = (0..100).map(|n| pool.alloc_box(n)).collect();
    assert!(boxes.iter().all(|boxed| ptr::from_ref(&**boxed) != old));
}

#[test]
fn the_last_value_of_a_place_is_dropped_once_however_it_ends() {
    type End = fn(&mut Pool<Rc<()>, System>, PoolKey<Rc<()>>);
    let ends: [End; 5] = [
        |pool, key| drop(pool.remove(key)),
        |pool, _| pool.retain(|_, _| false),
        |pool, _| drop(pool.drain()),
        |pool, _| pool.clear(),
        |pool, _| *pool = Pool::new(System),
    ];
    for end in ends {
        let alive = Rc::new(());
        let mut pool = Pool::new(System);
        drop(pool.alloc_box(Rc::clone(&alive)));
        age(&pool, 1);
        let key = pool.insert(Rc::clone(&alive));
        assert_eq!(pool.slot(0).map(|slot| slot.tag().generation.get()), Some(Generation::LAST));
        end(&mut pool, key);
        assert_eq!((pool.check(), pool.values_live(), Rc::strong_count(&alive)), (Ok(()), 0, 1));
        let next = pool.insert(Rc::clone(&alive));
        assert!(!pool.contains_key(key) && pool.contains_key(next));
    }
}

#[test]
fn a_key_spoiled_by_a_panic_may_be_the_last() {
    let pool = Pool::new(System);
    drop(pool.alloc_box(1));
    age(&pool, 1);
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        pool.insert_with_key(|_| std::panic::panic_any(()));
    }));
    assert!(outcome.is_err());
    assert_eq!((pool.check(), pool.values_live()), (Ok(()), 0));
    let key = pool.insert(2);
    assert_eq!((pool[key], pool.values_live()), (2, 1));
}

#[test]
fn boxes_use_no_generation_up() {
    let pool = Pool::new(System);
    drop(pool.alloc_box(0));
    age(&pool, 1);
    (0..10).for_each(|n| drop(pool.alloc_box(n)));
    assert_eq!((pool.check(), pool.values_live(), pool.slots().count()), (Ok(()), 0, 1));
}

#[test]
fn rows_in_which_a_place_is_used_up_are_not_given_back() {
    let mut pool = Pool::new(System);
    drop(pool.alloc_box(0));
    age(&pool, 1);
    let key = pool.insert(1);
    pool.remove(key);
    let capacity = pool.capacity();
    pool.trim();
    assert_eq!((pool.capacity(), pool.check()), (capacity, Ok(())));
    pool.insert(2);
    assert_eq!(pool.get(key), None);
}
