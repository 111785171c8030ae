//! [`ConcurrentBlockPoolCore`]: a concurrent block pool without its parent.

use core::{alloc::Layout, ptr::NonNull};

use super::{config::ConcurrentBlockPoolConfig, growing::Growing, in_buffer::InBuffer, places::Places};
use crate::{
    alloc::{AllocError, Allocate, Core, Valid, empty},
    math::align::is_aligned,
    os,
    raw::index_stack::IndexStack,
    strategy::block_pool::BlockShape,
    sync::{
        atomic::{AtomicU32, Ordering},
        const_unless_loom,
        interleave::interleave,
    },
};

/// A [`ConcurrentBlockPool`](super::ConcurrentBlockPool) without its parent.
///
/// On cache lines of its own, as a neighbour's writes would slow every thread down.
#[derive(Debug)]
#[repr(align(128))]
pub struct ConcurrentBlockPoolCore<S, P = Growing> {
    /// Blocks that were used before, the last one freed on top.
    free: IndexStack,
    /// The number of the next block that was never used. Invariant: those below,
    /// and no others, were opened or are just being.
    pub(super) carved: AtomicU32,
    pub(super) places: P,
    shape: S,
}

impl<S: BlockShape> ConcurrentBlockPoolCore<S> {
    const_unless_loom! {
        /// An empty pool; see [`ConcurrentBlockPool::new`](super::ConcurrentBlockPool::new).
        #[must_use]
        pub fn new(config: Valid<ConcurrentBlockPoolConfig<S>>) -> Self {
            let ConcurrentBlockPoolConfig { block, chunk_size } = config.get();
            Self { free: IndexStack::new(), carved: AtomicU32::new(0), places: Growing::new(chunk_size), shape: block }
        }
    }

    /// Gives the chunks back in which no block is live.
    pub(super) fn trim<A: Allocate + ?Sized>(&mut self, parent: &A) {
        let (stride, carved) = (self.stride(), self.carved.load(Ordering::Relaxed));
        let carved = self.places.trim(parent, &mut self.free, carved, stride);
        self.carved.store(carved, Ordering::Relaxed);
    }
}

impl<S: BlockShape> ConcurrentBlockPoolCore<S, InBuffer> {
    const_unless_loom! {
        pub(super) fn in_buffer(shape: S, region: NonNull<[u8]>) -> Self {
            Self { free: IndexStack::new(), carved: AtomicU32::new(0), places: InBuffer::new(region), shape }
        }
    }
}

impl<S: BlockShape, P: Places> ConcurrentBlockPoolCore<S, P> {
    /// Returns a block, of the shape of all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when none is free and the parent has no more.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    #[inline]
    pub unsafe fn alloc_block<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        match self.reuse() {
            Some(block) => Ok(block),
            None => self.carve_or_grow(parent),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this core.
    #[inline]
    pub unsafe fn free_block(&self, block: NonNull<u8>) {
        os::check(is_aligned(block.addr().get(), self.stride().align()), "block is not from this pool");
        // SAFETY: the caller's promise; who has the block was given it after it was
        // opened.
        let (index, link) = unsafe { self.places.freed(block, self.stride()) };
        self.free.push(index, link);
    }

    /// Takes the block freed last.
    #[inline]
    fn reuse(&self) -> Option<NonNull<u8>> {
        // SAFETY: what is on the stack was opened before it was pushed, which the
        // Acquire in `pop` has seen.
        self.free.pop(|index| unsafe { self.places.find(index, self.stride()) })
    }

    #[cold]
    #[inline(never)]
    fn carve_or_grow<A: Allocate + ?Sized>(&self, parent: &A) -> Result<NonNull<u8>, AllocError> {
        let stride = self.stride();
        loop {
            // Acquire: sees the memory of every number below, so that `grow` knows all
            // there is; pairs with Release here, by whoever found that memory.
            let index = self.carved.load(Ordering::Acquire);
            if let Some(next) = self.places.after(index, stride) {
                interleave();
                // Relaxed: who was second looks again.
                if self.carved.compare_exchange(index, next, Ordering::Release, Ordering::Relaxed).is_ok() {
                    // SAFETY: there is memory for it, and only we have the number.
                    return Ok(unsafe { self.places.open(index, stride) });
                }
            } else if self.places.grow(parent, index, stride).is_err() {
                // Something may have been freed since then.
                return self.reuse().ok_or(AllocError);
            }
            if let Some(block) = self.reuse() {
                return Ok(block);
            }
        }
    }

    #[inline]
    pub(super) fn stride(&self) -> Layout {
        self.shape.stride()
    }

    /// Whether a block fits `layout`.
    #[inline]
    fn serves(&self, layout: Layout) -> bool {
        let stride = self.stride();
        layout.size() <= stride.size() && layout.align() <= stride.align()
    }

    /// Ends every block; keeps all memory.
    pub(super) fn free_all(&mut self) {
        self.free.clear();
        // Relaxed: nobody else is here.
        self.carved.store(0, Ordering::Relaxed);
    }

    /// Blocks handed out at least once.
    fn blocks_carved(&self) -> usize {
        self.places.count(self.carved.load(Ordering::Relaxed), self.stride())
    }

    /// Blocks freed and not handed out again: no more than were ever carved, even
    /// if other threads keep the walk from ending.
    fn blocks_freed(&self) -> usize {
        // SAFETY: as in `reuse`.
        let freed = self.free.iter(|index| unsafe { self.places.find(index, self.stride()) }.0);
        freed.take(self.blocks_carved().saturating_add(1)).count()
    }

    /// Blocks handed out and not freed.
    pub(super) fn blocks_live(&self) -> usize {
        self.blocks_carved().saturating_sub(self.blocks_freed())
    }

    /// A free block was carved, and none is free twice.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        // A block that is in the stack twice makes the stack a loop.
        if self.blocks_freed() > self.blocks_carved() {
            return Err("more blocks are free than were carved");
        }
        Ok(())
    }
}

// SAFETY: a block is either free (in the stack or not carved) or live, and lies at
// a place of its own in memory that the parent gave; grants are the stride; nothing
// panics.
unsafe impl<S: BlockShape, P: Places> Core for ConcurrentBlockPoolCore<S, P> {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if !self.serves(layout) {
            return Err(AllocError);
        }
        // SAFETY: the caller gives the usual parent.
        unsafe { self.alloc_block(parent) }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, _parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: not empty, so live and from this core, says the caller.
            unsafe { self.free_block(block) }
        }
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, _parent: &A, layout: Layout) -> usize {
        if layout.size() != 0 && self.serves(layout) { self.stride().size() } else { layout.size() }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.free_all();
        // SAFETY: the usual parent; every block has ended.
        unsafe { self.places.release(parent) }
    }
}
