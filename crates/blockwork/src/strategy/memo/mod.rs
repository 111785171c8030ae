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

#[cfg(test)]
mod tests;

use crate::{
    alloc::{AllocError, Allocate, Census, Check, Core, Owns, Reset, empty, over_core::over_core},
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
        // SAFETY: asked of this parent with this key, and nobody uses it, says the caller.
        if unsafe { !self.keep(parent, block, key) } {
            // SAFETY: asked of this parent with this key, and it was not kept.
            unsafe { crate::alloc::give_back(parent, block, key) }
        }
        if let Some((block, key)) = worn {
            // SAFETY: a kept block, asked with its slot's key.
            unsafe { crate::alloc::give_back(parent, block, key) }
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
                unsafe { crate::alloc::give_back(parent, block, key) }
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
            // SAFETY: asked with this layout, or one of the same class, and it was not kept.
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

/// What the parent has out, less what is kept.
impl<A: Allocate + Census, R: Rounding> Census for Memo<A, R> {
    fn blocks_out(&self) -> usize {
        let kept: usize = self.core.slots.iter().map(|slot| slot.blocks.iter().count()).sum();
        self.parent.blocks_out().saturating_sub(kept)
    }
}

impl<A: Allocate + Check, R: Rounding> Check for Memo<A, R> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.check(&self.parent)?;
        self.parent.check()
    }
}
