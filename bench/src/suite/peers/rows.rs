//! Values in rows that double and never move, found by keys with a generation: written for one type, it is what
//! a pool with keys could be at best.

use core::{
    alloc::Layout,
    ptr::{self, NonNull},
};
use std::alloc::{alloc, dealloc};

use crate::kinds::{fixed::Value, typed::Typed};

/// Slots in the first row, as a power of two; as many rows as numbers of 32 bits can need.
const FIRST_LOG2: u32 = 4;
const ROWS: usize = (u32::BITS - FIRST_LOG2) as usize;

#[repr(C)]
struct Slot {
    place: Place,
    number: u32,
    /// Odd while a value is there.
    generation: u32,
}

#[repr(C)]
union Place {
    value: Value,
    next: *mut Slot,
}

/// A number and a generation.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    number: u32,
    generation: u32,
}

/// Rows of slots, each twice as long as the one before it.
pub(crate) struct Rows {
    rows: [*mut Slot; ROWS],
    free: *mut Slot,
    /// How many slots are there: all have had a value.
    carved: u32,
}

/// The row of a slot, and its place there.
#[inline(always)]
const fn place(number: u32) -> (usize, usize) {
    let position = number as usize + (1 << FIRST_LOG2);
    let log2 = position.ilog2();
    ((log2 - FIRST_LOG2) as usize, position ^ (1 << log2))
}

fn layout(row: usize) -> Layout {
    Layout::array::<Slot>(1 << FIRST_LOG2 << row).expect("memory has an end")
}

impl Rows {
    #[inline(always)]
    fn find(&self, key: Key) -> Option<NonNull<Slot>> {
        if key.number >= self.carved {
            return None;
        }
        let (row, at) = place(key.number);
        // SAFETY: the row of a slot that is there is there.
        let first = unsafe { *self.rows.get_unchecked(row) };
        // SAFETY: in the row.
        let slot = unsafe { first.add(at) };
        // SAFETY: inside of what was allocated.
        let slot = unsafe { NonNull::new_unchecked(slot) };
        // SAFETY: all slots that are there have a generation.
        (unsafe { slot.as_ref() }.generation == key.generation).then_some(slot)
    }

    #[cold]
    #[inline(never)]
    fn carve(&mut self) -> *mut Slot {
        let (row, at) = place(self.carved);
        if at == 0 {
            // SAFETY: the size is not zero.
            self.rows[row] = unsafe { alloc(layout(row)) }.cast();
            assert!(!self.rows[row].is_null(), "memory");
        }
        // SAFETY: in the row.
        let slot = unsafe { self.rows[row].add(at) };
        let new = Slot { place: Place { next: ptr::null_mut() }, number: self.carved, generation: 0 };
        // SAFETY: ours, and nobody uses it yet.
        unsafe { slot.write(new) };
        self.carved += 1;
        slot
    }
}

impl Typed for Rows {
    type Key = Key;

    fn new(values: usize) -> Self {
        let mut rows = Self { rows: [ptr::null_mut(); ROWS], free: ptr::null_mut(), carved: 0 };
        for _ in 0..values {
            let slot = rows.carve();
            // SAFETY: carved above, and nobody else refers to it.
            unsafe { &mut *slot }.place.next = rows.free;
            rows.free = slot;
        }
        rows
    }

    #[inline(always)]
    fn insert(&mut self, word: u64) -> Key {
        let slot = if self.free.is_null() {
            self.carve()
        } else {
            let slot = self.free;
            // SAFETY: a slot that is there.
            let place = unsafe { &(*slot).place };
            // SAFETY: a free slot has a link.
            self.free = unsafe { place.next };
            slot
        };
        // SAFETY: a slot that is there, and nobody else refers to it.
        let slot = unsafe { &mut *slot };
        slot.place.value = Value::new(word);
        slot.generation |= 1;
        Key { number: slot.number, generation: slot.generation }
    }

    #[inline(always)]
    fn get(&self, key: &Key) -> u64 {
        let Some(slot) = self.find(*key) else { return 0 };
        // SAFETY: a slot that is there.
        let place = unsafe { &slot.as_ref().place };
        // SAFETY: a value is there, since the generation is the key's.
        unsafe { place.value.word }
    }

    #[inline(always)]
    fn remove(&mut self, key: Key) -> u64 {
        let Some(mut slot) = self.find(key) else { return 0 };
        // SAFETY: a slot that is there, and nobody else refers to it.
        let slot = unsafe { slot.as_mut() };
        // SAFETY: a value is there, since the generation is the key's.
        let word = unsafe { slot.place.value.word };
        // At its last generation a slot is not used again.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            slot.place.next = self.free;
            self.free = slot;
        }
        word
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        for (row, first) in self.rows.iter().enumerate().filter(|(_, first)| !first.is_null()) {
            // SAFETY: allocated in `carve` with this layout.
            unsafe { dealloc(first.cast(), layout(row)) };
        }
    }
}
