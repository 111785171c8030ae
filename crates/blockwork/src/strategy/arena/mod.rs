//! [`Arena`]: as many spans as it takes, cut from the front, freed all at once.
//!
//! ```text
//! used   [ block | block |pad| block | … | footer ] ◄── [ block | free ……………………… | footer ]
//!                                                                ^ cursor: the current span
//! spare  [ ……………………………………………… | footer ] ◄── [ …………………………………… | footer ]    for later
//! ```
//!
//! | | |
//! |---|---|
//! | time | two adds, a mask and a compare: 6 instructions for a known layout, 15 for any; a push to a vector, 7 |
//! | space | four words a span, alignment padding, what is freed out of order; at a change of spans less than the block that caused it |
//! | sharing | single-threaded (`Cell`) |
//! | failure | when the parent cannot even give the block's own size |
//! | granted | what is asked |
//! | offers | [`Reset`], [`mark`](Arena::mark), [`scope`](Arena::scope), growing the last block in place; typed values by [`Region`] |
//!
//! Nothing is taken before the first request. Each span is twice as large as
//! the one before, or as much larger as its first block needs, up to a
//! [cap](ArenaConfig::span_max). A block above the cap gets a span of its own,
//! no larger than it needs. Of the current span and the new one, the arena goes
//! on with the one that has more room, so a large block does not cost the rest
//! of the current span. If the parent has no next span, smaller ones are tried,
//! down to the block's own size.
//!
//! A block that is not the last stays taken until a reset, rewind or the end of
//! its scope, and so does the padding before a freed one.
//! [`reset`](Reset::reset) keeps the spans for the next round, the largest to be
//! used first; [`reset_keeping`](Arena::reset_keeping) keeps some or none.
//!
//! When not to use it: for a program that runs for long without a moment at
//! which everything ends, or that frees in another order than it allocates.
//! Where the total is known, [`Bump`](crate::Bump) is smaller.
//!
//! # Values
//!
//! [`Region`] puts typed values into an arena, and nothing runs their `Drop`.
//! [`ArenaBox`] does that, [`ArenaVec`] and [`ArenaString`] grow in place; so do
//! std's own collections over `&arena`, by the edges.
//!
//! ```
//! use blockwork::{Arena, ArenaVec, Region, Reset, System};
//!
//! let mut arena = Arena::with_defaults(System);
//! let name = arena.alloc_str("node");
//! let edges = arena.alloc_from_iter((1..4).map(|n| n * n));
//! edges[0] = 7;
//! let label = arena.alloc_fmt(format_args!("{name}: {edges:?}"));
//! assert_eq!(label, "node: [7, 4, 9]");
//!
//! let mut numbers = ArenaVec::new_in(&arena);
//! numbers.extend(0..1000);
//! assert_eq!(numbers.into_slice().len(), 1000);
//!
//! arena.reset(); // Does not compile while any of them is still used.
//! ```
//!
//! # Scopes
//!
//! What a scope allocates ends with it, and the compiler sees to it that nothing
//! is used later. Blocks from further out stay usable inside:
//!
//! ```
//! use blockwork::{Arena, ArenaString, Region, System};
//!
//! let mut arena = Arena::with_defaults(System);
//! let total = arena.scope(|mut outer| {
//!     let total = outer.alloc(0);
//!     for round in 1..=3 {
//!         // The same bytes each round.
//!         outer.scope(|inner| {
//!             let mut text = ArenaString::new_in(&inner);
//!             text.push_str("scratch ");
//!             *total += text.len() * round;
//!         });
//!     }
//!     *total
//! });
//! assert_eq!(total, 48);
//! ```
//!
//! While a scope is open nothing can be allocated further out: the borrow
//! checker holds what other arenas check at run time. Where a collection from
//! further out has to grow meanwhile, open an arena over the arena instead,
//! `Arena::with_defaults(&arena)`: it takes spans of its own.

use crate::alloc::{Allocate, Check, ConfigError, Reset, Valid, over_core::over_core};

mod arena_core;
mod boxed;
mod config;
#[cfg(doctest)]
mod escapes;
mod region;
mod scope;
mod string;
#[cfg(test)]
mod tests;
mod vec;

