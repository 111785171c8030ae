//! slotmap: values in one vector, found by keys that know their generation.

use slotmap::{DefaultKey, DenseSlotMap, SlotMap};

use crate::kinds::{
    fixed::Value,
    typed::{Iterated, Typed},
};

macro_rules! map {
    ($(#[$meta:meta])* $name:ident = $map:ident) => {
        $(#[$meta])*
        pub(crate) struct $name($map<DefaultKey, Value>);

        impl Typed for $name {
            type Key = DefaultKey;

            fn new(values: usize) -> Self {
                Self($map::with_capacity(values))
            }

            #[inline(always)]
            fn insert(&mut self, word: u64) -> DefaultKey {
                self.0.insert(Value::new(word))
            }

            #[inline(always)]
            fn get(&self, key: &DefaultKey) -> u64 {
                self.0[*key].word
            }

            #[inline(always)]
            fn remove(&mut self, key: DefaultKey) -> u64 {
                match self.0.remove(key) {
                    Some(value) => value.word,
                    None => 0,
                }
            }
        }

        impl Iterated for $name {
            fn sum(&self) -> u64 {
                self.0.values().fold(0, |sum, value| sum.wrapping_add(value.word))
            }
        }
    };
}

map! {
    /// A [`SlotMap`]: values where they are.
    Keyed = SlotMap
}
map! {
    /// A [`DenseSlotMap`]: values without holes, moved to be so.
    Dense = DenseSlotMap
}
