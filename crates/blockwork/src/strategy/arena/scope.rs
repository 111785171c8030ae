//! Scopes: what is allocated in one ends with it.
//!
//! ```text
//! arena.scope(|mut outer| {        mark ─────────────┐
//!     outer.alloc(..)                                │ outer's blocks
//!     outer.scope(|inner| {        mark ───┐         │
//!         inner.alloc(..)                  │ inner's │
//!     })                           rewind ─┘         │
//! })                               rewind ───────────┘
//! ```
//!
//! Each level has one handle, and only the innermost one can be used: opening
//! the next level borrows it as `&mut`, and whoever still could allocate by it,
//! a collection for one, holds it as `&`. So blocks end in the order of levels,
//! and a rewind cannot meet a block of a level further out. `work` must serve
//! every lifetime, so it cannot return what has this one.

use core::{alloc::Layout, ptr::NonNull};

use super::{Arena, ArenaMark, Region};
use crate::alloc::{AllocError, Allocate, Check};

/// An [`Arena`] within a scope; see [`Arena::scope`].
///
/// Serves typed values by [`Region`], and collections: `&scope` is an
/// allocator wherever `&arena` is one.
#[derive(Debug)]
pub struct ArenaScope<'s, A: Allocate> {
    /// Invariant: no other handle of this level exists, and while this one can
    /// be used, none of a deeper level.
    arena: &'s Arena<A>,
}

impl<A: Allocate> ArenaScope<'_, A> {
    /// Calls `work` with a scope inside of this one, then frees at once what
    /// was allocated in it, also when `work` unwinds.
    ///
    /// Blocks of this scope can be used meanwhile, but not what may still
    /// allocate from it: see the [module of `Arena`](super) for an example.
    pub fn scope<R>(&mut self, work: impl FnOnce(ArenaScope<'_, A>) -> R) -> R {
        ArenaScope::open(self.arena, work)
    }

    /// Bytes that can be had without another span, padding included.
    #[must_use]
    pub fn room(&self) -> usize {
        self.arena.room()
    }

    /// Opens a level; the caller holds all that could allocate from the one
    /// before.
    pub(super) fn open<R>(arena: &Arena<A>, work: impl FnOnce(ArenaScope<'_, A>) -> R) -> R {
        struct Rewind<'a, A: Allocate>(&'a Arena<A>, ArenaMark);

        impl<A: Allocate> Drop for Rewind<'_, A> {
            fn drop(&mut self) {
                let Self(arena, mark) = self;
                arena.core.rewind(*mark);
            }
        }

        let rewind = Rewind(arena, arena.mark());
        work(ArenaScope { arena: rewind.0 })
    }
}

// SAFETY: every method forwards to the arena, whose implementation upholds the
// contract; blocks stay live when the handle moves or ends, until the scope
// does, which no handle and no block outlives.
unsafe impl<A: Allocate> Allocate for ArenaScope<'_, A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.arena.allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the arena asks for.
        unsafe { self.arena.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.arena.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the arena asks for.
        unsafe { self.arena.resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.arena.allocate_zeroed(layout)
    }
}

crate::alloc::bridge!([A: Allocate] ArenaScope<'_, A>);

impl<A: Allocate + Check> Check for ArenaScope<'_, A> {
    fn check(&self) -> Result<(), &'static str> {
        self.arena.check()
    }
}

// SAFETY: while the arena is borrowed it is not dropped, reset or in a scope,
// and rewinding it is unsafe.
unsafe impl<'a, A: Allocate> Region<'a> for &'a Arena<A> {}

// SAFETY: `'s` ends before the scope does, and while it lasts the arena is not
// rewound to before this scope.
unsafe impl<'s, A: Allocate> Region<'s> for &ArenaScope<'s, A> {}
