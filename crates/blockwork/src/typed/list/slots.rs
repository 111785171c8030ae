//! [`Slots`]: a gap in a list, to be filled.
//!
//! ```text
//! [ element … | filled … | open ......... | tail … ]
//!             ^ the gap's start           ^ tail
//!                        ^ the list's length while the gap is open
//! ```
//!
//! Everything that moves elements inside a list is built on it. The list is no
//! longer than what lives before the gap, so whoever unwinds or forgets leaves a
//! list that is short, and never one with dead elements.

use core::{fmt, mem::MaybeUninit, slice};

use super::{List, out_of_range};
use crate::{alloc::AllocError, typed::handle::Handle};

/// What becomes of the tail when the gap closes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Close {
    /// It slides down as a whole.
    Slide,
    /// As many of its last elements as fit jump into the gap.
    Jump,
}

/// A gap in a [`List`]; made by [`List::insert_slots`].
///
/// Elements are put in from its start. When it is dropped it closes over what
/// was not filled; if it is forgotten, the elements behind it are lost.
pub struct Slots<'a, T, A: Handle> {
    /// Its length is where the next element goes. Invariant: the slots from
    /// there to `tail` are dead, and there is room for all.
    pub(super) list: &'a mut List<T, A>,
    /// Where the elements behind the gap begin.
    pub(super) tail: usize,
    /// How many there are. Invariant: they live, and the list does not count them.
    pub(super) tail_len: usize,
    pub(super) close: Close,
}

impl<'a, T, A: Handle> Slots<'a, T, A> {
    /// Cuts the list at `start`. The elements up to `end` are the caller's to
    /// drop; those behind are the tail.
    #[inline]
    #[track_caller]
    pub(super) fn cut(list: &'a mut List<T, A>, start: usize, end: usize, close: Close) -> Self {
        if end < start || list.len < end {
            out_of_range(list.len);
        }
        let tail_len = list.len.wrapping_sub(end);
        list.len = start;
        Self { list, tail: end, tail_len, close }
    }
}

impl<T, A: Handle> Slots<'_, T, A> {
    /// Slots that are still open.
    #[inline]
    #[must_use]
    pub const fn remaining(&self) -> usize {
        // Never below zero (invariant).
        self.tail.wrapping_sub(self.list.len)
    }

    /// Puts `value` into the first open slot.
    ///
    /// # Errors
    ///
    /// The value, when no slot is open.
    #[inline]
    pub fn fill(&mut self, value: T) -> Result<(), T> {
        if self.remaining() == 0 {
            return Err(value);
        }
        // SAFETY: the slot is open, so there is room (invariant).
        unsafe { self.list.push_unchecked(value) }
        Ok(())
    }

    /// The open slots.
    #[must_use]
    pub const fn as_uninit_mut(&mut self) -> &mut [MaybeUninit<T>] {
        let remaining = self.remaining();
        // SAFETY: the length is at most the capacity.
        let open = unsafe { self.list.at(self.list.len) };
        // SAFETY: these slots are dead, in the block, and borrowed as `self` is.
        unsafe { slice::from_raw_parts_mut(open.cast().as_ptr(), remaining) }
    }

    /// Says that the first `count` open slots have been filled.
    ///
    /// # Safety
    ///
    /// - `count` is at most [`remaining`](Self::remaining).
    /// - So many elements live there.
    pub const unsafe fn assume_filled(&mut self, count: usize) {
        // Within the block, so it does not overflow.
        self.list.len = self.list.len.wrapping_add(count);
    }

    /// Puts clones into the first open slots.
    pub(super) fn fill_clones(&mut self, from: &[T])
    where
        T: Clone,
    {
        for element in from.iter().take(self.remaining()) {
            // SAFETY: no more elements than slots are open.
            unsafe { self.list.push_unchecked(element.clone()) }
        }
    }

    /// Fills open slots until one of the two ends; whether the slots did.
    pub(super) fn fill_from(&mut self, from: &mut impl Iterator<Item = T>) -> bool {
        while self.remaining() != 0 {
            let Some(value) = from.next() else { return false };
            // `next` cannot reach the slots, so one is still open.
            // SAFETY: the slot is open.
            unsafe { self.list.push_unchecked(value) }
        }
        true
    }

    /// Opens `more` slots.
    pub(super) fn try_widen(&mut self, more: usize) -> Result<(), AllocError> {
        // Both count elements of one block.
        let used = self.tail.wrapping_add(self.tail_len);
        self.list.space.try_reserve(used, more)?;
        // SAFETY: there is room behind the tail now.
        unsafe { self.move_tail(self.tail.wrapping_add(more)) }
        Ok(())
    }

    /// The first element of the tail leaves it; the slot becomes open.
    ///
    /// # Safety
    ///
    /// - There is a tail.
    /// - The element is the caller's now.
    #[inline]
    pub(super) const unsafe fn shift(&mut self) {
        self.tail = self.tail.wrapping_add(1);
        self.tail_len = self.tail_len.wrapping_sub(1);
    }

    /// The first element of the tail becomes the last before the gap.
    ///
    /// # Safety
    ///
    /// - There is a tail.
    #[inline]
    pub(super) const unsafe fn keep(&mut self) {
        // SAFETY: the tail is in the block.
        let from = unsafe { self.list.at(self.tail) };
        // SAFETY: the length is at most the capacity.
        let to = unsafe { self.list.at(self.list.len) };
        // SAFETY: both are in the block, and `to` is dead or the element itself.
        unsafe { to.copy_from(from, 1) }
        // SAFETY: the caller's promise; the copy owns the element.
        unsafe { self.shift() }
        self.list.len = self.list.len.wrapping_add(1);
    }

    /// Moves the whole tail.
    ///
    /// # Safety
    ///
    /// - The slots between the gap and there are dead, or the tail's own.
    /// - There is room for the tail from there on.
    unsafe fn move_tail(&mut self, to: usize) {
        // SAFETY: the tail is in the block.
        let from = unsafe { self.list.at(self.tail) };
        // SAFETY: the caller says that there is room.
        let start = unsafe { self.list.at(to) };
        // SAFETY: both are in the block for the length of the tail.
        unsafe { start.copy_from(from, self.tail_len) }
        self.tail = to;
    }
}

impl<T, A: Handle> Drop for Slots<'_, T, A> {
    fn drop(&mut self) {
        let gap = self.remaining();
        let end = self.tail.wrapping_add(self.tail_len);
        if gap != 0 {
            let moved = match self.close {
                Close::Slide => self.tail_len,
                Close::Jump => self.tail_len.min(gap),
            };
            // SAFETY: the last elements of the tail are in the block.
            let from = unsafe { self.list.at(end.wrapping_sub(moved)) };
            // SAFETY: the length is at most the capacity.
            let to = unsafe { self.list.at(self.list.len) };
            // SAFETY: they move down, onto dead slots or, sliding, themselves.
            unsafe { to.copy_from(from, moved) }
        }
        // Everything that lives is in front now.
        self.list.len = self.list.len.wrapping_add(self.tail_len);
    }
}

impl<T, A: Handle> fmt::Debug for Slots<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("remaining", &self.remaining()).field("tail_len", &self.tail_len).finish()
    }
}
