//! The functions of [`c`](crate::c) over [`HardenedMalloc`]; what the standards leave
//! open is as there.
//!
//! A call that is a mistake ends the program with a message.

use blockwork::HardenedMalloc;

use crate::functions::functions;

functions!(HardenedMalloc);

/// Blocks of no bytes, where nobody may read or write.
fn nothing(align: usize) -> Option<NonNull<u8>> {
    HardenedMalloc.nothing(align).ok()
}

/// As `free_sized` of C: another size than the block was allocated with ends the
/// program, if it is of another class.
///
/// # Safety
///
/// - As for [`free`].
pub unsafe fn free_sized(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_aligned_sized(block, ALIGN, size) }
}

/// As `free_aligned_sized` of C: as [`free_sized`].
///
/// # Safety
///
/// - As for [`free`].
pub unsafe fn free_aligned_sized(block: *mut u8, align: usize, size: usize) {
    let layout = Layout::from_size_align(size.max(1), align.max(ALIGN)).ok();
    match (NonNull::new(block), layout) {
        // SAFETY: the caller's promise.
        (Some(block), Some(layout)) => unsafe { HardenedMalloc.free_sized(block, layout) },
        // SAFETY: the caller's promise.
        _ => unsafe { free(block) },
    }
}

/// As `malloc_trim` of glibc: whether memory may have gone back. There is no top
/// of a heap that could keep `_pad` bytes.
#[must_use]
pub fn trim(_pad: usize) -> c_int {
    HardenedMalloc.trim();
    1
}

/// Has freed blocks wiped and looked at, from now on.
pub fn set_wiping(wipes: bool) {
    HardenedMalloc.set_wiping(wipes);
}
