//! [`Groups`]: free blocks as bits, a word for each group of neighbours.
//!
//! ```text
//! base = address - ((address - origin) & mask)
//! ▼
//! [ block × 64 | block × 64 | block ][ … | Group | Group | Group ]
//!   ▲            ▲                          │  ▲    │
//!   └────────────│───────────────── first ──┘  └────│── of the second 64 blocks
//!                └─────────────────────────── first ┘
//! listed ─► Group ─► Group       those of which a block is free, the last to become so in front
//! ```
//!
//! A block finds its group by its address: equal pieces of memory, aligned to
//! the mask, have their groups at the same distance from their base, in the
//! order of their blocks. Free blocks are not touched, and the free ones of a
//! group are handed out in the order of their addresses.

use core::{cell::Cell, ptr::NonNull};

use super::free_list::{FreeList, Link};
use crate::{math::books::GROUP_BLOCKS, os};

/// Bytes of what is noted about [`GROUP_BLOCKS`] blocks.
pub(crate) const GROUP_SIZE: usize = size_of::<Group>();

/// As many neighbours as a word has bits, and which of them are free.
///
/// A node of the list of groups, so the link comes first.
#[repr(C)]
struct Group {
    link: Cell<Link>,
    first: NonNull<u8>,
    /// Bit *i* says that block *i* is free.
    free: Cell<usize>,
}

/// The groups with a free block; see the [module](self).
///
/// Invariant: a group is listed if and only if one of its bits is set.
#[derive(Debug)]
pub struct Groups {
    listed: FreeList,
    origin: Cell<usize>,
    mask: Cell<usize>,
    /// From the base to its first group.
    distance: Cell<usize>,
}

impl Groups {
    /// No groups, and no place for them.
    pub(crate) const fn new() -> Self {
        Self { listed: FreeList::new(), origin: Cell::new(0), mask: Cell::new(0), distance: Cell::new(0) }
    }

    /// Says where groups lie: `distance` behind the greatest address that is
    /// not above the block and a multiple of `mask + 1` away from `origin`.
    pub(crate) fn place(&self, origin: usize, mask: usize, distance: usize) {
        self.origin.set(origin);
        self.mask.set(mask);
        self.distance.set(distance);
    }

    /// The list of the groups with a free block.
    pub(crate) const fn listed(&self) -> &FreeList {
        &self.listed
    }

    /// Makes a group of `blocks` blocks from `first` on, all free, and lists it.
    ///
    /// # Safety
    ///
    /// - `first` is block `index` of its base, a multiple of [`GROUP_BLOCKS`];
    ///   `blocks` is not above that, and not zero.
    /// - Where [`place`](Self::place) says, there is room for the group, aligned,
    ///   which nobody else uses until the list is cleared of it.
    pub(crate) unsafe fn open(&self, first: NonNull<u8>, index: usize, blocks: usize) {
        // SAFETY: `first` is block `index` of its base, and there is room, says the caller.
        let group = unsafe { self.group(first, index) };
        let unused = GROUP_BLOCKS.saturating_sub(blocks);
        let free = usize::MAX.checked_shr(u32::try_from(unused).unwrap_or(0)).unwrap_or(0);
        // SAFETY: room for a group, aligned, and ours.
        unsafe { group.write(Group { link: Cell::new(Link::NONE), first, free: Cell::new(free) }) }
        // SAFETY: a group begins with its link.
        unsafe { self.listed.push(group.cast()) }
    }

    /// Takes the first free block of the group in front.
    #[inline]
    pub(crate) fn pop(&self, stride: usize) -> Option<NonNull<u8>> {
        let node = self.listed.first()?;
        // SAFETY: listed.
        let group = unsafe { group(node) };
        let free = group.free.get();
        let rest = free & free.wrapping_sub(1);
        group.free.set(rest);
        if rest == 0 {
            self.listed.pop();
        }
        let offset = stride.wrapping_mul(lowest(free));
        // SAFETY: a block of the group, as its bit was set.
        Some(unsafe { group.first.add(offset) })
    }

    /// Takes back `block`, which is block `index` of its base.
    ///
    /// # Safety
    ///
    /// - `block` was popped here, and not pushed since; nobody else uses it.
    #[inline]
    pub(crate) unsafe fn push(&self, block: NonNull<u8>, index: usize) {
        // SAFETY: its group was opened when it was first popped.
        let node = unsafe { self.group(block, index) };
        // SAFETY: it lies there since then, and only its cells change.
        let group = unsafe { group(node.cast()) };
        let free = group.free.get();
        let bit = 1_usize.wrapping_shl(low_bits(index));
        os::check(free & bit == 0, "block was free already");
        group.free.set(free | bit);
        if free == 0 {
            // SAFETY: a group begins with its link, and this one was not listed.
            unsafe { self.listed.push(node.cast()) }
        }
    }

