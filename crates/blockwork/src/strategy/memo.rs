//! [`Memo`]: freed blocks are kept, and handed out again for the same size.
//!
//! ```text
//! deallocate ─► kept + size ≤ limit? ─ yes ─► list of that size and alignment
//!                      └────────────── no ──► the same, and another block to the parent
//! allocate ───► list of that size and alignment ── empty ──► parent
//! ```
//!
//! | | |
//! |---|---|
//! | time | a multiplication and up to four compares above the list |
//! | space | 64 lists of three words; nothing per block |
//! | sharing | single-threaded (`Cell`) |
//! | failure | when nothing that fits is kept and the parent fails |
//! | granted | what the parent grants for a word or more; of a class table, the class |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! Sizes are compared after rounding: by the parent, or by a class table
//! ([`Memo::by_class`]), so that one size of a class recycles another. At the
//! limit, and when no list is left for a size, each free gives back one block
//! of the others in turn: sizes that went out of use make room.
//!
//! A block does not change its class in place, even where the parent could:
//! a program that always takes one class and frees another would make the memo
//! grow for ever.
//!
//! When not to use it: for many distinct sizes without a class table (hardly
//! any would be asked for again), or to bound what a program holds: kept
//! blocks are freed only at the limit, by [`trim`](Memo::trim), or at the end.
//! Blocks that are live when the memo goes are not its own to give back.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Memo, System};
//!
//! let memo = Memo::new(System, 1 << 20);
//! let layout = Layout::new::<[u8; 100]>();
//! let block = memo.allocate(layout)?;
//! // SAFETY: allocated above with this layout, and not used again.
//! unsafe { memo.deallocate(block, layout) };
//! assert_eq!(memo.bytes_kept(), 100);
//! assert_eq!(memo.allocate(layout)?, block);
//! # unsafe { memo.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::Cell, fmt::Debug, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Core, Owns, Reset, empty, over_core::over_core},
    math::size_class::Classes,
    os,
    raw::free_list::{FreeList, Link},
};

/// Lists per memo: a power of two.
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 6;

/// Lists that a size may use: that many in a row.
const WINDOW: usize = 4;

/// A word's share by the golden ratio: multiples of it spread evenly.
const SPREAD: usize = (usize::MAX / 1618).wrapping_mul(1000) | 1;

/// Keeps freed blocks for the next request; see the [module](self).
#[derive(Debug)]
pub struct Memo<A: Allocate, R: Rounding = Exact> {
    core: MemoCore<R>,
    parent: A,
}

/// A [`Memo`] without its parent.
#[derive(Debug)]
pub struct MemoCore<R> {
    slots: [Slot; SLOTS],
    /// Sum of what the parent granted for kept blocks. Invariant:
    /// `bytes_kept <= limit`.
    bytes_kept: Cell<usize>,
    limit: usize,
    /// The slot that was worn last.
    turn: Cell<usize>,
    rounding: R,
}

/// Kept blocks of one layout.
#[derive(Debug)]
struct Slot {
    /// What the parent was asked for; of size zero before the first use.
    key: Cell<Layout>,
    blocks: FreeList,
}

/// How a [`Memo`] rounds sizes: [`Exact`], or any table of [`Classes`].
///
/// Nobody else can implement it: frees are routed by it.
pub trait Rounding: Debug + sealed::Sealed {
    /// Whether no size has a class.
    #[doc(hidden)]
    const IS_EXACT: bool;

    /// The class of `layout`; `None` leaves the size to the parent.
    #[doc(hidden)]
    fn class(&self, layout: Layout) -> Option<usize>;
}

/// Sizes stay as they are, but for what the parent grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Exact {}
    impl<C: super::Classes> Sealed for C {}
}

impl Rounding for Exact {
    const IS_EXACT: bool = true;

    #[inline]
    fn class(&self, _layout: Layout) -> Option<usize> {
        None
    }
}

impl<C: Classes> Rounding for C {
    const IS_EXACT: bool = false;

