//! [`Pool`]: values of one type, at addresses that stay, behind boxes or keys.
//!
//! ```text
//! row 0   [ value | value | free  | value ]             PoolBox ──► value     owns it
//! row 1   [ value | free  | value | untouched ……… ]     PoolKey ··► value     may find it
//! row 2   …                                             each row twice as long as the one before
//! ```
//!
//! | | |
//! |---|---|
//! | time | 8 instructions for a box of a word made and dropped, one of them a branch; in a shared pool 13 |
//! | space | 8 bytes beside each value, which itself takes a pointer at least; 256 bytes for the table of rows |
//! | sharing | single-threaded (`Cell`); boxes can be looked at from other threads |
//! | failure | `try_` methods return the error; the others panic |
//! | keys | 33 instructions to insert and remove a word, 14 to look one up |
//!
//! A value is put in as a [`PoolBox`], which owns it like a `Box` and is dropped
//! like one; or under a [`PoolKey`], a plain number that finds the value until
//! somebody removes it, and nothing afterwards. Both live side by side in the same
//! slots, and [`PoolBox::into_key`] makes one of the other without moving the
//! value.
//!
//! A box keeps a pointer to its pool, and which one is up to whoever makes it:
//!
//! | box | made by | lives |
//! |---|---|---|
//! | `PoolBox<T, &Pool<T, A>>` | [`Pool::alloc_box`] | as long as the borrow of the pool |
//! | `PoolBox<T, Rc<Pool<T, A>>>` | [`PoolBox::new_in`] | as long as it likes: the last one ends the pool |
//!
//! Keys need no borrow at all. Removing by key does, of the whole pool, since
//! somebody could be looking at the value: `&mut`.
//!
//! Whatever is still there when the pool goes is dropped with it: values under
//! keys, and those of boxes that were leaked or forgotten.
//!
//! When not to use it: for values that all end together and need no drop, an
//! [`Arena`](crate::Arena) is less; for values of one type without keys where each
//! byte counts, `Box::new_in` with a [`BlockPool`](crate::BlockPool) is smaller. Rows
//! double, so over a small buffer the last one may not fit though half of the
//! buffer is free; and they go back from the last one only, by [`Pool::trim`]. A value that
//! borrows its own pool, as boxes of `&Pool` do, cannot be in it: it would be dropped
//! with what it borrows. Counted boxes and keys can.
//!
//! # Example
//!
//! ```
//! use blockwork::{Pool, PoolKey, System};
//!
//! struct Node {
//!     name: &'static str,
//!     next: Option<PoolKey<Node>>,
//! }
//!
//! let mut pool = Pool::new(System);
//! let world = pool.insert(Node { name: "world", next: None });
//! let hello = pool.insert(Node { name: "hello", next: Some(world) });
//! assert_eq!(pool[hello].next.map(|next| pool[next].name), Some("world"));
//!
//! pool.remove(world);
//! assert!(pool.get(world).is_none());
//! pool.insert(Node { name: "somebody else", next: None }); // in the same place
//! assert!(pool.get(world).is_none());
//! ```
//!
//! Boxes that outlive every borrow of their pool:
//!
//! ```
//! use std::rc::Rc;
//! use blockwork::{Pool, PoolBox, System};
//!
//! type Shared = Rc<Pool<String, System>>;
//!
//! fn greet(pool: &Shared) -> PoolBox<String, Shared> {
//!     PoolBox::new_in("hello".to_owned(), Rc::clone(pool))
//! }
//!
//! let pool = Rc::new(Pool::new(System));
//! let greeting = greet(&pool);
//! drop(pool);
//! assert_eq!(*greeting, "hello");
//! ```

use core::{alloc::Layout, cell::Cell, fmt, marker::PhantomData, mem, num::NonZeroU32, ptr::NonNull};

mod boxed;
mod iter;
mod key;
mod keyed;
mod slot;
#[cfg(all(test, feature = "std"))]
mod tests;

pub use self::{
    boxed::{PoolBox, PoolRef},
    iter::{PoolDrain, PoolIter, PoolIterMut},
    key::PoolKey,
};
use self::{
    key::Generation,
    slot::{FREE, RETIRED, SLOTS_MAX, Slot, SlotRef},
};
use super::or_panic;
use crate::{
    alloc::{AllocError, Allocate, Check, give_back},
    math::doubling,
    os::track,
    raw::free_list::FreeList,
};

