//! typed-arena: values of one type that end together.

use core::ptr::NonNull;

use typed_arena::Arena;

use crate::kinds::bump::Values;

/// An arena of words. It cannot be reset, only made anew.
pub(crate) struct Words {
    arena: Arena<u64>,
    words: usize,
}

impl Values for Words {
    fn new(bytes: usize) -> Self {
        let words = bytes / size_of::<u64>();
        Self { arena: Arena::with_capacity(words), words }
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        NonNull::from(self.arena.alloc(word))
    }

    fn reset(&mut self) {
        self.arena = Arena::with_capacity(self.words);
    }
}
