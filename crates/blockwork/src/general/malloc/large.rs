//! [`Large`]: blocks that no slab has, and what the map says of them.

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Relocate},
    combine::segregate::{Segregate, UpTo},
    raw::page_map::{PAGE, PageMap},
    strategy::thread_heaps::{Page, Record},
};

/// The largest block that is a span; larger ones are mapped by themselves.
pub(super) const SPAN_MAX: usize = 16 << 20;

/// Spans and mappings, whose first page says how long they are.
#[derive(Debug)]
pub(super) struct Large<S, M, R: 'static = Page> {
    map: &'static PageMap<R>,
    blocks: Segregate<UpTo<SPAN_MAX>, S, M>,
}

/// A request as the spans know it: every span is aligned like this.
#[inline]
pub(super) fn inner(layout: Layout) -> Layout {
    if is_span(layout) { layout.align_to(PAGE).unwrap_or(layout) } else { layout }
}

/// Whether a block for `layout` is a span.
#[inline]
pub(super) const fn is_span(layout: Layout) -> bool {
    layout.size() <= SPAN_MAX
}

impl<S: Allocate, M: Allocate, R: Record> Large<S, M, R> {
    pub(super) const fn new(map: &'static PageMap<R>, spans: S, mappings: M) -> Self {
        Self { map, blocks: Segregate::new(UpTo, spans, mappings) }
    }

    pub(super) fn granted(&self, layout: Layout) -> usize {
        self.blocks.granted(inner(layout))
    }

    /// A block for `layout`, on a page that `cover` says may be written about.
    pub(super) fn allocate(
        &self,
        layout: Layout,
        cover: impl FnOnce(NonNull<u8>) -> Result<(), AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        self.enter_new(layout, self.blocks.allocate(inner(layout))?, cover)
    }

    /// The same, of zeroes.
    pub(super) fn allocate_zeroed(
        &self,
        layout: Layout,
        cover: impl FnOnce(NonNull<u8>) -> Result<(), AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        self.enter_new(layout, self.blocks.allocate_zeroed(inner(layout))?, cover)
    }

    /// Enters a new block for `layout` into the map, or frees it.
    fn enter_new(
        &self,
        layout: Layout,
        block: NonNull<u8>,
        cover: impl FnOnce(NonNull<u8>) -> Result<(), AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        if cover(block).is_err() {
            // SAFETY: just allocated with this layout.
            unsafe { self.blocks.deallocate(block, inner(layout)) }
            return Err(AllocError);
        }
        let inner = inner(layout);
        let page = Page::of(self.map, block.addr().get());
        page.set_align(inner.align());
        page.set_extent(block, self.blocks.granted(inner));
        Ok(block)
    }

    /// The layout of the block at `address`, which is on `page`, if one begins there.
    pub(super) fn layout_at(&self, page: &Page, address: NonNull<u8>) -> Option<Layout> {
        let (len, base) = page.extent();
        if len == 0 || base != address.as_ptr() {
            return None;
        }
        Layout::from_size_align(len, page.align()).ok()
    }

    /// # Safety
    ///
    /// - `block`, on `page`, is live, and `layout` is its [layout](Self::layout_at).
    pub(super) unsafe fn deallocate(&self, page: &Page, block: NonNull<u8>, layout: Layout) {
        page.set_extent(block, 0);
        // SAFETY: what was granted, with the alignment that was asked for.
        unsafe { self.blocks.deallocate(block, layout) }
    }

    /// # Safety
    ///
    /// - As for [`Allocate::resize`]; `block` is on `page`.
    pub(super) unsafe fn resize(
        &self,
        page: &Page,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<(), AllocError> {
        let (old, new) = (inner(old), inner(new));
        // SAFETY: the caller's live block, whose layouts became those that it was asked with.
        unsafe { self.blocks.resize(block, old, new)? }
        page.set_extent(block, self.blocks.granted(new));
        Ok(())
    }
}

impl<S: Allocate, M: Relocate, R: Record> Large<S, M, R> {
    /// Makes a block fit `new` without copying, which `cover` calls, and then sees to
    /// it that the page may be written about where the block is now.
    ///
    /// # Safety
    ///
    /// - As for [`Relocate::relocate`].
    pub(super) unsafe fn relocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        cover: impl FnOnce(&dyn Fn() -> Result<NonNull<u8>, AllocError>) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        let (old, new) = (inner(old), inner(new));
        let page = Page::of(self.map, block.addr().get());
        let (len, _) = page.extent();
        // Once it has moved another thread may be given what lies there.
        page.set_extent(block, 0);
        // SAFETY: live, with the layouts that it was asked with, and called once at most.
        let moved = match cover(&|| unsafe { self.blocks.relocate(block, old, new) }) {
            Ok(moved) => moved,
            Err(AllocError) => {
                page.set_extent(block, len);
                return Err(AllocError);
            }
        };
        let page = Page::of(self.map, moved.addr().get());
        page.set_align(new.align());
        page.set_extent(moved, self.blocks.granted(new));
        Ok(moved)
    }
}
