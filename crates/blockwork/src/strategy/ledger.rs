//! A parent for tests that knows every block it lent, and can fail on cue.

use core::{
    alloc::Layout,
    cell::{Cell, RefCell},
    ptr::NonNull,
};
use heap::vec::Vec;

use crate::{
    alloc::{AllocError, Allocate, Check, Reset, can_resize, empty},
    source::system::System,
};

/// Lends memory of the system; panics on a wrong free, and when dropped while
/// anything is lent.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Grants are multiples of this, and sizes are asked of the system so.
    grain: usize,
    lent: RefCell<Vec<(NonNull<u8>, Layout)>>,
    requests: Cell<usize>,
    /// Requests, counted down, until they fail.
    fails_after: Cell<usize>,
}

impl Ledger {
    pub(crate) const fn new() -> Self {
        Self::with_grain(1)
    }

    pub(crate) const fn with_grain(grain: usize) -> Self {
        Self { grain, lent: RefCell::new(Vec::new()), requests: Cell::new(0), fails_after: Cell::new(usize::MAX) }
    }

    /// Serves `requests` more, then fails until told otherwise.
    pub(crate) fn fail_after(&self, requests: usize) {
        self.fails_after.set(requests);
    }

    /// Requests served so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.get()
    }

    /// Blocks lent now.
    pub(crate) fn blocks(&self) -> usize {
        self.lent.borrow().len()
    }

    /// What is lent now, oldest first.
    pub(crate) fn lent(&self) -> Vec<(NonNull<u8>, Layout)> {
        self.lent.borrow().clone()
    }

    /// The layouts lent now, oldest first.
    pub(crate) fn layouts(&self) -> Vec<Layout> {
        self.lent.borrow().iter().map(|&(_, layout)| layout).collect()
    }

    /// The blocks lent now, oldest first.
    pub(crate) fn blocks_at(&self) -> Vec<NonNull<u8>> {
        self.lent.borrow().iter().map(|&(block, _)| block).collect()
    }

    fn inner(&self, layout: Layout) -> Layout {
        Layout::from_size_align(self.granted(layout), layout.align()).unwrap_or(layout)
    }

    fn strike(&self, block: NonNull<u8>, layout: Layout) {
        let mut lent = self.lent.borrow_mut();
        let index = lent.iter().position(|&(lent, _)| lent == block).expect("a block of this parent");
        let (_, asked) = lent.remove(index);
        assert_eq!(self.inner(asked), self.inner(layout), "freed with a layout that does not fit");
    }
}

// SAFETY: blocks are the system's, asked with the whole grant.
unsafe impl Allocate for Ledger {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let left = self.fails_after.get().checked_sub(1).ok_or(AllocError)?;
        let block = System.allocate(self.inner(layout))?;
        self.fails_after.set(left);
        self.requests.set(self.requests.get().wrapping_add(1));
        self.lent.borrow_mut().push((block, layout));
        // SAFETY: fresh, and valid for its grant.
        unsafe { block.write_bytes(0xCD, self.granted(layout)) }
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            self.strike(block, layout);
            // SAFETY: asked of the system with this layout.
            unsafe { System.deallocate(block, self.inner(layout)) }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        let size = layout.size();
        size.checked_next_multiple_of(self.grain)
            .filter(|&size| Layout::from_size_align(size, layout.align()).is_ok())
            .unwrap_or(size)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if can_resize(old, new) && self.granted(old) == self.granted(new) {
            self.strike(block, old);
            self.lent.borrow_mut().push((block, new));
            Ok(())
        } else {
            Err(AllocError)
        }
    }
}

impl Reset for Ledger {
    fn reset(&mut self) {
        for (block, layout) in core::mem::take(self.lent.get_mut()) {
            // SAFETY: asked of the system with this layout.
            unsafe { System.deallocate(block, self.inner(layout)) }
        }
    }
}

impl Check for Ledger {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.blocks(), 0, "dropped while something is lent");
        }
    }
}
