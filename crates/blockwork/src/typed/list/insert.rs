//! What puts elements into a list.

use core::{mem::ManuallyDrop, ops::RangeBounds, ptr::NonNull};

use super::{
    List, indices, out_of_range,
    slots::{Close, Slots},
};
use crate::{
    alloc::AllocError,
    typed::{exhausted, handle::Handle, or_panic},
};

impl<T, A: Handle> List<T, A> {
    /// Puts `value` behind the last element.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[inline]
    #[track_caller]
    pub fn push(&mut self, value: T) {
        // Read once: what makes room does not change it.
        let len = self.len;
        if len == self.space.capacity() {
            self.reserve_one();
        }
        // SAFETY: the length is at most the capacity.
        let end = unsafe { self.at(len) };
        // SAFETY: there is room for one more, which is dead.
        unsafe { end.write(value) }
        self.len = len.wrapping_add(1);
    }

    /// [`push`](Self::push) that lends the value in its place.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let mut list = List::<_, System>::from([1]);
    /// *list.push_mut(2) += 1;
    /// assert_eq!(list, [1, 3]);
    /// ```
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn push_mut(&mut self, value: T) -> &mut T {
        let index = self.len;
        self.push(value);
        // SAFETY: below the length.
        let mut place = unsafe { self.at(index) };
        // SAFETY: it lives, and is borrowed as `self` is.
        unsafe { place.as_mut() }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn reserve_one(&mut self) {
        self.reserve(1);
    }

    /// [`push`](Self::push), or the value back.
    ///
    /// # Errors
    ///
    /// The value, without memory.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), T> {
        if self.len == self.space.capacity() && self.try_reserve(1).is_err() {
            return Err(value);
        }
        // SAFETY: there is room.
        unsafe { self.push_unchecked(value) }
        Ok(())
    }

