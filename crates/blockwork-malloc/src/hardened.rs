//! The functions of [`c`](crate::c) over [`HardenedMalloc`]; what the standards leave
//! open is as there.
//!
//! A call that is a mistake ends the program with a message.

use core::{
    alloc::Layout,
    ptr::{self, NonNull},
};

use blockwork::{Allocate, Describe, HardenedMalloc, Pages};
use libc::{EINVAL, ENOMEM, c_int};

/// Blocks have this alignment at least.
const ALIGN: usize = 16;

/// Null, and why.
#[cold]
fn fail(error: c_int) -> *mut u8 {
    // SAFETY: may always be asked.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own.
    unsafe { errno.write(error) }
    ptr::null_mut()
}

fn or_fail(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or_else(|| fail(ENOMEM), NonNull::as_ptr)
}

fn layout(align: usize, size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), align.max(ALIGN)).ok()
}

/// As `malloc` of C.
#[must_use]
#[inline(always)]
pub fn malloc(size: usize) -> *mut u8 {
    match HardenedMalloc.hit(size) {
        Some(block) => block.as_ptr(),
        None => miss(size),
    }
}

#[cold]
#[inline(never)]
fn miss(size: usize) -> *mut u8 {
    or_fail(HardenedMalloc.miss(size).ok())
}

/// As `calloc` of C.
#[must_use]
#[inline]
pub fn calloc(count: usize, size: usize) -> *mut u8 {
    let layout = count.checked_mul(size).and_then(|size| layout(ALIGN, size));
    or_fail(layout.and_then(|layout| HardenedMalloc.allocate_zeroed(layout).ok()))
}

/// As `free` of C; also `cfree`.
///
/// # Safety
///
/// - `block` is null, or live and from one of these functions.
#[inline(always)]
pub unsafe fn free(block: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { HardenedMalloc.free(block) }
}

/// As `free_sized` of C: another size than the block was allocated with ends the
/// program, if it is of another class.
///
/// # Safety
///
/// - As for [`free`].
pub unsafe fn free_sized(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_aligned_sized(block, ALIGN, size) }
}

/// As `free_aligned_sized` of C: as [`free_sized`].
///
/// # Safety
///
/// - As for [`free`].
pub unsafe fn free_aligned_sized(block: *mut u8, align: usize, size: usize) {
    match (NonNull::new(block), layout(align, size)) {
        // SAFETY: the caller's promise.
        (Some(block), Some(layout)) => unsafe { HardenedMalloc.free_sized(block, layout) },
        // SAFETY: the caller's promise.
        _ => unsafe { free(block) },
    }
}

/// As `realloc` of C.
///
/// # Safety
///
/// - `block` is null, or live and from one of these functions.
#[must_use]
pub unsafe fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    let Some(old) = NonNull::new(block) else { return malloc(size) };
    if size == 0 {
        // SAFETY: the caller's promise.
        unsafe { free(block) }
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    or_fail(layout(ALIGN, size).and_then(|new| unsafe { HardenedMalloc.reallocate(old, new) }.ok()))
}

/// As `reallocarray` of POSIX.
///
/// # Safety
///
/// - As for [`realloc`].
#[must_use]
pub unsafe fn reallocarray(block: *mut u8, count: usize, size: usize) -> *mut u8 {
    match count.checked_mul(size) {
        // SAFETY: the caller's promise.
        Some(size) => unsafe { realloc(block, size) },
        None => fail(ENOMEM),
    }
}

/// A block of `size` bytes at a multiple of `align`, a power of two.
fn aligned(align: usize, size: usize) -> Option<NonNull<u8>> {
    HardenedMalloc.allocate(layout(align, size)?).ok()
}

/// As `aligned_alloc` of C, and `memalign` of glibc.
#[must_use]
#[inline]
pub fn aligned_alloc(align: usize, size: usize) -> *mut u8 {
    if align.is_power_of_two() { or_fail(aligned(align, size)) } else { fail(EINVAL) }
}

/// As `posix_memalign` of POSIX: the block goes to `place`; the result is the error.
///
/// # Safety
///
/// - `place` may be written.
pub unsafe fn posix_memalign(place: *mut *mut u8, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut u8>() {
        return EINVAL;
    }
    let Some(block) = aligned(align, size) else { return ENOMEM };
    // SAFETY: the caller's promise.
    unsafe { place.write(block.as_ptr()) }
    0
}

/// As `valloc` of glibc: at the start of a page.
#[must_use]
pub fn valloc(size: usize) -> *mut u8 {
    or_fail(aligned(Pages::page_size(), size))
}

/// As `pvalloc` of glibc: whole pages.
#[must_use]
pub fn pvalloc(size: usize) -> *mut u8 {
    let whole = size.max(1).checked_next_multiple_of(Pages::page_size());
    or_fail(whole.and_then(|size| aligned(Pages::page_size(), size)))
}

/// As `malloc_usable_size` of glibc: zero for what is no live block.
#[must_use]
#[inline]
pub fn usable_size(block: *mut u8) -> usize {
    NonNull::new(block).and_then(|block| HardenedMalloc.describe(block)).map_or(0, |layout| layout.size())
}

/// As `malloc_trim` of glibc: whether memory may have gone back.
#[must_use]
pub fn trim() -> c_int {
    HardenedMalloc.trim();
    1
}

/// Has freed blocks wiped and looked at, from now on.
pub fn set_wiping(wipes: bool) {
    HardenedMalloc.set_wiping(wipes);
}