/// As many rows as it takes to count to 32 bits, if the first has one slot.
const ROWS: usize = 32;

/// The first slot of a row that is there.
type Row<T> = Cell<Option<NonNull<Slot<T>>>>;

/// Values of one type; see the [module](self).
pub struct Pool<T, A: Allocate> {
    /// Slots that were used before, the last one freed in front.
    free: FreeList,
    /// Slots that were ever handed out. Invariant: those below are in rows that
    /// are there, and have tags.
    carved: Cell<u32>,
    /// The generation of slots that were never handed out. Invariant: even, and not
    /// below those of slots whose memory went back.
    start: Cell<Generation>,
    /// Invariant: none is there behind one that is not.
    rows: [Row<T>; ROWS],
    parent: A,
    _values: PhantomData<T>,
}

// SAFETY: rows and values belong to the pool and may change threads as they may;
// boxes borrow the pool, so none is left behind.
unsafe impl<T: Send, A: Allocate + Send> Send for Pool<T, A> {}

impl<T, A: Allocate> Pool<T, A> {
    /// The logarithm of the length of the first row, of 512 bytes at most, or one slot.
    const FIRST_LOG2: u32 = match 512_usize.wrapping_div(size_of::<Slot<T>>()).checked_ilog2() {
        Some(log2) if log2 < 5 => log2,
        Some(_) => 5,
        None => 0,
    };

    /// Will take rows from `parent`, one whenever no slot is free.
    ///
    /// Nothing is taken yet.
    #[must_use]
    pub const fn new(parent: A) -> Self {
        Self {
            free: FreeList::new(),
            carved: Cell::new(0),
            start: Cell::new(Generation::FIRST),
            rows: [const { Cell::new(None) }; ROWS],
            parent,
            _values: PhantomData,
        }
    }

    /// The parent.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Puts `value` into a box that is dropped before the pool.
    ///
    /// ```
    /// use blockwork::{Pool, System};
    ///
    /// let pool = Pool::new(System);
    /// let mut squares: Vec<_> = (0_u64..100).map(|n| pool.alloc_box(n * n)).collect();
    /// *squares[7] += 1;
    /// assert_eq!(*squares[7], 50);
    /// ```
    ///
    /// # Panics
    ///
    /// Without memory.
    #[inline]
    #[track_caller]
    pub fn alloc_box(&self, value: T) -> PoolBox<T, &Self> {
        PoolBox::new_in(value, self)
    }

    /// [`alloc_box`](Self::alloc_box), or the value back.
    ///
    /// # Errors
    ///
    /// The value, without memory.
    #[inline]
    pub fn try_alloc_box(&self, value: T) -> Result<PoolBox<T, &Self>, T> {
        PoolBox::try_new_in(value, self)
    }

    /// Boxes what `make` returns.
    ///
    /// # Panics
    ///
    /// Without memory, and then `make` is not called.
    #[inline]
    #[track_caller]
    pub fn alloc_box_with(&self, make: impl FnOnce() -> T) -> PoolBox<T, &Self> {
        or_panic(self.try_alloc_box_with(make))
    }

    /// [`alloc_box_with`](Self::alloc_box_with), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; `make` was not called.
    #[inline]
    pub fn try_alloc_box_with(&self, make: impl FnOnce() -> T) -> Result<PoolBox<T, &Self>, AllocError> {
        PoolBox::try_new_with_in(make, self)
    }

    /// Takes rows until `additional` more values fit without the parent.
    ///
    /// # Panics
    ///
    /// Without memory.
    #[track_caller]
    pub fn reserve(&self, additional: usize) {
        or_panic(self.try_reserve(additional));
    }

