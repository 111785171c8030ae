//! What lists and slices are to the rest of the language.

use core::{
    borrow::{Borrow, BorrowMut},
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use super::{Drain, IntoIter, List};
use crate::typed::{exhausted, handle::Handle, or_panic, slice::Slice};

impl<T, A: Handle> Default for List<T, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone, A: Handle> Clone for List<T, A> {
    fn clone(&self) -> Self {
        or_panic(self.try_clone())
    }

    fn clone_from(&mut self, from: &Self) {
        or_panic(self.try_clone_from(from));
    }
}

impl<T, A: Handle> Extend<T> for List<T, A> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, from: I) {
        if self.try_extend(from).is_err() {
            exhausted()
        }
    }
}

impl<'a, T: Copy + 'a, A: Handle> Extend<&'a T> for List<T, A> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, from: I) {
        self.extend(from.into_iter().copied());
    }
}

impl<T, A: Handle> FromIterator<T> for List<T, A> {
    fn from_iter<I: IntoIterator<Item = T>>(from: I) -> Self {
        or_panic(Self::try_from_iter(from))
    }
}

impl<T, A: Handle> FromIterator<T> for Slice<T, A> {
    fn from_iter<I: IntoIterator<Item = T>>(from: I) -> Self {
        or_panic(Self::try_from_iter(from))
    }
}

impl<T, A: Handle> From<Slice<T, A>> for List<T, A> {
    fn from(slice: Slice<T, A>) -> Self {
        slice.into_list()
    }
}

impl<T, A: Handle> From<List<T, A>> for Slice<T, A> {
    fn from(list: List<T, A>) -> Self {
        list.into_slice()
    }
}

/// The list, where it does not have as many elements.
impl<T, A: Handle, const N: usize> TryFrom<List<T, A>> for [T; N] {
    type Error = List<T, A>;

    fn try_from(mut list: List<T, A>) -> Result<Self, List<T, A>> {
        if list.len != N {
            return Err(list);
        }
        list.len = 0;
        // SAFETY: `N` elements lived there, and the list has just given them up.
        Ok(unsafe { list.space.start().cast().read() })
    }
}

impl<T, A: Handle> AsRef<[T]> for Drain<'_, T, A> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, A: Handle> AsRef<[T]> for IntoIter<T, A> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

/// That of no elements.
impl<T, A: Handle> Default for IntoIter<T, A> {
    fn default() -> Self {
        List::new().into_iter()
    }
}

/// What is the same for both.
macro_rules! both {
    ($($container:ident)+) => {$(
        impl<T: Clone, A: Handle> From<&[T]> for $container<T, A> {
            fn from(elements: &[T]) -> Self {
                or_panic(Self::try_from_slice(elements))
            }
        }

        impl<T: Clone, A: Handle, const N: usize> From<&[T; N]> for $container<T, A> {
            fn from(elements: &[T; N]) -> Self {
                Self::from(elements.as_slice())
            }
        }

        impl<T, A: Handle, const N: usize> From<[T; N]> for $container<T, A> {
            fn from(elements: [T; N]) -> Self {
                or_panic(Self::try_from_array(elements))
            }
        }

        impl<A: Handle> From<&str> for $container<u8, A> {
            fn from(text: &str) -> Self {
                Self::from(text.as_bytes())
            }
        }

        impl<T: PartialEq<U>, U, A: Handle, B: Handle> PartialEq<List<U, B>> for $container<T, A> {
            fn eq(&self, other: &List<U, B>) -> bool {
                **self == **other
            }
        }

        impl<T: PartialEq<U>, U, A: Handle, B: Handle> PartialEq<Slice<U, B>> for $container<T, A> {
            fn eq(&self, other: &Slice<U, B>) -> bool {
                **self == **other
            }
        }

        impl<T: PartialEq<U>, U, A: Handle> PartialEq<[U]> for $container<T, A> {
            fn eq(&self, other: &[U]) -> bool {
                **self == *other
            }
        }

        impl<T: PartialEq<U>, U, A: Handle> PartialEq<&[U]> for $container<T, A> {
            fn eq(&self, other: &&[U]) -> bool {
                **self == **other
            }
        }

        impl<T: PartialEq<U>, U, A: Handle> PartialEq<&mut [U]> for $container<T, A> {
            fn eq(&self, other: &&mut [U]) -> bool {
                **self == **other
            }
        }

        impl<T: PartialEq<U>, U, A: Handle, const N: usize> PartialEq<[U; N]> for $container<T, A> {
            fn eq(&self, other: &[U; N]) -> bool {
                **self == *other
            }
        }

        impl<T: PartialEq<U>, U, A: Handle, const N: usize> PartialEq<&[U; N]> for $container<T, A> {
            fn eq(&self, other: &&[U; N]) -> bool {
                **self == **other
            }
        }

        impl<T: Eq, A: Handle> Eq for $container<T, A> {}

        impl<T: PartialOrd, A: Handle> PartialOrd for $container<T, A> {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                (**self).partial_cmp(&**other)
            }
        }

        impl<T: Ord, A: Handle> Ord for $container<T, A> {
            fn cmp(&self, other: &Self) -> Ordering {
                (**self).cmp(&**other)
            }
        }

        impl<T: Hash, A: Handle> Hash for $container<T, A> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                (**self).hash(state);
            }
        }

        impl<T, A: Handle> AsRef<[T]> for $container<T, A> {
            fn as_ref(&self) -> &[T] {
                self
            }
        }

        impl<T, A: Handle> AsMut<[T]> for $container<T, A> {
            fn as_mut(&mut self) -> &mut [T] {
                self
            }
        }

        impl<T, A: Handle> Borrow<[T]> for $container<T, A> {
            fn borrow(&self) -> &[T] {
                self
            }
        }

        impl<T, A: Handle> BorrowMut<[T]> for $container<T, A> {
            fn borrow_mut(&mut self) -> &mut [T] {
                self
            }
        }
    )+};
}
both!(List Slice);
