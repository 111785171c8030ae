//! [`MixedSlab`]: blocks of any size side by side in slabs, which are whole
//! again when all of their blocks are back.
//!
//! ```text
//! lists, by what is left   [ ‥ | 24 | 26 | 28 | ‥ | all ]
//!                               │              │
//!                               ▼              ▼
//!         [ header | 40 | 12 | 7 |… ]     [ header | ……………… ]
//! oversize ─► [ header | one block ] ⇄ [ header | one block ]
//! ```
//!
//! A block is cut from the fullest slab that still has room for it, found
//! through a set of lists by what is left, so that the emptier slabs stay large.
//! The space of a block returns with the last live block of its slab, or at once
//! when it was cut last. What no slab could hold gets memory of its own, and is
//! kept apart from the slabs.
//!
//! | | |
//! |---|---|
//! | time | a search in a few words of bits, at most a look at every list |
//! | space | four words per slab and what is left in it, nothing per block; 1 KiB of lists |
//! | sharing | single-threaded (`Cell`) |
//! | failure | when the parent has nothing to give |
//! | offers | [`Reset`], growing the last block of a slab in place |
//!
//! When not to use it: where long-lived blocks lie between short-lived ones,
//! because one block keeps its whole slab; size classes reuse each slot by itself.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, MixedSlab, SlabPolicy, System};
//!
//! let heap = MixedSlab::try_new(System, SlabPolicy::DEFAULT)?;
//! let a = heap.allocate(Layout::new::<[u8; 13]>())?;
//! let b = heap.allocate(Layout::new::<[u8; 30]>())?;
//! assert_eq!(b.addr().get() - a.addr().get(), 13);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::config::{SlabPolicy, slab_rules};
use crate::{
    alloc::{
        AllocError, Allocate, Census, Check, ConfigError, Core, Reset, Valid, can_resize, empty, over_core::over_core,
    },
    math::{
        align::align_up,
        amount::Amount,
        bins::{self, BinSet},
    },
    os::track,
    raw::{
        list::{Linked, Links, List},
        mixed_slab::{HEADER_SIZE, MixedHeader, RawMixedSlab},
    },
};

/// Blocks of mixed sizes over `A`; see the [module](self).
#[derive(Debug)]
pub struct MixedSlab<A: Allocate, S: Amount = usize> {
    core: MixedSlabCore<S>,
    parent: A,
}

/// A [`MixedSlab`] without its parent.
#[derive(Debug)]
pub struct MixedSlabCore<S: Amount = usize> {
    /// Invariant: each slab is in the list of what is left in it.
    lists: [List<MixedHeader>; LISTS],
    /// The lists that are not empty.
    filled: BinSet,
    /// Slabs without a live block; not above `policy.keep`.
    empties: Cell<usize>,
    oversize: List<Oversize>,
    policy: SlabPolicy<S>,
}

/// What lies in front of a block that has memory of its own.
#[repr(C)]
#[derive(Debug)]
struct Oversize {
    links: Links<Self>,
    /// What the parent was last asked for.
    inner: Cell<Layout>,
}

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for Oversize {}

/// Every doubling of what is left has eight lists, which are enough for slabs
/// of 256 KiB; in larger ones the last list is for all that is more.
const LISTS: usize = 128;

/// Where slabs are found that have `left` bytes left.
fn list_of(left: usize) -> u32 {
    const LAST: u32 = 127;
    u32::try_from(left).map_or(LAST, |left| bins::bin_of(left.min(bins::LEN_MAX)).min(LAST))
}

// SAFETY: what it points to is memory that nobody else knows of, apart from
// the blocks, which are the caller's; the parent is not part of it.
unsafe impl<S: Amount> Send for MixedSlabCore<S> {}

impl<A: Allocate, S: Amount> MixedSlab<A, S> {
    /// Cuts blocks from slabs that `parent` gives; takes none yet.
    pub const fn new(parent: A, policy: Valid<SlabPolicy<S>>) -> Self {
        Self { core: MixedSlabCore::new(policy), parent }
    }

    /// As [`new`](Self::new), with `policy` checked first.
    ///
    /// # Errors
    ///
    /// The first rule of the policy that does not hold.
    pub fn try_new(parent: A, policy: SlabPolicy<S>) -> Result<Self, ConfigError> {
        slab_rules(policy.slab_size.get(), size_of::<usize>())?;
        Ok(Self::new(parent, Valid::vouch(policy)))
    }

    /// Gives back the empty slabs that were kept.
    pub fn trim(&self) {
        // SAFETY: always this parent.
        unsafe { self.core.trim(&self.parent) }
    }
}

over_core!([A: Allocate, S: Amount] MixedSlab<A, S>);
crate::alloc::bridge!([A: Allocate, S: Amount] MixedSlab<A, S>);

