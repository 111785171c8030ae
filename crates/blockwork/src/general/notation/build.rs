//! From [`Composition`] to allocators behind `dyn`.
//!
//! ```text
//! for one thread:  Box<part over Box<part over Rc<shared part>>>
//! for all:         Arc<part over Box<locked island>>     an island is built as for one thread,
//!                                                        and all its `Rc`s end inside it
//! ```

use core::{alloc::Layout, fmt, ptr::NonNull};

use heap::{borrow::ToOwned, boxed::Box, format, rc::Rc, string::String, sync::Arc, vec, vec::Vec};

use super::{
    Composition, Node,
    part::{Part, Table},
};
use crate::{
    alloc::{AllocError, Allocate, Check, Head, Owns, Valid},
    combine::{
        affix::Affix,
        checked::{Below, Checked, Unsited},
        counted::Counted,
        fallback::Fallback,
        frozen::Frozen,
        last_resort::LastResort,
        locked::Locked,
        min_align::MinAlign,
        observed::{self, Event, Observed},
        on_failure::{OnFailure, Stop},
        quota::Quota,
        scrubbed::Scrubbed,
        segregate::{Segregate, UpTo},
        size_classes::SizeClasses,
        thread_cached::ThreadCached,
    },
    math::size_class::Classes,
    source::{null::Null, system::System},
    strategy::{
        arena::Arena,
        block_pool::{BlockPool, BlockPoolHead},
        bump::Bump,
        concurrent_block_pool::ConcurrentBlockPool,
        memo::Memo,
        slab::{MixedSlab, Slab, SlabHead},
        span_pool::SpanPool,
    },
};

/// What compositions are made of: an allocator that can walk its books.
pub trait Member: Allocate + Check {}

impl<A: Allocate + Check + ?Sized> Member for A {}

/// A member that knows its blocks.
trait Owning: Member + Owns {}

impl<A: Member + Owns + ?Sized> Owning for A {}

/// A composition cannot be built here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    what: String,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for BuildError {}

/// A composition that stands, for one thread; made by [`Composition::build`].
pub struct Composed<'a>(Box<dyn Member + 'a>);

/// A composition that stands, for all threads; made by
/// [`Composition::build_sync`]. Clones are the same allocator.
#[derive(Clone)]
pub struct ComposedSync(Arc<dyn Member + Send + Sync>);

impl Composition {
    /// Builds the composition for one thread. Nothing is allocated yet but the
    /// parts themselves.
    ///
    /// # Errors
    ///
    /// A source is not there: `pages` and `guarded` without the feature `os`, or
    /// one of the caller's.
    pub fn build(&self) -> Result<Composed<'static>, BuildError> {
        self.build_over(&[])
    }

    /// As [`build`](Self::build), over sources that the composition
    /// [names](Self::parse_with).
    ///
    /// # Errors
    ///
    /// A source is not there.
    pub fn build_over<'a>(&self, sources: &[(&str, Rc<dyn Member + 'a>)]) -> Result<Composed<'a>, BuildError> {
        let mut site = Site::new(self, |name: &str| {
            let found = sources.iter().find(|(known, _)| *known == name);
            found.map(|(_, source)| Box::new(Rc::clone(source)) as Box<dyn Member + 'a>)
        });
        Ok(Composed(site.build(&self.root)?.plain()))
    }

    /// Builds the composition for all threads.
    ///
    /// # Errors
    ///
    /// A part for one thread is not behind `locked`, or what it stands on is
    /// shared with parts that are not behind the same one; or a source is not
    /// there.
    pub fn build_sync(&self) -> Result<ComposedSync, BuildError> {
        self.build_sync_over(&[])
    }

    /// As [`build_sync`](Self::build_sync), over sources that the composition
    /// [names](Self::parse_with).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn build_sync_over(
        &self,
        sources: &[(&str, Arc<dyn Member + Send + Sync>)],
    ) -> Result<ComposedSync, BuildError> {
        let mut site =
            SyncSite { composition: self, sources, islands: self.islands(), lets: vec![None; self.lets.len()] };
        Ok(ComposedSync(Arc::from(site.build(&self.root)?.plain())))
    }

    /// For each name, the outermost `locked` that all its uses are behind, if
    /// that is one.
    fn islands(&self) -> Vec<Option<Island>> {
        let mut uses = vec![Vec::new(); self.lets.len()];
        note_uses(&self.root, None, &mut uses);
        let mut homes = vec![None; self.lets.len()];
        for (index, (_, node)) in self.lets.iter().enumerate().rev() {
            let all = uses.get(index).map(Vec::as_slice).unwrap_or_default();
            let home = all.first().copied().flatten().filter(|first| all.iter().all(|other| *other == Some(*first)));
            if let Some(slot) = homes.get_mut(index) {
                *slot = home;
            }
            note_uses(node, home, &mut uses);
        }
        homes
    }
}

