//! [`ArenaIntoIter`]: the values of a vector, one by one.

use core::{fmt, iter::FusedIterator, ops::Range, ptr, slice};

use super::ArenaVec;
use crate::alloc::Allocate;

impl<T, R: Allocate> IntoIterator for ArenaVec<T, R> {
    type Item = T;
    type IntoIter = ArenaIntoIter<T, R>;

    fn into_iter(mut self) -> ArenaIntoIter<T, R> {
        let rest = 0..self.len;
        self.len = 0;
        ArenaIntoIter { vec: self, rest }
    }
}

/// The values of an [`ArenaVec`], one by one.
pub struct ArenaIntoIter<T, R: Allocate> {
    /// The block; counts no values as its own.
    vec: ArenaVec<T, R>,
    /// Those that are initialised still.
    rest: Range<usize>,
}

impl<T, R: Allocate> ArenaIntoIter<T, R> {
    /// Those that were not yielded yet.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: inside the block, or its end.
        let start = unsafe { self.vec.start.add(self.rest.start) };
        // SAFETY: so many are initialised from there.
        unsafe { slice::from_raw_parts(start.as_ptr(), self.rest.len()) }
    }

    /// Moves the value at `index` out, which is not in the rest any more.
    fn take_at(&self, index: usize) -> T {
        // SAFETY: inside the block.
        let value = unsafe { self.vec.start.add(index) };
        // SAFETY: it was initialised, and will not be used again.
        unsafe { value.read() }
    }
}

impl<T, R: Allocate> Iterator for ArenaIntoIter<T, R> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rest.next().map(|index| self.take_at(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl<T, R: Allocate> DoubleEndedIterator for ArenaIntoIter<T, R> {
    fn next_back(&mut self) -> Option<T> {
        self.rest.next_back().map(|index| self.take_at(index))
    }
}

impl<T, R: Allocate> ExactSizeIterator for ArenaIntoIter<T, R> {}
impl<T, R: Allocate> FusedIterator for ArenaIntoIter<T, R> {}

impl<T: fmt::Debug, R: Allocate> fmt::Debug for ArenaIntoIter<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArenaIntoIter").field(&self.as_slice()).finish()
    }
}

impl<T, R: Allocate> Drop for ArenaIntoIter<T, R> {
    fn drop(&mut self) {
        let rest = ptr::from_ref(self.as_slice()).cast_mut();
        self.rest = 0..0;
        // SAFETY: initialised still, and nobody drops them again; the block is
        // freed afterwards, even if one of them unwinds.
        unsafe { rest.drop_in_place() }
    }
}
