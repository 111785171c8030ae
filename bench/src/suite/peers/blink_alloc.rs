//! blink-alloc: chunks cut from the front.

use core::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::{AllocError, Allocator};
use blink_alloc::BlinkAlloc;

use crate::kinds::{
    bump::{Layouts, Values},
    collections::Region,
};

/// A [`BlinkAlloc`] with one chunk.
pub(crate) struct Blink(BlinkAlloc);

impl Values for Blink {
    fn new(bytes: usize) -> Self {
        Self(BlinkAlloc::with_chunk_size(bytes))
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        let block = self.bytes(Layout::new::<u64>()).cast();
        // SAFETY: allocated for a word.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Layouts for Blink {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        match self.0.allocate(layout) {
            Ok(block) => block.cast(),
            Err(_) => super::exhausted(),
        }
    }
}

// It implements the trait of a later version; these are its methods.
// SAFETY: what it gives is distinct, as large and as aligned as asked for, until the reset.
unsafe impl Allocator for &Blink {
    #[inline(always)]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.allocate(layout).map_err(|_| AllocError)
    }

    #[inline(always)]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.deallocate(block, layout.size()) };
    }

    #[inline(always)]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.0.resize(block, old, new) }.map_err(|_| AllocError)
    }

    #[inline(always)]
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.0.resize(block, old, new) }.map_err(|_| AllocError)
    }
}

impl Region for Blink {
    type Allocator<'a> = &'a Self;

    fn new(bytes: usize) -> Self {
        <Self as Values>::new(bytes)
    }

    fn allocator(&self) -> &Self {
        self
    }

    fn reset(&mut self) {
        <Self as Values>::reset(self);
    }
}