/// A `locked` that stands behind no other, by the place where it is written.
type Island = *const Node;

/// Notes for each name in `node` the island that it is used on.
fn note_uses(node: &Node, island: Option<Island>, uses: &mut [Vec<Option<Island>>]) {
    match node {
        Node::Shared(index) => {
            if let Some(noted) = uses.get_mut(*index) {
                noted.push(island);
            }
        }
        Node::Source(_) => {}
        Node::Part(part, below) => {
            let island = island.or((*part == Part::Locked).then_some(core::ptr::from_ref(node)));
            below.iter().for_each(|child| note_uses(child, island, uses));
        }
    }
}

/// A part that stands, with what it can do.
enum Built<P: ?Sized, O: ?Sized> {
    Plain(Box<P>),
    Owning(Box<O>),
}

type Local<'a> = Built<dyn Member + 'a, dyn Owning + 'a>;
type Shared = Built<dyn Member + Send + Sync, dyn Owning + Send + Sync>;

impl<'a> Local<'a> {
    fn plain(self) -> Box<dyn Member + 'a> {
        match self {
            Self::Plain(part) => part,
            Self::Owning(part) => part,
        }
    }
}

impl Shared {
    fn plain(self) -> Box<dyn Member + Send + Sync> {
        match self {
            Self::Plain(part) => part,
            Self::Owning(part) => part,
        }
    }
}

/// A part around `$inner` that knows its blocks if that does.
macro_rules! around {
    ($inner:expr, |$parent:ident| $part:expr) => {
        match $inner {
            Built::Plain($parent) => Built::Plain(Box::new($part)),
            Built::Owning($parent) => Built::Owning(Box::new($part)),
        }
    };
}

/// A part with two children that knows its blocks if both do.
macro_rules! joining {
    ($first:expr, $second:expr, |$one:ident, $other:ident| $part:expr) => {
        match ($first, $second) {
            (Built::Owning($one), Built::Owning($other)) => Built::Owning(Box::new($part)),
            ($one, $other) => {
                let ($one, $other) = ($one.plain(), $other.plain());
                Built::Plain(Box::new($part))
            }
        }
    };
}

/// `Fallback` or `LastResort`: the asked child knows its blocks.
macro_rules! asking {
    ($asked:expr, $other:expr, |$one:ident, $two:ident| $part:expr) => {
        match ($asked, $other) {
            (Built::Owning($one), Built::Owning($two)) => Built::Owning(Box::new($part)),
            (Built::Owning($one), Built::Plain($two)) => Built::Plain(Box::new($part)),
            (Built::Plain(_), _) => return Err(refused("a side that is asked does not know its blocks")),
        }
    };
}

/// A `MinAlign`, whose alignment was checked when it was read.
macro_rules! min_aligned {
    ($inner:expr, $align:expr) => {
        around!($inner, |parent| MinAlign::try_new(parent, $align).map_err(|error| refused(error.rule))?)
    };
}

/// Magazines of the classes of `$table` per thread.
macro_rules! thread_cached {
    ($parent:expr, $table:expr, $limit:expr) => {{
        let (parent, limit) = ($parent, $limit);
        match $table {
            Table::Pow2 { table, .. } => around!(parent, |parent| ThreadCached::new(parent, *table, limit)),
            Table::Quad { table, .. } => around!(parent, |parent| ThreadCached::new(parent, *table, limit)),
            Table::List { table, .. } => around!(parent, |parent| ThreadCached::new(parent, table.clone(), limit)),
        }
    }};
}

