//! One block of [`Strict`](super::Strict), between its guards.

use core::{
    alloc::{GlobalAlloc as _, Layout},
    ptr::NonNull,
};
use std::alloc::System;

use crate::testing::bytes;

/// Bytes of a fresh block.
const DIRT: u8 = 0xA5;
/// Bytes of a freed block.
const FREED: u8 = 0xDD;
/// Bytes around a block.
const GUARD: u8 = 0xFD;
/// The least number of guard bytes on each side.
const GUARD_LEN: usize = 16;

/// One piece of memory from the system, with its guards.
#[derive(Debug)]
pub(super) struct Entry {
    base: NonNull<u8>,
    whole: Layout,
    /// From `base` to the block.
    front: usize,
    /// What the block was asked for with, or resized to.
    pub(super) asked: Layout,
    /// `granted(asked)`. Invariant: `front + granted + GUARD_LEN <= whole.size()`.
    pub(super) granted: usize,
}

impl Entry {
    /// Takes memory for `asked`, with room to grow in place by `room`.
    pub(super) fn new(asked: Layout, granted: usize, room: usize) -> Option<Self> {
        // An odd multiple of the alignment, in memory of twice the alignment:
        // the block gets what it asked for, and no more.
        let front = if asked.align() < GUARD_LEN { asked.align().checked_add(GUARD_LEN)? } else { asked.align() };
        let size = front.checked_add(granted)?.checked_add(room)?.checked_add(GUARD_LEN)?;
        let whole = Layout::from_size_align(size, asked.align().checked_mul(2)?).ok()?;
        // SAFETY: the size is not zero: it contains a guard.
        let base = NonNull::new(unsafe { System.alloc(whole) })?;
        let entry = Self { base, whole, front, asked, granted };
        entry.fill(front.saturating_sub(GUARD_LEN), GUARD_LEN, GUARD);
        entry.fill(front, granted, DIRT);
        entry.fill(entry.end(), entry.guard_len(), GUARD);
        Some(entry)
    }

    /// Bytes that it takes from the system.
    pub(super) const fn size(&self) -> usize {
        self.whole.size()
    }

    /// From `base` to the end of the block.
    const fn end(&self) -> usize {
        self.front.saturating_add(self.granted)
    }

    /// From the end of the block to the end of the memory.
    const fn guard_len(&self) -> usize {
        self.whole.size().saturating_sub(self.end())
    }

    pub(super) fn block(&self) -> NonNull<u8> {
        // SAFETY: `front` is inside the memory.
        unsafe { self.base.add(self.front) }
    }

    pub(super) fn address(&self) -> usize {
        self.block().addr().get()
    }

    /// Sets the bytes `from..from + len`, counted from `base`.
    fn fill(&self, from: usize, len: usize, byte: u8) {
        // SAFETY: callers name a range inside the memory.
        let at = unsafe { self.base.add(from) };
        // SAFETY: as above; nobody holds a reference into it.
        unsafe { at.write_bytes(byte, len) }
    }

    /// Whether the bytes `from..from + len`, counted from `base`, are `byte`.
    fn is_filled(&self, from: usize, len: usize, byte: u8) -> bool {
        // SAFETY: callers name a range inside the memory.
        let at = unsafe { self.base.add(from) };
        // SAFETY: as above; `new` wrote all of it.
        unsafe { bytes::fill_differs(at, len, byte) }.is_none()
    }

    /// Overwrites the block, which nobody may use any more.
    pub(super) fn free(&self) {
        self.fill(self.front, self.granted, FREED);
    }

    /// Whether nobody wrote into the block since `free`.
    pub(super) fn is_still_free(&self) -> bool {
        self.is_filled(self.front, self.granted, FREED)
    }

    /// Whether nobody wrote before or behind the block.
    pub(super) fn guards_hold(&self) -> bool {
        self.is_filled(self.front.saturating_sub(GUARD_LEN), GUARD_LEN, GUARD)
            && self.is_filled(self.end(), self.guard_len(), GUARD)
    }

    /// Whether the block could have `granted` bytes.
    pub(super) const fn has_room(&self, granted: usize) -> bool {
        self.front.saturating_add(granted).saturating_add(GUARD_LEN) <= self.whole.size()
    }

    /// Moves the end of the block; the caller asked `has_room`.
    pub(super) fn resize(&mut self, asked: Layout, granted: usize) {
        let before = self.end();
        (self.asked, self.granted) = (asked, granted);
        self.fill(before, self.end().saturating_sub(before), DIRT);
        self.fill(self.end(), self.guard_len(), GUARD);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: `base` came from `System` with this layout, and an entry is
        // not cloned.
        unsafe { System.dealloc(self.base.as_ptr(), self.whole) }
    }
}
