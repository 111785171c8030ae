//! [`RawMixedSlab`]: a block of memory from which blocks of any size are cut,
//! and which is whole again when the last of them has come back.
//!
//! ```text
//! multiple of the slab's size                    next multiple
//! [ header | 24 | 7 |··| 160 | 3 | free ………………………… ]
//!             blocks, padding    ^ cursor
//! ```
//!
//! Only the count of live blocks says when their space is free again, except
//! for that of the last block, which returns at once.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::list::{Linked, Links};
use crate::{
    math::align::{align_up, padding},
    os,
};

/// What a mixed slab begins with.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct MixedHeader {
    links: Links<Self>,
    /// Where the free part begins, counted from the header's first byte.
    cursor: Cell<usize>,
    /// Blocks that have not come back.
    live: Cell<usize>,
}

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for MixedHeader {}

/// Bytes before the first block, at least.
pub(crate) const HEADER_SIZE: usize = size_of::<MixedHeader>();

/// A mixed slab, by the address of its header; see the [module](self).
///
/// Invariant: the slab is valid while the handle is used, which whoever makes
/// a handle promises, and its header is changed through handles alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawMixedSlab(NonNull<MixedHeader>);

impl RawMixedSlab {
    /// Whether an empty slab of `size` bytes has room for `layout`.
    #[inline]
    pub(crate) fn could_hold(size: usize, layout: Layout) -> bool {
        let end = align_up(HEADER_SIZE, layout.align()).and_then(|first| first.checked_add(layout.size()));
        end.is_some_and(|end| end <= size)
    }

    /// Makes a slab at `memory`, without blocks.
    ///
    /// # Safety
    ///
    /// - `memory` is valid for reads and writes of a header and all that is
    ///   taken from the slab, until the handle is last used, and nobody else
    ///   uses it.
    /// - `memory` is aligned to the slab's size, a power of two.
    pub(crate) unsafe fn make(memory: NonNull<u8>) -> Self {
        let header = memory.cast::<MixedHeader>();
        let new = MixedHeader { links: Links::new(), cursor: Cell::new(HEADER_SIZE), live: Cell::new(0) };
        // SAFETY: valid, and as aligned as a slab that fits a header.
        unsafe { header.write(new) }
        Self(header)
    }

    /// The slab that `block` was taken from.
    ///
    /// # Safety
    ///
    /// - `block` was taken from a slab of `size` bytes.
    pub(crate) unsafe fn of(block: NonNull<u8>, size: usize) -> Self {
        let offset = block.addr().get() & size.wrapping_sub(1);
        // SAFETY: slabs are aligned to their size, so the slab begins there.
        Self(unsafe { block.sub(offset) }.cast())
    }

    /// The slab with this header.
    ///
    /// # Safety
    ///
    /// - The header is that of a mixed slab, reached through its handle.
    pub(crate) unsafe fn from_header(header: NonNull<MixedHeader>) -> Self {
        Self(header)
    }

    /// The header, as the node of a ring; also where the slab's memory begins.
    pub(crate) fn header(self) -> NonNull<MixedHeader> {
        self.0
    }

    /// Whether a slab of `size` bytes has room for `layout` now.
    pub(crate) fn holds(self, size: usize, layout: Layout) -> bool {
        let free = size.saturating_sub(self.cursor());
        free.checked_sub(padding(self.cursor(), layout.align())).is_some_and(|room| layout.size() <= room)
    }

    /// Takes a block from the free part.
    ///
    /// # Safety
    ///
    /// - The slab [`holds`](Self::holds) `layout`.
    pub(crate) unsafe fn take(self, layout: Layout) -> NonNull<u8> {
        let at = self.cursor().wrapping_add(padding(self.cursor(), layout.align()));
        self.get().cursor.set(at.wrapping_add(layout.size()));
        self.get().live.set(self.live().wrapping_add(1));
        // SAFETY: the block lies between cursor and end, says the caller.
        unsafe { self.0.cast::<u8>().add(at) }
    }

