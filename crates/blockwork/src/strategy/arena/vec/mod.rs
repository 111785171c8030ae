//! [`ArenaVec`]: a vector in an arena, growing in place.

use core::{
    alloc::Layout,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice,
};

mod into_iter;
mod traits;

pub use self::into_iter::ArenaIntoIter;
use super::{ArenaBox, Region, region::ready};
use crate::alloc::{AllocError, Allocate, reallocate};

/// A growable vector whose memory is `region`'s.
///
/// As the last block of an arena it grows in place: without a copy, and without
/// leaving holes. [`into_slice`](Self::into_slice) leaves the values to the
/// region, and gives up what is unused; a vector that is dropped drops them,
/// and frees its block if that is the last.
///
/// ```
/// use blockwork::{Arena, ArenaVec, System};
///
/// let arena = Arena::with_defaults(System);
/// let mut squares = ArenaVec::new_in(&arena);
/// squares.extend((0..100).map(|n| n * n));
/// squares.truncate(4);
/// let squares: &mut [i32] = squares.into_slice();
/// assert_eq!(squares, [0, 1, 4, 9]);
/// ```
///
/// It has what building a slice takes. To take ranges out, to split or to deduplicate,
/// there are the methods of slices, std's `Vec` or allocator-api2's over `&Arena`, and
/// [`List`](crate::List) over a static allocator.
///
/// Methods without `try_` panic when there is no memory; their twins return
/// [`AllocError`] then, and have changed nothing but that a value is dropped:
/// [`try_reserve`](Self::try_reserve) first to keep it.
pub struct ArenaVec<T, R: Allocate> {
    /// Valid for `capacity` values; dangling for none.
    start: NonNull<T>,
    /// Values that there is room for: more than any number of them for values
    /// of size zero, which take no memory.
    capacity: usize,
    /// The first so many are initialised. Invariant: `len <= capacity`.
    len: usize,
    region: R,
    _owned: PhantomData<T>,
}

impl<T, R: Allocate> ArenaVec<T, R> {
    /// What is asked for first: below that, too much is lost by growing.
    const CAPACITY_MIN: usize = match size_of::<T>() {
        0 => usize::MAX,
        1 => 8,
        2..=1024 => 4,
        _ => 1,
    };

    /// An empty vector, which takes no memory yet.
    pub const fn new_in(region: R) -> Self {
        let capacity = if size_of::<T>() == 0 { usize::MAX } else { 0 };
        Self { start: NonNull::dangling(), capacity, len: 0, region, _owned: PhantomData }
    }

    /// An empty vector with room for `capacity` values.
    pub fn with_capacity_in(capacity: usize, region: R) -> Self {
        ready(Self::try_with_capacity_in(capacity, region))
    }

    /// [`with_capacity_in`](Self::with_capacity_in), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory, or no such vector can exist.
    pub fn try_with_capacity_in(capacity: usize, region: R) -> Result<Self, AllocError> {
        let mut vec = Self::new_in(region);
        if capacity > vec.capacity {
            vec.move_to(capacity)?;
        }
        Ok(vec)
    }

    /// Appends `value`.
    #[inline]
    pub fn push(&mut self, value: T) {
        ready(self.try_push(value));
    }

