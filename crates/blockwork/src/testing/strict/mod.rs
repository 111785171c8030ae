//! [`Strict`]: a parent that believes nothing and forgets nothing.
//!
//! ```text
//! [ guard FD | block, dirty A5 ............ | guard FD ]   while live
//!            ^ a multiple of align, not of 2 × align
//! [ guard FD | freed DD ................... | guard FD ]   kept for a while, then returned
//! ```
//!
//! | | |
//! |---|---|
//! | time | O(log live blocks), and a pass over the bytes of each block |
//! | space | a guard on both sides of each block, an entry in a tree |
//! | sharing | single-threaded (`RefCell`) |
//! | failure | above its limit, or whenever std's `System` fails |
//! | offers | [`Check`], growing in place within a chosen room |
//!
//! It records every block it gives. A free or resize of an unknown block, with
//! another alignment or with a size of another class, a byte written outside of
//! a block or after its free, is a [`Fault`]: kept in a list, never unwound.
//!
//! When not to use it: in a program. It is for tests.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, testing::{Strict, Wrong}};
//!
//! let parent = Strict::new();
//! let block = parent.allocate(Layout::new::<u64>())?;
//! assert_eq!(parent.live_bytes(), 8);
//!
//! // SAFETY: `Strict` checks what others take for granted.
//! unsafe { parent.deallocate(block, Layout::new::<u32>()) };
//! assert_eq!(parent.faults()[0].wrong, Wrong::Alignment);
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::RefCell, fmt, ptr::NonNull};

use heap::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use self::entry::Entry;
use crate::alloc::{AllocError, Allocate, Check, can_resize, empty};

mod entry;

/// Freed bytes that are kept, to see whether somebody writes there.
const KEPT_BYTES: usize = 256 * 1024;
/// Faults that are kept; the first ones tell most.
const FAULTS: usize = 16;

/// What a caller of [`Strict`], or a holder of one of its blocks, did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong {
    /// Gave back or resized an address that is no live block.
    Block,
    /// Named another alignment than the block was asked for with.
    Alignment,
    /// Named a size of another class than the block's.
    Size,
    /// Wrote before or behind a block.
    Overrun,
    /// Wrote into a block after its free.
    AfterFree,
}

/// One breach of the contract that [`Strict`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What was done.
    pub wrong: Wrong,
    /// The address of the block.
    pub address: usize,
    /// The layout that the caller named; none when bytes were found changed.
    pub named: Option<Layout>,
    /// The layout that the block was asked for with; none when it is unknown.
    pub asked: Option<Layout>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.wrong {
            Wrong::Block => "gave back or resized what is no live block",
            Wrong::Alignment => "named another alignment",
            Wrong::Size => "named a size of another class",
            Wrong::Overrun => "wrote outside of a block",
            Wrong::AfterFree => "wrote into a freed block",
        })?;
        write!(f, ", block {:#x}", self.address)?;
        if let Some(asked) = self.asked {
            write!(f, ", asked for as {} @ {}", asked.size(), asked.align())?;
        }
        if let Some(named) = self.named {
            write!(f, ", named {} @ {}", named.size(), named.align())?;
        }
        Ok(())
    }
}

/// What [`Strict`] knows.
#[derive(Debug, Default)]
struct Books {
    /// Live blocks by address.
    live: BTreeMap<usize, Entry>,
    /// Sum of the grants of `live`.
    live_bytes: usize,
    /// The most that `live_bytes` has been since the last `mark`.
    peak_bytes: usize,
    /// Freed blocks, oldest first.
    freed: VecDeque<Entry>,
    /// Sum of the sizes of `freed`.
    freed_bytes: usize,
    requests: usize,
    faults: Vec<Fault>,
}

impl Books {
    fn fault(&mut self, wrong: Wrong, address: usize, named: Option<Layout>, asked: Option<Layout>) {
        if self.faults.len() < FAULTS {
            self.faults.push(Fault { wrong, address, named, asked });
        }
    }

