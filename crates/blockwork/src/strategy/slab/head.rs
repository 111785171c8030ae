//! [`SlabHead`]: the slabs of one size of slot, and which of them comes next.
//!
//! ```text
//! current ─► the slab that serves; it leaves when it has nothing left
//! full    ─► those that have nothing left
//! high, half, low, brim ─► the others, by how full they are, in the order in which they come next
//! empty   ─► those without a live slot, kept
//! ```

use core::{alloc::Layout, cell::Cell, marker::PhantomData, ptr::NonNull};

use super::config::{SlabPolicy, slab_rules};
use crate::{
    alloc::{AllocError, Allocate, ConfigError, Head, HeadConfig},
    math::{amount::Amount, fill::Fill, size_class::Initial},
    os,
    raw::{
        list::List,
        slab::{HEADER_SIZE, Header, RawSlab},
    },
};

/// Slabs with slots of one size.
///
/// One cache line. The head of a [`Slab`](super::Slab), and, once per class, of
/// size classes made of slabs.
#[derive(Debug)]
pub struct SlabHead<S> {
    /// In no list; or none.
    current: Cell<RawSlab>,
    /// Invariant: each slab is in the list of its [`Fill`], and its floor is
    /// that of the fill.
    lists: [List<Header>; 6],
    /// Length of the list of empty slabs.
    empties: Cell<usize>,
    _slab_size: PhantomData<S>,
}

// SAFETY: what it points to is memory that nobody else knows of, apart from
// the blocks, which are the caller's; the parent is not part of it.
unsafe impl<S> Send for SlabHead<S> {}

impl<S> Initial for SlabHead<S> {
    const INITIAL: Self = Self {
        current: Cell::new(RawSlab::NONE),
        lists: [const { List::new() }; 6],
        empties: Cell::new(0),
        _slab_size: PhantomData,
    };
}

// SAFETY: slots lie side by side in slabs that the parent gave, behind the
// header, from a multiple of their natural alignment on; a slot is live or in
// one free list or not carved; nothing here panics.
unsafe impl<S: Amount> Head for SlabHead<S> {
    type Config = SlabPolicy<S>;

    const SLOT_MAX: usize = match S::KNOWN {
        Some(slab) => slab.saturating_sub(HEADER_SIZE),
        None => usize::MAX,
    };

