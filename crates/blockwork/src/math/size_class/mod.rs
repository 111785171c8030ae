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
//! | table | as a value | waste at most | time for a layout known at run time |
//! |---|---|---|---|
//! | [`Pow2`] | [`Pow2At`] | one half | a few shifts |
//! | [`Quad`] | [`QuadAt`] | one fifth above 64 bytes | a few shifts |
//! | [`Listed`] | `ListedAt` (feature `alloc`) | as listed | two look-ups |
//!
//! A table that is a type takes no space, and is folded into the instructions; one
//! that is a value is chosen while the program runs. Both answer the same.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::math::size_class::{Classes, Quad};
//!
//! let table = Quad::<1024>;
//! let class = table.of(Layout::from_size_align(300, 8)?);
//! assert_eq!(table.size(class), 320);
//! let aligned = table.of(Layout::from_size_align(300, 128)?);
//! assert_eq!(table.size(aligned), 384);
//! # Ok::<(), core::alloc::LayoutError>(())
//! ```

use core::{alloc::Layout, cell::Cell, fmt::Debug};

mod listed;
mod pow2;
mod quad;

#[cfg(feature = "alloc")]
pub use self::listed::ListedAt;
pub use self::{
    listed::{Listed, Sizes},
    pow2::{Pow2, Pow2At},
    quad::{Quad, QuadAt},
};

/// A table of size classes; see the [module](self).
///
/// Nobody else can implement it: allocators lay out memory by its answers. Own
/// sizes are [`Sizes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table of size classes",
    note = "`Quad<MAX>` takes a power of two from 128 to 1 MiB",
    note = "for sizes of your own, implement `Sizes` and use `Listed<YourSizes>`"
)]
pub trait Classes: Clone + Debug + Send + Sync + sealed::Sealed + 'static {
    /// The size of the last class, when the type alone says it.
    const KNOWN_MAX: Option<usize>;

    /// An array with room for one `T` per class, and perhaps more.
    ///
    /// Named by the table because `[T; C::COUNT]` is no type yet.
    type PerClass<T: Initial>: Array<T>;

    /// The number of classes: they are `0..count`.
    fn count(&self) -> usize;

    /// The size of the last class.
    fn max(&self) -> usize;

    /// The class that serves `layout`: the first one whose size is not below
    /// the layout's, and a multiple of its alignment.
    ///
    /// At least [`count`](Self::count) when there is none, and for size zero:
    /// one test, that for the end of an array, rules out both.
    fn of(&self, layout: Layout) -> usize;

    /// The size of `class`, when there is such a class.
    fn size(&self, class: usize) -> usize;

    /// The largest size that a layout of alignment `align` is served with: that
    /// of the last class which is a multiple of it, zero when there is none.
    fn max_aligned(&self, align: usize) -> usize;

    /// The size of the class that serves `layout`.
    #[inline]
    #[must_use]
    fn round(&self, layout: Layout) -> Option<usize> {
        let class = self.of(layout);
        (class < self.count()).then(|| self.size(class))
    }
}

