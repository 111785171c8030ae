//! [`Affix`]: a header before every block, a trailer behind it.
//!
//! ```text
//! parent's block  [ padding | H | all that is granted … | T ]
//!                               ▲ block, aligned          ▲ not aligned
//! ```
//!
//! | | |
//! |---|---|
//! | time | a few adds above the parent, a store for each of the two that has a size |
//! | space | `H`, rounded up to the alignment of the block, and `T`, in every block; one of each in the allocator |
//! | sharing | as the parent, `H` and `T` |
//! | failure | whenever the parent fails |
//! | granted | the parent's grant for the larger block, less header and trailer |
//! | passes on | [`Reset`], where the parent has it |
//!
//! Each block begins with copies of the header and trailer that the allocator was
//! made with; from then on they are whoever's who holds the block. The header ends
//! where the block begins, so it is found by the block's address alone. The
//! trailer lies behind all that is granted, so nobody who keeps to the grant
//! writes to it; a block that is resized takes it along.
//!
//! It is not [`Owns`](crate::Owns): what lies before a block of others may be the
//! end of one of the parent's. An affix around a `Fallback` serves as well.
//!
//! When not to use it: for values that belong to many blocks at once, which a
//! [`HeadedBlock`](crate::HeadedBlock) holds once; or to find overruns, which
//! [`Checked`](super::checked::Checked) does with books that no overrun reaches.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Affix, Allocate, System};
//!
//! // Every block counts who refers to it.
//! let heap = Affix::new(System, 1_u32, ());
//! let layout = Layout::new::<[u64; 4]>();
//! let block = heap.allocate(layout)?;
//!
//! // SAFETY: live, and of this allocator.
//! let references = unsafe { heap.header(block) };
//! // SAFETY: valid as long as the block is, and nobody else has it.
//! unsafe { *references.as_ptr() += 1 };
//! // SAFETY: as above.
//! assert_eq!(unsafe { references.read() }, 2);
//!
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, marker::PhantomData, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Reset, can_resize, empty},
    math::align::align_up,
    os,
};

/// Puts an `H` before and a `T` behind every block of `A`; see the
/// [module](self).
#[derive(Debug)]
pub struct Affix<A, H = (), T = ()> {
    parent: A,
    header: H,
    trailer: T,
}

/// Where the parts of a block lie, for an alignment and the types.
struct Shape<H, T>(PhantomData<(H, T)>);

impl<H, T> Shape<H, T> {
    /// The one place where this layer changes a layout; `None` when there is no
    /// such layout.
    #[inline]
    fn inner(layout: Layout) -> Option<Layout> {
        let align = layout.align().max(align_of::<H>());
        let size = Self::before(layout).checked_add(layout.size())?.checked_add(size_of::<T>())?;
        Layout::from_size_align(size, align).ok()
    }

    /// Bytes before the block: the header, at the end of as many as keep the block
    /// aligned. More than any layout holds, if there are no such bytes.
    #[inline]
    fn before(layout: Layout) -> usize {
        align_up(size_of::<H>(), layout.align().max(align_of::<H>())).unwrap_or(usize::MAX)
    }
}

impl<A, H, T> Affix<A, H, T> {
    /// Blocks of `parent` that begin with copies of `header` and `trailer`.
    pub const fn new(parent: A, header: H, trailer: T) -> Self
    where
        H: Copy,
        T: Copy,
    {
        Self { parent, header, trailer }
    }

    /// Whose blocks they are.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// The parent's block around `block`.
    ///
    /// # Safety
    ///
    /// - `block` is live, of this allocator and not empty, and `layout` fits it.
    #[inline]
    unsafe fn base(block: NonNull<u8>, layout: Layout) -> NonNull<u8> {
        // SAFETY: so many bytes lie before every block of ours.
        unsafe { block.sub(Shape::<H, T>::before(layout)) }
    }
}

impl<A: Allocate, H: Copy, T: Copy> Affix<A, H, T> {
    /// The header of `block`: aligned, and valid as long as the block is live.
    ///
    /// # Safety
    ///
    /// - `block` is live and not empty.
    /// - It is the pointer that came from this allocator, not one to a value that
    ///   was put there.
    #[must_use]
    #[inline]
    pub const unsafe fn header(&self, block: NonNull<u8>) -> NonNull<H> {
        // SAFETY: a header ends where a block begins; both are aligned for it.
        unsafe { block.cast::<H>().sub(1) }
    }