    /// Takes back a block; its space is free again if it was the last one taken
    /// or the last one live.
    ///
    /// # Safety
    ///
    /// - `block` is a live block of this slab with `size` bytes, and ends now.
    pub(crate) unsafe fn put(self, block: NonNull<u8>, size: usize) {
        let header = self.get();
        os::check(self.live() != 0, "freed more blocks than were live");
        header.live.set(self.live().wrapping_sub(1));
        if self.live() == 0 {
            header.cursor.set(HEADER_SIZE);
        } else if self.is_last(block, size) {
            header.cursor.set(self.offset_of(block));
        }
    }

    /// Whether `block`, of `size` bytes, ends where the free part begins.
    pub(crate) fn is_last(self, block: NonNull<u8>, size: usize) -> bool {
        self.offset_of(block).wrapping_add(size) == self.cursor()
    }

    /// Lets the last block have `size` bytes.
    pub(crate) fn resize_last(self, block: NonNull<u8>, size: usize) {
        self.get().cursor.set(self.offset_of(block).wrapping_add(size));
    }

    /// How far `block` lies behind the beginning of the slab.
    pub(crate) fn offset_of(self, block: NonNull<u8>) -> usize {
        block.addr().get().wrapping_sub(self.0.addr().get())
    }

    /// Where the free part begins.
    pub(crate) fn cursor(self) -> usize {
        self.get().cursor.get()
    }

    /// The number of live blocks.
    pub(crate) fn live(self) -> usize {
        self.get().live.get()
    }

    fn get<'a>(self) -> &'a MixedHeader {
        // SAFETY: a handle is used only while its slab is valid, and what
        // changes in a header are cells.
        unsafe { self.0.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use heap::boxed::Box;

    use super::*;

    #[repr(align(256))]
    struct Memory([u8; 256]);

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    fn with_slab(test: impl FnOnce(RawMixedSlab)) {
        let mut memory = Box::new(Memory([0xA5; 256]));
        // SAFETY: aligned, and used by the slab alone.
        test(unsafe { RawMixedSlab::make(NonNull::from(&mut memory.0).cast()) });
    }

    fn take(slab: RawMixedSlab, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: asked just now.
        slab.holds(256, layout).then(|| unsafe { slab.take(layout) })
    }

    #[test]
    fn a_fresh_slab_holds_what_it_could_hold_padding_included() {
        for align in (0..10).map(|log| 1 << log) {
            for size in 0..=260 {
                with_slab(|slab| {
                    let layout = layout(size, align);
                    let fits = RawMixedSlab::could_hold(256, layout);
                    let block = take(slab, layout);
                    assert_eq!(block.is_some(), fits, "{layout:?}");
                    if let Some(block) = block {
                        assert!(block.addr().get().is_multiple_of(align));
                        assert!(slab.offset_of(block) + size <= 256);
                    }
                });
            }
        }
        assert!(!RawMixedSlab::could_hold(256, layout(isize::MAX as usize, 1)));
    }

    #[test]
    fn the_space_returns_with_the_last_block_taken_or_live() {
        with_slab(|slab| {
            let one = layout(10, 1);
            let [a, b, c] = [0; 3].map(|_| take(slab, one).unwrap());
            // SAFETY: live blocks of this slab.
            unsafe { slab.put(b, 10) };
            assert_eq!((slab.cursor(), slab.live()), (HEADER_SIZE + 30, 2));
            // SAFETY: as above.
            unsafe { slab.put(c, 10) };
            assert_eq!((slab.cursor(), slab.live()), (HEADER_SIZE + 20, 1));
            // SAFETY: as above.
            unsafe { slab.put(a, 10) };
            assert_eq!((slab.cursor(), slab.live()), (HEADER_SIZE, 0));
        });
    }

    #[test]
    fn a_block_finds_its_slab() {
        with_slab(|slab| {
            while let Some(block) = take(slab, layout(7, 2)) {
                // SAFETY: taken from a slab of that size.
                assert_eq!(unsafe { RawMixedSlab::of(block, 256) }, slab);
            }
        });
    }
}