/// A table that its type says all of, in no space.
///
/// What can be made without a value to start from: in a `const`, above all.
#[diagnostic::on_unimplemented(
    message = "the type `{Self}` alone is no table of size classes",
    note = "a table that is a value is passed to the constructor that takes one, as `with_table`"
)]
pub trait KnownClasses: Classes {
    /// The table.
    const TABLE: Self;
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

/// A table without fields answers as the value `AT` of the same classes does.
macro_rules! as_at {
    ([$($generics:tt)*] $table:ty, $array:ty) => {
        impl<$($generics)*> Classes for $table {
            const KNOWN_MAX: Option<usize> = Some(Self::AT.max);

            type PerClass<T: Initial> = $array;

            #[inline]
            fn count(&self) -> usize {
                Self::AT.count()
            }

            #[inline]
            fn max(&self) -> usize {
                Self::AT.max()
            }

            #[inline]
            fn of(&self, layout: Layout) -> usize {
                Self::AT.of(layout)
            }

            #[inline]
            fn size(&self, class: usize) -> usize {
                Self::AT.size(class)
            }

            #[inline]
            fn round(&self, layout: Layout) -> Option<usize> {
                Self::AT.round(layout)
            }

            #[inline]
            fn max_aligned(&self, align: usize) -> usize {
                Self::AT.max_aligned(align)
            }
        }
    };
}
use as_at;

mod sealed {
    pub trait Sealed {}
}

/// The number of the last byte of `layout`, counted from zero, when its end is
/// padded to its alignment; the greatest number when it has no bytes.
///
/// Among multiples of powers of two, the first that is not below a size and is
/// a multiple of `align` is the first not below the padded size, because where
/// the steps between classes are finer than `align`, the padded size is itself
/// a class.
#[inline]
pub(crate) const fn last_byte(layout: Layout) -> usize {
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
    fn agrees_with_its_definition(table: &impl Classes) {
        fn room<C: Classes>(_: &C) -> usize {
            <C::PerClass<usize> as Array<usize>>::LEN
        }
        let (count, max) = (table.count(), table.max());
        let sizes: Vec<usize> = (0..count).map(|class| table.size(class)).collect();
        assert!(sizes.is_sorted_by(|a, b| a < b), "classes ascend: {sizes:?}");
        assert_eq!(*sizes.last().unwrap(), max);
        assert!(room(table) >= count);
        for align in (0..usize::BITS - 1).map(|log| 1 << log) {
            let serving: Vec<usize> = (0..count).filter(|&class| sizes[class].is_multiple_of(align)).collect();
            assert_eq!(table.max_aligned(align), serving.last().map_or(0, |&class| sizes[class]));
            let mut first = serving.iter().copied().peekable();
            for size in 1..=max + 100 {
                let layout = Layout::from_size_align(size, align).unwrap_or_else(|_| Layout::new::<u8>());
                if layout.align() != align {
                    continue;
                }
                while first.next_if(|&class| sizes[class] < size).is_some() {}
                let class = table.of(layout);
                match first.peek() {
                    Some(&expected) => assert_eq!(class, expected, "{layout:?}"),
                    None => assert!(class >= count, "{layout:?}"),
                }
                assert_eq!(table.round(layout), first.peek().map(|&class| sizes[class]));
            }
            let zero = Layout::from_size_align(0, align).unwrap();
            assert!(table.of(zero) >= count);
            for huge in [isize::MAX as usize, isize::MAX as usize / 2 + 1, 1 << 40] {
                let down = huge & !(align - 1);
                if let Ok(layout) = Layout::from_size_align(down, align) {
                    assert!(table.of(layout) >= count, "{layout:?}");
                }
            }
        }
    }

    #[test]
    fn powers_of_two_agree_with_their_definition() {
        agrees_with_its_definition(&Pow2::<8, 8>);
        agrees_with_its_definition(&Pow2::<8, 4096>);
        agrees_with_its_definition(&Pow2::<16, { 32 * 1024 }>);
        agrees_with_its_definition(&Pow2::<64, 128>);
    }

    #[test]
    fn four_steps_agree_with_their_definition() {
        agrees_with_its_definition(&Quad::<128>);
        agrees_with_its_definition(&Quad::<2048>);
        agrees_with_its_definition(&Quad::<{ 32 * 1024 }>);
    }

    #[test]
    fn lists_agree_with_their_definition() {
        agrees_with_its_definition(&Listed::<Nodes>::new());
        agrees_with_its_definition(&Listed::<Full>::new());
    }

    #[test]
    fn values_agree_with_their_definition() {
        agrees_with_its_definition(&Pow2::at(16, 4096).unwrap());
        agrees_with_its_definition(&Quad::at(2048).unwrap());
        agrees_with_its_definition(&Listed::at(Nodes::SIZES).unwrap());
        agrees_with_its_definition(&Listed::at(Full::SIZES).unwrap());
    }

    #[test]
    fn values_that_break_a_rule_are_refused() {
        for (min, max) in [(0, 16), (4, 16), (32, 16), (24, 96), (16, 100), (8, 1 << 26), (16, 0)] {
            assert!(Pow2::at(min, max).is_none(), "{min} {max}");
        }
        for max in [0, 64, 100, 3000, 1 << 21, usize::MAX] {
            assert!(Quad::at(max).is_none(), "{max}");
        }
        let lists: [&[usize]; 7] = [&[], &[0], &[12], &[16, 16], &[16, 8], &[32776], &[8; 256]];
        for sizes in lists {
            assert!(Listed::at(sizes).is_none(), "{sizes:?}");
        }
    }

    #[test]
    fn every_length_of_table_ends_where_it_says() {
        fn last(table: &impl Classes) {
            let (layout, count) = (|size| Layout::from_size_align(size, 1).unwrap(), table.count());
            assert_eq!(table.size(count - 1), table.max());
            assert_eq!(table.of(layout(table.max())), count - 1);
            assert_eq!(table.of(layout(table.max() + 1)), count);
        }
        last(&Quad::<256>);
        last(&Quad::<512>);
        last(&Quad::<1024>);
        last(&Quad::<4096>);
        last(&Quad::<8192>);
        last(&Quad::<16384>);
        last(&Quad::<65536>);
        last(&Quad::<131_072>);
        last(&Quad::<262_144>);
        last(&Quad::<524_288>);
        last(&Quad::<1_048_576>);
        last(&Pow2::<8, 1_048_576>);
    }

    #[test]
    fn sizes_of_classes_that_are_not_there_are_harmless() {
        for class in [Quad::<128>.count(), 64, 1000, usize::MAX] {
            let _ = (Quad::<128>.size(class), Pow2::<8, 16>.size(class), Listed::<Nodes>::new().size(class));
        }
    }

    #[test]
    fn four_steps_waste_at_most_a_fifth_above_the_first_four() {
        for size in 65..=Quad::<1_048_576>.max() {
            let round = Quad::<1_048_576>.round(Layout::from_size_align(size, 1).unwrap()).unwrap();
            assert!((round - size) * 5 < round, "{size} in {round}");
        }
    }

    #[test]
    fn every_class_serves_some_size() {
        fn counts(table: &impl Classes) -> Vec<usize> {
            let mut counts = vec![0; table.count()];
            for size in 1..=table.max() {
                counts[table.of(Layout::from_size_align(size, 1).unwrap())] += 1;
            }
            counts
        }
        assert_eq!(counts(&Quad::<256>), [16, 16, 16, 16, 16, 16, 16, 16, 32, 32, 32, 32]);
        assert_eq!(counts(&Pow2::<16, 128>), [16, 16, 32, 64]);
        assert_eq!(counts(&Listed::<Nodes>::new()), [8, 16, 16, 8, 16, 136, 800, 24, 976, 2104]);
    }

    #[test]
    fn arrays_start_with_their_initial_value() {
        let cells = <<Quad<128> as Classes>::PerClass<Cell<usize>> as Initial>::INITIAL;
        assert_eq!(cells.as_slice().iter().map(Cell::get).collect::<Vec<_>>(), [0; 8]);
    }
}
