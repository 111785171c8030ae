//! `Table`: what is known of texts by their symbol, and their symbols by hash.
//!
//! ```text
//! block [ entry × ¾ n …………………… | slot × n ]     n a power of two
//! ```

use core::{alloc::Layout, ptr::NonNull, slice};

use super::Symbol;

/// Where a text is.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) start: NonNull<u8>,
    pub(super) len: u32,
    pub(super) hash: u32,
}

impl Entry {
    #[inline]
    pub(super) const fn len(&self) -> usize {
        // It was the length of something in memory.
        self.len as usize
    }

    /// Whether this is the text of `bytes`, which have that hash.
    #[inline]
    fn is(&self, hash: u32, bytes: &[u8]) -> bool {
        // SAFETY: the text is as long as its entry is used.
        self.hash == hash && unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len()) } == bytes
    }
}

/// The symbol of the text whose search led here, if any.
type Slot = Option<Symbol>;

/// The slots of the smallest table.
const SLOTS_MIN: usize = 16;

/// A block of entries and slots. Without slots there is no block.
///
/// Invariant: at most three of four slots are taken, each by a symbol that has
/// an entry.
#[derive(Clone, Copy)]
pub(super) struct Table {
    block: NonNull<u8>,
    slots: usize,
}

impl Table {
    pub(super) const EMPTY: Self = Self { block: NonNull::dangling(), slots: 0 };

    /// How many texts there can be.
    #[inline]
    pub(super) fn room(self) -> u32 {
        u32::try_from(self.entries()).unwrap_or(u32::MAX)
    }

    const fn entries(self) -> usize {
        (self.slots / 4).wrapping_mul(3)
    }

    /// The size of the next larger table, without its block.
    pub(super) fn twice(self) -> Option<Self> {
        let slots = self.slots.checked_mul(2)?.max(SLOTS_MIN);
        // Symbols have to be numbers of 32 bits, and one is none.
        u32::try_from(slots).is_ok().then_some(Self { slots, ..Self::EMPTY })
    }

    /// The layout of the block, if there is one.
    pub(super) fn layout(self) -> Option<Layout> {
        if self.slots == 0 {
            return None;
        }
        let entries = Layout::array::<Entry>(self.entries()).ok()?;
        let slots = Layout::array::<Slot>(self.slots).ok()?;
        // Slots are less aligned, so there is nothing in between.
        Some(entries.extend(slots).ok()?.0)
    }

    pub(super) const fn block(self) -> NonNull<u8> {
        self.block
    }

    /// This table in `block`, with the first `len` entries of `old`.
    ///
    /// # Safety
    ///
    /// - `block` is valid for this layout, and nobody else's.
    /// - `old` has as many entries, and this table more room.
    pub(super) unsafe fn fill(self, block: NonNull<u8>, old: Self, len: u32) -> Self {
        let new = Self { block, ..self };
        // SAFETY: the block is ours.
        unsafe { new.clear() }
        for symbol in (0..len).filter_map(Symbol::from_index) {
            // SAFETY: below `len`.
            let entry = unsafe { old.entry(symbol) };
            let slot = new.first_free(entry.hash);
            // SAFETY: there is room for all of them, and the texts differ, so the
            // search ends at the first free slot.
            unsafe { new.put(symbol, entry, slot) }
        }
        new
    }

    /// Frees all slots.
    ///
    /// # Safety
    ///
    /// - The block, if there is one, is valid for this layout.
    pub(super) unsafe fn clear(self) {
        for slot in 0..self.slots {
            // SAFETY: below `slots`, and the block is valid.
            unsafe { self.set_slot(slot, None) }
        }
    }

    /// The symbol of the text with these bytes and this hash, or the slot where
    /// it would be; of an empty table any.
    #[inline]
    pub(super) fn find(self, hash: u32, bytes: &[u8]) -> Result<Symbol, usize> {
        self.search(hash, |symbol| {
            // SAFETY: a symbol in a slot has an entry (invariant).
            unsafe { self.entry(symbol) }.is(hash, bytes)
        })
    }

    fn first_free(self, hash: u32) -> usize {
        self.search(hash, |_| false).map_or_else(|slot| slot, |_| 0)
    }

    /// From slot to slot, up to a symbol that `is_it`, or one that is free.
    #[inline]
    fn search(self, hash: u32, is_it: impl Fn(Symbol) -> bool) -> Result<Symbol, usize> {
        let Some(mask) = self.slots.checked_sub(1) else { return Err(0) };
        let mut at = hash as usize & mask;
        loop {
            // SAFETY: masked, so below `slots`.
            match unsafe { self.slot(at) } {
                Some(symbol) if is_it(symbol) => return Ok(symbol),
                // At least one of four is free, so this ends.
                Some(_) => at = at.wrapping_add(1) & mask,
                None => return Err(at),
            }
        }
    }

    /// What is known of the text of `symbol`.
    ///
    /// # Safety
    ///
    /// - It was put into this table.
    #[inline]
    pub(super) unsafe fn entry(self, symbol: Symbol) -> Entry {
        // SAFETY: the caller's promise: inside the block.
        let entry = unsafe { self.entry_at(symbol) };
        // SAFETY: written when it was put there.
        unsafe { entry.read() }
    }

    /// Makes `entry` that of `symbol`, found by `slot`.
    ///
    /// # Safety
    ///
    /// - There is room for as many entries, and one for each that came before.
    /// - The search for the text ends at `slot`, which is free.
    pub(super) unsafe fn put(self, symbol: Symbol, entry: Entry, slot: usize) {
        // SAFETY: the caller's promise: inside the block.
        let place = unsafe { self.entry_at(symbol) };
        // SAFETY: as above.
        unsafe { place.write(entry) }
        // SAFETY: a search ends below `slots`.
        unsafe { self.set_slot(slot, Some(symbol)) }
    }

    /// How many slots are taken; walks them.
    pub(super) fn slots_taken(self) -> usize {
        let taken = (0..self.slots).filter(|&slot| {
            // SAFETY: below `slots`.
            unsafe { self.slot(slot) }.is_some()
        });
        taken.count()
    }

    /// # Safety
    ///
    /// - The table has room for as many entries.
    #[inline]
    unsafe fn entry_at(self, symbol: Symbol) -> NonNull<Entry> {
        // SAFETY: entries come first, and the caller says that it is one.
        unsafe { self.block.cast::<Entry>().add(symbol.index() as usize) }
    }

    /// # Safety
    ///
    /// - `at` is below `slots`, and the block is filled.
    #[inline]
    unsafe fn slot(self, at: usize) -> Slot {
        // SAFETY: the caller's promise.
        let slot = unsafe { self.slot_at(at) };
        // SAFETY: written when the block was filled.
        unsafe { slot.read() }
    }

    /// # Safety
    ///
    /// - `at` is below `slots`, and the block is valid.
    #[inline]
    unsafe fn set_slot(self, at: usize, symbol: Slot) {
        // SAFETY: the caller's promise.
        let slot = unsafe { self.slot_at(at) };
        // SAFETY: inside the block.
        unsafe { slot.write(symbol) }
    }

    /// # Safety
    ///
    /// - `at` is below `slots`.
    #[inline]
    unsafe fn slot_at(self, at: usize) -> NonNull<Slot> {
        // SAFETY: the slots begin where the entries end, inside the block.
        let slots = unsafe { self.block.cast::<Entry>().add(self.entries()) };
        // SAFETY: the caller's promise: inside the block.
        unsafe { slots.cast::<Slot>().add(at) }
    }
}
