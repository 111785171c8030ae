//! [`Scrubbed`]: nothing is left in memory that is given back.
//!
//! ```text
//! deallocate ─► [ pattern … over all that is granted ] ─► parent
//! shrink     ─► [ kept | pattern … over the tail ]     ─► parent, else the tail as it was
//! ```
//!
//! | | |
//! |---|---|
//! | time | a pass over the bytes that are given back |
//! | space | one byte; 1 KiB of stack while a block shrinks |
//! | sharing | as the parent |
//! | failure | whenever the parent fails; a block shrinks in place by 1 KiB at most |
//! | passes on | [`Owns`], where the parent has it |
//!
//! All granted bytes are overwritten, not only those that were asked for, by
//! writes that the compiler must keep. A block that moves leaves a freed one
//! behind. When a block shrinks where it is, the tail must be overwritten before
//! the parent has it, and must be as before if the parent refuses: it is saved on
//! the stack meanwhile, and overwritten there as well. A larger tail than is
//! saved there is refused, so that the block moves.
//!
//! # Where to put it
//!
//! | place | what is overwritten |
//! |---|---|
//! | above a strategy, `pool.scrubbed()` | every block, when it is freed |
//! | under a strategy, `Bump::new(parent.scrubbed(), ..)` | every chunk, when it goes back: trimmed, released, dropped |
//!
//! Who takes all blocks back at once does not pass them by: this is no
//! [`Reset`](crate::alloc::Reset), and a strategy that is dropped below it leaves
//! what is still live. Put one under the strategy then, or on both sides.
//!
//! When not to use it: for memory that the program's death should clear, or that
//! must not be written to disk; those are the system's affairs.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, Scrubbed};
//!
//! let mut memory = [MaybeUninit::uninit(); 6];
//! let heap = Scrubbed::new(Buffer::new(&mut memory));
//!
//! let layout = Layout::new::<[u8; 6]>();
//! let block = heap.allocate(layout)?.cast::<[u8; 6]>();
//! // SAFETY: six bytes that are ours.
//! unsafe { block.write(*b"secret") };
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block.cast(), layout) };
//! // SAFETY: still the bytes of `memory`.
//! assert_eq!(unsafe { block.read() }, [0; 6]);
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, can_resize},
    raw::wipe::wipe,
};

/// The largest tail that is given back in place.
const SAVED: usize = 1024;

/// Overwrites what goes back to `A`; see the [module](self).
///
/// A reset would take blocks back that nobody has overwritten.
///
/// ```compile_fail,E0277
/// use blockwork::{Buffer, Reset, Scrubbed};
///
/// fn resets<A: Reset>(_: A) {}
/// resets(Scrubbed::new(Buffer::new(&mut [])));
/// ```
#[derive(Debug)]
pub struct Scrubbed<A> {
    parent: A,
    pattern: u8,
}

impl<A> Scrubbed<A> {
    /// Overwrites with zeroes what goes back to `parent`.
    pub const fn new(parent: A) -> Self {
        Self::with_pattern(parent, 0)
    }

    /// Overwrites with `pattern`; 0xAA shows a use after free better than 0.
    pub const fn with_pattern(parent: A, pattern: u8) -> Self {
        Self { parent, pattern }
    }

    /// What is written over every byte.
    #[must_use]
    pub const fn pattern(&self) -> u8 {
        self.pattern
    }

    /// What everything goes back to.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged. Written to are only
// blocks that end, and the part of one that its owner gives up; on a refusal it
// is as before. Nothing here panics.
unsafe impl<A: Allocate> Allocate for Scrubbed<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.parent.allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: a live block is valid for writes of its grant (nothing, for
        // an empty one), and nobody reads it again.
        unsafe { wipe(block, self.parent.granted(layout), self.pattern) }
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if can_resize(old, new) && new.size() < old.size() {
            // SAFETY: the caller's promises; sizes are not zero and alignments equal.
            unsafe { self.shrink(block, old, new) }
        } else {
            // SAFETY: the caller's promise to us is the promise `A` asks for.
            unsafe { self.parent.resize(block, old, new) }
        }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.parent.allocate_zeroed(layout)
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns> Owns for Scrubbed<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Check> Check for Scrubbed<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate] Scrubbed<A>);

impl<A: Allocate> Scrubbed<A> {
    /// [`resize`](Allocate::resize) to a smaller size that is not zero.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this allocator.
    /// - `old` fits `block`; `new` is smaller, of the same alignment.
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        let (before, after) = (self.parent.granted(old), self.parent.granted(new));
        let mut saved = [MaybeUninit::<u8>::uninit(); SAVED];
        let (given_up, save) = (before.saturating_sub(after), NonNull::from(&mut saved).cast::<u8>());
        if given_up > SAVED {
            return Err(AllocError);
        }
        // SAFETY: grants are monotone, so this is inside of the block or its end.
        let tail = unsafe { block.add(after) };
        // SAFETY: the tail is in the block, and no longer than `saved`.
        unsafe { save.copy_from_nonoverlapping(tail, given_up) }
        // SAFETY: the rest of the block, up to its grant.
        unsafe { wipe(tail, given_up, self.pattern) }
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        let outcome = unsafe { self.parent.resize(block, old, new) };
        if outcome.is_err() {
            // SAFETY: the block is still as large as it was.
            unsafe { tail.copy_from_nonoverlapping(save, given_up) }
        } else {
            // SAFETY: monotone grants are not below what is asked.
            let rest = unsafe { block.add(new.size()) };
            // SAFETY: what is granted beyond the new size; nobody asked to keep it.
            unsafe { wipe(rest, after.saturating_sub(new.size()), self.pattern) }
        }
        // SAFETY: that much of `saved`.
        unsafe { wipe(save, given_up, 0) }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use heap::vec::Vec;

