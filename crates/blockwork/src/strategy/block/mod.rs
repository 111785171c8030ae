//! [`Block`]: an owned block of memory that is aligned to its own size.
//!
//! ```text
//! ……110 000   ……110 xxx            ……111 000      size = 1000 (binary)
//! ^ base      ^ any address within  ^ base of the next
//! [ header | …………………………………………………………… ]
//! ```
//!
//! | | |
//! |---|---|
//! | time | one request to the parent; from an address to the base, one mask |
//! | space | three words and the parent |
//! | sharing | as the parent |
//! | failure | for a size that is no power of two, or when the parent fails |
//!
//! The size is a power of two, so clearing the low bits of any address inside
//! gives the base, and what lies there: [`base_of`], [`header_of`]. Nothing
//! but the size needs to be known.
//!
//! A [`HeadedBlock`] keeps a value there, of a type and in a block of a size
//! that are known when compiling. A block of `Pages` can give
//! its memory back and keep its addresses, by `decommit`.
//!
//! When not to use it: for memory that need not be found by a mask, ask the
//! parent for a layout; an alignment as large as the size costs most sources
//! twice the address space for a moment. Where objects only must not move and
//! end together, an [`Arena`](crate::Arena) is enough, or an
//! [`Interner`](crate::Interner) if they do not change.
//!
//! # Where it comes from
//!
//! The parent says how aligned memory is had, and any will do:
//!
//! | a block of | is had by |
//! |---|---|
//! | `System`, and by `Block::new` | std's `System`: `posix_memalign` on Unix, or `malloc` where that is aligned enough; on Windows the heap, with the start of the allocation kept in front of the block |
//! | `Pages` | `mmap` of exactly the size, and if that is not aligned, of more, which is trimmed |
//! | [`FromGlobal`](crate::FromGlobal), [`Foreign`](crate::Foreign) | a program's own allocator; std's unstable `Allocator`, where the compiler has it |
//! | [`Memo`](crate::Memo) and other parts over one of these | what was freed before, if it fits: 27 instructions for a pair |
//! | [`Buffer`](crate::Buffer) | the first such address in a region |
//!
//! `posix_memalign` takes no alignment below a pointer's, and leaves it open
//! what a block of no bytes is. Neither is seen here: small powers of two are
//! sizes like any other, and zero is none.
//!
//! # As a box or a vector
//!
//! A vector frees its memory by its capacity and the alignment of its elements,
//! so it can own a block whose elements are aligned to all of it:
//!
//! ```
//! use blockwork::Block;
//!
//! #[repr(align(4096))]
//! struct Page([u8; 4096]);
//!
//! let vec = Vec::<Page>::with_capacity(1);
//! let address = vec.as_ptr().addr();
//! let block = Block::from_vec(vec).ok().unwrap();
//! assert_eq!((block.base().addr().get(), block.size()), (address, 4096));
//!
//! let vec: Vec<Page> = block.into_vec().ok().unwrap();
//! assert_eq!((vec.as_ptr().addr(), vec.capacity(), vec.len()), (address, 1, 0));
//! ```
//!
//! With a [handle](crate::handle) that aligns, a [`List`](crate::List) of bytes owns all bytes of
//! a block: [`into_list`](Block::into_list), [`into_slice`](Block::into_slice) and back.
//!
//! # Example
//!
//! ```
//! use blockwork::{Block, BlockError};
//!
//! let block = Block::new(4096)?;
//! assert_eq!(block.as_ptr().addr() % 4096, 0);
//! assert_eq!(Block::new(999).unwrap_err(), BlockError::BadRequest);
//! # Ok::<(), BlockError>(())
//! ```

use core::{
    alloc::Layout,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::{self, NonNull},
    slice,
};

#[cfg(feature = "std")]
use crate::source::system::System;
use crate::{
    alloc::Allocate,
    math::align::{align_down, is_aligned},
    os,
};

mod address;
#[cfg(feature = "alloc")]
mod boxed;
mod error;
mod headed;
#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
mod pages;
#[cfg(test)]
mod tests;

pub use self::{
    address::{base_of, header_of, offset_of},
    error::BlockError,
    headed::HeadedBlock,
};

/// Owns memory that is aligned to its size; see the [module](self).
#[derive(Debug)]
pub struct Block<#[cfg(feature = "std")] A: Allocate = System, #[cfg(not(feature = "std"))] A: Allocate> {
    base: NonNull<u8>,
    /// What the parent was asked for. Invariant: size and alignment are equal.
    layout: Layout,
    parent: A,
}

#[cfg(feature = "std")]
impl Block {
    /// Takes a block of `size` bytes from the system; they are uninitialised.
    ///
    /// # Errors
    ///
    /// [`BlockError`] for a size that is no power of two, or when the system
    /// has no such block.
    pub fn new(size: usize) -> Result<Self, BlockError> {
        Self::new_in(size, System)
    }

