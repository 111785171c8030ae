//! [`ArenaString`]: text in an arena, growing in place.

use core::{
    fmt,
    ops::{Deref, DerefMut},
    str,
};

use super::{ArenaVec, Region, region::ready};
use crate::alloc::{AllocError, Allocate};

/// A growable string whose memory is `region`'s.
///
/// As the last block of an arena it grows in place. [`into_str`](Self::into_str)
/// leaves the text to the region, and gives up what is unused.
///
/// ```
/// use core::fmt::Write;
/// use blockwork::{Arena, ArenaString, System};
///
/// let arena = Arena::with_defaults(System);
/// let mut text = ArenaString::new_in(&arena);
/// text.push_str("one");
/// write!(text, ", {}", 2)?;
/// let text: &mut str = text.into_str();
/// assert_eq!(text, "one, 2");
/// # Ok::<(), core::fmt::Error>(())
/// ```
pub struct ArenaString<R: Allocate> {
    /// Invariant: UTF-8.
    bytes: ArenaVec<u8, R>,
}

impl<R: Allocate> ArenaString<R> {
    /// An empty string, which takes no memory yet.
    pub const fn new_in(region: R) -> Self {
        Self { bytes: ArenaVec::new_in(region) }
    }

    /// An empty string with room for `capacity` bytes.
    pub fn with_capacity_in(capacity: usize, region: R) -> Self {
        ready(Self::try_with_capacity_in(capacity, region))
    }

    /// [`with_capacity_in`](Self::with_capacity_in), if there is memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub fn try_with_capacity_in(capacity: usize, region: R) -> Result<Self, AllocError> {
        Ok(Self { bytes: ArenaVec::try_with_capacity_in(capacity, region)? })
    }

    /// Appends `text`.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        ready(self.try_push_str(text));
    }

    /// [`push_str`](Self::push_str), if there is memory; otherwise nothing has
    /// changed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    #[inline]
    pub fn try_push_str(&mut self, text: &str) -> Result<(), AllocError> {
        self.bytes.try_extend_from_slice_copy(text.as_bytes())
    }

    /// Appends `character`.
    pub fn push(&mut self, character: char) {
        ready(self.try_push(character));
    }

    /// [`push`](Self::push), if there is memory; otherwise nothing has changed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub fn try_push(&mut self, character: char) -> Result<(), AllocError> {
        self.try_push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Takes the last character off.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.bytes.truncate(self.len().saturating_sub(last.len_utf8()));
        Some(last)
    }

    /// Shortens the text to `len` bytes; does nothing if it is no longer.
    ///
    /// # Panics
    ///
    /// If `len` lies within a character.
    pub fn truncate(&mut self, len: usize) {
        assert!(len >= self.len() || self.is_char_boundary(len), "not between two characters");
        self.bytes.truncate(len);
    }

    /// Takes everything off.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Makes room for `additional` bytes more.
    pub fn reserve(&mut self, additional: usize) {
        self.bytes.reserve(additional);
    }

    /// [`reserve`](Self::reserve), if there is memory; otherwise nothing has
    /// changed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there is no memory.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.bytes.try_reserve(additional)
    }

    /// Bytes that there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives up room that is not used, where that needs no move.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self
    }

    /// The bytes, which are UTF-8 still.
    #[must_use]
    pub fn into_bytes(self) -> ArenaVec<u8, R> {
        self.bytes
    }

    /// Leaves the text to the region, less room that is not used.
    #[must_use]
    pub fn into_str<'a>(self) -> &'a mut str
    where
        R: Region<'a>,
    {
        // SAFETY: the invariant.
        unsafe { str::from_utf8_unchecked_mut(self.bytes.into_slice()) }
    }
}

impl<R: Allocate> Deref for ArenaString<R> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        // SAFETY: the invariant.
        unsafe { str::from_utf8_unchecked(&self.bytes) }
    }
}

impl<R: Allocate> DerefMut for ArenaString<R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut str {
        // SAFETY: the invariant.
        unsafe { str::from_utf8_unchecked_mut(&mut self.bytes) }
    }
}

impl<R: Allocate> fmt::Write for ArenaString<R> {
    /// Fails when there is no memory.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_push_str(text).map_err(|AllocError| fmt::Error)
    }
}

impl<R: Allocate> Extend<char> for ArenaString<R> {
    fn extend<I: IntoIterator<Item = char>>(&mut self, characters: I) {
        characters.into_iter().for_each(|character| self.push(character));
    }
}

impl<'t, R: Allocate> Extend<&'t str> for ArenaString<R> {
    fn extend<I: IntoIterator<Item = &'t str>>(&mut self, texts: I) {
        texts.into_iter().for_each(|text| self.push_str(text));
    }
}

impl<R: Allocate> fmt::Debug for ArenaString<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<R: Allocate> fmt::Display for ArenaString<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<R: Allocate, S: Allocate> PartialEq<ArenaString<S>> for ArenaString<R> {
    fn eq(&self, other: &ArenaString<S>) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<R: Allocate> PartialEq<str> for ArenaString<R> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl<R: Allocate> PartialEq<&str> for ArenaString<R> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<R: Allocate> AsRef<str> for ArenaString<R> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl<R: Allocate> Eq for ArenaString<R> {}
