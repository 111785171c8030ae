//! [`Region`]: values of any type in memory that ends all at once.

use core::{alloc::Layout, fmt, ptr::NonNull, slice, str};

use super::{ArenaBox, ArenaString, ArenaVec};
use crate::alloc::{AllocError, Allocate};

/// An allocator whose blocks live for `'a` unless they are freed, and so can
/// hold values that are borrowed for `'a`.
///
/// [`&'a Arena`](super::Arena) is one, and a reference to an
/// [`ArenaScope<'a, _>`](super::ArenaScope). A function can take either:
///
/// ```
/// use blockwork::{Arena, Region, System};
///
/// fn shout<'a>(region: impl Region<'a>, text: &str) -> &'a str {
///     let copy = region.alloc_str(text);
///     copy.make_ascii_uppercase();
///     copy
/// }
///
/// let mut arena = Arena::with_defaults(System);
/// assert_eq!(shout(&arena, "far out"), "FAR OUT");
/// arena.scope(|scope| assert_eq!(shout(&scope, "inside"), "INSIDE"));
/// ```
///
/// Values are never dropped; their memory ends with the region. What has to be
/// dropped goes into an [`ArenaBox`] or stays in an [`ArenaVec`].
///
/// Methods without `try_` panic when there is no memory; their twins return
/// [`AllocError`] then, and have changed nothing but that the value is dropped.
/// Closures, iterators and formatted values may use the region themselves, and
/// if they unwind, what was made so far is dropped.
///
/// # Safety
///
/// - A block stays live for `'a` unless it is passed to `deallocate`, whatever
///   becomes of `self`.
pub unsafe trait Region<'a>: Allocate + Copy {
    /// Moves `value` into the region.
    ///
    /// ```
    /// # use blockwork::{Arena, Region, System};
    /// let arena = Arena::with_defaults(System);
    /// let (a, b) = (arena.alloc(1), arena.alloc(2));
    /// core::mem::swap(a, b);
    /// assert_eq!((*a, *b), (2, 1));
    /// ```
    #[inline]
    fn alloc<T>(self, value: T) -> &'a mut T {
        ready(self.try_alloc(value))
    }

    /// Moves `value` into the region, if it has memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc<T>(self, value: T) -> Result<&'a mut T, AllocError> {
        self.try_alloc_with(|| value)
    }

    /// Moves what `make` returns into the region, perhaps without a copy on
    /// the stack.
    #[inline]
    fn alloc_with<T>(self, make: impl FnOnce() -> T) -> &'a mut T {
        ready(self.try_alloc_with(make))
    }

    /// [`alloc_with`](Self::alloc_with), if there is memory; otherwise `make` is not called.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc_with<T>(self, make: impl FnOnce() -> T) -> Result<&'a mut T, AllocError> {
        let mut place = self.allocate(Layout::new::<T>())?.cast::<T>();
        // SAFETY: a block for a `T`, which is ours.
        unsafe { place.write(make()) }
        // SAFETY: written, and ours alone for `'a`, as nobody frees it.
        Ok(unsafe { place.as_mut() })
    }

    /// Moves `value` into the region, to be dropped with its box.
    ///
    /// ```
    /// # use blockwork::{Arena, Region, System};
    /// let arena = Arena::with_defaults(System);
    /// let names = arena.alloc_box(vec!["one".to_string()]);
    /// assert_eq!(names.len(), 1);
    /// drop(names); // And with it the vector and the string.
    /// ```
    #[inline]
    fn alloc_box<T: 'a>(self, value: T) -> ArenaBox<'a, T> {
        ready(self.try_alloc_box(value))
    }

    /// [`alloc_box`](Self::alloc_box), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc_box<T: 'a>(self, value: T) -> Result<ArenaBox<'a, T>, AllocError> {
        self.try_alloc(value).map(ArenaBox::own)
    }

    /// Copies `text` into the region.
    #[inline]
    fn alloc_str(self, text: &str) -> &'a mut str {
        ready(self.try_alloc_str(text))
    }

    /// [`alloc_str`](Self::alloc_str), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc_str(self, text: &str) -> Result<&'a mut str, AllocError> {
        let bytes = self.try_alloc_slice_copy(text.as_bytes())?;
        // SAFETY: copied from a string.
        Ok(unsafe { str::from_utf8_unchecked_mut(bytes) })
    }

    /// Copies the bytes of `values` into the region.
    #[inline]
    fn alloc_slice_copy<T: Copy>(self, values: &[T]) -> &'a mut [T] {
        ready(self.try_alloc_slice_copy(values))
    }

    /// [`alloc_slice_copy`](Self::alloc_slice_copy), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc_slice_copy<T: Copy>(self, values: &[T]) -> Result<&'a mut [T], AllocError> {
        let place = self.allocate(Layout::for_value(values))?.cast::<T>();
        // SAFETY: a fresh block for as many values, which overlaps no other.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) }
        // SAFETY: copied, and ours alone for `'a`, as nobody frees it.
        Ok(unsafe { slice::from_raw_parts_mut(place.as_ptr(), values.len()) })
    }

    /// Clones `values` into the region.
    #[inline]
    fn alloc_slice_clone<T: Clone>(self, values: &[T]) -> &'a mut [T] {
        ready(self.try_alloc_slice_clone(values))
    }

    /// [`alloc_slice_clone`](Self::alloc_slice_clone), if there is memory;
    /// otherwise nothing is cloned.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc_slice_clone<T: Clone>(self, values: &[T]) -> Result<&'a mut [T], AllocError> {
        let mut clones = ArenaVec::try_with_capacity_in(values.len(), self)?;
        clones.try_extend_from_slice(values)?;
        Ok(clones.into_slice())
    }

    /// Makes a slice of `len` values, each by `make` from its index.
    ///
    /// ```
    /// # use blockwork::{Arena, Region, System};
    /// let arena = Arena::with_defaults(System);
    /// assert_eq!(arena.alloc_slice_fill_with(4, |index| index * 10), [0, 10, 20, 30]);
    /// ```
    #[inline]
    fn alloc_slice_fill_with<T>(self, len: usize, make: impl FnMut(usize) -> T) -> &'a mut [T] {
        ready(self.try_alloc_slice_fill_with(len, make))
    }

    /// [`alloc_slice_fill_with`](Self::alloc_slice_fill_with), if there is
    /// memory; otherwise `make` is not called.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory, or no such slice can exist.
    #[inline]
    fn try_alloc_slice_fill_with<T>(
        self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&'a mut [T], AllocError> {
        let mut values = ArenaVec::try_with_capacity_in(len, self)?;
        for index in 0..len {
            values.try_push(make(index))?;
        }
        Ok(values.into_slice())
    }

    /// Moves what `values` yields into the region, as a slice.
    ///
    /// The iterator's `size_hint` is taken for a hint: it may be wrong.
    #[inline]
    fn alloc_from_iter<I: IntoIterator>(self, values: I) -> &'a mut [I::Item] {
        ready(self.try_alloc_from_iter(values))
    }

    /// [`alloc_from_iter`](Self::alloc_from_iter), if there is memory;
    /// otherwise what was yielded so far is dropped.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    fn try_alloc_from_iter<I: IntoIterator>(self, values: I) -> Result<&'a mut [I::Item], AllocError> {
        let mut slice = ArenaVec::new_in(self);
        slice.try_extend(values)?;
        Ok(slice.into_slice())
    }

    /// Writes formatted text into the region: `arena.alloc_fmt(format_args!(..))`.
    ///
    /// Panics, too, when a value refuses to be formatted, as `format!` does.
    #[inline]
    fn alloc_fmt(self, text: fmt::Arguments<'_>) -> &'a mut str {
        ready(self.try_alloc_fmt(text))
    }

    /// [`alloc_fmt`](Self::alloc_fmt), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory, or a value refuses to be
    /// formatted.
    #[inline]
    fn try_alloc_fmt(self, text: fmt::Arguments<'_>) -> Result<&'a mut str, AllocError> {
        if let Some(text) = text.as_str() {
            return self.try_alloc_str(text);
        }
        let mut string = ArenaString::new_in(self);
        fmt::write(&mut string, text).map_err(|_| AllocError)?;
        Ok(string.into_str())
    }
}

/// What was allocated; without memory, panics.
#[inline]
pub(super) fn ready<T>(result: Result<T, AllocError>) -> T {
    match result {
        Ok(value) => value,
        Err(AllocError) => exhausted(),
    }
}

#[cold]
#[inline(never)]
#[expect(clippy::panic, reason = "what methods without `try_` do when there is no memory")]
fn exhausted() -> ! {
    panic!("{AllocError}")
}
