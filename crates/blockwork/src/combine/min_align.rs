//! [`MinAlign`]: no block is aligned to less than this.
//!
//! ```text
//! allocate(size, align) ─► parent.allocate(size, max(align, L))
//! ```
//!
//! | | |
//! |---|---|
//! | time | a compare above the parent, none if both alignments are known |
//! | space | nothing, or one word for an alignment that is a value |
//! | sharing | as the parent |
//! | failure | whenever the parent fails |
//! | granted | the parent's, for the raised alignment |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! For blocks that threads write to side by side (a cache line each), that
//! hardware reads (DMA, vectors), or whose low address bits are to be free for
//! tags. The layouts that callers name stay theirs: they free with the alignment
//! they asked for.
//!
//! The size is not rounded up. Two blocks of 10 bytes aligned to 64 are 64 bytes
//! apart all the same, as both begin at a multiple of it; only what follows the
//! last one in its chunk may be something else.
//!
//! When not to use it: where the type can say it, `#[repr(align(64))]`.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Const, MinAlign, System};
//!
//! let heap = MinAlign::new(System, Const::<64>);
//! let layout = Layout::new::<[u8; 10]>();
//! let block = heap.allocate(layout)?;
//! assert!(block.addr().get().is_multiple_of(64));
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, ConfigError, Owns, Reset, can_resize},
    math::amount::{Amount, Const},
    os,
};

/// Aligns blocks of `A` to `L` bytes at least; see the [module](self).
///
/// ```compile_fail,E0080
/// use blockwork::{Const, MinAlign, System};
///
/// let heap = MinAlign::new(System, Const::<48>); // no power of two
/// ```
#[derive(Debug)]
pub struct MinAlign<A, L: Amount = usize> {
    parent: A,
    /// Invariant: a power of two.
    align: L,
}

impl<A, const N: usize> MinAlign<A, Const<N>> {
    /// Aligns to `N` at least what `parent` gives; a power of two, or this does
    /// not compile.
    pub const fn new(parent: A, align: Const<N>) -> Self {
        const { assert!(N.is_power_of_two(), "an alignment is a power of two") }
        Self { parent, align }
    }
}

impl<A> MinAlign<A> {
    /// Aligns to `align` at least what `parent` gives.
    ///
    /// # Errors
    ///
    /// When `align` is no power of two.
    pub fn try_new(parent: A, align: usize) -> Result<Self, ConfigError> {
        if align.is_power_of_two() {
            Ok(Self { parent, align })
        } else {
            Err(ConfigError::new("MinAlign::align", "must be a power of two"))
        }
    }
}

impl<A, L: Amount> MinAlign<A, L> {
    /// The least alignment of a block.
    #[must_use]
    pub fn align(&self) -> usize {
        self.align.get()
    }

    /// Whose blocks they are.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// The one place where this layer changes a layout; `None` when there is no
    /// such layout.
    #[inline]
    fn inner(&self, layout: Layout) -> Option<Layout> {
        layout.align_to(self.align()).ok()
    }
}

// SAFETY: blocks are those of `A`, which aligns them to more than was asked for,
// and grants the same to every size of a class; nothing here panics.
unsafe impl<A: Allocate, L: Amount> Allocate for MinAlign<A, L> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.parent.allocate(self.inner(layout).ok_or(AllocError)?)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let Some(inner) = self.inner(layout) else {
            os::check(false, "freed a block of a size that was never served");
            return;
        };
        // SAFETY: the parent gave it for a layout of this class.
        unsafe { self.parent.deallocate(block, inner) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.inner(layout).map_or(layout.size(), |inner| self.parent.granted(inner))
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // To the parent, two alignments may be the same.
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let (Some(before), Some(after)) = (self.inner(old), self.inner(new)) else { return Err(AllocError) };
        // SAFETY: the parent gave it for a layout of the class of `before`.
        unsafe { self.parent.resize(block, before, after) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.parent.allocate_zeroed(self.inner(layout).ok_or(AllocError)?)
    }
}

// SAFETY: every block of ours is one of `A`'s, which is asked about it as it was
// asked for it.
unsafe impl<A: Owns, L: Amount> Owns for MinAlign<A, L> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.inner(layout).is_some_and(|inner| self.parent.owns(block, inner))
    }
}

impl<A: Reset, L: Amount> Reset for MinAlign<A, L> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check, L: Amount> Check for MinAlign<A, L> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate, L: Amount] MinAlign<A, L>);

#[cfg(test)]
mod tests {
    use heap::string::ToString;

    use super::*;
    use crate::{
        source::{null::Null, system::System},
        strategy::bump::Bump,
    };

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn no_block_is_aligned_to_less_and_some_to_more() {
        assert_eq!(size_of::<MinAlign<System, Const<64>>>(), 0);
        let heap = MinAlign::new(Bump::new(System, 1 << 16), Const::<64>);
        for align in [1, 2, 32, 64, 128, 4096] {
            let block = heap.allocate(layout(10, align)).unwrap();
            assert!(block.addr().get().is_multiple_of(align.max(64)));
        }
    }

    #[test]
    fn an_alignment_that_is_a_value_is_checked() {
        assert_eq!(MinAlign::try_new(System, 32).unwrap().align(), 32);
        for align in [0, 3, 48, usize::MAX] {
            let error = MinAlign::try_new(System, align).unwrap_err();
            assert_eq!(error.to_string(), "MinAlign::align must be a power of two");
        }
    }

    #[test]
    fn another_alignment_is_refused_even_if_it_changes_nothing() {
        let heap = MinAlign::new(Bump::new(System, 256), Const::<64>);
        let block = heap.allocate(layout(16, 8)).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { heap.resize(block, layout(16, 8), layout(20, 4)) }, Err(AllocError));
        // SAFETY: as above, since the resize was refused.
        assert_eq!(unsafe { heap.resize(block, layout(16, 8), layout(20, 8)) }, Ok(()));
        assert!(heap.owns(block, layout(20, 8)));
    }

    #[test]
    fn what_fits_no_layout_of_that_alignment_is_refused() {
        let heap = MinAlign::new(Null, Const::<4096>);
        for size in [isize::MAX as usize, isize::MAX as usize - 4095, isize::MAX as usize - 4094] {
            assert_eq!((heap.allocate(layout(size, 1)), heap.granted(layout(size, 1))), (Err(AllocError), size));
        }
        let heap = MinAlign::try_new(Null, 1 << (usize::BITS - 1)).unwrap();
        assert_eq!((heap.allocate(layout(1, 1)), heap.granted(layout(1, 1))), (Err(AllocError), 1));
    }
}
