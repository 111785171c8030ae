//! Parts for these tests: a coarse one and a dirty one.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

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

/// Fails once as many requests as it was told have been served.
pub(crate) struct Failing<A> {
    pub(crate) parent: A,
    pub(crate) left: Cell<usize>,
}

// SAFETY: forwards to `A` or fails.
unsafe impl<A: Allocate> Allocate for Failing<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.left.set(self.left.get().checked_sub(1).ok_or(AllocError)?);
        self.parent.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }
}
