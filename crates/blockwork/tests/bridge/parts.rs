//! A part for these tests, coarse and dirty.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{AllocError, Allocate};

/// Grants whole multiples of 64 bytes, and fills what it hands out, and what a
/// block grows by, with dirt.
#[derive(Debug)]
pub(crate) struct Coarse<A>(pub(crate) A);

/// What is not zeroed reads as this.
const DIRT: u8 = 0xD1;

impl<A> Coarse<A> {
    /// The one place where this layer changes a layout.
    fn inner(layout: Layout) -> Layout {
        Layout::from_size_align(layout.size().next_multiple_of(64), layout.align()).unwrap_or(layout)
    }
}

// SAFETY: asks `A` for what it grants; rounding up to a constant is pure,
// monotone and idempotent.
unsafe impl<A: Allocate> Allocate for Coarse<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.0.allocate(Self::inner(layout))?;
        // SAFETY: a fresh block is valid for writes of its granted size.
        unsafe { block.write_bytes(DIRT, self.granted(layout)) };
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: `block` was asked of `A` with this very layout.
        unsafe { self.0.deallocate(block, Self::inner(layout)) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(Self::inner(layout))
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: `block` was asked of `A` with this very layout.
        unsafe { self.0.resize(block, Self::inner(old), Self::inner(new)) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_zeroed(Self::inner(layout))
    }
}
