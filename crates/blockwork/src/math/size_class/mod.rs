//! [`Classes`]: sizes to classes and back, at compile time where the size is
//! known.
//!
//! ```text
//! Quad<256>   16 32 48 64 · 80 96 112 128 · 160 192 224 256     four steps to each doubling
//! Pow2<16, 256>   16 32 64 128 256                              one
//! Listed<Mine>    24 64 200                                     what Mine says
//! ```
//!
//! A class serves a layout when its size is a multiple of the layout's
//! alignment, so slots that start at a multiple of the class's largest power of
//! two need nothing else. A layout gets the first class that is large enough
//! *and* such a multiple; that choice is the same for every size of the class,
//! and grows with the size.
//!
//! | table | waste at most | time for a layout known at run time |
//! |---|---|---|
//! | [`Pow2`] | one half | a few shifts |
//! | [`Quad`] | one fifth above 64 bytes | a few shifts |
//! | [`Listed`] | as listed | two look-ups |
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::math::size_class::{Classes, Quad};
//!
//! type Table = Quad<1024>;
//! let class = Table::of(Layout::from_size_align(300, 8)?);
//! assert_eq!(Table::size(class), 320);
//! let aligned = Table::of(Layout::from_size_align(300, 128)?);
//! assert_eq!(Table::size(aligned), 384);
//! # Ok::<(), core::alloc::LayoutError>(())
//! ```

use core::{alloc::Layout, cell::Cell, fmt::Debug};

mod listed;

pub use self::listed::{Listed, Sizes};

/// A table of size classes; see the [module](self).
///
/// Nobody else can implement it: allocators lay out memory by its answers. Own
/// sizes are [`Sizes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table of size classes",
    note = "`Quad<MAX>` takes a power of two from 128 to 1 MiB",
    note = "for sizes of your own, implement `Sizes` and use `Listed<YourSizes>`"
)]
pub trait Classes: Copy + Debug + Default + Send + Sync + sealed::Sealed + 'static {
    /// The number of classes: they are `0..COUNT`.
    const COUNT: usize;

    /// The size of the last class.
    const MAX: usize;

    /// An array with room for one `T` per class.
    ///
    /// Named by the table because `[T; C::COUNT]` is no type yet.
    type PerClass<T: Initial>: Array<T>;

    /// The class that serves `layout`: the first one whose size is not below
    /// the layout's, and a multiple of its alignment.
    ///
    /// At least [`COUNT`](Self::COUNT) when there is none, and for size zero:
    /// one test, that for the end of an array, rules out both.
    fn of(layout: Layout) -> usize;

    /// The size of `class`, when there is such a class.
    fn size(class: usize) -> usize;

    /// The largest size that a layout of alignment `align` is served with: that
    /// of the last class which is a multiple of it, zero when there is none.
    fn max_aligned(align: usize) -> usize;

    /// The size of the class that serves `layout`.
    #[inline]
    #[must_use]
    fn round(layout: Layout) -> Option<usize> {
        let class = Self::of(layout);
        (class < Self::COUNT).then(|| Self::size(class))
    }
}

/// The value that something starts with, known at compile time.
pub trait Initial: Sized {
    /// That value.
    const INITIAL: Self;
}

impl Initial for usize {
    const INITIAL: Self = 0;
}

impl<T> Initial for Option<T> {
    const INITIAL: Self = None;
}

impl<T: Initial> Initial for Cell<T> {
    const INITIAL: Self = Self::new(T::INITIAL);
}

/// An array, its length unsaid.
///
/// Only arrays are; so a table cannot name anything else.
pub trait Array<T>: Initial + sealed::Sealed {
    /// Its length.
    const LEN: usize;

    /// All of it.
    fn as_slice(&self) -> &[T];

    /// All of it, to change.
    fn as_mut_slice(&mut self) -> &mut [T];
}

impl<T: Initial, const N: usize> Initial for [T; N] {
    const INITIAL: Self = [const { T::INITIAL }; N];
}

