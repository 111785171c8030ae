//! [`Slice`]: elements in the memory of a static allocator, no more and no less.
//!
//! ```text
//! [ element | element | element | rest of the grant ]
//! ^ start                       ^ len
//! ```
//!
//! | | |
//! |---|---|
//! | time | as `Box<[T]>` |
//! | space | 16 bytes; the allocator is in the type |
//! | sharing | as its elements |
//! | failure | `try_` methods return the error; the others panic |
//!
//! The block is freed by its length, which the allocator takes for what it
//! granted. So a slice becomes a [`List`] at no cost, with all of the grant as
//! capacity, and a list a slice, often at none: [`List::into_slice`].
//!
//! When not to use it: for elements that come and go, see [`List`].
//!
//! # Example
//!
//! ```
//! use blockwork::{List, Slice, System};
//!
//! let squares: Slice<u64, System> = (0..5).map(|n| n * n).collect();
//! assert_eq!((&*squares, size_of_val(&squares)), (&[0, 1, 4, 9, 16][..], 16));
//!
//! let mut list = squares.into_list();
//! list.push(25);
//! assert_eq!(list.into_slice().len(), 6);
//! ```

use core::{
    fmt,
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};

use super::{
    handle::Handle,
    list::List,
    or_panic,
    space::{Move, Space},
};
use crate::alloc::AllocError;

mod resize;
mod terminated;

pub use self::terminated::{Sentinel, Terminated, Zero};

/// Owns its elements; see the [module](self).
pub struct Slice<T, A: Handle> {
    /// Invariant: the elements live, and a block fits so many of them.
    elements: NonNull<[T]>,
    _block: PhantomData<(T, A)>,
}

const _: () = {
    assert!(size_of::<Slice<u64, crate::source::null::Null>>() == size_of::<[usize; 2]>(), "a slice is two words");
    assert!(size_of::<Option<Slice<u8, crate::source::null::Null>>>() == size_of::<[usize; 2]>(), "and has a niche");
};

// SAFETY: owns its elements, and the allocator behind `A` is usable from any
// thread.
unsafe impl<T: Send, A: Handle> Send for Slice<T, A> {}

// SAFETY: gives out shared references to elements only.
unsafe impl<T: Sync, A: Handle> Sync for Slice<T, A> {}

impl<T, A: Handle> Slice<T, A> {
    /// No elements, and no memory.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { elements: NonNull::slice_from_raw_parts(Space::<T, A>::NOWHERE, 0), _block: PhantomData }
    }

    /// `len` elements that are not initialised yet.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[must_use]
    #[track_caller]
    pub fn new_uninit(len: usize) -> Slice<MaybeUninit<T>, A> {
        or_panic(Self::try_new_uninit(len))
    }

    /// [`new_uninit`](Self::new_uninit), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_new_uninit(len: usize) -> Result<Slice<MaybeUninit<T>, A>, AllocError> {
        let list = List::<MaybeUninit<T>, A>::try_with_capacity(len)?;
        let (start, ..) = list.into_raw_parts();
        // SAFETY: the block is one for `len` elements, which need no value.
        Ok(unsafe { Slice::from_non_null(NonNull::slice_from_raw_parts(start, len)) })
    }

    /// At least `min` elements that are not initialised yet: as many as the
    /// allocator grants.
    ///
    /// ```
    /// use blockwork::{Locked, Slice, SpanPool, SpanPoolConfig, System, handle};
    ///
    /// # const CONFIG: blockwork::Valid<SpanPoolConfig> = match SpanPoolConfig::DEFAULT.check() {
    /// #     Ok(config) => config,
    /// #     Err(_) => panic!("a wrong configuration"),
    /// # };
    /// static SPANS: Locked<SpanPool<System>> = Locked::new(SpanPool::new(System, CONFIG));
    /// handle!(struct Spans = SPANS;);
    ///
    /// assert_eq!(Slice::<u8, Spans>::new_uninit(777).len(), 777);
    /// assert_eq!(Slice::<u8, Spans>::new_uninit_at_least(777).len(), 4096);
    /// ```
    ///
    /// # Panics
    ///
    /// Without memory.
    #[must_use]
    #[track_caller]
    pub fn new_uninit_at_least(min: usize) -> Slice<MaybeUninit<T>, A> {
        or_panic(Self::try_new_uninit_at_least(min))
    }

    /// [`new_uninit_at_least`](Self::new_uninit_at_least), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_new_uninit_at_least(min: usize) -> Result<Slice<MaybeUninit<T>, A>, AllocError> {
        Self::try_new_uninit(Space::<T, A>::try_whole(min)?)
    }

    /// The slice that [`into_non_null`](Self::into_non_null) took apart.
    ///
    /// # Safety
    ///
    /// - `elements` came from one slice with the same `T` and `A`, and nothing else
    ///   owns them now.
    #[inline]
    #[must_use]
    pub const unsafe fn from_non_null(elements: NonNull<[T]>) -> Self {
        Self { elements, _block: PhantomData }
    }

    /// The elements and their memory, now the caller's.
    #[inline]
    #[must_use]
    pub const fn into_non_null(self) -> NonNull<[T]> {
        let elements = self.elements;
        let _ = ManuallyDrop::new(self);
        elements
    }

    /// Makes the elements live for ever.
    #[inline]
    #[must_use]
    pub fn leak<'a>(self) -> &'a mut [T]
    where
        A: 'a,
    {
        let mut elements = self.into_non_null();
        // SAFETY: the elements live, nobody frees or reaches them any more, and
        // the memory of a static allocator stays.
        unsafe { elements.as_mut() }
    }

    /// The elements.
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> &[T] {
        // SAFETY: the elements live (invariant), and are borrowed as `self` is.
        unsafe { self.elements.as_ref() }
    }

    /// The elements, to be changed.
    #[inline]
    #[must_use]
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: the elements live (invariant), and are borrowed as `self` is.
        unsafe { self.elements.as_mut() }
    }

    /// The same elements as a list, with all that was granted as capacity. Costs
    /// nothing.
    #[must_use]
    pub fn into_list(self) -> List<T, A> {
        let elements = self.into_non_null();
        // SAFETY: a block fits so many elements, and nobody else owns it.
        let mut space = unsafe { Self::space(elements) };
        space.widen();
        // SAFETY: so many elements live there.
        unsafe { List::from_space(space, elements.len()) }
    }

    /// The room for `elements`.
    ///
    /// # Safety
    ///
    /// - A block fits so many elements, and nobody else owns it.
    const unsafe fn space(elements: NonNull<[T]>) -> Space<T, A> {
        // SAFETY: a slice's block fits its length, which is of the class of the
        // capacity that it had as a space, or it has none.
        unsafe { Space::from_raw(elements.cast(), elements.len()) }
    }
}

