//! Values of one type.

use blockwork::{Pool, PoolBox, PoolKey, System};

use crate::kinds::{
    fixed::Value,
    typed::{Iterated, Typed},
};

/// Found by keys that know their generation.
pub(crate) struct Keyed(Pool<Value, System>);

impl Typed for Keyed {
    type Key = PoolKey<Value>;

    fn new(values: usize) -> Self {
        let pool = Pool::new(System);
        pool.reserve(values);
        Self(pool)
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> PoolKey<Value> {
        self.0.insert(Value::new(word))
    }

    #[inline(always)]
    fn get(&self, key: &PoolKey<Value>) -> u64 {
        match self.0.get(*key) {
            Some(value) => value.word,
            None => 0,
        }
    }

    #[inline(always)]
    fn remove(&mut self, key: PoolKey<Value>) -> u64 {
        match self.0.remove(key) {
            Some(value) => value.word,
            None => 0,
        }
    }
}

impl Iterated for Keyed {
    fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, value)| sum.wrapping_add(value.word))
    }
}

/// Found by boxes that own them.
pub(crate) struct Boxed(&'static Pool<Value, System>);

impl Typed for Boxed {
    type Key = PoolBox<Value, &'static Pool<Value, System>>;

    fn new(values: usize) -> Self {
        let pool = Pool::new(System);
        pool.reserve(values);
        // The boxes refer to the pool, so it stays for the whole run.
        Self(Box::leak(Box::new(pool)))
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> Self::Key {
        self.0.alloc_box(Value::new(word))
    }

    #[inline(always)]
    fn get(&self, value: &Self::Key) -> u64 {
        value.word
    }

    #[inline(always)]
    fn remove(&mut self, value: Self::Key) -> u64 {
        value.word
    }
}
