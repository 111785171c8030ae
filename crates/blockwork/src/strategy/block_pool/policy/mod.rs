//! [`FreePolicy`]: in which order a pool hands its free blocks out again.
//!
//! ```text
//! Lifo      free ─► block ─► block ─► block          a link in each free block, all in one list
//!
//! PerChunk  free ─► group ─► group                   a bit for each block, behind the blocks of its chunk
//!           chunk  [ block × 64 | block × 64 | …… | link | group | group | … ]
//! ```

use core::{fmt, iter, ptr::NonNull};

#[cfg(test)]
mod tests;

use super::shape::BlockShape;
use crate::{
    math::{align::is_aligned, books::GROUP_BLOCKS},
    os::{self, track},
    raw::{
        free_list::FreeList,
        groups::{self, GROUP_SIZE, Groups},
    },
};

/// Which free block a pool hands out next; [`Lifo`] or [`PerChunk`].
///
/// It is chosen by a value without size, and compiled in:
///
/// ```
/// use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, PerChunk, System};
///
/// let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Bytes(1 << 16) };
/// let pool: BlockPool<_, _, PerChunk> = BlockPool::try_with_policy(System, config, PerChunk)?;
/// # Ok::<(), blockwork::ConfigError>(())
/// ```
pub trait FreePolicy: Copy + fmt::Debug + sealed::Sealed {
    /// The free blocks of a pool.
    #[doc(hidden)]
    type Blocks: FreeBlocks;
}

/// The block that was freed last comes first: one list through all free blocks.
///
/// The least instructions there can be, and the block is the one most likely
/// still in the cache. Once many blocks were freed in random order they come
/// back in that order, and each is a cache miss that the next one waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifo;

/// Each chunk keeps its own free blocks, so that neighbours come back together.
///
/// ```text
/// size-aligned                                      behind the blocks, for each 64 of them three words
/// [ 64 blocks | 64 blocks | 64 blocks | rest ][ link ][ which are free | group | group | group ]
/// ```
///
/// A chunk is aligned to the power of two that its blocks fit in, so a mask leads
/// from a block to the notes of its chunk: which of each 64 neighbours (as many
/// as a word has bits) are free. The groups of which any is make a list, the last
/// one to become so in front, and one of them is used up, ascending, before the
/// next is begun. A pool in a buffer has one such chunk, which needs no alignment.
/// No step depends on the number of blocks or chunks.
///
/// Free blocks are never written to. A block that is freed again while it is free
/// stops the program in debug builds and changes nothing in others.
///
/// Chunks of 64 KiB and more serve best. `ChunkSize::Bytes` of a power of two
/// uses up a parent that gives such blocks aligned; `ChunkSize::Blocks` asks for
/// the notes beyond the blocks. Bytes that are too few for a block and the notes
/// about it are raised to what those take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerChunk;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Lifo {}
    impl Sealed for super::PerChunk {}
}

impl FreePolicy for Lifo {
    type Blocks = FreeList;
}

impl FreePolicy for PerChunk {
    type Blocks = Groups;
}

/// Blocks that were carved and are free.
///
/// They are found through *nodes*, each of which stands for one or more.
#[doc(hidden)]
pub trait FreeBlocks: fmt::Debug {
    /// None, in no chunk.
    const NEW: Self;

    /// What is noted behind the blocks for each group of them, in bytes. If
    /// anything is, chunks are aligned to the power of two that their blocks fit in.
    const GROUP_SIZE: usize;

    /// Says where a block's notes lie: `distance` behind the greatest address
    /// that is not above it and a multiple of `mask + 1` away from `origin`.
    fn place(&self, origin: usize, mask: usize, distance: usize);

    /// Takes a block.
    fn pop<S: BlockShape>(&self, shape: S) -> Option<NonNull<u8>>;

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// - `block` was popped or carved here and not pushed since; nobody else uses it.
    unsafe fn push<S: BlockShape>(&self, block: NonNull<u8>, shape: S);

    /// Takes over the first of `bytes` bytes of blocks that were never used;
    /// returns a block, and how many bytes were taken over.
    ///
    /// # Safety
    ///
    /// - `bytes` are whole blocks, at least one, and the last ones of their chunk.
    /// - Of those before them, whole groups were taken over.
    /// - [`place`](Self::place) was called for the chunk.
    unsafe fn carve<S: BlockShape>(&self, first: NonNull<u8>, bytes: usize, shape: S) -> (NonNull<u8>, usize);

    /// The list of the nodes.
    fn nodes(&self) -> &FreeList;

    /// The first block that `node` may stand for.
    ///
    /// # Safety
    ///
    /// - `node` is or was in [`nodes`](Self::nodes).
    unsafe fn first(node: NonNull<u8>) -> NonNull<u8>;

    /// How many blocks `node` stands for.
    ///
    /// # Safety
    ///
    /// - `node` is in [`nodes`](Self::nodes).
    unsafe fn count(node: NonNull<u8>) -> usize;

    /// The blocks that `node` stands for.
    ///
    /// # Safety
    ///
    /// - `node` is in [`nodes`](Self::nodes) as long as the iterator is used.
    unsafe fn blocks<S: BlockShape>(node: NonNull<u8>, shape: S) -> impl Iterator<Item = NonNull<u8>>;

    /// Free blocks as the notes have it about the `bytes` bytes of blocks from
    /// `first` on, all the blocks of a chunk that were carved; `None` without notes.
    ///
    /// # Safety
    ///
    /// - They are what the text says.
    unsafe fn noted<S: BlockShape>(&self, first: NonNull<u8>, bytes: usize, shape: S) -> Option<usize>;

    /// Looks at each node once; the list of them is known to end.
    fn check<S: BlockShape>(&self, shape: S) -> Result<(), &'static str>;
}

