//! [`PoolBox`]: owns a value in a pool.

use core::{
    borrow::{Borrow, BorrowMut},
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::NonNull,
};

use super::{Pool, key::PoolKey, slot::SlotRef};
use crate::{
    alloc::{AllocError, Allocate},
    typed::exhausted,
};

/// A pointer by which boxes know their pool: `&Pool`, `&'static Pool`, or `Rc<Pool>`.
///
/// # Safety
///
/// - [`pool`](Self::pool) is always the same pool.
/// - While this value lives, that pool is neither dropped nor borrowed mutably.
pub unsafe trait PoolRef<T> {
    /// The pool's parent.
    type Parent: Allocate;

    /// The pool.
    fn pool(&self) -> &Pool<T, Self::Parent>;
}

// SAFETY: a reference is to one pool, which is borrowed by it.
unsafe impl<T, A: Allocate> PoolRef<T> for &Pool<T, A> {
    type Parent = A;

    #[inline]
    fn pool(&self) -> &Pool<T, A> {
        self
    }
}

// SAFETY: a counted pointer is to one pool, which it keeps alive; it gives a
// mutable borrow only when it is the last, and a box gives its pointer to nobody.
#[cfg(feature = "alloc")]
unsafe impl<T, A: Allocate> PoolRef<T> for heap::rc::Rc<Pool<T, A>> {
    type Parent = A;

    #[inline]
    fn pool(&self) -> &Pool<T, A> {
        self
    }
}

/// Owns a value in a [`Pool`]: drops it, and gives its place back.
///
/// Two pointers wide, or one and whatever `P` is. If it is forgotten, the value is
/// dropped with the pool.
///
/// A box stays on the thread of its pool, as it uses the pool when it is dropped. It
/// can be looked at from other threads, if its value can.
///
/// ```compile_fail,E0505
/// # use blockwork::{Pool, System};
/// let pool = Pool::new(System);
/// let boxed = pool.alloc_box(1);
/// drop(pool); // a box borrows it
/// drop(boxed);
/// ```
///
/// ```compile_fail,E0277
/// # use blockwork::{Pool, System};
/// let pool = Pool::new(System);
/// let boxed = pool.alloc_box(1);
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(boxed)); // to another thread
/// });
/// ```
pub struct PoolBox<T, P: PoolRef<T>> {
    /// Invariant: the value of a slot of the pool, with an even generation.
    value: NonNull<T>,
    pool: P,
    _owned: PhantomData<T>,
}

// SAFETY: what is shared gives shared access to the value only, never to the pool.
unsafe impl<T: Sync, P: PoolRef<T>> Sync for PoolBox<T, P> {}

impl<T, P: PoolRef<T>> PoolBox<T, P> {
    /// Puts `value` into a box of `pool`.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[inline]
    #[track_caller]
    pub fn new_in(value: T, pool: P) -> Self {
        match Self::try_new_in(value, pool) {
            Ok(boxed) => boxed,
            Err(_) => exhausted(),
        }
    }

    /// [`new_in`](Self::new_in), or the value back.
    ///
    /// # Errors
    ///
    /// The value, without memory.
    #[inline]
    pub fn try_new_in(value: T, pool: P) -> Result<Self, T> {
        let Ok(slot) = pool.pool().take() else { return Err(value) };
        let place = slot.value();
        // SAFETY: a slot that nobody uses.
        unsafe { place.write(value) }
        Ok(Self { value: place, pool, _owned: PhantomData })
    }

    /// Boxes what `make` returns.
    ///
    /// # Panics
    ///
    /// Without memory, and then `make` is not called.
    #[inline]
    #[track_caller]
    pub fn new_with_in(make: impl FnOnce() -> T, pool: P) -> Self {
        match Self::try_new_with_in(make, pool) {
            Ok(boxed) => boxed,
            Err(_) => exhausted(),
        }
    }

    /// [`new_with_in`](Self::new_with_in), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; `make` was not called.
    #[inline]
    pub fn try_new_with_in(make: impl FnOnce() -> T, pool: P) -> Result<Self, AllocError> {
        let place = pool.pool().take()?.value();
        // Gives the slot back if `make` unwinds.
        let guard = Vacate { value: place, pool: pool.pool() };
        let value = make();
        let _kept = ManuallyDrop::new(guard);
        // SAFETY: a slot that nobody uses.
        unsafe { place.write(value) }
        Ok(Self { value: place, pool, _owned: PhantomData })
    }

