//! [`Heap`]: what a thread allocates from without asking another one.
//!
//! ```text
//! size ─► class ─► list ─► block                        a hit: no call, no lock
//!                   ▲
//!                   └── all free blocks of a slab ◄── queue of the class
//!                                         ▲
//!             notices ─► slabs with mail ─┘             what other threads freed
//! ```

use core::{alloc::Layout, cell::Cell, ptr, ptr::NonNull};

use super::{outbox::Outbox, page::Page, spares::Spares};
use crate::{
    math::size_class::{Classes, Quad},
    raw::{free_list::FreeList, mail::Mail, queue::Queue},
};

/// The largest block of a slab: two of them fill a page.
pub(crate) const SLAB_MAX: usize = 32 * 1024;

/// The classes.
pub(super) const TABLE: Quad<SLAB_MAX> = Quad;
pub(crate) const CLASSES: usize = Quad::<SLAB_MAX>::class_of(SLAB_MAX) + 1;

/// Sizes up to this find their class in a table.
pub(crate) const LISTED_MAX: usize = 1024;
const STEP: usize = 16;

/// As many steps, and that of no bytes.
const STEPS: usize = LISTED_MAX / STEP + 1;

/// The classes of the sizes up to `LISTED_MAX`, in steps, the first that of zero,
/// and none below `least`.
#[expect(clippy::cast_possible_truncation, reason = "asserted")]
#[expect(clippy::indexing_slicing, reason = "when compiled")]
const fn listed(least: u8) -> [u8; STEPS] {
    let mut table = [least; STEPS];
    let mut step = 1;
    while step < table.len() {
        let class = Quad::<SLAB_MAX>::class_of(step.wrapping_mul(STEP));
        assert!(class < CLASSES && class < u8::MAX as usize, "a class in a byte");
        if class > least as usize {
            table[step] = class as u8;
        }
        step = step.wrapping_add(1);
    }
    table
}

/// A heap of slabs; see the [module](self).
///
/// One thread at a time owns it; others only post notices.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Heap {
    /// What [`listed`] makes, where the code has the heap's address anyhow.
    listed: [u8; STEPS],
    /// Free blocks in hand, by class; in use, as far as their slabs know.
    lists: [FreeList; CLASSES],
    queues: [Queue<Page>; CLASSES],
    outbox: Outbox,
    /// Spans that are free, for slabs of any class and for others.
    pub(super) spares: Spares,
    /// Times that a list ran dry; wraps.
    pub(super) refills: Cell<u32>,
    /// When the round began that its spares were last looked at in.
    pub(super) round: Cell<u32>,
    /// What the [policy](super::policy) keeps with the heap; null, or for good.
    annex: Cell<*mut u8>,
    /// Who is told when the thread ends; null if nobody.
    home: Cell<*const ()>,
    /// The next heap without a thread.
    pub(super) next: Cell<Option<&'static Self>>,
    notices: Notices,
}

/// Slabs of the heap that have mail: on a line of its own, as others write it.
#[repr(C, align(128))]
#[derive(Debug)]
struct Notices(Mail);

// SAFETY: a heap changes hands with an order between the owners; everything but
// the notices is touched by the owner alone, and they are atomic.
unsafe impl Sync for Heap {}
// SAFETY: the same order is between the owners when it changes threads by itself.
unsafe impl Send for Heap {}

impl Heap {
    /// A heap with nothing in it.
    pub(crate) const fn new() -> Self {
        Self::with_least(0)
    }

    /// The same, of which small blocks are of the class `least` at least.
    pub(crate) const fn with_least(least: u8) -> Self {
        Self {
            listed: listed(least),
            lists: [const { FreeList::new() }; CLASSES],
            queues: [const { Queue::new() }; CLASSES],
            outbox: Outbox::new(),
            spares: Spares::new(),
            refills: Cell::new(0),
            round: Cell::new(0),
            annex: Cell::new(ptr::null_mut()),
            home: Cell::new(ptr::null()),
            next: Cell::new(None),
            notices: Notices(Mail::new()),
        }
    }

    /// A block of `size` bytes, if one is in hand.
    #[inline(always)]
    pub(crate) fn hit(&self, size: usize) -> Option<NonNull<u8>> {
        if size <= LISTED_MAX {
            let (_, list) = self.list_for(size)?;
            return list.pop();
        }
        self.lists.get(Quad::<SLAB_MAX>::class_of(size))?.pop()
    }

    /// The class of blocks of `size` bytes, up to `LISTED_MAX`, and those in hand.
    #[inline(always)]
    pub(crate) fn list_for(&self, size: usize) -> Option<(usize, &FreeList)> {
        let class = *self.listed.get(size.wrapping_add(STEP - 1) / STEP)? as usize;
        // SAFETY: the table holds classes, as its making asserts.
        Some((class, unsafe { self.lists.get_unchecked(class) }))
    }

    /// A block for `layout`, if one is in hand.
    #[inline]
    pub(crate) fn hit_aligned(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.lists.get(class_of(layout)?)?.pop()
    }

    #[inline]
    pub(super) const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    #[inline]
    pub(super) const fn notices(&self) -> &Mail {
        &self.notices.0
    }

    /// What the policy keeps with the heap; null if nothing.
    #[inline(always)]
    pub(crate) const fn annex(&self) -> *mut u8 {
        self.annex.get()
    }

    pub(crate) fn set_annex(&self, annex: NonNull<u8>) {
        self.annex.set(annex.as_ptr());
    }

    /// Who is told when the thread ends.
    pub(super) const fn home(&self) -> *const () {
        self.home.get()
    }

    pub(super) fn set_home(&self, home: *const ()) {
        self.home.set(home);
    }

    /// The blocks in hand of `class`.
    pub(crate) fn list(&self, class: usize) -> Option<&FreeList> {
        self.lists.get(class)
    }

    /// The slabs of `class` that have free blocks.
    pub(super) fn queue(&self, class: usize) -> Option<&Queue<Page>> {
        self.queues.get(class)
    }
}

/// The class that serves `layout`; none if a slab cannot.
#[inline]
pub(crate) fn class_of(layout: Layout) -> Option<usize> {
    if layout.size() > SLAB_MAX {
        return None;
    }
    let size = layout.size().max(1);
    let layout = Layout::from_size_align(size, layout.align()).ok()?;
    Some(TABLE.of(layout)).filter(|&class| class < CLASSES)
}

/// Bytes of a block of `class`.
pub(crate) fn class_size(class: usize) -> usize {
    TABLE.size(class)
}
