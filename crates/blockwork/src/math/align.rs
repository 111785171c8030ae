//! Multiples of powers of two: rounding, testing, and how far blocks lie apart.
//!
//! Alignments are powers of two, as in a [`Layout`]. For other numbers the
//! results mean nothing, but nothing panics.

use core::alloc::Layout;

/// A machine word that can hold a pointer: what a free block stores.
const LINK: Layout = Layout::new::<*mut u8>();

/// The largest size that anything in memory can have.
pub const SIZE_MAX: usize = isize::MAX.unsigned_abs();

/// Whether `number` is a multiple of `align`.
#[inline]
#[must_use]
pub const fn is_aligned(number: usize, align: usize) -> bool {
    number & align.wrapping_sub(1) == 0
}

/// The greatest multiple of `align` that is not above `number`.
#[inline]
#[must_use]
pub const fn align_down(number: usize, align: usize) -> usize {
    number & !align.wrapping_sub(1)
}

/// The least multiple of `align` that is not below `number`.
///
/// `None` when it does not fit a word.
#[inline]
#[must_use]
pub const fn align_up(number: usize, align: usize) -> Option<usize> {
    number.checked_add(padding(number, align))
}

/// What `number` lacks to the next multiple of `align`: less than `align`.
#[inline]
#[must_use]
pub const fn padding(number: usize, align: usize) -> usize {
    number.wrapping_neg() & align.wrapping_sub(1)
}

/// The most that [`natural_align`] answers: what C's `max_align_t` is aligned
/// to on the machines of today.
pub const NATURAL_ALIGN_MAX: usize = 16;

/// The alignment that anything of `size` bytes can need, where nobody says
/// more: the largest power of two that divides `size`, 16 at most.
///
/// A type's size is a multiple of its alignment, so no type of that size needs
/// more, but for those that ask for more than 16. One for zero.
///
/// ```
/// use blockwork::math::align::natural_align;
///
/// assert_eq!([1, 2, 3, 4, 12, 24, 64].map(natural_align), [1, 2, 1, 4, 4, 8, 16]);
/// ```
#[inline]
#[must_use]
pub const fn natural_align(size: usize) -> usize {
    let either = size | NATURAL_ALIGN_MAX;
    if size == 0 { 1 } else { either & either.wrapping_neg() }
}

/// Returns the layout of a block for callers that have only a size, as C has.
///
/// `None` for sizes that no block can have.
///
/// ```
/// use blockwork::{Allocate, System, math::align::layout_of};
///
/// let layout = layout_of(12).unwrap();
/// assert_eq!((layout.size(), layout.align()), (12, 4));
/// let block = System.allocate(layout)?;
/// // SAFETY: just allocated with this layout.
/// unsafe { System.deallocate(block, layout) };
/// # Ok::<(), blockwork::AllocError>(())
/// ```
#[must_use]
pub const fn layout_of(size: usize) -> Option<Layout> {
    match Layout::from_size_align(size, natural_align(size)) {
        Ok(layout) => Some(layout),
        Err(_) => None,
    }
}

