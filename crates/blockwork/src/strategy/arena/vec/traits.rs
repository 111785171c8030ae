//! What other traits ask of an [`ArenaVec`].

use core::{fmt, slice};

use super::ArenaVec;
#[cfg(feature = "std")]
use crate::alloc::AllocError;
use crate::{alloc::Allocate, strategy::arena::region::ready};

impl<T, R: Allocate> Extend<T> for ArenaVec<T, R> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        ready(self.try_extend(values));
    }
}

impl<'t, T: Copy + 't, R: Allocate> Extend<&'t T> for ArenaVec<T, R> {
    fn extend<I: IntoIterator<Item = &'t T>>(&mut self, values: I) {
        ready(self.try_extend(values.into_iter().copied()));
    }
}

impl<T: fmt::Debug, R: Allocate> fmt::Debug for ArenaVec<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T: Eq, R: Allocate> Eq for ArenaVec<T, R> {}

impl<T: PartialEq<U>, U, R: Allocate, S: Allocate> PartialEq<ArenaVec<U, S>> for ArenaVec<T, R> {
    fn eq(&self, other: &ArenaVec<U, S>) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: PartialEq<U>, U, R: Allocate> PartialEq<[U]> for ArenaVec<T, R> {
    fn eq(&self, other: &[U]) -> bool {
        self[..] == other[..]
    }
}

impl<T: PartialEq<U>, U, R: Allocate, const N: usize> PartialEq<[U; N]> for ArenaVec<T, R> {
    fn eq(&self, other: &[U; N]) -> bool {
        self[..] == other[..]
    }
}

impl<T, R: Allocate> AsRef<[T]> for ArenaVec<T, R> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

#[cfg(feature = "std")]
impl<R: Allocate> std::io::Write for ArenaVec<u8, R> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.try_extend_from_slice_copy(bytes).map_err(|AllocError| std::io::ErrorKind::OutOfMemory.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'v, T, R: Allocate> IntoIterator for &'v ArenaVec<T, R> {
    type Item = &'v T;
    type IntoIter = slice::Iter<'v, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'v, T, R: Allocate> IntoIterator for &'v mut ArenaVec<T, R> {
    type Item = &'v mut T;
    type IntoIter = slice::IterMut<'v, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
