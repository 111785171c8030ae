//! [`Growing`]: blocks in chunks of a parent, which any thread may ask for more.

use core::{
    alloc::Layout,
    mem,
    ptr::{self, NonNull},
};

use super::places::{Places, to_usize};
use crate::{
    alloc::{AllocError, Allocate, give_back},
    os::track,
    raw::{
        chunk_table::ChunkTable,
        column::{Column, LINK_SIZE},
        index_stack::{IndexStack, NONE},
    },
    sync::{
        atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
        const_unless_loom,
        spin::pause,
    },
};

/// How a [`ConcurrentBlockPool`](super::ConcurrentBlockPool) over a parent finds
/// its blocks.
///
/// ```text
/// number  [ chunk | slot ]
///              │       └─────────────┬───────────────────────────────┐
///              │                     ▼                               ▼
///              │          [ block | block | block | … | . | foot | link | … | link ]
///              │          ▲ a multiple of the chunk's size        ▲
///              └─► recent, or the table ──────────────────────────┘
/// ```
///
/// The chunk in which a block was freed last is known without the table: the block
/// taken next is that one, unless another thread was faster. Then nobody has to wait
/// for the table to say where the block's link is, as a processor goes on as if the
/// chunk was the right one while it makes sure.
#[derive(Debug)]
pub struct Growing {
    chunks: ChunkTable,
    /// The foot of the chunk in which a block was freed last, or of none.
    recent: AtomicPtr<Foot>,
    /// Where the foot of a chunk lies, once there is a chunk. Everybody who writes
    /// it writes the same.
    foot_at: AtomicU32,
    /// Whether a thread is asking the parent; there may be others that were tired
    /// of waiting for it.
    growing: AtomicBool,
    /// The size of a chunk, less one.
    most: usize,
    /// The same as a power of two.
    chunk_bits: u32,
    /// How often a thread looks whether another one has come back from the parent.
    pub(super) looks: u32,
}

/// What lies before the links of a chunk. Written before the chunk is published,
/// and by somebody who is alone.
#[repr(C)]
#[derive(Debug)]
struct Foot {
    /// The number of the first block.
    index: u32,
    /// Free blocks, while they are counted; else zero.
    free: u32,
}

/// The foot of no chunk: that index is the number of no block.
static NOWHERE: Foot = Foot { index: NONE, free: 0 };

const fn nowhere() -> *mut Foot {
    ptr::from_ref(&NOWHERE).cast_mut()
}

pub(super) const CHUNK_SIZE_MAX: usize = 1 << 31;

const LOOKS: u32 = 1000;

/// The link of a block that is known to be free while a pool is trimmed: no
/// number, as the last chunks of all are never taken.
const MARK: u32 = NONE - 1;

/// How many blocks a chunk holds.
pub(super) const fn blocks(chunk_size: usize, stride: Layout) -> usize {
    let room = chunk_size.saturating_sub(size_of::<Foot>());
    match room.checked_div(stride.size().saturating_add(LINK_SIZE)) {
        Some(blocks) => blocks,
        None => 0,
    }
}

impl Growing {
    const_unless_loom! {
        /// No chunks; `chunk_size` was checked.
        pub(super) fn new(chunk_size: usize) -> Self {
            Self {
                chunks: ChunkTable::new(),
                recent: AtomicPtr::new(nowhere()),
                foot_at: AtomicU32::new(0),
                growing: AtomicBool::new(false),
                most: chunk_size.wrapping_sub(1),
                chunk_bits: chunk_size.trailing_zeros(),
                looks: LOOKS,
            }
        }
    }

    #[inline]
    const fn chunk_size(&self) -> usize {
        self.most.wrapping_add(1)
    }

    fn chunk_layout(&self) -> Result<Layout, AllocError> {
        Layout::from_size_align(self.chunk_size(), self.chunk_size()).map_err(|_| AllocError)
    }