    /// [`push`](Self::push) that never asks for memory.
    ///
    /// # Errors
    ///
    /// The value, when there is no room.
    #[inline]
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), T> {
        if self.len == self.space.capacity() {
            return Err(value);
        }
        // SAFETY: there is room.
        unsafe { self.push_unchecked(value) }
        Ok(())
    }

    /// Puts `value` behind the last element.
    ///
    /// # Safety
    ///
    /// - The length is below the capacity.
    #[inline]
    pub(super) unsafe fn push_unchecked(&mut self, value: T) {
        // SAFETY: the length is at most the capacity.
        let end = unsafe { self.at(self.len) };
        // SAFETY: there is room for one more, which is dead.
        unsafe { end.write(value) }
        // Not above the capacity.
        self.len = self.len.wrapping_add(1);
    }

    /// Puts `value` before the element at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is above the length, and without memory.
    #[track_caller]
    pub fn insert(&mut self, index: usize, value: T) {
        if self.try_insert(index, value).is_err() {
            exhausted()
        }
    }

    /// [`insert`](Self::insert) that lends the value in its place.
    ///
    /// # Panics
    ///
    /// If `index` is above the length, and without memory.
    #[track_caller]
    pub fn insert_mut(&mut self, index: usize, value: T) -> &mut T {
        self.insert(index, value);
        // SAFETY: below the length.
        let mut place = unsafe { self.at(index) };
        // SAFETY: it lives, and is borrowed as `self` is.
        unsafe { place.as_mut() }
    }

    /// [`insert`](Self::insert), or the value back.
    ///
    /// # Errors
    ///
    /// The value, without memory.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        match self.try_insert_slots(index, 1) {
            Ok(mut slots) => slots.fill(value),
            Err(AllocError) => Err(value),
        }
    }

    /// [`insert`](Self::insert) that never asks for memory.
    ///
    /// # Errors
    ///
    /// The value, when there is no room.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn insert_within_capacity(&mut self, index: usize, value: T) -> Result<(), T> {
        if self.spare() == 0 { Err(value) } else { self.try_insert(index, value) }
    }

    /// Opens `count` slots before the element at `index`, to be filled.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let mut list = List::<_, System>::from([1, 5]);
    /// let mut slots = list.insert_slots(1, 4);
    /// for number in 2..5 {
    ///     slots.fill(number).unwrap();
    /// }
    /// drop(slots); // closes over the slot that was not filled
    /// assert_eq!(list, [1, 2, 3, 4, 5]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `index` is above the length, and without memory.
    #[track_caller]
    pub fn insert_slots(&mut self, index: usize, count: usize) -> Slots<'_, T, A> {
        or_panic(self.try_insert_slots(index, count))
    }

    /// [`insert_slots`](Self::insert_slots), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn try_insert_slots(&mut self, index: usize, count: usize) -> Result<Slots<'_, T, A>, AllocError> {
        if index > self.len {
            out_of_range(self.len);
        }
        self.try_reserve(count)?;
        let mut slots = Slots::cut(self, index, index, Close::Slide);
        slots.try_widen(count)?;
        Ok(slots)
    }

    /// [`insert_slots`](Self::insert_slots) that never asks for memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no room; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn insert_slots_within_capacity(&mut self, index: usize, count: usize) -> Result<Slots<'_, T, A>, AllocError> {
        if count > self.spare() { Err(AllocError) } else { self.try_insert_slots(index, count) }
    }

    /// Moves all elements of `other` behind the last.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn append(&mut self, other: &mut Self) {
        or_panic(self.try_append(other));
    }

    /// [`append`](Self::append), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_append(&mut self, other: &mut Self) -> Result<(), AllocError> {
        self.try_reserve(other.len)?;
        // SAFETY: the length is at most the capacity.
        let end = unsafe { self.at(self.len) };
        // SAFETY: there is room for all of them, in another block.
        unsafe { end.copy_from_nonoverlapping(other.space.start(), other.len) }
        self.len = self.len.wrapping_add(other.len);
        // They are ours now.
        other.len = 0;
        Ok(())
    }

    /// Makes the list `len` long: drops elements from the end, or adds what
    /// `make` returns.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn resize_with(&mut self, len: usize, make: impl FnMut() -> T) {
        or_panic(self.try_resize_with(len, make));
    }

    /// [`resize_with`](Self::resize_with), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_resize_with(&mut self, len: usize, mut make: impl FnMut() -> T) -> Result<(), AllocError> {
        if len <= self.len {
            self.truncate(len);
            return Ok(());
        }
        self.try_reserve(len.wrapping_sub(self.len))?;
        while self.len < len {
            let value = make();
            // SAFETY: there is room up to `len`.
            unsafe { self.push_unchecked(value) }
        }
        Ok(())
    }

    /// Puts what `from` yields behind the last element, until there is no memory.
    ///
    /// What the iterator says of its length is taken as a hint.
    ///
    /// # Errors
    ///
    /// The first value there was no room for; those before it are in the list.
    pub fn try_extend(&mut self, from: impl IntoIterator<Item = T>) -> Result<(), T> {
        let mut from = from.into_iter();
        while let Some(value) = from.next() {
            if self.spare() == 0 {
                let more = from.size_hint().0.saturating_add(1);
                if self.try_reserve(more).is_err() {
                    self.try_push(value)?;
                    continue;
                }
            }
            // SAFETY: there is room.
            unsafe { self.push_unchecked(value) }
        }
        Ok(())
    }

    /// A list of what `from` yields.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; what was taken is dropped.
    pub fn try_from_iter(from: impl IntoIterator<Item = T>) -> Result<Self, AllocError> {
        let mut list = Self::new();
        match list.try_extend(from) {
            Ok(()) => Ok(list),
            Err(_) => Err(AllocError),
        }
    }

    /// A list of the elements of an array, or the array back.
    ///
    /// # Errors
    ///
    /// The array, without memory.
    pub fn try_from_array<const N: usize>(elements: [T; N]) -> Result<Self, [T; N]> {
        let Ok(mut list) = Self::try_with_capacity(N) else { return Err(elements) };
        let elements = ManuallyDrop::new(elements);
        // SAFETY: there is room for `N` elements, which are not dropped here, in a
        // block of its own.
        unsafe { list.space.start().cast::<[T; N]>().copy_from_nonoverlapping(NonNull::from(&elements).cast(), 1) }
        list.len = N;
        Ok(list)
    }
}