/// How many blocks [`Lifo`] takes from the untouched ones in one step.
const CARVED_AT_ONCE: usize = 64;

/// How far the last byte of a page is behind `block`, which lies in it.
fn last_of_page(block: NonNull<u8>) -> usize {
    const LAST: usize = 4095;
    !block.addr().get() & LAST
}

impl FreeBlocks for FreeList {
    const NEW: Self = Self::new();
    const GROUP_SIZE: usize = 0;

    fn place(&self, _origin: usize, _mask: usize, _distance: usize) {}

    #[inline]
    fn pop<S: BlockShape>(&self, _shape: S) -> Option<NonNull<u8>> {
        self.pop()
    }

    #[inline]
    unsafe fn push<S: BlockShape>(&self, block: NonNull<u8>, shape: S) {
        os::check(is_aligned(block.addr().get(), shape.stride().align()), "block is not from this pool");
        // SAFETY: a block is at least as large and as aligned as a link, and
        // the caller gives it up.
        unsafe { self.push(block) }
    }

    /// The blocks behind `first` in its page, up to a number of them, go into the list: the
    /// next requests then find them there, and only one of many comes here.
    unsafe fn carve<S: BlockShape>(&self, first: NonNull<u8>, bytes: usize, shape: S) -> (NonNull<u8>, usize) {
        let stride = shape.stride().size();
        // Those that begin in the page: no other one is touched.
        let in_page = shape.blocks_in(last_of_page(first)).wrapping_add(1);
        let blocks = in_page.min(shape.blocks_in(bytes)).min(CARVED_AT_ONCE);
        let more = blocks.saturating_sub(1);
        // SAFETY: one of the blocks, or their end.
        let second = unsafe { first.add(stride) };
        if track::ON {
            // SAFETY: one of the blocks.
            (0..more).for_each(|at| track::show_link(unsafe { second.add(at.wrapping_mul(stride)) }));
        }
        // SAFETY: so many blocks follow, which nobody has had; each is as large and as
        // aligned as a link.
        unsafe { self.push_row(second, stride, more) }
        (first, blocks.wrapping_mul(stride))
    }

    fn nodes(&self) -> &FreeList {
        self
    }

    unsafe fn first(node: NonNull<u8>) -> NonNull<u8> {
        node
    }

    unsafe fn count(_node: NonNull<u8>) -> usize {
        1
    }

    unsafe fn blocks<S: BlockShape>(node: NonNull<u8>, _shape: S) -> impl Iterator<Item = NonNull<u8>> {
        iter::once(node)
    }

    unsafe fn noted<S: BlockShape>(&self, _first: NonNull<u8>, _bytes: usize, _shape: S) -> Option<usize> {
        None
    }

    fn check<S: BlockShape>(&self, _shape: S) -> Result<(), &'static str> {
        Ok(())
    }
}

impl FreeBlocks for Groups {
    const NEW: Self = Self::new();
    const GROUP_SIZE: usize = GROUP_SIZE;

    fn place(&self, origin: usize, mask: usize, distance: usize) {
        self.place(origin, mask, distance);
    }

    #[inline]
    fn pop<S: BlockShape>(&self, shape: S) -> Option<NonNull<u8>> {
        self.pop(shape.stride().size())
    }

    #[inline]
    unsafe fn push<S: BlockShape>(&self, block: NonNull<u8>, shape: S) {
        let offset = self.offset(block.addr().get());
        let index = shape.blocks_in(offset);
        os::check(index.wrapping_mul(shape.stride().size()) == offset, "block is not from this pool");
        // SAFETY: it came from here, so that is its number, and the caller gives it up.
        unsafe { self.push(block, index) }
    }

    unsafe fn carve<S: BlockShape>(&self, first: NonNull<u8>, bytes: usize, shape: S) -> (NonNull<u8>, usize) {
        let stride = shape.stride().size();
        let blocks = shape.blocks_in(bytes).min(GROUP_BLOCKS);
        let index = shape.blocks_in(self.offset(first.addr().get()));
        // SAFETY: whole groups come before it, and behind the blocks is room for
        // what is noted about every group of them.
        unsafe { self.open(first, index, blocks) }
        // Just made, so it serves.
        (self.pop(stride).unwrap_or(first), blocks.wrapping_mul(stride))
    }

    fn nodes(&self) -> &FreeList {
        self.listed()
    }

    unsafe fn first(node: NonNull<u8>) -> NonNull<u8> {
        // SAFETY: the caller's promise; a group keeps its first block.
        unsafe { groups::first(node) }
    }

    unsafe fn count(node: NonNull<u8>) -> usize {
        // SAFETY: the caller says that the node is in a list here, so its group was opened.
        unsafe { groups::count(node) }
    }

    unsafe fn blocks<S: BlockShape>(node: NonNull<u8>, shape: S) -> impl Iterator<Item = NonNull<u8>> {
        // SAFETY: the caller says that the node is in a list here, and stays meanwhile.
        unsafe { groups::blocks(node, shape.stride().size()) }
    }

    unsafe fn noted<S: BlockShape>(&self, first: NonNull<u8>, bytes: usize, shape: S) -> Option<usize> {
        let firsts = (0..shape.blocks_in(bytes)).step_by(GROUP_BLOCKS);
        let free = firsts.map(|index| {
            // SAFETY: one of the blocks.
            let block = unsafe { first.add(index.wrapping_mul(shape.stride().size())) };
            // SAFETY: it was carved, and with it its group opened.
            unsafe { self.free_of(block, index) }
        });
        Some(free.fold(0, usize::saturating_add))
    }

    fn check<S: BlockShape>(&self, shape: S) -> Result<(), &'static str> {
        self.check_listed(|offset| shape.blocks_in(offset))
    }
}