    fn add(&mut self, entry: Entry) -> NonNull<u8> {
        let block = entry.block();
        self.count(0, entry.granted);
        self.live.insert(entry.address(), entry);
        block
    }

    const fn count(&mut self, before: usize, after: usize) {
        self.live_bytes = self.live_bytes.saturating_sub(before).saturating_add(after);
        if self.peak_bytes < self.live_bytes {
            self.peak_bytes = self.live_bytes;
        }
    }

    /// Records a fault if `named` does not fit the live block at `address`,
    /// whose grant for `named` would be `granted`.
    fn judge(&mut self, address: usize, named: Layout, granted: usize) {
        let Some(entry) = self.live.get(&address) else {
            return self.fault(Wrong::Block, address, Some(named), None);
        };
        let (asked, same_class, intact) = (entry.asked, entry.granted == granted, entry.guards_hold());
        if asked.align() != named.align() {
            self.fault(Wrong::Alignment, address, Some(named), Some(asked));
        } else if !same_class {
            self.fault(Wrong::Size, address, Some(named), Some(asked));
        }
        if !intact {
            self.fault(Wrong::Overrun, address, None, Some(asked));
        }
    }

    /// Keeps a freed block for a while, and lets the oldest ones go.
    fn keep(&mut self, entry: Entry) {
        entry.free();
        self.freed_bytes = self.freed_bytes.saturating_add(entry.size());
        self.freed.push_back(entry);
        while self.freed_bytes > KEPT_BYTES {
            let Some(oldest) = self.freed.pop_front() else { break };
            self.freed_bytes = self.freed_bytes.saturating_sub(oldest.size());
            self.judge_freed(&oldest);
        }
    }

    fn judge_freed(&mut self, entry: &Entry) {
        if !entry.is_still_free() {
            self.fault(Wrong::AfterFree, entry.address(), None, Some(entry.asked));
        }
    }

    /// Looks at the bytes around every live block.
    fn look_around(&mut self) {
        if let Some(entry) = self.live.values().find(|entry| !entry.guards_hold()) {
            let (address, asked) = (entry.address(), entry.asked);
            self.fault(Wrong::Overrun, address, None, Some(asked));
        }
    }

    /// Looks at every byte that nobody may have written.
    fn look_everywhere(&mut self) {
        self.look_around();
        let freed = core::mem::take(&mut self.freed);
        freed.iter().for_each(|entry| self.judge_freed(entry));
        self.freed = freed;
    }
}

/// Checks every use of its blocks; see the [module](self).
#[derive(Debug)]
pub struct Strict {
    /// Grants are multiples of this. Invariant: not zero.
    grain: usize,
    /// Bytes that a block can grow by in place.
    room: usize,
    /// The most bytes that may be live at once.
    limit: usize,
    books: RefCell<Books>,
}

impl Default for Strict {
    fn default() -> Self {
        Self::new()
    }
}

