//! slab: values in one vector, found by key.

use slab::Slab;

use crate::kinds::{
    fixed::{Fixed, Value},
    typed::{Iterated, Typed},
};

/// A [`Slab`] of values.
pub(crate) struct Values(Slab<Value>);

impl Fixed for Values {
    type Handle = usize;

    fn new(blocks: usize) -> Self {
        Self(Slab::with_capacity(blocks))
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> usize {
        self.0.insert(Value::new(word))
    }

    #[inline(always)]
    fn give(&mut self, key: usize) -> u64 {
        self.0.remove(key).word
    }
}

impl Typed for Values {
    type Key = usize;

    fn new(values: usize) -> Self {
        Self(Slab::with_capacity(values))
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> usize {
        self.0.insert(Value::new(word))
    }

    #[inline(always)]
    fn get(&self, key: &usize) -> u64 {
        self.0[*key].word
    }

    #[inline(always)]
    fn remove(&mut self, key: usize) -> u64 {
        self.0.remove(key).word
    }
}

impl Iterated for Values {
    fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, value)| sum.wrapping_add(value.word))
    }
}
