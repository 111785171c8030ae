//! [`Places`]: where the block of each number lies, and its link.

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate},
    sync::atomic::AtomicU32,
};

/// A number as a position.
#[inline]
pub(super) fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The memory that the blocks of a pool lie in, each of which has a number.
///
/// Every call is given the stride of the pool.
///
/// # Safety
///
/// - Blocks and links of different numbers lie apart, inside memory that is the
///   pool's alone, and stay there until somebody who is alone takes it away.
/// - A block is aligned for the stride, and as long.
pub unsafe trait Places {
    /// The link and the block of `index`.
    ///
    /// # Safety
    ///
    /// - The number was [opened](Self::open), which happened before.
    unsafe fn find(&self, index: u32, stride: Layout) -> (&AtomicU32, NonNull<u8>);

    /// The number and the link of `block`.
    ///
    /// # Safety
    ///
    /// - It is the block of a number that was [opened](Self::open), which happened
    ///   before.
    unsafe fn number(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32);

    /// The same of a block that is about to be freed, so that it is the next one to
    /// be [found](Self::find).
    ///
    /// # Safety
    ///
    /// - As for [`number`](Self::number).
    #[inline]
    unsafe fn freed(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32) {
        // SAFETY: what the caller promises is what `number` asks for.
        unsafe { self.number(block, stride) }
    }

    /// The number after `index`, if there is memory for the block of `index`.
    fn after(&self, index: u32, stride: Layout) -> Option<u32>;

    /// The block of `index`, with a link from now on.
    ///
    /// # Safety
    ///
    /// - [`after`](Self::after) answered for it.
    /// - Nobody else does this.
    unsafe fn open(&self, index: u32, stride: Layout) -> NonNull<u8>;

    /// Sees to it that there is memory for the block of `index`, the number after
    /// those that there is memory for; or for others by now.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the parent has none; nothing has changed.
    fn grow<A: Allocate + ?Sized>(&self, parent: &A, index: u32, stride: Layout) -> Result<(), AllocError>;

    /// How many numbers there are below `index`.
    fn count(&self, index: u32, stride: Layout) -> usize;

    /// Gives all memory back to the parent.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    /// - Nobody uses any of it.
    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A);
}
