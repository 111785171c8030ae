//! The heap: allocation by size, marking, sweeping.

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{AllocError, Allocate};

use crate::{
    block_list::BlockList,
    bump_block::{BODY, ImmixBlock, needed},
    lines::CAPACITY,
    object::{FRONT, Gc, Object, ObjectHeader, SizeClass},
};

/// Why there is no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeapError {
    /// Larger than any object can be.
    BadRequest,
    /// The parent has no memory.
    OutOfMemory,
}

/// What ends in a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    /// New objects that are not reached. Marks stick, so old objects stay
    /// without being looked at.
    Minor,
    /// All objects that are not reached.
    Major,
}

/// The kind of plain bytes.
const BYTES: u16 = 0;

/// Objects that are kept by marking them, over memory of `A`.
pub(crate) struct StickyImmixHeap<'p, A: Allocate> {
    blocks: BlockList<'p, A>,
    large: Vec<Large<'p, A>>,
    /// Objects whose end has to be told.
    finalizable: Vec<NonNull<ObjectHeader>>,
    /// What marks are compared with; a major collection changes it, and with it
    /// all objects are unmarked.
    epoch: u8,
    parent: &'p A,
}

/// An object too large for a block.
struct Large<'p, A: Allocate> {
    start: NonNull<u8>,
    layout: Layout,
    header: NonNull<ObjectHeader>,
    parent: &'p A,
}

impl<A: Allocate> Drop for Large<'_, A> {
    fn drop(&mut self) {
        // SAFETY: from this parent with this layout; nothing lives in it.
        unsafe { self.parent.deallocate(self.start, self.layout) }
    }
}

impl<'p, A: Allocate> StickyImmixHeap<'p, A> {
    pub(crate) const fn new(parent: &'p A) -> Self {
        let blocks = BlockList::new(parent);
        Self { blocks, large: Vec::new(), finalizable: Vec::new(), epoch: 1, parent }
    }

    /// Moves `value` into the heap.
    pub(crate) fn alloc<T: Object>(&mut self, value: T) -> Result<Gc<T>, HeapError> {
        /// # Safety
        ///
        /// - `value` is a `T`, which is not used again.
        unsafe fn finalize<T>(value: NonNull<u8>) {
            // SAFETY: the caller's promise.
            unsafe { value.cast::<T>().drop_in_place() }
        }
        let ends = if core::mem::needs_drop::<T>() { Some(finalize::<T> as unsafe fn(_)) } else { None };
        let place = self.place(Layout::new::<T>(), T::KIND, ends)?.cast::<T>();
        // SAFETY: room for a `T`, aligned for it, and nobody else's.
        unsafe { place.write(value) }
        // From here on it is a value, whose end can be told.
        if ends.is_some() {
            // SAFETY: just written, with a header in front.
            self.finalizable.push(unsafe { ObjectHeader::before(place.cast()) });
        }
        Ok(Gc { value: place })
    }

    /// Takes zeroed bytes.
    pub(crate) fn alloc_bytes(&mut self, layout: Layout) -> Result<Gc<[u8]>, HeapError> {
        let place = self.place(layout, BYTES, None)?;
        // SAFETY: room for so many bytes, and nobody else's.
        unsafe { place.write_bytes(0, layout.size()) }
        Ok(Gc { value: NonNull::slice_from_raw_parts(place, layout.size()) })
    }

    /// Room for a value, with a header in front.
    fn place(
        &mut self,
        layout: Layout,
        kind: u16,
        finalize: Option<unsafe fn(NonNull<u8>)>,
    ) -> Result<NonNull<u8>, HeapError> {
        let size = u32::try_from(layout.size()).map_err(|_| HeapError::BadRequest)?;
        let is_large = needed(FRONT, layout).is_none_or(|needed| needed > CAPACITY);
        let class = if is_large { SizeClass::Large } else { SizeClass::InBlock };
        let value = match class {
            SizeClass::InBlock => self.blocks.alloc(FRONT, layout)?,
            SizeClass::Large => self.place_large(layout)?,
        };
        // SAFETY: room for the header was taken with the value's.
        let header = unsafe { ObjectHeader::before(value) };
        // SAFETY: aligned to 16, and nobody else's.
        unsafe { header.write(ObjectHeader { finalize, size, kind, class, mark: 0.into() }) }
        Ok(value)
    }

