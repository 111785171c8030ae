//! [`Mapping`]: a file of steps, mapped for reading.
//!
//! Mapped and not read: the children share one copy, and the machine's `malloc`,
//! a candidate itself, does not see it.

use std::{fs::File, os::fd::AsFd, ptr::NonNull, slice};

use anyhow::{Context, ensure};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::replay::step::Step;

/// Steps in a file.
#[derive(Debug)]
pub struct Mapping {
    first: NonNull<Step>,
    len: usize,
}

impl Mapping {
    /// Maps the whole of `file`, which nobody writes to any more, and brings it
    /// into memory.
    ///
    /// # Errors
    ///
    /// When the file cannot be mapped, or does not hold whole steps.
    pub fn new(file: impl AsFd) -> anyhow::Result<Self> {
        let file = File::from(file.as_fd().try_clone_to_owned()?);
        let bytes = usize::try_from(file.metadata()?.len())?;
        ensure!(bytes.is_multiple_of(Step::SIZE), "the script ends in the middle of a step");
        if bytes == 0 {
            return Ok(Self { first: NonNull::dangling(), len: 0 });
        }
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a new mapping, at a place of the system's choice.
        let memory = unsafe { mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, flags, &file, 0) }?;
        let first = NonNull::new(memory.cast()).context("mapped at nowhere")?;
        Ok(Self { first, len: bytes / Step::SIZE })
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        // SAFETY: the mapping has this many steps, page-aligned, of which every
        // pattern is valid; the file is a private, unlinked one that is no longer written.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.len != 0 {
            // SAFETY: our own mapping, whole, and no slice of it is left.
            let unmapped = unsafe { munmap(self.first.as_ptr().cast(), self.len * Step::SIZE) };
            debug_assert!(unmapped.is_ok());
        }
    }
}
