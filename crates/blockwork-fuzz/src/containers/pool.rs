//! `Pool`, its boxes and its keys.

use std::collections::HashMap;

use arbitrary::{Result, Unstructured};
use blockwork::{
    Check as _, Pool, PoolBox, PoolKey,
    testing::{Failing, Strict},
};

use super::{
    OPERATIONS,
    element::{Element, assert_none_lives},
    when, with_panic,
};

/// Keys beside a map; keys of values that are gone are asked for again and again.
pub(super) fn compared<T: Element>(u: &mut Unstructured<'_>) -> Result<()> {
    let parent = Failing::new(Strict::new(), when(u)?);
    let mut pool = Pool::<T, _>::new(&parent);
    let mut model: HashMap<u64, u32> = HashMap::new();
    let mut keys: Vec<PoolKey<T>> = Vec::new();
    let mut done = 0;
    while !u.is_empty() && done < OPERATIONS {
        done += 1;
        let at = u.int_in_range(0..=63_usize)?;
        let key = keys.get(at.checked_rem(keys.len()).unwrap_or(0)).copied();
        match u.int_in_range(0..=15)? {
            0..=4 => {
                let number = u.int_in_range(0..=5)?;
                match pool.try_insert(T::new(number)) {
                    Ok(key) => {
                        assert_eq!(model.insert(key.to_bits(), number), None, "a key names two values");
                        keys.push(key);
                    }
                    Err(value) => assert_eq!(value, T::new(number)),
                }
            }
            5..=7 => {
                if let Some(key) = key {
                    let expected = model.remove(&key.to_bits()).map(T::new);
                    assert_eq!(pool.remove(key), expected);
                }
            }
            8 => boxes(&pool, u)?,
            9 => {
                let by = u.int_in_range(1..=3)?;
                pool.retain(|key, value| {
                    assert!(model.contains_key(&key.to_bits()));
                    value.number() % by == 0
                });
                model.retain(|_, number| T::new(*number).number() % by == 0);
            }
            10 => {
                let taken: Vec<(PoolKey<T>, T)> = pool.drain().take(at % 5).collect();
                for (key, value) in taken {
                    assert_eq!(model.remove(&key.to_bits()).map(T::new), Some(value));
                }
                // Those that were not asked for are gone as well.
                model.clear();
            }
            11 if at.is_multiple_of(4) => {
                pool.clear();
                model.clear();
            }
            12 => pool.trim(),
            13 => drop(pool.try_reserve(at)),
            14 => {
                if let (Some(key), Some(&other)) = (key, keys.last()) {
                    let both = model.contains_key(&key.to_bits()) && model.contains_key(&other.to_bits());
                    assert_eq!(pool.get_disjoint_mut([key, other]).is_some(), both && key != other);
                }
            }
            _ => {
                if let Some(key) = key {
                    assert_eq!(PoolKey::from_bits(key.to_bits()), Some(key));
                }
                // A key that may never have been.
                if let Some(forged) = PoolKey::<T>::from_bits(u.arbitrary()?) {
                    assert_eq!(pool.get(forged).is_some(), model.contains_key(&forged.to_bits()));
                }
            }
        }
        if let Some(key) = key {
            let number = model.get(&key.to_bits()).map(|&number| T::new(number));
            assert_eq!(pool.get(key), number.as_ref());
        }
        assert_eq!(pool.values_live(), model.len());
        assert_eq!(pool.iter().count(), model.len());
        assert_eq!(pool.check(), Ok(()));
        assert_eq!(parent.parent().faults(), []);
    }
    with_panic(u, || drop(pool))?;
    assert_none_lives();
    assert_eq!(parent.parent().faults(), []);
    assert_eq!(parent.parent().live_blocks(), 0, "a pool has left memory behind");
    Ok(())
}

/// Some boxes, of which some are emptied, leaked into keys or dropped while they panic.
fn boxes<T: Element, A: blockwork::Allocate + blockwork::Check>(
    pool: &Pool<T, A>,
    u: &mut Unstructured<'_>,
) -> Result<()> {
    let before = pool.values_live();
    let mut boxes = Vec::new();
    for number in 0..u.int_in_range(0..=9)? {
        match pool.try_alloc_box(T::new(number)) {
            Ok(value) => boxes.push((number, value)),
            Err(value) => assert_eq!(value, T::new(number)),
        }
    }
    assert_eq!(pool.values_live(), before + boxes.len());
    assert!(boxes.iter().all(|(number, value)| **value == T::new(*number)));
    if u.arbitrary()? && !boxes.is_empty() {
        let (number, value) = boxes.swap_remove(u.int_in_range(0..=boxes.len() - 1)?);
        assert_eq!(PoolBox::into_inner(value), T::new(number));
    }
    if u.arbitrary()? {
        with_panic(u, || drop(boxes))?;
    } else {
        drop(boxes);
    }
    assert_eq!(pool.values_live(), before, "a box has left its value behind");
    assert_eq!(pool.check(), Ok(()));
    Ok(())
}
