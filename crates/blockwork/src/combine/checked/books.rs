//! [`Books`]: which blocks are live, and which were, apart from the blocks.

use core::{alloc::Layout, cell::Cell, fmt, num::NonZero, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate},
    raw::directory::{Directory, Table},
};

/// The logarithm of the entries that a table begins with.
const FIRST_BITS: u32 = 5;

/// A block by its address and the layout it was last allocated or resized with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockInfo {
    /// Where it begins.
    pub address: usize,
    /// What it was asked for with.
    pub layout: Layout,
    /// What the [`CallSites`](super::CallSites) said of it: who asked for it, and
    /// once it is freed, what they [wanted remembered](super::CallSites::end).
    pub site: u32,
}

impl fmt::Display for BlockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} ({} @ {})", self.address, self.layout.size(), self.layout.align())
    }
}

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A block begins here, asked for at this site.
    Live(Layout, u32),
    /// One did, and nothing was given out here since; with what its site became.
    Freed(Layout, u32),
}

impl Record {
    /// As the directory keeps it: site, size, alignment, and whether it is live.
    fn packed(self) -> NonZero<u128> {
        const FREED: u128 = 1;
        const LIVE: u128 = 2;
        let (layout, state, site) = match self {
            Self::Live(layout, site) => (layout, LIVE, u128::from(site)),
            Self::Freed(layout, site) => (layout, FREED, u128::from(site)),
        };
        // A size needs 64 bits at most, a logarithm of an alignment six.
        let size = u64::try_from(layout.size()).map_or(u128::MAX, u128::from);
        let align = u128::from(layout.align().trailing_zeros());
        NonZero::<u128>::MIN
            | (site.wrapping_shl(80) | size.wrapping_shl(16) | align.wrapping_shl(8) | state.wrapping_shl(1))
    }

    /// The record that `packed` is of.
    fn unpacked(packed: NonZero<u128>) -> Self {
        let packed = packed.get();
        let size = usize::try_from(packed.wrapping_shr(16) & u128::from(u64::MAX)).unwrap_or(usize::MAX);
        let site = u32::try_from(packed.wrapping_shr(80)).unwrap_or(0);
        let align = 1_usize.wrapping_shl(u32::try_from(packed.wrapping_shr(8) & 0xFF).unwrap_or(0));
        // What was packed was a layout.
        let layout = Layout::from_size_align(size, align).unwrap_or(Layout::new::<()>());
        if packed & 4 == 0 { Self::Freed(layout, site) } else { Self::Live(layout, site) }
    }
}

/// The live blocks, and the freed ones whose place was not needed yet.
#[derive(Debug)]
pub(super) struct Books {
    directory: Directory<NonZero<u128>>,
    /// Invariant: so many records are `Freed`.
    freed: Cell<usize>,
}

// SAFETY: the table is memory that nobody else knows of.
unsafe impl Send for Books {}

impl Books {
    pub(super) const fn new() -> Self {
        Self { directory: Directory::new(), freed: Cell::new(0) }
    }

    /// Blocks that are live.
    pub(super) fn live(&self) -> usize {
        self.directory.used().saturating_sub(self.freed.get())
    }

    /// What is known of `address`.
    #[inline]
    pub(super) fn find(&self, address: usize) -> Option<Record> {
        self.directory.find(address).map(Record::unpacked)
    }

    /// Begins the record of a fresh block; the table is from `source`, always
    /// the same one.
    ///
    /// # Errors
    ///
    /// When the table has to grow and `source` has no memory; nothing is
    /// recorded then.
    #[inline]
    pub(super) fn begin<S: Allocate>(&self, source: &S, block: BlockInfo) -> Result<(), AllocError> {
        let record = Record::Live(block.layout, block.site).packed();
        if let Some(before) = self.find(block.address) {
            if let Record::Freed(..) = before {
                self.freed.set(self.freed.get().wrapping_sub(1));
            }
            self.directory.replace(block.address, record);
            return Ok(());
        }
        if self.directory.is_full() {
            self.make_room(source)?;
            // The source may have called back, and that have been recorded here.
            return self.begin(source, block);
        }
        self.directory.insert(block.address, record);
        Ok(())
    }