    use super::*;
    use crate::{
        alloc::reallocate,
        combine::testers::Rounding,
        source::{buffer::Buffer, system::System},
        strategy::{
            block_pool::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize},
            bump::Bump,
            span_pool::{SpanPool, SpanPoolConfig},
        },
    };

    const SECRET: u8 = 0x5A;

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    /// Memory that the tests look at through a block at its beginning.
    fn memory() -> [MaybeUninit<u8>; 4096] {
        [MaybeUninit::new(0x11); 4096]
    }

    fn fill(block: NonNull<u8>, len: usize) {
        // SAFETY: the tests name bytes of a live block.
        unsafe { block.write_bytes(SECRET, len) }
    }

    /// The distinct bytes from `from` to `to`, counted from `block`.
    fn seen(block: NonNull<u8>, from: usize, to: usize) -> Vec<u8> {
        // SAFETY: the tests name initialised bytes around a block.
        let start = unsafe { block.add(from) };
        // SAFETY: as above; nobody writes to them here.
        let mut bytes = unsafe { NonNull::slice_from_raw_parts(start, to.wrapping_sub(from)).as_ref() }.to_vec();
        bytes.dedup();
        bytes
    }

    fn free(heap: &impl Allocate, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the tests free each block once, with a layout that fits.
        unsafe { heap.deallocate(block, layout) }
    }

    fn resize(heap: &impl Allocate, block: NonNull<u8>, old: Layout, new: Layout) -> bool {
        // SAFETY: the tests name live blocks with their layouts.
        unsafe { heap.resize(block, old, new) }.is_ok()
    }

    #[test]
    fn a_free_overwrites_all_that_was_granted_and_no_more() {
        let mut memory = memory();
        let heap = Scrubbed::with_pattern(Rounding(Buffer::new(&mut memory)), 0xAA);
        let block = heap.allocate(bytes(20)).unwrap();
        fill(block, 40);
        free(&heap, block, bytes(27));
        assert_eq!((seen(block, 0, 32), seen(block, 32, 40)), ([0xAA].to_vec(), [SECRET].to_vec()));
        assert_eq!(heap.pattern(), 0xAA);
    }

    #[test]
    fn zeroes_are_the_usual_pattern() {
        let mut memory = memory();
        let heap = Scrubbed::new(Buffer::new(&mut memory));
        let block = heap.allocate(bytes(4096)).unwrap();
        fill(block, 4096);
        free(&heap, block, bytes(4096));
        assert_eq!(seen(block, 0, 4096), [0]);
    }

    #[test]
    fn nothing_is_written_to_an_empty_block() {
        let heap = Scrubbed::new(System);
        free(&heap, heap.allocate(bytes(0)).unwrap(), bytes(0));
    }

    #[test]
    fn z8_a_tail_that_is_given_back_in_place_is_overwritten() {
        for (old, new) in [(2048, 1024), (2048, 2047), (1024, 1), (1000, 300)] {
            let mut memory = memory();
            let heap = Scrubbed::with_pattern(Buffer::new(&mut memory), 0xAA);
            let block = heap.allocate(bytes(old)).unwrap();
            fill(block, old);
            assert!(resize(&heap, block, bytes(old), bytes(new)));
            assert_eq!((seen(block, 0, new), seen(block, new, old)), ([SECRET].to_vec(), [0xAA].to_vec()));
            assert_eq!(seen(block, old, 4096), [0x11]);
        }
    }

    #[test]
    fn z8_a_tail_is_overwritten_in_a_pool_of_spans() {
        let spans = SpanPool::try_new(System, SpanPoolConfig { block: 1024, ..SpanPoolConfig::DEFAULT }).unwrap();
        let heap = Scrubbed::with_pattern(&spans, 0xAA);
        let (two, one) = (bytes(2048), bytes(1000));
        let keeper = heap.allocate(one).unwrap(); // of the chunk
        let block = heap.allocate(two).unwrap();
        fill(block, 2048);
        assert!(resize(&heap, block, two, one));
        assert_eq!((seen(block, 0, 1000), seen(block, 1000, 2048)), ([SECRET].to_vec(), [0xAA].to_vec()));
        free(&heap, block, one);
        assert_eq!(seen(block, 0, 2048), [0xAA]);
        free(&heap, keeper, one);
    }

    #[test]
    fn a_tail_that_is_too_large_to_be_saved_is_refused_and_stays() {
        let mut memory = memory();
        let heap = Scrubbed::new(Buffer::new(&mut memory));
        let block = heap.allocate(bytes(3000)).unwrap();
        fill(block, 3000);
        assert!(!resize(&heap, block, bytes(3000), bytes(3000 - SAVED - 1)));
        assert_eq!(seen(block, 0, 3000), [SECRET]);
        assert!(resize(&heap, block, bytes(3000), bytes(3000 - SAVED)));
    }

    #[test]
    fn a_shrink_within_the_class_overwrites_what_is_not_kept() {
        let mut memory = memory();
        let heap = Scrubbed::with_pattern(Rounding(Buffer::new(&mut memory)), 0xAA);
        let block = heap.allocate(bytes(30)).unwrap();
        fill(block, 32);
        assert!(resize(&heap, block, bytes(30), bytes(20)));
        assert_eq!((seen(block, 0, 20), seen(block, 20, 32)), ([SECRET].to_vec(), [0xAA].to_vec()));
        assert_eq!(seen(block, 32, 64), [0x11]);
        fill(block, 32);
        assert!(resize(&heap, block, bytes(20), bytes(20)));
        assert_eq!(seen(block, 0, 32), [SECRET], "all that is granted may be in use");
    }

    #[test]
    fn growing_overwrites_nothing() {
        let mut memory = memory();
        let heap = Scrubbed::new(Buffer::new(&mut memory));
        let block = heap.allocate(bytes(10)).unwrap();
        fill(block, 10);
        assert!(resize(&heap, block, bytes(10), bytes(4096)));
        assert_eq!((seen(block, 0, 10), seen(block, 10, 4096)), ([SECRET].to_vec(), [0x11].to_vec()));
        assert!(!resize(&heap, block, bytes(4096), bytes(4097)));
        assert!(!resize(&heap, block, bytes(4096), bytes(0)));
        assert!(!resize(&heap, block, bytes(4096), Layout::from_size_align(8, 2).unwrap()));
        assert_eq!(seen(block, 0, 10), [SECRET]);
    }

    /// Looks at the tail of a block, and refuses to resize it.
    struct Refusing<'a>(Buffer<'a>, Cell<u8>);

    // SAFETY: forwards to the buffer, or refuses.
    unsafe impl Allocate for Refusing<'_> {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            self.0.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise to us is the promise the buffer asks for.
            unsafe { self.0.deallocate(block, layout) }
        }

        unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
            self.1.set(seen(block, new.size(), old.size())[0]);
            Err(AllocError)
        }
    }

    #[test]
    fn a_refused_shrink_leaves_every_byte() {
        let mut memory = memory();
        let heap = Scrubbed::with_pattern(Refusing(Buffer::new(&mut memory), Cell::new(0)), 0xAA);
        let block = heap.allocate(bytes(900)).unwrap();
        fill(block, 900);
        assert!(!resize(&heap, block, bytes(900), bytes(10)));
        assert_eq!(heap.parent().1.get(), 0xAA, "overwritten before the parent could have it");
        assert_eq!((seen(block, 0, 900), seen(block, 900, 4096)), ([SECRET].to_vec(), [0x11].to_vec()));
    }

    #[test]
    fn a_block_that_moves_leaves_nothing_behind() {
        let mut memory = memory();
        let heap = Scrubbed::with_pattern(Bump::new_all(Buffer::new(&mut memory)), 0xAA);
        for new in [1, 300] {
            let block = heap.allocate(bytes(200)).unwrap();
            let barrier = heap.allocate(bytes(1)).unwrap();
            fill(block, 200);
            let aligned = Layout::from_size_align(new, 16).unwrap();
            // SAFETY: live, with this layout.
            let moved = unsafe { reallocate(&heap, block, bytes(200), aligned) }.unwrap();
            assert_ne!(moved, block);
            assert_eq!((seen(block, 0, 200), seen(moved, 0, new.min(200))), ([0xAA].to_vec(), [SECRET].to_vec()));
            free(&heap, barrier, bytes(1));
        }
    }

    #[test]
    fn under_a_strategy_each_chunk_is_overwritten_when_it_goes_back() {
        let mut memory = memory();
        let parent = Bump::new_all(Buffer::new(&mut memory));
        let config = BlockPoolConfig { block: BlockOf::<64, 64>, chunk: ChunkSize::Blocks(8) };
        let pool = BlockPool::try_new(Scrubbed::with_pattern(&parent, 0xAA), config).unwrap();
        let (kept, freed) = (pool.allocate(bytes(64)).unwrap(), pool.allocate(bytes(64)).unwrap());
        fill(kept, 64);
        fill(freed, 64);
        free(&pool, freed, bytes(64));
        assert!(seen(freed, 16, 64).contains(&SECRET), "a pool under no wiper keeps what was in a block");
        drop(pool);
        assert_eq!((seen(kept, 0, 64), seen(freed, 0, 64)), ([0xAA].to_vec(), [0xAA].to_vec()));
    }
}