    /// The trailer of `block`.
    ///
    /// # Safety
    ///
    /// - `block` is live, came from this allocator, and is not empty.
    /// - `layout` fits it.
    /// - What lies behind the grant is a `T`: nobody has written anything else.
    #[must_use]
    #[inline]
    pub unsafe fn trailer(&self, block: NonNull<u8>, layout: Layout) -> T {
        // SAFETY: the parent grants as much more.
        let behind = unsafe { block.add(self.granted(layout)) };
        // SAFETY: a trailer is there since the block was allocated.
        unsafe { behind.cast::<T>().read_unaligned() }
    }

    /// Says that the trailer of `block` is `trailer` now.
    ///
    /// # Safety
    ///
    /// - `block` is live, came from this allocator, and is not empty.
    /// - `layout` fits it.
    #[inline]
    pub unsafe fn set_trailer(&self, block: NonNull<u8>, layout: Layout, trailer: T) {
        // SAFETY: the parent grants as much more.
        let behind = unsafe { block.add(self.granted(layout)) };
        // SAFETY: room for a trailer, which is not the caller's.
        unsafe { behind.cast::<T>().write_unaligned(trailer) }
    }

    /// Makes a block for `layout` of what the parent answers.
    #[inline]
    fn affixed(
        &self,
        layout: Layout,
        ask: impl FnOnce(&A, Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let base = ask(&self.parent, Shape::<H, T>::inner(layout).ok_or(AllocError)?)?;
        // SAFETY: the parent's block is longer by that.
        let block = unsafe { base.add(Shape::<H, T>::before(layout)) };
        // SAFETY: fresh, and of this allocator as far as it concerns what is around it.
        let header = unsafe { self.header(block) };
        // SAFETY: aligned, in a fresh block.
        unsafe { header.write(self.header) }
        // SAFETY: fresh, for this layout.
        unsafe { self.set_trailer(block, layout, self.trailer) }
        Ok(block)
    }
}

// SAFETY: a block lies in one of the parent's, aligned because the header is
// rounded up to its alignment, between header and trailer, which are not granted.
// Sizes of one class are of one class to the parent, too. Nothing here panics.
unsafe impl<A: Allocate, H: Copy, T: Copy> Allocate for Affix<A, H, T> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.affixed(layout, A::allocate)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let Some(inner) = Shape::<H, T>::inner(layout) else {
            os::check(false, "freed a block of a size that was never served");
            return;
        };
        // SAFETY: a live block of ours, says the caller, and not empty.
        let base = unsafe { Self::base(block, layout) };
        // SAFETY: the parent gave it for a layout of this class.
        unsafe { self.parent.deallocate(base, inner) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        let (Some(inner), 1..) = (Shape::<H, T>::inner(layout), layout.size()) else { return layout.size() };
        let around = Shape::<H, T>::before(layout).wrapping_add(size_of::<T>());
        // The parent grants at least `inner`, which is larger than what is around.
        self.parent.granted(inner).wrapping_sub(around)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let (Some(before), Some(after)) = (Shape::<H, T>::inner(old), Shape::<H, T>::inner(new)) else {
            return Err(AllocError);
        };
        // What a smaller block ends with is gone afterwards.
        // SAFETY: the caller's promise; a trailer is no one else's.
        let trailer = unsafe { self.trailer(block, old) };
        // SAFETY: a live block of ours, says the caller, and not empty: `can_resize`.
        let base = unsafe { Self::base(block, old) };
        // SAFETY: the parent gave it for a layout of the class of `before`.
        unsafe { self.parent.resize(base, before, after)? }
        // SAFETY: the block fits `new` now.
        unsafe { self.set_trailer(block, new, trailer) }
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.affixed(layout, A::allocate_zeroed)
    }
}

