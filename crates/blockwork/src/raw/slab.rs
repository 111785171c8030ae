//! [`RawSlab`]: a block of memory cut into equal slots, behind a header that every
//! slot finds by mask.
//!
//! ```text
//! multiple of the slab's size                                             next multiple
//! [ header |  slot  |  slot  |  slot  | ……… |  slot  | not carved yet ………… ]
//!    │          ▲        live     │                    ▲
//!    └─ free ───┴─────────────────┘          carved ───┘
//! ```
//!
//! The free slots make a list; behind it is a tail that nobody has touched,
//! carved into the list a page at a time.
//!
//! One number, the *countdown*, is all that a free has to look at. It is the
//! live count less a *floor* that the owner chooses, so it reaches zero just
//! when the owner wants to know: at the first free of a full slab, at the last
//! of any, in between where the owner sorts slabs by how full they are.

use core::{cell::Cell, ptr::NonNull};

use super::{
    free_list::FreeList,
    list::{Linked, Links},
};
use crate::{
    math::fill::{first_slot, slots},
    os::{self, track},
};

/// What a slab begins with.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    links: Links<Self>,
    /// Free slots among the carved ones.
    free: FreeList,
    /// Invariant: `floor + countdown` slots are live, in wrapping arithmetic.
    countdown: Cell<usize>,
    floor: Cell<usize>,
    /// Slots that were live at least once since the slab was last empty.
    carved: Cell<usize>,
    capacity: usize,
    slot: usize,
}

/// Bytes before the first slot, at least.
pub(crate) const HEADER_SIZE: usize = size_of::<Header>();

/// Slots are carved until so many bytes of them are in the list.
const CARVED_BYTES: usize = 4096;

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for Header {}

/// Shares the header of the slab that is none: nobody ever writes to it.
struct NoSlab(Header);

// SAFETY: never written to, so any thread may read it.
unsafe impl Sync for NoSlab {}

static NO_SLAB: NoSlab = NoSlab(Header {
    links: Links::new(),
    free: FreeList::new(),
    countdown: Cell::new(0),
    floor: Cell::new(0),
    carved: Cell::new(0),
    capacity: 0,
    slot: 0,
});

/// A slab, by the address of its header; see the [module](self).
///
/// Invariant: the slab is valid while the handle is used, which whoever makes
/// a handle promises, and its header is changed through handles alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawSlab(NonNull<Header>);

impl RawSlab {
    /// A slab without slots, where allocating finds nothing; it takes no frees.
    ///
    /// Standing in where there is no slab, it saves a test.
    pub(crate) const NONE: Self = Self(NonNull::from_ref(&NO_SLAB.0));

    /// How many slots of `slot` bytes a slab of `size` bytes has.
    pub(crate) const fn capacity_of(size: usize, slot: usize) -> usize {
        slots(size, HEADER_SIZE, slot)
    }

    /// The smallest power of two in which a slab has `count` slots of `slot` bytes.
    pub(crate) const fn size_for(count: usize, slot: usize) -> Option<usize> {
        let Some(bytes) = count.checked_mul(slot) else { return None };
        match bytes.checked_add(first_slot(HEADER_SIZE, slot)) {
            Some(size) => size.checked_next_power_of_two(),
            None => None,
        }
    }

    /// Makes a slab of `size` bytes at `memory`, all of its slots free.
    ///
    /// # Safety
    ///
    /// - `memory` is valid for reads and writes of `size` bytes until the
    ///   handle is last used, and nobody else uses them.
    /// - `size` is a power of two that `memory` is aligned to.
    /// - `slot` is a multiple of a pointer's size, and fits at least once.
    pub(crate) unsafe fn make(memory: NonNull<u8>, size: usize, slot: usize) -> Self {
        let header = memory.cast::<Header>();
        let new = Header {
            links: Links::new(),
            free: FreeList::new(),
            countdown: Cell::new(0),
            floor: Cell::new(0),
            carved: Cell::new(0),
            capacity: Self::capacity_of(size, slot),
            slot,
        };
        // SAFETY: valid, and as aligned as a slab that fits a header and a slot.
        unsafe { header.write(new) }
        let first = first_slot(HEADER_SIZE, slot);
        // SAFETY: inside the slab, or its end.
        track::hide_all(unsafe { memory.add(first.min(size)) }, size.saturating_sub(first));
        Self(header)
    }

