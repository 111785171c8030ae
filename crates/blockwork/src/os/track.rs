//! What `AddressSanitizer` and Valgrind are told: which bytes inside of memory that
//! a part holds are nobody's at the moment.
//!
//! | tool | on | how |
//! |---|---|---|
//! | `AddressSanitizer` | wherever this crate is compiled with it, as the build script sees | calls into its run time |
//! | Valgrind | with the feature `valgrind`, on x86-64 | a sequence of instructions that does nothing elsewhere |
//!
//! Otherwise [`ON`] is false, and nothing of this is compiled.

use core::ptr::NonNull;

/// Whether any tool is told.
pub(crate) const ON: bool =
    cfg!(blockwork_asan) || cfg!(all(feature = "valgrind", target_arch = "x86_64", target_os = "linux", not(miri)));

/// Bytes at the start of a free block that stay with the part that holds it: a
/// link to the next one lies there.
const LINK: usize = size_of::<usize>();

/// Says that a block of `len` bytes is free: but for its first word, nobody is to
/// touch it.
#[inline]
pub(crate) fn hide(block: NonNull<u8>, len: usize) {
    if ON && len > LINK {
        tell::hide(block.addr().get().wrapping_add(LINK), len.wrapping_sub(LINK));
    }
}

/// Says that nobody is to touch `len` bytes from `start` on: no link lies there.
#[inline]
pub(crate) fn hide_all(start: NonNull<u8>, len: usize) {
    if ON && len != 0 {
        tell::hide(start.addr().get(), len);
    }
}

/// Says that a link may lie at the start of a block that is hidden.
#[inline]
pub(crate) fn show_link(block: NonNull<u8>) {
    show(block, LINK);
}

/// Says that `len` bytes from `block` on are somebody's again, and unwritten.
#[inline]
pub(crate) fn show(block: NonNull<u8>, len: usize) {
    if ON && len != 0 {
        tell::show(block.addr().get(), len);
    }
}

/// Says that a live block has another size.
#[inline]
pub(crate) fn resized(block: NonNull<u8>, old: usize, new: usize) {
    let from = |offset: usize| block.addr().get().wrapping_add(offset);
    if ON && new > old {
        tell::show(from(old), new.wrapping_sub(old));
    } else if ON && new < old {
        tell::hide(from(new), old.wrapping_sub(new));
    }
}

#[cfg(blockwork_asan)]
mod tell {
    use core::{ffi::c_void, ptr::without_provenance};

    // Of the run time that `-Zsanitizer=address` links.
    unsafe extern "C" {
        fn __asan_poison_memory_region(start: *const c_void, size: usize);
        fn __asan_unpoison_memory_region(start: *const c_void, size: usize);
    }

    pub(super) fn hide(start: usize, len: usize) {
        // SAFETY: it only takes note of addresses.
        unsafe { __asan_poison_memory_region(without_provenance(start), len) }
    }

    pub(super) fn show(start: usize, len: usize) {
        // SAFETY: it only takes note of addresses.
        unsafe { __asan_unpoison_memory_region(without_provenance(start), len) }
    }
}

#[cfg(all(not(blockwork_asan), feature = "valgrind", target_arch = "x86_64", target_os = "linux", not(miri)))]
mod tell {
    /// "MC", by which memcheck knows its requests.
    const MEMCHECK: usize = 0x4D43_0000;
    const NO_ACCESS: usize = MEMCHECK;
    const UNDEFINED: usize = MEMCHECK | 1;

    pub(super) fn hide(start: usize, len: usize) {
        request(NO_ACCESS, start, len);
    }

    pub(super) fn show(start: usize, len: usize) {
        request(UNDEFINED, start, len);
    }

    /// Asks Valgrind, if the program runs in it; else does nothing.
    #[inline]
    fn request(what: usize, start: usize, len: usize) {
        let request = [what, start, len, 0, 0, 0];
        // SAFETY: the rotations add up to two whole turns, and exchanging a register
        // with itself does nothing; Valgrind, which knows the sequence, reads the
        // request and answers in `rdx`.
        unsafe {
            core::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") request.as_ptr(),
                inout("rdx") 0_usize => _,
                options(nostack),
            );
        }
    }
}

#[cfg(not(any(blockwork_asan, all(feature = "valgrind", target_arch = "x86_64", target_os = "linux", not(miri)))))]
mod tell {
    pub(super) const fn hide(_start: usize, _len: usize) {}

    pub(super) const fn show(_start: usize, _len: usize) {}
}