    fn validate(config: SlabPolicy<S>, slot_max: usize) -> Result<(), ConfigError> {
        slab_rules(config.slab_size.get(), slot_max)
    }

    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        config: SlabPolicy<S>,
        slot: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        match self.current.get().pop() {
            Some(block) => Ok(block),
            // SAFETY: the caller gives what it gives as ever.
            None => unsafe { self.refill(parent, config, slot) },
        }
    }

    #[inline]
    unsafe fn free<'a>(_head: impl FnOnce() -> &'a Self, config: SlabPolicy<S>, block: NonNull<u8>) -> bool
    where
        Self: 'a,
    {
        // SAFETY: a live block is a slot of a slab of this size.
        let slab = unsafe { RawSlab::of(block, config.slab_size.get()) };
        // SAFETY: the caller says that the block is live, and gives it up.
        unsafe { slab.push(block) }
    }

    /// Files the slab of `block`, whose countdown has reached zero.
    #[cold]
    #[inline(never)]
    unsafe fn settle<A: Allocate + ?Sized>(&self, parent: &A, config: SlabPolicy<S>, slot: usize, block: NonNull<u8>) {
        // SAFETY: it was live until a moment ago, so its slab is still there.
        let slab = unsafe { RawSlab::of(block, config.slab_size.get()) };
        os::check(slab.slot() == slot, "freed with a layout of another class");
        if slab == self.current.get() {
            // Nothing is kept, or its floor would never have been reached.
            self.current.set(RawSlab::NONE);
            // SAFETY: as ever; no live slot, and in no list.
            return unsafe { give_back(parent, config, slab) };
        }
        let fill_before = Fill::of(slab.live().wrapping_add(1), slab.capacity());
        // SAFETY: it was filed by the fill that it had with one more live slot.
        unsafe { self.list(fill_before).remove(slab.header()) }
        // SAFETY: as ever; just taken out of its list.
        unsafe { self.put_away(parent, config, slab) }
    }

    unsafe fn trim<A: Allocate + ?Sized>(&self, parent: &A, config: SlabPolicy<S>, _slot: usize) {
        while let Some(slab) = self.take(Fill::Empty) {
            // SAFETY: as ever; no live slot, and in no list.
            unsafe { give_back(parent, config, slab) }
        }
        let current = self.current.get();
        if current != RawSlab::NONE && current.live() == 0 {
            self.current.set(RawSlab::NONE);
            // SAFETY: as ever; no live slot, and in no list.
            unsafe { give_back(parent, config, current) }
        }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A, config: SlabPolicy<S>, _slot: usize) {
        for fill in FILLS {
            while let Some(slab) = self.take(fill) {
                // SAFETY: as ever; its blocks end now.
                unsafe { give_back(parent, config, slab) }
            }
        }
        let current = self.current.replace(RawSlab::NONE);
        if current != RawSlab::NONE {
            // SAFETY: as ever; its blocks end now.
            unsafe { give_back(parent, config, current) }
        }
    }

    fn check<A: Allocate + ?Sized>(&self, _parent: &A, config: SlabPolicy<S>, slot: usize) -> Result<(), &'static str> {
        let right = |slab: RawSlab| {
            if slab.slot() == slot { slab.check(config.slab_size.get()) } else { Err("slab: slots of another size") }
        };
        for fill in FILLS {
            for slab in self.slabs(fill) {
                right(slab)?;
                if Fill::of(slab.live(), slab.capacity()) != fill || slab.floor() != fill.floor(slab.capacity()) {
                    return Err("slab: not filed by how full it is");
                }
            }
        }
        let current = self.current.get();
        if current != RawSlab::NONE {
            right(current)?;
            if current.floor() != floor_of_current(config) {
                return Err("slab: the current one counts down to a wrong floor");
            }
        }
        if self.empties.get() != self.slabs(Fill::Empty).count() || self.empties.get() > config.keep.saturating_sub(1) {
            return Err("slab: not as many empty ones as are kept");
        }
        Ok(())
    }

    fn blocks_out<A: Allocate + ?Sized>(&self, _parent: &A, _config: SlabPolicy<S>, _slot: usize) -> usize {
        let current = Some(self.current.get()).filter(|&slab| slab != RawSlab::NONE);
        FILLS.into_iter().flat_map(|fill| self.slabs(fill)).chain(current).map(RawSlab::out).sum()
    }
}

impl<S: Amount> HeadConfig for SlabPolicy<S> {
    type Head = SlabHead<S>;
}

const FILLS: [Fill; 6] = [Fill::Empty, Fill::Low, Fill::Half, Fill::High, Fill::Brim, Fill::Full];

