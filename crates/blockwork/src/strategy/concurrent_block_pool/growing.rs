//! [`Growing`]: blocks in chunks of a parent, which any thread may ask for more.

use core::{alloc::Layout, mem, ptr::NonNull};

use super::places::{Places, to_usize};
use crate::{
    alloc::{AllocError, Allocate, give_back},
    math::column::{Fit, column},
    os::track,
    raw::{
        chunk_table::ChunkTable,
        column::{Column, LINK_SIZE},
        index_stack::{IndexStack, NONE},
    },
    sync::{
        atomic::{AtomicBool, AtomicU32, Ordering},
        const_unless_loom,
        spin::pause,
    },
};

/// How a [`ConcurrentBlockPool`](super::ConcurrentBlockPool) over a parent finds
/// its blocks.
///
/// ```text
/// number  [ chunk | slot ]
///              │       └────────────────────────────────┐
///              └─► table ─► chunk                       ▼
///                           [ header | . | link … link | block | block | … ]
///                           ▲ multiple of the chunk's size: a block finds its header
/// ```
#[derive(Debug)]
pub struct Growing {
    chunks: ChunkTable,
    /// Whether a thread is asking the parent; there may be others that were tired
    /// of waiting for it.
    growing: AtomicBool,
    chunk_bits: u32,
    /// How often a thread looks whether another one has come back from the parent.
    pub(super) looks: u32,
}

/// What a chunk begins with. Written before the chunk is published, and by
/// somebody who is alone.
#[repr(C)]
#[derive(Debug)]
struct Header {
    /// The number of the first block.
    index: u32,
    /// Where the first block lies.
    first: u32,
    /// Free blocks, while they are counted; else zero.
    free: u32,
}

pub(super) const CHUNK_SIZE_MAX: usize = 1 << 31;

const LOOKS: u32 = 1000;

/// The link of a block that is known to be free while a pool is trimmed: no
/// number, as the last chunks of all are never taken.
const MARK: u32 = NONE - 1;

/// What a chunk holds.
pub(super) const fn fit(chunk_size: usize, stride: Layout) -> Fit {
    column(0, chunk_size, size_of::<Header>(), LINK_SIZE, stride, usize::MAX)
}

impl Growing {
    const_unless_loom! {
        /// No chunks; `chunk_size` was checked.
        pub(super) fn new(chunk_size: usize) -> Self {
            Self {
                chunks: ChunkTable::new(),
                growing: AtomicBool::new(false),
                chunk_bits: chunk_size.trailing_zeros(),
                looks: LOOKS,
            }
        }
    }

    #[inline]
    const fn chunk_size(&self) -> usize {
        1_usize.wrapping_shl(self.chunk_bits)
    }

    fn chunk_layout(&self) -> Result<Layout, AllocError> {
        Layout::from_size_align(self.chunk_size(), self.chunk_size()).map_err(|_| AllocError)
    }

    pub(super) fn fit(&self, stride: Layout) -> Fit {
        fit(self.chunk_size(), stride)
    }

    /// How many bits of a number say which block of its chunk it is. They are more
    /// than enough, as a link lies beside each block.
    #[inline]
    fn slot_bits(&self, stride: Layout) -> u32 {
        self.chunk_bits.wrapping_sub(stride.size().checked_ilog2().unwrap_or(0))
    }

    /// Which chunk, and which block of it.
    #[inline]
    fn split(&self, index: u32, stride: Layout) -> (usize, usize) {
        let bits = self.slot_bits(stride);
        let slot = index & !u32::MAX.wrapping_shl(bits);
        (to_usize(index.wrapping_shr(bits)), to_usize(slot))
    }

    /// The number of a block, [`NONE`] if it has none.
    fn join(&self, chunk: usize, slot: usize, stride: Layout) -> u32 {
        let bits = self.slot_bits(stride);
        // The last chunks of all would have the numbers of `MARK` and `NONE`.
        match u32::try_from(chunk) {
            Ok(chunk) if chunk < u32::MAX.wrapping_shr(bits).min(MARK) => {
                chunk.wrapping_shl(bits) | u32::try_from(slot).unwrap_or(0)
            }
            _ => NONE,
        }
    }

    /// The memory of the chunk in which `block` lies.
    #[inline]
    fn chunk_of(&self, block: NonNull<u8>) -> NonNull<u8> {
        let offset = block.addr().get() & self.chunk_size().wrapping_sub(1);
        // SAFETY: chunks are aligned to their size, so this is where it begins.
        unsafe { block.sub(offset) }
    }