impl<T: Clone, A: Handle> List<T, A> {
    /// Puts clones of `elements` behind the last.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn extend_from_slice(&mut self, elements: &[T]) {
        or_panic(self.try_extend_from_slice(elements));
    }

    /// [`extend_from_slice`](Self::extend_from_slice), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_extend_from_slice(&mut self, elements: &[T]) -> Result<(), AllocError> {
        self.try_reserve(elements.len())?;
        self.extend_reserved(elements);
        Ok(())
    }

    /// [`extend_from_slice`](Self::extend_from_slice) that never asks for memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no room; nothing has changed.
    pub fn extend_from_slice_within_capacity(&mut self, elements: &[T]) -> Result<(), AllocError> {
        if elements.len() > self.spare() {
            return Err(AllocError);
        }
        self.extend_reserved(elements);
        Ok(())
    }

    /// Puts clones behind the last element, as far as there is room.
    fn extend_reserved(&mut self, elements: &[T]) {
        let spare = self.spare();
        let mut end = Counted { list: self, added: 0 };
        for element in elements.iter().take(spare) {
            // SAFETY: there is room for so many.
            unsafe { end.add(element.clone()) }
        }
    }

    /// Puts clones of the elements in `range` behind the last.
    ///
    /// # Panics
    ///
    /// If there is no such range, and without memory.
    #[track_caller]
    pub fn extend_from_within(&mut self, range: impl RangeBounds<usize>) {
        or_panic(self.try_extend_from_within(range));
    }

    /// [`extend_from_within`](Self::extend_from_within), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    ///
    /// # Panics
    ///
    /// If there is no such range.
    #[track_caller]
    pub fn try_extend_from_within(&mut self, range: impl RangeBounds<usize>) -> Result<(), AllocError> {
        let range = indices(range, self.len);
        self.try_reserve(range.len())?;
        for index in range {
            // SAFETY: the index is below the length.
            let element = unsafe { self.at(index) };
            // SAFETY: it lives, and `clone` cannot reach the list.
            let value = unsafe { element.as_ref() }.clone();
            // SAFETY: there is room for as many as the range has.
            unsafe { self.push_unchecked(value) }
        }
        Ok(())
    }

    /// Puts clones of `elements` before the element at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is above the length, and without memory.
    #[track_caller]
    pub fn insert_from_slice(&mut self, index: usize, elements: &[T]) {
        or_panic(self.try_insert_from_slice(index, elements));
    }

    /// [`insert_from_slice`](Self::insert_from_slice), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn try_insert_from_slice(&mut self, index: usize, elements: &[T]) -> Result<(), AllocError> {
        self.try_insert_slots(index, elements.len())?.fill_clones(elements);
        Ok(())
    }

    /// [`insert_from_slice`](Self::insert_from_slice) that never asks for memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no room; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn insert_from_slice_within_capacity(&mut self, index: usize, elements: &[T]) -> Result<(), AllocError> {
        self.insert_slots_within_capacity(index, elements.len())?.fill_clones(elements);
        Ok(())
    }

    /// Puts `value` before the element at `index`, `count` times.
    ///
    /// # Panics
    ///
    /// If `index` is above the length, and without memory.
    #[track_caller]
    pub fn insert_n(&mut self, index: usize, count: usize, value: T) {
        or_panic(self.try_insert_n(index, count, value));
    }

    /// [`insert_n`](Self::insert_n), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn try_insert_n(&mut self, index: usize, count: usize, value: T) -> Result<(), AllocError> {
        self.try_insert_slots(index, count)?.fill_from(&mut core::iter::repeat_n(value, count));
        Ok(())
    }

    /// [`insert_n`](Self::insert_n) that never asks for memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no room; nothing has changed.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    #[track_caller]
    pub fn insert_n_within_capacity(&mut self, index: usize, count: usize, value: T) -> Result<(), AllocError> {
        self.insert_slots_within_capacity(index, count)?.fill_from(&mut core::iter::repeat_n(value, count));
        Ok(())
    }

    /// Puts `value` behind the last element, `count` times.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn push_n(&mut self, count: usize, value: T) {
        self.insert_n(self.len, count, value);
    }

    /// [`push_n`](Self::push_n), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_push_n(&mut self, count: usize, value: T) -> Result<(), AllocError> {
        self.try_insert_n(self.len, count, value)
    }

    /// [`push_n`](Self::push_n) that never asks for memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no room; nothing has changed.
    pub fn push_n_within_capacity(&mut self, count: usize, value: T) -> Result<(), AllocError> {
        self.insert_n_within_capacity(self.len, count, value)
    }

    /// Makes the list `len` long: drops elements from the end, or adds clones of
    /// `value`.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn resize(&mut self, len: usize, value: T) {
        or_panic(self.try_resize(len, value));
    }

    /// [`resize`](Self::resize), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_resize(&mut self, len: usize, value: T) -> Result<(), AllocError> {
        match len.checked_sub(self.len) {
            Some(more) => self.try_push_n(more, value),
            None => {
                self.truncate(len);
                Ok(())
            }
        }
    }

    /// A list of clones of `elements`.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_from_slice(elements: &[T]) -> Result<Self, AllocError> {
        let mut list = Self::try_with_capacity(elements.len())?;
        list.extend_reserved(elements);
        Ok(list)
    }

    /// A copy with clones of all elements.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Self::try_from_slice(self)
    }

    /// Makes this list equal to `from`, by cloning into the elements that are there.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_clone_from(&mut self, from: &Self) -> Result<(), AllocError> {
        self.try_reserve(from.len.saturating_sub(self.len))?;
        self.truncate(from.len);
        let (same, rest) = from.split_at(self.len);
        self.clone_from_slice(same);
        self.extend_reserved(rest);
        Ok(())
    }
}

