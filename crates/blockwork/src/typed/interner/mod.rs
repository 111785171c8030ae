//! [`Interner`]: one copy of each text, packed byte by byte, and a number for it.
//!
//! ```text
//! texts   [ s t a t i c l e t m u t | … ]     in an arena, without padding; they never move
//!           ▲           ▲     ▲
//! entries [ 0         | 1   | 2   | … ]       by symbol: where, how long, the hash
//!           ▲                 ▲
//! slots   [ 1 | – | – | 3 | – | 2 | – | – ]   by hash: the symbol, of four bytes
//! ```
//!
//! | | |
//! |---|---|
//! | time | a hash of the text and one look at a slot, an entry and the text, more where hashes meet; growing goes over all entries |
//! | space | each text's bytes once, and 21 to 43 bytes beside them; while the table grows, the old one too |
//! | sharing | single-threaded (`Cell`); interning takes `&self` |
//! | failure | `try_` methods return the error, the others panic; either has changed nothing |
//!
//! Objects that do not change and end together need neither alignment nor a
//! way to be freed, so they lie side by side. Two [`Symbol`]s of an interner are
//! equal just when their texts are, and so are the addresses of two
//! [canonical](Interner::canonical) texts.
//!
//! When not to use it: for texts that an adversary chooses, since the hash is
//! no secret and many texts of one hash make each search long; and where texts
//! come and go, since none is freed before a [`reset`](Reset::reset).
//!
//! # Example
//!
//! ```
//! use blockwork::{Interner, System};
//!
//! let names: Interner = Interner::with_defaults(System);
//! let first = names.intern("let");
//! let second = names.intern("mut");
//! assert_eq!(names.intern(&String::from("let")), first);
//! assert_eq!((&names[second], names.len(), size_of_val(&second)), ("mut", 2, 4));
//!
//! let bytes: Interner<_, [u8]> = Interner::with_defaults(System);
//! let canonical = bytes.canonical(&[1, 2, 3]);
//! assert!(core::ptr::eq(canonical, bytes.canonical(&[1, 2, 3])));
//! ```

use core::{
    alloc::Layout, cell::Cell, ffi::CStr, fmt, marker::PhantomData, num::NonZeroU32, ops::Index, ptr::NonNull, slice,
    str,
};

use self::table::Table;
use super::or_panic;
#[cfg(feature = "std")]
use crate::source::system::System;
use crate::{
    alloc::{AllocError, Allocate, Check, ConfigError, Reset, Valid},
    math::digest::digest,
    strategy::arena::{Arena, ArenaConfig},
};

mod table;
#[cfg(test)]
mod tests;

/// The number of a text in an [`Interner`]: four bytes, also as an [`Option`].
///
/// Symbols are ordered as their texts came. The symbol of one interner means
/// another text, or none, to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(NonZeroU32);

const _: () = assert!(size_of::<Option<Symbol>>() == 4, "a symbol has a niche");

impl Symbol {
    /// How many texts came before.
    #[inline]
    #[must_use]
    pub const fn index(self) -> u32 {
        // Not zero.
        self.0.get().wrapping_sub(1)
    }

    /// The symbol before which so many texts came.
    #[inline]
    #[must_use]
    pub const fn from_index(index: u32) -> Option<Self> {
        match NonZeroU32::new(index.wrapping_add(1)) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Symbol").field(&self.index()).finish()
    }
}

/// What can be interned: `str`, `[u8]`, `CStr`.
///
/// # Safety
///
/// - Values are their bytes: a copy of the bytes is as good as the value.
pub unsafe trait Interned {
    /// The bytes of the value.
    fn as_bytes(&self) -> &[u8];

    /// The value with these bytes.
    ///
    /// # Safety
    ///
    /// - `bytes` are a copy of what [`as_bytes`](Self::as_bytes) returned.
    unsafe fn from_bytes(bytes: &[u8]) -> &Self;
}

// SAFETY: bytes are bytes.
unsafe impl Interned for [u8] {
    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self
    }

    #[inline]
    unsafe fn from_bytes(bytes: &[u8]) -> &Self {
        bytes
    }
}

// SAFETY: a string is its UTF-8.
unsafe impl Interned for str {
    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    #[inline]
    unsafe fn from_bytes(bytes: &[u8]) -> &Self {
        // SAFETY: copied from a string.
        unsafe { str::from_utf8_unchecked(bytes) }
    }
}

