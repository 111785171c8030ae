//! What takes elements out of a list.

use core::ops::RangeBounds;

use super::{
    Drain, ExtractIf, List, indices, out_of_range,
    slots::{Close, Slots},
};
use crate::{
    alloc::AllocError,
    typed::{handle::Handle, or_panic},
};

impl<T, A: Handle> List<T, A> {
    /// Takes the last element.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        // SAFETY: below the old length.
        let element = unsafe { self.at(last) };
        // SAFETY: it lived, and the list has just given it up.
        Some(unsafe { element.read() })
    }

    /// Takes the last element if `wanted` says so.
    pub fn pop_if(&mut self, wanted: impl FnOnce(&mut T) -> bool) -> Option<T> {
        if wanted(self.last_mut()?) { self.pop() } else { None }
    }

    /// Takes the element at `index`; those behind it move down.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> T {
        self.take(index, Close::Slide)
    }

    /// Takes the element at `index`; the last one takes its place.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    #[track_caller]
    pub fn swap_remove(&mut self, index: usize) -> T {
        self.take(index, Close::Jump)
    }

    #[inline]
    #[track_caller]
    fn take(&mut self, index: usize, close: Close) -> T {
        if index >= self.len {
            out_of_range(self.len);
        }
        // SAFETY: below the length.
        let element = unsafe { self.at(index) };
        // SAFETY: it lives, and the gap takes it from the list.
        let value = unsafe { element.read() };
        drop(Slots::cut(self, index, index.wrapping_add(1), close));
        value
    }

    /// Drops all elements from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.drop_from(len);
        }
    }

    /// Drops all elements; the memory stays.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Takes the elements in `range` out, one by one; those behind move down when
    /// the iterator is dropped, and what it has not yielded is dropped.
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> Drain<'_, T, A> {
        Drain::new(self, range, Close::Slide)
    }

    /// [`drain`](Self::drain), but the last elements of the list, in their order,
    /// fill the gap: as many move as were taken, whatever the length of the list.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let mut list: List<u32, System> = (0..8).collect();
    /// let taken: List<u32, System> = list.swap_drain(1..3).collect();
    /// assert_eq!(taken, [1, 2]);
    /// assert_eq!(list, [0, 6, 7, 3, 4, 5]);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn swap_drain(&mut self, range: impl RangeBounds<usize>) -> Drain<'_, T, A> {
        Drain::new(self, range, Close::Jump)
    }

    /// Takes those elements in `range` that `wanted` chooses, one by one. What the
    /// iterator has not come to when it is dropped stays.
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn extract_if<F: FnMut(&mut T) -> bool>(
        &mut self,
        range: impl RangeBounds<usize>,
        wanted: F,
    ) -> ExtractIf<'_, T, F, A> {
        ExtractIf::new(self, range, wanted)
    }

    /// Drops the elements that `keep` does not choose.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.retain_mut(|element| keep(element));
    }

    /// Drops the elements that `keep` does not choose; it may change them.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        self.extract_if(.., |element| !keep(element)).for_each(drop);
    }

    /// Drops elements that equal the one before.
    pub fn dedup(&mut self)
    where
        T: PartialEq,
    {
        self.dedup_by(|this, before| this == before);
    }

    /// Drops elements whose key equals that of the one before.
    pub fn dedup_by_key<K: PartialEq>(&mut self, mut key: impl FnMut(&mut T) -> K) {
        self.dedup_by(|this, before| key(this) == key(before));
    }

    /// Drops elements of which `same` says, given them and the one before, that
    /// they are the same.
    pub fn dedup_by(&mut self, mut same: impl FnMut(&mut T, &mut T) -> bool) {
        if self.len < 2 {
            return;
        }
        let mut slots = Slots::cut(self, 1, 1, Close::Slide);
        while slots.tail_len != 0 {
            // SAFETY: there is a tail.
            let mut this = unsafe { slots.list.at(slots.tail) };
            // SAFETY: the list has at least one element.
            let mut before = unsafe { slots.list.at(slots.list.len.wrapping_sub(1)) };
            // SAFETY: it lives, and nobody else reaches it.
            let this_mut = unsafe { this.as_mut() };
            // SAFETY: as above, and it is another one.
            if same(this_mut, unsafe { before.as_mut() }) {
                // SAFETY: there is a tail, and its first element is dropped here.
                unsafe { slots.shift() }
                // SAFETY: it lived, and nobody reaches it any more.
                unsafe { this.drop_in_place() }
            } else {
                // SAFETY: there is a tail.
                unsafe { slots.keep() }
            }
        }
    }

    /// Takes the elements from `at` on into a list of their own.
    ///
    /// # Panics
    ///
    /// If `at` is above the length, and without memory.
    #[must_use = "use `truncate` to drop the elements"]
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        or_panic(self.try_split_off(at))
    }

    /// [`split_off`](Self::split_off), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `at` is above the length.
    #[track_caller]
    pub fn try_split_off(&mut self, at: usize) -> Result<Self, AllocError> {
        let range = indices(at.., self.len);
        let mut other = Self::try_with_capacity(range.len())?;
        // SAFETY: at most the length.
        let from = unsafe { self.at(at) };
        // SAFETY: the other list has room for all of them.
        unsafe { other.space.start().copy_from_nonoverlapping(from, range.len()) }
        self.len = at;
        other.len = range.len();
        Ok(other)
    }
}
