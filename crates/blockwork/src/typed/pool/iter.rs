//! Iterators over the values under keys.

use core::{fmt, iter::FusedIterator, marker::PhantomData};

use super::{Pool, key::PoolKey, slot::SlotRef};
use crate::alloc::Allocate;

impl<T, A: Allocate> Pool<T, A> {
    /// The values under keys, and their keys, in the order of their places.
    ///
    /// Values that come meanwhile may be among them.
    ///
    /// ```
    /// use blockwork::{Pool, System};
    ///
    /// let pool = Pool::new(System);
    /// let _boxed = pool.alloc_box(1); // is its owner's alone
    /// let two = pool.insert(2);
    /// assert_eq!(pool.iter().collect::<Vec<_>>(), [(two, &2)]);
    /// ```
    pub fn iter(&self) -> PoolIter<'_, T, A> {
        PoolIter(Walk::new(self))
    }

    /// The values under keys, to be changed, and their keys.
    pub fn iter_mut(&mut self) -> PoolIterMut<'_, T, A> {
        PoolIterMut(Walk::new(self), PhantomData)
    }

    /// Takes all values under keys out, when they are asked for or else when the
    /// iterator is dropped.
    ///
    /// If it is forgotten, those that were not asked for stay.
    ///
    /// ```
    /// use blockwork::{Pool, System};
    ///
    /// let mut pool = Pool::new(System);
    /// let key = pool.insert("value");
    /// assert_eq!(pool.drain().collect::<Vec<_>>(), [(key, "value")]);
    /// assert_eq!(pool.get(key), None);
    /// ```
    pub fn drain(&mut self) -> PoolDrain<'_, T, A> {
        PoolDrain(Walk::new(self), PhantomData)
    }
}

/// Looks for values under keys.
struct Walk<'p, T, A: Allocate> {
    pool: &'p Pool<T, A>,
    next: u32,
    /// What comes behind came later.
    end: u32,
}

impl<'p, T, A: Allocate> Walk<'p, T, A> {
    fn new(pool: &'p Pool<T, A>) -> Self {
        Self { pool, next: 0, end: pool.carved.get() }
    }

    fn next(&mut self) -> Option<(PoolKey<T>, SlotRef<'p, T>)> {
        while self.next < self.end {
            let slot = self.pool.slot(self.next)?;
            self.next = self.next.wrapping_add(1);
            if let Some(key) = Pool::<T, A>::key(slot) {
                return Some((key, slot));
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.end.wrapping_sub(self.next)).ok())
    }
}

/// Looks at values under keys; made by [`Pool::iter`].
pub struct PoolIter<'p, T, A: Allocate>(Walk<'p, T, A>);

/// Changes values under keys; made by [`Pool::iter_mut`].
pub struct PoolIterMut<'p, T, A: Allocate>(Walk<'p, T, A>, PhantomData<&'p mut T>);

/// Takes values under keys out; made by [`Pool::drain`].
pub struct PoolDrain<'p, T, A: Allocate>(Walk<'p, T, A>, PhantomData<&'p mut T>);

impl<T, A: Allocate> Clone for PoolIter<'_, T, A> {
    fn clone(&self) -> Self {
        Self(Walk { ..self.0 })
    }
}

impl<'p, T, A: Allocate> Iterator for PoolIter<'p, T, A> {
    type Item = (PoolKey<T>, &'p T);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, slot) = self.0.next()?;
        // SAFETY: a value lives there; it is removed or changed through a mutable
        // borrow of the pool only.
        Some((key, unsafe { slot.value().as_ref() }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<'p, T, A: Allocate> Iterator for PoolIterMut<'p, T, A> {
    type Item = (PoolKey<T>, &'p mut T);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, slot) = self.0.next()?;
        // SAFETY: a value lives there, the pool is borrowed mutably, and each slot
        // comes once.
        Some((key, unsafe { slot.value().as_mut() }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T, A: Allocate> Iterator for PoolDrain<'_, T, A> {
    type Item = (PoolKey<T>, T);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, slot) = self.0.next()?;
        // SAFETY: under a key, and the pool is borrowed mutably.
        Some((key, unsafe { self.0.pool.evict(slot) }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T, A: Allocate> Drop for PoolDrain<'_, T, A> {
    fn drop(&mut self) {
        // One whose drop panics is out already; those behind it stay.
        self.for_each(drop);
    }
}

impl<T, A: Allocate> FusedIterator for PoolIter<'_, T, A> {}
impl<T, A: Allocate> FusedIterator for PoolIterMut<'_, T, A> {}
impl<T, A: Allocate> FusedIterator for PoolDrain<'_, T, A> {}

macro_rules! debug {
    ($($iterator:ident)+) => {$(
        impl<T, A: Allocate> fmt::Debug for $iterator<'_, T, A> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($iterator)).field("next", &self.0.next).field("end", &self.0.end).finish()
            }
        }
    )+};
}
debug!(PoolIter PoolIterMut PoolDrain);

impl<'p, T, A: Allocate> IntoIterator for &'p Pool<T, A> {
    type Item = (PoolKey<T>, &'p T);
    type IntoIter = PoolIter<'p, T, A>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'p, T, A: Allocate> IntoIterator for &'p mut Pool<T, A> {
    type Item = (PoolKey<T>, &'p mut T);
    type IntoIter = PoolIterMut<'p, T, A>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
