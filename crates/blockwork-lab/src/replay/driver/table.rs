//! [`Table`]: which block is in which slot.

use std::{alloc::Layout, ptr::NonNull, slice};

use blockwork::{Allocate, Pages};

use super::Live;

/// The blocks of one replay, by slot.
///
/// In pages of its own, all touched before the replay begins: the `malloc` that
/// is replayed does not see it, nor does who measures it.
#[derive(Debug)]
pub struct Table {
    first: NonNull<Option<Live>>,
    len: usize,
}

impl Table {
    /// No blocks yet, in slots below `slots`; below none, if there is no memory
    /// for so many.
    pub fn new(slots: usize) -> Self {
        let none = Self { first: NonNull::dangling(), len: 0 };
        let Ok(layout) = Layout::array::<Option<Live>>(slots) else { return none };
        if slots == 0 {
            return none;
        }
        let Ok(memory) = Pages.allocate(layout) else { return none };
        let first = memory.cast::<Option<Live>>();
        for slot in 0..slots {
            // SAFETY: the memory has room for `slots` of them.
            let place = unsafe { first.add(slot) };
            // SAFETY: as above, aligned as pages are.
            unsafe { place.write(None) }
        }
        Self { first, len: slots }
    }

    /// The slots.
    pub fn slots(&mut self) -> &mut [Option<Live>] {
        // SAFETY: all of them were written, and nobody else has them.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<Option<Live>>(self.len)
            && self.len > 0
        {
            // SAFETY: allocated with this layout, and no slice of it is left.
            unsafe { Pages.deallocate(self.first.cast(), layout) }
        }
    }
}