impl Strict {
    /// A parent that grants what is asked, never resizes, and holds at most
    /// 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self { grain: 1, room: 0, limit: 64 << 20, books: RefCell::default() }
    }

    /// Grants multiples of `bytes`, which need not be a power of two.
    #[must_use]
    pub const fn grain(mut self, bytes: usize) -> Self {
        self.grain = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Lets each block grow in place by `bytes`, and shrink.
    #[must_use]
    pub const fn room(mut self, bytes: usize) -> Self {
        self.room = bytes;
        self
    }

    /// Holds at most `bytes` at once.
    #[must_use]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Blocks live now.
    #[must_use]
    pub fn live_blocks(&self) -> usize {
        self.books.borrow().live.len()
    }

    /// Sum of the grants of the blocks live now.
    #[must_use]
    pub fn live_bytes(&self) -> usize {
        self.books.borrow().live_bytes
    }

    /// The most bytes live at once since the last [`mark`](Self::mark).
    #[must_use]
    pub fn peak_bytes(&self) -> usize {
        self.books.borrow().peak_bytes
    }

    /// Lets [`peak_bytes`](Self::peak_bytes) begin again.
    pub fn mark(&self) {
        let mut books = self.books.borrow_mut();
        books.peak_bytes = books.live_bytes;
    }

    /// Blocks asked for so far, those refused included.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.books.borrow().requests
    }

    /// What was done wrong, the first sixteen times; looks at every guard and
    /// every freed byte first.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut books = self.books.borrow_mut();
        books.look_everywhere();
        books.faults.clone()
    }

    /// The first fault so far, without looking for more.
    pub(super) fn first_fault(&self) -> Option<Fault> {
        self.books.borrow().faults.first().copied()
    }

    /// The layout of a block that is live, if any is.
    pub(super) fn any_live(&self) -> Option<Layout> {
        self.books.borrow().live.values().next().map(|entry| entry.asked)
    }

    /// Whether the `len` bytes at `start` lie inside one live block.
    #[must_use]
    pub fn contains(&self, start: NonNull<u8>, len: usize) -> bool {
        let start = start.addr().get();
        let books = self.books.borrow();
        let nearest = books.live.range(..=start).next_back();
        nearest.is_some_and(|(&at, entry)| {
            start.saturating_sub(at).checked_add(len).is_some_and(|end| end <= entry.granted)
        })
    }

    fn give(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let granted = self.granted(layout);
        let mut books = self.books.borrow_mut();
        books.requests = books.requests.saturating_add(1);
        if books.live_bytes.saturating_add(granted) > self.limit {
            return Err(AllocError);
        }
        let entry = Entry::new(layout, granted, self.room).ok_or(AllocError)?;
        Ok(books.add(entry))
    }
}

// SAFETY: each block is its own memory from `System`, aligned by `Entry::new`,
// with `granted` bytes between its guards, and stays until it is freed; the
// books are borrowed for one call at a time and never while others run.
unsafe impl Allocate for Strict {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 { Ok(empty(layout)) } else { self.give(layout) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let granted = self.granted(layout);
        let mut books = self.books.borrow_mut();
        let address = block.addr().get();
        books.judge(address, layout, granted);
        if let Some(entry) = books.live.remove(&address) {
            books.count(entry.granted, 0);
            books.keep(entry);
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        let rounded = layout.size().checked_next_multiple_of(self.grain).unwrap_or(usize::MAX);
        if Layout::from_size_align(rounded, layout.align()).is_ok() { rounded } else { layout.size() }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let (before, after) = (self.granted(old), self.granted(new));
        let mut books = self.books.borrow_mut();
        let address = block.addr().get();
        books.judge(address, old, before);
        if before == after {
            return Ok(());
        }
        let fits = books.live_bytes.saturating_sub(before).saturating_add(after) <= self.limit;
        match books.live.get_mut(&address) {
            Some(entry) if fits && self.room != 0 && entry.has_room(after) => {
                let granted = entry.granted;
                entry.resize(new, after);
                books.count(granted, after);
                Ok(())
            }
            _ => Err(AllocError),
        }
    }
}

// Freed blocks are left out: a walk after every operation would compare them
// again and again. They are compared by `faults`, and when they go.
impl Check for Strict {
    fn check(&self) -> Result<(), &'static str> {
        let mut books = self.books.borrow_mut();
        books.look_around();
        let Some(fault) = books.faults.first() else { return Ok(()) };
        Err(match fault.wrong {
            Wrong::Block => "Strict: was given back what is no live block",
            Wrong::Alignment => "Strict: was given back a block with another alignment",
            Wrong::Size => "Strict: was given back a block with a size of another class",
            Wrong::Overrun => "Strict: somebody wrote outside of a block",
            Wrong::AfterFree => "Strict: somebody wrote into a freed block",
        })
    }
}

