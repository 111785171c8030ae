//! Peers that keep objects, or the addresses of blocks, for any thread.

use std::{
    alloc::{GlobalAlloc, Layout},
    mem::MaybeUninit,
};

use bench::cores::CacheLine;
use crossbeam_queue::{ArrayQueue, SegQueue};
use sharded_slab::Slab;

use crate::peers::{BLOCKS, Heap, by_address, exhausted, lines};

type Line = MaybeUninit<CacheLine>;

/// A block that is on its way through a queue.
struct Address(*mut u8);

// SAFETY: whoever has the address has the block, alone.
unsafe impl Send for Address {}

/// What addresses of free blocks are kept in.
pub(crate) trait Queue: Sync {
    fn new() -> Self;
    fn put(&self, block: *mut u8);
    fn take(&self) -> Option<*mut u8>;
}

/// Of a fixed length.
pub(crate) struct Array(ArrayQueue<Address>);

impl Queue for Array {
    fn new() -> Self {
        Self(ArrayQueue::new(BLOCKS))
    }

    #[inline(always)]
    fn put(&self, block: *mut u8) {
        if self.0.push(Address(block)).is_err() {
            exhausted();
        }
    }

    #[inline(always)]
    fn take(&self) -> Option<*mut u8> {
        self.0.pop().map(|block| block.0)
    }
}

/// One that grows by segments.
pub(crate) struct Segments(SegQueue<Address>);

impl Queue for Segments {
    fn new() -> Self {
        Self(SegQueue::new())
    }

    #[inline(always)]
    fn put(&self, block: *mut u8) {
        self.0.push(Address(block));
    }

    #[inline(always)]
    fn take(&self) -> Option<*mut u8> {
        self.0.pop().map(|block| block.0)
    }
}

/// Blocks whose addresses go through a queue.
pub(crate) struct Queued<Q> {
    queue: Q,
    /// The blocks themselves.
    _lines: Vec<CacheLine>,
}

impl<Q: Queue> Queued<Q> {
    pub(crate) fn new() -> Self {
        let mut lines = lines();
        let queue = Q::new();
        lines.iter_mut().take(BLOCKS).for_each(|line| queue.put((&raw mut *line).cast()));
        Self { queue, _lines: lines }
    }
}

impl<Q: Queue> Heap for Queued<Q> {
    by_address!();

    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        match self.queue.take() {
            Some(block) => block,
            None => exhausted(),
        }
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        self.queue.put(block);
    }
}

/// Values under keys; where one lies is looked up once.
pub(crate) struct Sharded(Slab<Line>);

impl Sharded {
    pub(crate) fn new() -> Self {
        Self(Slab::new())
    }
}

impl Heap for Sharded {
    type Handle = (usize, *mut u8);

    #[inline(always)]
    fn allocate(&self) -> Self::Handle {
        let Some(key) = self.0.insert(Line::uninit()) else { exhausted() };
        let Some(line) = self.0.get(key) else { exhausted() };
        (key, (&raw const *line).cast_mut().cast())
    }

    #[inline(always)]
    fn at(block: &Self::Handle) -> *mut u8 {
        block.1
    }

    #[inline(always)]
    unsafe fn free(&self, (key, _): Self::Handle) {
        self.0.remove(key);
    }
}

fn boxed() -> Box<Line> {
    Box::new(Line::uninit())
}

/// Boxes on a stack behind a lock. Guards refer to the pool, so it stays.
pub(crate) struct ObjectPool(&'static object_pool::Pool<Box<Line>>);

impl ObjectPool {
    pub(crate) fn new() -> Self {
        Self(Box::leak(Box::new(object_pool::Pool::new(BLOCKS, boxed))))
    }
}

impl Heap for ObjectPool {
    type Handle = object_pool::Reusable<'static, Box<Line>>;

    #[inline(always)]
    fn allocate(&self) -> Self::Handle {
        self.0.pull(boxed)
    }

    #[inline(always)]
    fn at(block: &Self::Handle) -> *mut u8 {
        (&raw const ***block).cast_mut().cast()
    }

    #[inline(always)]
    unsafe fn free(&self, block: Self::Handle) {
        drop(block);
    }
}

/// Makes an object where none is kept.
pub(crate) struct Boxes;

impl opool::PoolAllocator<Box<Line>> for Boxes {
    fn allocate(&self) -> Box<Line> {
        boxed()
    }
}

/// Boxes in a queue. Guards refer to the pool, so it stays.
pub(crate) struct Opool(&'static opool::Pool<Boxes, Box<Line>>);

// SAFETY: a queue that threads share, and an allocator without state.
unsafe impl Sync for Opool {}

impl Opool {
    pub(crate) fn new() -> Self {
        Self(Box::leak(Box::new(opool::Pool::new_prefilled(BLOCKS, Boxes))))
    }
}

impl Heap for Opool {
    type Handle = opool::RefGuard<'static, Boxes, Box<Line>>;

    #[inline(always)]
    fn allocate(&self) -> Self::Handle {
        self.0.get()
    }

    #[inline(always)]
    fn at(block: &Self::Handle) -> *mut u8 {
        (&raw const ***block).cast_mut().cast()
    }

    #[inline(always)]
    unsafe fn free(&self, block: Self::Handle) {
        drop(block);
    }
}

/// A general allocator, by the trait that programs use it by.
pub(crate) struct Global<G>(pub(crate) G);

const LAYOUT: Layout = Layout::new::<[u64; 8]>();

impl<G: GlobalAlloc + Sync> Heap for Global<G> {
    by_address!();

    #[inline(always)]
    fn allocate(&self) -> *mut u8 {
        // SAFETY: not nothing.
        let block = unsafe { self.0.alloc(LAYOUT) };
        if block.is_null() { exhausted() } else { block }
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: live, of this allocator, with this layout.
        unsafe { self.0.dealloc(block, LAYOUT) }
    }
}