    /// Asks the parent for the chunk `number`, and gives it back if another thread
    /// was faster.
    fn add_chunk<A: Allocate + ?Sized>(&self, parent: &A, number: usize, stride: Layout) -> Result<(), AllocError> {
        // Others may have added it before it was our turn.
        if self.chunks.find(number).is_some() {
            return Ok(());
        }
        let index = Some(self.join(number, 0, stride)).filter(|&index| index != NONE).ok_or(AllocError)?;
        let (layout, fit) = (self.chunk_layout()?, self.fit(stride));
        let chunk = parent.allocate(layout)?;
        let header = Header { index, first: u32::try_from(fit.first).map_err(|_| AllocError)?, free: 0 };
        // SAFETY: a chunk begins with room for it, and nobody else has it yet.
        unsafe { chunk.cast().write(header) };
        // SAFETY: inside the chunk.
        let first = unsafe { chunk.add(fit.first) };
        track::hide_all(first, fit.blocks.saturating_mul(stride.size()));
        let added = self.make_room(parent, number).map(|()| self.chunks.add(number, first));
        if !matches!(added, Ok(Ok(()))) {
            // SAFETY: from this parent with this layout, and nobody has seen it.
            unsafe { give_back(parent, chunk, layout) };
        }
        added.map(drop)
    }

    /// Makes the table long enough for the chunk `number`.
    fn make_room<A: Allocate + ?Sized>(&self, parent: &A, number: usize) -> Result<(), AllocError> {
        while let Some((full, layout)) = self.chunks.wants(number) {
            let layout = layout.ok_or(AllocError)?;
            let memory = parent.allocate(layout)?;
            // SAFETY: fresh memory of this layout, for the table that wanted it.
            if unsafe { self.chunks.widen(full, memory, parent.granted(layout), layout) }.is_err() {
                // SAFETY: from this parent with this layout, and not used.
                unsafe { parent.deallocate(memory, layout) };
            }
        }
        Ok(())
    }

    /// Waits while another thread is asking the parent, but not for ever: that
    /// thread may have been stopped, or be this one.
    ///
    /// `None` once the chunk `number` is there; else whether it is our turn, which
    /// [`growing`](Self::growing) says, or we are tired of waiting.
    fn turn(&self, number: usize) -> Option<bool> {
        for _ in 0..self.looks {
            // Acquire: sees what the last one has added, or given back to the parent;
            // pairs with Release in `grow`. Relaxed: who waits looks again.
            if self.growing.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Some(true);
            }
            if self.chunks.find(number).is_some() {
                return None;
            }
            pause();
        }
        Some(false)
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks.len_used()
    }

    /// Gives back the chunks in which all of the blocks below `carved` are in
    /// `free`, and sorts what is left there; returns what `carved` is then.
    pub(super) fn trim<A: Allocate + ?Sized>(
        &mut self,
        parent: &A,
        free: &mut IndexStack,
        carved: u32,
        stride: Layout,
    ) -> u32 {
        let top = free.iter(|index| {
            // SAFETY: numbers in the stack were opened; nobody else is here.
            unsafe { self.find(index, stride) }.0
        });
        // The walk reads each link before the next number is asked for, so the
        // links are marked one step behind.
        let mut marked = None;
        for index in top {
            if let Some(before) = marked.replace(index) {
                self.mark(before, stride);
            }
        }
        if let Some(last) = marked {
            self.mark(last, stride);
        }
        free.clear();
        let carved = self.give_back_free(parent, carved, stride);
        let mut rest = self.count(carved, stride);
        let blocks = self.fit(stride).blocks;
        for chunk in (0..self.chunks.len_used()).rev() {
            let below = blocks.saturating_mul(chunk);
            for slot in (0..rest.saturating_sub(below)).rev() {
                let index = self.join(chunk, slot, stride);
                // SAFETY: below `carved`, so opened.
                let (link, _) = unsafe { self.find(index, stride) };
                // Relaxed: nobody else is here.
                if link.load(Ordering::Relaxed) == MARK {
                    free.push(index, link);
                }
            }
            rest = rest.min(below);
        }
        carved
    }

    /// Counts a free block in its chunk, and marks its link.
    fn mark(&self, index: u32, stride: Layout) {
        // SAFETY: numbers in the stack were opened.
        let (link, block) = unsafe { self.find(index, stride) };
        link.store(MARK, Ordering::Relaxed);
        // SAFETY: every chunk has its header, and nobody else is here.
        let header = unsafe { self.chunk_of(block).cast::<Header>().as_mut() };
        header.free = header.free.wrapping_add(1);
    }

    /// Gives back the chunks of which as many blocks are marked as were carved, and
    /// closes the gaps. Returns the end of what is carved.
    fn give_back_free<A: Allocate + ?Sized>(&mut self, parent: &A, carved: u32, stride: Layout) -> u32 {
        let (blocks, chunks) = (self.fit(stride).blocks, self.chunks.len_used());
        let total = self.count(carved, stride);
        let (mut kept, mut end) = (0_usize, 0);
        for number in 0..chunks {
            let Some(first) = self.chunks.find(number) else { break };
            let chunk = self.chunk_of(first);
            // SAFETY: every chunk has its header, and nobody else is here.
            let header = unsafe { chunk.cast::<Header>().as_mut() };
            let free = mem::take(&mut header.free);
            self.chunks.replace(number, None);
            let here = total.saturating_sub(blocks.saturating_mul(number)).min(blocks);
            if to_usize(free) == here {
                if let Ok(layout) = self.chunk_layout() {
                    // SAFETY: from this parent with this layout; no block of it is live.
                    unsafe { give_back(parent, chunk, layout) };
                }
            } else {
                self.chunks.replace(kept, Some(first));
                header.index = self.join(kept, 0, stride);
                kept = kept.saturating_add(1);
                // Only the last of all can be carved in part.
                end = if here == blocks {
                    self.join(kept, 0, stride)
                } else {
                    self.join(kept.wrapping_sub(1), here, stride)
                };
            }
        }
        self.give_back_tables(parent, kept == 0);
        end
    }

    fn give_back_tables<A: Allocate + ?Sized>(&mut self, parent: &A, all: bool) {
        while let Some((memory, layout)) = self.chunks.take_table(all) {
            // SAFETY: from this parent with this layout; nobody looks at it.
            unsafe { parent.deallocate(memory, layout) };
        }
    }
}

