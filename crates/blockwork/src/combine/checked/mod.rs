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
//! | time | a hash table's insert, look-up and update for each block; a pass over the table to name a foreign one; with fences and fill, a pass over the bytes |
//! | space | 64 to 256 bytes per live block, beside the blocks, while many are live; fences, and what is in quarantine |
//! | sharing | single-threaded (`Cell`): `.checked(report).locked()` |
//! | failure | whenever the parent fails, or has no memory for the books |
//! | passes on | [`Reset`], where the parent has it |
//! | offers | [`Owns`] and [`Describe`], over any parent |
//!
//! | misuse of a block in `deallocate` or `resize` | as |
//! |---|---|
//! | freed before | [`MisuseKind::Freed`] |
//! | of another allocator | [`MisuseKind::Foreign`] |
//! | an address inside of a live block | [`MisuseKind::Interior`] |
//! | another alignment, or a size of another class | [`MisuseKind::Layout`] |
//! | still live when this is dropped | [`Finding::Leak`] |
//!
//! | bytes that were nobody's to write, with [`Scrutiny`] | as |
//! |---|---|
//! | behind a block, or before it | [`DamageKind::Overrun`], [`DamageKind::Underrun`] |
//! | in a block that was freed | [`DamageKind::AfterFree`] |
//!
//! | severity | report |
//! |---|---|
//! | end the program with a message | [`Stop`] |
//! | tell a callback, and go on | [`Log`] |
//! | print it, and go on | `Print` |
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
//! # What no call shows
//!
//! ```text
//! parent's block  [ fence | block, as many bytes as asked for | fence ]
//! freed           [ fence | filled ……………………………………… | fence ]  in quarantine, ─► parent
//! ```
//!
//! [`Scrutiny`] says how hard to look for bytes that are written out of turn. It
//! fences blocks in, fills what is freed, and keeps it from the parent for a
//! while, so that whoever writes to it still writes to nobody's bytes. With fences
//! exactly what is asked for is granted, so one byte too many is found, and a
//! layout fits only if its size is the very same. A damaged block goes its way
//! once it was told of.
//!
//! Such bytes are found when their block is next freed, resized or released. Over
//! `Guarded`, in whose guard pages each block ends, they are found at once, and
//! bytes that are read out of turn as well: by the processor, which ends the
//! program at the very instruction.
//!
//! [`CallSites`] know who asked for a block that leaks; `Backtraces` are such, and
//! so are [`Stacks`], which also know who freed a block that is misused after.
//!
//! Leaks are not reported while a panic unwinds, which leaks by its nature.
//!
//! When not to use it: to find bytes that are read out of turn, which leaves no
//! trace; sanitizers see that, and guard pages. And for a program that has no unsafe
//! code and no allocator of its own making.
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

pub use self::{
    books::BlockInfo,
    memory::{Below, Beside, BooksMemory},
    report::{
        Damage, DamageKind, Finding, Ignore, LiveBlocks, Log, Misuse, MisuseKind, Operation, Report, Site, Tally,
    },
    sites::{CallSites, Unsited},
    stacks::{Callers, Stack, Stacks},
};
use self::{
    books::{Books, Record},
    held::{Held, Quarantine},
};
#[cfg(feature = "std")]
pub use self::{report::Print, sites::Backtraces};
pub use super::on_failure::Stop;
use crate::{
    alloc::{AllocError, Allocate, Check, Describe, Owns, Reset, can_resize, empty},
    math::align::align_up,
    os,
    raw::wipe::{first_other, wipe},
};

mod books;
mod held;
mod memory;
mod report;
mod sites;
mod stacks;

/// Every byte of a fence.
const FENCE: u8 = 0xFE;

/// Every byte of a fresh block.
const FRESH: u8 = 0xCD;

/// Every byte of a freed block.
const FREED: u8 = 0xDD;

/// How hard a [`Checked`] looks for bytes that are written out of turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrutiny {
    /// Bytes of fence on either side of a block, none for none. More find wider
    /// strides; before a block they are rounded up to its alignment.
    pub fence: usize,
    /// Whether fresh blocks are filled with 0xCD and freed ones with 0xDD, so that
    /// whoever reads them out of turn gets conspicuous values.
    pub fill: bool,
    /// Freed blocks that the parent does not get yet. They are filled, too. For a
    /// parent that may need them,
    /// `.retrying(1, |heap, _| heap.release_quarantine() != 0)`.
    pub quarantine: usize,
}

