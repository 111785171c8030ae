//! [`Checked`]: finds blocks that are misused, and leaves them alone.
//!
//! ```text
//! deallocate(block, layout) ─► on the books, and does the layout fit?
//!                                 ├─ yes ─► parent.deallocate
//!                                 └─ no ──► report; nothing else is done
//! books, apart from the blocks: [ address ► live │ freed, layout ]
//! ```
//!
//! | | |
//! |---|---|
//! | time | a hash table's insert, look-up and update for each block; a pass over the table to name a foreign one |
//! | space | 64 to 256 bytes per live block, beside the blocks, while many are live |
//! | sharing | single-threaded (`Cell`): `.checked(report).locked()` |
//! | failure | whenever the parent fails, or has no memory for the books |
//! | passes on | [`Reset`], where the parent has it |
//! | offers | [`Owns`], over any parent |
//!
//! | misuse of a block in `deallocate` or `resize` | as |
//! |---|---|
//! | freed before | [`MisuseKind::Freed`] |
//! | of another allocator | [`MisuseKind::Foreign`] |
//! | an address inside of a live block | [`MisuseKind::Interior`] |
//! | another alignment, or a size of another class | [`MisuseKind::Layout`] |
//! | still live when this is dropped | [`Finding::Leak`] |
//!
//! | severity | report |
//! |---|---|
//! | end the program with a message | [`Stop`] |
//! | tell a callback, and go on | [`Log`] |
//! | count, and go on | [`Tally`] |
//! | go on | [`Ignore`] |
//!
//! When it is on is a matter of types: a `type Heap` that is checked in debug
//! builds and plain in others, `#[cfg(debug_assertions)]`, costs the others
//! nothing.
//!
//! Whatever the severity, an operation that goes on has done nothing: a free
//! that was wrong has freed nothing, a resize that was wrong is refused. Every
//! block is judged exactly. Only the name can be off: a block freed long ago may
//! be called foreign, because freed blocks are remembered as long as their place
//! in the books is not needed; and a foreign one that begins where ours was, freed.
//!
//! The books are memory of the parent, or of [another allocator](Checked::beside),
//! and are never on the books themselves. With a parent that loses what is freed,
//! like a bump allocator, put them beside it.
//!
//! Leaks are not reported while a panic unwinds, which leaks by its nature.
//!
//! When not to use it: to find bytes written outside of a block or after its
//! free, which no call shows; sanitizers see them. And for a program that has no
//! unsafe code and no allocator of its own making.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Checked, MisuseKind, System, Tally};
//!
//! let tally = Tally::new();
//! let heap = Checked::new(System, &tally);
//! let layout = Layout::new::<u64>();
//!
//! let block = heap.allocate(layout)?;
//! // SAFETY: wrong! No harm is done, because it is checked.
//! unsafe { heap.deallocate(block, Layout::new::<u32>()) };
//! assert_eq!(tally.misuses(MisuseKind::Layout), 1);
//! assert_eq!(heap.live_blocks().count(), 1);
//!
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! // SAFETY: wrong again.
//! unsafe { heap.deallocate(block, layout) };
//! assert_eq!(tally.misuses(MisuseKind::Freed), 1);
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, fmt, ptr::NonNull};

use self::books::{Books, Record};
pub use self::{
    books::BlockInfo,
    memory::{Below, Beside, BooksMemory},
    report::{Finding, Ignore, LiveBlocks, Log, Misuse, MisuseKind, Operation, Report, Tally},
};
pub use super::on_failure::Stop;
use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, empty},
    os,
};

mod books;
mod memory;
mod report;

/// Judges what is done with the blocks of `A`, and tells `R`; see the
/// [module](self).
pub struct Checked<A: Allocate, R: Report = Stop, M: BooksMemory<A> = Below> {
    parent: A,
    report: R,
    memory: M,
    books: Books,
}

impl<A: Allocate, R: Report> Checked<A, R> {
    /// Tells `report` how the blocks of `parent` are misused; the books are
    /// memory of `parent`, too.
    pub const fn new(parent: A, report: R) -> Self {
        Self { parent, report, memory: Below, books: Books::new() }
    }
}

impl<A: Allocate, R: Report, S: Allocate> Checked<A, R, Beside<S>> {
    /// As [`new`](Checked::new), with books in memory of `source`.
    ///
    /// `source` must not get its own memory from this very allocator.
    pub const fn beside(parent: A, report: R, source: S) -> Self {
        Self { parent, report, memory: Beside(source), books: Books::new() }
    }
}

impl<A: Allocate, R: Report, M: BooksMemory<A>> Checked<A, R, M> {
    /// What is checked.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Who is told.
    #[must_use]
    pub const fn report(&self) -> &R {
        &self.report
    }

