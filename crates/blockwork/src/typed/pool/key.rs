//! [`PoolKey`]: the number of a slot, and which of its values is meant.

use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    num::NonZeroU32,
};

/// Which of the values that a slot has held: even without a key, odd under one.
///
/// It counts up twice for each value that had a key. A slot that has counted to the
/// end is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Generation(u32);

impl Generation {
    /// Of a slot whose memory is new.
    pub(super) const FIRST: Self = Self(0);
    /// The last of all, under a key.
    #[cfg(test)]
    pub(super) const LAST: Self = Self(u32::MAX);

    #[cfg(test)]
    pub(super) const fn before(self, steps: u32) -> Self {
        Self(self.0.wrapping_sub(steps))
    }

    /// Whether it is a key's.
    #[inline]
    pub(super) const fn is_live(self) -> bool {
        self.0 & 1 == 1
    }

    /// The one under a key behind one without.
    #[inline]
    pub(super) const fn live(self) -> Self {
        Self(self.0 | 1)
    }

    /// The next one, if this is not the last.
    #[inline]
    pub(super) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// Names a value in a [`Pool`](super::Pool), until the value is removed; and never
/// another one in the same pool.
///
/// Eight bytes, in an [`Option`] too. A key is a number and keeps nothing alive. In
/// another pool of the same type it may name another value.
///
/// Two numbers make a key: a place, and how often a key has named a value there. A
/// place that has counted to the end of 32 bits is not used again, so counting never
/// starts over: one place is lost for each 2 147 483 648 values that it held.
pub struct PoolKey<T> {
    /// The slot's index and one more.
    pub(super) number: NonZeroU32,
    /// Odd.
    pub(super) generation: Generation,
    _value: PhantomData<fn() -> T>,
}

const _: () = assert!(size_of::<Option<PoolKey<u64>>>() == size_of::<u64>(), "a key is eight bytes, and has a niche");

impl<T> PoolKey<T> {
    /// The key of the value with this generation, which is odd.
    #[inline]
    pub(super) const fn new(number: NonZeroU32, generation: Generation) -> Self {
        Self { number, generation, _value: PhantomData }
    }

    /// The key as a number, for where only numbers can go: never zero.
    ///
    /// ```
    /// use blockwork::{Pool, PoolKey, System};
    ///
    /// let pool = Pool::new(System);
    /// let key: PoolKey<&str> = pool.insert("hello");
    /// assert_eq!(PoolKey::from_bits(key.to_bits()), Some(key));
    /// assert_eq!(PoolKey::<&str>::from_bits(0), None);
    /// ```
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation.0) << 32 | u64::from(self.number.get())
    }

    /// The key that [`to_bits`](Self::to_bits) made a number of; `None` for
    /// numbers that are no key's.
    ///
    /// No number does harm: at worst the key names another value of the pool.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        let number = NonZeroU32::new(u32::try_from(bits & u64::from(u32::MAX)).ok()?)?;
        let generation = Generation(u32::try_from(bits >> 32).ok()?);
        generation.is_live().then_some(Self::new(number, generation))
    }
}

// By hand: `T` need not be any of these.

impl<T> Clone for PoolKey<T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for PoolKey<T> {}

impl<T> PartialEq for PoolKey<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.generation == other.generation
    }
}

impl<T> Eq for PoolKey<T> {}

impl<T> PartialOrd for PoolKey<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for PoolKey<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.number, self.generation).cmp(&(other.number, other.generation))
    }
}

impl<T> Hash for PoolKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.number, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for PoolKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolKey({}v{})", self.number, self.generation.0)
    }
}