impl Scrutiny {
    /// None: blocks are as the parent gives them.
    pub const PLAIN: Self = Self { fence: 0, fill: false, quarantine: 0 };

    /// Fences of 16 bytes, fill, and a quarantine of 256 blocks.
    pub const FULL: Self = Self { fence: 16, fill: true, quarantine: 256 };
}

/// Judges what is done with the blocks of `A`, and tells `R`; see the
/// [module](self).
pub struct Checked<A: Allocate, R: Report = Stop, M: BooksMemory<A> = Below, S: CallSites = Unsited> {
    parent: A,
    report: R,
    memory: M,
    sites: S,
    scrutiny: Scrutiny,
    books: Books,
    held: Quarantine,
}

impl<A: Allocate, R: Report> Checked<A, R> {
    /// Tells `report` how the blocks of `parent` are misused; the books are
    /// memory of `parent`, too.
    pub const fn new(parent: A, report: R) -> Self {
        Self::with(parent, report, Below, Unsited, Scrutiny::PLAIN)
    }
}

impl<A: Allocate, R: Report, S: Allocate> Checked<A, R, Beside<S>> {
    /// As [`new`](Checked::new), with books in memory of `source`.
    ///
    /// `source` must not get its own memory from this very allocator.
    pub const fn beside(parent: A, report: R, source: S) -> Self {
        Self::with(parent, report, Beside(source), Unsited, Scrutiny::PLAIN)
    }
}

impl<A: Allocate, R: Report, M: BooksMemory<A>, S: CallSites> Checked<A, R, M, S> {
    /// As [`new`](Checked::new), with books in memory of [`Below`] or [`Beside`],
    /// leaks told with their `sites`, and as much `scrutiny`.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use blockwork::{Allocate, Below, Checked, DamageKind, Scrutiny, System, Tally, Unsited};
    ///
    /// let tally = Tally::new();
    /// let heap = Checked::with(System, &tally, Below, Unsited, Scrutiny::FULL);
    /// let layout = Layout::new::<[u8; 5]>();
    /// let block = heap.allocate(layout)?;
    /// // SAFETY: wrong! One byte too many, but of a fence.
    /// unsafe { block.write_bytes(b'!', 6) };
    /// // SAFETY: just allocated with this layout.
    /// unsafe { heap.deallocate(block, layout) };
    /// assert_eq!(tally.damages(DamageKind::Overrun), 1);
    ///
    /// // SAFETY: wrong! It is freed, but in quarantine.
    /// unsafe { block.write(b'?') };
    /// drop(heap);
    /// assert_eq!(tally.damages(DamageKind::AfterFree), 1);
    /// # Ok::<(), blockwork::AllocError>(())
    /// ```
    pub const fn with(parent: A, report: R, memory: M, sites: S, scrutiny: Scrutiny) -> Self {
        let held = Quarantine::new(scrutiny.quarantine);
        Self { parent, report, memory, sites, scrutiny, books: Books::new(), held }
    }

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

    /// How hard it looks.
    #[must_use]
    pub const fn scrutiny(&self) -> Scrutiny {
        self.scrutiny
    }

