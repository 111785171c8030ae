//! [`Quarantine`]: freed blocks that wait before they are used again.
//!
//! ```text
//! free ─► place of the block [ · | held | · | held | ·· ] ─► the one that was there is free
//! ```
//!
//! Whoever holds a stale pointer, and hopes for something new at the address, does
//! not know when: a block waits until another one takes its place, which is
//! chosen by a secret.

use core::{cell::Cell, ptr::NonNull};

use crate::strategy::thread_heaps::{Heap, ward::Ward};

/// The logarithm of the number of places.
const BITS: u32 = 5;

/// A freed block, sealed, and the record of its page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) block: NonNull<u8>,
    pub(super) ward: &'static Ward,
}

/// The blocks of one heap that wait; see the [module](self).
#[derive(Debug)]
pub(super) struct Quarantine {
    places: [Cell<Option<Held>>; 1 << BITS],
}

impl Quarantine {
    pub(super) const fn new() -> Self {
        Self { places: [const { Cell::new(None) }; 1 << BITS] }
    }

    /// That of `heap`.
    ///
    /// # Safety
    ///
    /// - `heap` is this thread's, and has one for an annex.
    #[inline(always)]
    pub(super) unsafe fn of(heap: &'static Heap) -> &'static Self {
        // SAFETY: put there when a thread had the heap for the first time, for good.
        unsafe { &*heap.annex().cast_const().cast() }
    }

    /// Holds a block whose [seal](crate::strategy::thread_heaps::ward::seal) is
    /// `seal`; what was in its place.
    #[inline(always)]
    pub(super) fn swap(&self, held: Held, seal: usize) -> Option<Held> {
        let place = seal.wrapping_shr(usize::BITS.wrapping_sub(BITS));
        self.places.get(place)?.replace(Some(held))
    }

    /// Holds nothing any more; what it did.
    pub(super) fn empty(&self) -> impl Iterator<Item = Held> {
        self.places.iter().filter_map(Cell::take)
    }
}