impl<A: Allocate, S: Amount> Reset for MixedSlab<A, S> {
    fn reset(&mut self) {
        // SAFETY: always this parent.
        unsafe { self.core.release(&self.parent) }
    }
}

impl<A: Allocate + Check, S: Amount> Check for MixedSlab<A, S> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.check()?;
        self.parent.check()
    }
}

// SAFETY: a block is cut from the free part of a slab that has room for it, or
// lies behind the header of memory asked for it; which of them is decided by the
// layout alone, the same for all sizes of a class: grants of slabs are what is
// asked, and those of oversize blocks are not below it. Nothing here panics.
unsafe impl<S: Amount> Core for MixedSlabCore<S> {
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        if !self.is_slabbed(layout) {
            let inner = inner_oversize(layout)?;
            let memory = parent.allocate(inner)?;
            // SAFETY: fresh, and of that layout.
            return Ok(unsafe { self.adopt(memory, layout, inner) });
        }
        let slab = match self.find(layout) {
            Some(slab) => slab,
            // SAFETY: the caller gives the usual parent.
            None => unsafe { self.grow(parent)? },
        };
        if slab.live() == 0 {
            self.empties.set(self.empties.get().wrapping_sub(1));
        }
        // SAFETY: found because it holds the layout, or fresh, and the layout
        // is one that a fresh slab holds.
        Ok(self.refile(slab, || unsafe { slab.take(layout) }))
    }

    unsafe fn deallocate<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        if !self.is_slabbed(layout) {
            if let Ok(inner) = inner_oversize(layout) {
                // SAFETY: a live block that is oversize, by its layout.
                let header = unsafe { header_of(block, layout) };
                // SAFETY: in the list since it was allocated.
                unsafe { self.oversize.remove(header) }
                // SAFETY: asked of the usual parent for a layout of this class.
                unsafe { crate::alloc::give_back(parent, header.cast(), inner) }
            }
            return;
        }
        // SAFETY: a live block that was cut from a slab, by its layout.
        let slab = unsafe { RawMixedSlab::of(block, self.slab_size()) };
        // SAFETY: live, and ends now; its size is granted as asked.
        self.refile(slab, || unsafe { slab.put(block, layout.size()) });
        if slab.live() == 0 {
            self.empties.set(self.empties.get().wrapping_add(1));
            if self.empties.get() > self.policy.keep {
                // SAFETY: the usual parent; no live block.
                unsafe { self.give_back(parent, slab) }
            }
        }
    }

    fn granted<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> usize {
        if layout.size() == 0 || self.is_slabbed(layout) {
            return layout.size();
        }
        match inner_oversize(layout) {
            Ok(inner) => parent.granted(inner).saturating_sub(oversize_offset(layout)).max(layout.size()),
            Err(AllocError) => layout.size(),
        }
    }

    unsafe fn resize<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        match (self.is_slabbed(old), self.is_slabbed(new)) {
            // SAFETY: a live block that was cut from a slab, by its layout.
            (true, true) => self.resize_slabbed(unsafe { RawMixedSlab::of(block, self.slab_size()) }, block, old, new),
            (false, false) => {
                let (inner_old, inner_new) = (inner_oversize(old)?, inner_oversize(new)?);
                // SAFETY: a live block that is oversize, by its layout.
                let header = unsafe { header_of(block, old) };
                // SAFETY: asked of the usual parent for a layout of this class.
                unsafe { parent.resize(header.cast(), inner_old, inner_new)? }
                // SAFETY: valid until it is given back; it has not moved.
                unsafe { header.as_ref() }.inner.set(inner_new);
                Ok(())
            }
            _ => Err(AllocError),
        }
    }

    unsafe fn allocate_zeroed<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        layout: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 || self.is_slabbed(layout) {
            // SAFETY: the caller gives the usual parent.
            let block = unsafe { self.allocate(parent, layout)? };
            // SAFETY: a fresh block is valid for writes of its granted size.
            unsafe { block.write_bytes(0, layout.size()) }
            return Ok(block);
        }
        let inner = inner_oversize(layout)?;
        let memory = parent.allocate_zeroed(inner)?;
        // SAFETY: fresh, and of that layout; only the header is written to.
        Ok(unsafe { self.adopt(memory, layout, inner) })
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        while let Some(slab) = self.filled.first_from(0).and_then(|list| self.first(list)) {
            // SAFETY: the usual parent; its blocks end now.
            unsafe { self.give_back(parent, slab) }
        }
        self.empties.set(0);
        while let Some(header) = self.oversize.first() {
            // SAFETY: just found in the list.
            unsafe { self.oversize.remove(header) }
            // SAFETY: valid until it is given back.
            let inner = unsafe { header.as_ref() }.inner.get();
            // SAFETY: asked of the usual parent for this layout, or resized to it.
            unsafe { crate::alloc::give_back(parent, header.cast(), inner) }
        }
    }
}