    /// The blocks that are live now.
    #[must_use]
    pub const fn live_blocks(&self) -> LiveBlocks<'_> {
        LiveBlocks { books: &self.books, sites: &self.sites }
    }

    /// Gives the parent what is in quarantine, and returns how many blocks that
    /// were; whoever has written to one is told of.
    pub fn release_quarantine(&self) -> usize {
        let mut released = 0_usize;
        while let Some(held) = self.held.release() {
            self.let_go(held);
            released = released.wrapping_add(1);
        }
        released
    }

    /// What is wrong with the fences of a block, which nobody is told of; for those
    /// that are never freed.
    ///
    /// # Safety
    ///
    /// - `block` is as it came from here, if it is live.
    #[must_use]
    pub unsafe fn inspect(&self, block: NonNull<u8>) -> Option<Damage> {
        let Some(Record::Live(layout, site)) = self.books.find(block.addr().get()) else { return None };
        // SAFETY: live, says the record, and its last layout.
        unsafe { self.broken_fence(block, layout, site) }
    }

    fn source(&self) -> &M::Source {
        self.memory.source(&self.parent)
    }

    /// Makes a block for `layout` of what the parent answers.
    #[inline]
    fn given(
        &self,
        layout: Layout,
        ask: impl FnOnce(&A, Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        let inner = self.inner(layout).ok_or(AllocError)?;
        let base = ask(&self.parent, inner)?;
        if layout.size() == 0 {
            return Ok(base);
        }
        // SAFETY: the parent's block is longer by that.
        let block = unsafe { base.add(self.before(layout)) };
        let site = os::contain(|| self.sites.enter());
        let info = BlockInfo { address: block.addr().get(), layout, site };
        if self.books.begin(self.source(), info).is_err() {
            os::contain(|| self.sites.leave(site));
            // SAFETY: the parent just gave it for this layout, and nobody has it.
            unsafe { self.parent.deallocate(base, inner) }
            return Err(AllocError);
        }
        // SAFETY: fresh, for this layout.
        unsafe { self.raise_fences(block, layout) }
        Ok(block)
    }

    /// The one place where this layer changes a layout; `None` when there is no
    /// such layout.
    #[inline]
    fn inner(&self, layout: Layout) -> Option<Layout> {
        if self.scrutiny.fence == 0 || layout.size() == 0 {
            return Some(layout);
        }
        let size = self.before(layout).checked_add(layout.size())?.checked_add(self.scrutiny.fence)?;
        Layout::from_size_align(size, layout.align()).ok()
    }

    /// Bytes of fence before a block, as many as keep it aligned. More than any
    /// layout holds, if there are no such bytes.
    #[inline]
    fn before(&self, layout: Layout) -> usize {
        align_up(self.scrutiny.fence, layout.align()).unwrap_or(usize::MAX)
    }

    /// Bytes of fence behind a block: all that the parent grants.
    fn behind(&self, layout: Layout) -> usize {
        let granted = self.inner(layout).map_or(0, |inner| self.parent.granted(inner));
        granted.saturating_sub(self.before(layout)).saturating_sub(layout.size())
    }

    /// The parent's block around `block`.
    ///
    /// # Safety
    ///
    /// - `block` is from here and not empty, and `layout` fits it.
    #[inline]
    unsafe fn base(&self, block: NonNull<u8>, layout: Layout) -> NonNull<u8> {
        // SAFETY: so many bytes lie before every block of ours.
        unsafe { block.sub(self.before(layout)) }
    }

    /// Writes both fences of a block.
    ///
    /// # Safety
    ///
    /// - `block` is from here and not empty, the parent does not have it, and
    ///   `layout` fits it.
    unsafe fn raise_fences(&self, block: NonNull<u8>, layout: Layout) {
        if self.scrutiny.fence != 0 {
            // SAFETY: from here, not empty, and the layout fits it, says the caller.
            let base = unsafe { self.base(block, layout) };
            // SAFETY: before the block, in that of the parent.
            unsafe { wipe(base, self.before(layout), FENCE) }
            // SAFETY: the block is as long.
            let end = unsafe { block.add(layout.size()) };
            // SAFETY: behind the block, in that of the parent.
            unsafe { wipe(end, self.behind(layout), FENCE) }
        }
    }

    /// What is wrong with the fences of a block.
    ///
    /// # Safety
    ///
    /// - `block` is from here and not empty, the parent does not have it, and it
    ///   was last allocated or resized with `layout`.
    unsafe fn broken_fence(&self, block: NonNull<u8>, layout: Layout, site: u32) -> Option<Damage> {
        if self.scrutiny.fence == 0 {
            return None;
        }
        // SAFETY: the block is as long.
        let end = unsafe { block.add(layout.size()) };
        // SAFETY: from here, not empty, and with its layout, says the caller.
        let base = unsafe { self.base(block, layout) };
        // SAFETY: a fence, which was written.
        let over = unsafe { first_other(end, self.behind(layout), FENCE) };
        // SAFETY: a fence, which was written.
        let under = unsafe { first_other(base, self.before(layout), FENCE) };
        let (kind, from, at) = match (over, under) {
            (Some(at), _) => (DamageKind::Overrun, end, at),
            (None, Some(at)) => (DamageKind::Underrun, base, at),
            (None, None) => return None,
        };
        let block = BlockInfo { address: block.addr().get(), layout, site };
        Some(Damage { kind, address: from.addr().get().wrapping_add(at), block })
    }

    /// Gives the parent a block that was in quarantine.
    fn let_go(&self, Held { block, layout, site }: Held) {
        // SAFETY: held, so it is filled, and the parent does not have it.
        let written = unsafe { first_other(block, self.granted(layout), FREED) };
        // SAFETY: as above; the fences stand since it was freed.
        let broken = unsafe { self.broken_fence(block, layout, site) };
        let info = BlockInfo { address: block.addr().get(), layout, site };
        let written = written.map(|at| {
            let address = info.address.wrapping_add(at);
            Damage { kind: DamageKind::AfterFree, address, block: info }
        });
        // SAFETY: nobody has it any more.
        unsafe { self.give_back(block, layout) }
        written.into_iter().chain(broken).for_each(|damage| self.tell(Finding::Damage(damage)));
    }

    /// Gives the parent its block.
    ///
    /// # Safety
    ///
    /// - `block` is from here and not empty, nobody has it any more, and `layout`
    ///   fits it.
    unsafe fn give_back(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: from here, not empty, and the layout fits it, says the caller.
        let base = unsafe { self.base(block, layout) };
        if let Some(inner) = self.inner(layout) {
            // SAFETY: the parent gave it for a layout of this class.
            unsafe { self.parent.deallocate(base, inner) }
        }
    }

    /// Frees a block that is live and not empty.
    ///
    /// # Safety
    ///
    /// - The books say that `block` is live, with the layout `asked` and `site`.
    #[inline]
    unsafe fn free(&self, block: NonNull<u8>, asked: Layout, site: u32) {
        // Before the parent can give it out again.
        let ended = os::contain(|| self.sites.end(site));
        self.books.end(block.addr().get(), ended);
        // SAFETY: it was live until now.
        let damage = unsafe { self.broken_fence(block, asked, site) };
        let Scrutiny { fill, quarantine, .. } = self.scrutiny;
        if fill || quarantine != 0 {
            // SAFETY: granted, and nobody reads it again.
            unsafe { wipe(block, self.granted(asked), FREED) }
        }
        if damage.is_some() {
            // Nobody is accused twice.
            // SAFETY: the parent does not have it yet, and `asked` is its layout, say the books.
            unsafe { self.raise_fences(block, asked) }
        }
        if quarantine == 0 {
            // SAFETY: off the books, so nobody has it, and `asked` is its layout.
            unsafe { self.give_back(block, asked) }
        } else if let Some(evicted) = self.held.hold(self.source(), Held { block, layout: asked, site: ended }) {
            self.let_go(evicted);
        }
        if let Some(damage) = damage {
            self.tell(Finding::Damage(damage));
        }
    }

    /// The layout and the site that a block was asked for with, if it is live and
    /// `layout` fits it; else it is reported. `None` of these for nothing.
    #[inline]
    fn judge(&self, operation: Operation, block: NonNull<u8>, layout: Layout) -> Result<Option<(Layout, u32)>, Wrong> {
        if layout.size() == 0 && block == empty(layout) {
            return Ok(None);
        }
        let address = block.addr().get();
        match self.books.find(address) {
            Some(Record::Live(asked, site)) if self.fits(asked, layout) => Ok(Some((asked, site))),
            // No operation on nothing can go wrong, unless there is something.
            None | Some(Record::Freed(..)) if layout.size() == 0 => Ok(None),
            record => {
                self.accuse(operation, address, layout, record);
                Err(Wrong)
            }
        }
    }

    /// Whether `named` is of the class of `asked`.
    #[inline]
    fn fits(&self, asked: Layout, named: Layout) -> bool {
        asked.align() == named.align() && self.granted(asked) == self.granted(named)
    }

    #[cold]
    fn accuse(&self, operation: Operation, address: usize, named: Layout, record: Option<Record>) {
        let at = |layout, site| Some(BlockInfo { address, layout, site });
        let (kind, block) = match record {
            Some(Record::Live(asked, site)) => (MisuseKind::Layout, at(asked, site)),
            Some(Record::Freed(asked, site)) => (MisuseKind::Freed, at(asked, site)),
            None => {
                self.around(address).map_or((MisuseKind::Foreign, None), |block| (MisuseKind::Interior, Some(block)))
            }
        };
        self.tell(Finding::Misuse(Misuse { kind, operation, address, named, block }));
    }

    /// The live block that `address` is inside of.
    fn around(&self, address: usize) -> Option<BlockInfo> {
        let holds = |block: &BlockInfo| {
            address.checked_sub(block.address).is_some_and(|offset| offset < self.granted(block.layout))
        };
        self.books.iter().find(holds)
    }

    fn tell(&self, finding: Finding<'_>) {
        os::contain(|| self.report.report(finding));
    }
}

