//! [`LastResort`]: a reserve for when the allocator proper has failed.
//!
//! ```text
//! allocate(layout)   ─► primary ─ ok ─► its block
//!                          └───── no ─► reserve.allocate(primary.granted(layout))
//! deallocate(block)  ─► the reserve owns it? ─ yes ─► reserve, else primary
//! ```
//!
//! | | |
//! |---|---|
//! | time | one question to the reserve per free and per resize |
//! | space | nothing of its own |
//! | sharing | as its parts |
//! | failure | when both fail |
//! | grants | what the primary grants, whoever serves |
//! | passes on | [`Owns`], [`Reset`], where both parts have them |
//!
//! [`Fallback`](super::fallback::Fallback) the other way round: here the second
//! part tells its blocks from others, so the first can be anything. The reserve
//! is asked for all that the primary would have granted.
//!
//! When not to use it: over a primary that grants whole pages a small reserve
//! is soon used up; put an allocator of small blocks in front of it.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, LastResort, Owns};
//!
//! let (mut heap, mut reserve) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 4096]);
//! let heap = LastResort::new(Buffer::new(&mut heap), Buffer::new(&mut reserve));
//!
//! let layout = Layout::new::<[u8; 60]>();
//! assert!(!heap.reserve().owns(heap.allocate(layout)?, layout));
//! assert!(heap.reserve().owns(heap.allocate(layout)?, layout));
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, can_resize, empty, with_size},
    os,
};

/// Serves from `P`, and in need from the reserve `R`; see the [module](self).
///
/// A shared pointer cannot be `R`: what it points to may have lent memory to
/// `P`, and would claim the blocks that `P` carved from it.
///
/// ```compile_fail,E0277
/// use blockwork::{Buffer, Bump, LastResort};
///
/// let pool = Bump::new_all(Buffer::new(&mut []));
/// LastResort::new(Bump::new(&pool, 64), &pool);
/// ```
#[derive(Debug)]
pub struct LastResort<P, R: Owns> {
    primary: P,
    reserve: R,
}

impl<P: Allocate, R: Owns> LastResort<P, R> {
    /// Keeps `reserve` for when `primary` fails.
    pub const fn new(primary: P, reserve: R) -> Self {
        Self { primary, reserve }
    }

    /// The part that is asked first.
    #[must_use]
    pub const fn primary(&self) -> &P {
        &self.primary
    }

    /// The part that is asked in need.
    #[must_use]
    pub const fn reserve(&self) -> &R {
        &self.reserve
    }
}

// SAFETY: a block is one of `P`'s or one of `R`'s, who keep them apart, valid
// and aligned; `R` knows its own exactly, so each goes back to where it came
// from. `R` is always told `inner(layout)`, which is one layout for all that
// fit a block. Nothing here panics.
unsafe impl<P: Allocate, R: Owns> Allocate for LastResort<P, R> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.primary.allocate(layout) {
            Ok(block) => Ok(self.kept_apart(block, layout)),
            Err(AllocError) => self.resort(layout),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let inner = self.inner(layout);
        if self.reserve.owns(block, inner) {
            // SAFETY: `R` gave this block, and all layouts that fit it have the
            // `inner` it was asked of `R` with.
            unsafe { self.reserve.deallocate(block, inner) }
        } else {
            // SAFETY: `R` did not give this live block, so `P` did, for a
            // layout of the same class.
            unsafe { self.primary.deallocate(block, layout) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.primary.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let inner = self.inner(old);
        if self.reserve.owns(block, inner) {
            // SAFETY: `R` gave this block, for the same `inner(old)`.
            unsafe { self.reserve.resize(block, inner, self.inner(new)) }
        } else {
            // SAFETY: `P` gave this block, and `old` fits it.
            unsafe { self.primary.resize(block, old, new) }
        }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.primary.allocate_zeroed(layout) {
            Ok(block) => Ok(self.kept_apart(block, layout)),
            Err(AllocError) => self.resort_zeroed(layout),
        }
    }
}

// SAFETY: our blocks are those of `P` and those of `R`, whose answers are exact;
// each is asked about the layout it was asked for.
unsafe impl<P: Owns, R: Owns> Owns for LastResort<P, R> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.primary.owns(block, layout) || self.reserve.owns(block, self.inner(layout))
    }
}

impl<P: Reset, R: Owns + Reset> Reset for LastResort<P, R> {
    fn reset(&mut self) {
        self.primary.reset();
        self.reserve.reset();
    }
}

impl<P: Check, R: Owns + Check> Check for LastResort<P, R> {
    fn check(&self) -> Result<(), &'static str> {
        self.primary.check()?;
        self.reserve.check()
    }
}

crate::alloc::bridge!([P: Allocate, R: Owns] LastResort<P, R>);

impl<P: Allocate, R: Owns> LastResort<P, R> {
    /// The one place where a layout changes: what the reserve is asked for, and
    /// asked about. A reserve may route by size, so it must be asked about the
    /// very size it was asked for.
    #[inline]
    fn inner(&self, layout: Layout) -> Layout {
        with_size(layout, self.primary.granted(layout))
    }

