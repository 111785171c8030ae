//! bumpalo: chunks cut from the back.

use core::{alloc::Layout, ptr::NonNull};

use bumpalo::Bump;

use crate::kinds::{
    bump::{Layouts, Values},
    collections::Region,
};

/// A [`Bump`] whose blocks are aligned to `ALIGN` at least.
pub(crate) struct Bumpalo<const ALIGN: usize>(Bump<ALIGN>);

impl<const ALIGN: usize> Values for Bumpalo<ALIGN> {
    fn new(bytes: usize) -> Self {
        Self(Bump::with_min_align_and_capacity(bytes))
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        NonNull::from(self.0.alloc(word))
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl<const ALIGN: usize> Layouts for Bumpalo<ALIGN> {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.alloc_layout(layout)
    }
}

impl Region for Bumpalo<1> {
    type Allocator<'a> = &'a Bump;

    fn new(bytes: usize) -> Self {
        <Self as Values>::new(bytes)
    }

    fn allocator(&self) -> &Bump {
        &self.0
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}
