//! [`functions!`]: the semantics of C, written once for each malloc.
//!
//! A macro and not a trait: the mallocs are one in a process each, and a function of
//! C has no place for which one it means.

/// The allocation functions of C, POSIX and glibc over `$malloc`, and what they are
/// made of; the rest of a module may use that, too.
///
/// The module has a function `nothing`, which makes blocks of no bytes of an alignment, if they are
/// other than those of one.
macro_rules! functions {
    ($malloc:expr) => {
        use core::{
            alloc::Layout,
            ptr::{self, NonNull},
        };

        use blockwork::{Allocate, Pages};
        use libc::{EINVAL, ENOMEM, c_int};

        /// Blocks have this alignment at least.
        const ALIGN: usize = 16;

        fn set_errno(error: c_int) {
            // SAFETY: always may be called.
            let place = unsafe { libc::__errno_location() };
            // SAFETY: this thread's own.
            unsafe { place.write(error) }
        }

        /// Null, and why.
        #[cold]
        fn fail(error: c_int) -> *mut u8 {
            set_errno(error);
            ptr::null_mut()
        }

        fn or_fail(block: Option<NonNull<u8>>) -> *mut u8 {
            block.map_or_else(|| fail(ENOMEM), NonNull::as_ptr)
        }

        /// As `malloc` of C.
        #[inline(always)]
        #[must_use]
        pub fn malloc(size: usize) -> *mut u8 {
            match $malloc.hit(size) {
                Some(block) => block.as_ptr(),
                None => miss(size),
            }
        }

        #[cold]
        #[inline(never)]
        fn miss(size: usize) -> *mut u8 {
            or_fail($malloc.miss(size).ok())
        }

        /// As `calloc` of C.
        #[inline]
        #[must_use]
        pub fn calloc(count: usize, size: usize) -> *mut u8 {
            if count == 0 || size == 0 {
                return malloc(0);
            }
            let layout = count.checked_mul(size).and_then(|size| Layout::from_size_align(size, ALIGN).ok());
            or_fail(layout.and_then(|layout| $malloc.allocate_zeroed(layout).ok()))
        }

        /// As `free` of C; also `cfree`.
        ///
        /// # Safety
        ///
        /// - `block` is null, or live and from one of these functions.
        #[inline(always)]
        pub unsafe fn free(block: *mut u8) {
            // SAFETY: the caller's promise.
            unsafe { $malloc.free(block) }
        }

        /// As `realloc` of C.
        ///
        /// # Safety
        ///
        /// - `block` is null, or live and from one of these functions.
        pub unsafe fn realloc(block: *mut u8, size: usize) -> *mut u8 {
            let Some(old) = NonNull::new(block) else { return malloc(size) };
            if size == 0 {
                // SAFETY: the caller's promise.
                unsafe { free(block) }
                return ptr::null_mut();
            }
            let Ok(new) = Layout::from_size_align(size, ALIGN) else { return fail(ENOMEM) };
            // SAFETY: the caller's promise.
            or_fail(unsafe { $malloc.reallocate(old, new) }.ok())
        }

        /// As `reallocarray` of POSIX.
        ///
        /// # Safety
        ///
        /// - As for [`realloc`].
        pub unsafe fn reallocarray(block: *mut u8, count: usize, size: usize) -> *mut u8 {
            match count.checked_mul(size) {
                // SAFETY: the caller's promise.
                Some(size) => unsafe { realloc(block, size) },
                None => fail(ENOMEM),
            }
        }

        /// A block of `size` bytes at a multiple of `align`, a power of two.
        fn aligned(align: usize, size: usize) -> Option<NonNull<u8>> {
            let layout = Layout::from_size_align(size.max(1), align.max(ALIGN)).ok()?;
            let nothing = if size == 0 { nothing(layout.align()) } else { None };
            nothing.or_else(|| $malloc.allocate(layout).ok())
        }

        /// As `memalign` of glibc: an alignment is rounded up to a power of two.
        #[inline]
        #[must_use]
        pub fn memalign(align: usize, size: usize) -> *mut u8 {
            match align.checked_next_power_of_two() {
                Some(align) => or_fail(aligned(align, size)),
                None => fail(EINVAL),
            }
        }

        /// As [`aligned_alloc`], but `errno` is never changed.
        #[must_use]
        pub fn quietly_aligned(align: usize, size: usize) -> *mut u8 {
            let block = if align.is_power_of_two() { aligned(align, size) } else { None };
            block.map_or(ptr::null_mut(), NonNull::as_ptr)
        }

        /// As `aligned_alloc` of C.
        #[inline]
        #[must_use]
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

        /// As `malloc_usable_size` of glibc: zero for null.
        #[inline]
        #[must_use]
        pub fn usable_size(block: *mut u8) -> usize {
            $malloc.usable_size(block)
        }
    };
}
pub(crate) use functions;