impl<S: Amount> SlabHead<S> {
    /// Gets the current slab a free slot, or another slab with one into its
    /// place.
    ///
    /// # Safety
    ///
    /// - `parent`, `config` and `slot` are as ever.
    #[cold]
    #[inline(never)]
    unsafe fn refill<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        config: SlabPolicy<S>,
        slot: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        let current = self.current.get();
        if current.carve() {
            return current.pop().ok_or(AllocError);
        }
        let next = match self.take_next() {
            Some(slab) => slab,
            // SAFETY: parent, policy and slot are those of every call, says the caller.
            None => unsafe { make(parent, config, slot)? },
        };
        next.set_floor(floor_of_current(config));
        // An empty slab has a tail, any other one a list.
        let block = next.pop().or_else(|| next.carve().then(|| next.pop())?);
        // Not the one of above, if the parent called back.
        let current = self.current.replace(next);
        if current != RawSlab::NONE {
            // SAFETY: as ever; current no more, and in no list.
            unsafe { self.put_away(parent, config, current) }
        }
        block.ok_or(AllocError)
    }

    /// Files `slab`, or gives it back if it is one empty slab too many.
    ///
    /// # Safety
    ///
    /// - `parent` and `config` are as ever.
    /// - The slab is in no list, and not current.
    unsafe fn put_away<A: Allocate + ?Sized>(&self, parent: &A, config: SlabPolicy<S>, slab: RawSlab) {
        if slab.live() == 0 {
            if self.empties.get() >= config.keep.saturating_sub(1) {
                // SAFETY: as ever; no live slot, and in no list.
                return unsafe { give_back(parent, config, slab) };
            }
            self.empties.set(self.empties.get().wrapping_add(1));
            slab.clear();
        }
        let fill = Fill::of(slab.live(), slab.capacity());
        slab.set_floor(fill.floor(slab.capacity()));
        // SAFETY: in no list now, and valid until it is given back, before which
        // it leaves this one.
        unsafe { self.list(fill).push(slab.header()) }
    }

    /// Takes the slab to serve from next: the fuller, the earlier, so that the
    /// emptier ones can run empty. Those with few slots left come after them:
    /// they would have to be replaced at once.
    fn take_next(&self) -> Option<RawSlab> {
        [Fill::High, Fill::Half, Fill::Low, Fill::Brim, Fill::Empty].into_iter().find_map(|fill| self.take(fill))
    }

    /// Takes a slab out of a list.
    fn take(&self, fill: Fill) -> Option<RawSlab> {
        let header = self.list(fill).first()?;
        // SAFETY: just found in this list.
        unsafe { self.list(fill).remove(header) }
        if fill == Fill::Empty {
            self.empties.set(self.empties.get().wrapping_sub(1));
        }
        // SAFETY: what is in the lists are slabs.
        Some(unsafe { RawSlab::from_header(header) })
    }

    fn slabs(&self, fill: Fill) -> impl Iterator<Item = RawSlab> {
        let list = self.list(fill);
        // SAFETY: asked for nodes of the list.
        let headers = core::iter::successors(list.first(), |&header| unsafe { list.after(header) });
        // SAFETY: what is in the lists are slabs.
        headers.map(|header| unsafe { RawSlab::from_header(header) })
    }

    fn list(&self, fill: Fill) -> &List<Header> {
        let [empty, low, half, high, brim, full] = &self.lists;
        match fill {
            Fill::Empty => empty,
            Fill::Low => low,
            Fill::Half => half,
            Fill::High => high,
            Fill::Brim => brim,
            Fill::Full => full,
        }
    }
}

/// The current slab, if any is to be kept when it is empty, is kept first: its
/// countdown never ends. Otherwise it ends when no slot is live.
fn floor_of_current<S>(config: SlabPolicy<S>) -> usize {
    if config.keep == 0 { 0 } else { 0_usize.wrapping_sub(1) }
}

/// The layout of every slab.
fn slab_layout<S: Amount>(config: SlabPolicy<S>) -> Result<Layout, AllocError> {
    let size = config.slab_size.get();
    Layout::from_size_align(size, size).map_err(|_| AllocError)
}

/// Makes a slab of memory from `parent`.
///
/// # Safety
///
/// - `slot` is a multiple of a pointer's size.
unsafe fn make<A: Allocate + ?Sized, S: Amount>(
    parent: &A,
    config: SlabPolicy<S>,
    slot: usize,
) -> Result<RawSlab, AllocError> {
    let layout = slab_layout(config)?;
    if RawSlab::capacity_of(layout.size(), slot) == 0 {
        return Err(AllocError);
    }
    let memory = parent.allocate(layout)?;
    // SAFETY: fresh, of that size and so aligned, and a slot fits.
    Ok(unsafe { RawSlab::make(memory, layout.size(), slot) })
}

/// Gives the memory of `slab` back to `parent`.
///
/// # Safety
///
/// - The slab was made by [`make`] with this parent and this configuration.
/// - It is in no list, and neither it nor its blocks are used again.
unsafe fn give_back<A: Allocate + ?Sized, S: Amount>(parent: &A, config: SlabPolicy<S>, slab: RawSlab) {
    if let Ok(layout) = slab_layout(config) {
        // SAFETY: the block that `make` got, with its layout.
        unsafe { crate::alloc::give_back(parent, slab.header().cast(), layout) }
    }
}