pub use self::{
    arena_core::{ArenaCore, ArenaMark},
    boxed::ArenaBox,
    config::ArenaConfig,
    region::Region,
    scope::ArenaScope,
    string::ArenaString,
    vec::{ArenaIntoIter, ArenaVec},
};

/// What a span is aligned to unless its first block needs more: enough for any
/// primitive type, and what a `malloc` gives anyway.
const SPAN_ALIGN: usize = 16;

/// Takes blocks from a chain of spans, upwards; see the [module](self).
#[derive(Debug)]
pub struct Arena<A: Allocate> {
    core: ArenaCore,
    parent: A,
}

impl<A: Allocate> Arena<A> {
    /// Will take spans from `parent`.
    ///
    /// Nothing is taken yet, so this fits a `static`.
    pub const fn new(parent: A, config: Valid<ArenaConfig>) -> Self {
        Self { core: ArenaCore::new(config), parent }
    }

    /// [`new`](Self::new), with a configuration that is checked on the way.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the spans have no room for a block, or no bounds.
    pub fn try_new(parent: A, config: ArenaConfig) -> Result<Self, ConfigError> {
        Ok(Self::new(parent, config.check()?))
    }

    /// [`new`](Self::new) with [`ArenaConfig::DEFAULT`].
    pub const fn with_defaults(parent: A) -> Self {
        Self::new(parent, ArenaConfig::default_valid())
    }

    /// Bytes held of the parent's, all spans in full, used and spare; walks
    /// them.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let grants = self.core.spans().map(|span| self.parent.granted(span.asked()));
        grants.fold(0, usize::saturating_add)
    }

    /// Where the spans come from.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Spans held, used and spare; walks them.
    #[must_use]
    pub fn spans(&self) -> usize {
        self.core.spans().count()
    }

    /// Bytes that can be had without another span, padding included.
    #[must_use]
    pub fn room(&self) -> usize {
        self.core.free.room()
    }

    /// [Resets](Reset::reset), but keeps at most `bytes` of spans: 0 for none,
    /// [`usize::MAX`] for all. Larger spans are kept with preference.
    pub fn reset_keeping(&mut self, bytes: usize) {
        self.core.clear(&self.parent, bytes);
    }

    /// Gives back the spans that no block is in.
    pub fn trim(&self) {
        self.core.trim(&self.parent, 0);
    }

    /// Remembers how much is used, to come back to.
    #[must_use]
    pub fn mark(&self) -> ArenaMark {
        self.core.mark()
    }

    /// Frees at once what was allocated since `mark`; the spans are kept.
    ///
    /// # Safety
    ///
    /// - `mark` was made by this arena, which was not reset since, nor rewound
    ///   to an older mark, nor left a scope that was open then.
    /// - No block allocated or resized since is used again, not even to free it.
    pub unsafe fn rewind(&self, mark: ArenaMark) {
        self.core.rewind(mark);
    }

    /// Calls `work` with a scope of this arena, then frees at once what was
    /// allocated in it, also when `work` unwinds. Nothing can leave the scope
    /// that still needs its blocks.
    ///
    /// ```
    /// # use blockwork::{Arena, Region, System};
    /// let mut arena = Arena::with_defaults(System);
    /// let sum = arena.scope(|scratch| scratch.alloc_slice_copy(&[1, 2, 3]).iter().sum::<i32>());
    /// assert_eq!(sum, 6);
    /// ```
    pub fn scope<R>(&mut self, work: impl FnOnce(ArenaScope<'_, A>) -> R) -> R {
        ArenaScope::open(self, work)
    }
}

over_core!([A: Allocate] Arena<A>);
crate::alloc::bridge!([A: Allocate] Arena<A>);

impl<A: Allocate> Reset for Arena<A> {
    /// Keeps the spans for the next blocks, as far as
    /// [configured](ArenaConfig::keep).
    fn reset(&mut self) {
        self.core.reset(&self.parent);
    }
}

impl<A: Allocate + Check> Check for Arena<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.core.check(&self.parent)?;
        self.parent.check()
    }
}
