//! What the compositions do, written without the library for blocks of one size.

use core::{cell::Cell, ptr::NonNull};

use bench::by_hand::{
    FreeList, OneClass,
    around::{Affixed, Closing},
};
use blockwork::{Allocate, System};

use crate::pairs::BLOCK;

/// An allocator of blocks of one size.
pub(crate) trait ByHand {
    fn allocate(&self) -> Option<NonNull<u8>>;

    /// # Safety
    ///
    /// - `block` is live and came from here.
    unsafe fn free(&self, block: NonNull<u8>);
}

/// What is done when there is no free block; how is not the question here.
#[cold]
#[inline(never)]
fn refill<T>(heap: &T) -> Option<NonNull<u8>> {
    std::hint::black_box(heap);
    std::hint::black_box(None)
}

impl ByHand for FreeList {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        match self.pop() {
            Some(block) => Some(block),
            None => refill(self),
        }
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.push(block) }
    }
}

impl ByHand for OneClass {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        match self.allocate() {
            Some(block) => Some(block),
            None => refill(self),
        }
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.free(block) }
    }
}

impl<const N: usize> ByHand for Affixed<N> {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        // SAFETY: what is in the list has room for all of it.
        ByHand::allocate(&self.list).map(|base| unsafe { self.dress(base) })
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.push(block) }
    }
}

impl ByHand for Closing {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        if self.is_closed() { None } else { self.list.pop().or_else(|| refill(self)) }
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.list.push(block) }
    }
}

/// Blocks of a list, and when it cannot be refilled others.
pub(crate) struct Backed<T>(T);

impl<T: ByHand> ByHand for Backed<T> {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        self.0.allocate().or_else(|| refill(self))
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.0.free(block) }
    }
}

/// Bytes from `next` to `end`.
pub(crate) struct Cursor {
    next: Cell<NonNull<u8>>,
    end: Cell<NonNull<u8>>,
}

impl ByHand for Cursor {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        let next = self.next.get();
        if self.end.get().addr().get() - next.addr().get() < 8 {
            return refill(self);
        }
        // SAFETY: there are so many bytes.
        self.next.set(unsafe { next.add(8) });
        Some(next)
    }

    #[inline(always)]
    unsafe fn free(&self, _block: NonNull<u8>) {}
}

/// A list, and how many of its blocks are live.
pub(crate) struct Live<T> {
    list: T,
    live: Cell<usize>,
}

impl<T: ByHand> ByHand for Live<T> {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        let block = self.list.allocate()?;
        self.live.set(self.live.get() + 1);
        Some(block)
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        self.live.set(self.live.get() - 1);
        // SAFETY: the caller's promise.
        unsafe { self.list.free(block) }
    }
}

/// The books of `Counted`.
pub(crate) struct Books<T> {
    list: T,
    live: Cell<usize>,
    peak: Cell<usize>,
    total: Cell<u64>,
    blocks: Cell<usize>,
    requests: Cell<u64>,
    failures: Cell<u64>,
}

impl<T: ByHand> ByHand for Books<T> {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        let block = self.list.allocate();
        self.requests.set(self.requests.get() + 1);
        if block.is_none() {
            self.failures.set(self.failures.get() + 1);
            return None;
        }
        self.blocks.set(self.blocks.get() + 1);
        let live = self.live.get() + BLOCK.size();
        self.live.set(live);
        self.peak.set(self.peak.get().max(live));
        self.total.set(self.total.get().saturating_add(BLOCK.size() as u64));
        block
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        self.blocks.set(self.blocks.get() - 1);
        self.live.set(self.live.get() - BLOCK.size());
        // SAFETY: the caller's promise.
        unsafe { self.list.free(block) }
    }
}

/// Blocks of a region, and others, each with the rest of what a pool has.
#[repr(C)]
pub(crate) struct Region<T> {
    start: NonNull<u8>,
    size: usize,
    list: FreeList,
    _tail: [Cell<usize>; 2],
    _chunks: [Cell<usize>; 2],
    others: T,
}

impl<T: ByHand> ByHand for Region<T> {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        self.list.allocate().or_else(|| refill(self))
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        if block.addr().get().wrapping_sub(self.start.addr().get()) < self.size {
            // SAFETY: the caller's promise.
            unsafe { self.list.push(block) }
        } else {
            // SAFETY: what is not of the region is one of the others.
            unsafe { self.others.free(block) }
        }
    }
}

/// The system's blocks.
pub(crate) struct Others;

impl ByHand for Others {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        System.allocate(BLOCK).ok()
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { System.deallocate(block, BLOCK) }
    }
}

/// Two functions that are known when the program runs.
pub(crate) struct Functions {
    allocate: unsafe extern "C" fn(*const (), usize, usize) -> Option<NonNull<u8>>,
    free: unsafe extern "C" fn(*const (), NonNull<u8>, usize, usize),
}

/// An allocator, and what it does.
pub(crate) struct Dynamic {
    heap: *const (),
    functions: &'static Functions,
}

pub(crate) unsafe extern "C" fn allocate_dynamic(
    heap: *const (),
    functions: &'static Functions,
) -> Option<NonNull<u8>> {
    ByHand::allocate(&Dynamic { heap, functions })
}

pub(crate) unsafe extern "C" fn free_dynamic(heap: *const (), functions: &'static Functions, block: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { ByHand::free(&Dynamic { heap, functions }, block) }
}

impl ByHand for Dynamic {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        // SAFETY: they belong together.
        unsafe { (self.functions.allocate)(self.heap, BLOCK.align(), BLOCK.size()) }
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: they belong together.
        unsafe { (self.functions.free)(self.heap, block, BLOCK.align(), BLOCK.size()) }
    }
}
