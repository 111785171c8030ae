//! Blocks out of slices and lists, and back: the memory stays, and so does the
//! capacity.

use core::{
    alloc::Layout,
    mem::{MaybeUninit, size_of},
    ptr::NonNull,
};

use super::{handle::Handle, list::List, slice::Slice};
use crate::strategy::block::Block;

/// Blocks of a handle that [aligns](Handle::ALIGN) to all of a block.
///
/// What is not of that size, or has elements that do not fill it, comes back as
/// it was. Nothing is copied.
///
/// ```
/// use blockwork::{Block, Counted, List, Locked, System, handle};
///
/// static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
/// handle!(struct Blocks = HEAP, align(4096););
///
/// let block = Block::new_in(4096, Blocks)?;
/// let mut list: List<u8, Blocks> = block.into_list().ok().unwrap();
/// assert_eq!((list.len(), list.capacity()), (0, 4096));
/// list.extend_from_slice(b"in a block");
/// let block = list.into_block().ok().unwrap();
/// assert_eq!(block.size(), 4096);
/// # Ok::<(), blockwork::BlockError>(())
/// ```
impl<A: Handle> Block<A> {
    /// Leaves the block to a slice of as many elements as it holds.
    ///
    /// # Errors
    ///
    /// The block.
    pub fn into_slice<T>(self) -> Result<Slice<MaybeUninit<T>, A>, Self> {
        let Some(len) = self.len_as::<T>() else { return Err(self) };
        let (base, ..) = self.into_raw_parts_in();
        let elements = NonNull::slice_from_raw_parts(base.cast(), len);
        // SAFETY: a live block of the handle's for so many `T`, which need no
        // value, and given up.
        Ok(unsafe { Slice::from_non_null(elements) })
    }

    /// Leaves the block to an empty list, as its capacity.
    ///
    /// # Errors
    ///
    /// The block.
    pub fn into_list<T>(self) -> Result<List<T, A>, Self> {
        let Some(capacity) = self.len_as::<T>() else { return Err(self) };
        let (base, ..) = self.into_raw_parts_in();
        // SAFETY: a live block of the handle's for so many `T`, none of which
        // lives, and given up.
        Ok(unsafe { List::from_raw_parts(base.cast(), 0, capacity) })
    }

    /// How many `T` the block's layout is that of, if it is.
    fn len_as<T>(&self) -> Option<usize> {
        let size = self.size();
        let fits = A::ALIGN.max(align_of::<T>()) == size && size_of::<T>() != 0;
        if fits && size.is_multiple_of(size_of::<T>()) { size.checked_div(size_of::<T>()) } else { None }
    }
}

impl<T, A: Handle> Slice<MaybeUninit<T>, A> {
    /// Takes over the memory as a block; see [`Block::into_slice`].
    ///
    /// # Errors
    ///
    /// The slice, if it is not aligned to its size.
    pub fn into_block(self) -> Result<Block<A>, Self> {
        let Some(size) = block_size::<T, A>(self.len()) else { return Err(self) };
        // SAFETY: live, of the handle's, with this layout or one of its class;
        // given up.
        Ok(unsafe { Block::from_raw_parts_in(self.into_non_null().cast(), size, A::HANDLE) })
    }
}

impl<T, A: Handle> List<T, A> {
    /// Takes over the memory as a block, all the capacity; the elements are
    /// dropped. See [`Block::into_list`].
    ///
    /// # Errors
    ///
    /// The list, if it is not aligned to the size of its memory.
    pub fn into_block(mut self) -> Result<Block<A>, Self> {
        let Some(size) = block_size::<T, A>(self.capacity()) else { return Err(self) };
        self.clear();
        let (start, ..) = self.into_raw_parts();
        // SAFETY: live, of the handle's, with this layout or one of its class;
        // given up.
        Ok(unsafe { Block::from_raw_parts_in(start.cast(), size, A::HANDLE) })
    }
}

/// The size of the block that is as good as the one for `count` elements.
fn block_size<T, A: Handle>(count: usize) -> Option<usize> {
    let align = A::ALIGN.max(align_of::<T>());
    let held = size_of::<T>().checked_mul(count).filter(|&size| size != 0)?;
    let held = Layout::from_size_align(held, align).ok()?;
    let block = Layout::from_size_align(align, align).ok()?;
    // Of one class, either layout frees it.
    (A::HANDLE.granted(held) == A::HANDLE.granted(block)).then_some(align)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        combine::{counted::Counted, locked::Locked},
        source::system::System,
    };

    static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
    crate::handle!(struct Blocks = HEAP, align(256););

    fn live() -> usize {
        HEAP.with_parent(|heap| heap.counts().bytes_live)
    }

    /// One test, because there is one heap.
    #[test]
    fn a_block_is_a_slice_or_a_list_and_back_and_keeps_its_capacity() {
        let block = Block::new_in(256, Blocks).unwrap();
        let base = block.base();
        let slice = block.into_slice::<u32>().ok().unwrap();
        assert_eq!((slice.len(), NonNull::from(&*slice).cast()), (64, base));
        let block = slice.into_block().ok().unwrap();
        let mut list = block.into_list::<u64>().ok().unwrap();
        assert_eq!((list.len(), list.capacity(), live()), (0, 32, 256));
        list.extend(0..32);
        let block = list.into_block().ok().unwrap();
        assert_eq!((block.base(), block.size(), live()), (base, 256, 256));

        // Neither what does not fill it, nor what needs no room.
        let block = block.into_list::<[u8; 24]>().unwrap_err();
        let block = block.into_list::<()>().unwrap_err();
        drop(block.into_slice::<()>().unwrap_err());
        let small = Block::new_in(64, Blocks).unwrap();
        drop(small.into_list::<u8>().unwrap_err());
        let list = List::<u8, Blocks>::with_capacity(100);
        assert_eq!(list.into_block().unwrap_err().capacity(), 100);
        assert!(List::<u8, Blocks>::new().into_block().is_err());
        assert!(List::<(), Blocks>::new().into_block().is_err());
        assert_eq!(live(), 0);
    }
}
