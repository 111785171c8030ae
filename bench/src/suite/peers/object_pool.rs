//! object-pool: a stack of objects behind a lock.

use object_pool::{Pool, Reusable};

use crate::kinds::fixed::{Fixed, Value};

/// A pool of boxes. Guards refer to it, so it stays for the whole run.
pub(crate) struct Objects(&'static Pool<Box<Value>>);

fn make() -> Box<Value> {
    Box::new(Value::new(0))
}

impl Fixed for Objects {
    type Handle = Reusable<'static, Box<Value>>;

    fn new(blocks: usize) -> Self {
        Self(Box::leak(Box::new(Pool::new(blocks, make))))
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> Self::Handle {
        let mut object = self.0.pull(make);
        object.word = word;
        object
    }

    #[inline(always)]
    fn give(&mut self, object: Self::Handle) -> u64 {
        object.word
    }
}
