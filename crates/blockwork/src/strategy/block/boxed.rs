//! Blocks out of boxes and vectors of the program's own allocator, and back.

use core::{
    mem::{ManuallyDrop, MaybeUninit},
    ptr::{self, NonNull},
};

use heap::{boxed::Box, vec::Vec};

use super::Block;
use crate::source::foreign::{FromGlobal, Registered};

/// A block of the allocator that boxes and vectors use.
///
/// They free their memory by the alignment of its elements, so only those can be
/// blocks, and own blocks, whose elements are aligned to the whole. What does
/// not fit comes back as it was. Nothing is copied.
impl Block<FromGlobal<Registered>> {
    /// Takes over what `slice` owns.
    ///
    /// ```
    /// use blockwork::Block;
    ///
    /// let block = Block::from_boxed_slice(Box::<[u8]>::new_uninit_slice(1)).ok().unwrap();
    /// assert_eq!(block.size(), 1);
    /// // Four bytes that are aligned to one are no block.
    /// assert!(Block::from_boxed_slice(Box::<[u8]>::new_uninit_slice(4)).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// `slice`, if its elements are not aligned to as many bytes as it has.
    pub fn from_boxed_slice<T>(slice: Box<[MaybeUninit<T>]>) -> Result<Self, Box<[MaybeUninit<T>]>> {
        if size_of_val(&*slice) != align_of::<T>() {
            return Err(slice);
        }
        let size = size_of_val(&*slice);
        let base = NonNull::from(Box::leak(slice)).cast();
        // SAFETY: the box's memory is the global allocator's, of this size and
        // an alignment as large, and is given up.
        Ok(unsafe { Self::from_raw_parts_in(base, size, REGISTERED) })
    }

    /// Leaves the block to a boxed slice of as many elements as it holds.
    ///
    /// # Errors
    ///
    /// The block, if `T` is not aligned to its size.
    pub fn into_boxed_slice<T>(self) -> Result<Box<[MaybeUninit<T>]>, Self> {
        let Some(len) = self.len_as::<T>() else { return Err(self) };
        let (base, ..) = self.into_raw_parts_in();
        let elements = ptr::slice_from_raw_parts_mut(base.as_ptr().cast(), len);
        // SAFETY: from the global allocator with the layout of so many `T`,
        // which need no value, and given up.
        Ok(unsafe { Box::from_raw(elements) })
    }

    /// Takes over the memory of `vec`, all its capacity; its elements are
    /// dropped.
    ///
    /// # Errors
    ///
    /// `vec`, if its elements are not aligned to as many bytes as it has room
    /// for.
    pub fn from_vec<T>(mut vec: Vec<T>) -> Result<Self, Vec<T>> {
        // What takes no space has room without end, and no memory.
        if size_of::<T>().checked_mul(vec.capacity()) != Some(align_of::<T>()) {
            return Err(vec);
        }
        vec.clear();
        let base = NonNull::from(ManuallyDrop::new(vec).spare_capacity_mut());
        // SAFETY: the vector's memory is the global allocator's, of this size
        // and an alignment as large, and is given up.
        Ok(unsafe { Self::from_raw_parts_in(base.cast(), align_of::<T>(), REGISTERED) })
    }

    /// Leaves the block to an empty vector, as its capacity.
    ///
    /// # Errors
    ///
    /// The block, if `T` is not aligned to its size.
    pub fn into_vec<T>(self) -> Result<Vec<T>, Self> {
        let Some(capacity) = self.len_as::<T>() else { return Err(self) };
        let (base, ..) = self.into_raw_parts_in();
        // SAFETY: from the global allocator with the layout of so many `T`,
        // none of which lives, and given up.
        Ok(unsafe { Vec::from_raw_parts(base.as_ptr().cast(), 0, capacity) })
    }

    /// How many `T` the block's layout is that of, if it is.
    fn len_as<T>(&self) -> Option<usize> {
        let fits = align_of::<T>() == self.size() && size_of::<T>() != 0;
        if fits { self.size().checked_div(size_of::<T>()) } else { None }
    }
}

const REGISTERED: FromGlobal<Registered> = FromGlobal::new(Registered);
