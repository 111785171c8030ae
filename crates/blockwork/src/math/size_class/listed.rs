//! [`Listed`]: the sizes that a program names.
//!
//! Two tables are computed at compile time: the first class for each size, and
//! for each class and alignment the first class from there that is a multiple
//! of it. They take 8 KiB per list, of which a program touches what it uses.

use core::{alloc::Layout, fmt::Debug};

use super::{Array, Classes, Initial, sealed};

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
/// let class = <Listed<Nodes>>::of(Layout::new::<[u64; 4]>());
/// assert_eq!(<Listed<Nodes>>::size(class), 64);
/// ```
pub trait Sizes: Copy + Debug + Default + Send + Sync + 'static {
    /// The sizes.
    const SIZES: &'static [usize];

    /// An array of as many `T`.
    type PerSize<T: Initial>: Array<T>;
}

/// The classes of [`Sizes`] of one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed<L>(L);

/// The sizes of a list are multiples of this.
const GRAIN: usize = 8;

/// No size of a list is above this, and the look-up tables end here.
const LIST_MAX: usize = 32 * 1024;

/// The first class for each number of grains.
type ByGrains = [u8; LIST_MAX / GRAIN + 1];

/// For each class, the first from there that is a multiple of 2^k, by k.
type ByAlign = [[u8; LIST_MAX.ilog2() as usize + 1]; u8::MAX as usize];

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "all of it is evaluated at compile time, where a mistake is a compile error"
)]
impl<L: Sizes> Listed<L> {
    const COUNT: usize = {
        let sizes = L::SIZES;
        assert!(!sizes.is_empty() && sizes.len() <= u8::MAX as usize, "a list names 1 to 255 sizes");
        let mut class = 0;
        while class < sizes.len() {
            assert!(sizes[class] > 0 && sizes[class].is_multiple_of(GRAIN), "sizes are multiples of 8, not zero");
            assert!(class == 0 || sizes[class - 1] < sizes[class], "sizes ascend");
            class += 1;
        }
        assert!(sizes[sizes.len() - 1] <= LIST_MAX, "no size is above 32 KiB");
        sizes.len()
    };

    const BY_GRAINS: &'static ByGrains = &{
        let mut table = [Self::COUNT as u8; LIST_MAX / GRAIN + 1];
        let (mut class, mut grains) = (0, 0);
        while class < Self::COUNT {
            // Zero grains are nobody's.
            while grains <= L::SIZES[class] / GRAIN {
                table[grains] = if grains == 0 { Self::COUNT as u8 } else { class as u8 };
                grains += 1;
            }
            class += 1;
        }
        table
    };

    const BY_ALIGN: &'static ByAlign = &{
        let mut table = [[Self::COUNT as u8; LIST_MAX.ilog2() as usize + 1]; u8::MAX as usize];
        let mut class = Self::COUNT;
        while class > 0 {
            class -= 1;
            let mut log = 0;
            while log < table[class].len() {
                table[class][log] = if L::SIZES[class].trailing_zeros() as usize >= log {
                    class as u8
                } else if class + 1 < Self::COUNT {
                    table[class + 1][log]
                } else {
                    Self::COUNT as u8
                };
                log += 1;
            }
        }
        table
    };

    /// The last size that is a multiple of 2^k, by k.
    const MAX_ALIGNED: &'static [usize; LIST_MAX.ilog2() as usize + 1] = &{
        let mut table = [0; LIST_MAX.ilog2() as usize + 1];
        let mut class = 0;
        while class < Self::COUNT {
            let mut log = 0;
            while log <= L::SIZES[class].trailing_zeros() as usize {
                table[log] = L::SIZES[class];
                log += 1;
            }
            class += 1;
        }
        table
    };
}

impl<L: Sizes> sealed::Sealed for Listed<L> {}

impl<L: Sizes> Classes for Listed<L> {
    const COUNT: usize = Self::COUNT;
    const MAX: usize = Self::MAX_ALIGNED[0];

    type PerClass<T: Initial> = L::PerSize<T>;

    #[inline]
    fn of(layout: Layout) -> usize {
        const { assert!(<L::PerSize<usize> as Array<usize>>::LEN == L::SIZES.len(), "`PerSize` is as long as `SIZES`") }
        let class = Self::BY_GRAINS.get(layout.size().div_ceil(GRAIN)).copied().map_or(Self::COUNT, usize::from);
        let by_align = Self::BY_ALIGN.get(class).and_then(|row| row.get(layout.align().ilog2() as usize));
        by_align.copied().map_or(Self::COUNT, usize::from)
    }

    #[inline]
    fn size(class: usize) -> usize {
        L::SIZES.get(class).copied().unwrap_or(0)
    }

    #[inline]
    fn max_aligned(align: usize) -> usize {
        Self::MAX_ALIGNED.get(align.ilog2() as usize).copied().unwrap_or(0)
    }
}
