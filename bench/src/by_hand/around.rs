//! What combinators add to a free list, written into it.

use core::{
    cell::Cell,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

use super::FreeList;

/// Blocks of `N` bytes between two words, which start with these values.
#[derive(Default)]
pub struct Affixed<const N: usize> {
    /// The blocks.
    pub list: FreeList,
    /// What a block is given before it.
    pub header: u64,
    /// What a block is given behind it.
    pub trailer: u64,
}

impl<const N: usize> Affixed<N> {
    /// The newest block, if there is one, behind its header.
    #[inline(always)]
    pub fn pop(&self) -> Option<NonNull<u8>> {
        // SAFETY: what is in the list has room for all of it.
        self.list.pop().map(|base| unsafe { self.dress(base) })
    }

    /// What lies between the words, which are written.
    ///
    /// # Safety
    ///
    /// - `base` is aligned for a word, and has room for two and `N` bytes.
    #[inline(always)]
    pub unsafe fn dress(&self, base: NonNull<u8>) -> NonNull<u8> {
        let header = base.cast::<u64>();
        // SAFETY: the caller's promise.
        unsafe { header.write(self.header) }
        // SAFETY: as above.
        let block = unsafe { header.add(1) }.cast::<u8>();
        // SAFETY: as above.
        let trailer = unsafe { block.add(N) }.cast::<u64>();
        // SAFETY: as above.
        unsafe { trailer.write(self.trailer) }
        block
    }

    /// Adds a block.
    ///
    /// # Safety
    ///
    /// - `block` was popped here, and nobody uses it until it is popped again.
    #[inline(always)]
    pub unsafe fn push(&self, block: NonNull<u8>) {
        // SAFETY: its header lies there.
        let header = unsafe { block.cast::<u64>().sub(1) };
        // SAFETY: the caller's promise.
        unsafe { self.list.push(header.cast()) }
    }
}

/// A list that can be closed.
#[derive(Default)]
pub struct Closing {
    /// The blocks.
    pub list: FreeList,
    /// Whether it gives nothing more.
    pub closed: AtomicBool,
}

impl Closing {
    /// Whether it gives nothing more.
    #[inline(always)]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The newest block, if there is one and the list is open.
    #[inline(always)]
    pub fn pop(&self) -> Option<NonNull<u8>> {
        if self.is_closed() { None } else { self.list.pop() }
    }
}

/// A list that counts what was taken, and what came back.
#[derive(Default)]
pub struct Watched {
    /// The blocks.
    pub list: FreeList,
    /// Blocks that were taken.
    pub taken: Cell<u64>,
    /// Blocks that came back.
    pub returned: Cell<u64>,
}

impl Watched {
    /// The newest block, if there is one.
    #[inline(always)]
    pub fn pop(&self) -> Option<NonNull<u8>> {
        let block = self.list.pop()?;
        self.taken.set(self.taken.get().wrapping_add(1));
        Some(block)
    }

    /// Adds a block.
    ///
    /// # Safety
    ///
    /// - As for [`FreeList::push`].
    #[inline(always)]
    pub unsafe fn push(&self, block: NonNull<u8>) {
        self.returned.set(self.returned.get().wrapping_add(1));
        // SAFETY: the caller's promise.
        unsafe { self.list.push(block) }
    }
}
