//! [`Chunk`] and [`Run`]: the books of one chunk, kept apart from its blocks.
//!
//! ```text
//! books  [ node 4·5 | node 2·3 | node 0·1 | head | edge | tag 0 | tag 1 | … | tag 5 | edge ]
//!                                         ▲ a handle points here
//! ```
//!
//! Every run of blocks has its length in the tags of both ends, so that a run
//! finds its neighbours (Knuth, "The Art of Computer Programming" 1, 2.5,
//! algorithm C). A free run is also linked, by the node of its last block, which
//! stays the same when blocks are taken from its front or come back there; and
//! because two free runs never touch, two blocks share one node.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    math::bins::LEN_MAX,
    os,
    raw::{
        list::{Linked, Links},
        shelf::Shelf,
    },
};

/// What is known of a chunk as a whole; its nodes lie before it, its tags behind.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct ChunkHead {
    links: Links<Self>,
    /// The first block.
    pub(crate) base: NonNull<u8>,
    /// The number of blocks.
    pub(crate) len: u32,
    /// Whether the chunk may serve again when all of it is free.
    pub(crate) pooled: bool,
    /// Whether a span of it was freed since its free runs were last decommitted.
    pub(crate) dirty: Cell<bool>,
    /// The round in which all of it became free, while it is.
    pub(crate) idle_since: Cell<u16>,
    /// What the parent was asked for.
    pub(crate) memory: Layout,
    /// Where the books lie, unless they were asked for alone.
    pub(crate) shelf: Option<NonNull<Shelf>>,
}

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for ChunkHead {}

impl ChunkHead {
    /// The head of a chunk of `len` blocks from `base` on.
    pub(crate) const fn new(
        base: NonNull<u8>,
        len: u32,
        pooled: bool,
        memory: Layout,
        shelf: Option<NonNull<Shelf>>,
    ) -> Self {
        Self {
            links: Links::new(),
            base,
            len,
            pooled,
            dirty: Cell::new(false),
            idle_since: Cell::new(0),
            memory,
            shelf,
        }
    }
}

/// Links the free run that ends at one of two neighbouring blocks.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Node {
    links: Links<Self>,
    /// The block before which the run ends that is linked here.
    end: Cell<u32>,
    /// The least length with which it stays in its bin.
    pub(super) least: Cell<u32>,
}

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for Node {}

/// What is written at either end of a run; zero where no run ends.
///
/// Runs of which the pool has more to know than their length are marked *aside*,
/// for its usual way to see at once: live ones at their head, free ones at their
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
struct Tag(u32);

impl Tag {
    const LIVE: u32 = 1 << 31;
    /// Of the first block of a live run that is not aside.
    const HEAD: u32 = 1 << 30;
    /// Of the first block of a live run, or the last of a free one.
    const ASIDE: u32 = 1 << 29;
    /// Stands beyond both ends of a chunk: nothing to merge with.
    const EDGE: Self = Self(Self::LIVE);

    const fn free(len: u32) -> Self {
        Self(len)
    }

    const fn free_aside(len: u32) -> Self {
        Self(Self::ASIDE | len)
    }

    const fn live_head(len: u32) -> Self {
        Self(Self::LIVE | Self::HEAD | len)
    }

    const fn live_head_aside(len: u32) -> Self {
        Self(Self::LIVE | Self::ASIDE | len)
    }

    const fn live_tail(len: u32) -> Self {
        Self(Self::LIVE | len)
    }

    const fn is_free(self) -> bool {
        self.0 & Self::LIVE == 0
    }

    const fn is_aside(self) -> bool {
        self.0 & Self::ASIDE != 0
    }

    /// Whether a live run begins here that is not aside.
    const fn is_plain_head(self) -> bool {
        self.0 & Self::HEAD != 0
    }

    const fn is_live_head(self) -> bool {
        self.is_plain_head() || self.is_aside() && !self.is_free()
    }

    const fn len(self) -> u32 {
        self.0 & LEN_MAX
    }
}

/// A handle to the books of a chunk.
///
/// Invariant: the books are there. Whoever gives their memory back uses no
/// handle to them afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk(NonNull<ChunkHead>);

