//! Memory of a size that is asked for.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{Allocate, Memo, Pages, SpanPool, SpanPoolConfig, System};

use crate::{kinds::ranges::Ranges, peers::exhausted};

/// Ranges straight from an allocator.
pub(crate) struct RangesOf<A>(A);

/// Makes an allocator of ranges.
pub(crate) trait MakeRanges {
    fn make(grain: usize) -> Self;
}

impl MakeRanges for Pages {
    fn make(_grain: usize) -> Self {
        Self
    }
}

impl MakeRanges for Memo<Pages> {
    fn make(_grain: usize) -> Self {
        Self::new(Pages, usize::MAX)
    }
}

impl<A: Allocate + MakeRanges> MakeRanges for SpanPool<A> {
    fn make(grain: usize) -> Self {
        let request = (grain * 16).max(1 << 20);
        let config = SpanPoolConfig { block: grain, backing_request: Some(request), ..SpanPoolConfig::DEFAULT };
        Self::try_new(A::make(grain), config).expect("a good configuration")
    }
}

impl MakeRanges for System {
    fn make(_grain: usize) -> Self {
        Self
    }
}

impl<A: Allocate + MakeRanges> Ranges for RangesOf<A> {
    fn new(grain: usize) -> Self {
        Self(A::make(grain))
    }

    #[inline(always)]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        let Ok(range) = self.0.allocate(layout) else { exhausted() };
        range
    }

    #[inline(always)]
    unsafe fn give(&mut self, range: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.deallocate(range, layout) };
    }
}
