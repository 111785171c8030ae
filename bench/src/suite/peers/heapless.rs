//! heapless: a lock-free pool in memory that is given to it.

use heapless::{
    box_pool,
    pool::boxed::{Box as Pooled, BoxBlock},
};

use crate::kinds::fixed::{Fixed, Value};

box_pool!(Pool: Value);

/// The pool, which is one for the whole process.
pub(crate) struct Boxes;

impl Fixed for Boxes {
    type Handle = Pooled<Pool>;

    fn new(blocks: usize) -> Self {
        // The pool keeps its memory for ever.
        for block in Vec::from_iter((0..blocks).map(|_| BoxBlock::new())).leak() {
            Pool.manage(block);
        }
        Self
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> Pooled<Pool> {
        match Pool.alloc(Value::new(word)) {
            Ok(handle) => handle,
            Err(_) => super::exhausted(),
        }
    }

    #[inline(always)]
    fn give(&mut self, handle: Pooled<Pool>) -> u64 {
        handle.word
    }
}
