//! [`Frozen`]: no more memory once the program has started.
//!
//! ```text
//! start-up  allocate ─► parent
//! freeze() ─────────────────────────────────────────────────
//! from then allocate ─► Err(AllocError)   deallocate ─► parent
//! ```
//!
//! | | |
//! |---|---|
//! | time | a load and a branch per request, nothing more per free |
//! | space | one byte |
//! | sharing | as the parent |
//! | failure | whenever the parent fails; always, once frozen |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! For programs that take what they need while they start and must not depend on
//! luck from then on: control loops, audio threads, servers with a fixed number of
//! connections. Blocks may still be freed, and shrink in place; they may not grow
//! beyond what was granted. Empty blocks take nothing and can be had at any time.
//!
//! `.freezable().or_stop()` ends the program when it asks all the same, and says
//! for how much.
//!
//! One thread freezes it for all. Who has not heard of it by any other way may
//! be served a moment longer.
//!
//! When not to use it: to keep memory for later, which a `Memo` or a pool above
//! it does: they go on serving out of what they have.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Frozen, System};
//!
//! let heap = Frozen::new(System);
//! let layout = Layout::new::<[u8; 100]>();
//! let block = heap.allocate(layout)?;
//!
//! heap.freeze();
//! assert!(heap.allocate(layout).is_err());
//! // SAFETY: allocated above with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset},
    sync::atomic::{AtomicBool, Ordering},
};

/// Serves from `A` until it is frozen; see the [module](self).
#[derive(Debug)]
pub struct Frozen<A> {
    parent: A,
    frozen: AtomicBool,
}

impl<A> Frozen<A> {
    /// Serves from `parent` until [`freeze`](Self::freeze).
    #[cfg(not(loom))]
    pub const fn new(parent: A) -> Self {
        Self { parent, frozen: AtomicBool::new(false) }
    }

    /// Serves from `parent` until [`freeze`](Self::freeze).
    #[cfg(loom)]
    pub fn new(parent: A) -> Self {
        Self { parent, frozen: AtomicBool::new(false) }
    }

    /// Refuses from now on whatever takes memory.
    pub fn freeze(&self) {
        // Relaxed: nothing else is published by it.
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Serves again.
    ///
    /// For whoever has it alone: the others rely on what was frozen.
    pub fn thaw(&mut self) {
        // Relaxed: nobody else can look.
        self.frozen.store(false, Ordering::Relaxed);
    }

    /// Whether it refuses.
    #[must_use]
    #[inline]
    pub fn is_frozen(&self) -> bool {
        // Relaxed: as in `freeze`.
        self.frozen.load(Ordering::Relaxed)
    }

    /// What is frozen.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Refuses what takes memory, once frozen.
    #[inline]
    fn admit(&self, takes: bool) -> Result<(), AllocError> {
        if takes && self.is_frozen() { Err(AllocError) } else { Ok(()) }
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged; nothing here panics.
unsafe impl<A: Allocate> Allocate for Frozen<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.admit(layout.size() != 0)?;
        self.parent.allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        self.admit(new.size() > old.size() && self.parent.granted(new) > self.parent.granted(old))?;
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.admit(layout.size() != 0)?;
        self.parent.allocate_zeroed(layout)
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns> Owns for Frozen<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

/// Ends every block; what is frozen stays so.
impl<A: Reset> Reset for Frozen<A> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check> Check for Frozen<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate] Frozen<A>);

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::{
        combine::{counted::Counted, locked::Locked, testers::Rounding},
        source::{buffer::Buffer, system::System},
        strategy::memo::Memo,
    };

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn once_frozen_nothing_reaches_the_parent_but_what_goes_back() {
        let heap = Frozen::new(Counted::new(System));
        let block = heap.allocate(bytes(8)).unwrap();
        heap.freeze();
        assert!(heap.is_frozen());
        assert_eq!(heap.allocate(bytes(1)), Err(AllocError));
        assert_eq!(heap.allocate_zeroed(bytes(1)), Err(AllocError));
        assert_eq!(heap.parent().counts().requests, 1);
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(block, bytes(8)) };
        assert_eq!(heap.parent().counts().bytes_live, 0);
    }

    #[test]
    fn a_frozen_block_shrinks_and_grows_back_within_its_grant() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Frozen::new(Rounding(Buffer::new(&mut memory)));
        let block = heap.allocate(bytes(20)).unwrap();
        heap.freeze();
        let mut size = 20;
        for (new, outcome) in [(32, Ok(())), (33, Err(AllocError)), (5, Ok(())), (16, Ok(())), (17, Err(AllocError))] {
            // SAFETY: live, with this layout.
            assert_eq!(unsafe { heap.resize(block, bytes(size), bytes(new)) }, outcome, "{new}");
            size = if outcome.is_ok() { new } else { size };
        }
    }

    #[test]
    fn nothing_can_be_had_at_any_time() {
        let heap = Frozen::new(System);
        heap.freeze();
        let block = heap.allocate(bytes(0)).unwrap();
        // SAFETY: an empty block.
        unsafe { heap.deallocate(block, bytes(0)) };
        assert!(heap.allocate_zeroed(bytes(0)).is_ok());
    }

    #[test]
    fn who_has_it_alone_can_thaw_it() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut heap = Frozen::new(Buffer::new(&mut memory));
        heap.freeze();
        heap.reset();
        assert!(heap.allocate(bytes(1)).is_err());
        heap.thaw();
        assert!(heap.allocate(bytes(1)).is_ok());
    }

    #[test]
    fn a_recycler_above_goes_on_with_what_it_has() {
        let frozen = Frozen::new(System);
        let heap = Memo::new(&frozen, usize::MAX);
        let block = heap.allocate(bytes(64)).unwrap();
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(block, bytes(64)) };
        frozen.freeze();
        assert_eq!(heap.allocate(bytes(64)), Ok(block));
        assert!(heap.allocate(bytes(64)).is_err());
        // SAFETY: as above.
        unsafe { heap.deallocate(block, bytes(64)) };
    }

    #[test]
    fn one_thread_freezes_it_for_all() {
        static HEAP: Frozen<Locked<System>> = Frozen::new(Locked::new(System));
        std::thread::spawn(|| HEAP.freeze()).join().unwrap();
        assert!(HEAP.allocate(bytes(1)).is_err());
    }
}