// SAFETY: `fit` has room for the blocks and their links in each chunk, chunks have
// different numbers, and none goes before somebody is alone.
unsafe impl Places for Growing {
    #[inline]
    unsafe fn find(&self, index: u32, stride: Layout) -> (&AtomicU32, NonNull<u8>) {
        let (chunk, slot) = self.split(index, stride);
        // SAFETY: the number was opened before, in a chunk that was there.
        let column = Column::new(unsafe { self.chunks.get(chunk) });
        // SAFETY: as above; no chunk goes while `self` is borrowed.
        let link = unsafe { column.link(slot) };
        // SAFETY: the column has this block.
        (link, unsafe { column.block(slot, stride) })
    }

    #[inline]
    unsafe fn number(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32) {
        let chunk = self.chunk_of(block);
        // SAFETY: every chunk begins with its header.
        let header = unsafe { chunk.cast::<Header>().as_ref() };
        // SAFETY: inside the chunk.
        let column = Column::new(unsafe { chunk.add(to_usize(header.first)) });
        let offset = block.addr().get().wrapping_sub(column.first().addr().get());
        let slot = Column::slot(offset, stride);
        #[expect(clippy::cast_possible_truncation, reason = "each block has a number")]
        let index = header.index | slot as u32;
        // SAFETY: the number was opened before; no chunk goes while `self` is borrowed.
        (index, unsafe { column.link(slot) })
    }

    fn after(&self, index: u32, stride: Layout) -> Option<u32> {
        if index == NONE {
            return None;
        }
        let (chunk, slot) = self.split(index, stride);
        self.chunks.find(chunk)?;
        let next = slot.wrapping_add(1);
        let is_last = next == self.fit(stride).blocks;
        Some(if is_last { self.join(chunk.wrapping_add(1), 0, stride) } else { self.join(chunk, next, stride) })
    }

    unsafe fn open(&self, index: u32, stride: Layout) -> NonNull<u8> {
        let (chunk, slot) = self.split(index, stride);
        // SAFETY: `after` has found it.
        let column = Column::new(unsafe { self.chunks.get(chunk) });
        // SAFETY: the column has this block, which is opened once.
        unsafe { column.open(slot) };
        // SAFETY: as above.
        unsafe { column.block(slot, stride) }
    }

    #[cold]
    fn grow<A: Allocate + ?Sized>(&self, parent: &A, index: u32, stride: Layout) -> Result<(), AllocError> {
        if index == NONE {
            return Err(AllocError);
        }
        let (number, _) = self.split(index, stride);
        let Some(is_our_turn) = self.turn(number) else { return Ok(()) };
        let added = self.add_chunk(parent, number, stride);
        if is_our_turn {
            // Release: pairs with Acquire in `turn`.
            self.growing.store(false, Ordering::Release);
        }
        added
    }

    fn count(&self, index: u32, stride: Layout) -> usize {
        let blocks = self.fit(stride).blocks;
        if index == NONE {
            return blocks.saturating_mul(self.chunks.len_used());
        }
        let (chunk, slot) = self.split(index, stride);
        blocks.saturating_mul(chunk).saturating_add(slot)
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        for number in (0..self.chunks.len_used()).rev() {
            let first = self.chunks.find(number);
            self.chunks.replace(number, None);
            if let Some(first) = first
                && let Ok(layout) = self.chunk_layout()
            {
                // SAFETY: from this parent with this layout; nobody uses it.
                unsafe { give_back(parent, self.chunk_of(first), layout) };
            }
        }
        self.give_back_tables(parent, true);
    }
}
