//! [`Array`]: as many of one thing as a replay needs, in pages of its own.
//!
//! All of it is touched before the replay begins. The `malloc` that is replayed
//! does not see it, nor does who measures it.

use std::{alloc::Layout, mem::needs_drop, ptr::NonNull, slice};

use blockwork::{Allocate, Pages};

/// A fixed number of `T`.
#[derive(Debug)]
pub struct Array<T> {
    first: NonNull<T>,
    len: usize,
}

// SAFETY: it owns its elements, as a `Vec` does.
unsafe impl<T: Send> Send for Array<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Array<T> {}

impl<T> Array<T> {
    /// `len` of what `make` makes; none, if there is no memory for so many.
    pub fn new(len: usize, make: impl Fn() -> T) -> Self {
        const { assert!(!needs_drop::<T>(), "nobody would drop them") }
        let none = Self { first: NonNull::dangling(), len: 0 };
        let Ok(layout) = Layout::array::<T>(len) else { return none };
        if layout.size() == 0 {
            return none;
        }
        let Ok(memory) = Pages.allocate(layout) else { return none };
        let first = memory.cast::<T>();
        for index in 0..len {
            // SAFETY: the memory has room for `len` of them.
            let place = unsafe { first.add(index) };
            // SAFETY: as above, aligned as pages are.
            unsafe { place.write(make()) }
        }
        Self { first, len }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: all of them were written, and nobody else has them.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }

    /// All of them, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as for `as_slice`, and nobody looks meanwhile.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

impl<T> Drop for Array<T> {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<T>(self.len)
            && layout.size() > 0
        {
            // SAFETY: allocated with this layout, and no slice of it is left.
            unsafe { Pages.deallocate(self.first.cast(), layout) }
        }
    }
}
