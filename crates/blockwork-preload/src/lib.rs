//! The names of C for blockwork's malloc: what `LD_PRELOAD` puts before libc's.
//!
//! Nothing is decided here. The functions of C are in `blockwork_malloc::c`, and
//! the operators of C++ are those with another way to fail (`cxx`).
#![no_std]

use core::{
    ffi::{c_char, c_int, c_void},
    panic::PanicInfo,
    sync::atomic::{AtomicU8, Ordering},
};

use blockwork_malloc::{
    Malloc, c,
    options::{AtExit, Options},
    profile, report,
};

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

/// Exports functions that forward to `blockwork_malloc::c`; in the second form, to
/// those that ask something of their callers.
macro_rules! export {
    ($($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $to:expr;)*) => {$(
        /// As its namesake in the system's library.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) $(-> $result)? {
            $to
        }
    )*};
    (unsafe: $($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $to:expr;)*) => {$(
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

// Names that begin with underscores are glibc's own, for programs that wrap the
// others.
export! {
    malloc(size: usize) -> *mut u8 = c::malloc(size);
    __libc_malloc(size: usize) -> *mut u8 = c::malloc(size);
    calloc(count: usize, size: usize) -> *mut u8 = c::calloc(count, size);
    __libc_calloc(count: usize, size: usize) -> *mut u8 = c::calloc(count, size);
    aligned_alloc(align: usize, size: usize) -> *mut u8 = c::aligned_alloc(align, size);
    memalign(align: usize, size: usize) -> *mut u8 = c::memalign(align, size);
    __libc_memalign(align: usize, size: usize) -> *mut u8 = c::memalign(align, size);
    valloc(size: usize) -> *mut u8 = c::valloc(size);
    __libc_valloc(size: usize) -> *mut u8 = c::valloc(size);
    pvalloc(size: usize) -> *mut u8 = c::pvalloc(size);
    __libc_pvalloc(size: usize) -> *mut u8 = c::pvalloc(size);
    malloc_usable_size(block: *mut u8) -> usize = c::usable_size(block);
    malloc_trim(pad: usize) -> c_int = c::trim(pad);
    mallopt(option: c_int, value: c_int) -> c_int = c::mallopt(option, value);
    mallinfo() -> c::Info<c_int> = c::mallinfo();
    mallinfo2() -> c::Info<usize> = c::mallinfo2();
    malloc_stats() = c::malloc_stats();
}

export! { unsafe:
    free(block: *mut u8) = c::free(block);
    __libc_free(block: *mut u8) = c::free(block);
    cfree(block: *mut u8) = c::free(block);
    free_sized(block: *mut u8, _size: usize) = c::free(block);
    free_aligned_sized(block: *mut u8, _align: usize, _size: usize) = c::free(block);
    realloc(block: *mut u8, size: usize) -> *mut u8 = c::realloc(block, size);
    __libc_realloc(block: *mut u8, size: usize) -> *mut u8 = c::realloc(block, size);
    reallocarray(block: *mut u8, count: usize, size: usize) -> *mut u8 = c::reallocarray(block, count, size);
    posix_memalign(place: *mut *mut u8, align: usize, size: usize) -> c_int = c::posix_memalign(place, align, size);
    __posix_memalign(place: *mut *mut u8, align: usize, size: usize) -> c_int = c::posix_memalign(place, align, size);
    malloc_info(options: c_int, file: *mut c_void) -> c_int = c::malloc_info(options, file.cast());
    blockwork_malloc_profile(path: *const c_char) -> c_int = c::profile(path);
    blockwork_malloc_stats_json(buffer: *mut u8, size: usize) -> usize = c::stats_json(buffer, size);
}

/// What is said at the end; an [`AtExit`] as a number.
static AT_EXIT: AtomicU8 = AtomicU8::new(0);

/// Reads the options, before the program's own constructors.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static ENTER: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = enter;

extern "C" fn enter(_: c_int, _: *const *const c_char, environment: *const *const c_char) {
    // SAFETY: glibc hands the environment to constructors.
    let options = unsafe { Options::of(environment) };
    options.apply();
    // Relaxed: written before there is anyone else.
    AT_EXIT.store(options.at_exit as u8, Ordering::Relaxed);
}

#[used]
#[unsafe(link_section = ".fini_array")]
static LEAVE: extern "C" fn() = leave;

extern "C" fn leave() {
    profile::at_exit();
    // Relaxed: as above.
    let at_exit = AT_EXIT.load(Ordering::Relaxed);
    if at_exit == AtExit::Text as u8 {
        c::malloc_stats();
    } else if at_exit == AtExit::Json as u8 {
        report::json(&Malloc.stats(), &mut report::StandardError::new());
    }
}