// SAFETY: a C string is its bytes and the zero behind them.
unsafe impl Interned for CStr {
    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.to_bytes_with_nul()
    }

    #[inline]
    unsafe fn from_bytes(bytes: &[u8]) -> &Self {
        // SAFETY: copied from a C string, its end included.
        unsafe { Self::from_bytes_with_nul_unchecked(bytes) }
    }
}

/// Keeps one copy of each text; see the [module](self).
pub struct Interner<
    #[cfg(feature = "std")] A: Allocate = System,
    #[cfg(not(feature = "std"))] A: Allocate,
    T: Interned + ?Sized = str,
> {
    /// The bytes of the texts.
    texts: Arena<A>,
    /// Where they are. Its block is of the arena's parent.
    table: Cell<Table>,
    /// Texts so far, the least that has no symbol.
    len: Cell<u32>,
    _texts: PhantomData<T>,
}

// SAFETY: owns its texts and its table, and they change threads with the
// allocator that they came from.
unsafe impl<A: Allocate + Send, T: Interned + ?Sized + Send> Send for Interner<A, T> {}

impl<A: Allocate, T: Interned + ?Sized> Interner<A, T> {
    /// Will take memory from `parent`, for texts as an arena of this
    /// configuration does.
    ///
    /// Nothing is taken yet, so this fits a `static`.
    pub const fn new(parent: A, config: Valid<ArenaConfig>) -> Self {
        Self::over(Arena::new(parent, config))
    }

    /// [`new`](Self::new), with a configuration that is checked on the way.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the spans have no room for a text, or no bounds.
    pub fn try_new(parent: A, config: ArenaConfig) -> Result<Self, ConfigError> {
        Ok(Self::new(parent, config.check()?))
    }

    /// [`new`](Self::new) with [`ArenaConfig::DEFAULT`].
    pub const fn with_defaults(parent: A) -> Self {
        Self::over(Arena::with_defaults(parent))
    }

    const fn over(texts: Arena<A>) -> Self {
        Self { texts, table: Cell::new(Table::EMPTY), len: Cell::new(0), _texts: PhantomData }
    }

    /// The symbol of `text`, which is copied if it is new.
    ///
    /// # Panics
    ///
    /// Without memory, or symbols.
    #[inline]
    #[track_caller]
    pub fn intern(&self, text: &T) -> Symbol {
        or_panic(self.try_intern(text))
    }

    /// [`intern`](Self::intern), or the error.
    ///
    /// # Errors
    ///
    /// [`AllocError`] without memory, for a text of 4 GiB and more, and after as
    /// many texts.
    #[inline]
    pub fn try_intern(&self, text: &T) -> Result<Symbol, AllocError> {
        let bytes = text.as_bytes();
        let hash = digest(bytes);
        match self.table.get().find(hash, bytes) {
            Ok(symbol) => Ok(symbol),
            Err(_) => self.insert(hash, bytes),
        }
    }

    /// The one copy of `text`, which is made if there is none.
    ///
    /// # Panics
    ///
    /// As [`intern`](Self::intern).
    #[inline]
    #[track_caller]
    pub fn canonical(&self, text: &T) -> &T {
        or_panic(self.try_canonical(text))
    }

    /// [`canonical`](Self::canonical), or the error.
    ///
    /// # Errors
    ///
    /// As [`try_intern`](Self::try_intern).
    #[inline]
    pub fn try_canonical(&self, text: &T) -> Result<&T, AllocError> {
        self.get(self.try_intern(text)?).ok_or(AllocError)
    }

    /// The symbol of `text`, if it was interned.
    #[inline]
    #[must_use]
    pub fn find(&self, text: &T) -> Option<Symbol> {
        let bytes = text.as_bytes();
        self.table.get().find(digest(bytes), bytes).ok()
    }

    /// The text of `symbol`, if there are as many.
    #[inline]
    #[must_use]
    pub fn get(&self, symbol: Symbol) -> Option<&T> {
        if symbol.index() >= self.len.get() {
            return None;
        }
        // SAFETY: there is an entry for each number below `len`.
        let entry = unsafe { self.table.get().entry(symbol) };
        // SAFETY: entries are of texts, which are never freed nor changed while
        // the interner is borrowed.
        let bytes = unsafe { slice::from_raw_parts(entry.start.as_ptr(), entry.len()) };
        // SAFETY: copied from a `T`.
        Some(unsafe { T::from_bytes(bytes) })
    }