    #[inline]
    fn class(&self, layout: Layout) -> Option<usize> {
        self.round(layout)
    }
}

impl<A: Allocate> Memo<A> {
    /// Keeps up to `limit` freed bytes of `parent`: 0 keeps none, `usize::MAX`
    /// all.
    pub const fn new(parent: A, limit: usize) -> Self {
        Self { core: MemoCore::new(limit), parent }
    }
}

impl<A: Allocate, C: Classes> Memo<A, C> {
    /// [`new`](Memo::new), with sizes rounded up to those of `classes`.
    ///
    /// ```
    /// # use core::alloc::Layout;
    /// # use blockwork::{Allocate, Memo, System, math::size_class::Quad};
    /// let memo = Memo::by_class(System, Quad::<1024>, usize::MAX);
    /// assert_eq!(memo.granted(Layout::new::<[u8; 100]>()), 112);
    /// ```
    pub const fn by_class(parent: A, classes: C, limit: usize) -> Self {
        Self { core: MemoCore::with_rounding(classes, limit), parent }
    }
}

impl<A: Allocate, R: Rounding> Memo<A, R> {
    /// Bytes of freed blocks that are kept now, as the parent granted them.
    #[must_use]
    pub const fn bytes_kept(&self) -> usize {
        self.core.bytes_kept.get()
    }

    /// Gives all kept blocks back to the parent.
    pub fn trim(&self) {
        self.core.trim(&self.parent);
    }
}

impl MemoCore<Exact> {
    /// Keeps up to `limit` freed bytes; see [`Memo::new`].
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self::with_rounding(Exact, limit)
    }
}

impl<R: Rounding> MemoCore<R> {
    /// Keeps up to `limit` freed bytes, by `rounding`: [`Exact`], or a table of
    /// classes.
    pub const fn with_rounding(rounding: R, limit: usize) -> Self {
        Self { slots: [const { Slot::new() }; SLOTS], bytes_kept: Cell::new(0), limit, turn: Cell::new(0), rounding }
    }

    /// The one place where this layer changes a layout: what the parent is
    /// asked for. A block of it can hold a link, and the size is what is
    /// granted, so that it is the same whichever layout comes back.
    #[inline]
    fn inner<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<Layout, AllocError> {
        let link = Layout::new::<Link>();
        let align = layout.align().max(link.align());
        let asked = Layout::from_size_align(layout.size().max(link.size()), align).map_err(|_| AllocError)?;
        let size = self.rounding.class(asked).unwrap_or_else(|| parent.granted(asked));
        Layout::from_size_align(size, align).map_err(|_| AllocError)
    }

    /// The bytes that a block of `key` keeps from the parent.
    #[inline]
    fn cost<A: Allocate + ?Sized>(parent: &A, key: Layout) -> usize {
        if R::IS_EXACT { key.size() } else { parent.granted(key) }
    }

    /// The slots that `key` may use.
    #[inline]
    fn window(&self, key: Layout) -> impl Iterator<Item = &Slot> {
        let mixed = key.size().wrapping_add(key.align().rotate_right(2)).wrapping_mul(SPREAD);
        let home = mixed >> usize::BITS.wrapping_sub(SLOT_BITS);
        (0..WINDOW).filter_map(move |step| self.slots.get(home.wrapping_add(step) % SLOTS))
    }

    /// Takes a kept block of exactly `key`.
    #[inline]
    fn recall<A: Allocate + ?Sized>(&self, parent: &A, key: Layout) -> Option<NonNull<u8>> {
        let slot = self.window(key).find(|slot| slot.key.get() == key)?;
        self.forget_one(parent, slot).map(|(block, _)| block)
    }

