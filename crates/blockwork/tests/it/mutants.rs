//! The harness against allocators with one bug each: it must catch them all.
//!
//! [`Recycler`] is a small allocator with every capability. Without a bug it
//! passes; each [`Bug`] changes one line of it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::multiple_unsafe_ops_per_block,
    clippy::std_instead_of_alloc,
    reason = "tests, broken on purpose"
)]

use core::{
    alloc::Layout,
    cell::{Cell, RefCell, UnsafeCell},
    ptr::NonNull,
};
use std::collections::BTreeMap;

use blockwork::{
    AllocError, Allocate, BlockAt, BlockPool, BlockPoolConfig, Census, Check, ChunkSize, ConcurrentBlockPool,
    ConcurrentBlockPoolConfig, Counted, Memo, MixedSlab, Owns, PerChunk, Quad, Reset, SizeClasses, Slab, SlabConfig,
    SlabHead, SlabPolicy, SpanPool, SpanPoolConfig,
    alloc::{can_resize, empty},
    suite,
    testing::{Failure, Law, Op, Pick, Suite},
};

/// What is wrong with a [`Recycler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    AcceptsAnotherAlignment,
    AcceptsZero,
    AsksEarly,
    AsksForLessThanItGrants,
    CopiesOnResize,
    CountsBeforeItFails,
    CountsWithOldNumber,
    DropForgetsLive,
    DropForgetsWaiting,
    EmptyTakesMemory,
    ForgetsAlignment,
    FreesByAskedSize,
    GivesOut(Twice),
    GivesUpAfterFailure,
    GrantsChange,
    GrantsMoreEachTime,
    GrowsForever,
    GrowsWithoutAsking,
    KeepsMoreThanItSays,
    LosesBlocks,
    LosesFirstOfTwo,
    OwnsAll,
    OwnsNone,
    Overruns,
    Panics,
    RefusesSameClass,
    ResetForgetsCount,
    ResizeCountsBeforeItFails,
    ResizeForgetsCount,
    RoutesByAskedSize,
    ServesNothing,
    Unwraps,
    WritesAfterFree,
    ZeroesTheAskedSize,
}

/// Which block is given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twice {
    /// The one that waited.
    Whole,
    /// The last byte of the one before.
    Part,
}

/// Rounds to 16 bytes and lets one freed block wait to be used again.
struct Recycler<A: Allocate> {
    parent: A,
    bug: Bug,
    /// Sum of the grants of `live`.
    count: Cell<usize>,
    live: RefCell<BTreeMap<usize, Entry>>,
    waiting: Cell<Option<Entry>>,
    /// For the bugs only.
    state: Cell<usize>,
    hidden: RefCell<Vec<Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    block: NonNull<u8>,
    /// What the parent was asked for.
    layout: Layout,
    /// What the caller was granted.
    cost: usize,
}

impl<A: Allocate> Recycler<A> {
    fn new(parent: A, bug: Bug) -> Self {
        let part = Self {
            parent,
            bug,
            count: Cell::new(0),
            live: RefCell::default(),
            waiting: Cell::new(None),
            state: Cell::new(0),
            hidden: RefCell::default(),
        };
        if bug == Bug::AsksEarly {
            let layout = Layout::new::<u64>();
            let block = part.parent.allocate(layout).unwrap();
            part.waiting.set(Some(Entry { block, layout, cost: 16 }));
        }
        part
    }

    fn inner(&self, layout: Layout) -> Layout {
        let size = match self.bug {
            Bug::GrantsMoreEachTime if layout.size() != 0 => (layout.size() + 1).checked_next_multiple_of(16),
            Bug::GrantsChange if layout.size() == 64 && layout.align() == 65_536 && self.state.get() > 5 => Some(80),
            _ => layout.size().checked_next_multiple_of(16),
        };
        if self.bug == Bug::Unwraps {
            return Layout::from_size_align(size.unwrap(), layout.align()).unwrap();
        }
        let align = if self.bug == Bug::ForgetsAlignment { 1 } else { layout.align() };
        size.and_then(|size| Layout::from_size_align(size, align).ok()).unwrap_or(layout)
    }