    /// Texts so far.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        // Each has an entry in memory.
        self.len.get() as usize
    }

    /// Whether there are no texts.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// The texts so far, as they came.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, &T)> {
        (0..self.len.get()).filter_map(|index| {
            let symbol = Symbol::from_index(index)?;
            Some((symbol, self.get(symbol)?))
        })
    }

    /// Bytes held of the parent's, for texts and table; walks the spans.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let table = self.table.get().layout().map_or(0, |layout| self.texts.parent().granted(layout));
        self.texts.bytes_held().saturating_add(table)
    }

    /// Copies a text that had no symbol when it was looked for.
    fn insert(&self, hash: u32, bytes: &[u8]) -> Result<Symbol, AllocError> {
        let len = u32::try_from(bytes.len()).map_err(|_| AllocError)?;
        let start = self.texts.allocate(Layout::for_value(bytes))?;
        // SAFETY: a fresh block for as many bytes, which overlaps no other.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
        let give_back = || {
            // SAFETY: allocated above with this layout, and in no entry.
            unsafe { self.texts.deallocate(start, Layout::for_value(bytes)) }
        };
        // A parent may call back and intern in between, even this text.
        while self.len.get() >= self.table.get().room() {
            if let Err(error) = self.grow() {
                give_back();
                return Err(error);
            }
        }
        let table = self.table.get();
        match table.find(hash, bytes) {
            Ok(symbol) => {
                give_back();
                Ok(symbol)
            }
            Err(slot) => {
                let symbol = Symbol::from_index(self.len.get()).ok_or(AllocError)?;
                // SAFETY: there is room for another entry, and the slot is where
                // the search for it ends.
                unsafe { table.put(symbol, table::Entry { start, len, hash }, slot) }
                self.len.set(symbol.index().wrapping_add(1));
                Ok(symbol)
            }
        }
    }

    /// Makes the table twice as large, or finds that somebody did.
    #[cold]
    #[inline(never)]
    fn grow(&self) -> Result<(), AllocError> {
        let before = self.table.get();
        let new = before.twice().ok_or(AllocError)?;
        let layout = new.layout().ok_or(AllocError)?;
        let block = self.texts.parent().allocate(layout)?;
        let old = self.table.get();
        if old.room() != before.room() {
            // SAFETY: allocated above with this layout.
            unsafe { self.texts.parent().deallocate(block, layout) }
            return Ok(());
        }
        // SAFETY: a fresh block for a table of this size, larger than the old one,
        // which has as many entries as there are texts.
        self.table.set(unsafe { new.fill(block, old, self.len.get()) });
        self.give_back_table(old);
        Ok(())
    }

    fn give_back_table(&self, table: Table) {
        if let Some(layout) = table.layout() {
            // SAFETY: asked of this parent with this layout, and replaced.
            unsafe { self.texts.parent().deallocate(table.block(), layout) }
        }
    }
}

impl<A: Allocate, T: Interned + ?Sized> Reset for Interner<A, T> {
    /// Ends all texts and their symbols; the table, and spans as far as
    /// [configured](ArenaConfig::keep), are kept for others.
    fn reset(&mut self) {
        self.len.set(0);
        // SAFETY: the block is the interner's.
        unsafe { self.table.get().clear() }
        self.texts.reset();
    }
}

impl<A: Allocate, T: Interned + ?Sized> Drop for Interner<A, T> {
    fn drop(&mut self) {
        self.give_back_table(self.table.get());
    }
}

impl<A: Allocate + Check, T: Interned + ?Sized> Check for Interner<A, T> {
    fn check(&self) -> Result<(), &'static str> {
        let table = self.table.get();
        if self.len.get() > table.room() {
            return Err("there are more texts than the table has room for");
        }
        if table.slots_taken() != self.len() {
            return Err("there are more or fewer slots taken than texts");
        }
        for (symbol, text) in self.iter() {
            if self.find(text) != Some(symbol) {
                return Err("a text is not found, or twice");
            }
        }
        self.texts.check()
    }
}

impl<A: Allocate, T: Interned + ?Sized> Index<Symbol> for Interner<A, T> {
    type Output = T;

    /// The text of `symbol`.
    ///
    /// # Panics
    ///
    /// If there are not as many texts.
    #[inline]
    #[track_caller]
    #[expect(clippy::panic, reason = "what an index does; `get` returns `None`")]
    fn index(&self, symbol: Symbol) -> &T {
        match self.get(symbol) {
            Some(text) => text,
            None => panic!("the symbol is another interner's"),
        }
    }
}

impl<A: Allocate, T: Interned + ?Sized + fmt::Debug> fmt::Debug for Interner<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
