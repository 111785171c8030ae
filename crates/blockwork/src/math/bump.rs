//! One step of a bump allocator: align, add, compare.

use core::alloc::Layout;

/// Where a block goes, and where the next one may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes left free before the block, for its alignment.
    pub padding: usize,
    /// Bytes from the cursor to the end of the block; not less than `padding`.
    pub total: usize,
}

/// Fits `layout` between `cursor` and `end`, upwards, padding counted.
///
/// The two bound one span of memory: `end` is not below `cursor`, and not more
/// than `isize::MAX` above it.
///
/// No sum is checked, because none can mislead: a [`Layout`] keeps
/// `size + (align - 1)` within `isize::MAX`, so the room that is left, or
/// lacking, is an `isize`, whatever wraps on the way. One sign tells all.
#[inline]
#[must_use]
pub const fn step(cursor: usize, end: usize, layout: Layout) -> Option<Step> {
    let mask = layout.align().wrapping_sub(1);
    let block = cursor.wrapping_add(mask) & !mask;
    let next = block.wrapping_add(layout.size());
    if end.wrapping_sub(next).cast_signed() >= 0 {
        Some(Step { padding: block.wrapping_sub(cursor), total: next.wrapping_sub(cursor) })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::align::SIZE_MAX;

    /// The step with every sum checked.
    fn by_the_book(cursor: usize, end: usize, layout: Layout) -> Option<Step> {
        let block = cursor.checked_next_multiple_of(layout.align())?;
        let next = block.checked_add(layout.size())?;
        (next <= end).then(|| Step { padding: block.abs_diff(cursor), total: next.abs_diff(cursor) })
    }

    #[test]
    fn every_small_step_is_by_the_book() {
        for base in [0, 1 << 20, usize::MAX - 66] {
            for from in 0..=66 {
                for to in from..=66 {
                    for size in 0..=34 {
                        for align in [1, 2, 4, 8, 16, 32] {
                            let layout = Layout::from_size_align(size, align).unwrap();
                            let (cursor, end) = (base + from, base + to);
                            assert_eq!(
                                step(cursor, end, layout),
                                by_the_book(cursor, end, layout),
                                "{base} {from} {to}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn steps_at_the_ends_of_the_numbers_are_by_the_book() {
        let lengths = [0, 1, 15, 16, 4096, SIZE_MAX / 2, SIZE_MAX - 4096, SIZE_MAX - 1, SIZE_MAX];
        let cursors = [1, 4095, SIZE_MAX - 1, SIZE_MAX, SIZE_MAX + 1, SIZE_MAX + 4097, usize::MAX - 4096, usize::MAX];
        for align in (0..usize::BITS - 1).map(|bit| 1_usize << bit) {
            let most = SIZE_MAX - (align - 1);
            for size in lengths.into_iter().map(|size| size.min(most)) {
                let layout = Layout::from_size_align(size, align).unwrap();
                for cursor in cursors {
                    for end in lengths.into_iter().filter_map(|length| cursor.checked_add(length)) {
                        assert_eq!(
                            step(cursor, end, layout),
                            by_the_book(cursor, end, layout),
                            "{cursor} {end} {layout:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn padding_counts_against_the_room() {
        let (one, fifteen) = (Layout::new::<u8>(), Layout::from_size_align(15, 8).unwrap());
        assert_eq!(step(16, 32, one), Some(Step { padding: 0, total: 1 }));
        assert_eq!(step(17, 32, fifteen), None);
        assert_eq!(step(17, 39, fifteen), Some(Step { padding: 7, total: 22 }));
    }
}