    /// What the parent is asked for; the same as `inner` in a right allocator.
    fn asked(&self, layout: Layout) -> Layout {
        let inner = self.inner(layout);
        match self.bug {
            Bug::AsksForLessThanItGrants => layout,
            // 17..=24 and 25..=32 are of one class.
            Bug::RoutesByAskedSize if layout.size() <= 24 => {
                Layout::from_size_align(inner.size() + 8, inner.align()).unwrap()
            }
            _ => inner,
        }
    }

    fn fetch(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let asked = self.asked(layout);
        if let Some(entry) = self.waiting.get().filter(|entry| entry.layout == asked) {
            if self.bug != Bug::GivesOut(Twice::Whole) {
                self.waiting.set(None);
            }
            return Ok(entry.block);
        }
        let large = |entry: &&Entry| entry.layout.size() >= 32 && asked.size() == 16 && asked.align() == 1;
        if self.bug == Bug::GivesOut(Twice::Part)
            && let Some(entry) = self.live.borrow().values().find(large)
        {
            // SAFETY: inside a block of 32 bytes or more.
            return Ok(unsafe { entry.block.add(16) });
        }
        if self.bug == Bug::LosesFirstOfTwo {
            let first = self.parent.allocate(asked)?;
            let second = self.parent.allocate(asked)?;
            // SAFETY: just allocated with this layout.
            unsafe { self.parent.deallocate(first, asked) };
            return Ok(second);
        }
        self.parent.allocate(asked)
    }

    /// Gives a block back to the parent.
    fn leave(&self, entry: Entry) {
        // SAFETY: it came from the parent, with this layout where no bug says otherwise.
        unsafe { self.parent.deallocate(entry.block, entry.layout) };
        if self.bug == Bug::WritesAfterFree && entry.layout.size() < 1000 {
            // SAFETY: none; the strict parent keeps the memory for a while.
            unsafe { entry.block.write(7) };
        }
    }

    fn release(&mut self) {
        if self.bug == Bug::DropForgetsLive {
            self.live.borrow_mut().clear();
        }
        let live = core::mem::take(&mut *self.live.borrow_mut());
        live.into_values().for_each(|entry| self.leave(entry));
        self.hidden.take().into_iter().for_each(|entry| self.leave(entry));
        if let Some(entry) = self.waiting.take()
            && self.bug != Bug::DropForgetsWaiting
        {
            self.leave(entry);
        }
    }
}