    /// The slab that `block` is a slot of.
    ///
    /// # Safety
    ///
    /// - `block` is a slot of a slab of `size` bytes.
    #[inline]
    pub(crate) unsafe fn of(block: NonNull<u8>, size: usize) -> Self {
        let offset = block.addr().get() & size.wrapping_sub(1);
        // SAFETY: slabs are aligned to their size, so the slab begins there.
        Self(unsafe { block.sub(offset) }.cast())
    }

    /// The slab with this header.
    ///
    /// # Safety
    ///
    /// - The header is that of a slab, reached through its handle.
    pub(crate) unsafe fn from_header(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// The header, as the node of a ring; also where the slab's memory begins.
    pub(crate) fn header(self) -> NonNull<Header> {
        self.0
    }

    /// Takes a slot from the free list.
    #[inline]
    pub(crate) fn pop(self) -> Option<NonNull<u8>> {
        let header = self.get();
        let block = header.free.pop()?;
        header.countdown.set(header.countdown.get().wrapping_add(1));
        Some(block)
    }

    /// Takes a slot back; says whether the countdown has reached zero.
    ///
    /// # Safety
    ///
    /// - `block` is a live slot of this slab, and ends now.
    #[inline]
    #[must_use]
    pub(crate) unsafe fn push(self, block: NonNull<u8>) -> bool {
        let header = self.get();
        os::check(self.live() != 0, "freed more slots than were live");
        // SAFETY: slots hold a link, and this one is nobody else's any more.
        unsafe { header.free.push(block) }
        let countdown = header.countdown.get().wrapping_sub(1);
        header.countdown.set(countdown);
        countdown == 0
    }

    /// Carves part of the tail into the free list, which is empty; says whether
    /// there was a tail.
    pub(crate) fn carve(self) -> bool {
        let header = self.get();
        let from = header.carved.get();
        let page = CARVED_BYTES.checked_div(header.slot).unwrap_or(0).max(1);
        let to = header.capacity.min(from.saturating_add(page));
        if from >= to {
            // Not even a zero is written: this may be the slab that is none.
            return false;
        }
        // From the back, so that the list ascends.
        for index in (from..to).rev() {
            // SAFETY: below the capacity.
            let block = unsafe { self.slot_at(index) };
            track::show_link(block);
            // SAFETY: slots hold a link, and this one was carved for nobody yet.
            unsafe { header.free.push(block) }
        }
        header.carved.set(to);
        true
    }

    /// Forgets the slots of an empty slab, so that its addresses ascend again.
    pub(crate) fn clear(self) {
        let header = self.get();
        header.free.clear();
        header.carved.set(0);
    }

    /// Lets the countdown reach zero when `floor` slots are live. A floor one
    /// below zero lets it never do so.
    pub(crate) fn set_floor(self, floor: usize) {
        let header = self.get();
        header.countdown.set(self.live().wrapping_sub(floor));
        header.floor.set(floor);
    }

    /// The number of live slots.
    pub(crate) fn live(self) -> usize {
        self.get().floor.get().wrapping_add(self.get().countdown.get())
    }

    /// The number of slots that were carved and are not in the free list.
    pub(crate) fn out(self) -> usize {
        let header = self.get();
        header.carved.get().saturating_sub(header.free.iter().take(header.capacity).count())
    }

    /// The live count at which the countdown is zero.
    pub(crate) fn floor(self) -> usize {
        self.get().floor.get()
    }

    /// The size of a slot.
    pub(crate) fn slot(self) -> usize {
        self.get().slot
    }

    /// The number of slots.
    pub(crate) fn capacity(self) -> usize {
        self.get().capacity
    }

    /// Compares free list, tail and counters with each other.
    ///
    /// # Errors
    ///
    /// The first that does not agree, in words.
    pub(crate) fn check(self, size: usize) -> Result<(), &'static str> {
        let header = self.get();
        let first = first_slot(HEADER_SIZE, header.slot);
        let slots_end = header.carved.get().wrapping_mul(header.slot).wrapping_add(first);
        let begin = self.0.addr().get();
        let mut free = 0_usize;
        for block in header.free.iter() {
            let at = block.addr().get().wrapping_sub(begin);
            if at < first || at >= slots_end || !at.wrapping_sub(first).is_multiple_of(header.slot) {
                return Err("slab: what is in the free list is no carved slot");
            }
            free = free.wrapping_add(1);
            if free > header.capacity {
                return Err("slab: the free list runs in a circle");
            }
        }
        if header.capacity != Self::capacity_of(size, header.slot) || header.carved.get() > header.capacity {
            return Err("slab: capacity and size of slots do not agree");
        }
        if self.live().wrapping_add(free) != header.carved.get() {
            return Err("slab: live and free slots are not what was carved");
        }
        Ok(())
    }