/// What was to be done is wrong, and was reported.
struct Wrong;

// SAFETY: blocks and grants are those of `A`, or lie in those of `A` between
// fences that are not granted; each goes back once, as the books know, with a
// layout that fits. Nothing here panics, and a report cannot unwind.
unsafe impl<A: Allocate, R: Report, M: BooksMemory<A>, S: CallSites> Allocate for Checked<A, R, M, S> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.given(layout, A::allocate)?;
        if self.scrutiny.fill {
            // SAFETY: fresh, and granted as much.
            unsafe { block.write_bytes(FRESH, self.granted(layout)) }
        }
        Ok(block)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        match self.judge(Operation::Deallocate, block, layout) {
            // SAFETY: the books say so.
            Ok(Some((asked, site))) => unsafe { self.free(block, asked, site) },
            // SAFETY: an empty block.
            Ok(None) => unsafe { self.parent.deallocate(block, layout) },
            Err(Wrong) => {}
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        if self.scrutiny.fence == 0 { self.parent.granted(layout) } else { layout.size() }
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        let Ok(Some((asked, site))) = self.judge(Operation::Resize, block, old) else { return Err(AllocError) };
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let (before, after) = (self.inner(asked).ok_or(AllocError)?, self.inner(new).ok_or(AllocError)?);
        // SAFETY: live, with this layout.
        let damage = unsafe { self.broken_fence(block, asked, site) };
        // SAFETY: live, with this layout.
        let base = unsafe { self.base(block, asked) };
        // SAFETY: the parent gave this live block, for a layout of the class of
        // `before`.
        unsafe { self.parent.resize(base, before, after)? }
        self.books.change(block.addr().get(), new);
        // SAFETY: live, with this layout now.
        unsafe { self.raise_fences(block, new) }
        if let Some(damage) = damage {
            self.tell(Finding::Damage(damage));
        }
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.given(layout, A::allocate_zeroed)
    }
}

