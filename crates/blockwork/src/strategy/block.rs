//! [`Block`]: an owned block of memory that is aligned to its own size.
//!
//! ```text
//! ……110 000   ……110 xxx            ……111 000      size = 1000 (binary)
//! ^ base      ^ any address within  ^ base of the next
//! [ header | …………………………………………………………… ]
//! ```
//!
//! | | |
//! |---|---|
//! | time | one request to the parent; from an address to the base, one mask |
//! | space | three words and the parent |
//! | sharing | as the parent |
//! | failure | for a size that is no power of two, or when the parent fails |
//!
//! The size is a power of two, so clearing the low bits of any address inside
//! gives the base, and what lies there: [`base_of`], [`header_of`]. Nothing
//! but the size needs to be known.
//!
//! When not to use it: for memory that need not be found by a mask, ask the
//! parent for a layout; an alignment as large as the size costs most sources
//! twice the address space for a moment.
//!
//! # Example
//!
//! ```
//! use blockwork::{Block, BlockError};
//!
//! let block = Block::new(4096)?;
//! assert_eq!(block.as_ptr().addr() % 4096, 0);
//! assert_eq!(Block::new(999).unwrap_err(), BlockError::BadRequest);
//! # Ok::<(), BlockError>(())
//! ```

use core::{
    alloc::Layout,
    error, fmt,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::{self, NonNull},
    slice,
};

#[cfg(feature = "std")]
use crate::source::system::System;
use crate::{
    alloc::{AllocError, Allocate},
    math::align::{align_down, is_aligned},
    os,
};

/// Owns memory that is aligned to its size; see the [module](self).
#[derive(Debug)]
pub struct Block<#[cfg(feature = "std")] A: Allocate = System, #[cfg(not(feature = "std"))] A: Allocate> {
    base: NonNull<u8>,
    /// What the parent was asked for. Invariant: size and alignment are equal.
    layout: Layout,
    parent: A,
}

/// Why there is no [`Block`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockError {
    /// The size is no power of two, or larger than anything in memory.
    BadRequest,
    /// The parent has no such block now.
    OutOfMemory,
}

#[cfg(feature = "std")]
impl Block {
    /// Takes a block of `size` bytes from the system; they are uninitialised.
    ///
    /// # Errors
    ///
    /// [`BlockError`] for a size that is no power of two, or when the system
    /// has no such block.
    pub fn new(size: usize) -> Result<Self, BlockError> {
        Self::new_in(size, System)
    }

    /// Takes a block of `size` zero bytes from the system.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn zeroed(size: usize) -> Result<Self, BlockError> {
        Self::zeroed_in(size, System)
    }

    /// Gives up ownership; [`from_raw_parts`](Self::from_raw_parts) takes it
    /// back.
    #[must_use]
    pub fn into_raw_parts(self) -> (NonNull<u8>, usize) {
        let (base, size, System) = self.into_raw_parts_in();
        (base, size)
    }

    /// Owns a block again.
    ///
    /// # Safety
    ///
    /// - Both came from one call of [`into_raw_parts`](Self::into_raw_parts),
    ///   or `base` is a live block of [`System`] for `size` bytes aligned to
    ///   `size`.
    /// - Nobody else owns it.
    #[must_use]
    pub unsafe fn from_raw_parts(base: NonNull<u8>, size: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::from_raw_parts_in(base, size, System) }
    }
}

impl<A: Allocate> Block<A> {
    /// Takes a block of `size` bytes from `parent`; they are uninitialised.
    ///
    /// # Errors
    ///
    /// [`BlockError`] for a size that is no power of two, or when the parent
    /// has no such block.
    pub fn new_in(size: usize, parent: A) -> Result<Self, BlockError> {
        let layout = layout(size)?;
        let base = parent.allocate(layout)?;
        Ok(Self { base, layout, parent })
    }

