//! [`Terminated`]: a slice with a sentinel behind its last element.
//!
//! ```text
//! [ element | element | element | S::END ]
//! ^ start                       ^ len
//! ```
//!
//! C strings, and arrays that C code walks up to a zero, look like this.
//!
//! ```
//! use blockwork::{List, System, Terminated};
//!
//! let mut list = List::<u8, System>::from("a name");
//! list.extend_from_slice(b" for C");
//! let name: Terminated<u8, System> = list.into_terminated();
//! assert_eq!((name.len(), name.as_c_str()), (12, c"a name for C".into()));
//! ```

use core::{
    ffi::CStr,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr,
};

use super::{Slice, or_panic};
use crate::{
    alloc::AllocError,
    typed::{handle::Handle, list::List},
};

/// Says what ends a [`Terminated`] slice of `T`.
///
/// ```
/// use blockwork::{Sentinel, System, Terminated};
///
/// struct Last;
/// impl Sentinel<u32> for Last {
///     const END: u32 = u32::MAX;
/// }
///
/// let numbers = Terminated::<u32, System, Last>::from(&[1, 2]);
/// assert_eq!(numbers.as_slice_with_end(), [1, 2, u32::MAX]);
/// ```
pub trait Sentinel<T> {
    /// What stands behind the last element.
    const END: T;
}

/// The [`Sentinel`] zero, or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zero;

macro_rules! zero {
    ($($number:ty)*) => {$(
        impl Sentinel<$number> for Zero {
            const END: $number = 0;
        }
    )*};
}
zero!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl<T> Sentinel<*const T> for Zero {
    const END: *const T = ptr::null();
}

impl<T> Sentinel<*mut T> for Zero {
    const END: *mut T = ptr::null_mut();
}

/// Owns plain elements and the sentinel behind them; see [`Sentinel`], and
/// [`List::terminated_by`] for lists.
pub struct Terminated<T: Copy, A: Handle, S: Sentinel<T> = Zero> {
    /// Invariant: not empty, and the last is `S::END`.
    with_end: Slice<T, A>,
    _sentinel: PhantomData<fn() -> S>,
}

const _: () = assert!(
    size_of::<Terminated<u8, crate::source::null::Null>>() == size_of::<[usize; 2]>(),
    "a terminated slice is two words"
);

impl<T: Copy, A: Handle> List<T, A> {
    /// The elements with a sentinel behind them, and no other room.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[must_use]
    #[track_caller]
    pub fn into_terminated<S: Sentinel<T>>(self) -> Terminated<T, A, S> {
        or_panic(self.try_into_terminated())
    }

    /// [`into_terminated`](Self::into_terminated), or the list as it was.
    ///
    /// # Errors
    ///
    /// The list, without memory.
    pub fn try_into_terminated<S: Sentinel<T>>(mut self) -> Result<Terminated<T, A, S>, Self> {
        if self.try_push(S::END).is_err() {
            return Err(self);
        }
        match self.try_into_slice() {
            Ok(with_end) => Ok(Terminated { with_end, _sentinel: PhantomData }),
            Err(mut list) => {
                list.pop();
                Err(list)
            }
        }
    }
}

impl<T: Copy, A: Handle, S: Sentinel<T>> Terminated<T, A, S> {
    /// A copy of `elements`, terminated.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_from_slice(elements: &[T]) -> Result<Self, AllocError> {
        let with_end = elements.len().checked_add(1).ok_or(AllocError)?;
        let mut list = List::try_with_capacity(with_end)?;
        list.try_extend_from_slice(elements)?;
        list.try_into_terminated().map_err(|_| AllocError)
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory.
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Ok(Self { with_end: self.with_end.try_clone()?, _sentinel: PhantomData })
    }

    /// The elements, and the sentinel.
    #[inline]
    #[must_use]
    pub const fn as_slice_with_end(&self) -> &[T] {
        self.with_end.as_slice()
    }

    /// The elements as a list, without the sentinel. Costs nothing.
    #[must_use]
    pub fn into_list(self) -> List<T, A> {
        let mut list = self.with_end.into_list();
        list.pop();
        list
    }
}

impl<A: Handle> Terminated<u8, A> {
    /// The bytes up to the first zero, which is the sentinel if there is none
    /// before.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(self.as_slice_with_end()).unwrap_or(c"")
    }
}

impl<T: Copy, A: Handle, S: Sentinel<T>> From<&[T]> for Terminated<T, A, S> {
    fn from(elements: &[T]) -> Self {
        or_panic(Self::try_from_slice(elements))
    }
}

impl<T: Copy, A: Handle, S: Sentinel<T>, const N: usize> From<&[T; N]> for Terminated<T, A, S> {
    fn from(elements: &[T; N]) -> Self {
        Self::from(elements.as_slice())
    }
}

impl<T: Copy, A: Handle, S: Sentinel<T>> Clone for Terminated<T, A, S> {
    fn clone(&self) -> Self {
        or_panic(self.try_clone())
    }
}

impl<T: Copy, A: Handle, S: Sentinel<T>> Deref for Terminated<T, A, S> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.with_end.split_last().map_or(&[], |(_, elements)| elements)
    }
}

impl<T: Copy, A: Handle, S: Sentinel<T>> DerefMut for Terminated<T, A, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.with_end.split_last_mut().map_or(&mut [], |(_, elements)| elements)
    }
}

impl<T: Copy + fmt::Debug, A: Handle, S: Sentinel<T>> fmt::Debug for Terminated<T, A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
