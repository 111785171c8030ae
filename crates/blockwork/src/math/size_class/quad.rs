//! [`Quad`]: four classes to each doubling.

use core::alloc::Layout;

use super::{Classes, Initial, KnownClasses, last_byte, sealed, shifted};

/// Four classes to each doubling, above 16, 32, 48 and 64 bytes.
///
/// `MAX` is a power of two from 128 to 1 MiB; the table exists for no other.
///
/// ```compile_fail,E0277
/// # use blockwork::math::size_class::{Classes, Quad};
/// fn count<C: Classes>(table: C) -> usize {
///     table.count()
/// }
/// count(Quad::<1000>);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quad<const MAX: usize>;

/// What [`Quad::at`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuadAt {
    max: usize,
}

/// The steps between classes are this at least, and no class is smaller.
const STEP: usize = 16;

/// The size of the last class of the longest table, and its number of classes.
const LONGEST: (usize, usize) = (1 << 20, 60);

impl Quad<0> {
    /// The classes up to `max` bytes, known when the program runs; `None` when
    /// that is no power of two from 128 to 1 MiB.
    #[must_use]
    pub const fn at(max: usize) -> Option<QuadAt> {
        if max.is_power_of_two() && 128 <= max && max <= LONGEST.0 { Some(QuadAt { max }) } else { None }
    }
}

/// The class of the bytes up to and including number `last`.
#[inline]
const fn class(last: usize) -> usize {
    let log = octave(last);
    // The three bits of `last` from its first one on are four to seven; below the
    // first octave less, since zeroes stand for what is not there. For each octave
    // four more, so that the first class is zero.
    (last.wrapping_shl(2) >> log).wrapping_add(log.wrapping_mul(4)).wrapping_sub(4 * FIRST_OCTAVE)
}

/// The power of two that byte number `last` is in the octave of: from the first
/// one with four steps on.
#[inline]
const fn octave(last: usize) -> usize {
    (last | (4 * STEP)).ilog2() as usize
}

/// The first octave with four steps.
const FIRST_OCTAVE: usize = (4 * STEP).ilog2() as usize;

/// The size of `class`, if that is a class.
#[inline]
const fn class_size(class: usize) -> usize {
    let doublings = (class / 4).saturating_sub(1);
    let steps = class.wrapping_sub(doublings.wrapping_mul(4)).wrapping_add(1);
    shifted(STEP.wrapping_mul(steps), doublings)
}

impl sealed::Sealed for QuadAt {}

impl Classes for QuadAt {
    const KNOWN_MAX: Option<usize> = None;

    type PerClass<T: Initial> = [T; LONGEST.1];

    #[inline]
    fn count(&self) -> usize {
        class(self.max.wrapping_sub(1)).wrapping_add(1)
    }

    #[inline]
    fn max(&self) -> usize {
        self.max
    }

    #[inline]
    fn of(&self, layout: Layout) -> usize {
        class(last_byte(layout))
    }

    #[inline]
    fn size(&self, class: usize) -> usize {
        class_size(class)
    }

    /// As `size(of(layout))`, and shorter: the last byte with all bits below
    /// its step set is the last byte of the class.
    #[inline]
    fn round(&self, layout: Layout) -> Option<usize> {
        let last = last_byte(layout);
        let step = shifted(1, octave(last).wrapping_sub(2));
        if last < self.max { Some((last | step.wrapping_sub(1)).wrapping_add(1)) } else { None }
    }

    #[inline]
    fn max_aligned(&self, align: usize) -> usize {
        if align <= self.max { self.max } else { 0 }
    }
}

impl<const MAX: usize> Quad<MAX> {
    /// The class of `size` bytes of any alignment up to 16, in a `const` too: as
    /// [`of`](Classes::of), but that no size is the class of one byte less.
    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    #[inline(always)]
    pub(crate) const fn class_of(size: usize) -> usize {
        class(size.wrapping_sub(1))
    }

    /// The same as a value.
    const AT: QuadAt = QuadAt { max: MAX };
}

/// One impl per table, since the array's length is part of it.
macro_rules! quad {
    ($($max:literal: $count:literal),* $(,)?) => {$(
        const _: () = assert!(class($max - 1) == $count - 1);
        const _: () = assert!(class_size($count - 1) == $max);

        impl sealed::Sealed for Quad<{ $max }> {}

        impl KnownClasses for Quad<{ $max }> {
            const TABLE: Self = Self;
        }

        super::as_at!([] Quad<{ $max }>, [T; $count]);
    )*};
}

quad! {
    128: 8, 256: 12, 512: 16, 1024: 20, 2048: 24, 4096: 28, 8192: 32, 16384: 36, 32768: 40,
    65536: 44, 131072: 48, 262144: 52, 524288: 56, 1048576: 60,
}