// SAFETY: what this gave and did not get back is live on the books, and nothing
// else is. Nobody can carve from it and ask here: this is no `Owns` when shared.
unsafe impl<A: Allocate, R: Report, M: BooksMemory<A>, S: CallSites> Owns for Checked<A, R, M, S> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, _: Layout) -> bool {
        matches!(self.books.find(block.addr().get()), Some(Record::Live(..)))
    }
}

// SAFETY: blocks are what they were asked for, as the books say.
unsafe impl<A: Allocate, R: Report, M: BooksMemory<A>, S: CallSites> Describe for Checked<A, R, M, S> {
    #[inline]
    fn describe(&self, address: NonNull<u8>) -> Option<Layout> {
        match self.books.find(address.addr().get()) {
            Some(Record::Live(layout, _)) => Some(layout),
            _ => None,
        }
    }
}

/// Ends every block; none is leaked by that.
impl<A: Allocate + Reset, R: Report, M: BooksMemory<A>, S: CallSites> Reset for Checked<A, R, M, S> {
    fn reset(&mut self) {
        self.release_quarantine();
        self.held.clear(self.source());
        self.books.iter().for_each(|block| self.sites.leave(block.site));
        self.books.clear(self.source());
        self.parent.reset();
    }
}

impl<A: Allocate + Check, R: Report, M: BooksMemory<A>, S: CallSites> Check for Checked<A, R, M, S> {
    fn check(&self) -> Result<(), &'static str> {
        self.books.check()?;
        if self.held.iter().any(|held| self.owns(held.block, held.layout)) {
            return Err("checked: a block is live and in quarantine");
        }
        self.parent.check()
    }
}

impl<A: Allocate, R: Report, M: BooksMemory<A>, S: CallSites> Drop for Checked<A, R, M, S> {
    fn drop(&mut self) {
        if self.books.live() != 0 && !os::is_unwinding() {
            self.tell(Finding::Leak(self.live_blocks()));
        }
        self.release_quarantine();
        self.held.clear(self.source());
        self.books.clear(self.source());
    }
}

impl<A: Allocate + fmt::Debug, R: Report + fmt::Debug, M: BooksMemory<A>, S: CallSites> fmt::Debug
    for Checked<A, R, M, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked")
            .field("parent", &self.parent)
            .field("report", &self.report)
            .field("live_blocks", &self.live_blocks().count())
            .finish_non_exhaustive()
    }
}

crate::alloc::bridge!([A: Allocate, R: Report, M: BooksMemory<A>, S: CallSites] Checked<A, R, M, S>);

#[cfg(test)]
mod tests;
