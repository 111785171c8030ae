//! [`System`]: the allocator of the platform, as std knows it.
//!
//! ```text
//! System ─► std::alloc::System ─► malloc, calloc, realloc, free
//! ```
//!
//! | | |
//! |---|---|
//! | time | the platform's `malloc` |
//! | space | the platform's headers and rounding |
//! | sharing | any thread |
//! | failure | when `malloc` fails |
//! | granted | what is asked: the C interface names no excess up front |
//!
//! It asks the platform, not the program's `#[global_allocator]`, so a
//! composition over it can be that global allocator.
//!
//! When not to use it: for big spans that should go back to the operating
//! system when freed, `Pages` says so explicitly; without std there is no
//! `System`, use `Pages`, `Buffer`, or a foreign allocator.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, System};
//!
//! let layout = Layout::new::<[u64; 4]>();
//! let block = System.allocate_zeroed(layout)?;
//! // SAFETY: just allocated; four words, all zero.
//! assert_eq!(unsafe { block.cast::<[u64; 4]>().read() }, [0; 4]);
//! // SAFETY: allocated above with this layout, and not used again.
//! unsafe { System.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
};

use crate::alloc::{AllocError, Allocate, Check, empty};

/// The platform's allocator; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

// SAFETY: std's `System` gives valid, aligned, disjoint blocks of at least the
// size asked and does not unwind; empty requests, which it must not see, are
// answered here.
unsafe impl Allocate for System {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { std::alloc::System.alloc(layout) }).ok_or(AllocError)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: `block` came from `allocate` with this layout: sizes are
            // granted as asked, so no other size fits.
            unsafe { std::alloc::System.dealloc(block.as_ptr(), layout) }
        }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { std::alloc::System.alloc_zeroed(layout) }).ok_or(AllocError)
    }
}

impl Check for System {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

crate::alloc::bridge!([] System);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_request_takes_nothing() {
        let nothing = Layout::from_size_align(0, 4096).unwrap();
        let block = System.allocate(nothing).unwrap();
        assert_eq!(block.addr().get(), 4096);
        // SAFETY: an empty block of this allocator.
        unsafe { System.deallocate(block, nothing) };
    }

    #[test]
    fn any_alignment_is_served() {
        for shift in 0..=22 {
            let layout = Layout::from_size_align(3, 1 << shift).unwrap();
            let block = System.allocate(layout).unwrap();
            assert!(block.addr().get().is_multiple_of(layout.align()));
            // SAFETY: just allocated with this layout.
            unsafe { System.deallocate(block, layout) };
        }
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let huge = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
        assert_eq!(System.allocate(huge), Err(AllocError));
        assert_eq!(System.allocate_zeroed(huge), Err(AllocError));
    }
}