    /// Says that the live block at `address` has another layout now.
    pub(super) fn change(&self, address: usize, layout: Layout) {
        if let Some(Record::Live(_, site)) = self.find(address) {
            self.directory.replace(address, Record::Live(layout, site).packed());
        }
    }

    /// Says that the live block at `address` is freed, and its site `ended`.
    pub(super) fn end(&self, address: usize, ended: u32) {
        if let Some(Record::Live(layout, _)) = self.find(address) {
            self.directory.replace(address, Record::Freed(layout, ended).packed());
            self.freed.set(self.freed.get().wrapping_add(1));
        }
    }

    /// The blocks that are live, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = BlockInfo> + '_ {
        self.directory.iter().filter_map(|(address, record)| match Record::unpacked(record) {
            Record::Live(layout, site) => Some(BlockInfo { address, layout, site }),
            Record::Freed(..) => None,
        })
    }

    /// Forgets everything, and gives the table back.
    pub(super) fn clear<S: Allocate>(&self, source: &S) {
        self.freed.set(0);
        if let Some(table) = self.directory.clear() {
            give(source, table);
        }
    }

    /// The first rule of the books that does not hold.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.directory.count() != self.directory.used() {
            return Err("checked: not as many records as are counted");
        }
        if self.iter().count() != self.live() {
            return Err("checked: not as many live blocks as are counted");
        }
        if self.iter().any(|block| block.layout.size() == 0) {
            return Err("checked: an empty block is on record");
        }
        Ok(())
    }

    /// Forgets freed blocks, and moves to a larger table if the live ones fill
    /// more than a quarter of this one.
    #[cold]
    fn make_room<S: Allocate>(&self, source: &S) -> Result<(), AllocError> {
        self.forget_freed();
        let bits = self.directory.bits();
        let is_crowded = bits.is_none_or(|bits| self.live().saturating_mul(4) >= 1_usize.wrapping_shl(bits));
        if is_crowded {
            let grown = self.grow(source, bits.map_or(FIRST_BITS, |bits| bits.saturating_add(1)));
            // A larger table is only a wish as long as there is room in this one.
            if self.directory.is_full() { grown } else { Ok(()) }
        } else {
            Ok(())
        }
    }

    fn forget_freed(&self) {
        // Removing moves others, which may be missed then.
        while self.freed.get() > 0 {
            let is_freed =
                |&(_, record): &(usize, NonZero<u128>)| matches!(Record::unpacked(record), Record::Freed(..));
            for (address, _) in self.directory.iter().filter(is_freed) {
                // Seen again after it was moved and removed.
                if let Some(Record::Freed(..)) = self.find(address) {
                    self.directory.remove(address);
                    self.freed.set(self.freed.get().wrapping_sub(1));
                }
            }
        }
    }

    fn grow<S: Allocate>(&self, source: &S, bits: u32) -> Result<(), AllocError> {
        let layout = Table::<NonZero<u128>>::layout(bits).ok_or(AllocError)?;
        let memory = source.allocate_zeroed(layout)?;
        // SAFETY: the source grants that much, aligned and zeroed, to us alone.
        let table = unsafe { Table::at(memory, source.granted(layout), layout) };
        // The source may have called back, and that have filled more than this.
        let is_enough = table.has_room_beyond(self.directory.used());
        if let Some(old) = if is_enough { self.directory.move_to(table) } else { Some(table) } {
            give(source, old);
        }
        Ok(())
    }
}

/// Gives a table, which was taken from `source`, back.
fn give<S: Allocate>(source: &S, table: Table<NonZero<u128>>) {
    let (memory, layout): (NonNull<u8>, _) = (table.memory(), table.layout_asked());
    // SAFETY: from this source, for this layout, and nothing points to it now.
    unsafe { source.deallocate(memory, layout) }
}

#[cfg(test)]
mod tests {
    use heap::{
        collections::{BTreeMap, btree_map::Entry},
        vec::Vec,
    };

    use super::*;
    use crate::{
        combine::{counted::Counted, quota::Quota},
        source::system::System,
        testing::Reentrant,
    };

    fn block(address: usize, size: usize) -> BlockInfo {
        BlockInfo { address, layout: Layout::from_size_align(size, 8).unwrap(), site: 0 }
    }

