//! What [`Checked`](super::Checked) finds, and who is told.

use core::{alloc::Layout, cell::Cell, fmt};

use super::{
    books::{BlockInfo, Books},
    sites::CallSites,
};
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
        let named = BlockInfo { address: self.address, layout: self.named, site: 0 };
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

/// How bytes were written that were nobody's to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// Behind the end of a block.
    Overrun,
    /// Before the beginning of a block.
    Underrun,
    /// In a block, after it was freed.
    AfterFree,
}

/// Bytes that somebody wrote to without right; found when the block they belong
/// to is freed or resized, or leaves the quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The first byte that was written to.
    pub address: usize,
    /// The block that it belongs to.
    pub block: BlockInfo,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, address, block } = self;
        let end = block.address.wrapping_add(block.layout.size());
        match kind {
            DamageKind::Overrun => {
                let past = address.wrapping_sub(end).wrapping_add(1);
                write!(f, "written past the end, to byte {past} behind {block}")
            }
            DamageKind::Underrun => {
                let before = block.address.wrapping_sub(*address);
                write!(f, "written before the beginning, to byte {before} before {block}")
            }
            DamageKind::AfterFree => {
                let at = address.wrapping_sub(block.address);
                write!(f, "written after the free, to byte {at} of {block}")
            }
        }
    }
}

/// The live blocks of a [`Checked`](super::Checked), in no order.
#[derive(Clone, Copy)]
pub struct LiveBlocks<'a> {
    pub(super) books: &'a Books,
    pub(super) sites: &'a dyn CallSites,
}

impl fmt::Debug for LiveBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Where a block was asked for, as far as its [`CallSites`] know; printed.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    sites: &'a dyn CallSites,
    number: u32,
}

impl Site<'_> {
    /// The number by which the [`CallSites`] know it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sites.write(self.number, f)
    }
}

impl fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").field(&self.number).finish()
    }
}

impl<'a> LiveBlocks<'a> {
    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.books.live()
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
        self.books.iter()
    }

    /// Each of them, with the site that asked for it.
    pub fn with_sites(self) -> impl Iterator<Item = (BlockInfo, Site<'a>)> + 'a {
        self.books.iter().map(move |block| (block, Site { sites: self.sites, number: block.site }))
    }
}

impl fmt::Display for LiveBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Blocks that are listed one by one.
        const LISTED: usize = 16;
        write!(f, "{} blocks of {} bytes are live", self.count(), self.bytes())?;
        let between = [": "].into_iter().chain(core::iter::repeat(", "));
        for ((block, site), before) in self.with_sites().take(LISTED).zip(between) {
            write!(f, "{before}{block}")?;
            fmt::write(&mut Apart { f, begun: false }, format_args!("{site}"))?;
        }
        f.write_str(if self.count() > LISTED { ", …" } else { "" })
    }
}

/// Puts a space before what is printed, if anything is.
struct Apart<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    begun: bool,
}

impl fmt::Write for Apart<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.is_empty() && !core::mem::replace(&mut self.begun, true) {
            self.f.write_str(" ")?;
        }
        self.f.write_str(text)
    }
}

/// What [`Checked`](super::Checked) has to say.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Finding<'a> {
    /// A block was misused. Nothing is done with it.
    Misuse(Misuse),
    /// Bytes were written that were nobody's to write. The block goes its way.
    Damage(Damage),
    /// The allocator is dropped, and these blocks are still live. They stay with
    /// its parent.
    Leak(LiveBlocks<'a>),
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Damage(damage) => damage.fmt(f),
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

/// Prints to the standard error, and goes on.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Print;

#[cfg(feature = "std")]
impl Report for Print {
    fn report(&self, finding: Finding<'_>) {
        use std::io::Write as _;
        // Who has no standard error has nobody to tell.
        let _unheard = writeln!(std::io::stderr(), "blockwork: {finding}");
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
    overrun: Cell<usize>,
    underrun: Cell<usize>,
    after_free: Cell<usize>,
    leaked: Cell<usize>,
}

impl Tally {
    /// All counts are zero.
    #[must_use]
    pub const fn new() -> Self {
        let [freed, foreign, interior, layout] = [const { Cell::new(0) }; 4];
        let [overrun, underrun, after_free, leaked] = [const { Cell::new(0) }; 4];
        Self { freed, foreign, interior, layout, overrun, underrun, after_free, leaked }
    }

    /// How often blocks were misused in this way.
    #[must_use]
    pub const fn misuses(&self, kind: MisuseKind) -> usize {
        self.count_of(kind).get()
    }

    /// How often bytes were written to in this way.
    #[must_use]
    pub const fn damages(&self, kind: DamageKind) -> usize {
        self.damage_of(kind).get()
    }

    /// How many blocks were live when their allocator was dropped.
    #[must_use]
    pub const fn leaked(&self) -> usize {
        self.leaked.get()
    }

    const fn damage_of(&self, kind: DamageKind) -> &Cell<usize> {
        match kind {
            DamageKind::Overrun => &self.overrun,
            DamageKind::Underrun => &self.underrun,
            DamageKind::AfterFree => &self.after_free,
        }
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
            Finding::Damage(damage) => (self.damage_of(damage.kind), 1),
            Finding::Leak(blocks) => (&self.leaked, blocks.count()),
        };
        count.set(count.get().saturating_add(more));
    }
}