// SAFETY: without a bug: blocks come from the parent, asked for by whole
// grants, and are waiting, live or given back.
unsafe impl<A: Allocate> Allocate for Recycler<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let layout = match self.bug {
            Bug::EmptyTakesMemory if layout.size() == 0 => Layout::from_size_align(1, layout.align()).unwrap_or(layout),
            Bug::ServesNothing if layout.size() != 0 => return Err(AllocError),
            Bug::Panics if layout.align() > 2048 => panic!("a panic on purpose"),
            Bug::GivesUpAfterFailure if self.state.get() > 0 && layout.size() != 0 => return Err(AllocError),
            _ => layout,
        };
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let cost = self.inner(layout).size();
        let before = self.count.get();
        if self.bug == Bug::CountsBeforeItFails {
            self.count.set(before.wrapping_add(cost));
        }
        let block = self.fetch(layout).inspect_err(|_| {
            if self.bug == Bug::GivesUpAfterFailure {
                self.state.set(1);
            }
        })?;
        match self.bug {
            Bug::CountsBeforeItFails => {}
            Bug::CountsWithOldNumber => self.count.set(before + cost),
            _ => self.count.set(self.count.get() + cost),
        }
        if self.bug == Bug::GrantsChange {
            self.state.set(self.state.get() + 1);
        }
        if self.bug == Bug::Overruns {
            // SAFETY: none; the strict parent has a guard there.
            unsafe { block.add(cost).write(1) };
        }
        self.live.borrow_mut().insert(block.addr().get(), Entry { block, layout: self.asked(layout), cost });
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        self.count.set(self.count.get().wrapping_sub(self.inner(layout).size()));
        self.live.borrow_mut().remove(&block.addr().get());
        let named = if self.bug == Bug::FreesByAskedSize { layout } else { self.asked(layout) };
        let entry = Entry { block, layout: named, cost: self.inner(layout).size() };
        if self.bug == Bug::GrowsForever && layout.size() < 16 {
            self.hidden.borrow_mut().push(entry);
        } else if let Some(waiting) = self.waiting.replace(Some(entry))
            && self.bug != Bug::LosesBlocks
        {
            self.leave(waiting);
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.inner(layout).size()
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if self.bug == Bug::AcceptsAnotherAlignment && old.align() != new.align() {
            return Ok(());
        }
        if self.bug == Bug::AcceptsZero && new.size() == 0 {
            return Ok(());
        }
        if !can_resize(old, new) || (self.bug == Bug::RefusesSameClass && old.size() < new.size()) {
            return Err(AllocError);
        }
        let (before, after) = (self.granted(old), self.granted(new));
        if before == after {
            return Ok(());
        }
        if self.bug == Bug::ResizeCountsBeforeItFails {
            self.count.set(self.count.get() - before + after);
        }
        if self.bug != Bug::GrowsWithoutAsking {
            // SAFETY: the block came from the parent; the caller says that `old` fits.
            unsafe { self.parent.resize(block, self.asked(old), self.asked(new))? };
        }
        if self.bug == Bug::CopiesOnResize {
            // SAFETY: inside the block; one byte lands on the next.
            unsafe { block.copy_to(block.add(1), old.size().min(new.size()) - 1) };
        }
        if !matches!(self.bug, Bug::ResizeForgetsCount | Bug::ResizeCountsBeforeItFails) {
            self.count.set(self.count.get() - before + after);
        }
        self.live.borrow_mut().insert(block.addr().get(), Entry { block, layout: self.asked(new), cost: after });
        Ok(())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.allocate(layout)?;
        let len = if self.bug == Bug::ZeroesTheAskedSize { layout.size() } else { self.granted(layout) };
        // SAFETY: a fresh block is valid for its grant.
        unsafe { block.write_bytes(0, len) };
        Ok(block)
    }
}

// SAFETY: without a bug: `live` are the blocks that are live.
unsafe impl<A: Allocate> Owns for Recycler<A> {
    fn owns(&self, block: NonNull<u8>, _layout: Layout) -> bool {
        match self.bug {
            Bug::OwnsAll => true,
            Bug::OwnsNone => false,
            _ => self.live.borrow().contains_key(&block.addr().get()),
        }
    }
}

impl<A: Allocate> Reset for Recycler<A> {
    fn reset(&mut self) {
        self.release();
        if self.bug != Bug::ResetForgetsCount {
            self.count.set(0);
        }
    }
}

impl<A: Allocate + Check> Check for Recycler<A> {
    fn check(&self) -> Result<(), &'static str> {
        let sum: usize = self.live.borrow().values().map(|entry| entry.cost).sum();
        if sum != self.count.get() {
            return Err("Recycler: the count is not the sum");
        }
        self.parent.check()
    }
}

impl<A: Allocate> Drop for Recycler<A> {
    fn drop(&mut self) {
        self.release();
    }
}

fn recycler(bug: Bug) -> Suite {
    let most = if bug == Bug::KeepsMoreThanItSays { 0 } else { usize::MAX };
    suite!("recycler", |parent| Recycler::new(parent, bug), .owns_spans().retains(most).seed(0))
}

fn failure(suite: &Suite) -> Failure {
    suite.try_run().expect_err("the bug was not caught")
}

macro_rules! caught {
    ($($name:ident: $bug:expr => $law:ident;)*) => {
    $(
        #[test]
        fn $name() {
            let failure = failure(&recycler($bug));
            println!("{failure}");
            assert_eq!(failure.violation.law, Law::$law);
        }
    )*

        /// Laws that a bug here breaks.
        const BROKEN: &[Law] = &[$(Law::$law),*];
    };
}

#[test]
fn without_a_bug_it_passes() {
    recycler(Bug::None).run();
    recycler(Bug::None).over(&recycler(Bug::None)).run();
}