    /// Takes a block of `size` zero bytes from `parent`.
    ///
    /// # Errors
    ///
    /// As [`new_in`](Self::new_in).
    pub fn zeroed_in(size: usize, parent: A) -> Result<Self, BlockError> {
        let layout = layout(size)?;
        let base = parent.allocate_zeroed(layout)?;
        Ok(Self { base, layout, parent })
    }

    /// Gives up ownership; [`from_raw_parts_in`](Self::from_raw_parts_in)
    /// takes it back.
    #[must_use]
    pub fn into_raw_parts_in(self) -> (NonNull<u8>, usize, A) {
        let block = ManuallyDrop::new(self);
        // SAFETY: valid, and never used again where it was.
        let parent = unsafe { ptr::read(&raw const block.parent) };
        (block.base, block.size(), parent)
    }

    /// Owns a block again.
    ///
    /// # Safety
    ///
    /// - All came from one call of
    ///   [`into_raw_parts_in`](Self::into_raw_parts_in), or `base` is a live
    ///   block of `parent` for `size` bytes aligned to `size`.
    /// - Nobody else owns it.
    #[must_use]
    pub unsafe fn from_raw_parts_in(base: NonNull<u8>, size: usize, parent: A) -> Self {
        os::check(size.is_power_of_two() && is_aligned(base.addr().get(), size), "no parts of a block");
        // SAFETY: the parts of a block, which had this layout.
        let layout = unsafe { Layout::from_size_align_unchecked(size, size) };
        Self { base, layout, parent }
    }

    /// Bytes in the block.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.layout.size()
    }

    /// The first byte.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.base.as_ptr()
    }

    /// The first byte, to write to.
    #[must_use]
    pub const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// The first byte, for those who share the block out by pointers.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// All bytes.
    #[must_use]
    pub const fn as_uninit_slice(&self) -> &[MaybeUninit<u8>] {
        // SAFETY: ours, and borrowed as long as `self`.
        unsafe { slice::from_raw_parts(self.base.cast().as_ptr(), self.size()) }
    }

    /// All bytes, to write to.
    #[must_use]
    pub const fn as_uninit_slice_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: ours, and borrowed as long as `self`.
        unsafe { slice::from_raw_parts_mut(self.base.cast().as_ptr(), self.size()) }
    }

    /// Whether `address` points into the block.
    #[must_use]
    pub fn contains(&self, address: *const u8) -> bool {
        align_down(address.addr(), self.size()) == self.base.addr().get()
    }

    /// How far `address` lies into the block, if it does.
    #[must_use]
    pub fn offset_in_block(&self, address: *const u8) -> Option<usize> {
        self.contains(address).then(|| offset_of(address, self.size()))
    }

    /// Where the block came from, and will go back to.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

/// The base of the block of `size` that `interior` points into.
///
/// The pointer may be used for all that `interior` may: derive interior
/// pointers from the whole block to come back to its first byte.
///
/// ```
/// use blockwork::{Block, strategy::block::base_of};
///
/// let mut block = Block::new(64)?;
/// let interior = block.as_mut_ptr().wrapping_add(40);
/// assert_eq!(base_of(interior, 64), block.as_mut_ptr());
/// # Ok::<(), blockwork::BlockError>(())
/// ```
#[inline]
#[must_use]
pub fn base_of(interior: *mut u8, size: usize) -> *mut u8 {
    os::check(size.is_power_of_two(), "a block's size is a power of two");
    interior.map_addr(|address| align_down(address, size))
}

/// What lies at the base of the block of `size` that `interior` points into.
///
/// ```
/// use blockwork::{Block, strategy::block::header_of};
///
/// let mut block = Block::new(4096)?;
/// let first = block.as_mut_ptr();
/// // SAFETY: ours; larger than a `u64`, and more aligned.
/// unsafe { first.cast::<u64>().write(7) };
/// // SAFETY: written above.
/// assert_eq!(unsafe { header_of::<u64>(first.wrapping_add(1000), 4096).read() }, 7);
/// # Ok::<(), blockwork::BlockError>(())
/// ```
#[inline]
#[must_use]
pub fn header_of<H>(interior: *mut u8, size: usize) -> *mut H {
    os::check(size_of::<H>() <= size, "the header is larger than the block");
    base_of(interior, size).cast()
}