impl Chunk {
    /// The memory for the books of `len` blocks.
    pub(crate) fn layout(len: u32) -> Option<Layout> {
        let nodes = Layout::array::<Node>(nodes_of(len)).ok()?;
        let tags = Layout::array::<Tag>((len as usize).checked_add(2)?).ok()?;
        let (before, head_at) = nodes.extend(Layout::new::<ChunkHead>()).ok()?;
        let (all, tags_at) = before.extend(tags).ok()?;
        // The handle finds nodes and tags without asking.
        let packed = head_at == nodes.size() && tags_at == before.size();
        packed.then(|| all.pad_to_align())
    }

    /// Opens books that say `head`, with all blocks free.
    ///
    /// # Safety
    ///
    /// - `memory` fits [`layout`](Self::layout) of `head.len`, and is zero.
    /// - Nobody else touches it until the last use of the handle and its copies.
    pub(crate) unsafe fn open(memory: NonNull<u8>, head: ChunkHead) -> Self {
        let len = head.len;
        // SAFETY: the nodes come first (`layout`).
        let place = unsafe { memory.cast::<Node>().add(nodes_of(len)) }.cast::<ChunkHead>();
        // SAFETY: inside and aligned (`layout`).
        unsafe { place.write(head) }
        let chunk = Self(place);
        chunk.tag_before(0).set(Tag::EDGE);
        chunk.tag_of(len).set(Tag::EDGE);
        chunk.whole().mark_free_aside();
        chunk
    }

    /// The memory that the books were opened in.
    pub(crate) fn memory(self) -> NonNull<u8> {
        // SAFETY: so many nodes lie before the head (`open`).
        unsafe { self.0.cast::<Node>().sub(nodes_of(self.head().len)) }.cast()
    }

    /// The handle to the books that lie at `head`.
    ///
    /// # Safety
    ///
    /// - `head` is [`as_ptr`](Self::as_ptr) of a handle that may still be used.
    pub(crate) const unsafe fn from_ptr(head: NonNull<ChunkHead>) -> Self {
        Self(head)
    }

    /// Where the books lie.
    pub(crate) const fn as_ptr(self) -> NonNull<ChunkHead> {
        self.0
    }

    /// What is known of the chunk as a whole.
    #[inline]
    pub(crate) const fn head(&self) -> &ChunkHead {
        // SAFETY: the books are there, and only cells change in them.
        unsafe { self.0.as_ref() }
    }

    /// The run of all blocks; only of a chunk that is free as a whole.
    pub(crate) const fn whole(self) -> Run {
        Run { chunk: self, at: 0, len: self.head().len }
    }

    /// The free runs, from the first block on.
    pub(crate) fn free_runs(self) -> impl Iterator<Item = Run> {
        let mut at = 0;
        core::iter::from_fn(move || {
            while at < self.head().len {
                let tag = self.tag_of(at).get();
                let run = Run { chunk: self, at, len: tag.len() };
                at = run.end();
                if tag.is_free() {
                    return Some(run);
                }
            }
            None
        })
    }

    /// The live run that begins at block `at`, if the chunk has such a block.
    #[inline]
    pub(crate) fn live_at(self, at: usize) -> Option<Run> {
        #[expect(clippy::cast_possible_truncation, reason = "below a length, which is a `u32`")]
        let at = if at < self.head().len as usize { at as u32 } else { return None };
        let tag = self.tag_of(at).get();
        tag.is_live_head().then(|| Run { chunk: self, at, len: tag.len() })
    }

    /// The live run that begins at block `at`, which the chunk has, unless it is
    /// [aside](Run::mark_live_aside).
    #[inline]
    pub(crate) fn plain_live_at(self, at: u32) -> Option<Run> {
        let tag = self.tag_of(at).get();
        tag.is_plain_head().then(|| Run { chunk: self, at, len: tag.len() })
    }

    /// The free run that begins at block `at`, where a run ends before.
    #[inline]
    pub(crate) fn free_at(self, at: u32) -> Option<Run> {
        let tag = self.tag_of(at).get();
        tag.is_free().then_some(Run { chunk: self, at, len: tag.len() })
    }