    /// Keeps a freed block of `key`, if the limit allows and a slot is left.
    ///
    /// # Safety
    ///
    /// - `block` was asked of `parent` with `key`, and nobody uses it.
    #[inline]
    unsafe fn keep<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, key: Layout) -> bool {
        let bytes_kept = self.bytes_kept.get().saturating_add(Self::cost(parent, key));
        let Some(slot) = self.slot_for(key).filter(|_| bytes_kept <= self.limit) else {
            return false;
        };
        slot.key.set(key);
        // SAFETY: large and aligned enough for a link, and given up.
        unsafe { slot.blocks.push(block) }
        self.bytes_kept.set(bytes_kept);
        true
    }

    /// Keeps a freed block in the place of another one, or frees it.
    ///
    /// One block makes room, not as many as it takes: so a free is never long,
    /// and sizes that went out of use wear down all the same.
    ///
    /// # Safety
    ///
    /// - `block` was asked of `parent` with `key`, and nobody uses it.
    #[cold]
    #[inline(never)]
    unsafe fn keep_instead<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, key: Layout) {
        let mut worn = None;
        if Self::cost(parent, key) <= self.limit {
            let slot = if self.slot_for(key).is_some() { self.next_worn() } else { self.window(key).next() };
            worn = slot.and_then(|slot| self.forget_one(parent, slot));
        }
        // All is in order before the parent hears of it.
        // SAFETY: the caller's promise.
        if unsafe { !self.keep(parent, block, key) } {
            // SAFETY: the caller's promise.
            unsafe { parent.deallocate(block, key) }
        }
        if let Some((block, key)) = worn {
            // SAFETY: a kept block, asked with its slot's key.
            unsafe { parent.deallocate(block, key) }
        }
    }

    /// The slot where blocks of `key` are kept, or can be.
    #[inline]
    fn slot_for(&self, key: Layout) -> Option<&Slot> {
        let own = self.window(key).find(|slot| slot.key.get() == key);
        own.or_else(|| self.window(key).find(|slot| slot.blocks.is_empty()))
    }

    /// The next slot that keeps anything, all of them in turn.
    fn next_worn(&self) -> Option<&Slot> {
        let turn = self.turn.get();
        let mut order = (1..=SLOTS).map(|step| turn.wrapping_add(step) % SLOTS);
        let (next, slot) = order.find_map(|next| {
            let slot = self.slots.get(next)?;
            (!slot.blocks.is_empty()).then_some((next, slot))
        })?;
        self.turn.set(next);
        Some(slot)
    }

    /// Takes a block of `slot` out of the books.
    #[inline]
    fn forget_one<A: Allocate + ?Sized>(&self, parent: &A, slot: &Slot) -> Option<(NonNull<u8>, Layout)> {
        let (block, key) = (slot.blocks.pop()?, slot.key.get());
        self.bytes_kept.set(self.bytes_kept.get().wrapping_sub(Self::cost(parent, key)));
        Some((block, key))
    }

    fn trim<A: Allocate + ?Sized>(&self, parent: &A) {
        for slot in &self.slots {
            while let Some((block, key)) = self.forget_one(parent, slot) {
                // SAFETY: a kept block, asked with its slot's key.
                unsafe { parent.deallocate(block, key) }
            }
        }
    }

    /// Forgets all kept blocks, whose memory ends otherwise.
    fn forget(&mut self) {
        for slot in &self.slots {
            slot.blocks.clear();
        }
        self.bytes_kept.set(0);
    }

    /// Every list holds blocks of its size, each once, and the sum is right.
    fn check<A: Allocate + ?Sized>(&self, parent: &A) -> Result<(), &'static str> {
        let mut bytes_kept = 0_usize;
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| !slot.blocks.is_empty()) {
            let key = slot.key.get();
            if !self.window(key).any(|found| core::ptr::eq(found, slot)) {
                return Err("a list is where its size does not look");
            }
            if self.slots.iter().take(index).any(|other| other.key.get() == key) {
                return Err("a size has two lists");
            }
            for block in slot.blocks.iter() {
                bytes_kept = bytes_kept.saturating_add(Self::cost(parent, key));
                // A block that is in a list twice makes the list a loop.
                if bytes_kept > self.bytes_kept.get() {
                    return Err("more is kept than was counted");
                }
                if !block.addr().get().is_multiple_of(key.align()) {
                    return Err("a kept block is not aligned");
                }
            }
        }
        if bytes_kept < self.bytes_kept.get() {
            return Err("less is kept than was counted");
        }
        if bytes_kept <= self.limit { Ok(()) } else { Err("more is kept than the limit") }
    }
}

