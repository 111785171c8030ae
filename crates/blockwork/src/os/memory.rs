//! Mapped memory: one function per request to the system, sizes in bytes.
//!
//! Every range is made of whole pages. Errors say only that the system
//! refused; nothing has changed then.

use core::{
    ffi::c_void,
    ptr::{NonNull, null_mut},
};

use rustix::mm::{self, Advice, MapFlags, MprotectFlags, ProtFlags};

/// The system refused.
pub(crate) struct Refused;

impl From<rustix::io::Errno> for Refused {
    fn from(_: rustix::io::Errno) -> Self {
        Self
    }
}

/// What may be done with a fresh mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads and writes; pages are zero, and provided as they are touched.
    ReadWrite,
    /// Nothing: only the addresses are taken.
    None,
}

/// Bytes in a page: a power of two.
///
/// A number where the processor leaves no choice, so that rounding a size to
/// pages needs no look at memory, and no instruction if the size is known.
#[inline]
pub(crate) fn page_size() -> usize {
    if cfg!(any(target_arch = "x86", target_arch = "x86_64")) { 4096 } else { rustix::param::page_size() }
}

/// Maps `size` bytes of zeroes wherever the system likes.
pub(crate) fn map(size: usize, access: Access) -> Result<NonNull<u8>, Refused> {
    let (protection, flags) = match access {
        Access::ReadWrite => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE),
        Access::None => (ProtFlags::empty(), reserve_flags()),
    };
    // SAFETY: a private anonymous mapping at an address of the system's choice
    // changes no memory that exists.
    let start = unsafe { mm::mmap_anonymous(null_mut(), size, protection, flags)? };
    NonNull::new(start.cast()).ok_or(Refused)
}

#[cfg(target_os = "linux")]
fn reserve_flags() -> MapFlags {
    MapFlags::PRIVATE | MapFlags::NORESERVE
}

#[cfg(not(target_os = "linux"))]
fn reserve_flags() -> MapFlags {
    MapFlags::PRIVATE
}

/// Gives mapped pages back to the system.
///
/// # Safety
///
/// - The range is mapped, and nobody uses it any more.
pub(crate) unsafe fn unmap(start: NonNull<u8>, size: usize) -> Result<(), Refused> {
    // SAFETY: the caller owns the range and gives it up.
    unsafe { mm::munmap(raw(start), size)? }
    Ok(())
}

/// Makes a mapping longer where it stands.
///
/// # Safety
///
/// - The range is exactly one live mapping, or the end of one.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn extend(start: NonNull<u8>, old: usize, new: usize) -> Result<(), Refused> {
    // SAFETY: the caller owns the range; without `MAYMOVE` it stays in place.
    unsafe { mm::mremap(raw(start), old, new, mm::MremapFlags::empty())? };
    Ok(())
}

/// Makes a mapping longer where it stands: not to be had on this system.
///
/// # Safety
///
/// - The range is exactly one live mapping, or the end of one.
#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn extend(_start: NonNull<u8>, _old: usize, _new: usize) -> Result<(), Refused> {
    Err(Refused)
}

/// Makes a mapping longer or shorter, here or elsewhere; where it is now.
///
/// # Safety
///
/// - The range is mapped, and whoever uses it looks where it is afterwards.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn relocate(start: NonNull<u8>, old: usize, new: usize) -> Result<NonNull<u8>, Refused> {
    // SAFETY: the caller owns the range.
    let moved = unsafe { mm::mremap(raw(start), old, new, mm::MremapFlags::MAYMOVE)? };
    NonNull::new(moved.cast()).ok_or(Refused)
}

/// Makes a mapping longer or shorter: not to be had on this system.
///
/// # Safety
///
/// - The range is mapped, and whoever uses it looks where it is afterwards.
#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn relocate(_start: NonNull<u8>, _old: usize, _new: usize) -> Result<NonNull<u8>, Refused> {
    Err(Refused)
}

/// Makes reserved pages readable and writable.
///
/// # Safety
///
/// - The range is mapped, and the caller's alone.
pub(crate) unsafe fn commit(start: NonNull<u8>, size: usize) -> Result<(), Refused> {
    // SAFETY: the caller owns the range; nobody relies on it being inaccessible.
    unsafe { mm::mprotect(raw(start), size, MprotectFlags::READ | MprotectFlags::WRITE)? }
    Ok(())
}

/// Makes pages inaccessible; what they hold stays.
///
/// # Safety
///
/// - The range is mapped and the caller's alone, and nobody touches it any more.
#[cfg(not(loom))]
pub(crate) unsafe fn deny(start: NonNull<u8>, size: usize) -> Result<(), Refused> {
    // SAFETY: the caller owns the range; nobody relies on it being accessible.
    unsafe { mm::mprotect(raw(start), size, MprotectFlags::empty())? }
    Ok(())
}

/// What the system is told about a range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// The contents are not needed: the memory goes back, the addresses stay.
    Decommit,
    /// Back the range with huge pages where possible.
    Huge,
    /// Leave the range out of core dumps.
    NoDump,
    /// Provide every page now.
    Populate,
}

/// Tells the system about mapped pages.
///
/// # Safety
///
/// - The range is mapped and the caller's alone; after
///   [`Hint::Decommit`] its contents are lost.
pub(crate) unsafe fn hint(start: NonNull<u8>, size: usize, hint: Hint) -> Result<(), Refused> {
    let advice = advice(hint).ok_or(Refused)?;
    // SAFETY: the caller owns the range and, when it decommits, gives up its contents.
    unsafe { mm::madvise(raw(start), size, advice)? }
    Ok(())
}

#[cfg(target_os = "linux")]
fn advice(hint: Hint) -> Option<Advice> {
    Some(match hint {
        Hint::Decommit => Advice::LinuxDontNeed,
        Hint::Huge => Advice::LinuxHugepage,
        Hint::NoDump => Advice::LinuxDontDump,
        Hint::Populate => Advice::LinuxPopulateWrite,
    })
}

#[cfg(not(target_os = "linux"))]
fn advice(_hint: Hint) -> Option<Advice> {
    // `MADV_DONTNEED` elsewhere may keep the contents, so it does not serve.
    None
}

/// Keeps pages in memory: they are never swapped out.
///
/// # Safety
///
/// - The range is mapped, and the caller's alone.
pub(crate) unsafe fn lock(start: NonNull<u8>, size: usize) -> Result<(), Refused> {
    // SAFETY: the caller owns the range; its contents do not change.
    unsafe { mm::mlock(raw(start), size)? }
    Ok(())
}

fn raw(start: NonNull<u8>) -> *mut c_void {
    start.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_the_system_says() {
        assert_eq!(page_size(), rustix::param::page_size());
    }
}
