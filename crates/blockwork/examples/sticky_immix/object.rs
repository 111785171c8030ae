//! Objects: a header of 16 bytes, and the value right behind it.
//!
//! The header lies in front of the value's alignment, not on it: in the book the
//! value came 8 bytes behind an aligned header, and so never was aligned.

use core::{cell::Cell, fmt, ptr::NonNull};

use crate::bump_block::ALIGN;

/// Bytes in front of a value.
pub(crate) const FRONT: usize = size_of::<ObjectHeader>();

const _: () = assert!(FRONT == ALIGN, "a value behind a header is aligned if the header is");

/// A type whose values can live in the heap.
pub(crate) trait Object: 'static {
    /// What the header says the value is.
    const KIND: u16;
}

/// By what an object's memory is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SizeClass {
    /// In the lines of a block.
    InBlock,
    /// In a block of its own.
    Large,
}

/// What is known of an object from its address.
#[repr(C, align(16))]
pub(crate) struct ObjectHeader {
    pub(crate) finalize: Option<unsafe fn(NonNull<u8>)>,
    pub(crate) size: u32,
    pub(crate) kind: u16,
    pub(crate) class: SizeClass,
    /// The epoch it was last marked in; none is zero.
    pub(crate) mark: Cell<u8>,
}

impl ObjectHeader {
    /// The header in front of a value.
    ///
    /// # Safety
    ///
    /// - `value` lies in the heap, alive or not yet written.
    pub(crate) unsafe fn before(value: NonNull<u8>) -> NonNull<Self> {
        // SAFETY: every value has one in front.
        unsafe { value.sub(FRONT) }.cast()
    }
}

/// The address of a value in the heap, which ends when a collection does not
/// reach it.
pub(crate) struct Gc<T: ?Sized> {
    pub(crate) value: NonNull<T>,
}

impl<T: ?Sized> Gc<T> {
    /// What the value's header says.
    ///
    /// # Safety
    ///
    /// - The value lives.
    pub(crate) unsafe fn kind_and_size(self) -> (u16, u32) {
        // SAFETY: the caller's promise.
        let header = unsafe { ObjectHeader::before(self.value.cast()) };
        // SAFETY: the value lives, and so does its header.
        let header = unsafe { header.as_ref() };
        (header.kind, header.size)
    }

    /// The value.
    ///
    /// # Safety
    ///
    /// - The value lives, and nobody changes it meanwhile.
    pub(crate) unsafe fn get<'a>(self) -> &'a T {
        // SAFETY: the caller's promise.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> Clone for Gc<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Gc<T> {}

impl<T: ?Sized> fmt::Debug for Gc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gc").field(&self.value).finish()
    }
}
