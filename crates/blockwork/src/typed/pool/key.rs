//! [`PoolKey`]: the number of a slot, and which of its values is meant.

use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    num::NonZeroU32,
};

mod sealed {
    pub trait Sealed {}
}

/// How many values of a slot keys can tell apart: [`u8`], [`u16`] or [`u32`].
///
/// A slot counts up twice for each of its values that had a key. One that has
/// counted to its end is not used again, so that no key ever names a later value: of
/// `u32` that is one slot lost for each 2 147 483 648 values that it held.
pub trait Generation: sealed::Sealed + Copy + Ord + Hash + fmt::Debug + 'static {
    /// Of a new slot.
    #[doc(hidden)]
    const FIRST: Self;

    /// The odd number behind an even one.
    #[doc(hidden)]
    fn live(self) -> Self;

    #[doc(hidden)]
    fn next(self) -> Option<Self>;

    #[doc(hidden)]
    fn to_u32(self) -> u32;

    #[doc(hidden)]
    fn from_u32(number: u32) -> Option<Self>;

    /// Whether a value with a key has this generation.
    #[doc(hidden)]
    #[inline]
    fn is_live(self) -> bool {
        self.to_u32() & 1 == 1
    }
}

macro_rules! generations {
    ($($number:ty)+) => {$(
        impl sealed::Sealed for $number {}

        impl Generation for $number {
            const FIRST: Self = 0;

            #[inline]
            fn live(self) -> Self {
                self | 1
            }

            #[inline]
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            #[inline]
            fn to_u32(self) -> u32 {
                self.into()
            }

            #[inline]
            fn from_u32(number: u32) -> Option<Self> {
                Self::try_from(number).ok()
            }
        }
    )+};
}
generations!(u8 u16 u32);

/// Names a value in a [`Pool`](super::Pool), until the value is removed; never
/// another one in the same pool.
///
/// Eight bytes, in an [`Option`] too. A key is a number and keeps nothing alive. In
/// another pool of the same type it may name another value.
pub struct PoolKey<T, G: Generation = u32> {
    /// The slot's index and one more.
    pub(super) number: NonZeroU32,
    /// Odd.
    pub(super) generation: G,
    _value: PhantomData<fn() -> T>,
}

const _: () = assert!(size_of::<Option<PoolKey<u64>>>() == size_of::<u64>(), "a key is eight bytes, and has a niche");

impl<T, G: Generation> PoolKey<T, G> {
    /// The key of the value with this generation, which is odd.
    #[inline]
    pub(super) const fn new(number: NonZeroU32, generation: G) -> Self {
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
        u64::from(self.generation.to_u32()) << 32 | u64::from(self.number.get())
    }

    /// The key that [`to_bits`](Self::to_bits) made a number of; `None` for
    /// numbers that are no key's.
    ///
    /// No number does harm: at worst the key names another value of the pool.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        let number = NonZeroU32::new(u32::try_from(bits & u64::from(u32::MAX)).ok()?)?;
        let generation = G::from_u32(u32::try_from(bits >> 32).ok()?)?;
        generation.is_live().then_some(Self::new(number, generation))
    }
}

// By hand: `T` need not be any of these.

impl<T, G: Generation> Clone for PoolKey<T, G> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, G: Generation> Copy for PoolKey<T, G> {}

impl<T, G: Generation> PartialEq for PoolKey<T, G> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.generation == other.generation
    }
}

impl<T, G: Generation> Eq for PoolKey<T, G> {}

impl<T, G: Generation> PartialOrd for PoolKey<T, G> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T, G: Generation> Ord for PoolKey<T, G> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.number, self.generation).cmp(&(other.number, other.generation))
    }
}

impl<T, G: Generation> Hash for PoolKey<T, G> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.number, self.generation).hash(state);
    }
}

impl<T, G: Generation> fmt::Debug for PoolKey<T, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolKey({}v{})", self.number, self.generation.to_u32())
    }
}
