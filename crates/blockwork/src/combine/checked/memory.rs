//! Where the books of [`Checked`](super::Checked) lie.

use crate::alloc::Allocate;

/// Says whose memory the books over the parent `A` are: [`Below`] or [`Beside`].
pub trait BooksMemory<A>: sealed::Sealed {
    /// The allocator whose memory they are.
    type Source: Allocate;

    /// That allocator; the same one each time.
    fn source<'a>(&'a self, parent: &'a A) -> &'a Self::Source;
}

/// The books are memory of the parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below;

/// The books are memory of `S`.
#[derive(Clone, Copy, Debug)]
pub struct Beside<S>(pub(super) S);

impl<S: Allocate> Beside<S> {
    /// Books in memory of `source`, which must not get its own memory from the
    /// allocator that is checked.
    pub const fn new(source: S) -> Self {
        Self(source)
    }
}

impl<A: Allocate> BooksMemory<A> for Below {
    type Source = A;

    #[inline]
    fn source<'a>(&'a self, parent: &'a A) -> &'a A {
        parent
    }
}

impl<A, S: Allocate> BooksMemory<A> for Beside<S> {
    type Source = S;

    #[inline]
    fn source<'a>(&'a self, _: &'a A) -> &'a S {
        &self.0
    }
}

/// Books must not go back to another allocator than they are from, so nobody
/// else may choose one.
mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Below {}
    impl<S> Sealed for super::Beside<S> {}
}