    /// How far `address` lies behind its base.
    #[inline]
    pub(crate) fn offset(&self, address: usize) -> usize {
        address.wrapping_sub(self.origin.get()) & self.mask.get()
    }

    /// Whether every listed group has a free block, and finds itself by it.
    pub(crate) fn check_listed(&self, index_of: impl Fn(usize) -> usize) -> Result<(), &'static str> {
        for node in self.listed.iter() {
            // SAFETY: listed.
            let group = unsafe { group(node) };
            if group.free.get() == 0 {
                return Err("a group without a free block is listed");
            }
            let index = index_of(self.offset(group.first.addr().get()));
            // SAFETY: listed, so opened with its first block.
            if unsafe { self.group(group.first, index) }.cast() != node {
                return Err("a group is not where its blocks look for it");
            }
        }
        Ok(())
    }

    /// Free blocks of the group that `first`, its first block, finds.
    ///
    /// # Safety
    ///
    /// - The group was [opened](Self::open) with `first` and `index`.
    pub(crate) unsafe fn free_of(&self, first: NonNull<u8>, index: usize) -> usize {
        // SAFETY: opened with just these, says the caller.
        let node = unsafe { self.group(first, index) };
        // SAFETY: so it is a group that was opened.
        unsafe { count(node.cast()) }
    }

    /// The group of block `index`, which lies at `block`.
    ///
    /// # Safety
    ///
    /// - There is room for a group where [`place`](Self::place) says.
    #[inline]
    unsafe fn group(&self, block: NonNull<u8>, index: usize) -> NonNull<Group> {
        let offset = self.offset(block.addr().get());
        // SAFETY: the base of the block's own memory.
        let base = unsafe { block.sub(offset) };
        // SAFETY: its groups lie in the same memory.
        let groups = unsafe { base.add(self.distance.get()) }.cast::<Group>();
        let number = index.wrapping_shr(GROUP_BLOCKS.trailing_zeros());
        // SAFETY: as above; one group for every so many blocks.
        unsafe { groups.add(number) }
    }
}

/// The group at `node`.
///
/// # Safety
///
/// - It was opened, and its memory is valid as long as the reference is used.
#[inline]
unsafe fn group<'a>(node: NonNull<u8>) -> &'a Group {
    // SAFETY: the caller's promise; what changes are cells.
    unsafe { node.cast().as_ref() }
}

/// The first block of the listed group at `node`, free or not.
///
/// # Safety
///
/// - `node` is in a list of groups.
pub(crate) unsafe fn first(node: NonNull<u8>) -> NonNull<u8> {
    // SAFETY: a listed group was opened, and stays as long as it is listed.
    unsafe { group(node) }.first
}

/// The number of free blocks of the group at `node`.
///
/// # Safety
///
/// - `node` was opened.
pub(crate) unsafe fn count(node: NonNull<u8>) -> usize {
    // SAFETY: opened, says the caller.
    let free = unsafe { group(node) }.free.get();
    usize::try_from(free.count_ones()).unwrap_or(0)
}

/// The free blocks of the listed group at `node`, `stride` apart, ascending.
///
/// # Safety
///
/// - `node` is in a list of groups as long as the iterator is used.
pub(crate) unsafe fn blocks(node: NonNull<u8>, stride: usize) -> impl Iterator<Item = NonNull<u8>> {
    // SAFETY: listed, so opened, as long as the iterator is used, says the caller.
    let group = unsafe { group(node) };
    let words = core::iter::successors(Some(group.free.get()), |&free| Some(free & free.wrapping_sub(1)));
    words.take_while(|&free| free != 0).map(move |free| {
        let offset = stride.wrapping_mul(lowest(free));
        // SAFETY: a block of the group.
        unsafe { group.first.add(offset) }
    })
}

/// The number of the lowest bit that is set.
#[inline]
fn lowest(bits: usize) -> usize {
    // At most the number of bits, which fits every type.
    bits.trailing_zeros() as usize
}

