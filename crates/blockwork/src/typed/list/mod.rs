//! [`List`]: a growable array in the memory of a static allocator.
//!
//! ```text
//! [ element | element | … | spare ........... ]   one block, all that is granted
//! ^ start                 ^ len               ^ capacity
//! ```
//!
//! | | |
//! |---|---|
//! | time | as `Vec`; growing in place where the allocator can |
//! | space | 24 bytes; the allocator is in the type |
//! | sharing | as its elements |
//! | failure | `try_` methods return the error, or the value they could not store; the others panic |
//! | growth | doubles, or what is needed if there is not that much memory; then the whole grant |
//!
//! It has the methods of `Vec` and acts like it; what differs:
//!
//! - The capacity is what the allocator grants, and is often more than asked for.
//! - Whole ranges are also replaced by the last elements, in constant time per
//!   element: [`swap_drain`](List::swap_drain).
//! - [`insert_slots`](List::insert_slots) opens a gap that is filled element by
//!   element, and closes by itself over what was not filled.
//! - What writes without asking for memory is called `…_within_capacity`.
//! - [`Drain`] and [`ExtractIf`] that are forgotten lose what is behind them too;
//!   nothing is dropped twice.
//! - A [`Slice`] is the same memory without spare room: back and forth is often free.
//!
//! When not to use it: over an allocator that is no `static`; std's `Vec` takes
//! one by value, where it can be had, and allocator-api2's does elsewhere. And
//! where the same elements lie in many allocators: each list of them is a type of
//! its own, compiled for itself. What only reads them takes `&[T]`.
//!
//! # Example
//!
//! ```
//! use blockwork::{List, System};
//! use core::fmt::Write as _;
//!
//! let mut list: List<u8, System> = List::new();
//! write!(list, "{} blocks", 3)?;
//! list.insert_from_slice(2, b"free ");
//! assert_eq!(&*list, b"3 free blocks");
//!
//! let word: List<u8, System> = list.drain(2..7).collect();
//! assert_eq!((&*word, &*list), (&b"free "[..], &b"3 blocks"[..]));
//! # Ok::<(), core::fmt::Error>(())
//! ```

use core::{
    fmt,
    mem::{ManuallyDrop, MaybeUninit},
    ops::{Bound, Deref, DerefMut, Range, RangeBounds},
    ptr::{self, NonNull},
    slice,
};

use super::{
    handle::Handle,
    or_panic,
    slice::Slice,
    space::{Move, Space},
};
use crate::alloc::AllocError;

mod drain;
mod extract_if;
mod flatten;
mod insert;
mod into_iter;
mod remove;
mod slots;
mod splice;
mod text;
mod traits;

pub use self::{drain::Drain, extract_if::ExtractIf, into_iter::IntoIter, slots::Slots, splice::Splice};

/// A growable array; see the [module](self).
pub struct List<T, A: Handle> {
    space: Space<T, A>,
    /// Elements that live, from the start. Invariant: at most the capacity.
    len: usize,
}

const _: () = {
    assert!(size_of::<List<u64, crate::source::null::Null>>() == size_of::<[usize; 3]>(), "a list is three words");
    assert!(size_of::<Option<List<u8, crate::source::null::Null>>>() == size_of::<[usize; 3]>(), "and has a niche");
};