impl<T, const N: usize> sealed::Sealed for [T; N] {}

impl<T: Initial, const N: usize> Array<T> for [T; N] {
    const LEN: usize = N;

    #[inline]
    fn as_slice(&self) -> &[T] {
        self
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Classes of `MIN << k` bytes up to `MAX`: few, and half of a slot may be
/// waste.
///
/// Both are powers of two, `MIN` at least 8, with at most 18 classes:
/// otherwise using the table does not compile.
///
/// ```compile_fail
/// # use blockwork::math::size_class::{Classes, Pow2};
/// let classes = Pow2::<16, 1000>::COUNT;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pow2<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> sealed::Sealed for Pow2<MIN, MAX> {}

impl<const MIN: usize, const MAX: usize> Classes for Pow2<MIN, MAX> {
    const COUNT: usize = {
        assert!(MIN.is_power_of_two() && MAX.is_power_of_two(), "MIN and MAX are powers of two");
        assert!(8 <= MIN && MIN <= MAX, "MIN is at least 8 and at most MAX");
        let count = 1 + (MAX / MIN).ilog2() as usize;
        assert!(count <= 18, "at most 18 classes");
        count
    };

    const MAX: usize = MAX;

    type PerClass<T: Initial> = [T; 18];

    #[inline]
    fn of(layout: Layout) -> usize {
        const { assert!(Self::COUNT > 0, "the rules of the table hold") }
        let last = last_byte(layout) | MIN.wrapping_sub(1);
        (last.ilog2() as usize).wrapping_add(1).wrapping_sub(MIN.ilog2() as usize)
    }

    #[inline]
    fn size(class: usize) -> usize {
        shifted(MIN, class)
    }

    #[inline]
    fn round(layout: Layout) -> Option<usize> {
        let last = last_byte(layout) | MIN.wrapping_sub(1);
        if last < MAX { last.wrapping_add(1).checked_next_power_of_two() } else { None }
    }

    #[inline]
    fn max_aligned(align: usize) -> usize {
        if align <= MAX { MAX } else { 0 }
    }
}

/// Four classes to each doubling, above 16, 32, 48 and 64 bytes.
///
/// `MAX` is a power of two from 128 to 1 MiB; the table exists for no other.
///
/// ```compile_fail
/// # use blockwork::math::size_class::{Classes, Quad};
/// let classes = Quad::<1000>::COUNT;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quad<const MAX: usize>;

/// The steps between classes are this at least, and no class is smaller.
const STEP: usize = 16;

impl<const MAX: usize> Quad<MAX> {
    /// The class of the bytes up to and including number `last`.
    #[inline]
    const fn class(last: usize) -> usize {
        let doublings = Self::doublings(last);
        // From four steps on, what is left of `last` is four to seven: the step
        // within its octave, plus four for the classes below the first octave.
        ((last / STEP) >> doublings).wrapping_add(doublings.wrapping_mul(4))
    }

    /// How often the step has doubled where byte number `last` is.
    #[inline]
    const fn doublings(last: usize) -> usize {
        (((last / STEP) | 4).ilog2() as usize).wrapping_sub(2)
    }

    /// The size of the class of the bytes up to and including number `last`.
    ///
    /// As `class_size(class(last))`, and shorter: `last` with all bits below its
    /// step set is the last byte of the class.
    #[inline]
    const fn rounded(last: usize) -> Option<usize> {
        let step = shifted(STEP, Self::doublings(last));
        if last < MAX { Some((last | step.wrapping_sub(1)).wrapping_add(1)) } else { None }
    }

    /// The size of `class`, if that is a class.
    #[inline]
    const fn class_size(class: usize) -> usize {
        let doublings = (class / 4).saturating_sub(1);
        let steps = class.wrapping_sub(doublings.wrapping_mul(4)).wrapping_add(1);
        shifted(STEP.wrapping_mul(steps), doublings)
    }
}

/// One impl per table, since the array's length is part of it.
macro_rules! quad {
    ($($max:literal: $count:literal),* $(,)?) => {$(
        const _: () = assert!(Quad::<{ $max }>::class($max - 1) == $count - 1);
        const _: () = assert!(Quad::<{ $max }>::class_size($count - 1) == $max);

        impl sealed::Sealed for Quad<{ $max }> {}

        impl Classes for Quad<{ $max }> {
            const COUNT: usize = $count;
            const MAX: usize = $max;

            type PerClass<T: Initial> = [T; $count];

            #[inline]
            fn of(layout: Layout) -> usize {
                Self::class(last_byte(layout))
            }

            #[inline]
            fn size(class: usize) -> usize {
                Self::class_size(class)
            }

            #[inline]
            fn round(layout: Layout) -> Option<usize> {
                Self::rounded(last_byte(layout))
            }

            #[inline]
            fn max_aligned(align: usize) -> usize {
                if align <= Self::MAX { Self::MAX } else { 0 }
            }
        }
    )*};
}

quad! {
    128: 8, 256: 12, 512: 16, 1024: 20, 2048: 24, 4096: 28, 8192: 32, 16384: 36, 32768: 40,
    65536: 44, 131072: 48, 262144: 52, 524288: 56, 1048576: 60,
}

/// The number of the last byte of `layout`, counted from zero, when its end is
/// padded to its alignment; the greatest number when it has no bytes.
///
/// Among multiples of powers of two, the first that is not below a size and is
/// a multiple of `align` is the first not below the padded size, because where
/// the steps between classes are finer than `align`, the padded size is itself
/// a class.
#[inline]
const fn last_byte(layout: Layout) -> usize {
    layout.pad_to_align().size().wrapping_sub(1)
}

/// `number` doubled so often; what that is for more bits than a word has is
/// nobody's concern.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "fewer doublings than a word has bits")]
const fn shifted(number: usize, doublings: usize) -> usize {
    number.wrapping_shl(doublings as u32)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use heap::{vec, vec::Vec};

    use super::*;

    #[derive(Clone, Copy, Debug, Default)]
    struct Nodes;

    impl Sizes for Nodes {
        const SIZES: &'static [usize] = &[8, 24, 40, 48, 64, 200, 1000, 1024, 2000, 4104];
        type PerSize<T: Initial> = [T; 10];
    }

    #[derive(Clone, Copy, Debug, Default)]
    struct Full;

    impl Sizes for Full {
        const SIZES: &'static [usize] = &{
            let mut sizes = [0; 255];
            let mut class = 0;
            while class < 255 {
                sizes[class] = 32 * 1024 - (254 - class) * 8;
                class += 1;
            }
            sizes
        };
        type PerSize<T: Initial> = [T; 255];
    }

    /// Compares every answer of `C` with the definition, for every size to
    /// beyond its end and every alignment.
    fn agrees_with_its_definition<C: Classes>() {
        let sizes: Vec<usize> = (0..C::COUNT).map(C::size).collect();
        assert!(sizes.is_sorted_by(|a, b| a < b), "classes ascend: {sizes:?}");
        assert_eq!(*sizes.last().unwrap(), C::MAX);
        assert!(<C::PerClass<usize> as Array<usize>>::LEN >= C::COUNT);
        for align in (0..usize::BITS - 1).map(|log| 1 << log) {
            let serving: Vec<usize> = (0..C::COUNT).filter(|&class| sizes[class].is_multiple_of(align)).collect();
            assert_eq!(C::max_aligned(align), serving.last().map_or(0, |&class| sizes[class]));
            let mut first = serving.iter().copied().peekable();
            for size in 1..=C::MAX + 100 {
                let layout = Layout::from_size_align(size, align).unwrap_or_else(|_| Layout::new::<u8>());
                if layout.align() != align {
                    continue;
                }
                while first.next_if(|&class| sizes[class] < size).is_some() {}
                let class = C::of(layout);
                match first.peek() {
                    Some(&expected) => assert_eq!(class, expected, "{layout:?}"),
                    None => assert!(class >= C::COUNT, "{layout:?}"),
                }
                assert_eq!(C::round(layout), first.peek().map(|&class| sizes[class]));
            }
            let zero = Layout::from_size_align(0, align).unwrap();
            assert!(C::of(zero) >= C::COUNT);
            for huge in [isize::MAX as usize, isize::MAX as usize / 2 + 1, 1 << 40] {
                let down = huge & !(align - 1);
                if let Ok(layout) = Layout::from_size_align(down, align) {
                    assert!(C::of(layout) >= C::COUNT, "{layout:?}");
                }
            }
        }
    }

    #[test]
    fn powers_of_two_agree_with_their_definition() {
        agrees_with_its_definition::<Pow2<8, 8>>();
        agrees_with_its_definition::<Pow2<8, 4096>>();
        agrees_with_its_definition::<Pow2<16, { 32 * 1024 }>>();
        agrees_with_its_definition::<Pow2<64, 128>>();
    }

    #[test]
    fn four_steps_agree_with_their_definition() {
        agrees_with_its_definition::<Quad<128>>();
        agrees_with_its_definition::<Quad<2048>>();
        agrees_with_its_definition::<Quad<{ 32 * 1024 }>>();
    }

    #[test]
    fn lists_agree_with_their_definition() {
        agrees_with_its_definition::<Listed<Nodes>>();
        agrees_with_its_definition::<Listed<Full>>();
    }

    #[test]
    fn every_length_of_table_ends_where_it_says() {
        fn last<C: Classes>() {
            let layout = |size| Layout::from_size_align(size, 1).unwrap();
            assert_eq!(C::size(C::COUNT - 1), C::MAX);
            assert_eq!(C::of(layout(C::MAX)), C::COUNT - 1);
            assert_eq!(C::of(layout(C::MAX + 1)), C::COUNT);
        }
        last::<Quad<256>>();
        last::<Quad<512>>();
        last::<Quad<1024>>();
        last::<Quad<4096>>();
        last::<Quad<8192>>();
        last::<Quad<16384>>();
        last::<Quad<65536>>();
        last::<Quad<131_072>>();
        last::<Quad<262_144>>();
        last::<Quad<524_288>>();
        last::<Quad<1_048_576>>();
        last::<Pow2<8, 1_048_576>>();
    }

    #[test]
    fn sizes_of_classes_that_are_not_there_are_harmless() {
        for class in [Quad::<128>::COUNT, 64, 1000, usize::MAX] {
            let _ = (Quad::<128>::size(class), Pow2::<8, 16>::size(class), <Listed<Nodes>>::size(class));
        }
    }

    #[test]
    fn four_steps_waste_at_most_a_fifth_above_the_first_four() {
        for size in 65..=Quad::<1_048_576>::MAX {
            let round = Quad::<1_048_576>::round(Layout::from_size_align(size, 1).unwrap()).unwrap();
            assert!((round - size) * 5 < round, "{size} in {round}");
        }
    }

    #[test]
    fn every_class_serves_some_size() {
        fn counts<C: Classes>() -> Vec<usize> {
            let mut counts = vec![0; C::COUNT];
            for size in 1..=C::MAX {
                counts[C::of(Layout::from_size_align(size, 1).unwrap())] += 1;
            }
            counts
        }
        assert_eq!(counts::<Quad<256>>(), [16, 16, 16, 16, 16, 16, 16, 16, 32, 32, 32, 32]);
        assert_eq!(counts::<Pow2<16, 128>>(), [16, 16, 32, 64]);
        assert_eq!(counts::<Listed<Nodes>>(), [8, 16, 16, 8, 16, 136, 800, 24, 976, 2104]);
    }

    #[test]
    fn arrays_start_with_their_initial_value() {
        let cells = <<Quad<128> as Classes>::PerClass<Cell<usize>> as Initial>::INITIAL;
        assert_eq!(cells.as_slice().iter().map(Cell::get).collect::<Vec<_>>(), [0; 8]);
    }
}
