//! [`Listed`]: the sizes that a program names.
//!
//! Two tables are computed beforehand, at compile time if the list is a type: the
//! first class for each size, and for each class and alignment the first class
//! from there that is a multiple of it. They take 8 KiB per list, of which a
//! program touches what it uses.

use core::{alloc::Layout, fmt::Debug, marker::PhantomData};
// Without a compare-exchange to count with, each clone has a table of its own.
#[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
use heap::boxed::Box as Kept;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use heap::sync::Arc as Kept;
#[cfg(feature = "alloc")]
use heap::vec::Vec;

use super::{Array, Classes, Initial, KnownClasses, sealed};

/// Sizes of one's own, for [`Listed`].
///
/// They ascend, are multiples of 8, at most 255, and none is above 32 KiB;
/// using the table does not compile otherwise.
///
/// ```
/// use core::alloc::Layout;
/// use blockwork::math::size_class::{Classes, Initial, Listed, Sizes};
///
/// #[derive(Clone, Copy, Debug, Default)]
/// struct Nodes;
///
/// impl Sizes for Nodes {
///     const SIZES: &'static [usize] = &[24, 64, 200];
///     type PerSize<T: Initial> = [T; 3];
/// }
///
/// let table = Listed::<Nodes>::new();
/// assert_eq!(table.size(table.of(Layout::new::<[u64; 4]>())), 64);
/// ```
pub trait Sizes: Copy + Debug + Default + Send + Sync + 'static {
    /// The sizes.
    const SIZES: &'static [usize];

    /// An array of as many `T`.
    type PerSize<T: Initial>: Array<T>;
}

/// The classes of [`Sizes`] of one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed<L>(PhantomData<L>);

/// The sizes of a list are multiples of this.
const GRAIN: usize = 8;

/// No size of a list is above this, and the look-up tables end here.
const LIST_MAX: usize = 32 * 1024;

/// The first class for each number of grains.
type ByGrains = [u8; LIST_MAX / GRAIN + 1];

/// For each class, the first from there that is a multiple of 2^k, by k.
type ByAlign = [[u8; LOGS]; u8::MAX as usize];

/// Alignments that some size of a list can have, as powers of two.
const LOGS: usize = LIST_MAX.ilog2() as usize + 1;

/// What a list looks up.
#[derive(Clone, Debug)]
struct Tables {
    by_grains: ByGrains,
    by_align: ByAlign,
    /// The last size that is a multiple of 2^k, by k.
    max_aligned: [usize; LOGS],
}

/// Whether `sizes` keep the rules of [`Sizes`].
const fn is_lawful(mut sizes: &[usize]) -> bool {
    if sizes.is_empty() || sizes.len() > u8::MAX as usize {
        return false;
    }
    let mut below = 0;
    while let [size, rest @ ..] = sizes {
        if *size <= below || !size.is_multiple_of(GRAIN) || *size > LIST_MAX {
            return false;
        }
        (below, sizes) = (*size, rest);
    }
    true
}

impl Tables {
    /// The tables of `sizes`, which keep the rules.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects,
        reason = "lists that keep the rules stay inside the tables, as the tests show for the longest ones"
    )]
    const fn new(sizes: &[usize]) -> Self {
        let count = sizes.len();
        let nobody = count as u8;
        let mut tables = Self {
            by_grains: [nobody; LIST_MAX / GRAIN + 1],
            by_align: [[nobody; LOGS]; u8::MAX as usize],
            max_aligned: [0; LOGS],
        };
        // Zero grains are nobody's.
        let (mut class, mut grains) = (0, 1);
        while class < count {
            while grains <= sizes[class] / GRAIN {
                tables.by_grains[grains] = class as u8;
                grains += 1;
            }
            let mut log = 0;
            while log < LOGS && log <= sizes[class].trailing_zeros() as usize {
                tables.max_aligned[log] = sizes[class];
                log += 1;
            }
            class += 1;
        }
        while class > 0 {
            class -= 1;
            let mut log = 0;
            while log < LOGS {
                tables.by_align[class][log] = if sizes[class].trailing_zeros() as usize >= log {
                    class as u8
                } else if class + 1 < count {
                    tables.by_align[class + 1][log]
                } else {
                    nobody
                };
                log += 1;
            }
        }
        tables
    }

    #[inline]
    fn of(&self, layout: Layout) -> usize {
        let class = self.by_grains.get(layout.size().div_ceil(GRAIN)).copied().map_or(usize::MAX, usize::from);
        let by_align = self.by_align.get(class).and_then(|row| row.get(layout.align().ilog2() as usize));
        by_align.copied().map_or(usize::MAX, usize::from)
    }

    #[inline]
    fn max_aligned(&self, align: usize) -> usize {
        self.max_aligned.get(align.ilog2() as usize).copied().unwrap_or(0)
    }
}

impl<L> Listed<L> {
    /// The table of `L`.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<L: Sizes> Listed<L> {
    const TABLES: &'static Tables = &{
        assert!(is_lawful(L::SIZES), "a list names 1 to 255 sizes, ascending multiples of 8 up to 32 KiB");
        assert!(<L::PerSize<usize> as Array<usize>>::LEN == L::SIZES.len(), "`PerSize` is as long as `SIZES`");
        Tables::new(L::SIZES)
    };

    const MAX: usize = Self::TABLES.max_aligned[0];
}

impl<L: Sizes> sealed::Sealed for Listed<L> {}

impl<L: Sizes> KnownClasses for Listed<L> {
    const TABLE: Self = Self::new();
}

impl<L: Sizes> Classes for Listed<L> {
    const KNOWN_MAX: Option<usize> = Some(Self::MAX);

    type PerClass<T: Initial> = L::PerSize<T>;

    #[inline]
    fn count(&self) -> usize {
        L::SIZES.len()
    }

    #[inline]
    fn max(&self) -> usize {
        Self::MAX
    }

    #[inline]
    fn of(&self, layout: Layout) -> usize {
        Self::TABLES.of(layout)
    }

    #[inline]
    fn size(&self, class: usize) -> usize {
        L::SIZES.get(class).copied().unwrap_or(0)
    }

    #[inline]
    fn max_aligned(&self, align: usize) -> usize {
        Self::TABLES.max_aligned(align)
    }
}

/// What [`Listed::at`] makes: the list and its tables, on the heap; clones share
/// them.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct ListedAt(Kept<(Vec<usize>, Tables)>);

#[cfg(feature = "alloc")]
impl Listed<()> {
    /// The classes of `sizes`, known when the program runs; `None` where a rule
    /// of [`Sizes`] does not hold.
    #[must_use]
    pub fn at(sizes: &[usize]) -> Option<ListedAt> {
        is_lawful(sizes).then(|| ListedAt(Kept::new((sizes.into(), Tables::new(sizes)))))
    }
}

#[cfg(feature = "alloc")]
impl sealed::Sealed for ListedAt {}

#[cfg(feature = "alloc")]
impl Classes for ListedAt {
    const KNOWN_MAX: Option<usize> = None;

    type PerClass<T: Initial> = [T; u8::MAX as usize];

    #[inline]
    fn count(&self) -> usize {
        self.0.0.len()
    }

    #[inline]
    fn max(&self) -> usize {
        self.max_aligned(1)
    }

    #[inline]
    fn of(&self, layout: Layout) -> usize {
        self.0.1.of(layout)
    }

    #[inline]
    fn size(&self, class: usize) -> usize {
        self.0.0.get(class).copied().unwrap_or(0)
    }

    #[inline]
    fn max_aligned(&self, align: usize) -> usize {
        self.0.1.max_aligned(align)
    }
}
