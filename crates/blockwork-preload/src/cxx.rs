//! The operators of C++.
//!
//! They allocate as `malloc` does. When there is no memory, an operator of the C++
//! library does what is left: it asks `malloc` again, calls the new-handler, and
//! throws or returns null. It is the next one of the name (`RTLD_NEXT`), so a
//! program without that library has none, and ends with a message.

use core::ffi::{CStr, c_char, c_void};

use blockwork_malloc::{Malloc, c};

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Where `dlsym` looks behind the library that calls it.
const NEXT: *mut c_void = core::ptr::without_provenance_mut(usize::MAX);

/// The next operator called `name`, which there has to be.
fn next(name: &'static CStr) -> *mut c_void {
    // SAFETY: ends in zero.
    let next = unsafe { dlsym(NEXT, name.as_ptr()) };
    if next.is_null() {
        c::end("no memory, and no C++ library to say so");
    }
    next
}

extern "C" fn attempt(size: usize) -> *mut u8 {
    Malloc.miss(size).map_or(core::ptr::null_mut(), core::ptr::NonNull::as_ptr)
}

extern "C" fn attempt_aligned(size: usize, align: usize) -> *mut u8 {
    c::quietly_aligned(align, size)
}

/// Makes functions that throw: `$far` is `$attempt`, and if that has nothing the
/// operator of the C++ library, in whose place it then is: nothing of ours is on
/// the stack when it throws.
macro_rules! far {
    ($($far:ident, $next:ident: $attempt:ident, $name:literal;)*) => {$(
        extern "C" fn $next() -> *mut c_void {
            next($name)
        }

        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        extern "C" fn $far(size: usize, align: usize) -> *mut u8 {
            core::arch::naked_asm!(
                "push rdi",
                "push rsi",
                "sub rsp, 8",
                "call {attempt}",
                "test rax, rax",
                "jz 2f",
                "add rsp, 24",
                "ret",
                "2:",
                "call {next}",
                "add rsp, 8",
                "pop rsi",
                "pop rdi",
                "jmp rax",
                attempt = sym $attempt,
                next = sym $next,
            );
        }

        #[cfg(target_arch = "aarch64")]
        #[unsafe(naked)]
        extern "C" fn $far(size: usize, align: usize) -> *mut u8 {
            core::arch::naked_asm!(
                "stp x0, x1, [sp, #-32]!",
                "str x30, [sp, #16]",
                "bl {attempt}",
                "cbz x0, 2f",
                "ldr x30, [sp, #16]",
                "add sp, sp, #32",
                "ret",
                "2:",
                "bl {next}",
                "mov x9, x0",
                "ldr x30, [sp, #16]",
                "ldp x0, x1, [sp], #32",
                "br x9",
                attempt = sym $attempt,
                next = sym $next,
            );
        }
    )*};
}

far! {
    new_far, next_new: attempt, c"_Znwm";
    new_array_far, next_new_array: attempt, c"_Znam";
    new_aligned_far, next_new_aligned: attempt_aligned, c"_ZnwmSt11align_val_t";
    new_array_aligned_far, next_new_array_aligned: attempt_aligned, c"_ZnamSt11align_val_t";
}

/// The operators that throw.
macro_rules! throwing {
    ($($name:ident $far:ident)*) => {$(
        /// `operator new` of C++.
        ///
        /// # Safety
        ///
        /// - None.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(size: usize) -> *mut u8 {
            match Malloc.hit(size) {
                Some(block) => block.as_ptr(),
                // The second argument is for those that have an alignment.
                None => $far(size, 0),
            }
        }
    )*};
}
throwing! { _Znwm new_far _Znam new_array_far }

/// The operators that throw and align.
macro_rules! throwing_aligned {
    ($($name:ident $far:ident)*) => {$(
        /// `operator new` of C++.
        ///
        /// # Safety
        ///
        /// - `align` is a power of two.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(size: usize, align: usize) -> *mut u8 {
            $far(size, align)
        }
    )*};
}
throwing_aligned! { _ZnwmSt11align_val_t new_aligned_far _ZnamSt11align_val_t new_array_aligned_far }

/// A type for each argument.
macro_rules! one {
    ($argument:ident) => {
        usize
    };
}

/// The operators that do not throw: those of the C++ library call the new-handler,
/// and return null.
macro_rules! quiet {
    ($($name:ident($($argument:ident),*) $attempt:expr, $next:literal;)*) => {$(
        /// `operator new` of C++ that does not throw.
        ///
        /// # Safety
        ///
        /// - An alignment is a power of two; `tag` is anything.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: usize,)* tag: *const c_void) -> *mut u8 {
            let block: *mut u8 = $attempt;
            if !block.is_null() {
                return block;
            }
            let next = next($next);
            // SAFETY: the operator of that name has this type.
            let next = unsafe {
                core::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn($($argument: one!($argument),)* *const c_void) -> *mut u8,
                >(next)
            };
            // SAFETY: as for this one.
            unsafe { next($($argument,)* tag) }
        }
    )*};
}
quiet! {
    _ZnwmRKSt9nothrow_t(size) new(size), c"_ZnwmRKSt9nothrow_t";
    _ZnamRKSt9nothrow_t(size) new(size), c"_ZnamRKSt9nothrow_t";
    _ZnwmSt11align_val_tRKSt9nothrow_t(size, align) attempt_aligned(size, align),
        c"_ZnwmSt11align_val_tRKSt9nothrow_t";
    _ZnamSt11align_val_tRKSt9nothrow_t(size, align) attempt_aligned(size, align),
        c"_ZnamSt11align_val_tRKSt9nothrow_t";
}

fn new(size: usize) -> *mut u8 {
    Malloc.hit(size).map_or_else(|| attempt(size), core::ptr::NonNull::as_ptr)
}

/// The ways to delete, which are all the same.
macro_rules! delete {
    ($($name:ident($($argument:ident),*))*) => {$(
        /// `operator delete` of C++.
        ///
        /// # Safety
        ///
        /// - `block` is null, or live and from an `operator new`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(block: *mut u8 $(, $argument: usize)*) {
            $(let _ = $argument;)*
            // SAFETY: the caller's promise.
            unsafe { c::free(block) }
        }
    )*};
}
delete! {
    _ZdlPv()
    _ZdaPv()
    _ZdlPvm(_size)
    _ZdaPvm(_size)
    _ZdlPvSt11align_val_t(_align)
    _ZdaPvSt11align_val_t(_align)
    _ZdlPvmSt11align_val_t(_size, _align)
    _ZdaPvmSt11align_val_t(_size, _align)
    _ZdlPvRKSt9nothrow_t(_tag)
    _ZdaPvRKSt9nothrow_t(_tag)
    _ZdlPvSt11align_val_tRKSt9nothrow_t(_align, _tag)
    _ZdaPvSt11align_val_tRKSt9nothrow_t(_align, _tag)
}