caught! {
    a_block_given_out_twice_is_caught: Bug::GivesOut(Twice::Whole) => Layouts;
    a_block_inside_another_is_caught: Bug::GivesOut(Twice::Part) => Blocks;
    a_forgotten_alignment_is_caught: Bug::ForgetsAlignment => Blocks;
    a_grant_beyond_the_parents_block_is_caught: Bug::AsksForLessThanItGrants => Blocks;
    growing_into_memory_of_others_is_caught: Bug::GrowsWithoutAsking => Blocks;
    bytes_that_a_resize_moves_are_caught: Bug::CopiesOnResize => Blocks;
    a_byte_written_behind_a_block_is_caught: Bug::Overruns => Layouts;
    a_byte_written_after_the_free_is_caught: Bug::WritesAfterFree => Layouts;
    a_free_by_the_asked_size_is_caught: Bug::FreesByAskedSize => Layouts;
    a_class_that_is_split_is_caught: Bug::RoutesByAskedSize => Layouts;
    a_refusal_within_a_class_is_caught: Bug::RefusesSameClass => Class;
    a_grant_of_a_grant_is_caught: Bug::GrantsMoreEachTime => Grants;
    a_grant_that_changes_is_caught: Bug::GrantsChange => Grants;
    zeroes_for_the_asked_size_only_are_caught: Bug::ZeroesTheAskedSize => Zeroed;
    a_resize_to_nothing_is_caught: Bug::AcceptsZero => Resize;
    a_resize_to_another_alignment_is_caught: Bug::AcceptsAnotherAlignment => Resize;
    memory_for_nothing_is_caught: Bug::EmptyTakesMemory => Empty;
    memory_before_the_first_request_is_caught: Bug::AsksEarly => Serves;
    a_part_that_serves_nothing_is_caught: Bug::ServesNothing => Serves;
    a_count_changed_on_failure_is_caught: Bug::CountsBeforeItFails => Books;
    a_count_not_changed_by_a_resize_is_caught: Bug::ResizeForgetsCount => Books;
    a_count_changed_by_a_refused_resize_is_caught: Bug::ResizeCountsBeforeItFails => Books;
    a_count_that_outlives_a_reset_is_caught: Bug::ResetForgetsCount => Books;
    a_count_read_before_a_callback_is_caught: Bug::CountsWithOldNumber => Books;
    a_first_request_lost_with_the_second_is_caught: Bug::LosesFirstOfTwo => Unchanged;
    giving_up_after_a_failure_is_caught: Bug::GivesUpAfterFailure => Recovers;
    a_lost_block_is_caught: Bug::LosesBlocks => Balance;
    a_drop_that_forgets_live_blocks_is_caught: Bug::DropForgetsLive => Balance;
    a_drop_that_forgets_free_blocks_is_caught: Bug::DropForgetsWaiting => Balance;
    keeping_more_than_is_said_is_caught: Bug::KeepsMoreThanItSays => Balance;
    growth_without_end_is_caught: Bug::GrowsForever => Settles;
    claiming_blocks_of_others_is_caught: Bug::OwnsAll => Ownership;
    denying_its_own_blocks_is_caught: Bug::OwnsNone => Ownership;
    a_size_without_a_layout_is_caught: Bug::Unwraps => Unwinds;
    a_panic_is_caught: Bug::Panics => Unwinds;
}

#[test]
fn there_is_a_bug_for_every_law() {
    for law in Law::ALL {
        assert!(BROKEN.contains(law), "{law}");
    }
}

#[test]
fn the_shortest_way_to_a_bug_is_found() {
    let failure = failure(&recycler(Bug::ResetForgetsCount));
    assert!(matches!(failure.operations[..], [Op::Allocate { .. }, Op::Reset]), "{failure}");
}

/// Serves one block, from bytes of its own.
struct Inline {
    bytes: UnsafeCell<[u8; 64]>,
    lent: Cell<bool>,
}

// SAFETY: none: the bytes move with the allocator.
unsafe impl Allocate for Inline {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match layout {
            _ if layout.size() == 0 => Ok(empty(layout)),
            _ if layout.size() <= 64 && layout.align() == 1 && !self.lent.replace(true) => {
                Ok(NonNull::new(self.bytes.get()).unwrap().cast())
            }
            _ => Err(AllocError),
        }
    }

    unsafe fn deallocate(&self, _block: NonNull<u8>, layout: Layout) {
        self.lent.set(self.lent.get() && layout.size() == 0);
    }
}

