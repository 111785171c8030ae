//! The names that programs call, each passed on to the [next](super::next)
//! allocator.
//!
//! What is recorded is what C says the call means: `realloc(NULL, n)`
//! allocates, `realloc(p, 0)` frees, `free(NULL)` is nothing, and a call that
//! fails did not happen.

use core::{
    ffi::{c_int, c_void},
    ptr,
};

use super::{
    next::functions,
    spool::{record, record_request},
    wire::{Event, MALLOC_ALIGN_LOG2},
};

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

const ENOMEM: c_int = 12;
const PAGE_LOG2: u8 = 12;

/// What a block is called: its address, turned so that the four bits that are
/// zero for nearly all cost nothing.
#[inline]
fn name(block: *mut c_void) -> u64 {
    (block.addr() as u64).rotate_right(4)
}

/// Records a block that has just been allocated; none if that failed.
#[inline]
fn allocated(block: *mut c_void, size: usize, align_log2: u8, zeroed: bool) -> *mut c_void {
    if !block.is_null() {
        record_request(Event::Allocate { name: name(block), size: size as u64, align_log2, zeroed });
    }
    block
}

/// The logarithm of an alignment as `memalign` understands it.
fn log2(alignment: usize) -> u8 {
    let power = alignment.checked_next_power_of_two().unwrap_or(1);
    u8::try_from(power.trailing_zeros()).unwrap_or(0)
}

/// C's `malloc`.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size is allowed.
    allocated(unsafe { (functions().malloc)(size) }, size, MALLOC_ALIGN_LOG2, false)
}

/// C's `calloc`.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: any sizes are allowed; a product too large fails.
    allocated(unsafe { (functions().calloc)(count, size) }, count.wrapping_mul(size), MALLOC_ALIGN_LOG2, true)
}

/// C's `free`.
///
/// # Safety
///
/// - `block` is null, or of one of these functions, and live.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    record(Event::Free { name: name(block) });
    // SAFETY: as the caller says.
    unsafe { (functions().free)(block) }
}

/// C's `realloc`.
///
/// # Safety
///
/// - `block` is null, or of one of these functions, and live.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    if size == 0 {
        record(Event::Free { name: name(block) });
        // SAFETY: as the caller says. Where this gives a block of no bytes
        // rather than none, that is a new one.
        return allocated(unsafe { (functions().realloc)(block, 0) }, 0, MALLOC_ALIGN_LOG2, false);
    }
    record(Event::ReallocateBegin { name: name(block) });
    // SAFETY: as the caller says.
    let moved = unsafe { (functions().realloc)(block, size) };
    if moved.is_null() {
        record(Event::ReallocateFailed);
    } else {
        record_request(Event::ReallocateEnd { name: name(moved), size: size as u64 });
    }
    moved
}

/// BSD's `reallocarray`.
///
/// # Safety
///
/// - `block` is null, or of one of these functions, and live.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(size) else {
        // SAFETY: always allowed.
        let errno = unsafe { __errno_location() };
        // SAFETY: this thread's own.
        unsafe { errno.write(ENOMEM) };
        return ptr::null_mut();
    };
    // SAFETY: as the caller says.
    unsafe { realloc(block, size) }
}

/// C's `aligned_alloc`.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: any alignment and size are allowed; what cannot be served fails.
    allocated(unsafe { (functions().aligned_alloc)(alignment, size) }, size, log2(alignment), false)
}

/// The old `memalign`; rounds the alignment up to a power of two.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: any alignment and size are allowed; what cannot be served fails.
    allocated(unsafe { (functions().memalign)(alignment, size) }, size, log2(alignment), false)
}

/// POSIX's `posix_memalign`.
///
/// # Safety
///
/// - `place` may be written to.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    // SAFETY: as the caller says.
    let result = unsafe { (functions().posix_memalign)(place, alignment, size) };
    if result == 0 {
        // SAFETY: written to just now.
        allocated(unsafe { place.read() }, size, log2(alignment), false);
    }
    result
}

/// The old `valloc`: aligned to a page.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    // SAFETY: any size is allowed.
    allocated(unsafe { (functions().valloc)(size) }, size, PAGE_LOG2, false)
}

/// The old `pvalloc`: whole pages.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    // SAFETY: any size is allowed.
    allocated(unsafe { (functions().pvalloc)(size) }, size, PAGE_LOG2, false)
}

/// C23's `free_sized`.
///
/// # Safety
///
/// - As for [`free`]; the size is that asked for.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn free_sized(block: *mut c_void, _size: usize) {
    // SAFETY: as the caller says.
    unsafe { free(block) }
}

/// C23's `free_aligned_sized`.
///
/// # Safety
///
/// - As for [`free`]; alignment and size are those asked for.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _alignment: usize, _size: usize) {
    // SAFETY: as the caller says.
    unsafe { free(block) }
}
