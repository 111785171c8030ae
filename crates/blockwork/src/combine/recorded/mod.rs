//! [`Recorded`]: what an allocator was asked, written down as it happens.
//!
//! ```text
//! allocate ─► parent ─ ok ─► record(allocate a, size, align)
//! resize   ─► parent ─ ok ─► record(reallocate a, size)
//! free     ─► record(free a) ─► parent
//! ```
//!
//! Where the events go is a [`Record`]: a `Spool`, the file that the `blockwork`
//! command reads, replays and compares allocators with; or anything of yours.
//!
//! | | |
//! |---|---|
//! | time | a test while the spool is off; one uncontended lock, and some bytes written to a mapped file, when on |
//! | space | one `Record`, nothing per block |
//! | sharing | what the parent and the `Record` allow; a `Spool` orders the events of all threads by its lock |
//! | failure | whenever the parent fails; a recording that cannot go on stops, and the requests do not notice |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! Sizes are recorded as asked for, blocks by their addresses. Requests for zero
//! bytes and requests that fail leave no event, nor does a block that moves
//! leave one of its own: it is an allocation and a free, as the allocator sees
//! it.
//!
//! When not to use it: for a program that can be run under `blockwork record`,
//! which needs no change to it. To count, take [`Counted`](crate::Counted); to
//! know who holds memory in production, [`Sampled`](crate::Sampled).
//!
//! # Example
//!
//! A recorder of one's own, that keeps the bytes of the [wire format](wire):
//!
//! ```
//! use core::{alloc::Layout, cell::RefCell};
//! use blockwork::{Allocate, Record, Recorded, System, wire::{Encoder, Event}};
//!
//! #[derive(Default)]
//! struct Tape(RefCell<(Encoder, Vec<u8>)>);
//!
//! impl Record for Tape {
//!     fn record(&self, event: &Event<'_>) {
//!         let (encoder, bytes) = &mut *self.0.borrow_mut();
//!         let mut room = [0; 32];
//!         let length = encoder.encode(event, &mut room).unwrap_or(0);
//!         bytes.extend(&room[..length]);
//!     }
//! }
//!
//! let heap = Recorded::new(System, Tape::default());
//! let layout = Layout::new::<[u8; 24]>();
//! let block = heap.allocate(layout)?;
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! assert!(heap.recording().0.borrow().1.len() > 4);
//! # Ok::<(), blockwork::AllocError>(())
//! ```

#[cfg(target_has_atomic = "64")]
pub mod layout;
#[cfg(all(feature = "std", feature = "os", target_os = "linux", not(any(loom, blockwork_no_os))))]
pub mod spool;
#[cfg(test)]
mod tests;
pub mod wire;
#[cfg(all(feature = "std", feature = "os", target_os = "linux", not(any(loom, blockwork_no_os))))]
#[expect(dead_code, reason = "shared with the recorder, which also says who asks")]
mod writer;

use core::{alloc::Layout, ptr::NonNull};

// What the files that others compile as well find beside them.
#[cfg(all(feature = "std", feature = "os", target_os = "linux", not(any(loom, blockwork_no_os))))]
use crate::os::spool as sys;
#[cfg(target_has_atomic = "64")]
use crate::sync::atomic::mapped as atomic;
use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset},
    os,
};
use wire::Event;

/// Takes down what happens to an allocator.
///
/// It is called from within an allocation: it must not ask the allocator that it
/// records, and if it panics, the program ends.
pub trait Record {
    /// Takes down `event`: [`Event::Allocate`], [`Event::Free`] or
    /// [`Event::Reallocate`], with the names of [`name`].
    fn record(&self, event: &Event<'_>);

    /// Whether events are wanted now; those that come regardless are ignored.
    #[inline]
    fn wants(&self) -> bool {
        true
    }
}

impl<R: Record + ?Sized> Record for &R {
    #[inline]
    fn wants(&self) -> bool {
        (**self).wants()
    }

    #[inline]
    fn record(&self, event: &Event<'_>) {
        (**self).record(event);
    }
}

/// Takes nothing down.
impl Record for () {
    #[inline]
    fn record(&self, _: &Event<'_>) {}

    #[inline]
    fn wants(&self) -> bool {
        false
    }
}

/// What a block is called in a recording: its address, turned so that the four
/// bits that are zero for nearly all cost nothing.
#[inline]
#[must_use]
pub fn name(block: NonNull<u8>) -> u64 {
    (block.addr().get() as u64).rotate_right(4)
}

/// Records the calls of `A`; see the [module](self).
#[derive(Debug)]
pub struct Recorded<A, R> {
    parent: A,
    recording: R,
}

impl<A, R> Recorded<A, R> {
    /// Hands `recording` what passes to `parent` from now on.
    pub const fn new(parent: A, recording: R) -> Self {
        Self { parent, recording }
    }

    /// Where the events go.
    #[must_use]
    pub const fn recording(&self) -> &R {
        &self.recording
    }

    /// What is recorded.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

impl<A, R: Record> Recorded<A, R> {
    #[inline]
    fn record(&self, event: &Event<'_>) {
        os::contain(|| self.recording.record(event));
    }

    /// Out of line, as the next two: nothing of it burdens who wants no events.
    #[inline(never)]
    fn allocated(&self, block: NonNull<u8>, layout: Layout, zeroed: bool) {
        if layout.size() != 0 {
            let [align_log2, ..] = layout.align().trailing_zeros().to_le_bytes();
            self.record(&Event::Allocate { name: name(block), size: layout.size() as u64, align_log2, zeroed });
        }
    }

    #[inline(never)]
    fn freed(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            self.record(&Event::Free { name: name(block) });
        }
    }

    #[inline(never)]
    fn resized(&self, block: NonNull<u8>, layout: Layout) {
        self.record(&Event::Reallocate { name: name(block), size: layout.size() as u64 });
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged, so they are valid,
// aligned and disjoint because `A`'s are; what a recorder panics with stays in.
unsafe impl<A: Allocate, R: Record> Allocate for Recorded<A, R> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate(layout)?;
        if self.recording.wants() {
            self.allocated(block, layout, false);
        }
        Ok(block)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // First, for afterwards the address may be another thread's.
        if self.recording.wants() {
            self.freed(block, layout);
        }
        // SAFETY: from `A` (we never make blocks); the caller gives a layout
        // that fits it.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: from `A` (we never make blocks); the caller says `old` fits it.
        unsafe { self.parent.resize(block, old, new)? }
        if self.recording.wants() {
            self.resized(block, new);
        }
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate_zeroed(layout)?;
        if self.recording.wants() {
            self.allocated(block, layout, true);
        }
        Ok(block)
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns, R: Record> Owns for Recorded<A, R> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

/// Ends every block; who reads the recording sees that where the next block
/// begins at the address of one that never ended.
impl<A: Reset, R> Reset for Recorded<A, R> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check, R> Check for Recorded<A, R> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate, R: Record] Recorded<A, R>);
