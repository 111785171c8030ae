//! Iterators over the values under keys.

use core::{fmt, iter::FusedIterator, marker::PhantomData};

use super::{
    Pool,
    key::{Generation, PoolKey},
    slot::SlotRef,
};
use crate::alloc::Allocate;

impl<T, A: Allocate, G: Generation> Pool<T, A, G> {
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
    pub fn iter(&self) -> PoolIter<'_, T, A, G> {
        PoolIter(Walk::new(self))
    }

    /// The values under keys, to be changed, and their keys.
    pub fn iter_mut(&mut self) -> PoolIterMut<'_, T, A, G> {
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
    pub fn drain(&mut self) -> PoolDrain<'_, T, A, G> {
        PoolDrain(Walk::new(self), PhantomData)
    }
}

/// Looks for values under keys.
struct Walk<'p, T, A: Allocate, G: Generation> {
    pool: &'p Pool<T, A, G>,
    next: u32,
    /// What comes behind came later.
    end: u32,
}

impl<'p, T, A: Allocate, G: Generation> Walk<'p, T, A, G> {
    fn new(pool: &'p Pool<T, A, G>) -> Self {
        Self { pool, next: 0, end: pool.carved.get() }
    }

    fn next(&mut self) -> Option<(PoolKey<T, G>, SlotRef<'p, T, G>)> {
        while self.next < self.end {
            let slot = self.pool.slot(self.next)?;
            self.next = self.next.wrapping_add(1);
            if let Some(key) = Pool::<T, A, G>::key(slot) {
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
pub struct PoolIter<'p, T, A: Allocate, G: Generation>(Walk<'p, T, A, G>);

/// Changes values under keys; made by [`Pool::iter_mut`].
pub struct PoolIterMut<'p, T, A: Allocate, G: Generation>(Walk<'p, T, A, G>, PhantomData<&'p mut T>);

/// Takes values under keys out; made by [`Pool::drain`].
pub struct PoolDrain<'p, T, A: Allocate, G: Generation>(Walk<'p, T, A, G>, PhantomData<&'p mut T>);

impl<T, A: Allocate, G: Generation> Clone for PoolIter<'_, T, A, G> {
    fn clone(&self) -> Self {
        Self(Walk { ..self.0 })
    }
}

impl<'p, T, A: Allocate, G: Generation> Iterator for PoolIter<'p, T, A, G> {
    type Item = (PoolKey<T, G>, &'p T);

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

impl<'p, T, A: Allocate, G: Generation> Iterator for PoolIterMut<'p, T, A, G> {
    type Item = (PoolKey<T, G>, &'p mut T);

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

impl<T, A: Allocate, G: Generation> Iterator for PoolDrain<'_, T, A, G> {
    type Item = (PoolKey<T, G>, T);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, slot) = self.0.next()?;
        // SAFETY: under a key, and the pool is borrowed mutably.
        Some((key, unsafe { self.0.pool.evict(slot) }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T, A: Allocate, G: Generation> Drop for PoolDrain<'_, T, A, G> {
    fn drop(&mut self) {
        // One whose drop panics is out already; those behind it stay.
        self.for_each(drop);
    }
}

impl<T, A: Allocate, G: Generation> FusedIterator for PoolIter<'_, T, A, G> {}
impl<T, A: Allocate, G: Generation> FusedIterator for PoolIterMut<'_, T, A, G> {}
impl<T, A: Allocate, G: Generation> FusedIterator for PoolDrain<'_, T, A, G> {}

macro_rules! debug {
    ($($iterator:ident)+) => {$(
        impl<T, A: Allocate, G: Generation> fmt::Debug for $iterator<'_, T, A, G> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($iterator)).field("next", &self.0.next).field("end", &self.0.end).finish()
            }
        }
    )+};
}
debug!(PoolIter PoolIterMut PoolDrain);

impl<'p, T, A: Allocate, G: Generation> IntoIterator for &'p Pool<T, A, G> {
    type Item = (PoolKey<T, G>, &'p T);
    type IntoIter = PoolIter<'p, T, A, G>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'p, T, A: Allocate, G: Generation> IntoIterator for &'p mut Pool<T, A, G> {
    type Item = (PoolKey<T, G>, &'p mut T);
    type IntoIter = PoolIterMut<'p, T, A, G>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
