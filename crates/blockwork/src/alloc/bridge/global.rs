//! The decisions for `GlobalAlloc`: null on failure, and never zero bytes.

use core::ptr::NonNull;
use core::{alloc::Layout, hint::assert_unchecked, ptr};

use crate::alloc::{AllocError, Allocate, reallocate};

/// `GlobalAlloc::alloc`.
///
/// # Safety
///
/// - `layout` is not of size zero.
#[inline]
pub(crate) unsafe fn alloc<A: Allocate + ?Sized>(from: &A, layout: Layout) -> *mut u8 {
    // Lets the part's own question about zero fold away.
    // SAFETY: the caller's promise.
    unsafe { assert_unchecked(layout.size() != 0) }
    or_null(from.allocate(layout))
}

/// `GlobalAlloc::alloc_zeroed`.
///
/// # Safety
///
/// - `layout` is not of size zero.
#[inline]
pub(crate) unsafe fn alloc_zeroed<A: Allocate + ?Sized>(from: &A, layout: Layout) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { assert_unchecked(layout.size() != 0) }
    or_null(from.allocate_zeroed(layout))
}

/// `GlobalAlloc::dealloc`.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `layout` fits `block` and is not of size zero.
#[inline]
pub(crate) unsafe fn dealloc<A: Allocate + ?Sized>(from: &A, block: *mut u8, layout: Layout) {
    // SAFETY: the caller's promise.
    unsafe { assert_unchecked(layout.size() != 0) }
    // SAFETY: a live block is not at address zero.
    let block = unsafe { NonNull::new_unchecked(block) };
    // SAFETY: the caller's promises are those that `deallocate` asks for.
    unsafe { from.deallocate(block, layout) }
}

/// `GlobalAlloc::realloc`.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `layout` fits `block` and is not of size zero.
/// - `size` is not zero, and with the alignment of `layout` makes a layout.
#[inline]
pub(crate) unsafe fn realloc<A: Allocate + ?Sized>(from: &A, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { assert_unchecked(layout.size() != 0 && size != 0) }
    // SAFETY: a live block is not at address zero.
    let block = unsafe { NonNull::new_unchecked(block) };
    // SAFETY: the alignment is that of a layout, and the caller vouches for the size.
    let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
    // SAFETY: the caller's promises are those that `reallocate` asks for.
    or_null(unsafe { reallocate(from, block, layout, new) })
}

#[inline]
fn or_null(block: Result<NonNull<u8>, AllocError>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}
