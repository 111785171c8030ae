//! [`Slab`]: slots of one size, in slabs that every slot finds by mask.
//!
//! ```text
//! Slab ─┬─ current ─► [ header | ■ ■ □ ■ □ …………… ]   serves: free list, then the untouched tail
//!       ├─ partial ─► [ header | ■ ■ ■ □ ■ ■ □ ■ ■ ]   the fuller, the earlier; the nearly full last
//!       ├─ full ────► [ header | ■ ■ ■ ■ ■ ■ ■ ■ ■ ]   back among the partial ones at the first free
//!       └─ empty ───► [ header | ………………………… ]   kept, or given back at once
//! ```
//!
//! Each slab is a power of two in size and aligned to it, so the header lies at
//! the slot's address less its low bits, and a slab knows its live count. The
//! slabs that empty go back to the parent, except for a few that are
//! [kept](SlabConfig::keep). Serving from the fuller slabs lets the others
//! become empty.
//!
//! A slot is aligned to the largest power of two that divides its size: 48
//! bytes to 16, 64 to 64. The header takes eight words of each slab.
//!
//! | | |
//! |---|---|
//! | time | a free list's pop or push and a count; a few lists are looked at when a slab is used up |
//! | space | eight words per slab, nothing per block |
//! | sharing | single-threaded (`Cell`) |
//! | failure | for layouts that no slot fits, or when the parent has no slab to give |
//! | offers | [`Reset`] |
//!
//! When not to use it: for slots above an eighth of a slab, which waste the
//! rest of it, use spans; where memory never has to go back before all of it
//! does, a `BlockPool` has no headers and by default needs no aligned chunks.
//!
//! Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory Allocator",
//! USENIX Summer 1994.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Slab, SlabConfig, System};
//!
//! let nodes = Slab::try_new(System, SlabConfig { slot_size: 48, ..SlabConfig::DEFAULT })?;
//! let node = nodes.allocate(Layout::new::<[u64; 5]>())?;
//! assert_eq!(nodes.granted(Layout::new::<[u64; 5]>()), 48);
//! assert!(nodes.allocate(Layout::new::<[u64; 7]>()).is_err());
//!
//! // SAFETY: just allocated with this layout.
//! unsafe { nodes.deallocate(node, Layout::new::<[u64; 5]>()) };
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! By the number of slots rather than by bytes; neighbours lie side by side,
//! and when a slab is used up there is another one:
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Counted, Slab, SlabConfig, System};
//!
//! let parent = Counted::new(System);
//! let slab = Slab::try_new(&parent, SlabConfig::with_slots(8, 16))?;
//! let block = || slab.allocate(Layout::new::<[u32; 4]>());
//!
//! // Same slab
//! let (first, second) = (block()?, block()?);
//! assert_eq!(second.addr().get(), first.addr().get() + 16);
//! assert_eq!(parent.counts().blocks_live, 1);
//!
//! // New slab
//! while parent.counts().blocks_live == 1 {
//!     block()?;
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Sizes that never change belong to the type:
//!
//! ```
//! use blockwork::{Const, Slab, SlabConfig, System};
//!
//! type Nodes = Slab<System, Const<48>, Const<65536>>;
//! const CONFIG: SlabConfig<Const<48>, Const<65536>> = SlabConfig { slot_size: Const, slab_size: Const, keep: 1 };
//! let nodes: Nodes = const {
//!     match CONFIG.check() {
//!         Ok(config) => Slab::new(System, config),
//!         Err(_) => panic!("a slab has room for a slot"),
//!     }
//! };
//! ```

use core::{alloc::Layout, ptr::NonNull};

mod config;
mod head;
pub mod mixed;

pub use self::{
    config::{SlabConfig, SlabPolicy},
    head::SlabHead,
    mixed::{MixedSlab, MixedSlabCore},
};
use crate::{
    alloc::{AllocError, Allocate, Census, Check, ConfigError, Core, Head, Reset, Valid, empty, over_core::over_core},
    math::{amount::Amount, fill::slot_align, size_class::Initial},
    source::null::Null,
};

/// Slots of one size over `A`; see the [module](self).
#[derive(Debug)]
pub struct Slab<A: Allocate, Z: Amount = usize, S: Amount = usize> {
    core: SlabCore<Z, S>,
    parent: A,
}

