//! What blocks and spans have in common: memory of a size that is asked for.

use core::{alloc::Layout, ptr::NonNull};

use bench::opaque::opaque;

/// Gives ranges of memory out, and takes them back in any order.
pub(crate) trait Ranges {
    /// For ranges whose sizes are multiples of `grain`.
    fn new(grain: usize) -> Self;

    fn take(&mut self, layout: Layout) -> NonNull<u8>;

    /// # Safety
    ///
    /// - `range` was taken here with `layout`, and is not used again.
    unsafe fn give(&mut self, range: NonNull<u8>, layout: Layout);
}

/// Nothing: what a workload costs by itself.
pub(crate) struct Nothing;

impl Ranges for Nothing {
    fn new(_grain: usize) -> Self {
        Self
    }

    #[inline(always)]
    fn take(&mut self, _layout: Layout) -> NonNull<u8> {
        opaque(NonNull::dangling())
    }

    #[inline(always)]
    unsafe fn give(&mut self, range: NonNull<u8>, _layout: Layout) {
        opaque(range);
    }
}
