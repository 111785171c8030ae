//! [`Shuffled`]: hands blocks out in no helpful order.
//!
//! ```text
//! allocate ─► up to four blocks of that layout wait in the pool ─► one of them, at random
//! free ─────► into the pool; if the pool is full, a random other one goes to the parent
//! ```
//!
//! | | |
//! |---|---|
//! | time | a pass over the pool, sixteen entries |
//! | space | the pool, and the blocks that wait in it |
//! | sharing | single-threaded (`Cell`) |
//! | failure | when no block of the layout waits and the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! Many parents hand out ascending addresses, or the block freed last. A part
//! that leans on it breaks here. The order comes from a seed, and when the last
//! live block is freed the pool empties and the order begins again, so that a
//! failing run repeats.
//!
//! When not to use it: in a program. It is for tests.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, testing::{Shuffled, Strict}};
//!
//! let strict = Strict::new();
//! let parent = Shuffled::new(&strict, 7);
//! let block = parent.allocate(Layout::new::<u64>())?;
//! assert_eq!((parent.waiting(), strict.live_blocks()), (3, 4));
//!
//! // SAFETY: just allocated with this layout.
//! unsafe { parent.deallocate(block, Layout::new::<u64>()) };
//! assert_eq!((parent.waiting(), strict.live_blocks()), (0, 0));
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, can_resize, empty},
    os,
};

/// Blocks that may wait at once.
const POOL: usize = 16;
/// Blocks of one layout to choose from, where the pool has space.
const CHOICE: usize = 4;

/// A block of the parent that nobody holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    block: NonNull<u8>,
    /// The granted layout it was asked for with.
    layout: Layout,
}

/// Hands out blocks in odd order; see the [module](self).
#[derive(Debug)]
pub struct Shuffled<A: Allocate> {
    parent: A,
    seed: u32,
    /// State of the generator; begins again at `seed`.
    state: Cell<u32>,
    pool: [Cell<Option<Waiting>>; POOL],
    /// Blocks that callers hold. Invariant: zero means that the pool is empty.
    live: Cell<usize>,
}

// SAFETY: the blocks that wait belong to nobody else, and move with the parent
// that gave them.
unsafe impl<A: Allocate + Send> Send for Shuffled<A> {}

impl<A: Allocate> Shuffled<A> {
    /// Shuffles the blocks of `parent`, in an order that depends on `seed`.
    pub const fn new(parent: A, seed: u32) -> Self {
        Self { parent, seed, state: Cell::new(seed), pool: [const { Cell::new(None) }; POOL], live: Cell::new(0) }
    }

    /// Blocks that wait in the pool now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.iter().filter(|entry| entry.get().is_some()).count()
    }

    /// The one place where this layer changes a layout: it names whole grants,
    /// so that a block can serve every request of its class.
    fn inner(&self, layout: Layout) -> Layout {
        Layout::from_size_align(self.parent.granted(layout), layout.align()).unwrap_or(layout)
    }

    /// The next number of the generator (Knuth, TAOCP 2, 3.3.4: multiplier by
    /// Lavaux and Janssens), its better half.
    fn random(&self) -> usize {
        let next = self.state.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.state.set(next);
        usize::from(next.to_be_bytes()[0])
    }

    /// One of the entries that `fit`, at random.
    fn choose(&self, fit: impl Fn(Option<Waiting>) -> bool) -> Option<&Cell<Option<Waiting>>> {
        let count = self.pool.iter().filter(|entry| fit(entry.get())).count();
        let chosen = self.random().checked_rem(count)?;
        self.pool.iter().filter(|entry| fit(entry.get())).nth(chosen)
    }

    /// Asks the parent for blocks of `inner` until there is a choice.
    fn fill(&self, inner: Layout) {
        let is_same = |entry: Option<Waiting>| entry.is_some_and(|waiting| waiting.layout == inner);
        while self.pool.iter().filter(|entry| is_same(entry.get())).count() < CHOICE && self.waiting() < POOL {
            let Ok(block) = self.parent.allocate(inner) else { return };
            // The parent may have called back into us and filled the space.
            match self.choose(|entry| entry.is_none()) {
                Some(space) => space.set(Some(Waiting { block, layout: inner })),
                // SAFETY: just allocated with this layout, and given to nobody.
                None => unsafe { self.parent.deallocate(block, inner) },
            }
        }
    }

    /// One block less is live; after the last one everything begins again.
    fn forget_one(&self) {
        self.live.set(self.live.get().wrapping_sub(1));
        if self.live.get() == 0 {
            self.drain();
            self.state.set(self.seed);
        }
    }

    /// Gives every block that waits back to the parent.
    fn drain(&self) {
        for waiting in self.pool.iter().filter_map(Cell::take) {
            // SAFETY: it came from the parent with this layout, waited in the
            // pool, and left it above.
            unsafe { self.parent.deallocate(waiting.block, waiting.layout) }
        }
    }
}