    /// A fresh block of the primary, which the reserve must not claim: it would
    /// be freed there.
    #[inline]
    fn kept_apart(&self, block: NonNull<u8>, layout: Layout) -> NonNull<u8> {
        if cfg!(debug_assertions) {
            os::check(!self.reserve.owns(block, self.inner(layout)), "the reserve claims a block of the primary");
        }
        block
    }

    #[cold]
    fn resort(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.reserve.allocate(self.inner(layout))
    }

    #[cold]
    fn resort_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.reserve.allocate_zeroed(self.inner(layout))
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    #[cfg(all(debug_assertions, not(miri)))]
    use crate::combine::testers::{Claiming, last_words};
    use crate::{
        combine::{
            counted::Counted,
            testers::{BySize, Rounding},
        },
        source::buffer::Buffer,
    };

    const ALL: Layout = Layout::new::<[u8; 64]>();

    crate::combine::testers::two_sides!(LastResort::new);

    #[test]
    fn the_reserve_serves_only_when_the_primary_fails() {
        let (mut one, mut two) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 64]);
        let heap = LastResort::new(Buffer::new(&mut one), Buffer::new(&mut two));
        let (first, second) = (heap.allocate(ALL).unwrap(), heap.allocate(ALL).unwrap());
        assert!(!heap.reserve().owns(first, ALL));
        assert!(heap.reserve().owns(second, ALL));
        assert!(heap.owns(first, ALL) && heap.owns(second, ALL));
        assert_eq!(heap.allocate(ALL), Err(AllocError));
    }

    #[test]
    fn the_reserve_does_not_lower_the_grant() {
        let (mut one, mut two) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 64]);
        let heap = Rounding(Buffer::new(&mut one));
        let heap = Counted::new(LastResort::new(heap, Counted::new(Buffer::new(&mut two))));
        let (asked, same_class) = (Layout::new::<[u8; 20]>(), Layout::new::<[u8; 32]>());
        assert_eq!(heap.granted(asked), 32);
        let (first, second) = (heap.allocate(asked).unwrap(), heap.allocate(asked).unwrap());
        assert_eq!(heap.parent().reserve().counts().bytes_live, 32);
        // SAFETY: live, and this layout is of the same class.
        unsafe { heap.deallocate(first, same_class) };
        // SAFETY: live, and this layout is of the same class.
        unsafe { heap.deallocate(second, same_class) };
        assert_eq!(heap.counts().bytes_live, 0);
        assert_eq!(heap.parent().reserve().counts().bytes_live, 0);
    }

    #[test]
    fn a_reserve_that_routes_by_size_is_asked_about_the_size_it_gave() {
        let [mut one, mut two, mut three] = [[MaybeUninit::uninit(); 64]; 3];
        let reserve = BySize { limit: 30, small: Buffer::new(&mut one), large: Buffer::new(&mut two) };
        let heap = LastResort::new(Rounding(Buffer::new(&mut three)), reserve);
        let asked = Layout::new::<[u8; 20]>();
        let (_first, second) = (heap.allocate(asked).unwrap(), heap.allocate(asked).unwrap());
        assert!(heap.reserve().large.owns(second, asked), "it was asked for 32");
        // SAFETY: live, and allocated with this layout.
        assert_eq!(unsafe { heap.resize(second, asked, Layout::new::<[u8; 40]>()) }, Ok(()));
        // SAFETY: live, and resized to this layout.
        assert_eq!(unsafe { heap.resize(second, Layout::new::<[u8; 40]>(), asked) }, Ok(()));
        // SAFETY: live, and resized to this layout.
        unsafe { heap.deallocate(second, asked) };
        assert!(!heap.reserve().large.owns(second, asked));
    }

    #[test]
    #[cfg(all(debug_assertions, not(miri)))]
    fn a_reserve_that_claims_blocks_of_the_primary_is_found() {
        let words =
            last_words("combine::last_resort::tests::a_reserve_that_claims_blocks_of_the_primary_is_found", || {
                let mut memory = [MaybeUninit::uninit(); 64];
                assert!(LastResort::new(Buffer::new(&mut memory), Claiming).allocate(ALL).is_ok());
            });
        assert!(words.contains("the reserve claims a block of the primary"), "{words}");
    }

    #[test]
    #[cfg(all(debug_assertions, not(miri)))]
    fn a_reserve_that_claims_blocks_of_the_primary_is_found_when_they_are_zeroed() {
        let words = last_words(
            "combine::last_resort::tests::a_reserve_that_claims_blocks_of_the_primary_is_found_when_they_are_zeroed",
            || {
                let mut memory = [MaybeUninit::uninit(); 64];
                assert!(LastResort::new(Buffer::new(&mut memory), Claiming).allocate_zeroed(ALL).is_ok());
            },
        );
        assert!(words.contains("the reserve claims a block of the primary"), "{words}");
    }
}
