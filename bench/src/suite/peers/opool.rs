//! opool: objects that are kept when they are given back.

use opool::{LocalPool, PoolAllocator, RefLocalGuard};

use crate::kinds::fixed::{Fixed, Value};

/// Makes an object where none is kept.
pub(crate) struct Boxes;

impl PoolAllocator<Box<Value>> for Boxes {
    #[inline]
    fn allocate(&self) -> Box<Value> {
        Box::new(Value::new(0))
    }
}

/// A pool of boxes for one thread. Guards refer to it, so it stays for the whole run.
pub(crate) struct Objects(&'static LocalPool<Boxes, Box<Value>>);

impl Fixed for Objects {
    type Handle = RefLocalGuard<'static, Boxes, Box<Value>>;

    fn new(blocks: usize) -> Self {
        Self(Box::leak(Box::new(LocalPool::new_prefilled(blocks, Boxes))))
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> Self::Handle {
        let mut object = self.0.get();
        object.word = word;
        object
    }

    #[inline(always)]
    fn give(&mut self, object: Self::Handle) -> u64 {
        object.word
    }
}
