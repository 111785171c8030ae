//! [`Buffer`]: lends one caller-provided region, to one holder at a time.
//!
//! ```text
//! region  [ block ............ | free until the block grows or comes back ]
//!         ^ start              ^ start + layout.size()
//! ```
//!
//! | | |
//! |---|---|
//! | time | two compares |
//! | space | three words |
//! | sharing | single-threaded (`Cell`) |
//! | failure | while lent, or when the region is too small or not aligned |
//! | offers | [`Owns`], [`Reset`], growing in place up to the region |
//!
//! When not to use it: for more than one block put a `Bump` on top.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer};
//!
//! let mut memory = [MaybeUninit::uninit(); 64];
//! let buffer = Buffer::new(&mut memory);
//!
//! assert!(buffer.allocate(Layout::new::<[u8; 64]>()).is_ok());
//! assert!(buffer.allocate(Layout::new::<u8>()).is_err());
//! ```

use core::{alloc::Layout, cell::Cell, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, can_resize, empty},
    os,
};

/// Lends a borrowed region, one block at a time; see the [module](self).
#[derive(Debug)]
pub struct Buffer<'a> {
    region: NonNull<[u8]>,
    /// Whether the region has a holder now.
    lent: Cell<bool>,
    _borrow: PhantomData<&'a mut [MaybeUninit<u8>]>,
}

impl<'a> Buffer<'a> {
    /// Borrows `region` for the new source.
    #[must_use]
    pub const fn new(region: &'a mut [MaybeUninit<u8>]) -> Self {
        let len = region.len();
        let start = NonNull::from_mut(region).cast::<u8>();
        Self { region: NonNull::slice_from_raw_parts(start, len), lent: Cell::new(false), _borrow: PhantomData }
    }

    /// Bytes in the region.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.region.len()
    }

    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.region.cast()
    }

    pub(crate) fn could_hold(&self, layout: Layout) -> bool {
        let aligned = self.start().addr().get().is_multiple_of(layout.align());
        aligned && layout.size() <= self.region.len()
    }
}

// SAFETY: stands for the exclusive borrow of bytes, which may change threads.
unsafe impl Send for Buffer<'_> {}

// SAFETY: the region is exclusively borrowed for `'a`, lives outside `self`,
// and is lent to at most one holder at a time (`lent`); `could_hold` checks
// size and alignment first; grants are the requests themselves; nothing panics.
unsafe impl Allocate for Buffer<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if !self.lent.get() && self.could_hold(layout) {
            self.lent.set(true);
            Ok(self.start())
        } else {
            Err(AllocError)
        }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        os::check(self.owns(block, layout), "block is not from this buffer");
        self.lent.set(false);
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        os::check(self.owns(block, old), "block is not from this buffer");
        if self.could_hold(new) { Ok(()) } else { Err(AllocError) }
    }
}

// SAFETY: the region is exclusively ours, so a live block that starts where it
// starts is the one we lent.
unsafe impl Owns for Buffer<'_> {
    fn owns(&self, block: NonNull<u8>, _layout: Layout) -> bool {
        self.lent.get() && block == self.start()
    }
}

impl Reset for Buffer<'_> {
    fn reset(&mut self) {
        self.lent.set(false);
    }
}

impl Check for Buffer<'_> {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

crate::alloc::bridge!([] Buffer<'_>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_has_one_holder_at_a_time() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buffer = Buffer::new(&mut memory);
        let layout = Layout::new::<[u8; 8]>();
        let block = buffer.allocate(layout).unwrap();
        assert!(buffer.owns(block, layout));
        assert_eq!(buffer.allocate(layout), Err(AllocError));
        buffer.reset();
        assert_eq!(buffer.allocate(layout), Ok(block));
    }

    #[test]
    fn a_block_grows_in_place_up_to_the_region() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let buffer = Buffer::new(&mut memory);
        let (two, eight, nine) = (Layout::new::<[u8; 2]>(), Layout::new::<[u8; 8]>(), Layout::new::<[u8; 9]>());
        let block = buffer.allocate(two).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { buffer.resize(block, two, eight) }, Ok(()));
        // SAFETY: just resized to this layout.
        assert_eq!(unsafe { buffer.resize(block, eight, nine) }, Err(AllocError));
    }

    #[test]
    fn an_empty_request_takes_nothing() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let buffer = Buffer::new(&mut memory);
        let (nothing, all) = (Layout::new::<[u64; 0]>(), Layout::new::<[u8; 8]>());
        let block = buffer.allocate(nothing).unwrap();
        assert!(block.addr().get().is_multiple_of(nothing.align()));
        assert!(buffer.allocate(all).is_ok());
        // SAFETY: an empty block of this allocator.
        unsafe { buffer.deallocate(block, nothing) };
        assert_eq!(buffer.allocate(all), Err(AllocError));
    }

    #[test]
    fn zeroed_blocks_are_zero() {
        let mut memory = [MaybeUninit::new(0xA5_u8); 8];
        let buffer = Buffer::new(&mut memory);
        let block = buffer.allocate_zeroed(Layout::new::<[u8; 8]>()).unwrap();
        // SAFETY: eight initialised bytes, live until `buffer` goes.
        assert_eq!(unsafe { block.cast::<[u8; 8]>().read() }, [0; 8]);
    }
}
