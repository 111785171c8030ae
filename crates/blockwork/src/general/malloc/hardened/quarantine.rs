//! [`Quarantine`]: freed blocks that wait before they are used again.
//!
//! ```text
//! free ─► place of the block [ · | held | · | held | ·· ] ─► the one that was there is free
//! ```
//!
//! Whoever holds a stale pointer, and hopes for something new at the address, does
//! not know when: a block waits until another one takes its place, which is
//! chosen by a secret.

use core::{
    array::from_fn,
    cell::{Cell, UnsafeCell},
    mem::offset_of,
    ptr,
    ptr::NonNull,
};

use crate::strategy::thread_heaps::{
    Heap, Record,
    ward::{CANARY, Ward},
};

/// The logarithm of the number of places.
const BITS: u32 = 5;
const PLACES: usize = 1 << BITS;

/// A freed block, sealed, and the record of its page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) block: NonNull<u8>,
    pub(super) ward: &'static Ward,
}

/// The blocks of one heap that wait; see the [module](self).
///
/// No place is ever empty, or each free would ask whether it is: at first a *stand-in* is in it,
/// which is freed as any other block, on a page of the quarantine's own that nobody looks at.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Quarantine {
    places: [Cell<Held>; PLACES],
    own: Own,
}

/// Zeroes at first.
#[derive(Debug)]
struct Own {
    stand_ins: [UnsafeCell<[usize; 2]>; PLACES],
    page: Ward,
}

/// Bytes of a stand-in, and what would be behind it in a slab.
const STAND_IN: usize = size_of::<[usize; 2]>() + CANARY;

impl Own {
    /// Makes the page one of `heap`, on which so many frees are nothing yet.
    fn begin(&self, heap: &Heap) {
        self.page.page().begin(heap, NonNull::from(self).cast(), 0, STAND_IN);
    }
}

impl Quarantine {
    /// Makes one at `place`, for `heap`.
    ///
    /// # Safety
    ///
    /// - `place` may be written, and read for good.
    pub(super) unsafe fn make(place: NonNull<Self>, heap: &Heap) {
        // SAFETY: inside of it.
        let own = unsafe { place.byte_add(offset_of!(Self, own)) }.cast::<Own>();
        // SAFETY: a part of what may be written, says the caller.
        unsafe { own.write_bytes(0, 1) }
        // SAFETY: zero bytes are words and a record.
        let own: &'static Own = unsafe { own.as_ref() };
        own.begin(heap);
        let first = NonNull::from(&own.stand_ins).cast::<[usize; 2]>();
        let places: [Cell<Held>; PLACES] = from_fn(|at| {
            // SAFETY: one of so many.
            let block = unsafe { first.add(at) }.cast();
            Cell::new(Held { block, ward: &own.page })
        });
        // SAFETY: they come first.
        unsafe { place.cast().write(places) }
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
    pub(super) fn swap(&self, held: Held, seal: usize) -> Held {
        let place = seal.wrapping_shr(usize::BITS.wrapping_sub(BITS));
        // SAFETY: so many bits are left of it.
        unsafe { self.places.get_unchecked(place) }.replace(held)
    }

    /// Holds nothing any more; what it did. It is the quarantine of `heap`.
    pub(super) fn empty(&'static self, heap: &Heap) -> impl Iterator<Item = Held> {
        let Own { stand_ins, page } = &self.own;
        // What is counted there must never come to its end.
        self.own.begin(heap);
        self.places.iter().zip(stand_ins).filter_map(move |(place, stand_in)| {
            if ptr::eq(place.get().ward, page) {
                return None;
            }
            let block = NonNull::from(stand_in).cast::<[usize; 2]>();
            // SAFETY: nobody's but ours.
            unsafe { block.write([0; 2]) }
            Some(place.replace(Held { block: block.cast(), ward: page }))
        })
    }
}