    /// The free run that ends before block `at`, where a run begins.
    #[inline]
    fn free_before(self, at: u32) -> Option<Run> {
        let tag = self.tag_before(at).get();
        tag.is_free().then(|| Run { chunk: self, at: at.wrapping_sub(tag.len()), len: tag.len() })
    }

    /// The tag of block `at`, or of the edge behind the last.
    #[inline]
    fn tag_of<'a>(self, at: u32) -> &'a Cell<Tag> {
        self.tag_at((at as usize).wrapping_add(1))
    }

    /// The tag of the block before `at`, or of the edge before the first.
    #[inline]
    fn tag_before<'a>(self, at: u32) -> &'a Cell<Tag> {
        self.tag_at(at as usize)
    }

    /// A tag by its place among the tags, at which the first edge is 0.
    #[inline]
    fn tag_at<'a>(self, index: usize) -> &'a Cell<Tag> {
        os::check(index <= (self.head().len as usize).wrapping_add(1), "no such block in this chunk");
        // SAFETY: the tags follow the head (`layout`), in the same memory.
        let tags = unsafe { self.0.add(1) }.cast::<Cell<Tag>>();
        // SAFETY: runs lie in their chunk, and there is an edge on either side.
        let tag = unsafe { tags.add(index) };
        // SAFETY: in the books, zero or written since; they outlive the handle.
        unsafe { tag.as_ref() }
    }
}

/// The nodes of the first `len` blocks: they lie next to the head.
#[inline]
const fn nodes_of(len: u32) -> usize {
    (len as usize).wrapping_add(1) / 2
}

