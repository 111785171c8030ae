//! Slices of plain values that change their length.
//!
//! Elements that are more than bytes would have to be dropped before it is known
//! whether the allocator can shrink their block: take a [`List`](super::List) for
//! those, and turn it into a slice at the end.

use core::{mem::ManuallyDrop, ptr::NonNull};

use super::{Move, Slice, Space, or_panic};
use crate::{alloc::AllocError, typed::handle::Handle};

/// How long a slice becomes.
#[derive(Clone, Copy)]
enum Length {
    /// As asked.
    Exact,
    /// All that is granted for what was asked.
    Whole,
}

impl<T: Copy, A: Handle> Slice<T, A> {
    /// Makes the slice `len` long; what is new is `value`.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn resize(&mut self, len: usize, value: T) {
        or_panic(self.try_resize(len, value));
    }

    /// [`resize`](Self::resize), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_resize(&mut self, len: usize, value: T) -> Result<(), AllocError> {
        self.change(len, Length::Exact, Move::Allowed, value)
    }

    /// [`resize`](Self::resize) that never moves: addresses of the elements that
    /// stay are still valid.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the elements would have to move, or there is no memory
    /// at all yet; nothing has changed.
    pub fn try_resize_in_place(&mut self, len: usize, value: T) -> Result<(), AllocError> {
        self.change(len, Length::Exact, Move::Never, value)
    }

    /// Makes the slice as long as what the allocator grants for `min` elements;
    /// what is new is `value`.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn resize_at_least(&mut self, min: usize, value: T) {
        or_panic(self.try_resize_at_least(min, value));
    }

    /// [`resize_at_least`](Self::resize_at_least), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_resize_at_least(&mut self, min: usize, value: T) -> Result<(), AllocError> {
        self.change(min, Length::Whole, Move::Allowed, value)
    }

    /// [`resize_at_least`](Self::resize_at_least) that never moves.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the elements would have to move, or there is no memory
    /// at all yet; nothing has changed.
    pub fn try_resize_at_least_in_place(&mut self, min: usize, value: T) -> Result<(), AllocError> {
        self.change(min, Length::Whole, Move::Never, value)
    }

    fn change(&mut self, target: usize, length: Length, by: Move, value: T) -> Result<(), AllocError> {
        let old = self.len();
        let len = match length {
            Length::Exact => target,
            Length::Whole => Space::<T, A>::try_whole(target)?,
        };
        // SAFETY: the block is that of the elements; `self` owns it until it is
        // given another, and the space is not dropped.
        let mut space = ManuallyDrop::new(unsafe { Self::space(self.elements) });
        space.try_resize(old.min(len), len, by)?;
        // Values that take no space are all there already.
        let end = if size_of::<T>() == 0 { old } else { len };
        for index in old..end {
            // SAFETY: below the capacity.
            let element = unsafe { space.start().add(index) };
            // SAFETY: in the block, and plain.
            unsafe { element.write(value) }
        }
        self.elements = NonNull::slice_from_raw_parts(space.start(), len);
        Ok(())
    }
}
