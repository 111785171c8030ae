//! What the parts are held against: the same work, written for one size.

use core::{cell::Cell, ptr::NonNull};

/// A free list threaded through the blocks, newest first, and nothing else.
pub(crate) struct FreeList {
    head: Cell<Option<NonNull<Node>>>,
}

struct Node {
    next: Option<NonNull<Node>>,
}

impl FreeList {
    pub(crate) fn new() -> Self {
        Self { head: Cell::new(None) }
    }

    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<NonNull<u8>> {
        let node = self.head.get()?;
        // SAFETY: `push` wrote a node there, and nobody has used it since.
        self.head.set(unsafe { node.as_ref() }.next);
        Some(node.cast())
    }

    /// # Safety
    ///
    /// - `block` has room for a pointer, is aligned for one, and nobody uses
    ///   it until it is popped.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, block: NonNull<u8>) {
        let node = block.cast::<Node>();
        // SAFETY: the caller's promise.
        unsafe { node.write(Node { next: self.head.get() }) };
        self.head.set(Some(node));
    }
}
