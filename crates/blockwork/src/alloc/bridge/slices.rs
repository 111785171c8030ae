//! The decisions for traits that hand out slices: std's and allocator-api2's.

use core::{alloc::Layout, ptr::NonNull};

use crate::alloc::{self, AllocError, Allocate};

/// How long a slice is said to be.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    /// All that is granted, for the caller to grow into.
    Granted,
    /// What was asked for, where the grant costs a second call.
    Requested,
}

impl Length {
    #[inline]
    fn of<A: Allocate + ?Sized>(self, from: &A, block: NonNull<u8>, layout: Layout) -> NonNull<[u8]> {
        let len = match self {
            Self::Granted => from.granted(layout),
            Self::Requested => layout.size(),
        };
        NonNull::slice_from_raw_parts(block, len)
    }
}

#[inline]
pub(crate) fn allocate<A: Allocate + ?Sized>(
    from: &A,
    layout: Layout,
    length: Length,
) -> Result<NonNull<[u8]>, AllocError> {
    let block = from.allocate(layout)?;
    Ok(length.of(from, block, layout))
}

#[inline]
pub(crate) fn allocate_zeroed<A: Allocate + ?Sized>(
    from: &A,
    layout: Layout,
    length: Length,
) -> Result<NonNull<[u8]>, AllocError> {
    let block = from.allocate_zeroed(layout)?;
    Ok(length.of(from, block, layout))
}

/// Grows or shrinks.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `old` fits `block`.
#[inline]
pub(crate) unsafe fn reallocate<A: Allocate + ?Sized>(
    from: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    length: Length,
) -> Result<NonNull<[u8]>, AllocError> {
    // SAFETY: the caller's promises are those that `reallocate` asks for.
    let block = unsafe { alloc::reallocate(from, block, old, new)? };
    Ok(length.of(from, block, new))
}

/// Grows, with zeroes from the old size up to the length of the slice.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `old` fits `block`.
#[inline]
pub(crate) unsafe fn reallocate_zeroed<A: Allocate + ?Sized>(
    from: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    length: Length,
) -> Result<NonNull<[u8]>, AllocError> {
    // SAFETY: the caller's promises are those that `reallocate_zeroed` asks for.
    let block = unsafe { alloc::reallocate_zeroed(from, block, old, new)? };
    Ok(length.of(from, block, new))
}
