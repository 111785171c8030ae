//! [`Decommit`]: freed blocks keep their addresses, and lose their memory.
//!
//! ```text
//! deallocate ─► [ page | page | page ] ─► the system has the memory
//!                                     └─► parent has the addresses, of zeroes
//! ```
//!
//! | | |
//! |---|---|
//! | time | a system call per free above the parent; a page fault for each page used again |
//! | space | none |
//! | sharing | that of the parent |
//! | failure | whenever the parent fails |
//! | zeroed blocks | at no cost: what the parent has is zero |
//! | passes on | [`Owns`], where the parent has it |
//!
//! Blocks do not shrink in place: what the parent would get back has contents.
//!
//! When not to use it: right below a program, where every free would be a system
//! call. Put a [`Memo`](crate::Memo) on top, which keeps what is soon asked for
//! again.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Decommit, Memo, Pages, SpanPool, SpanPoolConfig};
//!
//! let config = SpanPoolConfig { block: 1 << 16, ..SpanPoolConfig::DEFAULT };
//! // SAFETY: a span pool over pages, which writes to no block.
//! let clean = unsafe { Decommit::new(SpanPool::try_new(Pages, config)?) };
//! let spans = Memo::new(clean, 32 << 20);
//! let layout = Layout::new::<[u8; 100_000]>();
//! let span = spans.allocate_zeroed(layout)?;
//! # unsafe { spans.deallocate(span, layout) };
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns},
    os::memory::{self, Hint},
};

/// Gives the memory of freed blocks back; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Decommit<A> {
    parent: A,
}

impl<A> Decommit<A> {
    /// Gives the memory of blocks of `parent` back when they are freed.
    ///
    /// # Safety
    ///
    /// - Blocks of `parent` are memory as [`Pages`](crate::Pages) gives it: private,
    ///   backed by no file, zero at first.
    /// - `parent` writes to no block, and nobody else gives it blocks back.
    #[must_use]
    pub const unsafe fn new(parent: A) -> Self {
        Self { parent }
    }

    /// Where the addresses are kept.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

/// The whole pages of `size` bytes at `address`: bytes before them, and in them.
fn pages(address: usize, size: usize, page: usize) -> (usize, usize) {
    let head = address.wrapping_neg() & page.wrapping_sub(1);
    let rest = size.saturating_sub(head);
    (head.min(size), rest & !page.wrapping_sub(1))
}

/// Makes `size` bytes at `block` zero, with as little memory as can be.
///
/// # Safety
///
/// - They are the caller's, and private memory without a file.
unsafe fn empty(block: NonNull<u8>, size: usize) {
    let (head, len) = pages(block.addr().get(), size, memory::page_size());
    // SAFETY: `head <= size`.
    let inner = unsafe { block.add(head) };
    // SAFETY: inside of the block; a hint for nothing is refused.
    let refused = len == 0 || unsafe { memory::hint(inner, len, Hint::Decommit) }.is_err();
    let len = if refused { 0 } else { len };
    // SAFETY: `head <= size`.
    unsafe { block.write_bytes(0, head) }
    // SAFETY: `head + len <= size`.
    let behind = unsafe { inner.add(len) };
    // SAFETY: the rest of the block.
    unsafe { behind.write_bytes(0, size.wrapping_sub(head).wrapping_sub(len)) }
}

// SAFETY: every method forwards to `A`; a block is emptied by its holder's wish,
// just before `A` has it back; nothing panics.
unsafe impl<A: Allocate> Allocate for Decommit<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.parent.allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: given up, and such memory, as was promised to `new`.
        unsafe { empty(block, self.parent.granted(layout)) }
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if self.parent.granted(new) < self.parent.granted(old) {
            return Err(AllocError);
        }
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.parent.allocate(layout)
    }
}

// SAFETY: the blocks are the parent's, one for one.
unsafe impl<A: Owns> Owns for Decommit<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Check> Check for Decommit<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate] Decommit<A>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pages, SpanPool, SpanPoolConfig};

    #[test]
    fn the_whole_pages_of_a_block_lie_inside_of_it() {
        for address in 0..40 {
            for size in 0..100 {
                let (head, len) = pages(address, size, 16);
                assert!(head + len <= size);
                assert!(len == 0 || (address + head).is_multiple_of(16) && len.is_multiple_of(16));
                let next = address.next_multiple_of(16);
                let all = (address + size) / 16 * 16;
                assert_eq!(len, all.saturating_sub(next));
            }
        }
    }

    #[test]
    fn what_was_freed_is_zero_when_it_is_next_taken() {
        let config = SpanPoolConfig { block: 64, backing_request: Some(1 << 16), ..SpanPoolConfig::DEFAULT };
        // SAFETY: a span pool over pages, which writes to no block.
        let clean = unsafe { Decommit::new(SpanPool::try_new(Pages, config).unwrap()) };
        let keeper = clean.allocate(Layout::new::<[u8; 64]>()).unwrap();
        for size in [64, 4096, 5000, 20_000] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let granted = clean.granted(layout);
            for _ in 0..2 {
                let block = clean.allocate_zeroed(layout).unwrap();
                // SAFETY: all that is granted may be read.
                let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), granted) };
                assert!(bytes.iter().all(|&byte| byte == 0), "{size}");
                // SAFETY: all that is granted may be written.
                unsafe { block.write_bytes(0xA5, granted) }
                // SAFETY: allocated above.
                unsafe { clean.deallocate(block, layout) }
            }
        }
        // SAFETY: allocated above.
        unsafe { clean.deallocate(keeper, Layout::new::<[u8; 64]>()) }
        assert_eq!(clean.check(), Ok(()));
    }
}