// SAFETY: blocks are those of `A`, asked for by whole grants; a block is either
// in the pool or with one caller; nothing here panics.
unsafe impl<A: Allocate> Allocate for Shuffled<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let inner = self.inner(layout);
        // Counted first: what the parent calls back meanwhile must not find us idle.
        self.live.set(self.live.get().wrapping_add(1));
        self.fill(inner);
        let block = match self.choose(|entry| entry.is_some_and(|waiting| waiting.layout == inner)) {
            Some(entry) => entry.take().map(|waiting| waiting.block).ok_or(AllocError),
            None => self.parent.allocate(inner),
        };
        if block.is_err() {
            self.forget_one();
        }
        block
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        os::check(self.live.get() != 0, "Shuffled: freed more blocks than were live");
        let freed = Waiting { block, layout: self.inner(layout) };
        let place = self.choose(|entry| entry.is_none()).or_else(|| self.choose(|_| true));
        let leaves = match place {
            Some(entry) => entry.replace(Some(freed)),
            None => Some(freed),
        };
        if let Some(waiting) = leaves {
            // SAFETY: it came from the parent with this layout or one of its
            // class, and left the pool, or never was there.
            unsafe { self.parent.deallocate(waiting.block, waiting.layout) }
        }
        self.forget_one();
    }

    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        // SAFETY: `block` is not empty, so it came from `A`; the whole grant is
        // of the class of `old`, which fits.
        unsafe { self.parent.resize(block, self.inner(old), self.inner(new)) }
    }
}

impl<A: Allocate> Drop for Shuffled<A> {
    fn drop(&mut self) {
        self.drain();
    }
}

// SAFETY: our live blocks are blocks of `A`; those that wait are not live, so
// nobody asks about them; `A`'s answer is exact.
unsafe impl<A: Owns> Owns for Shuffled<A> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, self.inner(layout))
    }
}

impl<A: Allocate + Reset> Reset for Shuffled<A> {
    fn reset(&mut self) {
        self.pool.iter().for_each(|entry| entry.set(None));
        self.live.set(0);
        self.state.set(self.seed);
        self.parent.reset();
    }
}

impl<A: Allocate + Check> Check for Shuffled<A> {
    fn check(&self) -> Result<(), &'static str> {
        let entries = || self.pool.iter().filter_map(Cell::get);
        let twice = |waiting: Waiting| entries().filter(|other| other.block == waiting.block).count() > 1;
        if entries().any(twice) {
            Err("Shuffled: a block waits twice")
        } else if self.live.get() == 0 && self.waiting() != 0 {
            Err("Shuffled: blocks wait though none is live")
        } else {
            self.parent.check()
        }
    }
}

crate::alloc::bridge!([A: Allocate] Shuffled<A>);

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::testing::Strict;

    #[test]
    fn blocks_do_not_come_in_the_order_of_the_parent() {
        let strict = Strict::new();
        let parent = Shuffled::new(&strict, 1);
        let layout = Layout::new::<u64>();
        let blocks: Vec<_> = (0..32).map(|_| parent.allocate(layout).unwrap()).collect();
        // SAFETY: just allocated with this layout.
        let again: Vec<_> = blocks.iter().rev().map(|&block| unsafe { parent.deallocate(block, layout) }).collect();
        assert_eq!(again.len(), 32);
        assert_eq!((strict.live_blocks(), strict.check()), (0, Ok(())));
    }

    #[test]
    fn a_freed_block_is_not_always_the_next() {
        let strict = Strict::new();
        let parent = Shuffled::new(&strict, 1);
        let layout = Layout::new::<u64>();
        let _held = parent.allocate(layout).unwrap();
        let same = (0..32).filter(|_| {
            let block = parent.allocate(layout).unwrap();
            // SAFETY: just allocated with this layout.
            unsafe { parent.deallocate(block, layout) };
            let next = parent.allocate(layout).unwrap();
            // SAFETY: just allocated with this layout.
            unsafe { parent.deallocate(next, layout) };
            block == next
        });
        assert!(same.count() < 32);
    }

    #[test]
    fn dropping_it_gives_back_what_waits() {
        let strict = Strict::new();
        let parent = Shuffled::new(&strict, 1);
        let layout = Layout::new::<u64>();
        let _held = parent.allocate(layout).unwrap();
        assert_eq!((parent.waiting(), strict.live_blocks()), (3, 4));
        drop(parent);
        assert_eq!(strict.live_blocks(), 1);
    }
}
