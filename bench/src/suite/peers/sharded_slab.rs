//! sharded-slab: values that threads share, found by key.

use sharded_slab::Slab;

use crate::kinds::{fixed::Value, typed::Typed};

/// A [`Slab`] of values.
pub(crate) struct Values(Slab<Value>);

impl Typed for Values {
    type Key = usize;

    fn new(_values: usize) -> Self {
        Self(Slab::new())
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> usize {
        match self.0.insert(Value::new(word)) {
            Some(key) => key,
            None => super::exhausted(),
        }
    }

    #[inline(always)]
    fn get(&self, key: &usize) -> u64 {
        self.0.get(*key).map_or(0, |value| value.word)
    }

    #[inline(always)]
    fn remove(&mut self, key: usize) -> u64 {
        self.0.take(key).map_or(0, |value| value.word)
    }
}
