//! The allocator that the program would have without us.
//!
//! Mostly that is the C library's. A program may be linked with another one, or
//! be started with one preloaded; it then also calls functions of that one
//! which nobody intercepts, so that its blocks have to come from there.
//!
//! Looked up when it is first needed, which is before anything else runs: no
//! block is ever of the one and freed by the other.

use core::{
    cell::UnsafeCell,
    ffi::{c_char, c_int, c_void},
    mem::transmute,
    ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr,
        Ordering::{Acquire, Relaxed, Release},
    },
};

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_valloc(size: usize) -> *mut c_void;
    fn __libc_pvalloc(size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Who comes after the library that asks.
const RTLD_NEXT: *mut c_void = ptr::without_provenance_mut(usize::MAX);

type OfSize = unsafe extern "C" fn(usize) -> *mut c_void;
type OfTwo = unsafe extern "C" fn(usize, usize) -> *mut c_void;

/// Functions of an allocator, with the types that C gives them.
#[derive(Clone, Copy)]
pub struct Functions {
    pub malloc: OfSize,
    pub calloc: OfTwo,
    pub realloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    pub free: unsafe extern "C" fn(*mut c_void),
    pub memalign: OfTwo,
    pub aligned_alloc: OfTwo,
    pub posix_memalign: unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int,
    pub valloc: OfSize,
    pub pvalloc: OfSize,
}

/// The C library's own, by the names that it exports beside the usual ones:
/// they need no looking up and lead nowhere back.
static LIBC: Functions = Functions {
    malloc: __libc_malloc,
    calloc: __libc_calloc,
    realloc: __libc_realloc,
    free: __libc_free,
    memalign: __libc_memalign,
    aligned_alloc: __libc_memalign,
    posix_memalign: libc_posix_memalign,
    valloc: __libc_valloc,
    pvalloc: __libc_pvalloc,
};

/// The one function that has no second name.
///
/// # Safety
///
/// - `place` may be written to.
unsafe extern "C" fn libc_posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    const ENOMEM: c_int = 12;
    const EINVAL: c_int = 22;
    if !alignment.is_power_of_two() || alignment < size_of::<*mut c_void>() {
        return EINVAL;
    }
    // SAFETY: any size is allowed; what cannot be served fails.
    let block = unsafe { __libc_memalign(alignment, size) };
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: as the caller says.
    unsafe { place.write(block) };
    0
}

/// The `dlclose` that the program would have without us.
///
/// # Safety
///
/// - As POSIX says.
pub unsafe fn dlclose(library: *mut c_void) -> c_int {
    // SAFETY: a string with its zero.
    let function = unsafe { dlsym(RTLD_NEXT, c"dlclose".as_ptr()) };
    if function.is_null() {
        return -1;
    }
    // SAFETY: the function of that name, with the type that POSIX gives it.
    let function = unsafe { transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int>(function) };
    // SAFETY: as the caller says.
    unsafe { function(library) }
}

/// `LIBC`, or `FOUND`; null until looked up.
static NEXT: AtomicPtr<Functions> = AtomicPtr::new(ptr::null_mut());
/// Whether someone looks.
static LOOKING: AtomicBool = AtomicBool::new(false);
static FOUND: Found = Found(UnsafeCell::new(LIBC));

struct Found(UnsafeCell<Functions>);

// SAFETY: written by the one thread that turned `LOOKING` on, read by those
// that see what it published.
unsafe impl Sync for Found {}

/// The functions to pass calls on to.
#[inline]
pub fn functions() -> &'static Functions {
    // Acquire: what was found; pairs with Release in `look_up`.
    // SAFETY: null, or published once and for good.
    unsafe { NEXT.load(Acquire).as_ref() }.unwrap_or_else(look_up)
}

#[cold]
#[expect(clippy::missing_transmute_annotations, reason = "the fields of `Functions` say the types")]
fn look_up() -> &'static Functions {
    if LOOKING.swap(true, Relaxed) {
        // The search itself allocates, which no C library that is known does.
        return &LIBC;
    }
    // SAFETY: nobody else writes, and nobody reads before it is published.
    let found = unsafe { &mut *FOUND.0.get() };
    macro_rules! find {
        ($($name:ident)*) => {$(
            // SAFETY: a string with its zero.
            let function = unsafe { dlsym(RTLD_NEXT, concat!(stringify!($name), "\0").as_ptr().cast()) };
            if !function.is_null() {
                // SAFETY: a function, of the type that C gives to its name.
                found.$name = unsafe { transmute(function) };
            }
        )*};
    }
    find!(malloc calloc realloc free memalign aligned_alloc posix_memalign valloc pvalloc);
    NEXT.store(found, Release); // pairs with Acquire in `functions`
    found
}
