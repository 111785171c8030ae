//! [`ChunkTable`]: from a number to a chunk, while other threads add chunks.
//!
//! ```text
//! newest ─► [ older | length | 0 | 1 | 2 | 3 | … ]──► a chunk each
//!              └─► [ older | length | 0 | 1 ]         still right, for who looks there now
//! ```
//!
//! A chunk is added by putting its address where there is none, which one thread
//! can do. When the table is full, one twice as long takes its place, with the
//! same chunks in it, and the old one stays for those who are looking at it, as
//! do the chunks: nothing is given back before the owner is alone. All old tables
//! together are shorter than the newest.
//!
//! A table is full of chunks before it is replaced, so no thread can put a chunk
//! into an old one.

use core::{alloc::Layout, ptr, ptr::NonNull};

use crate::sync::{
    atomic::{AtomicPtr, Ordering},
    const_unless_loom,
    interleave::interleave,
};

type Entry = AtomicPtr<u8>;

/// Chunks by their numbers, without a gap; see the [module](self).
#[derive(Debug)]
pub(crate) struct ChunkTable {
    newest: AtomicPtr<Table>,
}

/// What the entries of a table lie behind.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Table {
    older: *mut Self,
    /// Entries.
    len: usize,
    /// Bytes asked for.
    asked: usize,
}

/// Entries of the first table, at least: few in models, so that they replace it.
const FIRST_LEN: usize = if cfg!(loom) { 1 } else { 8 };

/// Another thread was faster, or there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken;

impl Table {
    /// The memory for `len` entries.
    fn layout(len: usize) -> Option<Layout> {
        let (layout, _) = Layout::new::<Self>().extend(Layout::array::<Entry>(len).ok()?).ok()?;
        Some(layout)
    }

    /// What was asked for.
    fn layout_asked(&self) -> Layout {
        Layout::from_size_align(self.asked, align_of::<Self>().max(align_of::<Entry>()))
            .unwrap_or(Layout::new::<Self>())
    }

    /// # Safety
    ///
    /// - `number` is below `len`.
    #[inline]
    unsafe fn entry<'a>(this: NonNull<Self>, number: usize) -> &'a Entry {
        // SAFETY: every table has its entries behind it.
        let entries = unsafe { this.add(1) }.cast::<Entry>();
        // SAFETY: `number` is below `len`, says the caller, and there are so many entries.
        let entry = unsafe { entries.add(number) };
        // SAFETY: `ChunkTable::widen` has written them all.
        unsafe { entry.as_ref() }
    }
}

