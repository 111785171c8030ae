//! The current allocator of a thread.

use core::{cell::Cell, ptr};

use crate::{
    access,
    error::{Refusal, contain},
    interface::Interface,
    source::SYSTEM,
};

thread_local! {
    /// Null for that of the system. Nothing runs when the thread ends, so this is
    /// there to its end.
    static CURRENT: Cell<*const Interface> = const { Cell::new(ptr::null()) };
}

/// The current allocator; that of the system if there is no other.
#[unsafe(no_mangle)]
pub extern "C" fn bw_current() -> *const Interface {
    let current = CURRENT.get();
    if current.is_null() { &raw const SYSTEM } else { current }
}

/// Makes `allocator` the current one, and returns the one that was.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that outlives its being current.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_push(allocator: *const Interface) -> *const Interface {
    contain(|| {
        // SAFETY: the caller's promise.
        if let Err(refusal) = unsafe { access::with(allocator, |_| ()) } {
            refusal.raise();
            return ptr::null();
        }
        let outer = bw_current();
        CURRENT.set(allocator);
        outer
    })
}

/// Makes `outer`, which `bw_push` returned, the current one again.
///
/// # Safety
///
/// - `outer` is null, or of an allocator that outlives its being current.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_pop(outer: *const Interface) {
    if outer.is_null() {
        Refusal::Argument("there is nothing that `bw_push` returned").raise();
    } else {
        CURRENT.set(outer);
    }
}
