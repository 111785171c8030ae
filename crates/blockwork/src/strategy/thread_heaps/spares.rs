//! [`Spares`]: a few free spans that a heap keeps, so that it need not ask for them.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::raw::{free_list::FreeList, page_map::PAGE};

/// The longest span that is kept, in pages.
const LONGEST: usize = 4;

/// Free spans, whose first bytes link them; see the [module](self).
#[derive(Debug)]
pub(super) struct Spares {
    /// By length: one page, two, and so on.
    lists: [FreeList; LONGEST],
    pages: Cell<usize>,
}

impl Spares {
    pub(super) const fn new() -> Self {
        Self { lists: [const { FreeList::new() }; LONGEST], pages: Cell::new(0) }
    }

    /// Where spans of `size` bytes are kept, if they are, and their pages.
    #[inline]
    fn list(&self, size: usize, align: usize) -> Option<(&FreeList, usize)> {
        let pages = size.div_ceil(PAGE);
        let list = self.lists.get(pages.wrapping_sub(1)).filter(|_| align <= PAGE)?;
        Some((list, pages))
    }

    /// A span of `size` bytes, whatever it holds; `vet` looks at it before its link
    /// is followed.
    #[inline]
    pub(super) fn take(&self, size: usize, align: usize, vet: impl Fn(NonNull<u8>)) -> Option<NonNull<u8>> {
        let (list, pages) = self.list(size, align)?;
        vet(list.first()?);
        let span = list.pop()?;
        self.pages.set(self.pages.get().wrapping_sub(pages));
        Some(span)
    }

    /// Keeps a span; false if it is too long. More may be there than should be.
    ///
    /// # Safety
    ///
    /// - `span` is memory for `layout`, whose users have given it up.
    #[inline]
    pub(super) unsafe fn keep(&self, span: NonNull<u8>, layout: Layout) -> bool {
        let Some((list, pages)) = self.list(layout.size(), layout.align()) else { return false };
        // SAFETY: a page at least, and given up.
        unsafe { list.push(span) }
        self.pages.set(self.pages.get().wrapping_add(pages));
        true
    }

    /// Pages that are kept.
    pub(super) const fn pages(&self) -> usize {
        self.pages.get()
    }

    /// Takes all but `keep` pages, the longest spans first.
    pub(super) fn shed(&self, keep: usize, vet: impl Fn(NonNull<u8>)) -> impl Iterator<Item = (NonNull<u8>, Layout)> {
        let mut lengths = (1..=LONGEST).rev().peekable();
        core::iter::from_fn(move || {
            while self.pages.get() > keep {
                let pages = *lengths.peek()?;
                let layout = Layout::from_size_align(pages.wrapping_mul(PAGE), PAGE).ok()?;
                if let Some(span) = self.take(layout.size(), PAGE, &vet) {
                    return Some((span, layout));
                }
                lengths.next();
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::{Allocate, Pages};

    #[test]
    fn a_few_short_spans_are_kept_and_found_by_their_length() {
        let spares = Spares::new();
        let layout = |pages: usize| Layout::from_size_align(pages * PAGE, PAGE).unwrap();
        let span = |pages| Pages.allocate(layout(pages)).unwrap();
        let [one, three, five] = [1, 3, 5].map(span);
        let keep = |span, pages| {
            // SAFETY: memory of that layout, used by nobody.
            unsafe { spares.keep(span, layout(pages)) }
        };
        assert!(keep(one, 1) && keep(three, 3) && !keep(five, 5));
        assert_eq!(spares.take(2 * PAGE, PAGE, drop), None);
        assert_eq!(spares.take(PAGE, 2 * PAGE, drop), None);
        let less = Layout::from_size_align(2 * PAGE + 1, 16).unwrap();
        assert_eq!(spares.take(less.size(), less.align(), drop), Some(three));
        // SAFETY: as above.
        assert!(unsafe { spares.keep(three, less) });
        assert_eq!(spares.shed(8, drop).count(), 0);
        assert_eq!(spares.shed(0, drop).collect::<Vec<_>>(), [(three, layout(3)), (one, layout(1))]);
        assert_eq!(spares.pages.get(), 0);
        for count in 0..5 {
            assert_eq!(spares.pages(), 4 * count);
            assert!(keep(span(4), 4));
        }
        assert_eq!(spares.shed(8, drop).count(), 3);
    }
}
