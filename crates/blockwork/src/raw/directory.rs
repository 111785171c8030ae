//! [`Directory`]: from an address to what belongs there, in constant time.
//!
//! ```text
//! key ─► spread ─► [ . | key value | . | key value | key value | . | . | . ]
//!                                        ▲ look here, then to the right
//! ```
//!
//! Open addressing, linear probing, at most half full; removal moves the
//! followers back, so no grave stones pile up. The owner brings the memory.
//!
//! Knuth, "The Art of Computer Programming" 3, 6.4, algorithms L and R.

use core::{alloc::Layout, cell::Cell, num::NonZero, ptr::NonNull};

use crate::{math::spread::spread, os};

/// What a key can belong to.
///
/// # Safety
///
/// - Zero bytes are `None` of `Option<Self>`.
pub(crate) unsafe trait Value: Copy {}

// SAFETY: null is `None`, as std promises.
unsafe impl<T> Value for NonNull<T> {}

// SAFETY: zero is `None`, as std promises.
unsafe impl Value for NonZero<u128> {}

/// A table from keys to values, in memory that its owner brings.
#[derive(Debug)]
pub(crate) struct Directory<V> {
    /// [`Table::NONE`] while there is no memory.
    table: Cell<Table<V>>,
    used: Cell<usize>,
    /// Entries looked at so far.
    #[cfg(test)]
    pub(crate) steps: Cell<usize>,
}

/// The memory of a directory.
#[derive(Debug)]
pub(crate) struct Table<V> {
    entries: NonNull<Entry<V>>,
    /// Invariant: one less than the number of entries, a power of two.
    mask: usize,
    /// Invariant: the leading bits that `mask` has not.
    shift: u32,
    /// What its owner asked for.
    layout: Layout,
}

#[derive(Debug)]
struct Entry<V> {
    /// Zero where nothing is: nothing lies at the null address.
    key: usize,
    /// Invariant: `None` where no key is.
    value: Option<V>,
}

impl<V> Clone for Table<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Table<V> {}

impl<V: Copy> Clone for Entry<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Copy> Copy for Entry<V> {}

/// An entry that is empty, whatever the values.
static EMPTY: [u128; 2] = [0; 2];

impl<V: Value> Table<V> {
    /// One entry, which stays empty, and no memory: so a look into a directory
    /// without memory needs no special case.
    const NONE: Self = {
        assert!(size_of::<Entry<V>>() <= size_of_val(&EMPTY) && align_of::<Entry<V>>() <= align_of_val(&EMPTY));
        Self { entries: NonNull::from_ref(&EMPTY).cast(), mask: 0, shift: usize::BITS, layout: Layout::new::<()>() }
    };

    /// What has memory.
    fn some(self) -> Option<Self> {
        (self.mask != 0).then_some(self)
    }

    /// The memory for `1 << bits` entries.
    pub(crate) fn layout(bits: u32) -> Option<Layout> {
        Layout::array::<Entry<V>>(1_usize.checked_shl(bits)?).ok()
    }

    /// A table in `memory`, which was asked for with `layout`: as large as fits.
    ///
    /// # Safety
    ///
    /// - `layout` came from [`layout`](Self::layout), and `memory` is aligned to
    ///   it; all of its `bytes` bytes, no fewer than it says, are zero.
    /// - Nobody else touches it while the table is in use.
    pub(crate) unsafe fn at(memory: NonNull<u8>, bytes: usize, layout: Layout) -> Self {
        let entries = bytes.checked_div(size_of::<Entry<V>>()).unwrap_or(0);
        let bits = entries.checked_ilog2().unwrap_or(0);
        let mask = 1_usize.wrapping_shl(bits).wrapping_sub(1);
        Self { entries: memory.cast(), mask, shift: mask.leading_zeros(), layout }
    }

    /// The memory, to give it back.
    pub(crate) const fn memory(self) -> NonNull<u8> {
        self.entries.cast()
    }

    /// What the memory was asked for with.
    pub(crate) const fn layout_asked(self) -> Layout {
        self.layout
    }

    /// The number of entries, as a power of two.
    pub(crate) const fn bits(self) -> u32 {
        usize::BITS.wrapping_sub(self.shift)
    }

    /// Whether one key more than `used` fills at most half of the table.
    pub(crate) const fn has_room_beyond(self, used: usize) -> bool {
        used.saturating_mul(2) < self.mask
    }

    #[inline]
    fn after(self, at: usize) -> usize {
        at.wrapping_add(1) & self.mask
    }

    #[inline]
    fn get(self, at: usize) -> Entry<V> {
        // SAFETY: masked, so inside; zero bytes and every entry written are entries.
        unsafe { self.slot(at).read() }
    }

    #[inline]
    fn set(self, at: usize, entry: Entry<V>) {
        // SAFETY: masked, so inside; the memory is ours alone.
        unsafe { self.slot(at).write(entry) }
    }