/// A run of blocks of one chunk.
///
/// Invariant: the chunk has these blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) chunk: Chunk,
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Run {
    /// The free run that is linked at `node`.
    ///
    /// # Safety
    ///
    /// - `node` is the [`node`](Self::node) of a free run whose chunk's books
    ///   are still there.
    #[inline]
    pub(crate) unsafe fn of(node: NonNull<Node>) -> Self {
        // SAFETY: the node of a free run, whose books are there, says the caller.
        let (chunk, end) = unsafe { Self::end_of(node) };
        let len = chunk.tag_before(end).get().len();
        Self { chunk, at: end.wrapping_sub(len), len }
    }

    /// The same, unless the run is [aside](Self::mark_free_aside).
    ///
    /// # Safety
    ///
    /// - As for [`of`](Self::of).
    #[inline]
    pub(crate) unsafe fn of_plain(node: NonNull<Node>) -> Option<Self> {
        // SAFETY: the node of a free run, whose books are there, says the caller.
        let (chunk, end) = unsafe { Self::end_of(node) };
        let tag = chunk.tag_before(end).get();
        (!tag.is_aside()).then(|| Self { chunk, at: end.wrapping_sub(tag.0), len: tag.0 })
    }

    /// The chunk of the run that is linked at `node`, and where the run ends.
    ///
    /// # Safety
    ///
    /// - As for [`of`](Self::of).
    #[inline]
    unsafe fn end_of(node: NonNull<Node>) -> (Chunk, u32) {
        // SAFETY: in the books, says the caller.
        let end = unsafe { node.as_ref() }.end.get();
        // SAFETY: `node` did the same backwards.
        let chunk = Chunk(unsafe { node.add(nodes_of(end)) }.cast());
        (chunk, end)
    }

    /// Where the run is linked while it is free.
    #[inline]
    pub(crate) fn node(self) -> NonNull<Node> {
        // SAFETY: the node of the last block, which lies so far before the head.
        unsafe { self.chunk.0.cast::<Node>().sub(nodes_of(self.end())) }
    }

    /// [`node`](Self::node), which from now on leads to this run.
    #[inline]
    pub(crate) fn claim_node(self) -> NonNull<Node> {
        let node = self.node();
        // SAFETY: in the books, zero or written since.
        unsafe { node.as_ref() }.end.set(self.end());
        node
    }

    /// Whether the run is its chunk.
    #[inline]
    pub(crate) const fn is_whole(self) -> bool {
        self.len == self.chunk.head().len
    }

    /// Cuts the run into its first `len` blocks and the others.
    #[inline]
    pub(crate) const fn split(self, len: u32) -> (Self, Self) {
        let rest = Self { chunk: self.chunk, at: self.at.wrapping_add(len), len: self.len.wrapping_sub(len) };
        (Self { chunk: self.chunk, at: self.at, len }, rest)
    }

    /// This run and `next`, which begins where it ends.
    #[inline]
    pub(crate) const fn join(self, next: Self) -> Self {
        Self { chunk: self.chunk, at: self.at, len: self.len.wrapping_add(next.len) }
    }

    /// The free run that begins where this one ends.
    #[inline]
    pub(crate) fn free_after(self) -> Option<Self> {
        self.chunk.free_at(self.end())
    }

    /// The same, of a run in a chunk without free runs that are aside.
    #[inline]
    pub(crate) fn plain_free_after(self) -> Option<Self> {
        let tag = self.chunk.tag_of(self.end()).get();
        tag.is_free().then(|| Self { chunk: self.chunk, at: self.end(), len: tag.0 })
    }

    /// Whether a free run ends where this one begins.
    #[inline]
    pub(crate) fn is_after_free(self) -> bool {
        self.chunk.tag_before(self.at).get().is_free()
    }

    /// The free run that ends where this one begins.
    #[inline]
    pub(crate) fn free_before(self) -> Option<Self> {
        self.chunk.free_before(self.at)
    }

    /// Writes into the books that the run is live.
    #[inline]
    pub(crate) fn mark_live(self) {
        // In this order: a single block is a head.
        self.last_tag().set(Tag::live_tail(self.len));
        self.first_tag().set(Tag::live_head(self.len));
    }

    /// Writes into the books that the run is live, but not for the usual way: its
    /// chunk is not a usual one.
    pub(crate) fn mark_live_aside(self) {
        self.last_tag().set(Tag::live_tail(self.len));
        self.first_tag().set(Tag::live_head_aside(self.len));
    }

    /// Writes into the books that the run is free.
    #[inline]
    pub(crate) fn mark_free(self) {
        self.last_tag().set(Tag::free(self.len));
        self.first_tag().set(Tag::free(self.len));
    }

    /// Writes into the books that the run is free, but not for the usual way: its
    /// chunk has no other, or is not a usual one.
    #[inline]
    pub(crate) fn mark_free_aside(self) {
        // In this order: what tells is the end.
        self.first_tag().set(Tag::free(self.len));
        self.last_tag().set(Tag::free_aside(self.len));
    }

    /// Whether the run, which is free, is [aside](Self::mark_free_aside).
    pub(crate) fn is_aside(self) -> bool {
        self.last_tag().get().is_aside()
    }

    /// Writes into the books that no live run begins where this one did; its
    /// neighbours are to take it in.
    #[inline]
    pub(crate) fn end_life(self) {
        self.first_tag().set(Tag::free(0));
    }

    /// Whether the last block tells the same as the first.
    pub(crate) fn ends_agree(self) -> bool {
        let (first, last) = (self.first_tag().get(), self.last_tag().get());
        first.len() == last.len() && first.is_free() == last.is_free() && (self.len == 1 || !last.is_live_head())
    }

    #[inline]
    fn first_tag<'a>(self) -> &'a Cell<Tag> {
        self.chunk.tag_of(self.at)
    }

    #[inline]
    fn last_tag<'a>(self) -> &'a Cell<Tag> {
        self.chunk.tag_before(self.end())
    }

    #[inline]
    const fn end(self) -> u32 {
        self.at.wrapping_add(self.len)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use heap::{boxed::Box, vec};

    use super::*;

    /// Books, and the memory that they lie in.
    pub(crate) struct Books {
        pub(crate) chunk: Chunk,
        memory: *mut [u64],
    }

    impl Books {
        /// Books of `len` blocks.
        pub(crate) fn new(len: u32) -> Self {
            let layout = Chunk::layout(len).unwrap();
            let memory = Box::into_raw(vec![0; layout.size().div_ceil(8)].into_boxed_slice());
            let head = ChunkHead::new(NonNull::dangling(), len, true, Layout::new::<u8>(), None);
            // SAFETY: zero, large enough, aligned, and there until the drop.
            let chunk = unsafe { Chunk::open(NonNull::new(memory).unwrap().cast(), head) };
            Self { chunk, memory }
        }
    }

    impl Drop for Books {
        fn drop(&mut self) {
            // SAFETY: of a box, and the handle has been used for the last time.
            drop(unsafe { Box::from_raw(self.memory) });
        }
    }

    #[test]
    fn new_books_are_one_free_run() {
        for len in 1..20 {
            let books = Books::new(len);
            assert_eq!(books.chunk.memory().cast().as_ptr(), books.memory.cast::<u8>());
            let whole = books.chunk.free_at(0).unwrap();
            assert!(whole.is_whole() && whole.ends_agree());
            assert_eq!((whole.at, whole.len), (0, len));
            assert_eq!((whole.free_before(), whole.free_after()), (None, None));
        }
    }

    #[test]
    fn a_run_finds_its_free_neighbours() {
        for len in 3..20 {
            for at in 1..len - 1 {
                for end in at + 1..len {
                    let books = Books::new(len);
                    let (front, rest) = books.chunk.whole().split(at);
                    let (middle, back) = rest.split(end - at);
                    front.mark_free();
                    middle.mark_live();
                    back.mark_free();
                    assert_eq!((middle.free_before(), middle.free_after()), (Some(front), Some(back)));
                    assert_eq!(front.free_after(), None);
                    assert_eq!(middle.chunk.live_at(at as usize), Some(middle));
                    assert!(front.ends_agree() && middle.ends_agree() && back.ends_agree());
                    assert!(front.join(middle).join(back).is_whole());
                }
            }
        }
    }

    #[test]
    fn only_the_first_block_of_a_live_run_is_its_head() {
        let books = Books::new(9);
        let (span, _) = books.chunk.whole().split(7);
        span.mark_live();
        let heads: vec::Vec<usize> = (0..12).filter(|&at| books.chunk.live_at(at).is_some()).collect();
        assert_eq!((heads, books.chunk.plain_live_at(0)), (vec![0], Some(span)));
        span.mark_live_aside();
        assert_eq!((books.chunk.live_at(0), books.chunk.plain_live_at(0)), (Some(span), None));
        assert!(span.ends_agree());
    }

    #[test]
    fn a_node_leads_back_to_its_run() {
        let books = Books::new(9);
        let chunk = books.chunk;
        for (at, len) in (0..9).flat_map(|at| (1..=9 - at).map(move |len| (at, len))) {
            let run = Run { chunk, at, len };
            run.mark_free();
            let node = run.claim_node();
            // SAFETY: a node of these books.
            assert_eq!(unsafe { Run::of(node) }, run);
            // SAFETY: a node of these books.
            assert_eq!(unsafe { Run::of_plain(node) }, Some(run));
            run.mark_free_aside();
            // SAFETY: a node of these books.
            assert_eq!(unsafe { Run::of(node) }, run);
            // SAFETY: a node of these books.
            assert_eq!(unsafe { Run::of_plain(node) }, None);
            assert_eq!((chunk.free_at(at), chunk.free_before(at + len)), (Some(run), Some(run)));
            assert!(chunk.live_at(at as usize).is_none() && run.is_aside() && run.ends_agree());
        }
    }

    #[test]
    fn a_run_keeps_its_node_when_its_front_goes() {
        let (_front, back) = Books::new(9).chunk.whole().split(5);
        assert_eq!(back.node(), back.split(1).1.node());
    }

    #[test]
    fn books_cost_sixteen_bytes_a_block() {
        let a_block = size_of::<Node>() / 2 + size_of::<Tag>();
        assert_eq!(a_block, 2 * size_of::<usize>());
        assert!(Chunk::layout(1000).unwrap().size() - 1000 * a_block <= 2 * size_of::<ChunkHead>());
    }
}
