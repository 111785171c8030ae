//! [`Chunk`] and [`Run`]: the books of one chunk, kept apart from its blocks.
//!
//! Every run of blocks has its length at both ends, so that a run finds its
//! neighbours (Knuth, "The Art of Computer Programming" 1, 2.5, algorithm C).
//! Free runs also have links, and because two free runs never touch, two blocks
//! share one pair of them.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    math::bins::LEN_MAX,
    raw::{
        list::{Linked, Links},
        shelf::Shelf,
    },
};

/// What is known of a chunk as a whole; its [`Pair`]s follow.
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
        Self { links: Links::new(), base, len, pooled, memory, shelf }
    }
}

/// The books of two neighbouring blocks. Zero bytes say that neither is an end.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Pair {
    links: Links<Self>,
    /// The block at which the free run begins that is linked here.
    head: Cell<u32>,
    even: Cell<Tag>,
    odd: Cell<Tag>,
}

impl Pair {
    /// The tag of block `at`, which is one of the two.
    const fn tag(&self, at: u32) -> &Cell<Tag> {
        if at.is_multiple_of(2) { &self.even } else { &self.odd }
    }
}

// SAFETY: `repr(C)`, links first.
unsafe impl Linked for Pair {}

/// What is written at either end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag(u32);

impl Tag {
    const LIVE: u32 = 1 << 31;
    const HEAD: u32 = 1 << 30;
    /// Stands beyond both ends of a chunk: nothing to merge with.
    const EDGE: Self = Self(Self::LIVE);

    const fn free(len: u32) -> Self {
        Self(len & LEN_MAX)
    }

    /// The first block of a live run, and no other block, has this.
    const fn live_head(len: u32) -> Self {
        Self(Self::LIVE | Self::HEAD | (len & LEN_MAX))
    }

    const fn live_tail(len: u32) -> Self {
        Self(Self::LIVE | (len & LEN_MAX))
    }

    const fn is_free(self) -> bool {
        self.0 & Self::LIVE == 0
    }

    const fn is_live_head(self) -> bool {
        self.0 & Self::HEAD != 0
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
        let pairs = Layout::array::<Pair>((len as usize).div_ceil(2)).ok()?;
        let (layout, offset) = Layout::new::<ChunkHead>().extend(pairs).ok()?;
        // `pair_of` and `Run::of` count on it.
        (offset == size_of::<ChunkHead>()).then(|| layout.pad_to_align())
    }

