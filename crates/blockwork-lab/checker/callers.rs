//! Who called: the return addresses on this thread's stack, by the unwinder of
//! gcc, which needs no frame pointers.

use core::ffi::{c_int, c_void};

use blockwork::{Callers, CaptureStack};

use super::sys;

type Callback = extern "C" fn(context: *mut c_void, walk: *mut c_void) -> c_int;

#[link(name = "gcc_s")]
unsafe extern "C" {
    fn _Unwind_Backtrace(callback: Callback, walk: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

struct Walk<'a> {
    frames: core::slice::IterMut<'a, usize>,
    depth: usize,
}

extern "C" fn step(context: *mut c_void, walk: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const END: c_int = 5;
    // SAFETY: what `capture` handed to the unwinder.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the context that the unwinder has just made.
    let address = unsafe { _Unwind_GetIP(context) };
    match walk.frames.next() {
        Some(frame) if address != 0 => {
            *frame = address;
            walk.depth = walk.depth.wrapping_add(1);
            GO_ON
        }
        _ => END,
    }
}

struct Unwinder;

impl CaptureStack for Unwinder {
    fn capture(&self, frames: &mut [usize]) -> usize {
        let mut walk = Walk { frames: frames.iter_mut(), depth: 0 };
        // SAFETY: the callback expects the `Walk` that it is given, and does not unwind.
        unsafe { _Unwind_Backtrace(step, (&raw mut walk).cast()) };
        walk.depth
    }
}

/// The callers of this moment; nobody, if it is the unwinder that allocates.
pub fn now() -> Callers {
    if sys::thread_slot() != 0 {
        return Callers::UNKNOWN;
    }
    sys::set_thread_slot(1);
    let callers = Callers::now(&Unwinder);
    sys::set_thread_slot(0);
    callers
}
