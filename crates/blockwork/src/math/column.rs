//! [`column`]: how many blocks fit into memory with a link for each in front.

use core::alloc::Layout;

use super::align::padding;

/// Blocks behind their links.
///
/// ```text
/// start                 start + first
/// [ . | link | link | link | block | block | block | . ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// Bytes before the first block; as many as there are, if none fits.
    pub(crate) first: usize,
    pub(crate) blocks: usize,
}

/// How many blocks of `stride` fit `size` bytes at `start`, at most `most`, behind
/// a link of `link` bytes for each of them.
///
/// The links end where the first block begins.
pub(crate) const fn column(start: usize, size: usize, link: usize, stride: Layout, most: usize) -> Fit {
    let mut blocks = match size.checked_div(stride.size().saturating_add(link)) {
        Some(blocks) if blocks < most => blocks,
        Some(_) => most,
        None => 0,
    };
    // Twice at most: padding is less than a block.
    while blocks != 0 {
        let links = blocks.wrapping_mul(link);
        let first = links.wrapping_add(padding(start.wrapping_add(links), stride.align()));
        let body = blocks.wrapping_mul(stride.size());
        if first <= size && body <= size.wrapping_sub(first) {
            return Fit { first, blocks };
        }
        blocks = blocks.wrapping_sub(1);
    }
    Fit { first: size, blocks: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::align::{SIZE_MAX, is_aligned};

    #[test]
    fn blocks_are_aligned_behind_their_links_and_no_more_would_fit() {
        for (size, align) in [(8, 8), (24, 8), (64, 16), (64, 64), (192, 64), (4096, 4096)] {
            let stride = Layout::from_size_align(size, align).unwrap();
            for start in (0..70).chain([4095, 4096]) {
                for room in (0..300).chain([4096, 10_000, 65_536]) {
                    let Fit { first, blocks } = column(start, room, 4, stride, usize::MAX);
                    let fits = |blocks: usize| {
                        let links = start + 4 * blocks;
                        links.next_multiple_of(align) - start + blocks * size <= room
                    };
                    assert!(!fits(blocks + 1), "{size} {start} {room}: one more than {blocks}");
                    if blocks != 0 {
                        assert!(fits(blocks) && is_aligned(start + first, align));
                        assert!(first >= 4 * blocks && first + blocks * size <= room);
                    }
                }
            }
        }
    }

    #[test]
    fn there_are_no_more_than_wanted() {
        let stride = Layout::new::<u64>();
        assert_eq!(column(0, SIZE_MAX, 4, stride, 100), Fit { first: 400, blocks: 100 });
        assert_eq!(column(8, 7, 4, stride, 100), Fit { first: 7, blocks: 0 });
        assert!(column(usize::MAX - SIZE_MAX, SIZE_MAX, 4, stride, usize::MAX).blocks > SIZE_MAX / 13);
    }
}