impl<A: Reset, H, T> Reset for Affix<A, H, T> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check, H, T> Check for Affix<A, H, T> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate, H: Copy, T: Copy] Affix<A, H, T>);

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::{
        combine::{counted::Counted, testers::Rounding},
        source::{buffer::Buffer, null::Null, system::System},
        strategy::bump::Bump,
    };

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    /// What is before and behind the live block `block`, which `layout` fits.
    fn around<A: Allocate, H: Copy, T: Copy>(heap: &Affix<A, H, T>, block: NonNull<u8>, layout: Layout) -> (H, T) {
        // SAFETY: live.
        let header = unsafe { heap.header(block) };
        // SAFETY: written when the block was allocated.
        let header = unsafe { header.read() };
        // SAFETY: live, and the layout fits; nobody wrote past the grant.
        (header, unsafe { heap.trailer(block, layout) })
    }

    #[test]
    fn nothing_around_a_block_takes_no_space() {
        assert_eq!(size_of::<Affix<System>>(), 0);
        assert_eq!(size_of::<Affix<System, u64>>(), 8);
        let heap = Affix::new(Counted::new(System), (), ());
        let block = heap.allocate(bytes(5)).unwrap();
        assert_eq!((heap.parent().counts().bytes_live, heap.granted(bytes(5))), (5, 5));
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(block, bytes(5)) };
    }

    #[test]
    fn a_block_is_aligned_and_its_header_ends_where_it_begins() {
        let heap = Affix::new(System, [7_u32; 3], ());
        for align in [1, 4, 8, 64, 8192] {
            let layout = Layout::from_size_align(10, align).unwrap();
            let block = heap.allocate(layout).unwrap();
            // SAFETY: live.
            let header = unsafe { heap.header(block) };
            assert!(block.addr().get().is_multiple_of(align) && header.is_aligned());
            assert_eq!(header.addr().get() + 12, block.addr().get());
            // SAFETY: written when it was allocated.
            assert_eq!(unsafe { header.read() }, [7; 3]);
            // SAFETY: live, and allocated with this layout.
            unsafe { heap.deallocate(block, layout) };
        }
    }

    #[test]
    fn all_that_the_parent_grants_but_header_and_trailer_is_the_callers() {
        let heap = Affix::new(Rounding(System), 0_u64, 0_u16);
        assert_eq!(heap.granted(bytes(5)), 6);
        assert_eq!(heap.granted(bytes(7)), 22);
        assert_eq!(heap.granted(Layout::from_size_align(7, 32).unwrap()), 14);
        let block = heap.allocate(bytes(7)).unwrap();
        // SAFETY: granted.
        unsafe { block.write_bytes(0xFF, 22) };
        assert_eq!(around(&heap, block, bytes(20)), (0, 0));
        // SAFETY: live; 20 is of the class of 7.
        unsafe { heap.deallocate(block, bytes(20)) };
    }

    #[test]
    fn header_and_trailer_go_with_a_block_that_is_resized() {
        let mut memory = [MaybeUninit::uninit(); 128];
        let heap = Affix::new(Buffer::new(&mut memory), 0_u8, 0xDEAD_BEEF_u32);
        let block = heap.allocate(bytes(64)).unwrap();
        // SAFETY: live.
        let header = unsafe { heap.header(block) };
        // SAFETY: the header of a block of ours.
        unsafe { header.write(3) };
        // SAFETY: live, with this layout.
        unsafe { heap.set_trailer(block, bytes(64), 4) };
        let mut size = 64;
        for new in [10, 100, 123, 1] {
            // SAFETY: live, and resized to `size` before.
            assert_eq!(unsafe { heap.resize(block, bytes(size), bytes(new)) }, Ok(()));
            assert_eq!(around(&heap, block, bytes(new)), (3, 4));
            size = new;
        }
        // SAFETY: as above; refused.
        assert_eq!(unsafe { heap.resize(block, bytes(1), bytes(124)) }, Err(AllocError));
        assert_eq!(around(&heap, block, bytes(1)), (3, 4));
    }

    #[test]
    fn a_zeroed_block_is_zero_between_header_and_trailer() {
        let heap = Affix::new(Rounding(Bump::new(System, 64)), u64::MAX, u64::MAX);
        let block = heap.allocate_zeroed(bytes(9)).unwrap();
        // SAFETY: granted, and zeroed.
        assert_eq!(unsafe { block.cast::<[u8; 16]>().read() }, [0; 16]);
        assert_eq!(around(&heap, block, bytes(9)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn what_fits_no_layout_with_its_affixes_is_refused() {
        let heap = Affix::new(Null, 0_u64, 0_u64);
        for size in [1, 1 << 40, isize::MAX as usize - 16, isize::MAX as usize] {
            assert_eq!(heap.allocate(bytes(size)), Err(AllocError));
            assert_eq!(heap.granted(bytes(size)), size);
        }
        let huge = Layout::from_size_align(1, 1 << 62).unwrap();
        assert_eq!((heap.allocate(huge), heap.granted(huge)), (Err(AllocError), 1));
    }

    #[test]
    fn nothing_has_no_header() {
        let heap = Affix::new(Null, 0_u64, 0_u64);
        let block = heap.allocate(bytes(0)).unwrap();
        assert_eq!(heap.granted(bytes(0)), 0);
        // SAFETY: an empty block.
        unsafe { heap.deallocate(block, bytes(0)) };
    }
}
