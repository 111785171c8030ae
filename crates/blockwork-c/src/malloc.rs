//! The malloc of `blockwork-malloc`, beside that of the C library.

use core::ffi::{c_int, c_void};

use blockwork::Malloc;
use blockwork_malloc::c;

use crate::{
    error::{Refusal, contain},
    interface::{Interface, functions},
};

functions!(of_malloc, malloc);

/// What a function of the interface asks for its context.
///
/// # Safety
///
/// None: there is one malloc, whatever the context.
unsafe fn malloc(_: *mut c_void) -> &'static Malloc {
    &Malloc
}

static MALLOC: Interface = of_malloc::interface(core::ptr::null_mut());

/// The malloc as an allocator, for all threads.
#[unsafe(no_mangle)]
pub extern "C" fn bw_malloc_interface() -> *const Interface {
    &raw const MALLOC
}

/// What was given, or null with `errno` set and a message.
#[inline]
fn given(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        contain(|| Refusal::Memory.raise());
    }
    block.cast()
}

/// As `malloc`.
#[unsafe(no_mangle)]
pub extern "C" fn bw_malloc(size: usize) -> *mut c_void {
    given(c::malloc(size))
}

/// As `calloc`.
#[unsafe(no_mangle)]
pub extern "C" fn bw_calloc(count: usize, size: usize) -> *mut c_void {
    given(c::calloc(count, size))
}

/// As `realloc`.
///
/// # Safety
///
/// - `block` is null, or live and from one of these functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let moved = unsafe { c::realloc(block.cast(), size) };
    if size == 0 && !block.is_null() { moved.cast() } else { given(moved) }
}

/// As `free`.
///
/// # Safety
///
/// - `block` is null, or live and from one of these functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { c::free(block.cast()) }
}

/// As `aligned_alloc`.
#[unsafe(no_mangle)]
pub extern "C" fn bw_aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if align.is_power_of_two() {
        return given(c::aligned_alloc(align, size));
    }
    contain(|| Refusal::Argument("an alignment must be a power of two").raise());
    core::ptr::null_mut()
}

/// As `malloc_usable_size`.
#[unsafe(no_mangle)]
pub extern "C" fn bw_usable_size(block: *const c_void) -> usize {
    c::usable_size(block.cast_mut().cast())
}

/// As `malloc_trim`.
#[unsafe(no_mangle)]
pub extern "C" fn bw_malloc_trim() -> c_int {
    c::trim(0)
}
