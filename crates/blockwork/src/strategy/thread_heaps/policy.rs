//! [`Policy`]: what heaps do beyond what they have to.

use core::{ops::Range, ptr::NonNull};

use super::page::{Page, Record};
use crate::raw::{free_list::FreeList, page_map::PageMap};

/// What is done where slabs begin and end, blocks are made, and lists are followed
/// whose links lie in freed blocks; see the [module](self).
///
/// Nothing of it is on the path of a hit or a free: what has to be done there,
/// the composition does.
pub(crate) trait Policy: 'static {
    /// What is known of a page.
    type Record: Record;

    /// The class that small blocks are of at least.
    const LEAST: u8;

    /// Free pages that a heap keeps: when there are more, half of them go.
    const SPARES: usize = 16;

    /// The page has become a slab.
    fn began(record: &'static Self::Record);

    /// The slab is about to become nobody's, and to be kept.
    fn ended(record: &'static Self::Record);

    /// Makes the blocks of these numbers, for the first time, in front of those in
    /// `list`.
    fn make(record: &'static Self::Record, numbers: Range<u32>, list: &FreeList);

    /// Looks at `count` blocks that came by mail; the same ones.
    fn receive(record: &'static Self::Record, blocks: FreeList, count: u32) -> FreeList;

    /// Looks at a block before its link is followed.
    fn vet(map: &'static PageMap<Self::Record>, block: NonNull<u8>);

    /// Looks at a page that was kept before its link is followed.
    fn vet_spare(map: &'static PageMap<Self::Record>, page: NonNull<u8>);
}

/// Nothing at all.
#[derive(Debug)]
pub(crate) enum Plain {}

impl Policy for Plain {
    type Record = Page;

    const LEAST: u8 = 0;

    #[inline]
    fn began(_: &'static Page) {}

    #[inline]
    fn ended(_: &'static Page) {}

    #[inline]
    fn make(page: &'static Page, numbers: Range<u32>, list: &FreeList) {
        page.carve(numbers, list);
    }

    #[inline]
    fn receive(_: &'static Page, blocks: FreeList, _: u32) -> FreeList {
        blocks
    }

    #[inline]
    fn vet(_: &'static PageMap<Page>, _: NonNull<u8>) {}

    #[inline]
    fn vet_spare(_: &'static PageMap<Page>, _: NonNull<u8>) {}
}