    #[test]
    fn a_record_is_unpacked_as_it_was_packed() {
        for size in [1, 2, 255, 256, 65_535, 65_536, isize::MAX as usize - 7] {
            for align in [1, 2, 8] {
                let layout = Layout::from_size_align(size, align).unwrap();
                for record in [Record::Live(layout, 0), Record::Live(layout, u32::MAX), Record::Freed(layout, 7)] {
                    assert_eq!(Record::unpacked(record.packed()), record);
                }
            }
        }
        for bits in 0..usize::BITS - 1 {
            let record = Record::Live(Layout::from_size_align(1, 1 << bits).unwrap(), bits);
            assert_eq!(Record::unpacked(record.packed()), record);
        }
    }

    #[test]
    fn the_books_say_what_a_map_says() {
        let source = Counted::new(System);
        let books = Books::new();
        let mut model: BTreeMap<usize, Layout> = BTreeMap::new();
        let mut random = 1_usize;
        for _ in 0..30_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let block = block((random >> 33) % 500 * 16, 1 + (random >> 50));
            match model.entry(block.address) {
                Entry::Vacant(place) => {
                    books.begin(&source, block).unwrap();
                    place.insert(block.layout);
                }
                Entry::Occupied(place) if random >> 63 == 0 => {
                    books.end(block.address, 0);
                    place.remove();
                }
                Entry::Occupied(mut place) => {
                    books.change(block.address, block.layout);
                    place.insert(block.layout);
                }
            }
            assert_eq!(books.live(), model.len());
        }
        assert_eq!(books.check(), Ok(()));
        let mut listed: Vec<_> = books.iter().map(|block| (block.address, block.layout)).collect();
        listed.sort_unstable_by_key(|&(address, _)| address);
        assert!(listed.into_iter().eq(model));
        books.clear(&source);
        assert_eq!((books.live(), source.counts().blocks_live), (0, 0));
    }

    #[test]
    fn a_table_is_not_larger_than_its_live_blocks_need() {
        let source = Counted::new(System);
        let books = Books::new();
        // Seven of 32, and one that comes and goes, are a quarter at most.
        (0..7).for_each(|address| books.begin(&source, block(address, 8)).unwrap());
        for address in 7..100_000 {
            books.begin(&source, block(address, 8)).unwrap();
            books.end(address, 0);
        }
        assert_eq!((source.counts().requests, books.live()), (1, 7));
        assert_eq!(books.check(), Ok(()));
        books.clear(&source);
    }

    #[test]
    fn a_source_that_calls_back_finds_the_books_whole() {
        let below = Counted::new(System);
        let source = Reentrant::new(&below);
        let books = Books::new();
        let next = Cell::new(0);
        let begin = |number| {
            for _ in 0..number {
                let address = next.replace(next.get() + 1);
                books.begin(&source, block(address, 8)).unwrap();
                assert_eq!(books.check(), Ok(()));
            }
        };
        for number in [1, 20, 1000] {
            source.during(&|| begin(number), || begin(number));
            assert_eq!((books.live(), books.check()), (next.get(), Ok(())));
            assert!((0..next.get()).all(|address| books.find(address).is_some()));
            assert_eq!(below.counts().blocks_live, 1, "every other table went back");
        }
        books.clear(&source);
        assert_eq!(below.counts().blocks_live, 0);
    }

    #[test]
    fn without_memory_nothing_is_recorded_and_nothing_lost() {
        let first = Table::<NonZero<u128>>::layout(FIRST_BITS).unwrap().size();
        let source = Quota::new(System, first);
        let books = Books::new();
        let served = (0..100).take_while(|&address| books.begin(&source, block(address, 8)).is_ok()).count();
        assert_eq!((served, books.live(), source.used()), (16, 16, first));
        assert_eq!(books.find(16), None);
        assert!((0..16).all(|address| books.find(address) == Some(Record::Live(block(0, 8).layout, 0))));
        books.end(3, 0);
        assert_eq!(books.begin(&source, block(50, 8)), Ok(()));
        assert_eq!(books.check(), Ok(()));
        books.clear(&source);
        assert_eq!(source.used(), 0);
    }
}
