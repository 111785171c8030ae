//! Values under keys.

use core::{
    mem::ManuallyDrop,
    ops::{Index, IndexMut},
    ptr::NonNull,
};

use super::{Pool, key::PoolKey, slot::SlotRef};
use crate::{
    alloc::{AllocError, Allocate},
    typed::{exhausted, or_panic},
};

impl<T, A: Allocate> Pool<T, A> {
    /// Puts `value` under a key.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[inline]
    #[track_caller]
    pub fn insert(&self, value: T) -> PoolKey<T> {
        match self.try_insert(value) {
            Ok(key) => key,
            Err(_) => exhausted(),
        }
    }

    /// [`insert`](Self::insert), or the value back.
    ///
    /// # Errors
    ///
    /// The value, without memory.
    #[inline]
    pub fn try_insert(&self, value: T) -> Result<PoolKey<T>, T> {
        let Ok(slot) = self.take() else { return Err(value) };
        // SAFETY: a slot that nobody uses.
        unsafe { slot.value().write(value) }
        Ok(self.name(slot))
    }

    /// Puts what `make` returns under the key that it is given.
    ///
    /// The key finds nothing before `make` has returned, and never anything if it
    /// panics.
    ///
    /// ```
    /// use blockwork::{Pool, PoolKey, System};
    ///
    /// struct Myself(PoolKey<Myself>);
    ///
    /// let pool = Pool::new(System);
    /// let key = pool.insert_with_key(Myself);
    /// assert_eq!(pool[key].0, key);
    /// ```
    ///
    /// # Panics
    ///
    /// Without memory, and then `make` is not called.
    #[track_caller]
    pub fn insert_with_key(&self, make: impl FnOnce(PoolKey<T>) -> T) -> PoolKey<T> {
        or_panic(self.try_insert_with_key(make))
    }

