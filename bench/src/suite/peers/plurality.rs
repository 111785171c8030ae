//! plurality: values behind pointers that know their pool.

use plurality::{Alloc, Pool};

use crate::kinds::{
    fixed::{Fixed, Value},
    typed::Typed,
};

/// A pool of values, each behind the cheapest pointer there is. Pointers borrow it,
/// so it stays for the whole run.
pub(crate) struct Allocs(&'static Pool<Value>);

impl Fixed for Allocs {
    type Handle = Alloc<'static, Value>;

    fn new(_blocks: usize) -> Self {
        Self(Box::leak(Box::new(Pool::builder().chunk_size(1024).build())))
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> Self::Handle {
        self.0.alloc(Value::new(word))
    }

    #[inline(always)]
    fn give(&mut self, value: Self::Handle) -> u64 {
        value.word
    }
}

impl Typed for Allocs {
    type Key = Alloc<'static, Value>;

    fn new(values: usize) -> Self {
        <Self as Fixed>::new(values)
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> Self::Key {
        self.take(word)
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
