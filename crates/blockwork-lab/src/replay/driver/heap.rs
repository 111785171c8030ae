//! [`Heap`]: an allocator as the driver sees it, and the two simplest.
//!
//! | heap | is |
//! |---|---|
//! | [`Through`] | any blockwork allocator |
//! | [`NeverFreeing`] | the same, without its frees |
//! | [`Null`] | one piece of memory for every request: what a replay costs without an allocator |
//! | [`Malloc`](super::malloc::Malloc) | the machine's own |

use std::{alloc::Layout, ptr::NonNull};

use blockwork::Allocate;

/// What a C program may ask of its allocator.
///
/// # Safety
///
/// - A block is valid for reads and writes of its layout's size until it is
///   freed or resized, and the blocks of a heap that [keeps](Self::KEEPS) are
///   disjoint.
pub unsafe trait Heap {
    /// Whether blocks are disjoint, aligned, and keep what is written there.
    const KEEPS: bool = true;

    /// The alignment that a block of this layout has.
    #[inline]
    fn align(layout: Layout) -> usize {
        layout.align()
    }

    /// A block for `layout`; its bytes are zero if `zeroed`.
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>>;

    /// Takes back a block.
    ///
    /// # Safety
    ///
    /// - `block` is live, came from this heap, and `layout` is its layout.
    unsafe fn free(&self, block: NonNull<u8>, layout: Layout);

    /// Makes the block one of `new`, keeping its bytes up to the smaller size.
    ///
    /// # Safety
    ///
    /// - `block` is live, came from this heap, and `old` is its layout.
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized;

    /// The bytes that the block occupies: at least its size.
    ///
    /// # Safety
    ///
    /// - `block` is live, came from this heap, and `layout` is its layout.
    unsafe fn granted(&self, block: NonNull<u8>, layout: Layout) -> usize;
}

/// How a resize went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resized {
    /// The block is here now, and nowhere else.
    Done(NonNull<u8>),
    /// Nothing changed; the block has to be moved: allocate, copy, free.
    Refused,
    /// Nothing changed; there is no memory for it.
    Failed,
}

/// A blockwork allocator.
#[derive(Debug)]
pub struct Through<'a, A>(pub &'a A);

// SAFETY: `A` keeps the contract of `Allocate`, which promises what is asked here.
unsafe impl<A: Allocate> Heap for Through<'_, A> {
    #[inline]
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        if zeroed { self.0.allocate_zeroed(layout).ok() } else { self.0.allocate(layout).ok() }
    }

    #[inline]
    unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: live, from `A`, and its own layout fits it.
        unsafe { self.0.deallocate(block, layout) }
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
        // SAFETY: live, from `A`, and its own layout fits it.
        match unsafe { self.0.resize(block, old, new) } {
            Ok(()) => Resized::Done(block),
            Err(_) => Resized::Refused,
        }
    }

    #[inline]
    unsafe fn granted(&self, _: NonNull<u8>, layout: Layout) -> usize {
        self.0.granted(layout)
    }
}

/// A blockwork allocator that is never told of a free: the bound of what any
/// allocator could do in time, at the price of all memory ever asked for.
#[derive(Debug)]
pub struct NeverFreeing<'a, A>(pub &'a A);

// SAFETY: as for `Through`; a block that is not taken back stays valid.
unsafe impl<A: Allocate> Heap for NeverFreeing<'_, A> {
    #[inline]
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        Through(self.0).allocate(layout, zeroed)
    }

    #[inline]
    unsafe fn free(&self, _: NonNull<u8>, _: Layout) {}

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
        // SAFETY: as promised by the caller.
        unsafe { Through(self.0).resize(block, old, new) }
    }

    #[inline]
    unsafe fn granted(&self, block: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: as promised by the caller.
        unsafe { Through(self.0).granted(block, layout) }
    }
}

/// Answers every request with the same memory.
#[derive(Debug)]
pub struct Null {
    memory: NonNull<u8>,
    len: usize,
}

impl Null {
    /// Serves requests up to `largest` bytes. Its memory is touched now, so that
    /// a replay never waits for it, and stays for good.
    pub fn new(largest: usize) -> Self {
        let memory = vec![1_u8; largest.max(1)].leak();
        Self { len: memory.len(), memory: NonNull::from(memory).cast() }
    }
}

// SAFETY: `memory` is valid for `len` bytes for ever, and no block is longer.
unsafe impl Heap for Null {
    const KEEPS: bool = false;

    #[inline]
    fn allocate(&self, layout: Layout, _: bool) -> Option<NonNull<u8>> {
        (layout.size() <= self.len).then_some(self.memory)
    }

    #[inline]
    unsafe fn free(&self, _: NonNull<u8>, _: Layout) {}

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, _: Layout, new: Layout) -> Resized {
        if new.size() <= self.len { Resized::Done(block) } else { Resized::Failed }
    }

    #[inline]
    unsafe fn granted(&self, _: NonNull<u8>, layout: Layout) -> usize {
        layout.size()
    }
}