crate::alloc::bridge!([] Strict);

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(parent: &Strict) -> Vec<Wrong> {
        parent.faults().iter().map(|fault| fault.wrong).collect()
    }

    #[test]
    fn a_correct_caller_leaves_no_fault_and_no_byte() {
        let parent = Strict::new().grain(112).room(64);
        let (asked, named, new) = (Layout::new::<[u8; 100]>(), Layout::new::<[u8; 3]>(), Layout::new::<[u8; 1]>());
        assert_eq!(parent.granted(asked), 112);
        let block = parent.allocate(asked).unwrap();
        // SAFETY: just allocated; all three sizes are of one class.
        assert_eq!(unsafe { parent.resize(block, named, new) }, Ok(()));
        // SAFETY: as above.
        unsafe { parent.deallocate(block, named) };
        assert_eq!((parent.live_blocks(), parent.live_bytes(), wrongs(&parent)), (0, 0, Vec::new()));
    }

    #[test]
    fn each_wrong_is_told_apart() {
        let (asked, wider) = (Layout::new::<[u32; 4]>(), Layout::new::<[u64; 2]>());
        let larger = Layout::new::<[u32; 5]>();
        for (named, offset, wrong) in [(wider, 0, Wrong::Alignment), (larger, 0, Wrong::Size), (asked, 4, Wrong::Block)]
        {
            let parent = Strict::new();
            let block = parent.allocate(asked).unwrap();
            // SAFETY: at most four bytes into a block of sixteen.
            let block = unsafe { block.add(offset) };
            // SAFETY: what is promised is broken on purpose: `Strict` looks first.
            unsafe { parent.deallocate(block, named) };
            assert_eq!(wrongs(&parent), [wrong]);
        }
    }

    #[test]
    fn a_byte_behind_a_block_is_noticed() {
        let parent = Strict::new();
        let layout = Layout::new::<[u8; 5]>();
        let block = parent.allocate(layout).unwrap();
        // SAFETY: the end of the block.
        let guard = unsafe { block.add(5) };
        // SAFETY: the guard is memory of `parent`, which compares it later.
        unsafe { guard.write(0) };
        assert_eq!(wrongs(&parent), [Wrong::Overrun]);
    }

    #[test]
    fn a_byte_written_after_the_free_is_noticed() {
        let parent = Strict::new();
        let layout = Layout::new::<[u8; 5]>();
        let block = parent.allocate(layout).unwrap();
        // SAFETY: just allocated with this layout.
        unsafe { parent.deallocate(block, layout) };
        // SAFETY: `parent` keeps freed memory for a while.
        unsafe { block.write(1) };
        assert_eq!(wrongs(&parent), [Wrong::AfterFree]);
    }

    #[test]
    fn a_block_grows_in_place_within_the_room_only() {
        let parent = Strict::new().room(8);
        let (old, new, large) = (Layout::new::<[u8; 8]>(), Layout::new::<[u8; 16]>(), Layout::new::<[u8; 17]>());
        let block = parent.allocate(old).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { parent.resize(block, old, large) }, Err(AllocError));
        // SAFETY: as above, since the resize was refused.
        assert_eq!(unsafe { parent.resize(block, old, new) }, Ok(()));
        // SAFETY: just resized to this layout.
        unsafe { parent.deallocate(block, new) };
        assert_eq!(wrongs(&parent), []);
    }

    #[test]
    fn the_limit_holds_for_all_blocks_together() {
        let parent = Strict::new().limit(100);
        let layout = Layout::new::<[u8; 60]>();
        let block = parent.allocate(layout).unwrap();
        assert_eq!(parent.allocate(layout), Err(AllocError));
        // SAFETY: just allocated with this layout.
        unsafe { parent.deallocate(block, layout) };
        assert!(parent.allocate(layout).is_ok());
        assert_eq!((parent.requests(), parent.peak_bytes()), (3, 60));
    }
}