/// A [`Slab`] without its parent.
#[derive(Debug)]
pub struct SlabCore<Z: Amount = usize, S: Amount = usize> {
    head: SlabHead<S>,
    config: SlabConfig<Z, S>,
}

impl<A: Allocate, Z: Amount, S: Amount> Slab<A, Z, S> {
    /// Cuts slots from slabs that `parent` gives; takes none yet.
    pub const fn new(parent: A, config: Valid<SlabConfig<Z, S>>) -> Self {
        Self { core: SlabCore::new(config), parent }
    }

    /// As [`new`](Self::new), with `config` checked first.
    ///
    /// # Errors
    ///
    /// The first rule of the configuration that does not hold.
    pub fn try_new(parent: A, config: SlabConfig<Z, S>) -> Result<Self, ConfigError> {
        config::rules(config.slot_size.get(), config.slab_size.get())?;
        Ok(Self::new(parent, Valid::vouch(config)))
    }

    /// Gives back the empty slabs that were kept.
    pub fn trim(&self) {
        let SlabCore { head, config } = &self.core;
        // SAFETY: the parent, the configuration and the slot of every call.
        unsafe { head.trim(&self.parent, config.policy(), config.slot_size.get()) }
    }
}

over_core!([A: Allocate, Z: Amount, S: Amount] Slab<A, Z, S>);
crate::alloc::bridge!([A: Allocate, Z: Amount, S: Amount] Slab<A, Z, S>);

impl<A: Allocate, Z: Amount, S: Amount> Reset for Slab<A, Z, S> {
    fn reset(&mut self) {
        // SAFETY: always this parent.
        unsafe { self.core.release(&self.parent) }
    }
}

impl<A: Allocate + Check, Z: Amount, S: Amount> Check for Slab<A, Z, S> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.check()?;
        self.parent.check()
    }
}

impl<Z: Amount, S: Amount> SlabCore<Z, S> {
    /// The core of a new [`Slab`].
    pub const fn new(config: Valid<SlabConfig<Z, S>>) -> Self {
        Self { head: SlabHead::INITIAL, config: config.get() }
    }

    /// Whether a slot serves `layout`, which is not so for size zero.
    #[inline]
    fn fits(&self, layout: Layout) -> bool {
        let slot = self.config.slot_size.get();
        // Size zero wraps to the greatest number.
        layout.size().wrapping_sub(1) < slot && layout.align() <= slot_align(slot)
    }

    /// Lets the head file what became of the freed `block`.
    ///
    /// # Safety
    ///
    /// - `parent` is the usual one.
    /// - `Head::free` of `block` has just asked for it.
    #[cold]
    unsafe fn settle<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>) {
        let config = self.config;
        // SAFETY: as the caller says; configuration and slot never change.
        unsafe { self.head.settle(parent, config.policy(), config.slot_size.get(), block) }
    }
}

// SAFETY: the head keeps the contract for layouts that fit a slot, and always
// gets the same slot and configuration; grants are the slot for all of those.
unsafe impl<Z: Amount, S: Amount> Core for SlabCore<Z, S> {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if self.fits(layout) {
            let config = self.config;
            // SAFETY: the caller gives the usual parent, the rest never changes.
            unsafe { self.head.allocate(parent, config.policy(), config.slot_size.get()) }
        } else if layout.size() == 0 {
            Ok(empty(layout))
        } else {
            Err(AllocError)
        }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        // SAFETY: the caller says that the block is live and ours.
        if unsafe { SlabHead::free(|| &self.head, self.config.policy(), block) } {
            // SAFETY: the usual parent; `free` has just said so.
            unsafe { self.settle(parent, block) }
        }
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, _parent: &A, layout: Layout) -> usize {
        if self.fits(layout) { self.config.slot_size.get() } else { layout.size() }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        let config = self.config;
        // SAFETY: the caller gives the usual parent, the rest never changes.
        unsafe { self.head.release(parent, config.policy(), config.slot_size.get()) }
    }
}

impl<A: Allocate, Z: Amount, S: Amount> Census for Slab<A, Z, S> {
    fn blocks_out(&self) -> usize {
        let SlabCore { head, config } = &self.core;
        head.blocks_out(&self.parent, config.policy(), config.slot_size.get())
    }
}

impl<Z: Amount, S: Amount> Check for SlabCore<Z, S> {
    fn check(&self) -> Result<(), &'static str> {
        self.head.check(&Null, self.config.policy(), self.config.slot_size.get())
    }
}

#[cfg(test)]
mod tests;
