//! [`ArenaBox`]: owns a value in an arena, and drops it.

use core::{
    borrow::{Borrow, BorrowMut},
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// Owns a value whose memory is a [`Region`](super::Region)'s: drops the value, not the memory.
///
/// One pointer wide; made by [`Region::alloc_box`](super::Region::alloc_box)
/// and [`ArenaVec::into_boxed_slice`](super::ArenaVec::into_boxed_slice).
///
/// There is no way to pin one: a box that is forgotten lets the memory end
/// without a drop.
pub struct ArenaBox<'a, T: ?Sized> {
    value: NonNull<T>,
    _owned: PhantomData<(&'a (), T)>,
}

impl<'a, T: ?Sized> ArenaBox<'a, T> {
    /// Owns `value`, which nobody drops otherwise.
    pub(super) fn own(value: &'a mut T) -> Self {
        Self { value: NonNull::from(value), _owned: PhantomData }
    }

    /// Gives up ownership: nobody drops the value.
    #[must_use]
    pub fn leak(this: Self) -> &'a mut T {
        let mut value = Self::into_raw(this);
        // SAFETY: it was the box's alone for `'a`, and the box is no more.
        unsafe { value.as_mut() }
    }

    /// Gives up ownership; [`from_raw`](Self::from_raw) takes it back, of a
    /// wider type perhaps.
    ///
    /// ```
    /// use blockwork::{Arena, ArenaBox, Region, System};
    ///
    /// let arena = Arena::with_defaults(System);
    /// let raw: *mut dyn Fn() -> u8 = ArenaBox::into_raw(arena.alloc_box(|| 7)).as_ptr();
    /// # let raw = core::ptr::NonNull::new(raw).unwrap();
    /// // SAFETY: the value of a box of this arena, which gave it up.
    /// let seven: ArenaBox<'_, dyn Fn() -> u8> = unsafe { ArenaBox::from_raw(raw) };
    /// assert_eq!(seven(), 7);
    /// ```
    #[must_use]
    pub fn into_raw(this: Self) -> NonNull<T> {
        ManuallyDrop::new(this).value
    }

    /// Owns a value again.
    ///
    /// # Safety
    ///
    /// - `value` came from [`into_raw`](Self::into_raw) of a box with this
    ///   lifetime, and nobody else owns or uses it.
    #[must_use]
    pub unsafe fn from_raw(value: NonNull<T>) -> Self {
        Self { value, _owned: PhantomData }
    }
}

impl<T> ArenaBox<'_, T> {
    /// Moves the value out.
    #[must_use]
    pub fn into_inner(this: Self) -> T {
        // SAFETY: the box owned it, and is no more.
        unsafe { Self::into_raw(this).read() }
    }
}

impl<T: ?Sized> Drop for ArenaBox<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the box owns the value, which is not used again.
        unsafe { self.value.drop_in_place() }
    }
}

// SAFETY: a box is the only way to its value, as if it were the value.
unsafe impl<T: ?Sized + Send> Send for ArenaBox<'_, T> {}
// SAFETY: a shared box gives no more than shared access to its value.
unsafe impl<T: ?Sized + Sync> Sync for ArenaBox<'_, T> {}

impl<T: ?Sized> Deref for ArenaBox<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: valid for `'a`, and the box's alone.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for ArenaBox<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: valid for `'a`, and the box's alone.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> AsRef<T> for ArenaBox<'_, T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized> AsMut<T> for ArenaBox<'_, T> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: ?Sized> Borrow<T> for ArenaBox<'_, T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized> BorrowMut<T> for ArenaBox<'_, T> {
    fn borrow_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ArenaBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for ArenaBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + PartialEq> PartialEq for ArenaBox<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for ArenaBox<'_, T> {}

impl<T: ?Sized + PartialOrd> PartialOrd for ArenaBox<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: ?Sized + Ord> Ord for ArenaBox<'_, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: ?Sized + Hash> Hash for ArenaBox<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