    /// How many blocks a chunk holds.
    pub(super) const fn blocks(&self, stride: Layout) -> usize {
        blocks(self.chunk_size(), stride)
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

    /// How far in its chunk a block lies.
    #[inline]
    fn offset(&self, block: NonNull<u8>) -> usize {
        // Chunks are aligned to their size.
        block.addr().get() & self.most
    }

    /// The foot of the chunk in which `block` lies.
    ///
    /// # Safety
    ///
    /// - It lies in a chunk of ours, which was there before.
    #[inline]
    unsafe fn foot(&self, block: NonNull<u8>) -> NonNull<Foot> {
        // Relaxed: written before the chunk was there.
        let behind = self.most.wrapping_sub(to_usize(self.foot_at.load(Ordering::Relaxed)));
        let last = block.map_addr(|address| address | self.most);
        // SAFETY: the caller's promise: so this is the last byte of the chunk.
        unsafe { last.sub(behind) }.cast()
    }

    /// The chunk with that foot, as memory.
    ///
    /// # Safety
    ///
    /// - It is the foot of a chunk of ours.
    #[inline]
    unsafe fn chunk(&self, foot: NonNull<u8>) -> NonNull<u8> {
        // Relaxed: written before the chunk was there.
        let at = to_usize(self.foot_at.load(Ordering::Relaxed));
        // SAFETY: the foot of a chunk of ours, says the caller, and so far behind its start.
        unsafe { foot.sub(at) }
    }

    /// The blocks and links of the chunk with that foot.
    ///
    /// # Safety
    ///
    /// - It is the foot of a chunk of ours.
    #[inline]
    unsafe fn column(&self, foot: NonNull<Foot>) -> Column {
        // SAFETY: the foot of a chunk of ours, says the caller.
        let chunk = unsafe { self.chunk(foot.cast()) };
        // SAFETY: links follow the foot.
        Column::new(chunk, unsafe { foot.add(1) }.cast())
    }

    /// The foot of the chunk in which a block was freed last, or of none.
    #[inline]
    fn recent(&self) -> NonNull<Foot> {
        // Acquire: sees what is in the foot; pairs with Release in `freed`.
        // SAFETY: never null.
        unsafe { NonNull::new_unchecked(self.recent.load(Ordering::Acquire)) }
    }

    /// The foot of the chunk `number`, whose first block is `index`.
    ///
    /// # Safety
    ///
    /// - The chunk was there before.
    #[inline]
    unsafe fn foot_of(&self, number: usize, index: u32) -> NonNull<Foot> {
        let recent = self.recent();
        // SAFETY: the foot of a chunk, as long as nobody is alone, or of none.
        if unsafe { recent.as_ref() }.index == index {
            recent
        } else {
            // SAFETY: the chunk was there before, says the caller, so its number is in the table.
            unsafe { self.chunks.get(number) }.cast()
        }
    }

    /// The number and the link of `block`, in the chunk with that foot.
    ///
    /// # Safety
    ///
    /// - As for [`number`](Places::number).
    #[inline]
    unsafe fn number_in<'a>(&self, foot: NonNull<Foot>, block: NonNull<u8>, stride: Layout) -> (u32, &'a AtomicU32) {
        // SAFETY: every chunk has its foot.
        let Foot { index, .. } = *unsafe { foot.as_ref() };
        let slot = Column::slot(self.offset(block), stride);
        #[expect(clippy::cast_possible_truncation, reason = "each block has a number")]
        let index = index | slot as u32;
        // SAFETY: a foot of ours.
        let column = unsafe { self.column(foot) };
        // SAFETY: the number was opened before; no chunk goes while `self` is borrowed.
        (index, unsafe { column.link(slot) })
    }

    /// Asks the parent for the chunk `number`, and gives it back if another thread
    /// was faster.
    fn add_chunk<A: Allocate + ?Sized>(&self, parent: &A, number: usize, stride: Layout) -> Result<(), AllocError> {
        // Others may have added it before it was our turn.
        if self.chunks.find(number).is_some() {
            return Ok(());
        }
        let index = Some(self.join(number, 0, stride)).filter(|&index| index != NONE).ok_or(AllocError)?;
        let layout = self.chunk_layout()?;
        let links = self.blocks(stride).wrapping_mul(LINK_SIZE);
        let at = self.chunk_size().wrapping_sub(links).wrapping_sub(size_of::<Foot>());
        // Relaxed: who looks there has a block of a chunk, which is published later.
        self.foot_at.store(u32::try_from(at).map_err(|_| AllocError)?, Ordering::Relaxed);
        let chunk = parent.allocate(layout)?;
        track::hide_all(chunk, self.blocks(stride).saturating_mul(stride.size()));
        // SAFETY: inside the chunk.
        let foot = unsafe { chunk.add(at) };
        // SAFETY: the chunk has room for it there, and nobody else has it yet.
        unsafe { foot.cast().write(Foot { index, free: 0 }) };
        let added = self.make_room(parent, number).map(|()| self.chunks.add(number, foot));
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
        // Relaxed: nobody else is here.
        self.recent.store(nowhere(), Ordering::Relaxed);
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
        let blocks = self.blocks(stride);
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
        // SAFETY: a block of ours.
        let mut foot = unsafe { self.foot(block) };
        // SAFETY: every chunk has its foot, and nobody else is here.
        let foot = unsafe { foot.as_mut() };
        foot.free = foot.free.wrapping_add(1);
    }

