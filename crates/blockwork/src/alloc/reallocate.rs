//! [`reallocate`]: a block of another size or alignment, in place or moved.
//!
//! ```text
//! resize ─ ok ─► the same block
//!    └──── no ─► allocate(new) ─ ok ─► copy what both hold ─► deallocate(old)
//!                     └───────── no ─► Err(AllocError), the old block untouched
//! ```
//!
//! A function over the contract and not a method of it: called on the outermost
//! allocator, it moves a block between two children of a composite without
//! either of them knowing.

use core::{alloc::Layout, ptr::NonNull};

use super::{AllocError, Allocate, can_resize};

/// Makes `block` fit `new`, moving it when it cannot stay.
///
/// The bytes up to the smaller size keep their values; on success only the
/// returned block is live. On failure nothing has changed. The alignment may
/// change too, and either size may be zero.
///
/// # Errors
///
/// [`AllocError`] when the block cannot stay and no other can be had.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `old` fits `block`.
#[inline]
pub unsafe fn reallocate<A: Allocate + ?Sized>(
    from: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<u8>, AllocError> {
    // SAFETY: the caller's promises about `block` and `old`.
    if unsafe { stays(from, block, old, new) } {
        return Ok(block);
    }
    let moved = from.allocate(new)?;
    // SAFETY: `moved` is fresh from the same allocator for `new`, and the
    // caller vouches for the rest.
    unsafe { relocate(from, block, old, moved, new) }
    Ok(moved)
}

/// [`reallocate`], with every byte past the old ones zero.
///
/// That is every byte from the smaller size up to what is granted for `new`.
///
/// # Errors
///
/// [`AllocError`] when the block cannot stay and no other can be had.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `old` fits `block`.
#[inline]
pub unsafe fn reallocate_zeroed<A: Allocate + ?Sized>(
    from: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<u8>, AllocError> {
    // SAFETY: the caller's promises about `block` and `old`.
    if unsafe { stays(from, block, old, new) } {
        let kept = old.size().min(new.size());
        // SAFETY: the block fits `new`, so at least `new.size()` bytes are ours.
        let tail = unsafe { block.add(kept) };
        // SAFETY: the block is valid for writes of all that is granted.
        unsafe { tail.write_bytes(0, from.granted(new).saturating_sub(kept)) }
        return Ok(block);
    }
    let moved = from.allocate_zeroed(new)?;
    // SAFETY: `moved` is fresh from the same allocator for `new`, and the
    // caller vouches for the rest.
    unsafe { relocate(from, block, old, moved, new) }
    Ok(moved)
}

/// Whether `block` now fits `new` where it is.
///
/// # Safety
///
/// - `block` is live and came from `from`.
/// - `old` fits `block`.
#[inline]
unsafe fn stays<A: Allocate + ?Sized>(from: &A, block: NonNull<u8>, old: Layout, new: Layout) -> bool {
    // SAFETY: the caller's promises are those that `resize` asks for.
    let resized = unsafe { from.resize(block, old, new) }.is_ok();
    // A smaller size of the same class fits already, whatever `resize` prefers:
    // shrinking must not fail for want of memory.
    let shrinks = new.size() <= old.size() && can_resize(old, new);
    resized || (shrinks && from.granted(old) == from.granted(new))
}

/// Copies what both blocks hold from `block` to `moved`, and frees `block`.
///
/// # Safety
///
/// - `block` and `moved` are different live blocks of `from`.
/// - `old` fits `block`, and `new` fits `moved`.
#[inline]
unsafe fn relocate<A: Allocate + ?Sized>(from: &A, block: NonNull<u8>, old: Layout, moved: NonNull<u8>, new: Layout) {
    // SAFETY: both are live and disjoint, and hold at least the smaller size.
    unsafe { moved.copy_from_nonoverlapping(block, old.size().min(new.size())) }
    // SAFETY: `block` is live, came from this allocator, and `old` fits it.
    unsafe { from.deallocate(block, old) }
}

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};
    use heap::{boxed::Box, vec::Vec};

    use super::*;
    use crate::alloc::empty;

    /// How far apart the blocks of [`Slots`] begin.
    const SLOT: usize = 64;
    /// What a block of [`Slots`] holds before anyone writes to it.
    const DIRT: u8 = 0xD1;

    /// Every block in a slot of its own, filled with dirt far past its end, so
    /// that a copy or a wipe of the wrong length shows.
    struct Slots {
        slots: RefCell<Vec<NonNull<[u8; SLOT]>>>,
        left: Cell<usize>,
        freed: RefCell<Vec<(NonNull<u8>, Layout)>>,
        grain: usize,
        grows: bool,
    }

    impl Slots {
        fn new() -> Self {
            Self {
                slots: RefCell::new(Vec::new()),
                left: Cell::new(2),
                freed: RefCell::new(Vec::new()),
                grain: 1,
                grows: false,
            }
        }

        fn of_grain(mut self, grain: usize) -> Self {
            self.grain = grain;
            self
        }

        fn growing(mut self) -> Self {
            self.grows = true;
            self
        }

        /// The whole slot that begins at `block`.
        fn slot(&self, block: NonNull<u8>) -> [u8; SLOT] {
            // SAFETY: blocks of this allocator begin a slot of initialised bytes.
            unsafe { block.cast().read() }
        }

        /// A block of `layout` filled with the bytes 1, 2, 3, ...
        fn numbered(&self, layout: Layout) -> NonNull<u8> {
            let block = self.allocate(layout).unwrap();
            for (at, number) in (0..layout.size()).zip(1..) {
                // SAFETY: inside the fresh block.
                let byte = unsafe { block.add(at) };
                // SAFETY: as above.
                unsafe { byte.write(number) };
            }
            block
        }
    }

    impl Drop for Slots {
        fn drop(&mut self) {
            for slot in self.slots.take() {
                // SAFETY: leaked by `allocate`, and dropped here alone.
                drop(unsafe { Box::from_raw(slot.as_ptr()) });
            }
        }
    }

    // SAFETY: each block has a slot of its own, large enough for every request
    // of these tests, and what they store needs no alignment.
    unsafe impl Allocate for Slots {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            if layout.size() == 0 {
                return Ok(empty(layout));
            }
            self.left.set(self.left.get().checked_sub(1).ok_or(AllocError)?);
            let slot = NonNull::from(Box::leak(Box::new([DIRT; SLOT])));
            self.slots.borrow_mut().push(slot);
            Ok(slot.cast())
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            self.freed.borrow_mut().push((block, layout));
        }

        fn granted(&self, layout: Layout) -> usize {
            layout.size().next_multiple_of(self.grain)
        }

        unsafe fn resize(&self, _: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
            if self.grows && can_resize(old, new) { Ok(()) } else { Err(AllocError) }
        }
    }

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn a_growing_move_copies_the_old_bytes_and_no_more() {
        let slots = Slots::new();
        let block = slots.numbered(bytes(3));
        // SAFETY: live, and asked for with three bytes.
        let moved = unsafe { reallocate(&slots, block, bytes(3), bytes(9)) }.unwrap();
        assert_eq!(slots.slot(moved)[..5], [1, 2, 3, DIRT, DIRT]);
        assert_eq!(*slots.freed.borrow(), [(block, bytes(3))]);
    }

    #[test]
    fn a_shrinking_move_copies_no_more_than_fits() {
        let slots = Slots::new();
        let block = slots.numbered(bytes(9));
        // SAFETY: live, and asked for with nine bytes.
        let moved = unsafe { reallocate(&slots, block, bytes(9), bytes(2)) }.unwrap();
        assert_ne!(moved, block);
        assert_eq!(slots.slot(moved)[..4], [1, 2, DIRT, DIRT]);
        assert_eq!(*slots.freed.borrow(), [(block, bytes(9))]);
    }

    #[test]
    fn a_zeroing_move_zeroes_all_that_is_granted_past_the_old_bytes() {
        let slots = Slots::new().of_grain(16);
        let block = slots.numbered(bytes(3));
        // SAFETY: live, and asked for with three bytes.
        let moved = unsafe { reallocate_zeroed(&slots, block, bytes(3), bytes(17)) }.unwrap();
        let slot = slots.slot(moved);
        assert_eq!(slot[..3], [1, 2, 3]);
        assert_eq!(slot[3..32], [0; 29]);
        assert_eq!(slot[32], DIRT);
    }

    #[test]
    fn zeroing_in_place_starts_at_the_old_size() {
        let slots = Slots::new().of_grain(16).growing();
        let block = slots.numbered(bytes(3));
        // SAFETY: live, and asked for with three bytes.
        let same = unsafe { reallocate_zeroed(&slots, block, bytes(3), bytes(17)) };
        assert_eq!(same, Ok(block));
        let slot = slots.slot(block);
        assert_eq!(slot[..3], [1, 2, 3]);
        assert_eq!(slot[3..32], [0; 29]);
        assert_eq!(slot[32], DIRT);
    }

    #[test]
    fn zeroing_while_shrinking_in_place_keeps_what_stays() {
        let slots = Slots::new().growing();
        let block = slots.numbered(bytes(9));
        // SAFETY: live, and asked for with nine bytes.
        let same = unsafe { reallocate_zeroed(&slots, block, bytes(9), bytes(4)) };
        assert_eq!(same, Ok(block));
        assert_eq!(slots.slot(block)[..6], [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_failed_move_leaves_the_old_block() {
        let slots = Slots::new();
        let block = slots.numbered(bytes(3));
        slots.left.set(0);
        // SAFETY: live, and asked for with three bytes.
        assert_eq!(unsafe { reallocate(&slots, block, bytes(3), bytes(9)) }, Err(AllocError));
        // SAFETY: as above.
        assert_eq!(unsafe { reallocate_zeroed(&slots, block, bytes(3), bytes(9)) }, Err(AllocError));
        assert_eq!(slots.slot(block)[..4], [1, 2, 3, DIRT]);
        assert!(slots.freed.borrow().is_empty());
    }

    #[test]
    fn shrinking_in_a_class_needs_no_memory_even_if_resize_refuses() {
        let slots = Slots::new().of_grain(16);
        let block = slots.numbered(bytes(15));
        slots.left.set(0);
        // SAFETY: live, and asked for with 15 bytes.
        assert_eq!(unsafe { reallocate(&slots, block, bytes(15), bytes(2)) }, Ok(block));
    }

    #[test]
    fn another_alignment_moves_the_block() {
        let slots = Slots::new().growing();
        let aligned = Layout::from_size_align(4, 2).unwrap();
        let block = slots.numbered(bytes(4));
        // SAFETY: live, and asked for with this layout.
        let moved = unsafe { reallocate(&slots, block, bytes(4), aligned) }.unwrap();
        assert_ne!(moved, block);
        assert_eq!(slots.slot(moved)[..5], [1, 2, 3, 4, DIRT]);
        assert_eq!(*slots.freed.borrow(), [(block, bytes(4))]);
    }

    #[test]
    fn from_zero_and_to_zero_copy_nothing() {
        let slots = Slots::new().growing();
        let nothing = slots.allocate(bytes(0)).unwrap();
        // SAFETY: a block of size zero of this allocator.
        let block = unsafe { reallocate(&slots, nothing, bytes(0), bytes(4)) }.unwrap();
        assert_eq!(slots.slot(block)[..2], [DIRT; 2]);
        // SAFETY: live, and asked for with four bytes.
        let gone = unsafe { reallocate(&slots, block, bytes(4), bytes(0)) };
        assert_eq!(gone, Ok(empty(bytes(0))));
        assert_eq!(*slots.freed.borrow(), [(nothing, bytes(0)), (block, bytes(4))]);
    }
}
