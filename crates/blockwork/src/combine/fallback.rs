//! [`Fallback`]: a second allocator for what the first cannot serve.
//!
//! ```text
//! allocate(layout)   ─► primary ─ ok ─► its block
//!                          └───── no ─► fallback.allocate(primary.granted(layout))
//! deallocate(block)  ─► primary owns it? ─ yes ─► primary, else fallback
//! ```
//!
//! | | |
//! |---|---|
//! | time | one question to the primary per free and per resize |
//! | space | nothing of its own |
//! | sharing | as its parts |
//! | failure | when both fail |
//! | grants | what the primary grants, whoever serves |
//! | passes on | [`Owns`], [`Reset`], where both parts have them |
//!
//! The fallback is asked for all that the primary would have granted, so that
//! a grant says the same of every block, and sizes of one class stay one class.
//!
//! When not to use it: where the fallback can tell its blocks and the primary
//! cannot, take [`LastResort`](super::last_resort::LastResort); where the size
//! alone decides, routing by size asks nobody.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, Fallback, Owns};
//!
//! let (mut near, mut far) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 4096]);
//! let both = Fallback::new(Buffer::new(&mut near), Buffer::new(&mut far));
//!
//! let layout = Layout::new::<[u8; 100]>();
//! let block = both.allocate(layout)?;
//! assert!(!both.primary().owns(block, layout));
//! assert!(both.fallback().owns(block, layout));
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, can_resize, empty, with_size},
    os,
};

/// Serves from `P`, and from `F` what `P` cannot; see the [module](self).
///
/// A shared pointer cannot be `P`: what it points to may have lent memory to
/// `F`, and would claim the blocks that `F` carved from it.
///
/// ```compile_fail,E0277
/// use blockwork::{Buffer, Bump, Fallback};
///
/// let pool = Bump::new_all(Buffer::new(&mut []));
/// Fallback::new(&pool, Bump::new(&pool, 64));
/// ```
#[derive(Debug)]
pub struct Fallback<P: Owns, F> {
    primary: P,
    fallback: F,
}

impl<P: Owns, F: Allocate> Fallback<P, F> {
    /// Puts `fallback` behind `primary`.
    pub const fn new(primary: P, fallback: F) -> Self {
        Self { primary, fallback }
    }

    /// The part that is asked first.
    #[must_use]
    pub const fn primary(&self) -> &P {
        &self.primary
    }

    /// The part that is asked second.
    #[must_use]
    pub const fn fallback(&self) -> &F {
        &self.fallback
    }
}

// SAFETY: a block is one of `P`'s or one of `F`'s, who keep them apart, valid
// and aligned; `P` knows its own exactly, so each goes back to where it came
// from. `F` is always told `inner(layout)`, which is one layout for all that
// fit a block. Nothing here panics.
unsafe impl<P: Owns, F: Allocate> Allocate for Fallback<P, F> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.primary.allocate(layout) {
            Ok(block) => Ok(block),
            Err(AllocError) => self.fall_back(layout),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        if self.primary.owns(block, layout) {
            // SAFETY: `P` gave this block, for a layout of the same class.
            unsafe { self.primary.deallocate(block, layout) }
        } else {
            // SAFETY: `P` did not give this live block, so `F` did.
            unsafe { self.give_back(block, layout) }
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
        if self.primary.owns(block, old) {
            // SAFETY: `P` gave this block, and `old` fits it.
            unsafe { self.primary.resize(block, old, new) }
        } else {
            // SAFETY: `F` gave this block, for the same `inner(old)`.
            unsafe { self.fallback.resize(block, self.inner(old), self.inner(new)) }
        }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.primary.allocate_zeroed(layout) {
            Ok(block) => Ok(block),
            Err(AllocError) => self.fall_back_zeroed(layout),
        }
    }
}

// SAFETY: our blocks are those of `P` and those of `F`, whose answers are exact;
// each is asked about the layout it was asked for.
unsafe impl<P: Owns, F: Owns> Owns for Fallback<P, F> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.primary.owns(block, layout) || self.fallback.owns(block, self.inner(layout))
    }
}

impl<P: Owns + Reset, F: Reset> Reset for Fallback<P, F> {
    fn reset(&mut self) {
        self.primary.reset();
        self.fallback.reset();
    }
}

impl<P: Owns + Check, F: Check> Check for Fallback<P, F> {
    fn check(&self) -> Result<(), &'static str> {
        self.primary.check()?;
        self.fallback.check()
    }
}

crate::alloc::bridge!([P: Owns, F: Allocate] Fallback<P, F>);

impl<P: Owns, F: Allocate> Fallback<P, F> {
    /// The one place where a layout changes: what the fallback is asked for.
    fn inner(&self, layout: Layout) -> Layout {
        with_size(layout, self.primary.granted(layout))
    }

    #[cold]
    fn fall_back(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.kept_apart(self.fallback.allocate(self.inner(layout))?, layout)
    }

