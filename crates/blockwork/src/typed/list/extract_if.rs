//! [`ExtractIf`]: takes chosen elements out of a list.

use core::{fmt, iter::FusedIterator, ops::RangeBounds};

use super::{
    List, indices,
    slots::{Close, Slots},
};
use crate::typed::handle::Handle;

/// Takes chosen elements out of a [`List`]; made by [`List::extract_if`].
///
/// If it is forgotten, what it has not come to is lost.
pub struct ExtractIf<'a, T, F, A: Handle> {
    /// The gap left by what was taken; what comes next is the start of the tail.
    slots: Slots<'a, T, A>,
    /// Elements to look at. Invariant: at most those of the tail.
    left: usize,
    wanted: F,
}

impl<'a, T, F, A: Handle> ExtractIf<'a, T, F, A> {
    #[track_caller]
    pub(super) fn new(list: &'a mut List<T, A>, range: impl RangeBounds<usize>, wanted: F) -> Self {
        let range = indices(range, list.len);
        let left = range.len();
        Self { slots: Slots::cut(list, range.start, range.start, Close::Slide), left, wanted }
    }
}

impl<T, F: FnMut(&mut T) -> bool, A: Handle> Iterator for ExtractIf<'_, T, F, A> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while let Some(left) = self.left.checked_sub(1) {
            // SAFETY: below the capacity.
            let mut element = unsafe { self.slots.list.at(self.slots.tail) };
            // SAFETY: the first of the tail lives, and nobody else reaches it.
            let is_wanted = (self.wanted)(unsafe { element.as_mut() });
            self.left = left;
            if is_wanted {
                // SAFETY: there is a tail, and its first element is taken here.
                unsafe { self.slots.shift() }
                // SAFETY: it lived, and nobody else takes it.
                return Some(unsafe { element.read() });
            }
            // SAFETY: there is a tail.
            unsafe { self.slots.keep() }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl<T, F: FnMut(&mut T) -> bool, A: Handle> FusedIterator for ExtractIf<'_, T, F, A> {}

impl<T, F, A: Handle> fmt::Debug for ExtractIf<'_, T, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractIf").field("left", &self.left).finish_non_exhaustive()
    }
}