    /// [`reserve`](Self::reserve), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory; rows taken on the way went back.
    pub fn try_reserve(&self, additional: usize) -> Result<(), AllocError> {
        // More than any memory has is not taken row by row until all is gone.
        Layout::array::<Slot<T>>(additional).map_err(|_| AllocError)?;
        if additional > Self::widened(SLOTS_MAX) {
            return Err(AllocError);
        }
        let before = self.rows_len();
        // At most once for each row, whatever the parent does when it calls back.
        for _ in 0..ROWS {
            if self.vacant() >= additional {
                return Ok(());
            }
            if self.grow(self.rows_len()).is_err() {
                break;
            }
        }
        self.give_back(before);
        Err(AllocError)
    }

    /// Drops all values and keeps the rows: those under keys, which no key finds
    /// any more, and those of boxes that were leaked or forgotten.
    ///
    /// ```compile_fail,E0502
    /// # use blockwork::{Pool, System};
    /// let mut pool = Pool::new(System);
    /// let boxed = pool.alloc_box(1);
    /// pool.clear(); // a box lives
    /// drop(boxed);
    /// ```
    pub fn clear(&mut self) {
        Stock::take(self).drop_live();
    }

    /// Gives the last rows back, as far as no value lives in them, and puts the free
    /// slots of the others in the order of their places.
    ///
    /// Values do not move, so one that lives in the last row keeps all rows.
    ///
    /// ```
    /// use blockwork::{Pool, System};
    ///
    /// let mut pool = Pool::new(System);
    /// let first = pool.insert(0);
    /// let rest: Vec<_> = (1..1000).map(|n| pool.insert(n)).collect();
    /// pool.retain(|key, _| key == first);
    /// pool.trim();
    /// assert!(pool.capacity() < 100);
    /// ```
    pub fn trim(&self) {
        // Nobody else's code runs while slots are marked.
        self.mark_free();
        let marked = PutMarked(self);
        // Not free, or used up, which has to be remembered.
        let kept = (0..self.carved.get()).zip(self.slots()).filter(|(_, slot)| slot.tag().number.get() != FREE).last();
        let rows = kept.map_or(0, |(index, _)| Self::place(index).0.saturating_add(1));
        let end = u32::try_from(doubling::row_start(rows, Self::FIRST_LOG2)).unwrap_or(u32::MAX);
        for slot in (end..self.carved.get()).filter_map(|index| self.slot(index)) {
            self.start.set(self.start.get().max(slot.tag().generation.get()));
        }
        self.carved.set(self.carved.get().min(end));
        drop(marked);
        self.give_back(rows);
    }

    /// Values that live now, in boxes or under keys: found by walking all slots, so
    /// that making and dropping need not count.
    #[must_use]
    pub fn values_live(&self) -> usize {
        let retired = self.slots().filter(|slot| slot.tag().number.get() == RETIRED).count();
        self.slots().count().saturating_sub(self.free.iter().count()).saturating_sub(retired)
    }

    /// Values that fit without another row.
    #[must_use]
    pub fn capacity(&self) -> usize {
        doubling::row_start(self.rows_len(), Self::FIRST_LOG2)
    }

