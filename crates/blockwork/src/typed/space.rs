//! `Space`: one block of a static allocator, measured in elements.
//!
//! ```text
//! [ live ........ | uninitialised ...... | rest ]
//! ^ start                                ^ capacity elements
//!                                        the whole grant, but for less than one element
//! ```
//!
//! It knows nothing of which elements live; who does, says so.

use core::{alloc::Layout, fmt, marker::PhantomData, mem, ptr::NonNull};

use super::handle::Handle;
use crate::{
    alloc::{AllocError, empty},
    math::align::SIZE_MAX,
};

/// Whether a block that is too small may be exchanged for another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// The elements may move to another address.
    Allowed,
    /// They stay where they are.
    Never,
}

/// Room for elements; frees it when dropped.
pub(super) struct Space<T, A: Handle> {
    /// The first element; dangling without a block.
    start: NonNull<T>,
    /// Elements there is room for; zero without a block, but `usize::MAX` if
    /// elements take no space, which never need one. Invariant: a block fits
    /// `layout(capacity)`.
    capacity: usize,
    _block: PhantomData<(T, A)>,
}

// SAFETY: owns its block exclusively, and the allocator behind `A` is usable
// from any thread.
unsafe impl<T: Send, A: Handle> Send for Space<T, A> {}

// SAFETY: gives out no more than addresses through `&self`; what its owners give
// out through `&self` are shared references to elements.
unsafe impl<T: Sync, A: Handle> Sync for Space<T, A> {}

impl<T, A: Handle> Space<T, A> {
    const ELEMENT: usize = size_of::<T>();

    /// The first block holds at least so many: smaller ones are soon too small.
    const LEAST: usize = if Self::ELEMENT == 1 {
        8
    } else if Self::ELEMENT <= 1024 {
        4
    } else {
        1
    };

    const ALIGN: usize = {
        assert!(A::ALIGN.is_power_of_two(), "an alignment is a power of two");
        if A::ALIGN > align_of::<T>() { A::ALIGN } else { align_of::<T>() }
    };

    /// Where elements are that need no memory.
    pub(super) const NOWHERE: NonNull<T> = match Layout::from_size_align(0, Self::ALIGN) {
        Ok(layout) => empty(layout).cast(),
        Err(_) => NonNull::dangling(),
    };

    /// No room, and no memory.
    pub(super) const fn new() -> Self {
        Self { start: Self::NOWHERE, capacity: if Self::ELEMENT == 0 { usize::MAX } else { 0 }, _block: PhantomData }
    }

    /// Takes the block at `start` over, with room for `capacity`.
    ///
    /// # Safety
    ///
    /// - `start` and `capacity` came from [`start`](Self::start) and
    ///   [`capacity`](Self::capacity) of one space that was forgotten, or
    ///   `capacity` is smaller, not zero, and of the same class.
    pub(super) const unsafe fn from_raw(start: NonNull<T>, capacity: usize) -> Self {
        Self { start, capacity: if Self::ELEMENT == 0 { usize::MAX } else { capacity }, _block: PhantomData }
    }

    /// Room for at least `count`, and as much more as is granted.
    pub(super) fn try_with_capacity(count: usize) -> Result<Self, AllocError> {
        if Self::ELEMENT == 0 || count == 0 {
            return Ok(Self::new());
        }
        let layout = Self::layout(count)?;
        let start = A::HANDLE.allocate(layout)?.cast();
        Ok(Self { start, capacity: Self::capacity_of(layout), _block: PhantomData })
    }

    /// The elements that a request for `count` has room for.
    pub(super) fn try_whole(count: usize) -> Result<usize, AllocError> {
        // What takes no space has room without end: as asked.
        if Self::ELEMENT == 0 { Ok(count) } else { Ok(Self::capacity_of(Self::layout(count)?)) }
    }

    #[inline]
    pub(super) const fn start(&self) -> NonNull<T> {
        self.start
    }

