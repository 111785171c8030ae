//! A barrier for the optimiser that costs no instruction.

use core::{
    arch::asm,
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};

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

/// The same for a value of one or two words.
#[inline(always)]
pub fn opaque_value<T>(value: T) -> T {
    let value = ManuallyDrop::new(value);
    if const { size_of::<T>() == size_of::<[u64; 2]>() } {
        // SAFETY: two words of a value that is not used again.
        let [mut a, mut b]: [u64; 2] = unsafe { mem::transmute_copy(&value) };
        // SAFETY: the empty program changes nothing; it might use the memory that the words point to.
        unsafe { asm!("/* {0} {1} */", inout(reg) a, inout(reg) b, options(nostack, preserves_flags)) };
        // SAFETY: the words of the value, unchanged.
        unsafe { mem::transmute_copy(&[a, b]) }
    } else {
        const { assert!(size_of::<T>() <= size_of::<[u64; 2]>(), "one word or two") };
        // SAFETY: as above, of one word.
        let mut word: u64 = unsafe { mem::transmute_copy(&value) };
        // SAFETY: as above.
        unsafe { asm!("/* {0} */", inout(reg) word, options(nostack, preserves_flags)) };
        // SAFETY: as above.
        unsafe { mem::transmute_copy(&word) }
    }
}