    /// A slot that nobody uses; with an even generation.
    #[inline]
    fn take(&self) -> Result<SlotRef<'_, T>, AllocError> {
        match self.free.pop() {
            Some(slot) => {
                track::show(slot, size_of::<T>());
                // SAFETY: what is in the list is a slot with its tag.
                Ok(unsafe { SlotRef::new(slot.cast()) })
            }
            None => self.carve_or_grow(),
        }
    }

    /// Takes a slot back.
    ///
    /// # Safety
    ///
    /// - It is this pool's, and nobody uses the value in it any more.
    /// - Its generation is even.
    #[inline]
    unsafe fn put(&self, slot: NonNull<u8>) {
        // SAFETY: a slot is at least as large and as aligned as a link, and the
        // caller gives it up.
        unsafe { self.free.push(slot) }
        track::hide(slot, size_of::<T>());
    }

    #[cold]
    #[inline(never)]
    fn carve_or_grow(&self) -> Result<SlotRef<'_, T>, AllocError> {
        loop {
            let index = self.carved.get();
            if index >= SLOTS_MAX {
                return Err(AllocError);
            }
            let (row, offset) = Self::place(index);
            match self.rows.get(row).and_then(Cell::get) {
                Some(first) => {
                    self.carved.set(index.wrapping_add(1));
                    // SAFETY: in the row.
                    let slot = unsafe { first.add(offset) };
                    track::show(slot.cast(), size_of::<Slot<T>>());
                    // SAFETY: a slot that nobody has had; rows stay as long as
                    // the pool is borrowed.
                    return Ok(unsafe { SlotRef::init(slot, NonZeroU32::MIN.saturating_add(index), self.start.get()) });
                }
                None => self.grow(row)?,
            }
        }
    }

    /// Takes row number `row` from the parent, the next one.
    #[cold]
    #[inline(never)]
    fn grow(&self, row: usize) -> Result<(), AllocError> {
        let place = self.rows.get(row).ok_or(AllocError)?;
        let layout = Self::row_layout(row)?;
        let first = self.parent.allocate(layout)?;
        if self.rows_len() != row {
            // The parent has called back, and that call has taken this row, or
            // given back the one before.
            // SAFETY: from this parent with this layout, and unused.
            unsafe { self.parent.deallocate(first, layout) }
        } else {
            track::hide_all(first, layout.size());
            place.set(Some(first.cast()));
        }
        Ok(())
    }

    /// Gives back the rows from number `from` on in which no slot was used.
    fn give_back(&self, from: usize) {
        for row in (from..self.rows_len()).rev() {
            let is_used = doubling::row_start(row, Self::FIRST_LOG2) < Self::widened(self.carved.get());
            if let (false, Some(place), Ok(layout)) = (is_used, self.rows.get(row), Self::row_layout(row))
                && let Some(first) = place.take()
            {
                // SAFETY: from this parent with this layout; no slot is used.
                unsafe { give_back(&self.parent, first.cast(), layout) }
            }
        }
    }

    fn row_layout(row: usize) -> Result<Layout, AllocError> {
        Layout::array::<Slot<T>>(doubling::row_len(row, Self::FIRST_LOG2)).map_err(|_| AllocError)
    }

    /// A number of slots, which are in memory, so it fits a word.
    #[inline]
    const fn widened(slots: u32) -> usize {
        slots as usize
    }

    #[inline]
    const fn place(index: u32) -> (usize, usize) {
        doubling::place(Self::widened(index), Self::FIRST_LOG2)
    }

    /// How many rows are there.
    fn rows_len(&self) -> usize {
        self.rows.iter().take_while(|row| row.get().is_some()).count()
    }

    /// Values that fit without the parent.
    fn vacant(&self) -> usize {
        let untouched = self.capacity().saturating_sub(Self::widened(self.carved.get()));
        self.free.iter().count().saturating_add(untouched)
    }

    /// The slot with this index, if it was ever used.
    #[inline]
    fn slot(&self, index: u32) -> Option<SlotRef<'_, T>> {
        if index >= self.carved.get() {
            return None;
        }
        // SAFETY: it was carved.
        unsafe { self.slot_at(Self::place(index)) }
    }

    /// The slot with this number, which is its index and one more.
    #[inline]
    fn slot_numbered(&self, number: NonZeroU32) -> Option<SlotRef<'_, T>> {
        if number.get() > self.carved.get() {
            return None;
        }
        // In full words, where it adds up with what `place` adds.
        let index = Self::widened(number.get()).wrapping_sub(1);
        // SAFETY: it was carved.
        unsafe { self.slot_at(doubling::place(index, Self::FIRST_LOG2)) }
    }

    /// The slot in this row at this place.
    ///
    /// # Safety
    ///
    /// - It was carved.
    #[inline]
    unsafe fn slot_at(&self, (row, offset): (usize, usize)) -> Option<SlotRef<'_, T>> {
        // SAFETY: carved slots are in rows that are there.
        let first = unsafe { self.rows.get(row)?.get().unwrap_unchecked() };
        // SAFETY: in the row.
        let slot = unsafe { first.add(offset) };
        // SAFETY: carved slots have tags; rows stay as long as the pool is
        // borrowed.
        Some(unsafe { SlotRef::new(slot) })
    }

    /// Takes all slots off the free list and marks them instead.
    fn mark_free(&self) {
        while let Some(block) = self.free.pop() {
            // SAFETY: what is in the list is a slot with its tag.
            let slot = unsafe { SlotRef::<T>::new(block.cast()) };
            slot.tag().number.set(FREE);
        }
    }

    /// All slots that were ever used.
    fn slots(&self) -> impl Iterator<Item = SlotRef<'_, T>> {
        (0..self.carved.get()).filter_map(|index| self.slot(index))
    }
}