    #[inline]
    fn slot(self, at: usize) -> NonNull<Entry<V>> {
        // SAFETY: `at` is masked, so below the number of entries.
        unsafe { self.entries.add(at & self.mask) }
    }
}

impl<V: Value> Directory<V> {
    /// An empty directory without memory.
    pub(crate) const fn new() -> Self {
        Self {
            table: Cell::new(Table::NONE),
            used: Cell::new(0),
            #[cfg(test)]
            steps: Cell::new(0),
        }
    }

    /// The number of keys.
    pub(crate) const fn used(&self) -> usize {
        self.used.get()
    }

    /// The number of entries there is memory for, as a power of two.
    pub(crate) fn bits(&self) -> Option<u32> {
        self.table.get().some().map(Table::bits)
    }

    /// Whether one more key would fill more than half of the table.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        !self.table.get().has_room_beyond(self.used())
    }

    /// Whether there is a table of which an eighth at most is filled: one of
    /// half the size would not soon be full.
    pub(crate) fn is_sparse(&self) -> bool {
        self.table.get().some().is_some_and(|table| self.used().saturating_mul(8) <= table.mask.saturating_add(1))
    }

    /// What `key`, which is not zero, belongs to.
    pub(crate) fn find(&self, key: usize) -> Option<V> {
        let table = self.table.get();
        table.get(self.place(table, key)).value
    }

    /// What `key`, which is not zero, belongs to, if it is where it would be first
    /// or next to that.
    #[inline]
    pub(crate) fn find_near(&self, key: usize) -> Option<V> {
        let table = self.table.get();
        let home = spread(key, table.shift);
        let entry = self.look(table, home);
        if entry.key == key {
            return entry.value;
        }
        let next = self.look(table, table.after(home));
        if next.key == key { next.value } else { None }
    }

    /// Says that `key`, which is not zero and not here yet, belongs to `value`; the
    /// directory is not [full](Self::is_full).
    pub(crate) fn insert(&self, key: usize, value: V) {
        let table = self.table.get();
        os::check(!self.is_full(), "a full directory takes no key");
        table.set(self.place(table, key), Entry { key, value: Some(value) });
        self.used.set(self.used().wrapping_add(1));
    }

    /// Says that `key`, which is here, belongs to `value` now.
    pub(crate) fn replace(&self, key: usize, value: V) {
        if let Some(table) = self.table.get().some() {
            table.set(self.place(table, key), Entry { key, value: Some(value) });
        }
    }

    /// Forgets `key`, which is here.
    pub(crate) fn remove(&self, key: usize) {
        let Some(table) = self.table.get().some() else { return };
        let mut hole = self.place(table, key);
        let mut at = table.after(hole);
        while let entry @ Entry { value: Some(_), .. } = self.look(table, at) {
            let from_home = at.wrapping_sub(spread(entry.key, table.shift)) & table.mask;
            let from_hole = at.wrapping_sub(hole) & table.mask;
            // Whoever was displaced at least this far is found at the hole.
            if from_home >= from_hole {
                table.set(hole, entry);
                hole = at;
            }
            at = table.after(at);
        }
        table.set(hole, Entry { key: 0, value: None });
        self.used.set(self.used().wrapping_sub(1));
    }

    /// Moves all keys to `new`, and returns the table that held them.
    ///
    /// At most half of `new` is filled by that.
    pub(crate) fn move_to(&self, new: Table<V>) -> Option<Table<V>> {
        let old = self.table.replace(new).some();
        if let Some(old) = old {
            for entry in (0..=old.mask).map(|at| old.get(at)).filter(|entry| entry.value.is_some()) {
                new.set(self.place(new, entry.key), entry);
            }
        }
        old
    }

    /// Forgets all keys, and returns the table that held them.
    pub(crate) fn clear(&self) -> Option<Table<V>> {
        self.used.set(0);
        self.table.replace(Table::NONE).some()
    }

    /// Counts the keys by looking at every entry.
    pub(crate) fn count(&self) -> usize {
        self.iter().count()
    }

    /// The keys with their values, as far as they stay where they are: what is
    /// removed or moved meanwhile may be seen twice, or not at all.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, V)> + '_ {
        // The table is looked up for each entry: the next one may be another.
        (0..)
            .map_while(|at| Some(self.table.get()).filter(|table| at <= table.mask).map(|table| table.get(at)))
            .filter_map(|Entry { key, value }| Some((key, value?)))
    }

    /// Where `key` is, or where it would go.
    fn place(&self, table: Table<V>, key: usize) -> usize {
        let mut at = spread(key, table.shift);
        // Ends: half of the entries at least are empty.
        while let Entry { key: other, value: Some(_) } = self.look(table, at) {
            if other == key {
                break;
            }
            at = table.after(at);
        }
        at
    }

    #[inline]
    fn look(&self, table: Table<V>, at: usize) -> Entry<V> {
        #[cfg(test)]
        self.steps.set(self.steps.get().wrapping_add(1));
        table.get(at)
    }
}