impl Slot {
    const fn new() -> Self {
        Self { key: Cell::new(Layout::new::<()>()), blocks: FreeList::new() }
    }
}

// SAFETY: kept blocks belong to whoever holds the core, and may change threads.
unsafe impl<R: Send> Send for MemoCore<R> {}

// SAFETY: blocks are the parent's, asked and freed with the same `inner`
// layout, which is at least as large and as aligned as the caller's, and the
// same for every layout that fits; a kept block is nobody's; nothing panics.
unsafe impl<R: Rounding> Core for MemoCore<R> {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let inner = self.inner(parent, layout)?;
        match self.recall(parent, inner) {
            Some(block) => Ok(block),
            None => parent.allocate(inner),
        }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let Ok(inner) = self.inner(parent, layout) else {
            os::check(false, "block is not from this memo");
            return;
        };
        os::check(block.addr().get().is_multiple_of(inner.align()), "block is not from this memo");
        // SAFETY: asked with this layout, or one of the same class; the caller
        // gives it up.
        if unsafe { !self.keep(parent, block, inner) } {
            // SAFETY: as above.
            unsafe { self.keep_instead(parent, block, inner) }
        }
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> usize {
        if layout.size() == 0 {
            return 0;
        }
        self.inner(parent, layout).map_or(layout.size(), |inner| inner.size())
    }

    #[inline]
    unsafe fn allocate_zeroed<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        layout: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let inner = self.inner(parent, layout)?;
        let Some(block) = self.recall(parent, inner) else {
            return parent.allocate_zeroed(inner);
        };
        // SAFETY: valid for the size that was asked of the parent.
        unsafe { block.write_bytes(0, inner.size()) }
        Ok(block)
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.trim(parent);
    }
}

over_core!([A: Allocate, R: Rounding] Memo<A, R>);
crate::alloc::bridge!([A: Allocate, R: Rounding] Memo<A, R>);

// SAFETY: every block of ours is one of `A`'s, and we alone hold `A`, whose
// answer is exact; it is asked with the layout that it was given.
unsafe impl<A: Owns, R: Rounding> Owns for Memo<A, R> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.core.inner(&self.parent, layout).is_ok_and(|inner| self.parent.owns(block, inner))
    }
}

impl<A: Allocate + Reset, R: Rounding> Reset for Memo<A, R> {
    fn reset(&mut self) {
        self.core.forget();
        self.parent.reset();
    }
}