impl<T, A: Handle> List<T, A> {
    /// No elements, and no memory.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { space: Space::new(), len: 0 }
    }

    /// No elements, and room for at least `capacity`.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        or_panic(Self::try_with_capacity(capacity))
    }

    /// [`with_capacity`](Self::with_capacity), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    #[inline]
    pub fn try_with_capacity(capacity: usize) -> Result<Self, AllocError> {
        Ok(Self { space: Space::try_with_capacity(capacity)?, len: 0 })
    }

    /// The first `len` elements of `space`.
    ///
    /// # Safety
    ///
    /// - `len` is at most the capacity, and the first `len` elements live.
    pub(super) const unsafe fn from_space(space: Space<T, A>, len: usize) -> Self {
        Self { space, len }
    }

    /// The list that [`into_raw_parts`](Self::into_raw_parts) took apart.
    ///
    /// # Safety
    ///
    /// - `start` and `capacity` came from one list with the same `T` and `A`, and
    ///   nothing else owns them now.
    /// - `len` is at most `capacity`, and the first `len` elements live.
    #[inline]
    #[must_use]
    pub const unsafe fn from_raw_parts(start: NonNull<T>, len: usize, capacity: usize) -> Self {
        // SAFETY: the caller's first promise.
        let space = unsafe { Space::from_raw(start, capacity) };
        // SAFETY: the caller's second promise.
        unsafe { Self::from_space(space, len) }
    }

    /// Where the first element is, how many there are, and the capacity: all of
    /// them now the caller's.
    #[inline]
    #[must_use]
    pub const fn into_raw_parts(self) -> (NonNull<T>, usize, usize) {
        let parts = (self.space.start(), self.len, self.space.capacity());
        let _ = ManuallyDrop::new(self);
        parts
    }

    /// Makes the elements live for ever.
    #[inline]
    #[must_use]
    pub fn leak<'a>(self) -> &'a mut [T]
    where
        A: 'a,
    {
        let mut list = ManuallyDrop::new(self);
        let elements: *mut [T] = list.as_mut_slice();
        // SAFETY: the elements live, nobody frees or reaches them any more, and
        // the memory of a static allocator stays.
        unsafe { &mut *elements }
    }

    /// The elements.
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> &[T] {
        // SAFETY: so many elements live there, and they are borrowed as `self` is.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.len) }
    }

    /// The elements, to be changed.
    #[inline]
    #[must_use]
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: so many elements live there, and they are borrowed as `self` is.
        unsafe { slice::from_raw_parts_mut(self.as_mut_ptr(), self.len) }
    }

    /// Where the first element is; dangling without memory.
    #[inline]
    #[must_use]
    pub const fn as_ptr(&self) -> *const T {
        self.space.start().as_ptr()
    }

    /// Where the first element is; dangling without memory.
    #[inline]
    #[must_use]
    pub const fn as_mut_ptr(&mut self) -> *mut T {
        self.space.start().as_ptr()
    }

    /// The number of elements.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements there is room for: all that the allocator granted.
    #[inline]
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.space.capacity()
    }

    /// Says that there are `len` elements now.
    ///
    /// # Safety
    ///
    /// - `len` is at most the capacity, and the first `len` elements live.
    #[inline]
    pub const unsafe fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    /// The room behind the last element.
    #[inline]
    #[must_use]
    pub fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<T>] {
        let spare = self.spare();
        // SAFETY: there is room for at least `len`.
        let end = unsafe { self.space.start().add(self.len) };
        // SAFETY: so much of the block is behind the last element, and it is
        // borrowed as `self` is.
        unsafe { slice::from_raw_parts_mut(end.cast().as_ptr(), spare) }
    }

    /// Elements there is room for behind the last.
    #[inline]
    const fn spare(&self) -> usize {
        // Never below zero (invariant).
        self.space.capacity().wrapping_sub(self.len)
    }

    /// Makes room for at least `additional` elements more.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[inline]
    #[track_caller]
    pub fn reserve(&mut self, additional: usize) {
        or_panic(self.try_reserve(additional));
    }

    /// [`reserve`](Self::reserve), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    #[inline]
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.space.try_reserve(self.len, additional)
    }

    /// Makes room for `additional` elements more, and no more than is granted
    /// for them.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn reserve_exact(&mut self, additional: usize) {
        or_panic(self.try_reserve_exact(additional));
    }

    /// [`reserve_exact`](Self::reserve_exact), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_reserve_exact(&mut self, additional: usize) -> Result<(), AllocError> {
        self.reserve_by(additional, Move::Allowed)
    }

    /// Makes room for `additional` elements more where the list stands, so that
    /// addresses of elements stay valid.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the elements would have to move, or there is no
    /// memory at all yet; nothing has changed.
    pub fn try_reserve_in_place(&mut self, additional: usize) -> Result<(), AllocError> {
        self.reserve_by(additional, Move::Never)
    }

    fn reserve_by(&mut self, additional: usize, by: Move) -> Result<(), AllocError> {
        if additional <= self.spare() {
            return Ok(());
        }
        let needed = self.len.checked_add(additional).ok_or(AllocError)?;
        self.space.try_resize(self.len, needed, by)
    }

    /// Gives back the memory behind the last element, as far as the allocator
    /// takes it.
    ///
    /// # Panics
    ///
    /// Without memory for a smaller block, where the allocator cannot shrink in
    /// place.
    #[track_caller]
    pub fn shrink_to_fit(&mut self) {
        self.shrink_to(0);
    }

    /// [`shrink_to_fit`](Self::shrink_to_fit), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory for a smaller block; nothing has changed.
    pub fn try_shrink_to_fit(&mut self) -> Result<(), AllocError> {
        self.try_shrink_to(0)
    }

    /// Gives back the memory behind the last element but for `capacity` in all.
    ///
    /// # Panics
    ///
    /// Without memory for a smaller block, where the allocator cannot shrink in
    /// place.
    #[track_caller]
    pub fn shrink_to(&mut self, capacity: usize) {
        or_panic(self.try_shrink_to(capacity));
    }

    /// [`shrink_to`](Self::shrink_to), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory for a smaller block; nothing has changed.
    pub fn try_shrink_to(&mut self, capacity: usize) -> Result<(), AllocError> {
        self.shrink_by(capacity, Move::Allowed)
    }

    /// Gives back the memory behind the last element but for `capacity` in all,
    /// where the list stands.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the elements would have to move; nothing has changed.
    pub fn try_shrink_in_place(&mut self, capacity: usize) -> Result<(), AllocError> {
        self.shrink_by(capacity, Move::Never)
    }

    fn shrink_by(&mut self, capacity: usize, by: Move) -> Result<(), AllocError> {
        let target = capacity.max(self.len);
        if target < self.space.capacity() { self.space.try_resize(self.len, target, by) } else { Ok(()) }
    }

    /// The elements without the room behind them: at no cost if the allocator
    /// grants the same for both lengths, else resized in place, else moved.
    ///
    /// # Panics
    ///
    /// Without memory for a smaller block, where the allocator cannot shrink in
    /// place.
    #[must_use]
    #[track_caller]
    pub fn into_slice(self) -> Slice<T, A> {
        or_panic(self.try_into_slice())
    }

    /// [`into_slice`](Self::into_slice), or the list as it was.
    ///
    /// # Errors
    ///
    /// The list, without memory for a smaller block.
    pub fn try_into_slice(mut self) -> Result<Slice<T, A>, Self> {
        if self.space.try_resize(self.len, self.len, Move::Allowed).is_err() {
            return Err(self);
        }
        let (start, len, _) = self.into_raw_parts();
        // SAFETY: the block fits `len` elements, all of which live.
        Ok(unsafe { Slice::from_non_null(NonNull::slice_from_raw_parts(start, len)) })
    }

    /// The whole capacity as a slice, and how many of its elements, from the
    /// start, live: they are the caller's to drop.
    ///
    /// [`Slice::into_list_with_len`] leads back.
    #[must_use]
    pub fn into_uninit(self) -> (Slice<MaybeUninit<T>, A>, usize) {
        let (start, len, capacity) = self.into_raw_parts();
        let all = NonNull::slice_from_raw_parts(start.cast(), capacity);
        // SAFETY: the block fits its capacity, and nothing has to live in it.
        (unsafe { Slice::from_non_null(all) }, len)
    }

    /// The place of an element.
    ///
    /// # Safety
    ///
    /// - `index` is at most the capacity.
    #[inline]
    const unsafe fn at(&self, index: usize) -> NonNull<T> {
        // SAFETY: inside the block, or at its end.
        unsafe { self.space.start().add(index) }
    }

    /// Drops the elements from `len` on, the list being shorter before the first
    /// of them goes.
    fn drop_from(&mut self, len: usize) {
        // SAFETY: `len` is at most the length for all callers.
        let start = unsafe { self.at(len) };
        let tail = ptr::slice_from_raw_parts_mut(start.as_ptr(), self.len.saturating_sub(len));
        self.len = self.len.min(len);
        // SAFETY: these elements lived, and the list has just given them up.
        unsafe { tail.drop_in_place() }
    }
}

impl<T, A: Handle> Drop for List<T, A> {
    fn drop(&mut self) {
        // SAFETY: the elements live, and nobody reaches them any more; `space`
        // frees the block even if one of them unwinds.
        unsafe { ptr::drop_in_place(self.as_mut_slice()) }
    }
}

impl<T, A: Handle> Deref for List<T, A> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, A: Handle> DerefMut for List<T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T: fmt::Debug, A: Handle> fmt::Debug for List<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// The indices that `range` names in a list of `len` elements.
#[track_caller]
fn indices(range: impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => Some(start),
        Bound::Excluded(before) => before.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.checked_add(1),
        Bound::Excluded(&end) => Some(end),
        Bound::Unbounded => Some(len),
    };
    match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= len => start..end,
        _ => out_of_range(len),
    }
}

#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "a mistake of the caller, as in `Vec`")]
fn out_of_range(len: usize) -> ! {
    panic!("no such range in a list of {len} elements")
}