    /// Takes a block of `size` zero bytes from the system.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn zeroed(size: usize) -> Result<Self, BlockError> {
        Self::zeroed_in(size, System)
    }

    /// Gives up ownership; [`from_raw_parts`](Self::from_raw_parts) takes it
    /// back.
    #[must_use]
    pub fn into_raw_parts(self) -> (NonNull<u8>, usize) {
        let (base, size, System) = self.into_raw_parts_in();
        (base, size)
    }

    /// Owns a block again.
    ///
    /// # Safety
    ///
    /// - Both came from one call of [`into_raw_parts`](Self::into_raw_parts),
    ///   or `base` is a live block of [`System`] for `size` bytes aligned to
    ///   `size`.
    /// - Nobody else owns it.
    #[must_use]
    pub unsafe fn from_raw_parts(base: NonNull<u8>, size: usize) -> Self {
        // SAFETY: from one block of `System`, which has no other owner, says the caller.
        unsafe { Self::from_raw_parts_in(base, size, System) }
    }
}

impl<A: Allocate> Block<A> {
    /// Takes a block of `size` bytes from `parent`; they are uninitialised.
    ///
    /// # Errors
    ///
    /// [`BlockError`] for a size that is no power of two, or when the parent
    /// has no such block.
    pub fn new_in(size: usize, parent: A) -> Result<Self, BlockError> {
        let layout = layout(size)?;
        let base = parent.allocate(layout)?;
        Ok(Self { base, layout, parent })
    }

    /// Takes a block of `size` zero bytes from `parent`.
    ///
    /// # Errors
    ///
    /// As [`new_in`](Self::new_in).
    pub fn zeroed_in(size: usize, parent: A) -> Result<Self, BlockError> {
        let layout = layout(size)?;
        let base = parent.allocate_zeroed(layout)?;
        Ok(Self { base, layout, parent })
    }

    /// Gives up ownership; [`from_raw_parts_in`](Self::from_raw_parts_in)
    /// takes it back.
    #[must_use]
    pub fn into_raw_parts_in(self) -> (NonNull<u8>, usize, A) {
        let block = ManuallyDrop::new(self);
        // SAFETY: valid, and never used again where it was.
        let parent = unsafe { ptr::read(&raw const block.parent) };
        (block.base, block.size(), parent)
    }

    /// Owns a block again.
    ///
    /// # Safety
    ///
    /// - All came from one call of
    ///   [`into_raw_parts_in`](Self::into_raw_parts_in), or `base` is a live
    ///   block of `parent` for `size` bytes aligned to `size`.
    /// - Nobody else owns it.
    #[must_use]
    pub unsafe fn from_raw_parts_in(base: NonNull<u8>, size: usize, parent: A) -> Self {
        os::check(size.is_power_of_two() && is_aligned(base.addr().get(), size), "no parts of a block");
        // SAFETY: the parts of a block, which had this layout.
        let layout = unsafe { Layout::from_size_align_unchecked(size, size) };
        Self { base, layout, parent }
    }

    /// Bytes in the block.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.layout.size()
    }

    /// The first byte.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.base.as_ptr()
    }

    /// The first byte, to write to.
    #[must_use]
    pub const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// The first byte, for those who share the block out by pointers.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// All bytes.
    #[must_use]
    pub const fn as_uninit_slice(&self) -> &[MaybeUninit<u8>] {
        // SAFETY: ours, and borrowed as long as `self`.
        unsafe { slice::from_raw_parts(self.base.cast().as_ptr(), self.size()) }
    }

    /// All bytes, to write to.
    #[must_use]
    pub const fn as_uninit_slice_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: ours, and borrowed as long as `self`.
        unsafe { slice::from_raw_parts_mut(self.base.cast().as_ptr(), self.size()) }
    }

    /// Whether `address` points into the block.
    #[must_use]
    pub fn contains(&self, address: *const u8) -> bool {
        align_down(address.addr(), self.size()) == self.base.addr().get()
    }

    /// How far `address` lies into the block, if it does.
    #[must_use]
    pub fn offset_in_block(&self, address: *const u8) -> Option<usize> {
        self.contains(address).then(|| offset_of(address, self.size()))
    }

    /// Where the block came from, and will go back to.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

/// A block's layout, if there can be such a block.
fn layout(size: usize) -> Result<Layout, BlockError> {
    Layout::from_size_align(size, size).map_err(|_| BlockError::BadRequest)
}

impl<A: Allocate> Drop for Block<A> {
    fn drop(&mut self) {
        // SAFETY: ours alone, from this parent, with this layout.
        unsafe { self.parent.deallocate(self.base, self.layout) }
    }
}

// SAFETY: the memory is the block's alone, and changes threads with its parent.
unsafe impl<A: Allocate + Send> Send for Block<A> {}

// SAFETY: a shared block only reads itself, and lends its parent.
unsafe impl<A: Allocate + Sync> Sync for Block<A> {}