    #[inline]
    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for `more` elements behind the first `live`; the room grows
    /// by half of what it will be, so that pushing takes constant time.
    #[inline]
    pub(super) fn try_reserve(&mut self, live: usize, more: usize) -> Result<(), AllocError> {
        // Never below zero: there is room for what lives.
        if more <= self.capacity.wrapping_sub(live) { Ok(()) } else { self.grow(live, more) }
    }

    #[cold]
    fn grow(&mut self, live: usize, more: usize) -> Result<(), AllocError> {
        let needed = live.checked_add(more).ok_or(AllocError)?;
        let ample = self.capacity.saturating_mul(2).max(Self::LEAST);
        // Short of memory, what is needed is better than nothing.
        if needed < ample && self.try_resize(live, ample, Move::Allowed).is_ok() {
            return Ok(());
        }
        self.try_resize(live, needed, Move::Allowed)
    }

    /// Makes the room what is granted for `target` elements, in place if
    /// possible. The first `live` ones, at most `target`, are kept.
    ///
    /// On failure nothing has changed.
    pub(super) fn try_resize(&mut self, live: usize, target: usize, by: Move) -> Result<(), AllocError> {
        if Self::ELEMENT == 0 {
            return if live <= target { Ok(()) } else { Err(AllocError) };
        }
        if target == 0 {
            *self = Self::new();
            return Ok(());
        }
        let new = Self::layout(target)?;
        if self.block().is_some_and(|old| self.stays(old, new)) {
            self.capacity = Self::capacity_of(new);
            return Ok(());
        }
        match by {
            Move::Allowed => self.try_move(live, target),
            Move::Never => Err(AllocError),
        }
    }

    /// Makes all that is granted for the capacity usable.
    pub(super) fn widen(&mut self) {
        if let Some(layout) = self.block() {
            self.capacity = Self::capacity_of(layout);
        }
    }

    /// Whether the block of `old` is now one of `new`, where it stands.
    fn stays(&self, old: Layout, new: Layout) -> bool {
        if A::HANDLE.granted(old) == A::HANDLE.granted(new) {
            return true;
        }
        // SAFETY: the block is ours and live, and `old` fits it (invariant).
        unsafe { A::HANDLE.resize(self.start.cast(), old, new) }.is_ok()
    }

    /// Exchanges the block for one with room for `target`, at least `live`.
    fn try_move(&mut self, live: usize, target: usize) -> Result<(), AllocError> {
        let new = Self::try_with_capacity(target)?;
        // SAFETY: the caller's `live` elements fit both blocks, and a block
        // that is fresh is not the old one.
        unsafe { new.start.copy_from_nonoverlapping(self.start, live) }
        drop(mem::replace(self, new));
        Ok(())
    }

    /// The layout that fits the block, if there is one.
    #[inline]
    fn block(&self) -> Option<Layout> {
        if Self::ELEMENT == 0 || self.capacity == 0 {
            return None;
        }
        Self::layout(self.capacity).ok()
    }

    /// The one place that says what a number of elements is asked for as.
    #[inline]
    fn layout(count: usize) -> Result<Layout, AllocError> {
        let size = Self::ELEMENT.checked_mul(count).ok_or(AllocError)?;
        Layout::from_size_align(size, Self::ALIGN).map_err(|_| AllocError)
    }

    /// How many elements fit what is granted for `layout`, in layouts.
    fn capacity_of(layout: Layout) -> usize {
        let largest = SIZE_MAX.wrapping_sub(Self::ALIGN.wrapping_sub(1));
        let usable = A::HANDLE.granted(layout).min(largest);
        usable.checked_div(Self::ELEMENT).unwrap_or(usize::MAX)
    }
}

impl<T, A: Handle> Drop for Space<T, A> {
    #[inline]
    fn drop(&mut self) {
        if let Some(layout) = self.block() {
            // SAFETY: the block is ours and live, and the layout fits it
            // (invariant); it is not used again.
            unsafe { A::HANDLE.deallocate(self.start.cast(), layout) }
        }
    }
}

impl<T, A: Handle> fmt::Debug for Space<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("start", &self.start).field("capacity", &self.capacity).finish()
    }
}
