//! [`RawBump`]: a cursor that moves up through one span of memory.
//!
//! ```text
//! cursor ─► align, add ─► past the end? ── no ──► the block, and a new cursor
//!                                       └─ yes ─► none; the cursor stays
//! [ block | block |pad| block .. | free ............... ]
//!                                ^ cursor               ^ end
//! ```
//!
//! Upwards, so that the last block ends at the cursor and can grow.
//!
//! Tools that watch memory are told of every block, and that the rest is nobody's.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{math::bump::step, os::track};

/// The free part of a span; see the [module](self).
///
/// Invariant: `cursor <= end`, and what lies between them is one piece of
/// memory that is nobody else's. Without a span both dangle, at one address:
/// the first request finds no room, and no test is needed for it.
#[derive(Debug)]
pub(crate) struct RawBump {
    cursor: Cell<NonNull<u8>>,
    end: Cell<NonNull<u8>>,
}

impl RawBump {
    /// Without a span: no block fits.
    pub(crate) const fn nowhere() -> Self {
        let nowhere = NonNull::dangling();
        Self { cursor: Cell::new(nowhere), end: Cell::new(nowhere) }
    }

    /// Where the next block may start.
    pub(crate) fn cursor(&self) -> NonNull<u8> {
        self.cursor.get()
    }

    pub(crate) fn end(&self) -> NonNull<u8> {
        self.end.get()
    }

    /// Bytes up to the end.
    pub(crate) fn room(&self) -> usize {
        self.end().addr().get().wrapping_sub(self.cursor().addr().get())
    }

    /// Moves to another span.
    ///
    /// # Safety
    ///
    /// - Both bound one piece of memory, `cursor` not above `end`; pointers
    ///   derived from `cursor` may reach all of the span around it.
    /// - Nobody else uses what lies between them.
    pub(crate) unsafe fn open(&self, cursor: NonNull<u8>, end: NonNull<u8>) {
        self.cursor.set(cursor);
        self.end.set(end);
        track::hide_all(cursor, self.room());
    }

    /// Forgets the span.
    pub(crate) fn close(&self) {
        let nowhere = NonNull::dangling();
        self.cursor.set(nowhere);
        self.end.set(nowhere);
    }

    /// Takes a block, not of size zero, if there is room.
    #[inline]
    pub(crate) fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        let cursor = self.cursor();
        let step = step(cursor.addr().get(), self.end().addr().get(), layout)?;
        // SAFETY: not past the end of the span.
        let block = unsafe { cursor.add(step.padding) };
        // SAFETY: not past the end of the span.
        self.cursor.set(unsafe { cursor.add(step.total) });
        track::show(block, layout.size());
        Some(block)
    }

    /// Takes back a block of `size` bytes: its space is free again if it was
    /// the last one.
    ///
    /// # Safety
    ///
    /// - `block` is a live block of `size` bytes that was taken from this span,
    ///   or from another one that does not end where this one begins.
    #[inline]
    pub(crate) unsafe fn put(&self, block: NonNull<u8>, size: usize) {
        track::hide_all(block, size);
        if self.is_last(block, size) {
            self.move_last(size, 0);
        }
    }

    /// Makes a block of `old` bytes one of `new` bytes; whether it could.
    ///
    /// The last block grows and shrinks. Any other one shrinks, but what it
    /// gives up stays taken.
    ///
    /// # Safety
    ///
    /// - `block` is as for [`put`](Self::put), with `old` bytes.
    #[inline]
    pub(crate) unsafe fn resize(&self, block: NonNull<u8>, old: usize, new: usize) -> bool {
        let is_last = self.is_last(block, old);
        let most = if is_last { self.end().addr().get().wrapping_sub(block.addr().get()) } else { old };
        let fits = new <= most;
        if fits {
            if is_last {
                self.move_last(old, new);
            }
            track::resized(block, old, new);
        }
        fits
    }

    /// Whether the block ends where the next one may start.
    #[inline]
    fn is_last(&self, block: NonNull<u8>, size: usize) -> bool {
        block.addr().get().wrapping_add(size) == self.cursor().addr().get()
    }

    /// Makes the last block, of `old` bytes, one of `new` bytes, which the span
    /// has room for.
    ///
    /// The caller's pointer may be good for no more than the old block, so
    /// the new end comes from the span's own.
    #[inline]
    fn move_last(&self, old: usize, new: usize) {
        // SAFETY: the last block ends at the cursor.
        let block = unsafe { self.cursor().sub(old) };
        // SAFETY: not past the end of the span.
        self.cursor.set(unsafe { block.add(new) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C, align(16))]
    struct Memory([u8; 64]);

    fn bump(memory: &mut Memory) -> RawBump {
        let start = NonNull::from(&mut memory.0).cast::<u8>();
        let bump = RawBump::nowhere();
        // SAFETY: the end of the array.
        let end = unsafe { start.add(64) };
        // SAFETY: the array, which the caller lends.
        unsafe { bump.open(start, end) };
        bump
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn without_a_span_nothing_fits() {
        let bump = RawBump::nowhere();
        assert_eq!((bump.take(layout(1, 1)), bump.room()), (None, 0));
    }

    #[test]
    fn blocks_go_upwards_until_the_end() {
        let mut memory = Memory([0; 64]);
        let bump = bump(&mut memory);
        let first = bump.take(layout(3, 1)).unwrap();
        let second = bump.take(layout(8, 8)).unwrap();
        assert_eq!(second.addr().get() - first.addr().get(), 8);
        assert_eq!(bump.take(layout(49, 1)), None);
        assert_eq!(bump.room(), 48);
        assert!(bump.take(layout(32, 16)).is_some());
        assert_eq!(bump.room(), 16);
        bump.close();
        assert_eq!(bump.room(), 0);
    }

    #[test]
    fn only_the_last_block_moves_the_cursor() {
        let mut memory = Memory([0; 64]);
        let bump = bump(&mut memory);
        let inner = bump.take(layout(8, 8)).unwrap();
        let last = bump.take(layout(8, 8)).unwrap();
        // SAFETY: both are live, with eight bytes, and from this span.
        let resized = [(inner, 9), (inner, 4), (last, 56)].map(|(block, new)| unsafe { bump.resize(block, 8, new) });
        assert_eq!((resized, bump.room()), ([false, true, true], 0));
        // SAFETY: live, with 56 bytes.
        assert!(!unsafe { bump.resize(last, 56, 57) });
        // SAFETY: live, with these sizes.
        unsafe { bump.put(inner, 4) };
        assert_eq!(bump.room(), 0);
        // SAFETY: live, with these sizes.
        unsafe { bump.put(last, 56) };
        assert_eq!((bump.room(), bump.cursor()), (56, last));
    }
}
