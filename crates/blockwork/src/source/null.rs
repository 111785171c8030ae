//! [`Null`]: has no memory at all.
//!
//! ```text
//! allocate(layout) ─► size 0? ─ yes ─► dangling, aligned
//!                        └───── no ──► Err(AllocError)
//! ```
//!
//! | | |
//! |---|---|
//! | time | one compare |
//! | space | none |
//! | sharing | any thread |
//! | failure | always |
//! | offers | [`Owns`]: nothing is its own; [`Reset`] |
//!
//! It ends a composition that must not take more: the parent of a pool that
//! may never grow, or the last side of a segregator whose sizes are known.
//! When not to use it: to test failure paths, `testing::Failing` fails when
//! told to.
//!
//! Idea: D's `NullAllocator`.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Null};
//!
//! assert!(Null.allocate(Layout::new::<u8>()).is_err());
//! assert!(Null.allocate(Layout::new::<()>()).is_ok());
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, empty},
    os,
};

/// Serves nothing but empty requests; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

// SAFETY: no block but the empty one is ever handed out; nothing panics.
unsafe impl Allocate for Null {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 { Ok(empty(layout)) } else { Err(AllocError) }
    }

    #[inline]
    unsafe fn deallocate(&self, _block: NonNull<u8>, layout: Layout) {
        os::check(layout.size() == 0, "`Null` has no blocks to take back");
    }
}

// SAFETY: there are no blocks of its own, and it says so.
unsafe impl Owns for Null {
    #[inline]
    fn owns(&self, _block: NonNull<u8>, _layout: Layout) -> bool {
        false
    }
}

impl Reset for Null {
    fn reset(&mut self) {}
}

impl Check for Null {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

crate::alloc::bridge!([] Null);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_requests_are_served() {
        let (nothing, byte) = (Layout::new::<[u64; 0]>(), Layout::new::<u8>());
        assert_eq!(Null.allocate(byte), Err(AllocError));
        let block = Null.allocate(nothing).unwrap();
        assert!(block.addr().get().is_multiple_of(nothing.align()));
        // SAFETY: an empty block of this allocator.
        unsafe { Null.deallocate(block, nothing) };
    }

    #[test]
    fn nothing_is_its_own() {
        let mut byte = 0_u8;
        assert!(!Null.owns(NonNull::from(&mut byte), Layout::new::<u8>()));
    }
}
