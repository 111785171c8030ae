//! [`IntoIter`]: a list that is used up from both ends.

use core::{fmt, iter::FusedIterator, ops::Range, ptr, slice};

use super::List;
use crate::{
    alloc::AllocError,
    typed::{handle::Handle, or_panic, slice::Slice, space::Space},
};

/// Yields the elements of a [`List`] or [`Slice`], and frees their memory when it
/// is dropped.
pub struct IntoIter<T, A: Handle> {
    /// Those that were not yielded yet. Invariant: they live.
    left: Range<usize>,
    /// Frees the block after `left` is dropped.
    space: Space<T, A>,
}

impl<T, A: Handle> IntoIter<T, A> {
    /// What was not yielded yet.
    #[must_use]
    pub const fn as_slice(&self) -> &[T] {
        // SAFETY: below the capacity.
        let start = unsafe { self.space.start().add(self.left.start) };
        let len = self.left.end.wrapping_sub(self.left.start);
        // SAFETY: these elements live, and are borrowed as `self` is.
        unsafe { slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// What was not yielded yet, to be changed.
    #[must_use]
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: below the capacity.
        let start = unsafe { self.space.start().add(self.left.start) };
        let len = self.left.end.wrapping_sub(self.left.start);
        // SAFETY: these elements live, and are borrowed as `self` is.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) }
    }

    /// Takes the element at an index that has just left `left`.
    ///
    /// # Safety
    ///
    /// - The element lives, and nobody else takes it.
    #[inline]
    const unsafe fn read(&self, index: usize) -> T {
        // SAFETY: it is in the block.
        let element = unsafe { self.space.start().add(index) };
        // SAFETY: the caller's promise.
        unsafe { element.read() }
    }
}

impl<T, A: Handle> Iterator for IntoIter<T, A> {
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

impl<T, A: Handle> DoubleEndedIterator for IntoIter<T, A> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        let index = self.left.next_back()?;
        // SAFETY: it was among those left, and is not any more.
        Some(unsafe { self.read(index) })
    }
}

impl<T, A: Handle> ExactSizeIterator for IntoIter<T, A> {}
impl<T, A: Handle> FusedIterator for IntoIter<T, A> {}

impl<T, A: Handle> Drop for IntoIter<T, A> {
    fn drop(&mut self) {
        let elements: *mut [T] = self.as_mut_slice();
        // SAFETY: they lived, and nobody reaches them any more; `space` frees the
        // block even if one of them unwinds.
        unsafe { ptr::drop_in_place(elements) }
    }
}

impl<T: Clone, A: Handle> IntoIter<T, A> {
    /// An iterator over clones of what was not yielded yet.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Ok(List::try_from_slice(self.as_slice())?.into_iter())
    }
}

impl<T: Clone, A: Handle> Clone for IntoIter<T, A> {
    fn clone(&self) -> Self {
        or_panic(self.try_clone())
    }
}

impl<T: fmt::Debug, A: Handle> fmt::Debug for IntoIter<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoIter").field(&self.as_slice()).finish()
    }
}

impl<T, A: Handle> IntoIterator for List<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;

    fn into_iter(self) -> IntoIter<T, A> {
        let (start, len, capacity) = self.into_raw_parts();
        // SAFETY: the parts of a list that is forgotten.
        let space = unsafe { Space::from_raw(start, capacity) };
        IntoIter { left: 0..len, space }
    }
}

impl<T, A: Handle> IntoIterator for Slice<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;

    fn into_iter(self) -> IntoIter<T, A> {
        self.into_list().into_iter()
    }
}

impl<'a, T, A: Handle> IntoIterator for &'a List<T, A> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, A: Handle> IntoIterator for &'a mut List<T, A> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<'a, T, A: Handle> IntoIterator for &'a Slice<T, A> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, A: Handle> IntoIterator for &'a mut Slice<T, A> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}
