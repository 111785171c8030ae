//! What workloads cost by themselves: candidates that allocate nothing.
//!
//! All that is written goes to the same memory, so the cache misses of distinct blocks
//! are counted as the allocators'.

use core::{alloc::Layout, ptr::NonNull};
use std::alloc::{alloc, dealloc};

use bench::opaque::{opaque, opaque_value};

use crate::kinds::{
    bump::{Layouts, Values},
    fixed::Fixed,
    ranges::Ranges,
    typed::Typed,
};

/// One block, given to everyone; who asks remembers the word.
pub(crate) struct Nothing {
    block: Box<[u64; 8]>,
}

impl Nothing {
    #[inline(always)]
    fn one(&mut self) -> NonNull<u64> {
        opaque(NonNull::from(&mut *self.block)).cast()
    }
}

impl Fixed for Nothing {
    type Handle = u64;

    fn new(_blocks: usize) -> Self {
        Self { block: Box::new([0; 8]) }
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> u64 {
        // SAFETY: a word of the block.
        unsafe { self.one().write(word) };
        word
    }

    #[inline(always)]
    fn give(&mut self, word: u64) -> u64 {
        // SAFETY: a word of the block.
        opaque_value(unsafe { self.one().read() });
        word
    }
}

impl Typed for Nothing {
    type Key = u64;

    fn new(values: usize) -> Self {
        <Self as Fixed>::new(values)
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> u64 {
        self.take(word)
    }

    #[inline(always)]
    fn get(&self, word: &u64) -> u64 {
        *word
    }

    #[inline(always)]
    fn remove(&mut self, word: u64) -> u64 {
        self.give(word)
    }
}

impl Values for Nothing {
    fn new(bytes: usize) -> Self {
        <Self as Fixed>::new(bytes)
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        let block = self.one();
        // SAFETY: a word of the block.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {}
}

impl Layouts for Nothing {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        opaque_value(layout);
        self.one().cast()
    }
}

/// One range of memory, as large as its grain and aligned to it.
pub(crate) struct OneRange {
    range: NonNull<u8>,
    layout: Layout,
}

impl Ranges for OneRange {
    fn new(grain: usize) -> Self {
        let layout = Layout::from_size_align(grain, grain).expect("a power of two");
        // SAFETY: the size is not zero.
        let range = NonNull::new(unsafe { alloc(layout) }).expect("memory");
        Self { range, layout }
    }

    #[inline(always)]
    fn take(&mut self, _layout: Layout) -> NonNull<u8> {
        self.range
    }

    #[inline(always)]
    unsafe fn give(&mut self, range: NonNull<u8>, _layout: Layout) {
        opaque(range);
    }
}

impl Drop for OneRange {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.range.as_ptr(), self.layout) };
    }
}