/// A part by `match`: of these, which are for as many threads as what they stand
/// on; and the arms of whoever builds it for the others.
macro_rules! by_part {
    ($part:expr, $child:ident; $($others:tt)*) => {
        match $part {
            Part::System => Built::Plain(Box::new(System)),
            Part::Pages => Built::Plain(Box::new(pages()?)),
            Part::Guarded => Built::Plain(Box::new(guarded()?)),
            Part::Null => Built::Owning(Box::new(Null)),
            Part::Segregate { bounds } => {
                let mut small = Vec::with_capacity(bounds.len());
                for bound in bounds {
                    small.push((*bound, $child()?));
                }
                small.into_iter().rev().fold($child()?, |large, (bound, small)| {
                    joining!(small, large, |small, large| Segregate::new(UpTo::at(bound), small, large))
                })
            }
            Part::Fallback => {
                let (first, second) = ($child()?, $child()?);
                asking!(first, second, |one, two| Fallback::new(one, two))
            }
            Part::LastResort => {
                let (first, second) = ($child()?, $child()?);
                asking!(second, first, |two, one| LastResort::new(one, two))
            }
            Part::ConcurrentBlockPool { config, .. } => {
                Built::Plain(Box::new(ConcurrentBlockPool::new($child()?.plain(), *config)))
            }
            Part::OrStop => around!($child()?, |parent| OnFailure::new(parent, Stop)),
            Part::Scrubbed => around!($child()?, |parent| Scrubbed::new(parent)),
            Part::Affix => Built::Plain(Box::new(Affix::new($child()?.plain(), 0_usize, 0_usize))),
            Part::MinAlign { align } => min_aligned!($child()?, *align),
            Part::Frozen => around!($child()?, |parent| Frozen::new(parent)),
            Part::Observed { growth: false } => around!($child()?, |parent| Observed::new(parent, PRINT)),
            Part::Observed { growth: true } => around!($child()?, |parent| Observed::growth(parent, PRINT)),
            Part::ThreadCached { table, limit } => thread_cached!($child()?, table, *limit),
            $($others)*
        }
    };
}

/// Who is told by `observed`.
const PRINT: fn(Event) = observed::print;

fn refused(what: &str) -> BuildError {
    BuildError { what: what.to_owned() }
}

#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there are no pages")]
const fn pages() -> Result<crate::source::pages::Pages, BuildError> {
    Ok(crate::source::pages::Pages)
}

#[cfg(not(all(feature = "os", unix, not(blockwork_no_os))))]
fn pages() -> Result<Null, BuildError> {
    Err(refused("`pages` is not there without the feature `os`"))
}

#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there are no pages")]
const fn guarded() -> Result<crate::source::guarded::Guarded, BuildError> {
    Ok(crate::source::guarded::Guarded::new())
}

#[cfg(not(all(feature = "os", unix, not(blockwork_no_os))))]
fn guarded() -> Result<Null, BuildError> {
    Err(refused("`guarded` is not there without the feature `os`"))
}

/// Where a composition for one thread is built.
struct Site<'c, 'a, F> {
    composition: &'c Composition,
    /// Brings the caller's sources.
    source: F,
    /// Those names that were needed so far.
    lets: Vec<Option<Rc<dyn Member + 'a>>>,
}