/// Returns the layout of blocks of `size` and `align` that lie back to back
/// and store a link while they are free.
///
/// The size is that of the stride: all blocks are aligned if the first one
/// is, because the stride is a multiple of the alignment. `None` when no such
/// block can exist, `align` not being a power of two included.
///
/// ```
/// use blockwork::math::align::stride;
///
/// let layout = stride(24, 16).unwrap();
/// assert_eq!((layout.size(), layout.align()), (32, 16));
/// let layout = stride(1, 1).unwrap();
/// assert_eq!(layout.size(), size_of::<*mut u8>());
/// ```
#[must_use]
pub const fn stride(size: usize, align: usize) -> Option<Layout> {
    if !align.is_power_of_two() {
        return None;
    }
    let size = if size < LINK.size() { LINK.size() } else { size };
    let align = if align < LINK.align() { LINK.align() } else { align };
    match Layout::from_size_align(size, align) {
        Ok(layout) => Some(layout.pad_to_align()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers around every power of two, and the ends.
    fn edges() -> impl Iterator<Item = usize> {
        (0..usize::BITS).flat_map(|bit| {
            let power = 1_usize << bit;
            (power.saturating_sub(3)..=power).chain((1..=3).map(move |more| power.wrapping_add(more)))
        })
    }

    fn powers() -> impl Iterator<Item = usize> {
        (0..usize::BITS).map(|bit| 1 << bit)
    }

    #[test]
    fn small_numbers_agree_with_division() {
        for align in powers().take(10) {
            for number in 0..=2048 {
                assert_eq!(is_aligned(number, align), number % align == 0);
                assert_eq!(align_down(number, align), number / align * align);
                assert_eq!(align_up(number, align), Some(number.div_ceil(align) * align));
                assert_eq!(number + padding(number, align), number.div_ceil(align) * align);
            }
        }
    }

    #[test]
    fn numbers_near_every_power_round_as_std_rounds() {
        for align in powers() {
            for number in edges().chain((0..4).map(|less| usize::MAX - less)) {
                assert_eq!(align_up(number, align), number.checked_next_multiple_of(align));
                assert_eq!(align_down(number, align), number - number % align);
                assert_eq!(is_aligned(number, align), number.is_multiple_of(align));
                assert!(padding(number, align) < align);
            }
        }
    }

    /// Seed 003's own test of where a block of four bytes starts.
    #[test]
    fn the_next_place_for_a_block_is_aligned_by_its_size() {
        let places = [0, 1, 3, 4, 5].map(|base| align_up(base, natural_align(4)));
        assert_eq!(places, [0, 4, 4, 4, 8].map(Some));
    }

    /// Seed 003, H4: twelve bytes were aligned to eight, by the largest power
    /// below the size and not by the largest that divides it.
    #[test]
    fn the_natural_alignment_divides_the_size_and_no_greater_one_does() {
        assert_eq!(natural_align(0), 1);
        for size in (1..=4096).chain(edges().filter(|&size| size != 0)) {
            let align = natural_align(size);
            assert!(align.is_power_of_two() && align <= NATURAL_ALIGN_MAX && size.is_multiple_of(align));
            assert!(align == NATURAL_ALIGN_MAX || !size.is_multiple_of(2 * align));
        }
    }

    #[test]
    fn every_size_that_a_block_can_have_has_a_layout() {
        for size in edges() {
            let layout = layout_of(size);
            assert_eq!(layout.is_some(), size <= SIZE_MAX - (natural_align(size) - 1), "{size}");
            assert!(layout.is_none_or(|layout| layout.size() == size && layout.align() == natural_align(size)));
        }
        fn is_enough<T>() {
            assert!(natural_align(size_of::<T>()) >= align_of::<T>());
        }
        is_enough::<u8>();
        is_enough::<[u16; 3]>();
        is_enough::<[u32; 3]>();
        is_enough::<(u8, u64)>();
        is_enough::<u128>();
        is_enough::<Option<f64>>();
        is_enough::<()>();
    }

    #[test]
    fn a_stride_holds_the_block_and_the_link_and_keeps_the_alignment() {
        for size in (0..=300).chain([1000, 4096]) {
            for align in powers().take(13) {
                let stride = stride(size, align).unwrap();
                assert!(stride.size() >= size.max(LINK.size()));
                assert!(stride.align() >= align.max(LINK.align()));
                assert!(stride.size().is_multiple_of(stride.align()));
                assert!(stride.size() - stride.align() < size.max(LINK.size()), "no smaller stride would do");
            }
        }
    }

    #[test]
    fn there_is_no_stride_where_there_is_no_block() {
        assert_eq!(stride(1, 0), None);
        assert_eq!(stride(1, 3), None);
        assert_eq!(stride(24, 24), None);
        assert_eq!(stride(SIZE_MAX, 8), None);
        assert_eq!(stride(usize::MAX, 1), None);
        assert_eq!(stride(1, 1 << (usize::BITS - 1)), None);
        assert!(stride(SIZE_MAX - 7, 8).is_some());
    }

    #[test]
    fn a_stride_is_its_own_stride() {
        for size in edges() {
            for align in powers() {
                if let Some(layout) = stride(size, align) {
                    assert_eq!(stride(layout.size(), layout.align()), Some(layout));
                }
            }
        }
    }
}