    /// Moves the value out.
    #[must_use]
    pub fn into_inner(this: Self) -> T {
        let (value, pool) = Self::into_parts(this);
        // The slot is given back before the pool can end.
        let _place = Vacate { value, pool: pool.pool() };
        // SAFETY: the box owned the value, and is no more.
        unsafe { value.read() }
    }

    /// Leaves the value where it is, under a key.
    ///
    /// ```
    /// use blockwork::{Pool, PoolBox, System};
    ///
    /// let mut pool = Pool::new(System);
    /// let mut draft = pool.alloc_box(String::new());
    /// draft.push_str("done");
    /// let key = PoolBox::into_key(draft);
    /// assert_eq!(pool.remove(key).as_deref(), Some("done"));
    /// ```
    #[must_use]
    pub fn into_key(this: Self) -> PoolKey<T> {
        let (value, pool) = Self::into_parts(this);
        // SAFETY: a slot of the pool, which lives as long as `pool`.
        let slot = unsafe { SlotRef::new(value.cast()) };
        pool.pool().name(slot)
    }

    /// A box that keeps its value where it is for good.
    ///
    /// A value in a pool ends with a drop, even if its box is forgotten; but a pool
    /// that is itself forgotten drops nothing, so one that is pinned has to stay.
    #[must_use]
    pub fn into_pin(this: Self) -> Pin<Self>
    where
        P: 'static,
    {
        // SAFETY: the value does not move; its memory is the pool's, which `P`
        // keeps, and whose parent borrows nothing that ends, so whoever forgets any
        // of them keeps the memory as well.
        unsafe { Pin::new_unchecked(this) }
    }

    fn into_parts(this: Self) -> (NonNull<T>, P) {
        let this = ManuallyDrop::new(this);
        // SAFETY: the box is not used again, nor dropped.
        (this.value, unsafe { (&raw const this.pool).read() })
    }
}

impl<'p, T, A: Allocate> PoolBox<T, &'p Pool<T, A>> {
    /// Gives up ownership: the value is dropped with the pool, or by
    /// [`clear`](Pool::clear).
    #[must_use]
    pub fn leak(this: Self) -> &'p mut T {
        let mut value = ManuallyDrop::new(this).value;
        // SAFETY: the box owned it and is no more; the pool stays for `'p`.
        unsafe { value.as_mut() }
    }
}

/// Gives a slot back when it is dropped.
struct Vacate<'p, T, A: Allocate> {
    /// Nobody uses the value any more. Invariant: a slot of the pool, not free, with
    /// an even generation.
    value: NonNull<T>,
    pool: &'p Pool<T, A>,
}

impl<T, A: Allocate> Drop for Vacate<'_, T, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the invariant.
        unsafe { self.pool.put(self.value.cast()) }
    }
}

impl<T, P: PoolRef<T>> Drop for PoolBox<T, P> {
    #[inline]
    fn drop(&mut self) {
        // Also if the value's drop unwinds.
        let _place = Vacate { value: self.value, pool: self.pool.pool() };
        // SAFETY: the box owns the value, which is not used again.
        unsafe { self.value.drop_in_place() }
    }
}

impl<T, P: PoolRef<T>> Deref for PoolBox<T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: lives as long as the box, which owns it.
        unsafe { self.value.as_ref() }
    }
}

impl<T, P: PoolRef<T>> DerefMut for PoolBox<T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: lives as long as the box, which owns it.
        unsafe { self.value.as_mut() }
    }
}

impl<T, P: PoolRef<T>> AsRef<T> for PoolBox<T, P> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T, P: PoolRef<T>> AsMut<T> for PoolBox<T, P> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

impl<T, P: PoolRef<T>> Borrow<T> for PoolBox<T, P> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T, P: PoolRef<T>> BorrowMut<T> for PoolBox<T, P> {
    fn borrow_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: fmt::Debug, P: PoolRef<T>> fmt::Debug for PoolBox<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display, P: PoolRef<T>> fmt::Display for PoolBox<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: PartialEq, P: PoolRef<T>, Q: PoolRef<T>> PartialEq<PoolBox<T, Q>> for PoolBox<T, P> {
    fn eq(&self, other: &PoolBox<T, Q>) -> bool {
        **self == **other
    }
}

impl<T: Eq, P: PoolRef<T>> Eq for PoolBox<T, P> {}

impl<T: PartialOrd, P: PoolRef<T>, Q: PoolRef<T>> PartialOrd<PoolBox<T, Q>> for PoolBox<T, P> {
    fn partial_cmp(&self, other: &PoolBox<T, Q>) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Ord, P: PoolRef<T>> Ord for PoolBox<T, P> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Hash, P: PoolRef<T>> Hash for PoolBox<T, P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