impl ChunkTable {
    const_unless_loom! {
        /// No chunks, and no memory for any.
        pub(crate) fn new() -> Self {
            Self { newest: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// The chunk `number`.
    ///
    /// # Safety
    ///
    /// - It is there: a [`find`](Self::find) or [`add`](Self::add) that said so
    ///   happened before.
    #[inline]
    pub(crate) unsafe fn get(&self, number: usize) -> NonNull<u8> {
        // Acquire: a table may be newer than any this thread has heard of; its
        // entries were written before the Release in `widen`.
        let table = self.newest.load(Ordering::Acquire);
        // SAFETY: there is a table, as there is a chunk, and this one or a later.
        let table = unsafe { NonNull::new_unchecked(table) };
        // SAFETY: so the table is long enough.
        let entry = unsafe { Table::entry(table, number) };
        // Relaxed: the chunk was there before, as the caller promises.
        // SAFETY: so it is not null.
        unsafe { NonNull::new_unchecked(entry.load(Ordering::Relaxed)) }
    }

    /// The chunk `number`, if it is there.
    pub(crate) fn find(&self, number: usize) -> Option<NonNull<u8>> {
        // Acquire: as in `get`.
        let table = NonNull::new(self.newest.load(Ordering::Acquire))?;
        // Acquire: who sees the chunk sees what is written in it; pairs with
        // Release in `add`.
        Self::within(table, number).and_then(|entry| NonNull::new(entry.load(Ordering::Acquire)))
    }

    /// Puts `chunk` in the place of `number`, which has to be the number after the
    /// last one there is.
    ///
    /// # Errors
    ///
    /// [`Taken`] when another thread has put one there.
    pub(crate) fn add(&self, number: usize, chunk: NonNull<u8>) -> Result<(), Taken> {
        // Acquire: as in `get`.
        let table = NonNull::new(self.newest.load(Ordering::Acquire)).ok_or(Taken)?;
        let entry = Self::within(table, number).ok_or(Taken)?;
        interleave();
        // Release: publishes what is written in the chunk; pairs with Acquire in
        // `find` and `widen`. Relaxed: who lost looks again.
        let added = entry.compare_exchange(ptr::null_mut(), chunk.as_ptr(), Ordering::Release, Ordering::Relaxed);
        added.map(drop).map_err(|_| Taken)
    }

    /// The table with room for no more, and what a longer one takes, if `number`
    /// is beyond its end.
    pub(crate) fn wants(&self, number: usize) -> Option<(*mut Table, Option<Layout>)> {
        // Acquire: as in `get`.
        let table = self.newest.load(Ordering::Acquire);
        let len = NonNull::new(table).map_or(0, Self::len);
        (number >= len).then(|| (table, Table::layout(len.saturating_mul(2).max(FIRST_LEN))))
    }

    /// Replaces `full` by a table in `memory`, with the same chunks: as long as fits.
    ///
    /// # Errors
    ///
    /// [`Taken`] when another thread has replaced it; the memory is not used.
    ///
    /// # Safety
    ///
    /// - [`wants`](Self::wants) said `full` and `layout`, and `memory` of `bytes`
    ///   bytes fits the latter.
    /// - Nobody else uses the memory until [`take_table`](Self::take_table)
    ///   returns it, or this fails.
    pub(crate) unsafe fn widen(
        &self,
        full: *mut Table,
        memory: NonNull<u8>,
        bytes: usize,
        layout: Layout,
    ) -> Result<(), Taken> {
        let table = memory.cast::<Table>();
        let len = bytes.saturating_sub(size_of::<Table>()).checked_div(size_of::<Entry>()).unwrap_or(0);
        // SAFETY: the memory has room for it, and is aligned.
        unsafe { table.write(Table { older: full, len, asked: layout.size() }) };
        // SAFETY: the entries lie behind it.
        let entries = unsafe { table.add(1) }.cast::<Entry>();
        for number in 0..len {
            // Acquire: hands on what was published with the chunk.
            let chunk = NonNull::new(full)
                .and_then(|full| Self::within(full, number))
                .map_or(ptr::null_mut(), |entry| entry.load(Ordering::Acquire));
            // SAFETY: `len` of them fit.
            let entry = unsafe { entries.add(number) };
            // SAFETY: ours alone as yet.
            unsafe { entry.write(Entry::new(chunk)) };
        }
        interleave();
        // Release: publishes the entries, and what they publish; pairs with Acquire
        // in `get` and `find`. Relaxed: who lost looks again.
        let replaced = self.newest.compare_exchange(full, table.as_ptr(), Ordering::Release, Ordering::Relaxed);
        replaced.map(drop).map_err(|_| Taken)
    }

    /// How many chunks there are, counted.
    pub(crate) fn len_used(&self) -> usize {
        (0..).take_while(|&number| self.find(number).is_some()).count()
    }

    /// Puts `chunk` in the place of `number`, or nothing, whatever was there.
    pub(crate) fn replace(&mut self, number: usize, chunk: Option<NonNull<u8>>) {
        // Relaxed: nobody else is here.
        if let Some(table) = NonNull::new(self.newest.load(Ordering::Relaxed))
            && let Some(entry) = Self::within(table, number)
        {
            entry.store(chunk.map_or(ptr::null_mut(), NonNull::as_ptr), Ordering::Relaxed);
        }
    }

    /// Takes the memory of the oldest table: of the newest one only if `all`.
    pub(crate) fn take_table(&mut self, all: bool) -> Option<(NonNull<u8>, Layout)> {
        // Relaxed: nobody else is here.
        let newest = NonNull::new(self.newest.load(Ordering::Relaxed))?;
        // SAFETY: every table in use is valid.
        let older = unsafe { newest.as_ref() }.older;
        let table = match NonNull::new(older) {
            Some(table) => {
                // SAFETY: older tables stay as long as newer ones lead to them.
                let oldest = unsafe { table.as_ref() }.older;
                // SAFETY: as above; nobody else is here.
                unsafe { (*newest.as_ptr()).older = oldest };
                table
            }
            None if all => {
                self.newest.store(ptr::null_mut(), Ordering::Relaxed);
                newest
            }
            None => return None,
        };
        // SAFETY: valid until the caller gives it back.
        Some((table.cast(), unsafe { table.as_ref() }.layout_asked()))
    }

    fn len(table: NonNull<Table>) -> usize {
        // SAFETY: every table in use is valid, and this never changes.
        unsafe { table.as_ref() }.len
    }

    fn within<'a>(table: NonNull<Table>, number: usize) -> Option<&'a Entry> {
        // SAFETY: below the length. A table lives until the owner is alone.
        (number < Self::len(table)).then(|| unsafe { Table::entry(table, number) })
    }
}

#[cfg(not(any(loom, shuttle)))]
#[cfg(test)]
mod tests {
    use heap::{vec, vec::Vec};

    use super::*;

    fn chunk(number: usize) -> NonNull<u8> {
        NonNull::new(ptr::without_provenance_mut(number.wrapping_add(1))).unwrap()
    }

    #[test]
    fn chunks_are_found_through_every_table_and_no_table_is_lost() {
        let mut table = ChunkTable::new();
        let mut memory: Vec<Vec<u64>> = Vec::new();
        assert_eq!((table.find(0), table.add(0, chunk(0))), (None, Err(Taken)));
        for number in 0..100 {
            if let Some((full, layout)) = table.wants(number) {
                let layout = layout.unwrap();
                memory.push(vec![0; layout.size() / 8]);
                let start = NonNull::from(memory.last_mut().unwrap().as_mut_slice()).cast();
                // SAFETY: fresh memory of that size, kept until the end.
                let widened = unsafe { table.widen(full, start, layout.size(), layout) };
                assert_eq!(widened, Ok(()));
                // SAFETY: as above; what fails is not used.
                let again = unsafe { table.widen(full, start, layout.size(), layout) };
                assert_eq!(again, Err(Taken));
            }
            assert_eq!(table.add(number, chunk(number)), Ok(()));
            assert_eq!(table.add(number, chunk(number + 1)), Err(Taken));
            // SAFETY: added above.
            assert_eq!(unsafe { table.get(number) }, chunk(number));
        }
        assert!((0..100).all(|number| table.find(number) == Some(chunk(number))));
        assert_eq!((table.len_used(), memory.len()), (100, 5));
        table.replace(99, None);
        assert_eq!(table.len_used(), 99);
        let mut taken = Vec::new();
        for all in [false, true] {
            assert_eq!(table.find(0), Some(chunk(0)));
            while let Some((start, layout)) = table.take_table(all) {
                taken.push((start.addr().get(), layout.size() / 8));
            }
        }
        let mut given: Vec<_> = memory.iter().map(|words| (words.as_ptr().addr(), words.len())).collect();
        taken.sort_unstable();
        given.sort_unstable();
        assert_eq!((taken, table.find(0)), (given, None));
    }
}