impl<'c, 'a, F: FnMut(&str) -> Option<Box<dyn Member + 'a>>> Site<'c, 'a, F> {
    fn new(composition: &'c Composition, source: F) -> Self {
        Self { composition, source, lets: vec![None; composition.lets.len()] }
    }

    fn build(&mut self, node: &Node) -> Result<Local<'a>, BuildError> {
        match node {
            Node::Shared(index) => self.shared(*index),
            Node::Source(name) => match (self.source)(name) {
                Some(source) => Ok(Built::Plain(source)),
                None => Err(refused(&format!("there is no source `{name}`"))),
            },
            Node::Part(part, below) => self.part(part, below),
        }
    }

    fn shared(&mut self, index: usize) -> Result<Local<'a>, BuildError> {
        let known = self.lets.get(index).cloned().flatten();
        let shared = match known {
            Some(shared) => shared,
            None => {
                let (name, node) =
                    self.composition.lets.get(index).ok_or_else(|| refused("a name stands for nothing"))?;
                // Somebody else may have built it.
                let built = match (self.source)(name) {
                    Some(built) => built,
                    None => self.build(node)?.plain(),
                };
                let shared: Rc<dyn Member + 'a> = Rc::from(built);
                if let Some(slot) = self.lets.get_mut(index) {
                    *slot = Some(Rc::clone(&shared));
                }
                shared
            }
        };
        Ok(Built::Plain(Box::new(shared)))
    }

    fn part(&mut self, part: &Part, below: &[Node]) -> Result<Local<'a>, BuildError> {
        let mut children = below.iter().map(|node| self.build(node)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut child = || children.next().ok_or_else(|| refused("a part lacks what it stands on"));
        Ok(by_part!(part, child;
            Part::Bump { capacity } => Built::Owning(Box::new(Bump::new(child()?.plain(), *capacity))),
            Part::Arena(config) => Built::Plain(Box::new(Arena::new(child()?.plain(), *config))),
            Part::BlockPool { config, .. } => Built::Plain(Box::new(BlockPool::new(child()?.plain(), *config))),
            Part::BlockPoolClasses { table, policy } => by_class::<BlockPoolHead>(child()?, table, *policy),
            Part::SpanPool { config, .. } => Built::Owning(Box::new(SpanPool::new(child()?.plain(), *config))),
            Part::Slab(config) => Built::Plain(Box::new(Slab::new(child()?.plain(), *config))),
            Part::SlabClasses { table, policy } => by_class::<SlabHead<usize>>(child()?, table, *policy),
            Part::MixedSlab(policy) => Built::Plain(Box::new(MixedSlab::new(child()?.plain(), *policy))),
            Part::Memo { table, limit } => {
                let (parent, limit) = (child()?, *limit);
                match table {
                    None => around!(parent, |parent| Memo::new(parent, limit)),
                    Some(Table::Pow2 { table, .. }) => around!(parent, |parent| Memo::by_class(parent, *table, limit)),
                    Some(Table::Quad { table, .. }) => around!(parent, |parent| Memo::by_class(parent, *table, limit)),
                    Some(Table::List { table, .. }) => {
                        around!(parent, |parent| Memo::by_class(parent, table.clone(), limit))
                    }
                }
            }
            Part::Counted => around!(child()?, |parent| Counted::new(parent)),
            Part::Quota { limit } => around!(child()?, |parent| Quota::new(parent, *limit)),
            Part::Checked(scrutiny) => {
                Built::Owning(Box::new(Checked::with(child()?.plain(), Stop, Below, Unsited, *scrutiny)))
            }
            Part::Locked => around!(child()?, |parent| Locked::new(parent)),
        ))
    }
}

/// A head for each class of `table`.
fn by_class<'a, K: Head + 'a>(parent: Local<'a>, table: &Table, config: Valid<K::Config>) -> Local<'a> {
    fn heads<'a, C: Classes, K: Head + 'a>(parent: Local<'a>, table: C, config: Valid<K::Config>) -> Local<'a> {
        Built::Plain(Box::new(SizeClasses::<C, K, _>::with_table(parent.plain(), table, config)))
    }
    match table {
        Table::Pow2 { table, .. } => heads::<_, K>(parent, *table, config),
        Table::Quad { table, .. } => heads::<_, K>(parent, *table, config),
        Table::List { table, .. } => heads::<_, K>(parent, table.clone(), config),
    }
}

/// Parts of one thread that go about together: nothing outside has a pointer to
/// what they share.
struct Closed<A: ?Sized>(Box<A>);

// SAFETY: made by `SyncSite::island` only, of parts that are `Send` but for the
// `Rc`s between them, all of which are inside; so the counts of the `Rc`s and the
// parts change threads together. What comes from outside is `Send + Sync`.
unsafe impl<A: ?Sized> Send for Closed<A> {}

// SAFETY: forwards to the part.
unsafe impl<A: Allocate + ?Sized> Allocate for Closed<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.0.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.0.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_zeroed(layout)
    }
}

// SAFETY: the part's own answer, held by value.
unsafe impl<A: Owns + ?Sized> Owns for Closed<A> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.0.owns(block, layout)
    }
}

impl<A: Check + ?Sized> Check for Closed<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.0.check()
    }
}

/// Where a composition for all threads is built.
struct SyncSite<'c> {
    composition: &'c Composition,
    sources: &'c [(&'c str, Arc<dyn Member + Send + Sync>)],
    /// By name; see [`Composition::islands`].
    islands: Vec<Option<Island>>,
    lets: Vec<Option<Arc<dyn Member + Send + Sync>>>,
}