    /// The slot of number `index`.
    ///
    /// # Safety
    ///
    /// - `index` is below the capacity.
    unsafe fn slot_at(self, index: usize) -> NonNull<u8> {
        let slot = self.get().slot;
        let offset = slot.wrapping_mul(index).wrapping_add(first_slot(HEADER_SIZE, slot));
        // SAFETY: the slots below the capacity lie inside the slab.
        unsafe { self.0.cast::<u8>().add(offset) }
    }

    #[inline]
    fn get<'a>(self) -> &'a Header {
        // SAFETY: a handle is used only while its slab is valid, and what
        // changes in a header are cells.
        unsafe { self.0.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use heap::{boxed::Box, vec::Vec};

    use super::*;

    /// What a test's slab is made of.
    #[repr(align(65536))]
    struct Memory([u8; 65536]);

    /// Memory for a slab.
    fn memory() -> Box<Memory> {
        Box::new(Memory([0xA5; 65536]))
    }

    /// A slab of one KiB in `memory`.
    fn slab(memory: &mut Memory, slot: usize) -> RawSlab {
        // SAFETY: aligned, exclusively borrowed by the test, and the slots fit.
        unsafe { RawSlab::make(NonNull::from(&mut memory.0).cast(), 1024, slot) }
    }

    fn fill(slab: RawSlab) -> Vec<NonNull<u8>> {
        let next = || slab.pop().or_else(|| slab.carve().then(|| slab.pop())?);
        core::iter::from_fn(next).collect()
    }

    #[test]
    fn slots_ascend_and_are_as_aligned_as_their_size_allows() {
        for (slot, count) in [(8, 120), (24, 40), (48, 20), (64, 15), (256, 3), (320, 3), (512, 1), (960, 1)] {
            let mut memory = memory();
            let slab = slab(&mut memory, slot);
            let blocks = fill(slab);
            assert_eq!((blocks.len(), slab.live(), slab.capacity()), (count, count, count));
            assert!(blocks.is_sorted());
            let align = 1 << slot.trailing_zeros();
            assert!(blocks.iter().all(|block| block.addr().get().is_multiple_of(align)));
            // SAFETY: a slot of a slab of that size.
            assert!(blocks.iter().all(|&block| unsafe { RawSlab::of(block, 1024) } == slab));
            assert_eq!(slab.check(1024), Ok(()));
        }
    }

    #[test]
    fn the_countdown_reaches_zero_at_the_floor() {
        let mut memory = memory();
        let slab = slab(&mut memory, 64);
        let blocks = fill(slab);
        slab.set_floor(12);
        // SAFETY: live slots of the slab, each freed once.
        let reached: Vec<bool> = blocks[..4].iter().map(|&block| unsafe { slab.push(block) }).collect();
        assert_eq!(reached, [false, false, true, false]);
        slab.set_floor(usize::MAX);
        // SAFETY: as above.
        assert!(blocks[4..].iter().all(|&block| !unsafe { slab.push(block) }));
        assert_eq!((slab.live(), slab.check(1024)), (0, Ok(())));
    }

    #[test]
    fn a_cleared_slab_starts_again_from_its_first_slot() {
        let mut memory = memory();
        let slab = slab(&mut memory, 128);
        let blocks = fill(slab);
        for &block in &blocks {
            // SAFETY: a live slot of the slab, freed once.
            let _ = unsafe { slab.push(block) };
        }
        slab.clear();
        assert_eq!(fill(slab), blocks);
    }

    #[test]
    fn carving_leaves_the_pages_behind_it_untouched() {
        let mut memory = memory();
        let start = NonNull::from(&mut memory.0).cast::<u8>();
        // SAFETY: aligned, used by the slab alone, and the slot fits.
        let slab = unsafe { RawSlab::make(start, 65536, 64) };
        assert!(slab.carve());
        // SAFETY: inside the memory.
        let behind = unsafe { start.add(64 + CARVED_BYTES) };
        // SAFETY: initialised, and the slab has not touched it.
        assert_eq!(unsafe { behind.read() }, 0xA5);
    }

    #[test]
    fn no_slab_has_nothing() {
        assert_eq!((RawSlab::NONE.pop(), RawSlab::NONE.carve(), RawSlab::NONE.capacity()), (None, false, 0));
    }

    #[test]
    fn the_header_is_one_cache_line() {
        assert_eq!(HEADER_SIZE, size_of::<[usize; 8]>());
    }
}
