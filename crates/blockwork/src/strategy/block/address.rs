//! From an address inside a block of known size to what lies at its base.

use core::ptr::NonNull;

use crate::{math::align::align_down, os};

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

/// The base of a block, as what it is: never null.
///
/// # Safety
///
/// - `interior` points into a block of `SIZE` bytes aligned to `SIZE`.
#[inline]
pub(super) unsafe fn base_within<const SIZE: usize>(interior: NonNull<u8>) -> NonNull<u8> {
    // SAFETY: a block has a base, and nothing lies at zero.
    unsafe { NonNull::new_unchecked(base_of(interior.as_ptr(), SIZE)) }
}
