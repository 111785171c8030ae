//! Blocks that end together.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{Allocate, Arena, ArenaConfig, Bump, Region as _, Reset as _, System};

use crate::{
    kinds::{
        bump::{Layouts, Values},
        collections::Region,
    },
    peers::exhausted,
};

/// One span.
pub(crate) struct OneSpan(Bump<System>);

impl Values for OneSpan {
    fn new(bytes: usize) -> Self {
        Self(Bump::new(System, bytes))
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        let Ok(block) = self.0.allocate(Layout::new::<u64>()) else { exhausted() };
        let block = block.cast();
        // SAFETY: allocated for a word.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Layouts for OneSpan {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        let Ok(block) = self.0.allocate(layout) else { exhausted() };
        block
    }
}

/// A chain of spans.
pub(crate) struct Spans(pub(crate) Arena<System>);

impl Values for Spans {
    fn new(bytes: usize) -> Self {
        // The footer of a span is the arena's.
        let bytes = bytes + 64;
        let config = ArenaConfig { span_first: bytes, span_max: bytes, keep: bytes };
        Self(Arena::try_new(System, config).expect("a good configuration"))
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        NonNull::from(self.0.alloc(word))
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Layouts for Spans {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        let Ok(block) = self.0.allocate(layout) else { exhausted() };
        block
    }
}

impl Region for Spans {
    type Allocator<'a> = &'a Arena<System>;

    fn new(bytes: usize) -> Self {
        <Self as Values>::new(bytes)
    }

    fn allocator(&self) -> &Arena<System> {
        &self.0
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}
