//! [`Pow2`]: a class for each power of two.

use core::alloc::Layout;

use super::{Classes, Initial, KnownClasses, last_byte, sealed, shifted};

/// Classes of `MIN << k` bytes up to `MAX`: few, and half of a slot may be
/// waste.
///
/// Both are powers of two, `MIN` at least 8, with at most 18 classes:
/// otherwise using the table does not compile.
///
/// ```compile_fail,E0080
/// # use blockwork::math::size_class::{Classes, Pow2};
/// let classes = Pow2::<16, 1000>.count();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pow2<const MIN: usize, const MAX: usize>;

/// What [`Pow2::at`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pow2At {
    min: usize,
    max: usize,
}

/// A table names at most so many classes.
const COUNT_MAX: usize = 18;

impl Pow2<0, 0> {
    /// The classes from `min` to `max` bytes, known when the program runs;
    /// `None` where a rule above does not hold.
    #[must_use]
    pub const fn at(min: usize, max: usize) -> Option<Pow2At> {
        let lawful = min.is_power_of_two() && max.is_power_of_two() && 8 <= min && min <= max;
        if lawful && count(min, max) <= COUNT_MAX { Some(Pow2At { min, max }) } else { None }
    }
}

/// The number of powers of two from `min` to `max`.
const fn count(min: usize, max: usize) -> usize {
    shifts(max).wrapping_sub(shifts(min)).wrapping_add(1)
}

const fn shifts(number: usize) -> usize {
    number.ilog2() as usize
}

impl Pow2At {
    /// The number of the last byte, but in the first class at least.
    #[inline]
    const fn last(self, layout: Layout) -> usize {
        last_byte(layout) | self.min.wrapping_sub(1)
    }
}

impl sealed::Sealed for Pow2At {}

impl Classes for Pow2At {
    const KNOWN_MAX: Option<usize> = None;

    type PerClass<T: Initial> = [T; COUNT_MAX];

    #[inline]
    fn count(&self) -> usize {
        count(self.min, self.max)
    }

    #[inline]
    fn max(&self) -> usize {
        self.max
    }

    #[inline]
    fn of(&self, layout: Layout) -> usize {
        shifts(self.last(layout)).wrapping_add(1).wrapping_sub(shifts(self.min))
    }

    #[inline]
    fn size(&self, class: usize) -> usize {
        shifted(self.min, class)
    }

    #[inline]
    fn round(&self, layout: Layout) -> Option<usize> {
        let last = self.last(layout);
        if last < self.max { last.wrapping_add(1).checked_next_power_of_two() } else { None }
    }

    #[inline]
    fn max_aligned(&self, align: usize) -> usize {
        if align <= self.max { self.max } else { 0 }
    }
}

impl<const MIN: usize, const MAX: usize> Pow2<MIN, MAX> {
    /// The same as a value; does not compile where that is refused.
    const AT: Pow2At = match Pow2::at(MIN, MAX) {
        Some(table) => table,
        None => panic!("MIN and MAX are powers of two, 8 <= MIN <= MAX, with at most 18 classes"),
    };
}

impl<const MIN: usize, const MAX: usize> sealed::Sealed for Pow2<MIN, MAX> {}

impl<const MIN: usize, const MAX: usize> KnownClasses for Pow2<MIN, MAX> {
    const TABLE: Self = Self;
}

super::as_at!([const MIN: usize, const MAX: usize] Pow2<MIN, MAX>, [T; COUNT_MAX]);
