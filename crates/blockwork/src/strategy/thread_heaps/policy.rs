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
    const LEAST: u8 = 0;

    /// Free pages that a heap keeps: when there are more, half of them go.
    const SPARES: usize = 16;

    /// The page has become a slab.
    #[inline]
    fn began(_: &'static Self::Record) {}

    /// The slab is about to become nobody's, and to be kept.
    #[inline]
    fn ended(_: &'static Self::Record) {}

    /// Makes the blocks of these numbers, whose memory nobody has used since it was
    /// new, in front of those in `list`.
    #[inline]
    fn make(record: &'static Self::Record, numbers: Range<u32>, list: &FreeList) {
        record.page().carve(numbers, list);
    }

    /// Looks at `count` blocks that came by mail; the same ones.
    #[inline]
    fn receive(_: &'static Self::Record, blocks: FreeList, _: u32) -> FreeList {
        blocks
    }

    /// Looks at a block before its link is followed.
    #[inline]
    fn vet(_: &'static PageMap<Self::Record>, _: NonNull<u8>) {}

    /// Looks at a page that was kept before its link is followed.
    #[inline]
    fn vet_spare(_: &'static PageMap<Self::Record>, _: NonNull<u8>) {}

    /// Whether strips of slabs may lose their memory: then nothing but links is in
    /// free blocks.
    #[inline]
    fn opens_holes() -> bool {
        false
    }

    /// Gives back the memory that lies there, but not the addresses: whether it has.
    ///
    /// # Safety
    ///
    /// - Nobody uses the memory, which lies in a slab.
    #[inline]
    unsafe fn decommit(_: NonNull<[u8]>) -> bool {
        false
    }
}

/// Nothing at all.
#[derive(Debug)]
pub(crate) enum Plain {}

impl Policy for Plain {
    type Record = Page;
}