    fn place_large(&mut self, layout: Layout) -> Result<NonNull<u8>, HeapError> {
        let whole = Layout::new::<ObjectHeader>().extend(layout);
        let (layout, offset) = whole.map_err(|_| HeapError::BadRequest)?;
        let start = self.parent.allocate(layout)?;
        // SAFETY: inside the block, behind the header and any padding.
        let value = unsafe { start.add(offset) };
        // SAFETY: what is in front is a header's room.
        let header = unsafe { ObjectHeader::before(value) };
        self.large.push(Large { start, layout, header, parent: self.parent });
        Ok(value)
    }

    /// Ends what `trace` does not mark; see [`Collection`]. If it unwinds, the
    /// program ends.
    ///
    /// # Safety
    ///
    /// - Only living objects are marked.
    /// - What ends is not used again, but to be told so: of the objects that are
    ///   not marked, in a minor collection those since the one before, in a major
    ///   one all.
    pub(crate) unsafe fn collect(&mut self, kind: Collection, trace: impl FnOnce(&Marker)) {
        if kind == Collection::Major {
            self.epoch = 3_u8.wrapping_sub(self.epoch);
            self.blocks.set_all_lines(false);
        }
        let mut tracing = Tracing { is_done: false };
        trace(&Marker { epoch: self.epoch });
        tracing.is_done = true;
        self.sweep();
    }

    /// Ends what is not marked.
    fn sweep(&mut self) {
        let epoch = self.epoch;
        let is_dead = |header: NonNull<ObjectHeader>| {
            // SAFETY: the memory of dead objects is still theirs.
            unsafe { header.as_ref() }.mark.get() != epoch
        };
        let dead: Vec<_> = self.finalizable.extract_if(.., |header| is_dead(*header)).collect();
        let large: Vec<_> = self.large.extract_if(.., |object| is_dead(object.header)).collect();
        self.blocks.sweep();
        // Only now, when all is in order, as one of them may unwind. Their
        // memory is not used again before this returns.
        dead.into_iter().for_each(finalize);
        drop(large);
    }

    /// Gives the blocks back in which nothing lives; returns how many.
    pub(crate) fn trim(&mut self) -> usize {
        self.blocks.trim()
    }

    /// Blocks in use and free, and objects of their own.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.blocks.len(), self.large.len())
    }
}

/// Tells an object that it ends; it is in no list any more.
fn finalize(header: NonNull<ObjectHeader>) {
    // SAFETY: the memory is still the object's.
    let told = unsafe { header.as_ref() }.finalize;
    // SAFETY: a value lies right behind its header.
    let value = unsafe { header.cast::<u8>().add(FRONT) };
    if let Some(told) = told {
        // SAFETY: of the type that the function is for, and ended once.
        unsafe { told(value) }
    }
}

impl<A: Allocate> Drop for StickyImmixHeap<'_, A> {
    fn drop(&mut self) {
        core::mem::take(&mut self.finalizable).into_iter().for_each(finalize);
    }
}

/// Ends the program when tracing unwinds: half of the marks are none.
struct Tracing {
    is_done: bool,
}

impl Drop for Tracing {
    fn drop(&mut self) {
        if !self.is_done {
            std::process::abort();
        }
    }
}

/// Marks objects in a collection.
pub(crate) struct Marker {
    epoch: u8,
}

impl Marker {
    /// Keeps `object`; whether it was not marked before, so that what it refers
    /// to has to be looked at.
    ///
    /// # Safety
    ///
    /// - The object lives, in the heap that collects.
    pub(crate) unsafe fn mark<T: ?Sized>(&self, object: Gc<T>) -> bool {
        // SAFETY: the caller's promise.
        let at = unsafe { ObjectHeader::before(object.value.cast()) };
        // SAFETY: the object lives.
        let header = unsafe { at.as_ref() };
        if header.mark.replace(self.epoch) == self.epoch {
            return false;
        }
        if header.class == SizeClass::InBlock {
            mark_lines(at, header);
        }
        true
    }
}

/// Marks the lines of an object in a block, whose header is found by a mask.
fn mark_lines(at: NonNull<ObjectHeader>, header: &ObjectHeader) {
    type Any = ImmixBlock<'static, blockwork::Null>;
    // SAFETY: inside a block, and derived from it; the parent is no part of
    // what lies there.
    let block = unsafe { Any::header_of(at.cast()) };
    // SAFETY: the block lives as long as the heap does.
    let lines = &unsafe { block.as_ref() }.lines;
    let size = usize::try_from(header.size).unwrap_or(CAPACITY);
    lines.mark(Any::offset_of(at.cast()).wrapping_sub(BODY), size.saturating_add(FRONT));
}

impl From<AllocError> for HeapError {
    fn from(AllocError: AllocError) -> Self {
        Self::OutOfMemory
    }
}
