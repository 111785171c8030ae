//! The names of C for blockwork's malloc: what `LD_PRELOAD` puts before libc's.
//!
//! Nothing is decided here. The functions of C are in `blockwork_malloc::c`, and
//! the operators of C++ are those with another way to fail (`cxx`).
#![no_std]

use core::{ffi::c_int, panic::PanicInfo};

use blockwork_malloc::c;

mod cxx;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: always may be called.
    unsafe { abort() }
}

// Names the library, so that the loader binds the versions that are there now.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

/// Exports functions that forward to `blockwork_malloc::c`.
macro_rules! export {
    ($($(#[$safety:meta])* $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $to:expr;)*) => {$(
        /// As its namesake in the system's library.
        ///
        /// # Safety
        ///
        /// - What C's standard, POSIX or glibc's manual asks of the caller.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: the caller's promise.
            #[allow(unused_unsafe, reason = "some of them are safe")]
            unsafe { $to }
        }
    )*};
}

export! {
    malloc(size: usize) -> *mut u8 = c::malloc(size);
    calloc(count: usize, size: usize) -> *mut u8 = c::calloc(count, size);
    realloc(block: *mut u8, size: usize) -> *mut u8 = c::realloc(block, size);
    reallocarray(block: *mut u8, count: usize, size: usize) -> *mut u8 = c::reallocarray(block, count, size);
    free(block: *mut u8) = c::free(block);
    cfree(block: *mut u8) = c::free(block);
    free_sized(block: *mut u8, _size: usize) = c::free(block);
    free_aligned_sized(block: *mut u8, _align: usize, _size: usize) = c::free(block);
    aligned_alloc(align: usize, size: usize) -> *mut u8 = c::aligned_alloc(align, size);
    memalign(align: usize, size: usize) -> *mut u8 = c::aligned_alloc(align, size);
    posix_memalign(place: *mut *mut u8, align: usize, size: usize) -> c_int = c::posix_memalign(place, align, size);
    valloc(size: usize) -> *mut u8 = c::valloc(size);
    pvalloc(size: usize) -> *mut u8 = c::pvalloc(size);
    malloc_usable_size(block: *mut u8) -> usize = c::usable_size(block);
    malloc_trim(_pad: usize) -> c_int = c::trim();
}
