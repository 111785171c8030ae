//! The least code that can do the work, written for it alone: how fast a
//! candidate could be.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};
use std::alloc::{alloc, dealloc};

use allocator_api2::alloc::{AllocError, Allocator};
use bench::{by_hand::FreeList, opaque::opaque};

use crate::kinds::{
    bump::{Layouts, Values},
    collections::Region,
    fixed::Fixed,
};

/// Blocks in a chunk of [`FreeBlocks`], as in the pools beside it.
const BLOCKS: usize = 1024;
const BLOCK: usize = 64;
const CHUNK: Layout = match Layout::from_size_align(BLOCKS * BLOCK, 64) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two"),
};

/// A free list through the blocks; a chunk joins it block by block.
pub(crate) struct FreeBlocks {
    free: FreeList,
    chunks: Vec<NonNull<u8>>,
}

impl FreeBlocks {
    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> NonNull<u8> {
        // SAFETY: the size is not zero.
        let chunk = NonNull::new(unsafe { alloc(CHUNK) }).expect("memory");
        self.chunks.push(chunk);
        for at in (1..BLOCKS).rev() {
            // SAFETY: inside the chunk.
            let block = unsafe { chunk.add(at * BLOCK) };
            // SAFETY: 64 bytes that nobody uses.
            unsafe { self.free.push(block) };
        }
        chunk
    }
}

impl Fixed for FreeBlocks {
    type Handle = NonNull<u8>;

    fn new(_blocks: usize) -> Self {
        Self { free: FreeList::default(), chunks: Vec::new() }
    }

    #[inline(always)]
    fn take(&mut self, word: u64) -> NonNull<u8> {
        let block = match self.free.pop() {
            Some(block) => block,
            None => self.grow(),
        };
        let block = opaque(block);
        // SAFETY: 64 bytes, aligned for a word.
        unsafe { block.cast::<u64>().write(word) };
        block
    }

    #[inline(always)]
    fn give(&mut self, block: NonNull<u8>) -> u64 {
        // SAFETY: `take` wrote a word there.
        let word = unsafe { block.cast::<u64>().read() };
        // SAFETY: the handle is given up.
        unsafe { self.free.push(block) };
        word
    }
}

impl Drop for FreeBlocks {
    fn drop(&mut self) {
        for chunk in self.chunks.drain(..) {
            // SAFETY: allocated in `grow` with this layout.
            unsafe { dealloc(chunk.as_ptr(), CHUNK) };
        }
    }
}

/// A position and an end.
pub(crate) struct Span {
    memory: NonNull<u8>,
    layout: Layout,
    position: Cell<usize>,
    end: usize,
}

impl Span {
    fn with_room(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, 4096).expect("a size for memory");
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc(layout) }).expect("memory");
        let position = memory.addr().get();
        Self { memory, layout, position: Cell::new(position), end: position + bytes }
    }

    #[inline(always)]
    fn allocate(&self, layout: Layout) -> NonNull<u8> {
        let start = (self.position.get() + layout.align() - 1) & !(layout.align() - 1);
        let Some(end) = start.checked_add(layout.size()).filter(|&end| end <= self.end) else { full() };
        self.position.set(end);
        let block = self.memory.as_ptr().with_addr(start);
        // SAFETY: inside the span, which does not begin at zero.
        unsafe { NonNull::new_unchecked(block) }
    }
}

impl Values for Span {
    fn new(bytes: usize) -> Self {
        Self::with_room(bytes)
    }

    #[inline(always)]
    fn word(&mut self, word: u64) -> NonNull<u64> {
        let block = self.allocate(Layout::new::<u64>()).cast();
        // SAFETY: allocated for a word.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {
        self.position.set(self.memory.addr().get());
    }
}

impl Layouts for Span {
    #[inline(always)]
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        self.allocate(layout)
    }
}

// SAFETY: blocks of a span are distinct until the reset, when no collection is left.
unsafe impl Allocator for &Span {
    #[inline(always)]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Ok(NonNull::slice_from_raw_parts(Span::allocate(self, layout), layout.size()))
    }

    #[inline(always)]
    unsafe fn deallocate(&self, _block: NonNull<u8>, _layout: Layout) {}

    /// The last block grows where it is.
    #[inline(always)]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let start = block.addr().get();
        if start + old.size() == self.position.get() && new.size() <= self.end - start {
            self.position.set(start + new.size());
            return Ok(NonNull::slice_from_raw_parts(block, new.size()));
        }
        let moved = Span::allocate(self, new);
        // SAFETY: both are as large as the old one at least, and distinct.
        unsafe { moved.copy_from_nonoverlapping(block, old.size()) };
        Ok(NonNull::slice_from_raw_parts(moved, new.size()))
    }
}

impl Region for Span {
    type Allocator<'a> = &'a Self;

    fn new(bytes: usize) -> Self {
        Self::with_room(bytes)
    }

    fn allocator(&self) -> &Self {
        self
    }

    fn reset(&mut self) {
        <Self as Values>::reset(self);
    }
}

#[cold]
#[inline(never)]
fn full() -> ! {
    panic!("the span is full")
}

impl Drop for Span {
    fn drop(&mut self) {
        // SAFETY: allocated with the span, with this layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}
