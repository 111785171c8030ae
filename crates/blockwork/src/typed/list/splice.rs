//! [`Splice`]: exchanges a range of a list for what an iterator yields.

use core::{fmt, iter::FusedIterator, ops::RangeBounds};

use super::{Drain, IntoIter, List, indices, slots::Close};
use crate::{
    alloc::AllocError,
    typed::{handle::Handle, or_panic},
};

impl<T, A: Handle> List<T, A> {
    /// Takes the elements in `range` out, and puts what `with` yields in their
    /// place when the returned iterator is dropped.
    ///
    /// # Panics
    ///
    /// If there is no such range; and, when it is dropped, without memory.
    #[track_caller]
    pub fn splice<I: IntoIterator<Item = T>>(
        &mut self,
        range: impl RangeBounds<usize>,
        with: I,
    ) -> Splice<'_, I::IntoIter, A> {
        Splice { drain: Drain::new(self, range, Close::Slide), with: with.into_iter() }
    }

    /// [`splice`](Self::splice) that has all of `with`, and room for it, before it takes
    /// anything out: dropping what it returns needs no more memory.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let mut list = List::<_, System>::from([1, 2, 5]);
    /// assert!(list.try_splice(1..2, [2, 3, 4])?.eq([2]));
    /// assert_eq!(list, [1, 2, 3, 4, 5]);
    /// # Ok::<(), blockwork::AllocError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed, and what was taken of `with`
    /// is dropped.
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn try_splice(
        &mut self,
        range: impl RangeBounds<usize>,
        with: impl IntoIterator<Item = T>,
    ) -> Result<Splice<'_, IntoIter<T, A>, A>, AllocError> {
        let range = indices(range, self.len);
        let with = Self::try_from_iter(with)?;
        self.try_reserve(with.len.saturating_sub(range.len()))?;
        Ok(self.splice(range, with))
    }

    /// Drops the elements in `range`, and puts clones of `elements` in their place.
    ///
    /// # Panics
    ///
    /// If there is no such range, and without memory.
    #[track_caller]
    pub fn replace_range(&mut self, range: impl RangeBounds<usize>, elements: &[T])
    where
        T: Clone,
    {
        or_panic(self.try_replace_range(range, elements));
    }

    /// [`replace_range`](Self::replace_range), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn try_replace_range(&mut self, range: impl RangeBounds<usize>, elements: &[T]) -> Result<(), AllocError>
    where
        T: Clone,
    {
        let range = indices(range, self.len);
        let more = elements.len().saturating_sub(range.len());
        // Before anything is dropped.
        self.try_reserve(more)?;
        let mut drain = self.drain(range);
        drain.by_ref().for_each(drop);
        drain.slots.try_widen(more)?;
        drain.slots.fill_clones(elements);
        Ok(())
    }

    /// [`replace_range`](Self::replace_range) that never asks for memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no room; nothing has changed.
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn replace_range_within_capacity(
        &mut self,
        range: impl RangeBounds<usize>,
        elements: &[T],
    ) -> Result<(), AllocError>
    where
        T: Clone,
    {
        let range = indices(range, self.len);
        if elements.len().saturating_sub(range.len()) > self.spare() {
            return Err(AllocError);
        }
        self.try_replace_range(range, elements)
    }
}

/// Yields what it takes out of a [`List`]; made by [`List::splice`].
///
/// If it is forgotten, the elements in the range and behind it are lost.
pub struct Splice<'a, I: Iterator, A: Handle> {
    drain: Drain<'a, I::Item, A>,
    with: I,
}

impl<I: Iterator, A: Handle> Iterator for Splice<'_, I, A> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.drain.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.drain.size_hint()
    }
}

impl<I: Iterator, A: Handle> DoubleEndedIterator for Splice<'_, I, A> {
    fn next_back(&mut self) -> Option<I::Item> {
        self.drain.next_back()
    }
}

impl<I: Iterator, A: Handle> ExactSizeIterator for Splice<'_, I, A> {}
impl<I: Iterator, A: Handle> FusedIterator for Splice<'_, I, A> {}

impl<I: Iterator, A: Handle> Drop for Splice<'_, I, A> {
    fn drop(&mut self) {
        self.drain.by_ref().for_each(drop);
        // All of the gap is open now.
        let slots = &mut self.drain.slots;
        if !slots.fill_from(&mut self.with) {
            return;
        }
        // The hint may be wrong: too much of it is not asked for in earnest.
        if slots.try_widen(self.with.size_hint().0).is_ok() && !slots.fill_from(&mut self.with) {
            return;
        }
        let mut rest: List<I::Item, A> = self.with.by_ref().collect();
        or_panic(slots.try_widen(rest.len));
        slots.fill_from(&mut rest.drain(..));
    }
}

impl<I: Iterator, A: Handle> fmt::Debug for Splice<'_, I, A>
where
    I::Item: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Splice").field("drain", &self.drain).finish_non_exhaustive()
    }
}