    /// Gives back the chunks of which as many blocks are marked as were carved, and
    /// closes the gaps. Returns the end of what is carved.
    fn give_back_free<A: Allocate + ?Sized>(&mut self, parent: &A, carved: u32, stride: Layout) -> u32 {
        let (blocks, chunks) = (self.blocks(stride), self.chunks.len_used());
        let total = self.count(carved, stride);
        let (mut kept, mut end) = (0_usize, 0);
        for number in 0..chunks {
            let Some(found) = self.chunks.find(number) else { break };
            // SAFETY: what the table holds are feet of chunks, and nobody else is here.
            let foot = unsafe { found.cast::<Foot>().as_mut() };
            let free = mem::take(&mut foot.free);
            self.chunks.replace(number, None);
            let here = total.saturating_sub(blocks.saturating_mul(number)).min(blocks);
            if to_usize(free) == here {
                // SAFETY: no block of it is live.
                unsafe { self.give_back(parent, found) };
            } else {
                self.chunks.replace(kept, Some(found));
                foot.index = self.join(kept, 0, stride);
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

    /// Gives a chunk back.
    ///
    /// # Safety
    ///
    /// - It came from this parent and ends with `foot`; nobody uses it any more.
    unsafe fn give_back<A: Allocate + ?Sized>(&self, parent: &A, foot: NonNull<u8>) {
        if let Ok(layout) = self.chunk_layout() {
            // SAFETY: the chunk ends with that foot, says the caller.
            let chunk = unsafe { self.chunk(foot) };
            // SAFETY: asked for with this layout; the rest is the caller's promise.
            unsafe { give_back(parent, chunk, layout) };
        }
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
        let first = index & u32::MAX.wrapping_shl(self.slot_bits(stride));
        // SAFETY: the number was opened before, in a chunk that was there.
        let foot = unsafe { self.foot_of(chunk, first) };
        // SAFETY: `foot_of` returns the foot of a chunk of ours.
        let column = unsafe { self.column(foot) };
        // SAFETY: as above; no chunk goes while `self` is borrowed.
        let link = unsafe { column.link(slot) };
        // SAFETY: the column has this block.
        (link, unsafe { column.block(slot, stride) })
    }

    #[inline]
    unsafe fn number(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32) {
        // SAFETY: a block of ours.
        let foot = unsafe { self.foot(block) };
        // SAFETY: `foot` has found the foot of the chunk that the block is of.
        unsafe { self.number_in(foot, block, stride) }
    }

    #[inline]
    unsafe fn freed(&self, block: NonNull<u8>, stride: Layout) -> (u32, &AtomicU32) {
        // SAFETY: a block of ours, says the caller.
        let mut foot = unsafe { self.foot(block) };
        let recent = self.recent();
        if recent == foot {
            // The same, and known before the block's address is.
            foot = recent;
        } else {
            // Release: publishes the foot; pairs with Acquire in `recent`.
            self.recent.store(foot.as_ptr(), Ordering::Release);
        }
        // SAFETY: the foot of the chunk that the block is of, found or remembered.
        unsafe { self.number_in(foot, block, stride) }
    }

    fn after(&self, index: u32, stride: Layout) -> Option<u32> {
        if index == NONE {
            return None;
        }
        let (chunk, slot) = self.split(index, stride);
        self.chunks.find(chunk)?;
        let next = slot.wrapping_add(1);
        let is_last = next == self.blocks(stride);
        Some(if is_last { self.join(chunk.wrapping_add(1), 0, stride) } else { self.join(chunk, next, stride) })
    }

    unsafe fn open(&self, index: u32, stride: Layout) -> NonNull<u8> {
        let (chunk, slot) = self.split(index, stride);
        // SAFETY: `after` has found it.
        let foot = unsafe { self.chunks.get(chunk) };
        // SAFETY: what the table holds are feet of chunks.
        let column = unsafe { self.column(foot.cast()) };
        // SAFETY: the column has this block, which is opened once.
        unsafe { column.open(slot) };
        // SAFETY: the column has this block.
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
        let blocks = self.blocks(stride);
        if index == NONE {
            return blocks.saturating_mul(self.chunks.len_used());
        }
        let (chunk, slot) = self.split(index, stride);
        blocks.saturating_mul(chunk).saturating_add(slot)
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        // Relaxed: nobody else is here.
        self.recent.store(nowhere(), Ordering::Relaxed);
        for number in (0..self.chunks.len_used()).rev() {
            let foot = self.chunks.find(number);
            self.chunks.replace(number, None);
            if let Some(foot) = foot {
                // SAFETY: nobody uses it.
                unsafe { self.give_back(parent, foot) };
            }
        }
        self.give_back_tables(parent, true);
    }
}