impl<A: Allocate, S: Amount> Census for MixedSlab<A, S> {
    fn blocks_out(&self) -> usize {
        let in_slabs: usize = self.core.lists.iter().flat_map(nodes).map(live_of).sum();
        in_slabs.wrapping_add(nodes(&self.core.oversize).count())
    }
}

/// What is in a list.
fn nodes<T: Linked>(list: &List<T>) -> impl Iterator<Item = NonNull<T>> {
    // SAFETY: asked for nodes of the list.
    core::iter::successors(list.first(), |&node| unsafe { list.after(node) })
}

/// The live blocks of a slab.
fn live_of(header: NonNull<MixedHeader>) -> usize {
    // SAFETY: what is in the lists are mixed slabs.
    unsafe { RawMixedSlab::from_header(header) }.live()
}

impl<S: Amount> Check for MixedSlabCore<S> {
    fn check(&self) -> Result<(), &'static str> {
        let mut empties = 0_usize;
        for (list, slabs) in (0..).zip(&self.lists) {
            if slabs.first().is_some() != (self.filled.first_from(list) == Some(list)) {
                return Err("mixed slab: a list is not in the set, or an empty one is");
            }
            for header in nodes(slabs) {
                // SAFETY: what is in the lists are mixed slabs.
                let slab = unsafe { RawMixedSlab::from_header(header) };
                if slab.cursor() < HEADER_SIZE || slab.cursor() > self.slab_size() {
                    return Err("mixed slab: a cursor has left its slab");
                }
                if list_of(self.left(slab)) != list {
                    return Err("mixed slab: not in the list of what is left");
                }
                if slab.live() == 0 {
                    empties = empties.wrapping_add(1);
                    if slab.cursor() != HEADER_SIZE {
                        return Err("mixed slab: empty, but not whole");
                    }
                }
            }
        }
        if empties != self.empties.get() || empties > self.policy.keep {
            return Err("mixed slab: not as many empty ones as are kept");
        }
        Ok(())
    }
}

impl<S: Amount> MixedSlabCore<S> {
    /// The core of a new [`MixedSlab`].
    pub const fn new(policy: Valid<SlabPolicy<S>>) -> Self {
        Self {
            lists: [const { List::new() }; LISTS],
            filled: BinSet::new(),
            empties: Cell::new(0),
            oversize: List::new(),
            policy: policy.get(),
        }
    }

    fn slab_size(&self) -> usize {
        self.policy.slab_size.get()
    }

    /// Whether a slab could hold `layout`; what none could hold is oversize.
    fn is_slabbed(&self, layout: Layout) -> bool {
        RawMixedSlab::could_hold(self.slab_size(), layout)
    }

    fn left(&self, slab: RawMixedSlab) -> usize {
        self.slab_size().saturating_sub(slab.cursor())
    }

    /// The slab with the least left of those that hold `layout`, as far as the
    /// lists tell them apart.
    ///
    /// A list that does not always have room is given one try: its first slab.
    fn find(&self, layout: Layout) -> Option<RawMixedSlab> {
        let mut list = list_of(layout.size());
        loop {
            list = self.filled.first_from(list)?;
            let slab = self.first(list)?;
            if slab.holds(self.slab_size(), layout) {
                return Some(slab);
            }
            list = list.wrapping_add(1);
        }
    }

    /// Makes a slab of memory from `parent`; it is empty, and filed.
    ///
    /// # Safety
    ///
    /// - `parent` is the usual one.
    unsafe fn grow<A: Allocate + ?Sized>(&self, parent: &A) -> Result<RawMixedSlab, AllocError> {
        let layout = slab_layout(self.slab_size())?;
        let memory = parent.allocate(layout)?;
        track::hide_all(memory, layout.size());
        track::show(memory, HEADER_SIZE);
        // SAFETY: fresh, of that size and so aligned.
        let slab = unsafe { RawMixedSlab::make(memory) };
        self.empties.set(self.empties.get().wrapping_add(1));
        self.file(slab);
        Ok(slab)
    }

    /// Gives the memory of `slab` back to `parent`.
    ///
    /// # Safety
    ///
    /// - `parent` is the usual one.
    /// - The slab is filed, and neither it nor its blocks are used again.
    unsafe fn give_back<A: Allocate + ?Sized>(&self, parent: &A, slab: RawMixedSlab) {
        self.unfile(slab);
        if slab.live() == 0 {
            self.empties.set(self.empties.get().wrapping_sub(1));
        }
        if let Ok(layout) = slab_layout(self.slab_size()) {
            // SAFETY: the block that `grow` got, with its layout.
            unsafe { crate::alloc::give_back(parent, slab.header().cast(), layout) }
        }
    }

