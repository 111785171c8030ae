//! Lists of bytes as the end of `write!`, and of std's writers.

use core::{fmt, fmt::Write as _, str};

use super::List;
use crate::typed::{handle::Handle, or_panic};

/// Text is put behind the last byte; without memory it is an error, and part of
/// the text may have been written.
impl<A: Handle> fmt::Write for List<u8, A> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_extend_from_slice(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Bytes are put behind the last; without memory it is an error, of the kind
/// `OutOfMemory`.
#[cfg(feature = "std")]
impl<A: Handle> std::io::Write for List<u8, A> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.try_extend_from_slice(bytes).map_err(|_| std::io::ErrorKind::OutOfMemory.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<A: Handle> List<u8, A> {
    /// Writes `text` in place of what is in the list, and lends it.
    ///
    /// ```
    /// use blockwork::{List, System};
    ///
    /// let mut line = List::<u8, System>::new();
    /// for number in 1..=3 {
    ///     assert_eq!(line.format(format_args!("line {number}")).len(), 6);
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// Without memory, or when formatting fails.
    #[track_caller]
    pub fn format(&mut self, text: fmt::Arguments<'_>) -> &str {
        or_panic(self.try_format(text))
    }

    /// [`format`](Self::format), or the error.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`] without memory, or when formatting fails; part of the text
    /// may be in the list.
    pub fn try_format(&mut self, text: fmt::Arguments<'_>) -> Result<&str, fmt::Error> {
        self.clear();
        self.write_fmt(text)?;
        str::from_utf8(self).map_err(|_| fmt::Error)
    }
}
