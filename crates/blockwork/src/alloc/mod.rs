//! The contract that every part implements, and its edges to other contracts.
//!
//! [`Allocate`] is the whole of it: five methods on `&self`. What only some
//! parts can do is a capability of its own, offered where it is true:
//! [`Owns`], [`Describe`], [`Reset`]. A block that has to move is [`reallocate`]'s business. A strategy that can share its parent with siblings in
//! one struct is a [`Core`]. [`Check`] walks a part's books in tests.

use core::{alloc::Layout, fmt, ptr::NonNull};

pub(crate) mod bridge;
mod capability;
mod check;
mod config;
mod head;
pub(crate) mod over_core;
mod pointers;
mod reallocate;

pub(crate) use self::{bridge::bridge, over_core::give_back};
pub use self::{
    capability::{Describe, Owns, Purge, Relocate, Reset},
    check::{Census, Check},
    config::{ConfigError, Valid},
    head::{Head, HeadConfig},
    over_core::Core,
    reallocate::{reallocate, reallocate_zeroed},
};

/// The allocator could not serve the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory allocation failed")
    }
}

impl core::error::Error for AllocError {}

/// Hands out and takes back blocks of bytes.
///
/// A layout *fits* a block when it has the alignment the block was last
/// allocated or resized with, and a size of the same class: one with the same
/// [`granted`](Self::granted).
///
/// A layout of size zero gets a dangling, aligned block that no memory backs;
/// giving it back does nothing.
///
/// # Safety
///
/// - A block is valid for reads and writes of `granted(layout)` bytes, is
///   aligned to `layout.align()`, and overlaps no other live block.
/// - A block stays live until it is passed to [`deallocate`](Self::deallocate),
///   or the allocator is dropped or [reset](Reset). Moving the allocator
///   changes nothing: its bytes are not stored inside it.
/// - [`granted`](Self::granted) reads only what never changes, so that it may
///   run at any time, on any thread, beside any other method.
/// - No method unwinds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no block allocator",
    label = "does not implement `Allocate`",
    note = "a chain has to be finished: what decides by size needs an `.or_else(..)`",
    note = "an allocator of std, allocator-api2 or `GlobalAlloc` comes in through `Foreign`"
)]
pub unsafe trait Allocate {
    /// Returns a block for `layout`; the bytes are uninitialised.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no such block can be had now.
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// Takes back a block.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this allocator.
    /// - `layout` fits `block`.
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout);

    /// Returns the bytes that a request for `layout` really gets: the excess is
    /// the caller's to use.
    ///
    /// At least what is asked, and zero exactly for zero; idempotent; monotone
    /// in the size for a fixed alignment; with the alignment it makes a layout.
    /// What can never be served is granted as asked. Reads configuration that
    /// never changes, so it may be called at any time, from any thread.
    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        layout.size()
    }

    /// Makes `block` fit `new` where it stands.
    ///
    /// On success the block is as if allocated with `new`, and the bytes up to
    /// the smaller size keep their values. On failure nothing has changed.
    /// Another alignment, and a size of zero on either side, are refused.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the block would have to move, or the allocator
    /// prefers not to try.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this allocator.
    /// - `old` fits `block`.
    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        let _ = block;
        if can_resize(old, new) && self.granted(old) == self.granted(new) { Ok(()) } else { Err(AllocError) }
    }

    /// Returns a block for `layout` whose granted bytes are all zero.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no such block can be had now.
    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.allocate(layout)?;
        // SAFETY: a fresh block is valid for writes of its granted size.
        unsafe { block.write_bytes(0, self.granted(layout)) }
        Ok(block)
    }
}

/// Whether the contract lets a block of `old` become one of `new` in place.
#[inline]
#[must_use]
pub const fn can_resize(old: Layout, new: Layout) -> bool {
    old.align() == new.align() && old.size() != 0 && new.size() != 0
}

/// Returns the block of every zero-size request: dangling, and aligned.
#[inline]
#[must_use]
pub const fn empty(layout: Layout) -> NonNull<u8> {
    match NonNull::new(core::ptr::without_provenance_mut(layout.align())) {
        Some(block) => block,
        None => NonNull::dangling(),
    }
}

/// Returns `layout` with another size, or unchanged if there is no such layout.
#[inline]
#[must_use]
pub(crate) const fn with_size(layout: Layout, size: usize) -> Layout {
    match Layout::from_size_align(size, layout.align()) {
        Ok(layout) => layout,
        Err(_) => layout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_dyn_compatible() {
        const _: Option<&dyn Allocate> = None;
        const _: Option<&dyn Owns> = None;
    }

    #[test]
    fn who_says_nothing_grants_what_is_asked() {
        struct Nothing;
        // SAFETY: there are no blocks.
        unsafe impl Allocate for Nothing {
            fn allocate(&self, _layout: Layout) -> Result<NonNull<u8>, AllocError> {
                Err(AllocError)
            }

            unsafe fn deallocate(&self, _block: NonNull<u8>, _layout: Layout) {}
        }
        assert_eq!([0, 1, 7].map(|size| Nothing.granted(Layout::from_size_align(size, 1).unwrap())), [0, 1, 7]);
    }
}