    /// [`insert_with_key`](Self::insert_with_key), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; `make` was not called.
    pub fn try_insert_with_key(&self, make: impl FnOnce(PoolKey<T>) -> T) -> Result<PoolKey<T>, AllocError> {
        /// Takes the key out of use if `make` unwinds.
        struct Spoil<'p, T, A: Allocate> {
            pool: &'p Pool<T, A>,
            slot: SlotRef<'p, T>,
            key: PoolKey<T>,
        }
        impl<T, A: Allocate> Drop for Spoil<'_, T, A> {
            fn drop(&mut self) {
                self.slot.tag().generation.set(self.key.generation);
                // SAFETY: nobody uses the slot.
                unsafe { self.pool.vacate(self.slot) }
            }
        }
        let slot = self.take()?;
        let key = Self::next_key(slot);
        let guard = Spoil { pool: self, slot, key };
        let value = make(key);
        let _kept = ManuallyDrop::new(guard);
        // SAFETY: a slot that nobody uses.
        unsafe { slot.value().write(value) }
        slot.tag().generation.set(key.generation);
        Ok(key)
    }

    /// Whether the value that `key` names is still there.
    #[inline]
    #[must_use]
    pub fn contains_key(&self, key: PoolKey<T>) -> bool {
        self.find(key).is_some()
    }

    /// The value that `key` names.
    #[inline]
    #[must_use]
    pub fn get(&self, key: PoolKey<T>) -> Option<&T> {
        let slot = self.find(key)?;
        // SAFETY: a value lives there; it is removed or changed through a mutable
        // borrow of the pool only.
        Some(unsafe { slot.value().as_ref() })
    }

    /// The value that `key` names.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, key: PoolKey<T>) -> Option<&mut T> {
        let slot = self.find(key)?;
        // SAFETY: a value lives there, and the pool is borrowed mutably.
        Some(unsafe { slot.value().as_mut() })
    }

    /// The values that `keys` name, if all are there and no two are the same.
    ///
    /// ```
    /// use blockwork::{Pool, System};
    ///
    /// let mut pool = Pool::new(System);
    /// let (a, b) = (pool.insert(1), pool.insert(2));
    /// if let Some([a, b]) = pool.get_disjoint_mut([a, b]) {
    ///     core::mem::swap(a, b);
    /// }
    /// assert_eq!((pool[a], pool[b]), (2, 1));
    /// assert!(pool.get_disjoint_mut([a, a]).is_none());
    /// ```
    #[must_use]
    pub fn get_disjoint_mut<const N: usize>(&mut self, keys: [PoolKey<T>; N]) -> Option<[&mut T; N]> {
        // Keys of one slot that find a value are the same key.
        let is_disjoint = keys.iter().enumerate().all(|(at, key)| !keys.iter().take(at).any(|other| other == key));
        let mut are_there = true;
        let places = keys.map(|key| match self.find(key) {
            Some(slot) => slot.value(),
            None => {
                are_there = false;
                NonNull::dangling()
            }
        });
        if !are_there || !is_disjoint {
            return None;
        }
        // SAFETY: a value lives in each, each is there once, and the pool is
        // borrowed mutably.
        Some(places.map(|mut place| unsafe { place.as_mut() }))
    }

    /// Takes the value that `key` names out.
    #[inline]
    pub fn remove(&mut self, key: PoolKey<T>) -> Option<T> {
        let slot = self.find(key)?;
        // SAFETY: found under a key, and the pool is borrowed mutably.
        Some(unsafe { self.evict(slot) })
    }

    /// Drops the values under keys for which `keep` says no.
    ///
    /// ```
    /// use blockwork::{Pool, System};
    ///
    /// let mut pool = Pool::new(System);
    /// let keys = [1, 2, 3].map(|n| pool.insert(n));
    /// pool.retain(|_, n| *n != 2);
    /// assert_eq!(keys.map(|key| pool.contains_key(key)), [true, false, true]);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(PoolKey<T>, &mut T) -> bool) {
        let mut index = 0;
        while let Some(slot) = self.slot(index) {
            index = index.wrapping_add(1);
            if let Some(key) = Self::key(slot) {
                // SAFETY: a value lives there, and the pool is borrowed mutably.
                let value = unsafe { slot.value().as_mut() };
                if !keep(key, value) {
                    // SAFETY: as above.
                    drop(unsafe { self.evict(slot) });
                }
            }
        }
    }

    /// The slot of the value that `key` names.
    #[inline]
    fn find(&self, key: PoolKey<T>) -> Option<SlotRef<'_, T>> {
        let slot = self.slot_numbered(key.number)?;
        // Of keys it is odd; of what is free, in a box or used up, even.
        (slot.tag().generation.get() == key.generation).then_some(slot)
    }

    /// The key of the value in `slot`, if it has one.
    #[inline]
    pub(super) fn key(slot: SlotRef<'_, T>) -> Option<PoolKey<T>> {
        let generation = slot.tag().generation.get();
        generation.is_live().then(|| PoolKey::new(slot.tag().number.get(), generation))
    }

    /// The key that the value in `slot`, which has none, would have.
    #[inline]
    fn next_key(slot: SlotRef<'_, T>) -> PoolKey<T> {
        PoolKey::new(slot.tag().number.get(), slot.tag().generation.get().live())
    }

    /// Puts the value in `slot`, which nobody owns otherwise, under a key.
    #[inline]
    pub(super) fn name(&self, slot: SlotRef<'_, T>) -> PoolKey<T> {
        let key = Self::next_key(slot);
        slot.tag().generation.set(key.generation);
        key
    }

    /// Takes the value in `slot` out.
    ///
    /// # Safety
    ///
    /// - It is under a key, and the pool is borrowed mutably.
    #[inline]
    pub(super) unsafe fn evict(&self, slot: SlotRef<'_, T>) -> T {
        // SAFETY: a value lives there, which becomes the caller's.
        let value = unsafe { slot.value().read() };
        // SAFETY: nobody uses the value any more.
        unsafe { self.vacate(slot) }
        value
    }

    /// Ends the key of `slot`: the slot is free again, unless that was its last key.
    ///
    /// # Safety
    ///
    /// - It has the generation of a key, and nobody uses the value any more.
    #[inline]
    unsafe fn vacate(&self, slot: SlotRef<'_, T>) {
        let tag = slot.tag();
        match tag.generation.get().next() {
            Some(generation) => {
                tag.generation.set(generation);
                // SAFETY: the caller's promise; even, as it was odd.
                unsafe { self.put(slot.block()) }
            }
            None => slot.retire(),
        }
    }
}

/// Panics when the value is no longer there.
impl<T, A: Allocate> Index<PoolKey<T>> for Pool<T, A> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, key: PoolKey<T>) -> &T {
        match self.get(key) {
            Some(value) => value,
            None => no_value(),
        }
    }
}

/// Panics when the value is no longer there.
impl<T, A: Allocate> IndexMut<PoolKey<T>> for Pool<T, A> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, key: PoolKey<T>) -> &mut T {
        match self.get_mut(key) {
            Some(value) => value,
            None => no_value(),
        }
    }
}

#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "what indexing promises; `get` returns an `Option`")]
fn no_value() -> ! {
    panic!("no value under this key")
}
