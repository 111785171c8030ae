//! Blocks that know their size and their allocator, so that a release needs
//! neither, wherever it is.
//!
//! ```text
//! [ allocator, size | block ]   the block aligned for anything
//! ```

use core::{
    ffi::c_void,
    ptr::{self, NonNull},
};

use blockwork::math::align::NATURAL_ALIGN_MAX;

use crate::{
    access::{bw_allocate, bw_deallocate},
    interface::Interface,
    scope::bw_current,
};

/// What stands before a block.
#[repr(C)]
struct Tag {
    owner: *const Interface,
    size: usize,
}

/// Bytes before a block.
const BEFORE: usize = NATURAL_ALIGN_MAX;
const _: () = assert!(size_of::<Tag>() <= BEFORE && align_of::<Tag>() <= BEFORE);

/// Bytes of a block with its tag; more than any block has, if there are too many.
const fn tagged(size: usize) -> usize {
    size.saturating_add(BEFORE)
}

/// Where the tag of a block is.
fn tag(block: NonNull<u8>) -> *mut Tag {
    block.as_ptr().wrapping_sub(BEFORE).cast()
}

/// A block of `size` bytes from the current allocator, for `bw_release`.
#[unsafe(no_mangle)]
pub extern "C" fn bw_acquire(size: usize) -> *mut c_void {
    // SAFETY: what is current outlives its being so.
    unsafe { bw_acquire_from(bw_current(), size) }
}

/// A block of `size` bytes from `allocator`, for `bw_release`.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that outlives the block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_acquire_from(allocator: *const Interface, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let whole = unsafe { bw_allocate(allocator, tagged(size), BEFORE) };
    let Some(whole) = NonNull::new(whole.cast::<u8>()) else { return ptr::null_mut() };
    // SAFETY: the block is as long, and more.
    let block = unsafe { whole.add(BEFORE) };
    // SAFETY: before the block, in fresh memory that is aligned.
    unsafe { tag(block).write(Tag { owner: allocator, size }) };
    block.as_ptr().cast()
}

/// Gives a block back to the allocator that it is from.
///
/// # Safety
///
/// - `block` is null, or from `bw_acquire` or `bw_acquire_from` and live, and its
///   allocator is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_release(block: *mut c_void) {
    let Some(block) = NonNull::new(block.cast::<u8>()) else { return };
    // SAFETY: written when the block was made.
    let Tag { owner, size } = unsafe { ptr::read(tag(block)) };
    let whole = block.as_ptr().wrapping_sub(BEFORE).cast();
    // SAFETY: allocated there with this layout, and live; the caller says that its
    // allocator is alive.
    unsafe { bw_deallocate(owner, whole, tagged(size), BEFORE) }
}

/// The bytes that `block` was asked for with; 0 for null.
///
/// # Safety
///
/// - `block` is null, or from `bw_acquire` or `bw_acquire_from` and live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_acquired(block: *const c_void) -> usize {
    // SAFETY: written when the block was made.
    NonNull::new(block.cast_mut().cast::<u8>()).map_or(0, |block| unsafe { (*tag(block)).size })
}
