//! [`Mapping`]: a file of steps or calls, mapped for reading.
//!
//! Mapped and not read: the children share one copy, and the machine's `malloc`,
//! a candidate itself, does not see it.

use std::{fs::File, os::fd::AsFd, ptr::NonNull, slice};

use anyhow::{Context, ensure};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::replay::{call::Call, step::Step};

/// What can be read in place.
///
/// # Safety
///
/// - Every pattern of bytes is one, and a page is aligned for it.
pub unsafe trait Plain {}

// SAFETY: numbers only, without padding.
unsafe impl Plain for Step {}
// SAFETY: as above.
unsafe impl Plain for Call {}

/// Some `T` in a file.
#[derive(Debug)]
pub struct Mapping<T> {
    first: NonNull<T>,
    len: usize,
}

impl<T: Plain> Mapping<T> {
    /// Maps the whole of `file`, which nobody writes to any more, and brings it
    /// into memory.
    ///
    /// # Errors
    ///
    /// When the file cannot be mapped, or does not hold whole steps.
    pub fn new(file: impl AsFd) -> anyhow::Result<Self> {
        let file = File::from(file.as_fd().try_clone_to_owned()?);
        let bytes = usize::try_from(file.metadata()?.len())?;
        ensure!(bytes.is_multiple_of(size_of::<T>()), "the script ends in the middle of a step");
        if bytes == 0 {
            return Ok(Self { first: NonNull::dangling(), len: 0 });
        }
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a new mapping, at a place of the system's choice.
        let memory = unsafe { mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, flags, &file, 0) }?;
        let first = NonNull::new(memory.cast()).context("mapped at nowhere")?;
        Ok(Self { first, len: bytes / size_of::<T>() })
    }

    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the mapping has this many `T`, page-aligned, of which every
        // pattern is valid; the file is a private, unlinked one that is no longer written.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        if self.len != 0 {
            // SAFETY: our own mapping, whole, and no slice of it is left.
            let unmapped = unsafe { munmap(self.first.as_ptr().cast(), self.len * size_of::<T>()) };
            debug_assert!(unmapped.is_ok());
        }
    }
}