/// The number of a block within its group.
#[inline]
fn low_bits(index: usize) -> u32 {
    u32::try_from(index & GROUP_BLOCKS.wrapping_sub(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use heap::{boxed::Box, vec::Vec};

    use super::*;

    const STRIDE: usize = 16;
    const BLOCKS: usize = 2 * GROUP_BLOCKS;
    const SIZE: usize = BLOCKS * STRIDE + 2 * GROUP_SIZE;

    #[repr(align(16))]
    struct Memory([u8; SIZE]);

    /// Groups of [`BLOCKS`] blocks in `memory`, and the first block.
    fn groups(memory: &mut Memory) -> (Groups, NonNull<u8>) {
        let first = NonNull::from(&mut memory.0).cast::<u8>();
        let groups = Groups::new();
        groups.place(first.addr().get(), usize::MAX, BLOCKS * STRIDE);
        (groups, first)
    }

    fn open(groups: &Groups, first: NonNull<u8>, index: usize, blocks: usize) {
        // SAFETY: inside the memory, which has room for two groups behind the blocks.
        let block = unsafe { first.add(index.wrapping_mul(STRIDE)) };
        // SAFETY: as above, and the tests open each group once.
        unsafe { groups.open(block, index, blocks) }
    }

    fn push(groups: &Groups, block: NonNull<u8>) {
        let index = groups.offset(block.addr().get()) / STRIDE;
        // SAFETY: popped by the test, and pushed once.
        unsafe { groups.push(block, index) }
    }

    fn numbers(groups: &Groups) -> Vec<usize> {
        core::iter::from_fn(|| groups.pop(STRIDE)).map(|block| groups.offset(block.addr().get()) / STRIDE).collect()
    }

    #[test]
    fn a_group_hands_out_its_blocks_in_order_and_leaves_the_list() {
        for blocks in [1, 2, 31, GROUP_BLOCKS] {
            let mut memory = Box::new(Memory([0; SIZE]));
            let (groups, first) = groups(&mut memory);
            open(&groups, first, 0, blocks);
            assert_eq!(groups.check_listed(|offset| offset / STRIDE), Ok(()));
            assert_eq!(numbers(&groups), (0..blocks).collect::<Vec<_>>());
            assert!(groups.listed().is_empty());
        }
    }

    #[test]
    fn a_full_group_is_listed_again_by_the_first_block_that_returns() {
        let mut memory = Box::new(Memory([0; SIZE]));
        let (groups, first) = groups(&mut memory);
        open(&groups, first, 0, GROUP_BLOCKS);
        open(&groups, first, GROUP_BLOCKS, GROUP_BLOCKS);
        let blocks: Vec<_> = core::iter::from_fn(|| groups.pop(STRIDE)).collect();
        assert_eq!(blocks.len(), BLOCKS);
        for index in [70, 3, 65, 1] {
            // The second group was handed out first.
            push(&groups, blocks[(index + GROUP_BLOCKS) % BLOCKS]);
        }
        assert_eq!(groups.listed().iter().count(), 2);
        // SAFETY: listed.
        let free: Vec<_> = groups.listed().iter().map(|node| unsafe { count(node) }).collect();
        assert_eq!((free, groups.check_listed(|offset| offset / STRIDE)), (Vec::from([2, 2]), Ok(())));
        assert_eq!(numbers(&groups), [1, 3, 65, 70]);
    }

    #[test]
    fn the_blocks_of_a_group_are_those_that_are_free() {
        let mut memory = Box::new(Memory([0; SIZE]));
        let (groups, first) = groups(&mut memory);
        open(&groups, first, 0, 5);
        groups.pop(STRIDE);
        let node = groups.listed().first().unwrap();
        // SAFETY: listed.
        let free: Vec<_> = unsafe { blocks(node, STRIDE) }.map(|block| groups.offset(block.addr().get())).collect();
        assert_eq!(free, [16, 32, 48, 64]);
    }

    #[test]
    fn a_walk_finds_a_listed_group_without_a_free_block_and_one_that_is_misplaced() {
        let mut memory = Box::new(Memory([0; SIZE]));
        let (groups, first) = groups(&mut memory);
        open(&groups, first, 0, 5);
        assert_eq!(groups.check_listed(|_| GROUP_BLOCKS), Err("a group is not where its blocks look for it"));
        // SAFETY: listed.
        unsafe { group(groups.listed().first().unwrap()) }.free.set(0);
        assert_eq!(groups.check_listed(|offset| offset / STRIDE), Err("a group without a free block is listed"));
    }
}