impl SyncSite<'_> {
    fn build(&mut self, node: &Node) -> Result<Shared, BuildError> {
        match node {
            Node::Shared(index) => self.shared(*index),
            Node::Source(name) => match self.sources.iter().find(|(known, _)| known == name) {
                Some((_, source)) => Ok(Built::Plain(Box::new(Arc::clone(source)))),
                None => Err(refused(&format!("there is no source `{name}`"))),
            },
            Node::Part(Part::Locked, below) => self.island(node, below),
            Node::Part(part, below) => self.part(part, below),
        }
    }

    fn shared(&mut self, index: usize) -> Result<Shared, BuildError> {
        let known = self.lets.get(index).cloned().flatten();
        let shared = match known {
            Some(shared) => shared,
            None => {
                let (_, node) = self.composition.lets.get(index).ok_or_else(|| refused("a name stands for nothing"))?;
                let shared: Arc<dyn Member + Send + Sync> = Arc::from(self.build(node)?.plain());
                if let Some(slot) = self.lets.get_mut(index) {
                    *slot = Some(Arc::clone(&shared));
                }
                shared
            }
        };
        Ok(Built::Plain(Box::new(shared)))
    }

    /// What is behind the outermost lock is built as for one thread, with names
    /// of its own; names that others use, too, have to be for all threads.
    fn island(&mut self, node: &Node, below: &[Node]) -> Result<Shared, BuildError> {
        let here = core::ptr::from_ref(node);
        for (index, is_used) in self.composition.names_below(node).into_iter().enumerate() {
            if is_used && self.islands.get(index).copied().flatten() != Some(here) {
                self.shared(index)?;
            }
        }
        let composition = self.composition;
        let mut site = Site::new(composition, |name: &str| {
            let source = self.sources.iter().find(|(known, _)| *known == name).map(|(_, source)| source);
            let index = composition.lets.iter().position(|(known, _)| known == name);
            let shared = index.and_then(|index| self.lets.get(index)?.as_ref());
            source.or(shared).map(|outside| Box::new(Arc::clone(outside)) as Box<dyn Member>)
        });
        let inside = below.first().ok_or_else(|| refused("a part lacks what it stands on"))?;
        let inside = site.build(inside)?;
        // With the site go its pointers to what is shared inside.
        drop(site);
        Ok(around!(inside, |parent| Locked::new(Closed(parent))))
    }

    fn part(&mut self, part: &Part, below: &[Node]) -> Result<Shared, BuildError> {
        let mut children = below.iter().map(|node| self.build(node)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut child = || children.next().ok_or_else(|| refused("a part lacks what it stands on"));
        Ok(by_part!(part, child;
            other => {
                let name = other.name();
                return Err(refused(&format!("`{name}` is for one thread: write `locked over {name}…`")));
            }
        ))
    }
}

impl Composition {
    /// For each name, whether `node` stands on it, itself or by other names.
    fn names_below(&self, node: &Node) -> Vec<bool> {
        let mut uses = vec![Vec::new(); self.lets.len()];
        note_uses(node, None, &mut uses);
        for (index, (_, node)) in self.lets.iter().enumerate().rev() {
            if uses.get(index).is_some_and(|noted| !noted.is_empty()) {
                note_uses(node, None, &mut uses);
            }
        }
        uses.iter().map(|noted| !noted.is_empty()).collect()
    }
}

/// Implements the contract by what is inside.
macro_rules! forward {
    ($($composed:ty),*) => {$(
        // SAFETY: forwards to the outermost part.
        unsafe impl Allocate for $composed {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                self.0.allocate(layout)
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller's promise to us is the promise the part asks for.
                unsafe { self.0.deallocate(block, layout) }
            }

            #[inline]
            fn granted(&self, layout: Layout) -> usize {
                self.0.granted(layout)
            }

            #[inline]
            unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
                // SAFETY: the caller's promise to us is the promise the part asks for.
                unsafe { self.0.resize(block, old, new) }
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                self.0.allocate_zeroed(layout)
            }
        }

        impl Check for $composed {
            fn check(&self) -> Result<(), &'static str> {
                self.0.check()
            }
        }

        impl fmt::Debug for $composed {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($composed)).finish_non_exhaustive()
            }
        }
    )*};
}

forward!(Composed<'_>, ComposedSync);
crate::alloc::bridge!([] Composed<'_>);
crate::alloc::bridge!([] ComposedSync);
