//! A barrier for the optimiser that costs no instruction.

use core::{arch::asm, ptr::NonNull};

/// Returns `pointer`, about which, and about the memory behind it, the
/// optimiser now knows nothing.
#[inline(always)]
pub fn opaque<T>(pointer: NonNull<T>) -> NonNull<T> {
    let mut raw = pointer.as_ptr();
    // SAFETY: the empty program changes nothing; that it might read or write
    // any memory is what the optimiser has to assume.
    unsafe { asm!("/* {0} */", inout(reg) raw, options(nostack, preserves_flags)) };
    // SAFETY: unchanged, so not null.
    unsafe { NonNull::new_unchecked(raw) }
}

/// A reference with the same effect.
#[inline(always)]
pub fn opaque_ref<T>(value: &T) -> &T {
    let mut raw: *const T = value;
    // SAFETY: as above.
    unsafe { asm!("/* {0} */", inout(reg) raw, options(nostack, preserves_flags)) };
    // SAFETY: unchanged.
    unsafe { &*raw }
}

/// The same for a reference that is the only one.
#[inline(always)]
pub fn opaque_mut<T>(value: &mut T) -> &mut T {
    // SAFETY: unchanged, and still the only one.
    unsafe { opaque(NonNull::from(value)).as_mut() }
}