/// How far `interior` lies into the block of `size` that it points into.
#[inline]
#[must_use]
pub fn offset_of(interior: *const u8, size: usize) -> usize {
    os::check(size.is_power_of_two(), "a block's size is a power of two");
    interior.addr() & size.wrapping_sub(1)
}

/// A block's layout, if there can be such a block.
fn layout(size: usize) -> Result<Layout, BlockError> {
    Layout::from_size_align(size, size).map_err(|_| BlockError::BadRequest)
}

impl<A: Allocate> Drop for Block<A> {
    fn drop(&mut self) {
        // SAFETY: ours alone, from this parent, with this layout.
        unsafe { self.parent.deallocate(self.base, self.layout) }
    }
}

// SAFETY: the memory is the block's alone, and changes threads with its parent.
unsafe impl<A: Allocate + Send> Send for Block<A> {}

// SAFETY: a shared block only reads itself, and lends its parent.
unsafe impl<A: Allocate + Sync> Sync for Block<A> {}

impl From<AllocError> for BlockError {
    fn from(AllocError: AllocError) -> Self {
        Self::OutOfMemory
    }
}

impl From<BlockError> for AllocError {
    fn from(_: BlockError) -> Self {
        Self
    }
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "a block's size must be a power of two and not exceed isize::MAX",
            Self::OutOfMemory => "memory allocation failed",
        })
    }
}

impl error::Error for BlockError {}

#[cfg(test)]
mod tests {
    use heap::string::ToString;

    use super::*;
    use crate::{source::buffer::Buffer, strategy::ledger::Ledger};

    #[test]
    fn every_power_of_two_is_aligned_to_itself() {
        for size in (0..=30).map(|bit| 1_usize << bit) {
            let block = Block::new(size).unwrap();
            // Seed 002's own test: all low bits are free to be set.
            let mask = size - 1;
            assert_eq!((block.as_ptr().addr() & mask) ^ mask, mask);
            assert_eq!(block.size(), size);
        }
    }

    #[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
    #[test]
    fn pages_give_every_power_of_two_aligned() {
        for size in (0..=30).map(|bit| 1_usize << bit) {
            let block = Block::new_in(size, crate::source::pages::Pages).unwrap();
            assert!(is_aligned(block.as_ptr().addr(), size));
        }
    }

    #[test]
    fn other_sizes_are_bad_requests() {
        for size in [0, 3, 999, 4097, (1 << 62) + 1, usize::MAX] {
            assert_eq!(Block::new(size).unwrap_err(), BlockError::BadRequest);
            assert_eq!(Block::zeroed(size).unwrap_err(), BlockError::BadRequest);
        }
    }

    /// Seed 002: the largest power of two made a layout that cannot be.
    #[test]
    fn a_block_larger_than_memory_is_a_bad_request() {
        assert_eq!(Block::new(1 << (usize::BITS - 1)).unwrap_err(), BlockError::BadRequest);
    }

    #[test]
    fn a_parent_without_such_a_block_is_out_of_memory() {
        assert_eq!(Block::new(1 << (usize::BITS - 2)).unwrap_err(), BlockError::OutOfMemory);
        let parent = Ledger::new();
        parent.fail_after(0);
        assert_eq!(Block::new_in(64, &parent).unwrap_err(), BlockError::OutOfMemory);
        assert_eq!(Block::zeroed_in(64, &parent).unwrap_err(), BlockError::OutOfMemory);
        assert_eq!(AllocError::from(BlockError::OutOfMemory), AllocError);
    }