/// Loses every fifth block that it is given back.
struct Loses<P> {
    pool: P,
    frees: Cell<u32>,
}

impl<P> Loses<P> {
    fn new(pool: P) -> Self {
        Self { pool, frees: Cell::new(0) }
    }
}

// SAFETY: as `P`; a block that is lost stays as if it were live.
unsafe impl<P: Allocate> Allocate for Loses<P> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.pool.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let frees = self.frees.get() + u32::from(layout.size() != 0);
        self.frees.set(frees);
        if !frees.is_multiple_of(5) || layout.size() == 0 {
            // SAFETY: the caller's promise.
            unsafe { self.pool.deallocate(block, layout) }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.pool.granted(layout)
    }
}

impl<P: Check> Check for Loses<P> {
    fn check(&self) -> Result<(), &'static str> {
        self.pool.check()
    }
}

impl<P: Census> Census for Loses<P> {
    fn blocks_out(&self) -> usize {
        self.pool.blocks_out()
    }
}

/// No walk over the books of a pool finds a block that it has lost: they are all in
/// order. The count of what is out does.
#[test]
fn a_block_that_a_pool_has_lost_is_missed_at_once() {
    let (block, chunk) = (BlockAt::new(64, 16).unwrap(), ChunkSize::Blocks(16));
    let suites = [
        suite!("blocks", |parent| Loses::new(BlockPool::try_new(parent, BlockPoolConfig { block, chunk }).unwrap())),
        suite!("blocks by chunk", |parent| Loses::new(
            BlockPool::try_with_policy(parent, BlockPoolConfig { block, chunk }, PerChunk).unwrap()
        )),
        suite!("concurrent blocks", |parent| Loses::new(
            ConcurrentBlockPool::try_new(parent, ConcurrentBlockPoolConfig { block, chunk_size: 1024 }).unwrap()
        )),
        suite!("slots", |parent| Loses::new(Slab::try_new(parent, SlabConfig::DEFAULT).unwrap())),
        suite!("mixed", |parent| Loses::new(MixedSlab::try_new(parent, SlabPolicy::DEFAULT).unwrap())),
        suite!("spans", |parent| Loses::new(SpanPool::try_new(parent, SpanPoolConfig::DEFAULT).unwrap())),
        suite!("memo", |parent| Loses::new(Memo::new(Counted::new(parent), 4096))),
        suite!("classes", |parent| Loses::new(
            SizeClasses::<Quad<1024>, SlabHead<_>, _>::try_new(parent, SlabPolicy::DEFAULT).unwrap()
        )),
        suite!("counted", |parent| Loses::new(Counted::new(parent))),
    ];
    for suite in suites {
        let operations: Vec<Op> = (0..20)
            .map(|turn| match turn % 2 {
                0 => Op::Allocate { slot: 0, layout: Layout::new::<[u64; 5]>(), zeroed: false },
                _ => Op::Free { slot: 0, pick: Pick(0) },
            })
            .collect();
        let violation = suite.replay(&operations).unwrap_err();
        assert_eq!(violation.law, Law::Books, "{}: {violation}", suite.name());
        assert_eq!(violation.detail, "0 blocks are live, but the part has 1 out", "{}", suite.name());
        assert_eq!(suite.replay(&operations[..8]).map_err(|violation| violation.law), Ok(()), "{}", suite.name());
    }
}

#[test]
fn bytes_that_move_with_the_allocator_are_caught() {
    let new = || Inline { bytes: UnsafeCell::new([0; 64]), lent: Cell::new(false) };
    let failure = failure(&suite!("inline", |_| new(), .own_memory().seed(0)));
    assert_eq!(failure.violation.law, Law::Blocks, "{failure}");
}

#[test]
fn the_message_names_the_part_the_law_and_the_way() {
    let text = failure(&recycler(Bug::GrowsWithoutAsking)).to_string();
    for word in ["`recycler`", "law 4", "`random operations`", "resize"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_sequence_that_failed_fails_again() {
    let suite = recycler(Bug::ResetForgetsCount);
    let found = failure(&suite);
    assert_eq!(suite.replay(&found.operations), Err(found.violation));
    assert_eq!(recycler(Bug::None).replay(&found.operations), Ok(()));
}
