//! Iterators over the values under keys.

use core::{fmt, iter::FusedIterator, marker::PhantomData, ptr::NonNull};

use super::{
    Pool,
    key::PoolKey,
    slot::{Slot, SlotRef},
};
use crate::{alloc::Allocate, math::doubling};

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
///
/// Anybody may use the pool between two of them, and give rows back; but not the row of the
/// value that was found last, which cannot go as long as the pool is borrowed.
struct Walk<'p, T, A: Allocate> {
    pool: &'p Pool<T, A>,
    /// The index of the next slot to look at.
    next: u32,
    /// What comes behind came later.
    end: u32,
    /// Where that slot is, unless `next` is `row_end`.
    slot: NonNull<Slot<T>>,
    /// Invariant: the slots from `next` up to here were carved, follow one another, and are
    /// none or in the row of the value that was found last.
    row_end: u32,
}

impl<'p, T, A: Allocate> Walk<'p, T, A> {
    fn new(pool: &'p Pool<T, A>) -> Self {
        Self { pool, next: 0, end: pool.carved.get(), slot: NonNull::dangling(), row_end: 0 }
    }

    #[inline]
    fn next(&mut self) -> Option<(PoolKey<T>, SlotRef<'p, T>)> {
        loop {
            while self.next < self.row_end {
                let slot = self.slot;
                // SAFETY: in the row, or its end.
                self.slot = unsafe { slot.add(1) };
                self.next = self.next.wrapping_add(1);
                // SAFETY: carved, so it has a tag; what is found keeps its row.
                let slot = unsafe { SlotRef::new(slot) };
                if let Some(key) = Pool::<T, A>::key(slot) {
                    return Some((key, slot));
                }
            }
            if !self.enter() {
                return None;
            }
        }
    }

    /// Goes on to the row of the next slot, if there is one.
    #[cold]
    fn enter(&mut self) -> bool {
        // Some slots may have gone back.
        let end = self.end.min(self.pool.carved.get());
        let Some(slot) = self.pool.slot(self.next).filter(|_| self.next < end) else {
            // What comes in their place is not for this walk.
            self.end = self.next;
            return false;
        };
        let (row, _) = Pool::<T, A>::place(self.next);
        let row_end = doubling::row_start(row.saturating_add(1), Pool::<T, A>::FIRST_LOG2);
        self.slot = slot.block().cast();
        self.row_end = u32::try_from(row_end).unwrap_or(end).min(end);
        true
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

    #[inline]
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

    #[inline]
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
