//! [`Books`]: how many blocks there is room for beside the notes about them.
//!
//! ```text
//! [ block | block | …… | block ][ once ][ group | group | … ]
//! ```

/// Blocks that share one note: as many as a word has bits.
pub(crate) const GROUP_BLOCKS: usize = usize::BITS as usize;

/// What is noted behind the blocks of one piece of memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books {
    /// Once.
    pub(crate) once: usize,
    /// For every [`GROUP_BLOCKS`] blocks begun.
    pub(crate) group: usize,
}

impl Books {
    /// The bytes of `blocks` blocks, `stride` apart, and the notes about them.
    pub(crate) const fn size_for(self, blocks: usize, stride: usize) -> Option<usize> {
        let Some(body) = blocks.checked_mul(stride) else { return None };
        let Some(groups) = blocks.div_ceil(GROUP_BLOCKS).checked_mul(self.group) else { return None };
        match body.checked_add(groups) {
            Some(bytes) => bytes.checked_add(self.once),
            None => None,
        }
    }

    /// The most blocks, `stride` apart, that `bytes` hold with the notes.
    pub(crate) const fn blocks_in(self, bytes: usize, stride: usize) -> usize {
        let bytes = bytes.saturating_sub(self.once);
        // More than memory has when it saturates, so no group is whole.
        let group = stride.saturating_mul(GROUP_BLOCKS).saturating_add(self.group);
        let (Some(groups), Some(rest)) = (bytes.checked_div(group), bytes.checked_rem(group)) else { return 0 };
        match rest.saturating_sub(self.group).checked_div(stride) {
            Some(blocks) => groups.wrapping_mul(GROUP_BLOCKS).wrapping_add(blocks),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::align::SIZE_MAX;

    #[test]
    fn as_many_blocks_fit_as_can_and_no_more() {
        for once in [0, 8] {
            for group in [0, 8, 24] {
                let books = Books { once, group };
                for stride in [8, 16, 24, 104, 4096] {
                    for bytes in (0..20_000).step_by(8) {
                        let blocks = books.blocks_in(bytes, stride);
                        assert!(blocks == 0 || books.size_for(blocks, stride).unwrap() <= bytes);
                        assert!(books.size_for(blocks + 1, stride).unwrap() > bytes);
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_numbers_neither_wrap_nor_panic() {
        let books = Books { once: 8, group: 24 };
        assert_eq!(books.blocks_in(usize::MAX, 0), 0);
        for stride in [1, 8, SIZE_MAX / 64, SIZE_MAX, usize::MAX] {
            for bytes in [SIZE_MAX, usize::MAX] {
                let blocks = books.blocks_in(bytes, stride);
                assert!(books.size_for(blocks, stride).is_some_and(|size| size <= bytes));
            }
            assert_eq!(books.size_for(usize::MAX, stride.max(2)), None);
        }
    }
}