    /// Opens books that say `head`, with all blocks free.
    ///
    /// # Safety
    ///
    /// - `memory` fits [`layout`](Self::layout) of `head.len` and is zero from
    ///   the end of the head on.
    /// - Nobody else touches it until the last use of the handle and its copies.
    pub(crate) unsafe fn open(memory: NonNull<u8>, head: ChunkHead) -> Self {
        let place = memory.cast::<ChunkHead>();
        // SAFETY: large enough and aligned, says the caller.
        unsafe { place.write(head) }
        let chunk = Self(place);
        chunk.whole().mark_free();
        chunk
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

    /// The live run that begins at block `at`.
    #[inline]
    pub(crate) fn live_at(self, at: u32) -> Option<Run> {
        let tag = self.tag(at);
        tag.is_live_head().then(|| Run { chunk: self, at, len: tag.len() })
    }

    /// The free run that begins at block `at`, where a run ends before.
    #[inline]
    pub(crate) fn free_at(self, at: u32) -> Option<Run> {
        let tag = self.tag(at);
        tag.is_free().then(|| Run { chunk: self, at, len: tag.len() })
    }

    /// The free run that ends before block `at`, where a run begins.
    #[inline]
    pub(crate) fn free_before(self, at: u32) -> Option<Run> {
        let tag = self.tag(at.wrapping_sub(1));
        tag.is_free().then(|| Run { chunk: self, at: at.wrapping_sub(tag.len()), len: tag.len() })
    }

    #[inline]
    fn tag(self, at: u32) -> Tag {
        // SAFETY: pairs are in the books, zero or written since.
        self.pair_of(at).map_or(Tag::EDGE, |pair| unsafe { pair.as_ref() }.tag(at).get())
    }

    #[inline]
    fn set_tag(self, at: u32, tag: Tag) {
        if let Some(pair) = self.pair_of(at) {
            // SAFETY: pairs are in the books, zero or written since.
            unsafe { pair.as_ref() }.tag(at).set(tag);
        }
    }

    /// The pair of block `at`; `None` beyond the end.
    #[inline]
    fn pair_of(self, at: u32) -> Option<NonNull<Pair>> {
        (at < self.head().len).then(|| {
            // SAFETY: the pairs follow the head (`layout`), in the same memory.
            let pairs = unsafe { self.0.add(1) }.cast::<Pair>();
            // SAFETY: `at` is below the number of blocks, so its pair is there.
            unsafe { pairs.add((at / 2) as usize) }
        })
    }
}

/// A run of blocks of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) chunk: Chunk,
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Run {
    /// The free run that is linked at `pair`.
    ///
    /// # Safety
    ///
    /// - `pair` is the [`node`](Self::node) of a run whose chunk's books are
    ///   still there.
    #[inline]
    pub(crate) unsafe fn of(pair: NonNull<Pair>) -> Self {
        // SAFETY: in the books, says the caller.
        let at = unsafe { pair.as_ref() }.head.get();
        // SAFETY: `node` is the pair of block `at`; the first one is so far back.
        let first = unsafe { pair.sub((at / 2) as usize) };
        // SAFETY: the head lies before the first pair, in the same memory.
        let chunk = Chunk(unsafe { first.cast::<ChunkHead>().sub(1) });
        Self { chunk, at, len: chunk.tag(at).len() }
    }

    /// Where the run is linked when it is free; `None` for a run of no chunk.
    #[inline]
    pub(crate) fn node(self) -> Option<NonNull<Pair>> {
        let pair = self.chunk.pair_of(self.at)?;
        // SAFETY: in the books, zero or written since.
        unsafe { pair.as_ref() }.head.set(self.at);
        Some(pair)
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
        self.chunk.free_at(self.at.wrapping_add(self.len))
    }

    /// The free run that ends where this one begins.
    #[inline]
    pub(crate) fn free_before(self) -> Option<Self> {
        self.chunk.free_before(self.at)
    }

    /// Writes into the books that the run is live.
    #[inline]
    pub(crate) fn mark_live(self) {
        if self.len != 1 {
            self.chunk.set_tag(self.last(), Tag::live_tail(self.len));
        }
        self.chunk.set_tag(self.at, Tag::live_head(self.len));
    }

    /// Writes into the books that the run is free.
    #[inline]
    pub(crate) fn mark_free(self) {
        self.chunk.set_tag(self.last(), Tag::free(self.len));
        self.chunk.set_tag(self.at, Tag::free(self.len));
    }

    /// Writes into the books that no live run begins where this one did; its
    /// neighbours are to take it in.
    #[inline]
    pub(crate) fn end_life(self) {
        self.chunk.set_tag(self.at, Tag::free(self.len));
    }

    /// Whether the last block tells the same as the first.
    pub(crate) fn ends_agree(self) -> bool {
        let (first, last) = (self.chunk.tag(self.at), self.chunk.tag(self.last()));
        first.len() == last.len() && first.is_free() == last.is_free() && (self.len == 1 || !last.is_live_head())
    }

    const fn last(self) -> u32 {
        self.at.wrapping_add(self.len).wrapping_sub(1)
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
                    assert_eq!(middle.chunk.live_at(at), Some(middle));
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
        let heads: vec::Vec<u32> = (0..12).filter(|&at| books.chunk.live_at(at).is_some()).collect();
        assert_eq!(heads, [0]);
    }

    #[test]
    fn a_node_leads_back_to_its_run() {
        let books = Books::new(9);
        let chunk = books.chunk;
        for at in 0..9 {
            let run = Run { chunk, at, len: 1 };
            run.mark_free();
            // SAFETY: a node of these books.
            assert_eq!(unsafe { Run::of(run.node().unwrap()) }, run);
        }
        assert_eq!(Run { chunk, at: 9, len: 1 }.node(), None);
    }

    #[test]
    fn books_cost_sixteen_bytes_a_block() {
        assert_eq!(size_of::<Pair>(), 4 * size_of::<usize>());
        assert_eq!(Chunk::layout(1000).unwrap().size() - size_of::<ChunkHead>(), 500 * size_of::<Pair>());
    }
}