    #[cold]
    fn fall_back_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.kept_apart(self.fallback.allocate_zeroed(self.inner(layout))?, layout)
    }

    /// A fresh block of the fallback, which the primary must not claim: it
    /// would be freed there.
    fn kept_apart(&self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if cfg!(debug_assertions) {
            os::check(!self.primary.owns(block, layout), "the primary claims a block of the fallback");
        }
        Ok(block)
    }

    /// Frees a block of the fallback.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from the fallback.
    /// - `layout` fits it.
    #[cold]
    unsafe fn give_back(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: all layouts that fit the block have the `inner` it was asked
        // of `F` with.
        unsafe { self.fallback.deallocate(block, self.inner(layout)) }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    #[cfg(all(debug_assertions, not(miri)))]
    use crate::combine::testers::{Claiming, last_words};
    use crate::{
        combine::{counted::Counted, testers::Rounding},
        source::buffer::Buffer,
    };

    const ALL: Layout = Layout::new::<[u8; 64]>();

    crate::combine::testers::two_sides!(Fallback::new);

    #[test]
    fn the_fallback_serves_what_the_primary_cannot() {
        let (mut one, mut two) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 64]);
        let both = Fallback::new(Buffer::new(&mut one), Buffer::new(&mut two));
        let (first, second) = (both.allocate(ALL).unwrap(), both.allocate(ALL).unwrap());
        assert!(both.primary().owns(first, ALL));
        assert!(both.fallback().owns(second, ALL));
        assert!(both.owns(first, ALL) && both.owns(second, ALL));
        assert_eq!(both.allocate(ALL), Err(AllocError));
    }

    #[test]
    fn the_fallback_is_asked_for_what_the_primary_grants() {
        let (mut one, mut two) = ([MaybeUninit::uninit(); 8], [MaybeUninit::uninit(); 64]);
        let both = Fallback::new(Rounding(Buffer::new(&mut one)), Counted::new(Buffer::new(&mut two)));
        let (asked, same_class) = (Layout::new::<[u8; 20]>(), Layout::new::<[u8; 31]>());
        assert_eq!(both.granted(asked), 32);
        let block = both.allocate(asked).unwrap();
        assert_eq!(both.fallback().counts().bytes_live, 32);
        // SAFETY: live, and this layout is of the same class.
        unsafe { both.deallocate(block, same_class) };
        assert_eq!(both.fallback().counts().bytes_live, 0);
    }

    #[test]
    fn a_resize_goes_to_the_owner_in_its_own_sizes() {
        let (mut one, mut two) = ([MaybeUninit::uninit(); 8], [MaybeUninit::uninit(); 64]);
        let both = Fallback::new(Rounding(Buffer::new(&mut one)), Counted::new(Buffer::new(&mut two)));
        let (old, new) = (Layout::new::<[u8; 20]>(), Layout::new::<[u8; 33]>());
        let block = both.allocate(old).unwrap();
        // SAFETY: live, and allocated with `old`.
        assert_eq!(unsafe { both.resize(block, old, new) }, Ok(()));
        assert_eq!(both.fallback().counts().bytes_live, 48);
        // SAFETY: live, and resized to `new`.
        assert_eq!(unsafe { both.resize(block, new, Layout::new::<[u8; 0]>()) }, Err(AllocError));
        assert_eq!(both.fallback().counts().bytes_live, 48);
    }

    #[test]
    fn sizes_that_no_layout_can_have_rounded_up_fail() {
        let (mut one, mut two) = ([MaybeUninit::uninit(); 8], [MaybeUninit::uninit(); 8]);
        let both = Fallback::new(Rounding(Buffer::new(&mut one)), Buffer::new(&mut two));
        let most = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
        assert_eq!(both.allocate(most), Err(AllocError));
        assert_eq!(both.allocate_zeroed(most), Err(AllocError));
    }

    #[test]
    #[cfg(all(debug_assertions, not(miri)))]
    fn a_primary_that_claims_blocks_of_the_fallback_is_found() {
        let words =
            last_words("combine::fallback::tests::a_primary_that_claims_blocks_of_the_fallback_is_found", || {
                let mut memory = [MaybeUninit::uninit(); 64];
                assert!(Fallback::new(Claiming, Buffer::new(&mut memory)).allocate(ALL).is_ok());
            });
        assert!(words.contains("the primary claims a block of the fallback"), "{words}");
    }

    #[test]
    #[cfg(all(debug_assertions, not(miri)))]
    fn a_primary_that_claims_blocks_of_the_fallback_is_found_when_they_are_zeroed() {
        let words = last_words(
            "combine::fallback::tests::a_primary_that_claims_blocks_of_the_fallback_is_found_when_they_are_zeroed",
            || {
                let mut memory = [MaybeUninit::uninit(); 64];
                assert!(Fallback::new(Claiming, Buffer::new(&mut memory)).allocate_zeroed(ALL).is_ok());
            },
        );
        assert!(words.contains("the primary claims a block of the fallback"), "{words}");
    }
}
