//! [`Column`]: blocks that lie upwards from an address, and their links, which
//! lie upwards from another one.
//!
//! ```text
//! [ link 0 | link 1 | link 2 | block 0 | block 1 | block 2 ]
//! ▲ links                    ▲ first
//! ```
//!
//! The links are atomics that no block overlaps, so any thread may read any of
//! them at any time, whoever has the block. From a number to a link it is one
//! step, as a pop waits for nothing else.

use core::{alloc::Layout, ptr::NonNull};

use crate::sync::atomic::AtomicU32;

/// Bytes of a link.
pub(crate) const LINK_SIZE: usize = size_of::<AtomicU32>();

/// Where blocks and links meet; see the [module](self).
///
/// Invariant, by whoever makes one: links and blocks are valid and nobody else's
/// for as long as the column is used, and aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    first: NonNull<u8>,
    links: NonNull<AtomicU32>,
}

impl Column {
    /// The column of which the first block and the first link are there.
    #[inline]
    pub(crate) const fn new(first: NonNull<u8>, links: NonNull<u8>) -> Self {
        Self { first, links: links.cast() }
    }

    pub(crate) const fn first(self) -> NonNull<u8> {
        self.first
    }

    /// The block number `slot`, `stride` from the next one.
    ///
    /// # Safety
    ///
    /// - The column has a block of that number and stride.
    #[inline]
    pub(crate) unsafe fn block(self, slot: usize, stride: Layout) -> NonNull<u8> {
        // SAFETY: the caller's promise: inside the column.
        unsafe { self.first.add(slot.wrapping_mul(stride.size())) }
    }

    /// Which block lies `offset` bytes behind the first.
    #[inline]
    pub(crate) fn slot(offset: usize, stride: Layout) -> usize {
        offset.checked_div(stride.size()).unwrap_or(0)
    }

    /// Makes the link of a block that has none yet.
    ///
    /// # Safety
    ///
    /// - The column has a block of that number.
    /// - Nobody uses the link meanwhile.
    pub(crate) unsafe fn open(self, slot: usize) {
        // SAFETY: the column has a block of that number, says the caller.
        let place = unsafe { self.place(slot) };
        // SAFETY: the caller's promise: valid, and no other thread looks.
        unsafe { place.write(AtomicU32::new(0)) }
    }

    /// The link of a block that has one.
    ///
    /// # Safety
    ///
    /// - The link was [opened](Self::open), which happened before.
    /// - The column lives for as long as `'a`.
    #[inline]
    pub(crate) unsafe fn link<'a>(self, slot: usize) -> &'a AtomicU32 {
        // SAFETY: the link was opened, says the caller, so the column has it.
        let place = unsafe { self.place(slot) };
        // SAFETY: the caller's promise: initialised, and shared as an atomic only.
        unsafe { place.as_ref() }
    }

    /// # Safety
    ///
    /// - The column has a block of that number.
    #[inline]
    unsafe fn place(self, slot: usize) -> NonNull<AtomicU32> {
        // SAFETY: the caller's promise: inside the column.
        unsafe { self.links.add(slot) }
    }
}

#[cfg(not(any(loom, shuttle)))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::atomic::Ordering;

    #[test]
    fn links_and_blocks_lie_apart() {
        let mut memory = [0_u64; 3 + 3 * 4];
        let start = NonNull::from(&mut memory).cast::<u8>();
        // SAFETY: inside the array.
        let first = unsafe { start.add(3 * 8) };
        let (column, stride) = (Column::new(first, start), Layout::new::<[u64; 4]>());
        for slot in 0..3 {
            // SAFETY: there are three, and this is the only thread.
            unsafe { column.open(slot) };
            // SAFETY: there are three.
            let block = unsafe { column.block(slot, stride) };
            // SAFETY: a block of four words.
            unsafe { block.write_bytes(0xA5, stride.size()) };
            assert_eq!(Column::slot(block.addr().get() - first.addr().get(), stride), slot);
        }
        for slot in 0..3 {
            // SAFETY: opened above.
            let link = unsafe { column.link(slot) };
            assert_eq!(link.load(Ordering::Relaxed), 0);
            link.store(7, Ordering::Relaxed);
        }
        // SAFETY: written above.
        let bytes = unsafe { first.cast::<[u8; 96]>().read() };
        assert_eq!(bytes, [0xA5; 96]);
    }
}