    /// [`push`](Self::push), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory; the value is dropped.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), AllocError> {
        if self.len == self.capacity {
            self.grow(1)?;
        }
        // SAFETY: inside the block, as `len` is below the capacity.
        let place = unsafe { self.start.add(self.len) };
        // SAFETY: ours, and not initialised.
        unsafe { place.write(value) }
        self.len = self.len.wrapping_add(1);
        Ok(())
    }

    /// Takes the last value off.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: inside the block.
        let last = unsafe { self.start.add(self.len) };
        // SAFETY: initialised, and no longer counted.
        Some(unsafe { last.read() })
    }

    /// Puts `value` at `index`; those from there on move up by one.
    ///
    /// # Panics
    ///
    /// If `index` is above the length, or there is no memory.
    pub fn insert(&mut self, index: usize, value: T) {
        ready(self.try_insert(index, value));
    }

    /// [`insert`](Self::insert), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory; the value is dropped.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    pub fn try_insert(&mut self, index: usize, value: T) -> Result<(), AllocError> {
        let above = self.len.checked_sub(index);
        assert!(above.is_some(), "no place to insert: the vector is shorter");
        self.try_push(value)?;
        if let Some(tail) = self.get_mut(index..) {
            tail.rotate_right(1);
        }
        Ok(())
    }

    /// Takes the value at `index` out; those above move down by one.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn remove(&mut self, index: usize) -> T {
        assert!(index < self.len, "nothing to remove: the vector is shorter");
        if let Some(tail) = self.get_mut(index..) {
            tail.rotate_left(1);
        }
        self.take_last()
    }

    /// Takes the value at `index` out; the last one takes its place.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn swap_remove(&mut self, index: usize) -> T {
        let last = self.len.wrapping_sub(1);
        self.swap(index, last);
        self.take_last()
    }

    /// Drops the values from `len` on; does nothing if there are none.
    pub fn truncate(&mut self, len: usize) {
        let Some(gone) = self.len.checked_sub(len) else { return };
        self.len = len;
        // SAFETY: inside the block, or its end.
        let start = unsafe { self.start.add(len) };
        let gone = ptr::slice_from_raw_parts_mut(start.as_ptr(), gone);
        // SAFETY: initialised, and no longer counted, so that nobody drops them
        // again, even if one of them unwinds.
        unsafe { gone.drop_in_place() }
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Appends copies of `values`, all bytes at once.
    #[inline]
    pub fn extend_from_slice_copy(&mut self, values: &[T])
    where
        T: Copy,
    {
        ready(self.try_extend_from_slice_copy(values));
    }

    /// [`extend_from_slice_copy`](Self::extend_from_slice_copy), if there is
    /// memory; otherwise nothing has changed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    pub fn try_extend_from_slice_copy(&mut self, values: &[T]) -> Result<(), AllocError>
    where
        T: Copy,
    {
        self.try_reserve(values.len())?;
        // SAFETY: inside the block, or its end.
        let end = unsafe { self.start.add(self.len) };
        // SAFETY: room for as many was reserved; nobody can borrow it.
        unsafe { end.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) }
        self.len = self.len.wrapping_add(values.len());
        Ok(())
    }

    /// Appends clones of `values`.
    pub fn extend_from_slice(&mut self, values: &[T])
    where
        T: Clone,
    {
        ready(self.try_extend_from_slice(values));
    }

    /// [`extend_from_slice`](Self::extend_from_slice), if there is memory;
    /// otherwise nothing is cloned.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub fn try_extend_from_slice(&mut self, values: &[T]) -> Result<(), AllocError>
    where
        T: Clone,
    {
        self.try_reserve(values.len())?;
        values.iter().try_for_each(|value| self.try_push(value.clone()))
    }

    /// Appends what `values` yields, as [`Extend`] does, as long as there is
    /// memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory; what was yielded before stays.
    pub fn try_extend<I: IntoIterator<Item = T>>(&mut self, values: I) -> Result<(), AllocError> {
        let values = values.into_iter();
        // A hint, and perhaps a lie: if there is no room for so many, there may
        // be for as many as come.
        let _ = self.try_reserve(values.size_hint().0);
        for value in values {
            self.try_push(value)?;
        }
        Ok(())
    }

    /// Makes room for `additional` values more.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        ready(self.try_reserve(additional));
    }

    /// [`reserve`](Self::reserve), if there is memory; otherwise nothing has
    /// changed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory, or no such vector can exist.
    #[inline]
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        // The difference cannot wrap.
        if additional > self.capacity.wrapping_sub(self.len) { self.grow(additional) } else { Ok(()) }
    }

    /// Gives up room that is not used, where that needs no move.
    pub fn shrink_to_fit(&mut self) {
        if self.len == 0 {
            self.free();
        } else if size_of::<T>() != 0
            && let Ok(new) = Layout::array::<T>(self.len)
            // SAFETY: the vector's block, with its layout.
            && unsafe { self.region.resize(self.start.cast(), self.layout(), new) }.is_ok()
        {
            self.capacity = self.granted(new);
        }
    }

    /// Values that there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The values.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self
    }

    /// The values, to be changed.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    /// Where the memory comes from.
    #[must_use]
    pub const fn region(&self) -> &R {
        &self.region
    }

    /// Leaves the values to the region, less room that is not used; nobody
    /// drops them.
    #[must_use]
    pub fn into_slice<'a>(mut self) -> &'a mut [T]
    where
        R: Region<'a>,
    {
        self.shrink_to_fit();
        let vec = ManuallyDrop::new(self);
        // SAFETY: so many are initialised, in a block that lives for `'a`,
        // since the vector that would free it is no more.
        unsafe { slice::from_raw_parts_mut(vec.start.as_ptr(), vec.len) }
    }

    /// Leaves the values to the region, to be dropped with their box.
    #[must_use]
    pub fn into_boxed_slice<'a>(self) -> ArenaBox<'a, [T]>
    where
        T: 'a,
        R: Region<'a>,
    {
        ArenaBox::own(self.into_slice())
    }

    /// Takes off the last value, which is there.
    fn take_last(&mut self) -> T {
        self.len = self.len.wrapping_sub(1);
        // SAFETY: inside the block.
        let last = unsafe { self.start.add(self.len) };
        // SAFETY: initialised, and no longer counted.
        unsafe { last.read() }
    }

    /// Makes room for `additional` values more than there are, for twice the
    /// capacity if possible, so that many pushes take few moves.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, additional: usize) -> Result<(), AllocError> {
        let least = self.len.checked_add(additional).ok_or(AllocError)?;
        let roomy = least.max(self.capacity.saturating_mul(2)).max(Self::CAPACITY_MIN);
        self.move_to(roomy).or_else(|AllocError| self.move_to(least))
    }

    /// Makes the block one for `capacity` values, which is more than now.
    fn move_to(&mut self, capacity: usize) -> Result<(), AllocError> {
        let new = Layout::array::<T>(capacity).map_err(|_| AllocError)?;
        let block = if self.capacity == 0 {
            self.region.allocate(new)?
        } else {
            // SAFETY: the vector's block, with its layout.
            unsafe { reallocate(&self.region, self.start.cast(), self.layout(), new)? }
        };
        self.start = block.cast();
        self.capacity = self.granted(new);
        Ok(())
    }

    /// Frees the block of a vector without values.
    fn free(&mut self) {
        if size_of::<T>() != 0 && self.capacity != 0 {
            // SAFETY: the vector's block, with its layout.
            unsafe { self.region.deallocate(self.start.cast(), self.layout()) }
            self.capacity = 0;
        }
    }

    /// What the block was asked for, or a size of its class.
    fn layout(&self) -> Layout {
        let size = if size_of::<T>() == 0 { 0 } else { self.capacity.wrapping_mul(size_of::<T>()) };
        // SAFETY: the size of a block that exists, or zero.
        unsafe { Layout::from_size_align_unchecked(size, align_of::<T>()) }
    }

    /// Values that a block asked for with `layout` holds.
    fn granted(&self, layout: Layout) -> usize {
        self.region.granted(layout).checked_div(size_of::<T>()).unwrap_or(usize::MAX)
    }
}

impl<T, R: Allocate> Drop for ArenaVec<T, R> {
    fn drop(&mut self) {
        // Frees the block also when a value unwinds.
        struct Free<'v, T, R: Allocate>(&'v mut ArenaVec<T, R>);

        impl<T, R: Allocate> Drop for Free<'_, T, R> {
            fn drop(&mut self) {
                self.0.free();
            }
        }

        Free(self).0.clear();
    }
}

// SAFETY: a vector owns its values and its region.
unsafe impl<T: Send, R: Allocate + Send> Send for ArenaVec<T, R> {}
// SAFETY: a shared vector gives no more than shared access to both.
unsafe impl<T: Sync, R: Allocate + Sync> Sync for ArenaVec<T, R> {}

impl<T, R: Allocate> Deref for ArenaVec<T, R> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: so many are initialised.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T, R: Allocate> DerefMut for ArenaVec<T, R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many are initialised.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}