    /// The blocks that are live now.
    #[must_use]
    pub const fn live_blocks(&self) -> LiveBlocks<'_> {
        LiveBlocks(&self.books)
    }

    fn source(&self) -> &M::Source {
        self.memory.source(&self.parent)
    }

    /// Puts what the parent gave on the books, or gives it back.
    #[inline]
    fn recorded(&self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let info = BlockInfo { address: block.addr().get(), layout };
        if layout.size() != 0 && self.books.begin(self.source(), info).is_err() {
            // SAFETY: the parent just gave it for this layout, and nobody has it.
            unsafe { self.parent.deallocate(block, layout) }
            return Err(AllocError);
        }
        Ok(block)
    }

    /// Whether `block` is live and `layout` fits it, or both are empty; if not,
    /// it is reported.
    #[inline]
    fn is_right(&self, operation: Operation, block: NonNull<u8>, layout: Layout) -> bool {
        if layout.size() == 0 && block == empty(layout) {
            return true;
        }
        let address = block.addr().get();
        match self.books.find(address) {
            Some(Record::Live(asked)) if self.fits(asked, layout) => true,
            // No operation on nothing can go wrong, unless there is something.
            None | Some(Record::Freed(_)) if layout.size() == 0 => true,
            record => {
                self.accuse(operation, address, layout, record);
                false
            }
        }
    }

    /// Whether `named` is of the class of `asked`.
    #[inline]
    fn fits(&self, asked: Layout, named: Layout) -> bool {
        asked.align() == named.align() && self.parent.granted(asked) == self.parent.granted(named)
    }

    #[cold]
    fn accuse(&self, operation: Operation, address: usize, named: Layout, record: Option<Record>) {
        let at = |layout| Some(BlockInfo { address, layout });
        let (kind, block) = match record {
            Some(Record::Live(asked)) => (MisuseKind::Layout, at(asked)),
            Some(Record::Freed(asked)) => (MisuseKind::Freed, at(asked)),
            None => {
                self.around(address).map_or((MisuseKind::Foreign, None), |block| (MisuseKind::Interior, Some(block)))
            }
        };
        self.tell(Finding::Misuse(Misuse { kind, operation, address, named, block }));
    }

    /// The live block that `address` is inside of.
    fn around(&self, address: usize) -> Option<BlockInfo> {
        let holds = |block: &BlockInfo| {
            address.checked_sub(block.address).is_some_and(|offset| offset < self.parent.granted(block.layout))
        };
        self.books.iter().find(holds)
    }

    fn tell(&self, finding: Finding<'_>) {
        os::contain(|| self.report.report(finding));
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged; each goes back once, as
// the books know, with a layout that fits. Nothing here panics, and a report
// cannot unwind.
unsafe impl<A: Allocate, R: Report, M: BooksMemory<A>> Allocate for Checked<A, R, M> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.recorded(self.parent.allocate(layout)?, layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if self.is_right(Operation::Deallocate, block, layout) {
            if layout.size() != 0 {
                // Before the parent can give it out again.
                self.books.end(block.addr().get());
            }
            // SAFETY: the parent gave this block, it was live until now, and the
            // layout fits; or it is empty.
            unsafe { self.parent.deallocate(block, layout) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !self.is_right(Operation::Resize, block, old) {
            return Err(AllocError);
        }
        // SAFETY: the parent gave this live block, and `old` fits; or it is
        // empty, and will be refused.
        unsafe { self.parent.resize(block, old, new)? }
        self.books.change(block.addr().get(), new);
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.recorded(self.parent.allocate_zeroed(layout)?, layout)
    }
}

// SAFETY: what this gave and did not get back is live on the books, and nothing
// else is. Nobody can carve from it and ask here: this is no `Owns` when shared.
unsafe impl<A: Allocate, R: Report, M: BooksMemory<A>> Owns for Checked<A, R, M> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, _: Layout) -> bool {
        matches!(self.books.find(block.addr().get()), Some(Record::Live(_)))
    }
}

/// Ends every block; none is leaked by that.
impl<A: Allocate + Reset, R: Report, M: BooksMemory<A>> Reset for Checked<A, R, M> {
    fn reset(&mut self) {
        self.books.clear(self.source());
        self.parent.reset();
    }
}

impl<A: Allocate + Check, R: Report, M: BooksMemory<A>> Check for Checked<A, R, M> {
    fn check(&self) -> Result<(), &'static str> {
        self.books.check()?;
        self.parent.check()
    }
}

impl<A: Allocate, R: Report, M: BooksMemory<A>> Drop for Checked<A, R, M> {
    fn drop(&mut self) {
        if self.books.live() != 0 && !os::is_unwinding() {
            self.tell(Finding::Leak(self.live_blocks()));
        }
        self.books.clear(self.source());
    }
}

impl<A: Allocate + fmt::Debug, R: Report + fmt::Debug, M: BooksMemory<A>> fmt::Debug for Checked<A, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked")
            .field("parent", &self.parent)
            .field("report", &self.report)
            .field("live_blocks", &self.live_blocks().count())
            .finish_non_exhaustive()
    }
}

crate::alloc::bridge!([A: Allocate, R: Report, M: BooksMemory<A>] Checked<A, R, M>);

#[cfg(test)]
mod tests;
