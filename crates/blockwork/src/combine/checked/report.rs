//! What [`Checked`](super::Checked) finds, and who is told.

use core::{alloc::Layout, cell::Cell, fmt};

use super::books::{BlockInfo, Books};
use crate::{combine::on_failure::Stop, os};

/// How a block was misused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MisuseKind {
    /// It was freed before, and nothing was given out there since.
    Freed,
    /// It is not from this allocator, or was freed so long ago that this is
    /// forgotten.
    Foreign,
    /// It begins inside of a live block.
    Interior,
    /// It is live, but the layout does not fit it.
    Layout,
}

/// What was to be done with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// It was to be freed.
    Deallocate,
    /// It was to be resized.
    Resize,
}

/// A broken promise to an allocator, and what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misuse {
    /// What is wrong.
    pub kind: MisuseKind,
    /// What was asked for.
    pub operation: Operation,
    /// The address that was named.
    pub address: usize,
    /// The layout that was named.
    pub named: Layout,
    /// The block that has to do with it: the one that was freed before, that is
    /// around, or that has another layout. None for a foreign block.
    pub block: Option<BlockInfo>,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            Operation::Deallocate => "free",
            Operation::Resize => "resize",
        };
        let named = BlockInfo { address: self.address, layout: self.named };
        write!(f, "{operation} of {named}: ")?;
        f.write_str(match self.kind {
            MisuseKind::Freed => "it was freed before",
            MisuseKind::Foreign => "no block of this allocator",
            MisuseKind::Interior => "inside of another block",
            MisuseKind::Layout => "the layout does not fit",
        })?;
        self.block.map_or(Ok(()), |block| write!(f, ", {block}"))
    }
}

/// The live blocks of a [`Checked`](super::Checked), in no order.
#[derive(Clone, Copy, Debug)]
pub struct LiveBlocks<'a>(pub(super) &'a Books);

impl<'a> LiveBlocks<'a> {
    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.live()
    }

    /// Sum of the sizes that they were asked for with.
    #[must_use]
    pub fn bytes(self) -> usize {
        // Live blocks are disjoint in memory, so their sum fits.
        self.iter().fold(0, |sum, block| sum.saturating_add(block.layout.size()))
    }

    /// Each of them; what is allocated or freed meanwhile may be missed, or
    /// seen twice.
    pub fn iter(self) -> impl Iterator<Item = BlockInfo> + 'a {
        self.0.iter()
    }
}

impl fmt::Display for LiveBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Blocks that are listed one by one.
        const LISTED: usize = 16;
        write!(f, "{} blocks of {} bytes are live", self.count(), self.bytes())?;
        for (block, before) in self.iter().take(LISTED).zip([": "].into_iter().chain(core::iter::repeat(", "))) {
            write!(f, "{before}{block}")?;
        }
        f.write_str(if self.count() > LISTED { ", …" } else { "" })
    }
}

/// What [`Checked`](super::Checked) has to say.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Finding<'a> {
    /// A block was misused. Nothing is done with it.
    Misuse(Misuse),
    /// The allocator is dropped, and these blocks are still live. They stay with
    /// its parent.
    Leak(LiveBlocks<'a>),
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Leak(blocks) => write!(f, "dropped while {blocks}"),
        }
    }
}

/// Is told what [`Checked`](super::Checked) finds.
///
/// It is told when no operation is half done, and may use any allocator, the
/// checked one too. If it unwinds, that ends the program.
pub trait Report {
    /// Takes note of `finding`; when it returns, the program goes on.
    fn report(&self, finding: Finding<'_>);
}

impl<R: Report + ?Sized> Report for &R {
    fn report(&self, finding: Finding<'_>) {
        (**self).report(finding);
    }
}

/// Ends the program with what was found as the message.
impl Report for Stop {
    fn report(&self, finding: Finding<'_>) {
        os::stop(format_args!("{finding}"))
    }
}

/// Says nothing: what is misused is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignore;

impl Report for Ignore {
    fn report(&self, _: Finding<'_>) {}
}

/// Tells a callback; see [`Report`] for what that may do.
#[derive(Clone, Copy)]
pub struct Log<F>(F);

impl<F: Fn(Finding<'_>)> Log<F> {
    /// Tells `callback` all that is found.
    pub const fn new(callback: F) -> Self {
        Self(callback)
    }
}

impl<F> fmt::Debug for Log<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl<F: Fn(Finding<'_>)> Report for Log<F> {
    fn report(&self, finding: Finding<'_>) {
        (self.0)(finding);
    }
}

/// Counts, by kind; lend it, `.checked(&tally)`, to know the leaks as well.
#[derive(Debug, Default)]
pub struct Tally {
    freed: Cell<usize>,
    foreign: Cell<usize>,
    interior: Cell<usize>,
    layout: Cell<usize>,
    leaked: Cell<usize>,
}

impl Tally {
    /// All counts are zero.
    #[must_use]
    pub const fn new() -> Self {
        let [freed, foreign, interior, layout, leaked] = [const { Cell::new(0) }; 5];
        Self { freed, foreign, interior, layout, leaked }
    }

    /// How often blocks were misused in this way.
    #[must_use]
    pub const fn misuses(&self, kind: MisuseKind) -> usize {
        self.count_of(kind).get()
    }

    /// How many blocks were live when their allocator was dropped.
    #[must_use]
    pub const fn leaked(&self) -> usize {
        self.leaked.get()
    }

    const fn count_of(&self, kind: MisuseKind) -> &Cell<usize> {
        match kind {
            MisuseKind::Freed => &self.freed,
            MisuseKind::Foreign => &self.foreign,
            MisuseKind::Interior => &self.interior,
            MisuseKind::Layout => &self.layout,
        }
    }
}

impl Report for Tally {
    fn report(&self, finding: Finding<'_>) {
        let (count, more) = match finding {
            Finding::Misuse(misuse) => (self.count_of(misuse.kind), 1),
            Finding::Leak(blocks) => (&self.leaked, blocks.count()),
        };
        count.set(count.get().saturating_add(more));
    }
}
