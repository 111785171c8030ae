//! [`Misaligned`]: keeps its promise of alignment, and not one bit more.
//!
//! ```text
//! parent's block  [ align bytes | block .............. ]
//!                 ^ a multiple of 2 × align
//!                               ^ a multiple of align, but not of 2 × align
//! ```
//!
//! | | |
//! |---|---|
//! | time | two additions above the parent |
//! | space | `align` bytes per block |
//! | sharing | as the parent |
//! | failure | when the larger, stricter request has no layout, or the parent fails |
//! | passes on | [`Reset`], where the parent has it; not `Owns`: the parent would be asked about an address that is no block |
//!
//! Most parents give more alignment than asked for, which hides a part that
//! forgets to ask. Over this one it is found at once.
//!
//! When not to use it: in a program. It is for tests.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, testing::{Misaligned, Strict}};
//!
//! let parent = Misaligned::new(Strict::new());
//! let layout = Layout::from_size_align(100, 16)?;
//! let block = parent.allocate(layout)?;
//!
//! assert_eq!(block.addr().get() % 32, 16);
//! // SAFETY: just allocated with this layout.
//! unsafe { parent.deallocate(block, layout) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::alloc::{AllocError, Allocate, Check, Reset, can_resize, empty};

/// Gives the least alignment asked for; see the [module](self).
#[derive(Debug)]
pub struct Misaligned<A> {
    parent: A,
}

impl<A> Misaligned<A> {
    /// Spoils the alignment of what `parent` gives.
    pub const fn new(parent: A) -> Self {
        Self { parent }
    }

    /// The parent underneath.
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

/// The one place where this layer changes a layout: room for the shift, at
/// twice the alignment. `None` where no such layout exists.
fn inner(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(layout.align())?;
    let align = layout.align().checked_mul(2)?;
    Layout::from_size_align(size, align).ok()
}

/// From a block of the parent to ours.
///
/// # Safety
///
/// - `base` is a block that fits `inner(layout)`.
const unsafe fn shift(base: NonNull<u8>, layout: Layout) -> NonNull<u8> {
    // SAFETY: `inner` asked for `align` bytes more than the caller needs.
    unsafe { base.add(layout.align()) }
}

/// From a block of ours to the parent's.
///
/// # Safety
///
/// - `block` came from `shift` with this alignment.
const unsafe fn unshift(block: NonNull<u8>, layout: Layout) -> NonNull<u8> {
    // SAFETY: `shift` moved it forward by as much, within the same block.
    unsafe { block.sub(layout.align()) }
}

// SAFETY: our block is the end of one of `A`'s blocks, `align` bytes in, so it
// is disjoint from others because `A`'s blocks are, and aligned; the grant is
// what `A` grants less the shift; nothing here panics.
unsafe impl<A: Allocate> Allocate for Misaligned<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let base = self.parent.allocate(inner(layout).ok_or(AllocError)?)?;
        // SAFETY: just allocated with the inner layout.
        Ok(unsafe { shift(base, layout) })
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let Some(asked) = inner(layout) else { return };
        // SAFETY: a block of ours that is not empty, of this alignment.
        let base = unsafe { unshift(block, layout) };
        // SAFETY: sizes of one class here are of one class there, since both
        // grants differ by the same shift.
        unsafe { self.parent.deallocate(base, asked) }
    }

    fn granted(&self, layout: Layout) -> usize {
        match inner(layout) {
            Some(asked) if layout.size() != 0 => self.parent.granted(asked).saturating_sub(layout.align()),
            _ => layout.size(),
        }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let (asked, wanted) = (inner(old).ok_or(AllocError)?, inner(new).ok_or(AllocError)?);
        // SAFETY: a block of ours that is not empty, of this alignment.
        let base = unsafe { unshift(block, old) };
        // SAFETY: `base` came from `A`, and `asked` fits it because `old` fits
        // `block`.
        unsafe { self.parent.resize(base, asked, wanted) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let base = self.parent.allocate_zeroed(inner(layout).ok_or(AllocError)?)?;
        // SAFETY: just allocated with the inner layout.
        Ok(unsafe { shift(base, layout) })
    }
}

impl<A: Reset> Reset for Misaligned<A> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check> Check for Misaligned<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate] Misaligned<A>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Strict;

    #[test]
    fn a_block_has_the_alignment_asked_for_and_no_more() {
        let parent = Misaligned::new(Strict::new());
        for power in 0..=22 {
            let layout = Layout::from_size_align(100, 1 << power).unwrap();
            let block = parent.allocate(layout).unwrap();
            assert_eq!(block.addr().get() % (2 << power), 1 << power);
            // SAFETY: just allocated with this layout.
            unsafe { parent.deallocate(block, layout) };
        }
        assert_eq!(parent.check(), Ok(()));
    }

    #[test]
    fn a_request_without_an_inner_layout_is_refused() {
        let parent = Misaligned::new(Strict::new());
        let size = isize::MAX.unsigned_abs() & !4095;
        let layout = Layout::from_size_align(size, 4096).unwrap();
        assert_eq!(parent.granted(layout), size);
        assert_eq!(parent.allocate(layout), Err(AllocError));
        assert_eq!(parent.parent().requests(), 0);
    }
}