    #[test]
    fn a_block_goes_back_with_the_layout_it_was_asked_with() {
        let parent = Ledger::new();
        let block = Block::new_in(256, &parent).unwrap();
        assert_eq!(parent.layouts(), [Layout::from_size_align(256, 256).unwrap()]);
        drop(block);
        assert_eq!(parent.blocks(), 0);
    }

    /// Seed 002: giving up ownership freed the memory all the same.
    #[test]
    fn raw_parts_stay_live_until_they_are_a_block_again() {
        let (base, size) = Block::new(4096).unwrap().into_raw_parts();
        // SAFETY: live, ours, and that long.
        unsafe { base.write_bytes(7, size) };
        // SAFETY: from `into_raw_parts`.
        let block = unsafe { Block::from_raw_parts(base, size) };
        assert_eq!((block.base(), block.size()), (base, 4096));
        // SAFETY: written above.
        assert!(block.as_uninit_slice().iter().all(|byte| unsafe { byte.assume_init() } == 7));

        let parent = Ledger::new();
        let (base, size, lender) = Block::new_in(64, &parent).unwrap().into_raw_parts_in();
        assert_eq!(parent.blocks(), 1);
        // SAFETY: from `into_raw_parts_in`.
        drop(unsafe { Block::from_raw_parts_in(base, size, lender) });
        assert_eq!(parent.blocks(), 0);
    }

    #[test]
    fn every_address_inside_leads_to_the_base() {
        let mut block = Block::zeroed_in(256, Ledger::new()).unwrap();
        let base = block.as_mut_ptr();
        for offset in 0..256 {
            let interior = base.wrapping_add(offset);
            assert_eq!((base_of(interior, 256), offset_of(interior, 256)), (base, offset));
            assert_eq!(block.offset_in_block(interior), Some(offset));
        }
        for outside in [base.wrapping_sub(1), base.wrapping_add(256), ptr::null_mut()] {
            assert!(!block.contains(outside));
            assert_eq!(block.offset_in_block(outside), None);
        }
    }

    #[test]
    fn a_header_is_found_from_any_byte_of_the_block() {
        let mut block = Block::new_in(128, Ledger::new()).unwrap();
        let base = block.as_mut_ptr();
        // SAFETY: ours; long and aligned enough.
        unsafe { header_of::<u64>(base, 128).write(0x5EED) };
        for offset in 0..128 {
            // SAFETY: written above.
            assert_eq!(unsafe { header_of::<u64>(base.wrapping_add(offset), 128).read() }, 0x5EED);
        }
    }

    #[test]
    fn slices_cover_the_whole_block() {
        let mut block = Block::zeroed(32).unwrap();
        block.as_uninit_slice_mut()[31].write(1);
        // SAFETY: zeroed, then written.
        let bytes: [u8; 32] = core::array::from_fn(|at| unsafe { block.as_uninit_slice()[at].assume_init() });
        assert_eq!((bytes[..31].iter().sum::<u8>(), bytes[31]), (0, 1));
    }

    #[test]
    fn a_block_of_a_buffer_lives_as_long_as_it_is_borrowed() {
        #[repr(align(64))]
        struct Aligned([MaybeUninit<u8>; 64]);
        let mut memory = Aligned([MaybeUninit::uninit(); 64]);
        let buffer = Buffer::new(&mut memory.0);
        let block = Block::new_in(64, &buffer).unwrap();
        assert_eq!(Block::new_in(64, &buffer).unwrap_err(), BlockError::OutOfMemory);
        drop(block);
        assert!(Block::new_in(64, &buffer).is_ok());
    }

    #[test]
    fn blocks_change_threads() {
        let block = Block::zeroed(64).unwrap();
        assert_eq!(std::thread::spawn(move || block.size()).join().unwrap(), 64);
    }

    #[test]
    fn errors_say_what_to_do() {
        assert_eq!(
            BlockError::BadRequest.to_string(),
            "a block's size must be a power of two and not exceed isize::MAX"
        );
        assert_eq!(BlockError::OutOfMemory.to_string(), AllocError.to_string());
    }
}
