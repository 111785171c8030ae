//! [`Mapped`]: a heap whose addresses are noted.

use std::{alloc::Layout, cell::RefCell, ptr::NonNull};

use super::heap::{Heap, Resized};
use crate::replay::atlas::Mapper;

/// A heap with a [`Mapper`] that hears of every block.
#[derive(Debug)]
pub struct Mapped<'a, H> {
    /// The heap.
    pub heap: &'a H,
    /// Who hears of it.
    pub mapper: &'a RefCell<Mapper>,
}

impl<H> Mapped<'_, H> {
    fn took(&self, block: NonNull<u8>, layout: Layout) {
        self.mapper.borrow_mut().took(block.addr().get() as u64, layout.size() as u64);
    }

    fn gave(&self, block: NonNull<u8>, layout: Layout) {
        self.mapper.borrow_mut().gave(block.addr().get() as u64, layout.size() as u64);
    }
}

// SAFETY: every call is passed on as it is.
unsafe impl<H: Heap> Heap for Mapped<'_, H> {
    const KEEPS: bool = H::KEEPS;

    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        let block = self.heap.allocate(layout, zeroed)?;
        self.took(block, layout);
        Some(block)
    }

    unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        self.gave(block, layout);
        // SAFETY: as the caller promises.
        unsafe { self.heap.free(block, layout) }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
        // SAFETY: as the caller promises.
        let resized = unsafe { self.heap.resize(block, old, new) };
        if let Resized::Done(moved) = resized {
            self.gave(block, old);
            self.took(moved, new);
        }
        resized
    }

    unsafe fn granted(&self, block: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.heap.granted(block, layout) }
    }
}