impl<T: Clone, A: Handle> Slice<T, A> {
    /// Clones of `elements`.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_from_slice(elements: &[T]) -> Result<Self, AllocError> {
        // Of exactly this length, so it stays where it is.
        List::try_from_slice(elements)?.try_into_slice().map_err(|_| AllocError)
    }

    /// A copy with clones of all elements.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Self::try_from_slice(self)
    }

    /// Makes this slice equal to `from`: in place where both are of one length.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_clone_from(&mut self, from: &Self) -> Result<(), AllocError> {
        if self.len() == from.len() {
            self.clone_from_slice(from);
        } else {
            *self = from.try_clone()?;
        }
        Ok(())
    }
}

impl<T, A: Handle> Slice<T, A> {
    /// A slice of what `from` yields.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; what was taken is dropped.
    pub fn try_from_iter(from: impl IntoIterator<Item = T>) -> Result<Self, AllocError> {
        List::try_from_iter(from)?.try_into_slice().map_err(|_| AllocError)
    }

    /// A slice of the elements of an array, or the array back.
    ///
    /// # Errors
    ///
    /// The array, without memory.
    pub fn try_from_array<const N: usize>(elements: [T; N]) -> Result<Self, [T; N]> {
        // Of exactly this length, so it stays where it is.
        List::try_from_array(elements).map(List::into_slice)
    }
}

impl<T, A: Handle> Slice<MaybeUninit<T>, A> {
    /// The same memory, of elements that live.
    ///
    /// # Safety
    ///
    /// - Every element has a value.
    #[must_use]
    pub const unsafe fn assume_init(self) -> Slice<T, A> {
        let elements = self.into_non_null();
        // SAFETY: the same block, of elements of the same layout, and the caller
        // says that they live.
        unsafe { Slice::from_non_null(NonNull::slice_from_raw_parts(elements.cast(), elements.len())) }
    }

    /// The same memory as a list of the first `len` elements, the rest being its
    /// spare capacity.
    ///
    /// # Safety
    ///
    /// - `len` is at most the length of this slice.
    /// - The first `len` elements have a value.
    #[must_use]
    pub unsafe fn into_list_with_len(self, len: usize) -> List<T, A> {
        let (start, _, capacity) = self.into_list().into_raw_parts();
        // SAFETY: the same block, of elements of the same layout, and the caller
        // says that so many live.
        unsafe { List::from_raw_parts(start.cast(), len, capacity) }
    }
}

impl<T, A: Handle> Drop for Slice<T, A> {
    fn drop(&mut self) {
        // Frees the block at the end, or when an element unwinds.
        // SAFETY: a block fits the elements, and it is not used again.
        let _space = unsafe { Self::space(self.elements) };
        // SAFETY: the elements live, and nobody reaches them any more.
        unsafe { ptr::drop_in_place(self.elements.as_ptr()) }
    }
}

impl<T, A: Handle> Deref for Slice<T, A> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, A: Handle> DerefMut for Slice<T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T, A: Handle> Default for Slice<T, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone, A: Handle> Clone for Slice<T, A> {
    fn clone(&self) -> Self {
        or_panic(self.try_clone())
    }

    fn clone_from(&mut self, from: &Self) {
        or_panic(self.try_clone_from(from));
    }
}

impl<T: fmt::Debug, A: Handle> fmt::Debug for Slice<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
