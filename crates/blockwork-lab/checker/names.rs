//! The names that programs call, with the meaning that C and glibc give them.

use core::{
    alloc::Layout,
    ffi::{c_int, c_void},
    ptr::{self, NonNull},
};

use super::{
    heap,
    sys::{self, PAGE},
};

unsafe extern "C" {
    safe fn __errno_location() -> *mut c_int;
}

const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;
const ALIGN: usize = 16;

#[cold]
fn fail(error: c_int) -> *mut c_void {
    // SAFETY: this thread's own.
    unsafe { __errno_location().write(error) };
    ptr::null_mut()
}

/// A block of `size` bytes, one at least, at `align`, a power of two.
fn give(align: usize, size: usize, zeroed: bool) -> *mut c_void {
    let layout = Layout::from_size_align(size.max(1), align.max(ALIGN)).ok();
    let block = layout.and_then(|layout| heap::allocate(layout, zeroed));
    block.map_or_else(|| fail(ENOMEM), |block| block.as_ptr().cast())
}

/// C's `malloc`.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    give(ALIGN, size, false)
}

/// C's `calloc`.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    count.checked_mul(size).map_or_else(|| fail(ENOMEM), |size| give(ALIGN, size, true))
}

/// C's `free`.
#[unsafe(no_mangle)]
pub extern "C" fn free(block: *mut c_void) {
    if let Some(block) = NonNull::new(block.cast()) {
        heap::free(block, None);
    }
}

/// C's `realloc`. Where the heap resizes nothing, the block always moves.
///
/// # Safety
///
/// - If `block` is live, nobody else is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    let Some(old) = NonNull::new(block.cast::<u8>()) else { return malloc(size) };
    if size == 0 {
        heap::free(old, None);
        return ptr::null_mut();
    }
    let Some(before) = heap::size_of_block(old) else {
        // Tells what is wrong with it.
        heap::free(old, None);
        return fail(EINVAL);
    };
    if heap::resize(old, size) {
        return block;
    }
    let moved = give(ALIGN, size, false);
    if !moved.is_null() {
        // SAFETY: both are as long, and one is new.
        unsafe { moved.cast::<u8>().copy_from_nonoverlapping(old.as_ptr(), before.min(size)) };
        heap::free(old, None);
    }
    moved
}

/// BSD's `reallocarray`.
///
/// # Safety
///
/// - As for [`realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(size) else { return fail(ENOMEM) };
    // SAFETY: as the caller says.
    unsafe { realloc(block, size) }
}

/// C's `aligned_alloc`.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if align.is_power_of_two() { give(align, size, false) } else { fail(EINVAL) }
}

/// The old `memalign`; rounds the alignment up to a power of two.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    align.checked_next_power_of_two().map_or_else(|| fail(EINVAL), |align| give(align, size, false))
}

/// POSIX's `posix_memalign`.
///
/// # Safety
///
/// - `place` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return EINVAL;
    }
    let errno = __errno_location();
    // SAFETY: this thread's own.
    let before = unsafe { errno.read() };
    let block = give(align, size, false);
    // SAFETY: as above; this function leaves it alone.
    unsafe { errno.write(before) };
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: as the caller says.
    unsafe { place.write(block) };
    0
}

/// The old `valloc`: aligned to a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    give(PAGE, size, false)
}

/// The old `pvalloc`: whole pages.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    size.max(1).checked_next_multiple_of(PAGE).map_or_else(|| fail(ENOMEM), |size| give(PAGE, size, false))
}

/// glibc's `malloc_usable_size`: what was asked for.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    NonNull::new(block.cast()).and_then(heap::size_of_block).unwrap_or(0)
}

/// glibc's `malloc_trim`: there is nothing to be had.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_: usize) -> c_int {
    0
}

/// The old `cfree`.
#[unsafe(no_mangle)]
pub extern "C" fn cfree(block: *mut c_void) {
    free(block);
}

/// C23's `free_sized`, whose size is checked.
#[unsafe(no_mangle)]
pub extern "C" fn free_sized(block: *mut c_void, size: usize) {
    free_aligned_sized(block, ALIGN, size);
}

/// C23's `free_aligned_sized`, whose size and alignment are checked.
#[unsafe(no_mangle)]
pub extern "C" fn free_aligned_sized(block: *mut c_void, align: usize, size: usize) {
    if let Some(block) = NonNull::new(block.cast()) {
        let named = Layout::from_size_align(size.max(1), align.max(ALIGN)).unwrap_or(Layout::new::<u8>());
        heap::free(block, Some(named));
    }
}

fn end(code: c_int) -> ! {
    const EXIT_GROUP: usize = 231;
    crate::life::finish();
    loop {
        // SAFETY: does not return.
        let _ = unsafe { sys::syscall(EXIT_GROUP, [code.cast_unsigned() as usize, 0, 0, 0, 0, 0]) };
    }
}

/// POSIX's `_exit`: no destructor of ours would run.
#[unsafe(no_mangle)]
pub extern "C" fn _exit(code: c_int) -> ! {
    end(code)
}

/// C's `_Exit`.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(code: c_int) -> ! {
    end(code)
}