impl<T: Copy, A: Handle> List<T, A> {
    /// The elements with `end` behind them, as C and system calls like to have
    /// it. It does not become an element of the list.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let mut name = List::<u8, System>::from(b"a name");
    /// assert_eq!(name.terminated_by(0), b"a name\0");
    /// assert_eq!(name.len(), 6);
    /// ```
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn terminated_by(&mut self, end: T) -> &mut [T] {
        or_panic(self.try_terminated_by(end))
    }

    /// [`terminated_by`](Self::terminated_by), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; nothing has changed.
    pub fn try_terminated_by(&mut self, end: T) -> Result<&mut [T], AllocError> {
        self.try_reserve(1)?;
        // SAFETY: there is room.
        unsafe { self.push_unchecked(end) }
        self.len = self.len.wrapping_sub(1);
        let with_end = self.len.wrapping_add(1);
        // SAFETY: so many values have been written, and they are borrowed as
        // `self` is.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr(), with_end) })
    }
}

/// Counts what is added at the end of a list in a register, and tells the list
/// when it is done or unwinds.
struct Counted<'a, T, A: Handle> {
    list: &'a mut List<T, A>,
    added: usize,
}

impl<T, A: Handle> Counted<'_, T, A> {
    /// # Safety
    ///
    /// - There is room for one more than were added.
    #[inline]
    unsafe fn add(&mut self, value: T) {
        // SAFETY: at most the capacity.
        let end = unsafe { self.list.at(self.list.len.wrapping_add(self.added)) };
        // SAFETY: there is room for one more, which is dead.
        unsafe { end.write(value) }
        self.added = self.added.wrapping_add(1);
    }
}

impl<T, A: Handle> Drop for Counted<'_, T, A> {
    fn drop(&mut self) {
        self.list.len = self.list.len.wrapping_add(self.added);
    }
}