#[cfg(test)]
mod tests {
    use heap::{boxed::Box, vec, vec::Vec};

    use super::*;

    /// Memory for `1 << bits` entries, all zero.
    fn memory(bits: u32) -> Box<[u128]> {
        vec![0; 1 << bits].into_boxed_slice()
    }

    fn table(memory: &mut [u128]) -> Table<NonNull<u8>> {
        let (bytes, layout) = (size_of_val(memory), Layout::for_value(memory));
        // SAFETY: zero, aligned, of that size; the tests keep it for the table.
        unsafe { Table::at(NonNull::from(memory).cast(), bytes, layout) }
    }

    fn value(key: usize) -> NonNull<u8> {
        NonNull::new(core::ptr::without_provenance_mut(key.wrapping_add(1))).unwrap()
    }

    #[test]
    fn an_empty_directory_finds_nothing_and_is_full() {
        let directory = Directory::<NonNull<u8>>::new();
        assert_eq!(directory.find(7), None);
        assert!(directory.is_full() && directory.clear().is_none());
        directory.remove(7);
        assert_eq!((directory.used(), directory.count()), (0, 0));
    }

    #[test]
    fn keys_are_found_until_they_are_removed() {
        let mut memory = memory(10);
        let directory = Directory::new();
        assert!(directory.move_to(table(&mut memory)).is_none());
        let mut model: Vec<usize> = Vec::new();
        let mut random = 1_usize;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = ((random >> 33) % 700 + 1) * 64;
            if let Some(at) = model.iter().position(|&known| known == key) {
                assert_eq!(directory.find(key), Some(value(key)));
                directory.replace(key, value(1));
                assert_eq!(directory.find(key), Some(value(1)));
                directory.remove(key);
                model.swap_remove(at);
            } else if !directory.is_full() {
                directory.insert(key, value(key));
                model.push(key);
            }
            assert_eq!(directory.find(key).is_some(), model.contains(&key));
            assert_eq!(directory.is_sparse(), model.len() <= 1024 / 8);
        }
        assert!(model.len() > 100);
        assert!(model.iter().all(|&key| directory.find(key) == Some(value(key))));
        assert_eq!((directory.used(), directory.count()), (model.len(), model.len()));
        // Two steps at most; most keys are that near.
        let is_near = |&&key: &&usize| directory.find_near(key) == Some(value(key));
        assert!(model.iter().filter(is_near).count() * 4 > model.len() * 3);
        assert!((1..64).all(|key| directory.find_near(key).is_none()));
        assert_eq!(directory.bits(), Some(10));
        assert!(directory.clear().is_some_and(|table| table.memory() == NonNull::from(&mut *memory).cast()));
        assert_eq!((directory.used(), directory.bits(), directory.is_sparse()), (0, None, false));
    }

    #[test]
    fn a_key_is_near_where_it_would_be_first_and_next_to_that() {
        let mut memory = memory(4);
        let directory = Directory::new();
        directory.move_to(table(&mut memory));
        let shift = directory.table.get().shift;
        let mut keys = (1..).filter(|&key| spread(key, shift) == 3);
        let [first, second, third, none] = core::array::from_fn(|_| keys.next().unwrap());
        for key in [first, second, third] {
            directory.insert(key, value(key));
        }
        let near = [first, second, third, none].map(|key| directory.find_near(key));
        assert_eq!(near, [Some(value(first)), Some(value(second)), None, None]);
        assert_eq!(directory.find(third), Some(value(third)));
    }

    #[test]
    fn a_larger_table_takes_over_all_keys() {
        let (mut small, mut large) = (memory(4), memory(5));
        let directory = Directory::new();
        directory.move_to(table(&mut small));
        let mut keys = 1;
        while !directory.is_full() {
            directory.insert(keys, value(keys));
            keys += 1;
        }
        assert_eq!(keys, 9);
        let old = directory.move_to(table(&mut large)).unwrap();
        assert_eq!(old.memory(), NonNull::from(&mut *small).cast());
        assert!(!directory.is_full() && (1..keys).all(|key| directory.find(key) == Some(value(key))));
    }

    #[test]
    fn a_table_uses_all_memory_that_is_a_power_of_two() {
        let mut odd = vec![0_u128; 13];
        assert_eq!(table(&mut odd).bits(), 3);
        assert_eq!(Table::<NonNull<u8>>::layout(3).unwrap().size(), 8 * size_of::<Entry<NonNull<u8>>>());
        assert_eq!(Table::<NonNull<u8>>::layout(usize::BITS), None);
        assert_eq!(Table::<NonNull<u8>>::layout(usize::BITS - 2), None);
    }
}