impl<T, A: Allocate> Drop for Pool<T, A> {
    fn drop(&mut self) {
        /// Gives the rows back whatever the values do.
        struct Rows<'p, T, A: Allocate>(&'p mut Pool<T, A>);
        impl<T, A: Allocate> Drop for Rows<'_, T, A> {
            fn drop(&mut self) {
                self.0.free.clear();
                self.0.carved.set(0);
                self.0.give_back(0);
            }
        }
        let pool = Rows(self);
        if mem::needs_drop::<T>() {
            Stock::take(pool.0).drop_live();
        }
    }
}

/// Stocktaking: the free list is empty, and free slots carry a mark instead.
///
/// When it ends, marked slots are in the list again, in the order of their
/// indices.
struct Stock<'p, T, A: Allocate> {
    pool: &'p Pool<T, A>,
    /// The next slot to look at.
    next: u32,
}

impl<'p, T, A: Allocate> Stock<'p, T, A> {
    /// Nobody else uses the pool meanwhile.
    fn take(pool: &'p mut Pool<T, A>) -> Self {
        pool.mark_free();
        Self { pool, next: 0 }
    }

    /// Drops every value that lives, up to one that panics.
    fn drop_live(&mut self) {
        while let Some(slot) = self.pool.slot(self.next) {
            self.next = self.next.wrapping_add(1);
            let tag = slot.tag();
            if matches!(tag.number.get(), FREE | RETIRED) {
                continue;
            }
            // Before the drop, which may unwind.
            let generation = tag.generation.get();
            match if generation.is_live() { generation.next() } else { Some(generation) } {
                Some(generation) => {
                    tag.generation.set(generation);
                    tag.number.set(FREE);
                }
                None => slot.retire(),
            }
            // SAFETY: neither free nor used up, so a value lives there, and the
            // pool is borrowed mutably, so whoever owned it is no more.
            unsafe { slot.value().drop_in_place() }
        }
    }
}

impl<T, A: Allocate> Drop for Stock<'_, T, A> {
    fn drop(&mut self) {
        // What is left when a drop has panicked.
        let rest = PutMarked(self.pool);
        self.drop_live();
        drop(rest);
    }
}

/// Puts the marked slots of a pool back into its list.
struct PutMarked<'p, T, A: Allocate>(&'p Pool<T, A>);

impl<T, A: Allocate> Drop for PutMarked<'_, T, A> {
    fn drop(&mut self) {
        for index in (0..self.0.carved.get()).rev() {
            if let Some(slot) = self.0.slot(index).filter(|slot| slot.tag().number.get() == FREE) {
                slot.tag().number.set(NonZeroU32::MIN.saturating_add(index));
                // SAFETY: no value lives there, and the generation is even.
                unsafe { self.0.put(slot.block()) }
            }
        }
    }
}

impl<T, A: Allocate + Check> Check for Pool<T, A> {
    fn check(&self) -> Result<(), &'static str> {
        let carved = Self::widened(self.carved.get());
        if carved > self.capacity() {
            return Err("more slots are used than there are");
        }
        // A slot that is in the list twice makes the list a loop.
        if self.free.iter().take(carved.saturating_add(1)).count() > carved {
            return Err("more slots are free than were used");
        }
        for block in self.free.iter() {
            if !self.slots().any(|slot| slot.block() == block && !slot.tag().generation.get().is_live()) {
                return Err("a free slot is not one of the pool's, or a key names it");
            }
        }
        for (index, slot) in (1..).zip(self.slots()) {
            let tag = slot.tag();
            if tag.number.get().get() != index
                && !(tag.number.get() == RETIRED && tag.generation.get() == Generation::FIRST)
            {
                return Err("a slot does not know its own number");
            }
        }
        self.parent.check()
    }
}

impl<T, A: Allocate> fmt::Debug for Pool<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("capacity", &self.capacity())
            .field("carved", &self.carved.get())
            .finish_non_exhaustive()
    }
}
