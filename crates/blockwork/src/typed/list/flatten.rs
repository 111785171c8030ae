//! Lists of arrays as lists of what is in them.

use core::mem::ManuallyDrop;

use super::List;
use crate::typed::{handle::Handle, space::Space};

impl<T, A: Handle, const N: usize> List<[T; N], A> {
    /// The elements of all arrays as one list, in the same memory.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let pairs = List::<_, System>::from([[1, 2], [3, 4]]);
    /// assert_eq!(pairs.into_flattened(), [1, 2, 3, 4]);
    /// ```
    ///
    /// # Panics
    ///
    /// If there are more than `usize::MAX` elements, which take no space then.
    #[must_use]
    #[track_caller]
    pub fn into_flattened(self) -> List<T, A> {
        let len = self.len.checked_mul(N);
        assert!(len.is_some(), "more elements than can be counted");
        let list = ManuallyDrop::new(self);
        let capacity = match (size_of::<T>(), N) {
            (0, _) => usize::MAX,
            (_, 0) => 0,
            // Elements of a block, so no more than there are bytes.
            _ => list.space.capacity().wrapping_mul(N),
        };
        // SAFETY: arrays are aligned as their elements are, and as many of these
        // take the same bytes; the block is given up above.
        let space = unsafe { Space::from_raw(list.space.start().cast(), capacity) };
        // SAFETY: the elements of arrays that lived; no more than there is room for.
        unsafe { List::from_space(space, len.unwrap_or(0)) }
    }
}
