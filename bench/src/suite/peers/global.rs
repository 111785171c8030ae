//! General allocators, through the trait by which programs use them.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
};

use allocator_api2::alloc::{AllocError, Allocator};
use bench::opaque::opaque;

use crate::kinds::{
    bump::{Layouts, Values},
    collections::Region,
    fixed::Fixed,
    ranges::Ranges,
};

/// A general allocator that needs no set-up.
pub(crate) struct Malloc<G>(G);

/// Names the one value of an allocator.
pub(crate) trait Named: GlobalAlloc {
    const GLOBAL: Self;
}

impl Named for mimalloc::MiMalloc {
    const GLOBAL: Self = Self;
}

impl Named for tikv_jemallocator::Jemalloc {
    const GLOBAL: Self = Self;
}

impl Named for snmalloc_rs::SnMalloc {
    const GLOBAL: Self = Self;
}

impl Named for std::alloc::System {
    const GLOBAL: Self = Self;
}

impl<G: Named> Malloc<G> {
    pub(crate) const NEW: Self = Self(G::GLOBAL);

    #[inline(always)]
    pub(crate) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        // SAFETY: no workload asks for nothing.
        match NonNull::new(unsafe { self.0.alloc(layout) }) {
            // The compiler knows `malloc` and `free`, and leaves out a pair of them that nobody sees.
            Some(block) => opaque(block),
            None => super::exhausted(),
        }
    }

    /// # Safety
    ///
    /// - `block` was allocated here with `layout`, and is not used again.
    #[inline(always)]
    pub(crate) unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.dealloc(block.as_ptr(), layout) };
    }
}

const BLOCK: Layout = Layout::new::<[u64; 8]>();

impl<G: Named> Fixed for Malloc<G> {
    type Handle = NonNull<u8>;

    fn new(_blocks: usize) -> Self {
        Self::NEW
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> NonNull<u8> {
        let block = self.allocate(BLOCK);
        // SAFETY: 64 bytes, aligned for a word.
        unsafe { block.cast::<u64>().write(word) };
        block
    }

    #[inline(always)]
    fn give(&mut self, block: NonNull<u8>) -> u64 {
        // SAFETY: `take` wrote a word there.
        let word = unsafe { block.cast::<u64>().read() };
        // SAFETY: allocated with this layout, and given up.
        unsafe { self.free(block, BLOCK) };
        word
    }
}

impl<G: Named> Ranges for Malloc<G> {
    fn new(_grain: usize) -> Self {
        Self::NEW
    }

    #[inline(always)]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.allocate(layout)
    }

    #[inline(always)]
    unsafe fn give(&mut self, range: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.free(range, layout) };
    }
}

/// A general allocator in the place of a region: the blocks have to be
/// remembered, and freed one by one.
pub(crate) struct Kept<M> {
    malloc: M,
    blocks: Vec<(NonNull<u8>, Layout)>,
}

impl<G: Named> Values for Kept<Malloc<G>> {
    fn new(_bytes: usize) -> Self {
        Self { malloc: Malloc::NEW, blocks: Vec::new() }
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        let block = self.bytes(Layout::new::<u64>()).cast();
        // SAFETY: allocated for a word.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {
        for (block, layout) in self.blocks.drain(..) {
            // SAFETY: allocated below with this layout.
            unsafe { self.malloc.free(block, layout) };
        }
    }
}

impl<G: Named> Layouts for Kept<Malloc<G>> {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        let block = self.malloc.allocate(layout);
        self.blocks.push((block, layout));
        block
    }
}

/// A general allocator for collections, as a program's global one would be.
pub(crate) struct Global<G>(G);

// SAFETY: a global allocator gives distinct blocks, as large and as aligned as asked for, until they are freed.
unsafe impl<G: Named> Allocator for &Global<G> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: collections ask for nothing only where they say so, and none of the workloads does.
        let block = NonNull::new(unsafe { self.0.alloc(layout) }).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.dealloc(block.as_ptr(), layout) };
    }

    #[inline]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        assert_eq!(old.align(), new.align(), "collections do not change the alignment");
        // SAFETY: the caller's promise; growing makes it no smaller, so not nothing.
        let block = NonNull::new(unsafe { self.0.realloc(block.as_ptr(), old, new.size()) }).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, new.size()))
    }
}

impl<G: Named + 'static> Region for Global<G> {
    type Allocator<'a> = &'a Self;

    fn new(_bytes: usize) -> Self {
        Self(G::GLOBAL)
    }

    fn allocator(&self) -> &Self {
        self
    }

    fn reset(&mut self) {}
}
