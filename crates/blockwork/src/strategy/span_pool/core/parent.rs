//! The side of the core that faces the parent: chunks, books, the directory.
//!
//! The parent is only called while the core is whole, because it may call back.

use core::{alloc::Layout, ptr::NonNull};

use super::{Run, SpanPoolCore, Want};
use crate::{
    alloc::{AllocError, Allocate},
    math::bins::{LEN_MAX, class_of},
    os::track,
    raw::{
        directory::Table,
        shelf::Shelf,
        span::chunk::{Chunk, ChunkHead},
    },
};

/// The logarithm of the entries that a directory begins with.
const DIRECTORY_BITS: u32 = 3;

/// Memory for the books of one chunk.
#[derive(Clone, Copy, Debug)]
struct Books {
    memory: NonNull<u8>,
    /// Where the memory is a place of, unless it was asked for alone.
    shelf: Option<NonNull<Shelf>>,
}

impl SpanPoolCore {
    /// A new chunk, idle and sorted in, that holds `want`; the directory has
    /// room for it, or for a span of it.
    #[cold]
    pub(super) fn grow<A: Allocate + ?Sized>(&self, parent: &A, want: Want) -> Result<Run, AllocError> {
        let shape = self.shape;
        let one_request = want.len <= shape.request_len && want.align <= shape.request;
        // Found again for sure by the next request of its kind, or not kept.
        let pooled = one_request || want.align <= shape.block;
        let class = if pooled { class_of(want.len) } else { want.len };
        let generous = shape.chunk_layout(class, want.align);
        let exact = shape.chunk_layout(want.len, want.align)?;
        generous
            .and_then(|generous| self.grow_by(parent, generous, pooled))
            .or_else(|error| if generous == Ok(exact) { Err(error) } else { self.grow_by(parent, exact, pooled) })
    }

    fn grow_by<A: Allocate + ?Sized>(&self, parent: &A, memory: Layout, pooled: bool) -> Result<Run, AllocError> {
        let len = self.usable_len(parent, memory)?;
        let base = self.take(parent, memory)?;
        let undo = |error| {
            self.give(parent, base, memory);
            error
        };
        let books = self.take_books(parent, len).map_err(undo)?;
        let undo = |error| {
            self.give_books(parent, books, len);
            undo(error)
        };
        // Asked again, for the parent may have called back.
        self.usable_len(parent, memory)
            .and_then(|still| if len <= still { Ok(()) } else { Err(AllocError) })
            .map_err(undo)?;
        self.make_room(parent).map_err(undo)?;
        Ok(self.adopt(books, ChunkHead::new(base, len, pooled, memory, books.shelf)))
    }

    /// Adds a chunk to the pool: idle, sorted in, and listed if it is of one
    /// request; `books` are for its length.
    fn adopt(&self, books: Books, head: ChunkHead) -> Run {
        let (base, len) = (head.base, head.len);
        track::hide_all(base, self.shape.bytes(len as usize));
        // SAFETY: `take_books` gave zeroed memory for this length, ours alone.
        let chunk = unsafe { Chunk::open(books.memory, head) };
        if self.is_listed(chunk) {
            self.directory.insert(base.addr().get(), chunk.as_ptr());
        }
        self.begin_idling(chunk);
        // SAFETY: new books say that the whole is free, and it is in no bin.
        unsafe { self.bins.insert(chunk.whole()) }
        self.chunks.set(self.chunks.get().wrapping_add(1));
        self.blocks_total.set(self.blocks_total.get().wrapping_add(len as usize));
        self.blocks_free.set(self.blocks_free.get().wrapping_add(len as usize));
        chunk.whole()
    }

    /// Gives a chunk that left the pool, and its books, to `parent`.
    pub(super) fn give_back<A: Allocate + ?Sized>(&self, parent: &A, chunk: Chunk) {
        let &ChunkHead { base, len, memory, shelf, .. } = chunk.head();
        self.give_books(parent, Books { memory: chunk.memory(), shelf }, len);
        self.give(parent, base, memory);
        if self.chunks.get() == 0 {
            self.drop_directory(parent);
        } else if self.directory.is_sparse() {
            self.shrink_directory(parent);
        }
    }

    /// The blocks that a chunk of `memory` will have: whole requests, as many
    /// as the parent grants and the capacity allows.
    fn usable_len<A: Allocate + ?Sized>(&self, parent: &A, memory: Layout) -> Result<u32, AllocError> {
        let shape = self.shape;
        let room = shape.capacity.saturating_sub(self.blocks_total.get()).min(LEN_MAX as usize);
        let granted = parent.granted(memory).wrapping_shr(shape.shift);
        let len = shape.whole_requests(u32::try_from(granted.min(room)).map_err(|_| AllocError)?);
        if memory.size() <= shape.bytes(len as usize) { Ok(len) } else { Err(AllocError) }
    }

    /// Zeroed memory for the books of `len` blocks.
    fn take_books<A: Allocate + ?Sized>(&self, parent: &A, len: u32) -> Result<Books, AllocError> {
        let layout = Chunk::layout(len).ok_or(AllocError)?;
        let Some((place, shelf_layout)) = self.shelf_for(parent, len) else {
            return Ok(Books { memory: self.take_zeroed(parent, layout)?, shelf: None });
        };
        if self.shelves.first().is_none() {
            let memory = self.take(parent, shelf_layout)?;
            // SAFETY: the parent grants that much, aligned as asked, to us alone;
            // books are sized in multiples of their alignment.
            let shelf = unsafe { Shelf::write(memory, parent.granted(shelf_layout), place) };
            // SAFETY: new, so in no list.
            unsafe { self.shelves.push(shelf) }
        }
        let shelf = self.shelves.first().ok_or(AllocError)?;
        // SAFETY: shelves in the list have room.
        let memory = unsafe { Shelf::lend(shelf) };
        // SAFETY: shelves stay while a place of theirs is lent.
        if !unsafe { shelf.as_ref() }.has_room() {
            // SAFETY: it is the list's first.
            unsafe { self.shelves.remove(shelf) }
        }
        // SAFETY: a place holds `place` bytes, and is ours.
        unsafe { memory.write_bytes(0, place) }
        Ok(Books { memory, shelf: Some(shelf) })
    }