impl<A: Allocate + Check, R: Rounding> Check for Memo<A, R> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.check(&self.parent)?;
        self.parent.check()
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::{
        math::{
            align::SIZE_MAX,
            size_class::{Pow2, Quad},
        },
        source::system::System,
        strategy::{bump::Bump, ledger::Ledger},
    };

    const ALL: usize = usize::MAX;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    fn take<A: Allocate + Check, R: Rounding>(memo: &Memo<A, R>, size: usize, align: usize) -> NonNull<u8> {
        let block = memo.allocate(layout(size, align)).unwrap();
        assert!(block.addr().get().is_multiple_of(align));
        assert_eq!(memo.check(), Ok(()));
        block
    }

    fn give<A: Allocate + Check, R: Rounding>(memo: &Memo<A, R>, block: NonNull<u8>, size: usize, align: usize) {
        // SAFETY: taken from this memo with a layout of the same class, and
        // given once.
        unsafe { memo.deallocate(block, layout(size, align)) };
        assert_eq!(memo.check(), Ok(()));
    }

    /// Seed 004's own test.
    #[test]
    fn a_freed_block_comes_back_for_its_size_and_no_other() {
        let memo = Memo::new(Ledger::new(), ALL);
        let (int, long) = (take(&memo, 12, 4), take(&memo, 24, 8));
        give(&memo, int, 12, 4);
        let other = take(&memo, 13, 4);
        assert_ne!(other, int);
        assert_eq!(take(&memo, 12, 4), int);
        assert_eq!(memo.parent.requests(), 3);
        for (block, size, align) in [(int, 12, 4), (long, 24, 8), (other, 13, 4)] {
            give(&memo, block, size, align);
        }
    }

    /// Seed 004, H5: a header took every block off its alignment.
    #[test]
    fn recycled_blocks_keep_the_alignment_they_were_asked_with() {
        let memo = Memo::new(Ledger::new(), ALL);
        for align in (0..=14).map(|bit| 1 << bit) {
            let first = take(&memo, 16, align);
            give(&memo, first, 16, align);
            assert_eq!(take(&memo, 16, align), first);
            give(&memo, first, 16, align);
        }
    }

    /// Seed 004, H6: the end freed only some of the blocks.
    #[test]
    fn everything_kept_goes_back_at_the_end() {
        let parent = Ledger::new();
        let memo = Memo::new(&parent, ALL);
        let blocks = Vec::from_iter((1..=100).map(|size| (take(&memo, size, 8), size)));
        for (block, size) in blocks {
            give(&memo, block, size, 8);
        }
        assert!(parent.blocks() > 0);
        drop(memo);
        assert_eq!(parent.blocks(), 0);
    }

    /// Seed 004, H7: nothing noticed a block that was freed twice.
    #[test]
    fn a_walk_finds_a_block_that_was_freed_twice() {
        let memo = Memo::new(Ledger::new(), ALL);
        let block = take(&memo, 16, 8);
        give(&memo, block, 16, 8);
        // SAFETY: breaks the contract, but the block stays the memo's; only
        // the walk reads the list.
        unsafe { memo.deallocate(block, layout(16, 8)) };
        assert!(memo.check().is_err());
        memo.core.slots.iter().for_each(|slot| slot.blocks.clear());
        // SAFETY: asked of the parent with this layout; in no list any more.
        unsafe { memo.parent.deallocate(block, layout(16, 8)) };
    }

    /// Seed 004, H8 and H18: what is empty is no block, and freeing it harmless.
    #[test]
    fn an_empty_request_takes_nothing_and_leaves_nothing() {
        let memo = Memo::new(Ledger::new(), ALL);
        let block = memo.allocate(layout(0, 64)).unwrap();
        give(&memo, block, 0, 64);
        assert_eq!((memo.granted(layout(0, 64)), memo.bytes_kept(), memo.parent.requests()), (0, 0, 0));
    }

    /// Seed 004, H9: nobody looked whether the parent had failed.
    #[test]
    fn a_failing_parent_changes_nothing() {
        let memo = Memo::new(Ledger::new(), ALL);
        let block = take(&memo, 16, 8);
        memo.parent.fail_after(0);
        assert_eq!(memo.allocate(layout(16, 8)), Err(AllocError));
        assert_eq!(memo.allocate_zeroed(layout(16, 8)), Err(AllocError));
        give(&memo, block, 16, 8);
        assert_eq!(take(&memo, 16, 8), block, "what is kept needs no parent");
        give(&memo, block, 16, 8);
    }

    /// Seed 004, H10: exact sizes recycled nothing, and there was no other way.
    #[test]
    fn classes_recycle_one_anothers_sizes() {
        let memo = Memo::by_class(Ledger::new(), Quad::<128>, ALL);
        for size in (1..=100).rev() {
            let block = take(&memo, size, 1);
            give(&memo, block, size, 1);
        }
        assert_eq!(memo.parent.requests(), 7, "one a class");
    }

    /// Seed 004, H10: nothing bounded what was kept.
    #[test]
    fn no_more_is_kept_than_the_limit() {
        for limit in [0, 15, 16, 100] {
            let memo = Memo::new(Ledger::new(), limit);
            let blocks = Vec::from_iter((0..20).map(|_| take(&memo, 16, 8)));
            for block in blocks {
                give(&memo, block, 16, 8);
            }
            assert_eq!((memo.bytes_kept(), memo.parent.blocks()), (limit / 16 * 16, limit / 16));
        }
    }

    /// Seed 004, H11: the size of the header was added to any size.
    #[test]
    fn impossible_sizes_fail_and_are_granted_as_asked() {
        fn check<R: Rounding>(memo: &Memo<System, R>) {
            for align in (0..usize::BITS - 1).map(|bit| 1 << bit) {
                for less in [0, 1, 7, 8, 100] {
                    let huge = layout(SIZE_MAX - (align - 1) - less.min(SIZE_MAX - align), align);
                    assert_eq!(memo.allocate(huge), Err(AllocError));
                    assert!(memo.granted(huge) >= huge.size());
                }
            }
        }
        check(&Memo::new(System, ALL));
        check(&Memo::by_class(System, Pow2::<16, 1024>, ALL));
    }

    /// Seed 004, H12: past some number of kept sizes, they were mixed up.
    #[test]
    fn more_sizes_than_lists_are_kept_as_far_as_they_fit() {
        let memo = Memo::new(Ledger::new(), ALL);
        let blocks = Vec::from_iter((1..=1000).map(|size| (take(&memo, size * 8, 8), size * 8)));
        for &(block, size) in &blocks {
            give(&memo, block, size, 8);
        }
        assert!(memo.parent.blocks() <= SLOTS);
        assert!(memo.bytes_kept() > 0);
        for &(_, size) in blocks.iter().rev() {
            let block = take(&memo, size, 8);
            // SAFETY: a live block of that size.
            unsafe { block.write_bytes(1, size) };
            give(&memo, block, size, 8);
        }
    }

    #[test]
    fn sizes_that_went_out_of_use_make_room() {
        let memo = Memo::new(Ledger::new(), ALL);
        for size in 1..=1000 {
            let block = take(&memo, size * 8, 8);
            give(&memo, block, size * 8, 8);
        }
        for size in [9000, 9008, 10_000] {
            let recycled = (0..4).any(|_| {
                let block = take(&memo, size, 8);
                give(&memo, block, size, 8);
                let requests = memo.parent.requests();
                give(&memo, take(&memo, size, 8), size, 8);
                memo.parent.requests() == requests
            });
            assert!(recycled, "{size}");
        }
    }

    #[test]
    fn any_layout_of_the_class_frees_a_block() {
        let memo = Memo::new(Ledger::with_grain(48), ALL);
        let block = take(&memo, 49, 8);
        give(&memo, block, 96, 8);
        assert_eq!(take(&memo, 60, 8), block);
        give(&memo, block, 50, 8);
        memo.trim();
        assert_eq!(memo.parent.blocks(), 0);
    }

    #[test]
    fn the_class_is_granted_and_beyond_the_table_what_the_parent_grants() {
        let memo = Memo::by_class(Ledger::with_grain(48), Pow2::<16, 256>, ALL);
        for (size, align, granted) in
            [(1, 1, 16), (17, 8, 32), (200, 64, 256), (256, 256, 256), (257, 1, 288), (100, 512, 144)]
        {
            assert_eq!(memo.granted(layout(size, align)), granted);
            assert_eq!(memo.granted(layout(granted, align)), granted);
            let block = take(&memo, size, align);
            give(&memo, block, granted, align);
        }
    }

    #[test]
    fn trimming_gives_back_what_is_kept_and_nothing_else() {
        let memo = Memo::new(Ledger::new(), ALL);
        let (live, freed) = (take(&memo, 16, 8), take(&memo, 16, 8));
        give(&memo, freed, 16, 8);
        memo.trim();
        assert_eq!((memo.bytes_kept(), memo.parent.blocks(), memo.check()), (0, 1, Ok(())));
        give(&memo, live, 16, 8);
    }

    #[test]
    fn a_recycled_zeroed_block_is_zero_in_all_that_is_granted() {
        let memo = Memo::new(Ledger::with_grain(48), ALL);
        let block = take(&memo, 10, 8);
        // SAFETY: a live block; all that is granted.
        unsafe { block.write_bytes(0xA5, 48) };
        give(&memo, block, 10, 8);
        assert_eq!(memo.allocate_zeroed(layout(11, 8)), Ok(block));
        // SAFETY: initialised and granted.
        assert_eq!(unsafe { block.cast::<[u8; 48]>().read() }, [0; 48]);
        give(&memo, block, 11, 8);
    }

    #[test]
    fn a_block_keeps_its_class_whatever_the_parent_could_do() {
        let memo = Memo::new(Bump::new(Ledger::new(), 4096), ALL);
        let block = take(&memo, 4, 4);
        for (old, new, result) in [
            (layout(4, 4), layout(8, 4), Ok(())),
            (layout(8, 4), layout(9, 4), Err(AllocError)),
            (layout(8, 4), layout(8, 8), Err(AllocError)),
            (layout(8, 4), layout(0, 4), Err(AllocError)),
        ] {
            // SAFETY: live; `old` is what the last success left.
            assert_eq!(unsafe { memo.resize(block, old, new) }, result);
        }
        give(&memo, block, 1, 4);
        assert_eq!((memo.bytes_kept(), memo.parent.used()), (8, 8));
    }

    #[test]
    fn it_owns_what_its_parent_owns() {
        let memo = Memo::new(Bump::new(Ledger::new(), 4096), ALL);
        let other = Memo::new(Bump::new(Ledger::new(), 4096), ALL);
        let (own, foreign) = (take(&memo, 4, 4), take(&other, 4, 4));
        assert!(memo.owns(own, layout(4, 4)) && !memo.owns(foreign, layout(4, 4)));
    }

    #[test]
    fn a_size_out_of_use_gives_up_its_share_of_the_limit() {
        let memo = Memo::new(Ledger::new(), 1600);
        let blocks = Vec::from_iter((0..100).map(|_| take(&memo, 16, 8)));
        for block in blocks {
            give(&memo, block, 16, 8);
        }
        for _ in 0..10 {
            let block = take(&memo, 80, 8);
            give(&memo, block, 80, 8);
        }
        let requests = memo.parent.requests();
        let block = take(&memo, 80, 8);
        give(&memo, block, 80, 8);
        assert_eq!(memo.parent.requests(), requests);
    }

    #[test]
    fn the_limit_counts_what_the_parent_granted() {
        let memo = Memo::by_class(Ledger::with_grain(48), Pow2::<16, 64>, 100);
        let blocks = [(); 3].map(|()| take(&memo, 16, 8));
        for block in blocks {
            give(&memo, block, 16, 8);
        }
        assert_eq!((memo.bytes_kept(), memo.parent.blocks()), (96, 2));
    }

    #[test]
    fn a_reset_forgets_what_is_kept_before_the_parent_ends_it() {
        let mut memo = Memo::new(Ledger::new(), ALL);
        let block = take(&memo, 16, 8);
        give(&memo, block, 16, 8);
        take(&memo, 32, 8);
        memo.reset();
        assert_eq!((memo.bytes_kept(), memo.parent.blocks(), memo.check()), (0, 0, Ok(())));
    }

    #[test]
    fn it_fits_a_constant_and_changes_threads() {
        let memo = const { Memo::new(System, 4096) };
        give(&memo, take(&memo, 16, 8), 16, 8);
        assert_eq!(std::thread::spawn(move || memo.bytes_kept()).join().unwrap(), 16);
    }
}
