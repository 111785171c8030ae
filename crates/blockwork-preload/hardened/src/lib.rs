//! The names of C for blockwork's hardened malloc: what `LD_PRELOAD` puts before
//! libc's.
//!
//! Nothing is decided here: the functions are in `blockwork_malloc::hardened`. With
//! `BLOCKWORK_WIPE=1` in the environment freed blocks are wiped.
#![no_std]
#![expect(unused_unsafe, reason = "some of what is exported is safe")]

use core::{
    ffi::{CStr, c_char, c_int},
    panic::PanicInfo,
};

use blockwork_malloc::hardened as c;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: always may be called.
    unsafe { abort() }
}

// Names the library, so that the loader binds the versions that are there now.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
    fn secure_getenv(name: *const c_char) -> *const c_char;
}

/// Reads the environment, before the program starts.
unsafe extern "C" fn configure() {
    // SAFETY: a string; the environment is not written yet.
    let value = unsafe { secure_getenv(c"BLOCKWORK_WIPE".as_ptr()) };
    if !value.is_null() {
        // SAFETY: a string of the environment.
        c::set_wiping(unsafe { CStr::from_ptr(value) } == c"1");
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static CONFIGURE: unsafe extern "C" fn() = configure;

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
    free_sized(block: *mut u8, size: usize) = c::free_sized(block, size);
    free_aligned_sized(block: *mut u8, align: usize, size: usize) = c::free_aligned_sized(block, align, size);
    aligned_alloc(align: usize, size: usize) -> *mut u8 = c::aligned_alloc(align, size);
    memalign(align: usize, size: usize) -> *mut u8 = c::memalign(align, size);
    posix_memalign(place: *mut *mut u8, align: usize, size: usize) -> c_int = c::posix_memalign(place, align, size);
    valloc(size: usize) -> *mut u8 = c::valloc(size);
    pvalloc(size: usize) -> *mut u8 = c::pvalloc(size);
    malloc_usable_size(block: *mut u8) -> usize = c::usable_size(block);
    malloc_trim(pad: usize) -> c_int = c::trim(pad);

    // What C++ calls where it knows the size; its other operators call those above.
    _ZdlPvm(block: *mut u8, size: usize) = c::free_sized(block, size);
    _ZdaPvm(block: *mut u8, size: usize) = c::free_sized(block, size);
    _ZdlPvmSt11align_val_t(block: *mut u8, size: usize, align: usize) = c::free_aligned_sized(block, align, size);
    _ZdaPvmSt11align_val_t(block: *mut u8, size: usize, align: usize) = c::free_aligned_sized(block, align, size);
}