    /// Takes back the books of a chunk of `len` blocks; nobody has a handle to
    /// them any more.
    fn give_books<A: Allocate + ?Sized>(&self, parent: &A, books: Books, len: u32) {
        let Some(shelf) = books.shelf else {
            if let Some(layout) = Chunk::layout(len) {
                self.give(parent, books.memory, layout);
            }
            return;
        };
        // SAFETY: shelves stay while a place of theirs is lent.
        let head = unsafe { shelf.as_ref() };
        if !head.has_room() {
            // SAFETY: shelves without room are in no list.
            unsafe { self.shelves.push(shelf) }
        }
        // SAFETY: this shelf lent it, and nobody uses it any more.
        unsafe { Shelf::take_back(shelf, books.memory) }
        if head.is_idle()
            && let Some((_, layout)) = self.shelf_for(parent, len)
        {
            // SAFETY: shelves with room are in the list.
            unsafe { self.shelves.remove(shelf) }
            self.give(parent, shelf.cast(), layout);
        }
    }

    /// The size of a place and the layout of a shelf, if the books of `len`
    /// blocks belong on one: those of the least chunk that the parent gives.
    fn shelf_for<A: Allocate + ?Sized>(&self, parent: &A, len: u32) -> Option<(usize, Layout)> {
        let request = self.shape.chunk_layout(1, 1).ok()?;
        let granted = parent.granted(request).wrapping_shr(self.shape.shift).min(LEN_MAX as usize);
        let least = self.shape.whole_requests(u32::try_from(granted).ok()?);
        let place = Chunk::layout(least)?.size();
        let layout = Shelf::layout(place)?;
        (len <= least).then_some((place, layout))
    }

    /// Makes the directory larger, if it is full.
    pub(super) fn make_room<A: Allocate + ?Sized>(&self, parent: &A) -> Result<(), AllocError> {
        while self.directory.is_full() {
            let bits = self.directory.bits().map_or(DIRECTORY_BITS, |bits| bits.saturating_add(1));
            self.move_directory(parent, bits)?;
        }
        Ok(())
    }

    /// Makes the directory smaller, if it can be and the parent has the memory.
    fn shrink_directory<A: Allocate + ?Sized>(&self, parent: &A) {
        let smaller = self.directory.bits().map(|bits| bits.saturating_sub(1));
        if let Some(bits) = smaller.filter(|&bits| DIRECTORY_BITS <= bits) {
            // Only a wish: the larger one is as good.
            self.move_directory(parent, bits).unwrap_or(());
        }
    }

    /// Makes the directory as small as it can be.
    pub(super) fn compact<A: Allocate + ?Sized>(&self, parent: &A) {
        let mut bits = self.directory.bits();
        while self.directory.is_sparse() && bits.is_some() {
            self.shrink_directory(parent);
            let smaller = self.directory.bits();
            if smaller == bits {
                break;
            }
            bits = smaller;
        }
    }

    /// Moves the directory to a table of `1 << bits` entries or more, unless
    /// that turns out to be no change for the better.
    fn move_directory<A: Allocate + ?Sized>(&self, parent: &A, bits: u32) -> Result<(), AllocError> {
        let layout = Table::<NonNull<ChunkHead>>::layout(bits).ok_or(AllocError)?;
        let memory = self.take_zeroed(parent, layout)?;
        // SAFETY: the parent grants that much, aligned and zeroed, to us alone.
        let table = unsafe { Table::at(memory, parent.granted(layout), layout) };
        let smaller = self.directory.bits().is_some_and(|now| table.bits() < now);
        // The parent may have called back, or grant a lesser wish the same.
        let wanted = table.has_room_beyond(self.directory.used()) && (self.directory.is_full() || smaller);
        let old = if wanted { self.directory.move_to(table) } else { Some(table) };
        if let Some(old) = old {
            self.give(parent, old.memory(), old.layout_asked());
        }
        Ok(())
    }

    pub(super) fn drop_directory<A: Allocate + ?Sized>(&self, parent: &A) {
        if let Some(table) = self.directory.clear() {
            self.give(parent, table.memory(), table.layout_asked());
        }
    }

    fn take<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let memory = parent.allocate(layout)?;
        self.parent_bytes.set(self.parent_bytes.get().wrapping_add(parent.granted(layout)));
        Ok(memory)
    }

    fn take_zeroed<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let memory = parent.allocate_zeroed(layout)?;
        self.parent_bytes.set(self.parent_bytes.get().wrapping_add(parent.granted(layout)));
        Ok(memory)
    }

    /// Gives `memory`, which was taken with this very layout, to `parent`.
    fn give<A: Allocate + ?Sized>(&self, parent: &A, memory: NonNull<u8>, layout: Layout) {
        self.parent_bytes.set(self.parent_bytes.get().wrapping_sub(parent.granted(layout)));
        // SAFETY: the parent gave it for this layout, and nothing points to it now.
        unsafe { crate::alloc::give_back(parent, memory, layout) }
    }
}
