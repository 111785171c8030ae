//! [`Drain`]: takes a range of elements out of a list.

use core::{
    fmt,
    iter::FusedIterator,
    mem::{self, MaybeUninit},
    ops::{Range, RangeBounds},
    ptr, slice,
};

use super::{
    List, indices, out_of_range,
    slots::{Close, Slots},
};
use crate::typed::handle::Handle;

/// Takes elements out of a [`List`]; made by [`List::drain`] and
/// [`List::swap_drain`].
///
/// If it is forgotten, the elements in the range and behind it are lost.
pub struct Drain<'a, T, A: Handle> {
    /// Those that were not yielded yet. Invariant: they live, and lie in the gap.
    left: Range<usize>,
    /// The range, and what is behind it. Closes the gap after `left` is dropped.
    pub(super) slots: Slots<'a, T, A>,
}

impl<'a, T, A: Handle> Drain<'a, T, A> {
    #[track_caller]
    pub(super) fn new(list: &'a mut List<T, A>, range: impl RangeBounds<usize>, close: Close) -> Self {
        let left = indices(range, list.len);
        let slots = Slots::cut(list, left.start, left.end, close);
        Self { left, slots }
    }

    /// Moves all elements that were not yielded into `slots`, and ends.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use blockwork::{List, System};
    ///
    /// let mut list: List<u32, System> = (0..6).collect();
    /// let mut slots = [MaybeUninit::uninit(); 4];
    /// assert_eq!(list.drain(1..4).write_into(&mut slots), [1, 2, 3]);
    /// assert_eq!(list, [0, 4, 5]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `slots` are fewer.
    #[track_caller]
    pub fn write_into(mut self, slots: &mut [MaybeUninit<T>]) -> &mut [T] {
        let count = self.left.len();
        if count > slots.len() {
            out_of_range(slots.len());
        }
        let to = slots.as_mut_ptr().cast::<T>();
        let from: *const T = self.as_slice().as_ptr();
        self.left.start = self.left.end;
        // SAFETY: so many elements lived, are given up here, and fit the slots,
        // which nobody else holds.
        unsafe { to.copy_from_nonoverlapping(from, count) }
        // SAFETY: so many slots hold an element now.
        unsafe { slice::from_raw_parts_mut(to, count) }
    }
}

impl<T, A: Handle> Drain<'_, T, A> {
    /// What was not yielded yet.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: below the capacity.
        let start = unsafe { self.slots.list.at(self.left.start) };
        // SAFETY: these elements live, and are borrowed as `self` is.
        unsafe { slice::from_raw_parts(start.as_ptr(), self.left.len()) }
    }

    /// Takes the element at an index that has just left `left`.
    ///
    /// # Safety
    ///
    /// - The element lives, and nobody else takes it.
    #[inline]
    unsafe fn read(&self, index: usize) -> T {
        // SAFETY: it is in the block.
        let element = unsafe { self.slots.list.at(index) };
        // SAFETY: the caller's promise.
        unsafe { element.read() }
    }
}

impl<T, A: Handle> Iterator for Drain<'_, T, A> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let index = self.left.next()?;
        // SAFETY: it was among those left, and is not any more.
        Some(unsafe { self.read(index) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<T, A: Handle> DoubleEndedIterator for Drain<'_, T, A> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        let index = self.left.next_back()?;
        // SAFETY: it was among those left, and is not any more.
        Some(unsafe { self.read(index) })
    }
}

impl<T, A: Handle> ExactSizeIterator for Drain<'_, T, A> {}
impl<T, A: Handle> FusedIterator for Drain<'_, T, A> {}

impl<T, A: Handle> Drop for Drain<'_, T, A> {
    fn drop(&mut self) {
        let left = mem::take(&mut self.left);
        // SAFETY: below the capacity.
        let start = unsafe { self.slots.list.at(left.start) };
        let elements = ptr::slice_from_raw_parts_mut(start.as_ptr(), left.len());
        // SAFETY: they lived, and nobody reaches them any more; `slots` closes the
        // gap even if one of them unwinds.
        unsafe { elements.drop_in_place() }
    }
}

impl<T: fmt::Debug, A: Handle> fmt::Debug for Drain<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.as_slice()).finish()
    }
}