    /// Gives back every empty slab.
    ///
    /// # Safety
    ///
    /// - `parent` is the usual one.
    unsafe fn trim<A: Allocate + ?Sized>(&self, parent: &A) {
        let whole = list_of(self.slab_size().saturating_sub(HEADER_SIZE));
        while self.empties.get() != 0
            && let Some(slab) = self.slabs(whole).find(|slab| slab.live() == 0)
        {
            // SAFETY: the usual parent; no live block.
            unsafe { self.give_back(parent, slab) }
        }
    }

    /// Resizes a block of `slab` in place.
    fn resize_slabbed(
        &self,
        slab: RawMixedSlab,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<(), AllocError> {
        if slab.is_last(block, old.size()) {
            let end = slab.offset_of(block).saturating_add(new.size());
            if end > self.slab_size() {
                return Err(AllocError);
            }
            self.refile(slab, || slab.resize_last(block, new.size()));
            Ok(())
        } else if new.size() <= old.size() {
            Ok(())
        } else {
            Err(AllocError)
        }
    }

    /// Makes an oversize block of `memory`.
    ///
    /// # Safety
    ///
    /// - `memory` is valid for `inner`, which is [`inner_oversize`] of `layout`,
    ///   and nobody else uses it.
    unsafe fn adopt(&self, memory: NonNull<u8>, layout: Layout, inner: Layout) -> NonNull<u8> {
        let header = memory.cast::<Oversize>();
        // SAFETY: `inner` has room for the header, and its alignment.
        unsafe { header.write(Oversize { links: Links::new(), inner: Cell::new(inner) }) }
        // SAFETY: valid until it is given back, before which it leaves the list.
        unsafe { self.oversize.push(header) }
        // SAFETY: `inner` has room for the block behind that.
        unsafe { memory.add(oversize_offset(layout)) }
    }

    /// Files `slab` anew if `change` has changed what is left in it.
    fn refile<R>(&self, slab: RawMixedSlab, change: impl FnOnce() -> R) -> R {
        let before = list_of(self.left(slab));
        let result = change();
        let after = list_of(self.left(slab));
        if before != after {
            self.take_out(slab, before);
            self.file(slab);
        }
        result
    }

    fn file(&self, slab: RawMixedSlab) {
        let list = list_of(self.left(slab));
        if let Some(slabs) = self.list(list) {
            // SAFETY: valid until it is given back, before which it leaves the
            // list, and in no list now: it is new, or was just taken out.
            unsafe { slabs.push(slab.header()) }
            self.filled.insert(list);
        }
    }

    fn unfile(&self, slab: RawMixedSlab) {
        self.take_out(slab, list_of(self.left(slab)));
    }

    /// Takes `slab` out of the list of this number, in which it is.
    fn take_out(&self, slab: RawMixedSlab, list: u32) {
        if let Some(slabs) = self.list(list) {
            // SAFETY: filed there.
            unsafe { slabs.remove(slab.header()) }
            if slabs.first().is_none() {
                self.filled.remove(list);
            }
        }
    }

    fn first(&self, list: u32) -> Option<RawMixedSlab> {
        self.slabs(list).next()
    }

    fn slabs(&self, list: u32) -> impl Iterator<Item = RawMixedSlab> {
        let slabs = self.list(list);
        let first = slabs.and_then(List::first);
        // SAFETY: asked for nodes of the list.
        let headers =
            core::iter::successors(first, move |&header| slabs.and_then(|slabs| unsafe { slabs.after(header) }));
        // SAFETY: what is in the lists are mixed slabs.
        headers.map(|header| unsafe { RawMixedSlab::from_header(header) })
    }

    fn list(&self, list: u32) -> Option<&List<MixedHeader>> {
        self.lists.get(list as usize)
    }
}

/// The layout of every slab.
fn slab_layout(size: usize) -> Result<Layout, AllocError> {
    Layout::from_size_align(size, size).map_err(|_| AllocError)
}

/// How far an oversize block lies behind its header.
fn oversize_offset(layout: Layout) -> usize {
    // Headers are small and alignments at most half of all addresses.
    align_up(size_of::<Oversize>(), layout.align()).unwrap_or(0)
}

/// What the parent is asked for, for an oversize block of `layout`.
fn inner_oversize(layout: Layout) -> Result<Layout, AllocError> {
    let size = oversize_offset(layout).checked_add(layout.size()).ok_or(AllocError)?;
    Layout::from_size_align(size, layout.align().max(align_of::<Oversize>())).map_err(|_| AllocError)
}

/// The header of an oversize block.
///
/// # Safety
///
/// - `block` is a live oversize block that `layout` fits.
unsafe fn header_of(block: NonNull<u8>, layout: Layout) -> NonNull<Oversize> {
    // SAFETY: the block was placed so far behind its header.
    unsafe { block.sub(oversize_offset(layout)) }.cast()
}

#[cfg(test)]
mod tests;
