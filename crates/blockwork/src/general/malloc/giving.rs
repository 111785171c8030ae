//! [`Giving`]: slabs lose the memory of what is free in them, in time.

use core::ptr::NonNull;

use super::spans::asks_for_huge_pages;
use crate::{
    math::holes::STRIP,
    source::pages::Pages,
    strategy::thread_heaps::{Page, Policy},
};

/// What the heaps of the malloc do beyond what they have to; see the [module](self).
#[derive(Debug)]
pub(super) enum Giving {}

impl Policy for Giving {
    type Record = Page;

    /// Not where the pages of the system are longer, or holes would split them.
    fn opens_holes() -> bool {
        Pages::page_size() <= STRIP && !asks_for_huge_pages()
    }

    unsafe fn decommit(memory: NonNull<[u8]>) -> bool {
        // SAFETY: the caller's promise; slabs lie in mappings.
        unsafe { Pages::decommit(memory) }.is_ok()
    }
}
