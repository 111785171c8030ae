//! [`InBuffer`]: all blocks in one region that its owner brings.

use core::{alloc::Layout, ptr, ptr::NonNull};

use super::places::{Places, to_usize};
use crate::{
    alloc::{AllocError, Allocate},
    math::column::{Fit, column},
    os::track,
    raw::{
        column::{Column, LINK_SIZE},
        index_stack::NONE,
    },
    sync::{
        atomic::{AtomicPtr, AtomicU32, Ordering},
        const_unless_loom,
    },
};

/// How a [`ConcurrentBlockPool`](super::ConcurrentBlockPool) in a buffer finds its
/// blocks.
///
/// ```text
/// region  [ . | link … link | block | block | … | . ]
///             ▲ links       ▲ first
/// ```
#[derive(Debug)]
pub struct InBuffer {
    start: NonNull<u8>,
    size: usize,
    /// The first block, once one was handed out: an address is not known when a
    /// static is made. Everybody who writes it writes the same.
    first: AtomicPtr<u8>,
    /// The first link, likewise.
    links: AtomicPtr<u8>,
    /// Where the link of a block at address zero would be, likewise.
    origin: AtomicPtr<u8>,
}

// SAFETY: stands for bytes that the pool has borrowed exclusively, for whoever
// holds a block of them; what changes is atomic.
unsafe impl Send for InBuffer {}

// SAFETY: a shared one is only read, but for what is atomic.
unsafe impl Sync for InBuffer {}

impl InBuffer {
    const_unless_loom! {
        /// All of `region`, which the pool has for itself.
        pub(super) fn new(region: NonNull<[u8]>) -> Self {
            Self {
                start: region.cast(),
                size: region.len(),
                first: AtomicPtr::new(ptr::null_mut()),
                links: AtomicPtr::new(ptr::null_mut()),
                origin: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }

    /// How many blocks there are, and where the first one is.
    pub(super) fn fit(&self, stride: Layout) -> Fit {
        // As many as have a number.
        column(self.start.addr().get(), self.size, LINK_SIZE, stride, to_usize(NONE))
    }

    /// # Safety
    ///
    /// - A number was opened, which happened before.
    #[inline]
    unsafe fn column(&self) -> Column {
        // Relaxed, twice: it was written before.
        // SAFETY: so it is not null.
        let first = unsafe { NonNull::new_unchecked(self.first.load(Ordering::Relaxed)) };
        // SAFETY: written beside the first block, and not null either.
        Column::new(first, unsafe { NonNull::new_unchecked(self.links.load(Ordering::Relaxed)) })
    }
}

/// How many strides, a power of two, fit below an address.
#[inline]
const fn row(address: usize, stride: Layout) -> usize {
    address.wrapping_shr(stride.size().trailing_zeros())
}

// SAFETY: `column` has room for the blocks and their links inside the region.
unsafe impl Places for InBuffer {
    #[inline]
    unsafe fn find(&self, index: u32, stride: Layout) -> (&AtomicU32, NonNull<u8>) {
        // SAFETY: the number was opened before, says the caller.
        let column = unsafe { self.column() };
        // SAFETY: the number was opened before; the region outlives `self`.
        let link = unsafe { column.link(to_usize(index)) };
        // SAFETY: the column has this block.
        (link, unsafe { column.block(to_usize(index), stride) })
    }

    #[inline]
    unsafe fn number(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32) {
        // SAFETY: the block was opened before, says the caller, and with it a number.
        let column = unsafe { self.column() };
        let offset = block.addr().get().wrapping_sub(column.first().addr().get());
        let slot = Column::slot(offset, stride);
        #[expect(clippy::cast_possible_truncation, reason = "each block has a number")]
        let index = slot as u32;
        // SAFETY: the number was opened before; the region outlives `self`.
        (index, unsafe { column.link(slot) })
    }

    /// From the block's address to its link in one step where strides are a power of
    /// two: the link is written before the exchange that pushes, which waits for it.
    #[inline]
    unsafe fn freed(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32) {
        if !stride.size().is_power_of_two() {
            // SAFETY: a block of ours that was opened before, says the caller.
            return unsafe { self.number(block, stride) };
        }
        let row = row(block.addr().get(), stride);
        // Relaxed, twice: it was written before.
        let link = self.origin.load(Ordering::Relaxed).wrapping_add(row.wrapping_mul(LINK_SIZE));
        // Blocks differ by strides, so no row is lost below.
        let slot = row.wrapping_sub(self::row(self.first.load(Ordering::Relaxed).addr(), stride));
        #[expect(clippy::cast_possible_truncation, reason = "each block has a number")]
        let index = slot as u32;
        // SAFETY: as far from the first link as the block's number; it was opened before;
        // the region outlives `self`.
        (index, unsafe { &*link.cast() })
    }

    fn after(&self, index: u32, stride: Layout) -> Option<u32> {
        (to_usize(index) < self.fit(stride).blocks).then(|| index.wrapping_add(1))
    }

    unsafe fn open(&self, index: u32, stride: Layout) -> NonNull<u8> {
        let Fit { first, blocks } = self.fit(stride);
        // SAFETY: inside the region.
        let first = unsafe { self.start.add(first) };
        // SAFETY: there is room for all links before the first block.
        let links = unsafe { first.sub(blocks.wrapping_mul(LINK_SIZE)) };
        // Relaxed, for all three: who looks there has a number or a block that was opened
        // before.
        self.first.store(first.as_ptr(), Ordering::Relaxed);
        self.links.store(links.as_ptr(), Ordering::Relaxed);
        let before = row(first.addr().get(), stride).wrapping_mul(LINK_SIZE);
        self.origin.store(links.as_ptr().wrapping_sub(before), Ordering::Relaxed);
        let column = Column::new(first, links);
        // SAFETY: the column has this block, which is opened once.
        unsafe { column.open(to_usize(index)) };
        // SAFETY: the column has this block.
        unsafe { column.block(to_usize(index), stride) }
    }

    fn grow<A: Allocate + ?Sized>(&self, _parent: &A, _index: u32, _stride: Layout) -> Result<(), AllocError> {
        Err(AllocError)
    }

    fn count(&self, index: u32, _stride: Layout) -> usize {
        to_usize(index)
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, _parent: &A) {
        track::show(self.start, self.size);
    }
}
