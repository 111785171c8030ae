//! Who called: the return addresses on this thread's stack.
//!
//! The unwinder that std links anyway walks them by the tables that every
//! program carries for unwinding, so nothing has to be compiled with frame
//! pointers, no memory is read that is no stack, and nothing is allocated.

use core::ffi::{c_int, c_void};

type Callback = extern "C" fn(context: *mut c_void, walk: *mut c_void) -> c_int;

unsafe extern "C" {
    fn _Unwind_Backtrace(callback: Callback, walk: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// Go on to the caller.
const NO_REASON: c_int = 0;
/// Any other number ends the walk.
const END_OF_STACK: c_int = 5;

struct Walk<'a> {
    frames: core::slice::IterMut<'a, usize>,
    depth: usize,
}

extern "C" fn step(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: what `walk` below handed to the unwinder, which hands it to nobody else.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the context that the unwinder has just made.
    let address = unsafe { _Unwind_GetIP(context) };
    match walk.frames.next() {
        Some(frame) if address != 0 => {
            *frame = address;
            walk.depth = walk.depth.wrapping_add(1); // no more than frames
            NO_REASON
        }
        _ => END_OF_STACK,
    }
}

/// Writes the return addresses of the callers to the front of `frames`, the
/// nearest first, and says how many.
#[inline(never)]
pub(crate) fn walk(frames: &mut [usize]) -> usize {
    let mut walk = Walk { frames: frames.iter_mut(), depth: 0 };
    // SAFETY: the callback expects the `Walk` that it is given, and does not unwind.
    unsafe { _Unwind_Backtrace(step, (&raw mut walk).cast()) };
    walk.depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn deeper(levels: usize, frames: &mut [usize]) -> usize {
        if levels == 0 { walk(frames) } else { core::hint::black_box(deeper(levels.saturating_sub(1), frames)) }
    }

    #[test]
    fn callers_are_found_as_far_as_there_is_room() {
        let (mut near, mut far) = ([0; 100], [0; 100]);
        let (shallow, deep) = (deeper(0, &mut near), deeper(5, &mut far));
        assert_eq!(deep, shallow + 5);
        assert!(near.iter().take(shallow).all(|&address| address != 0));
        assert_eq!(deeper(50, &mut far[..10]), 10);
        assert_eq!(walk(&mut []), 0);
    }
}
