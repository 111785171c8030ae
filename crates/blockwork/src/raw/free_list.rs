//! [`FreeList`]: free blocks, each holding the link to the next.
//!
//! ```text
//! head ─► [ next | …… ] ─► [ next | …… ] ─► [ none | …… ]
//!          free block       free block       free block
//! ```
//!
//! Last in, first out: a push is two stores and a load, a pop two loads, a
//! store and a branch. The list itself is one word.

use core::{cell::Cell, mem, ptr::NonNull};

/// What a free block begins with; any block that fits it can be in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(super) next: Option<NonNull<Self>>,
}

impl Link {
    /// Leads nowhere.
    pub(crate) const NONE: Self = Self { next: None };
}

/// An intrusive stack of blocks; see the [module](self).
///
/// Invariant: every block in the list is the list's alone, from
/// [`push`](Self::push) until [`pop`](Self::pop), and begins with its link.
#[derive(Debug)]
pub struct FreeList {
    head: Cell<Option<NonNull<Link>>>,
}

impl FreeList {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { head: Cell::new(None) }
    }

    /// The list that begins with `head`.
    ///
    /// # Safety
    ///
    /// - Every link of the chain from `head` on is the start of a block that may
    ///   be [pushed](Self::push), and is in no other list.
    #[cfg(any(feature = "std", feature = "malloc", test))]
    pub(super) const unsafe fn of_chain(head: Option<NonNull<Link>>) -> Self {
        Self { head: Cell::new(head) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// The block in front, which stays there.
    #[cfg(any(feature = "std", feature = "malloc", test))]
    pub(super) const fn head(&self) -> Option<NonNull<Link>> {
        self.head.get()
    }

    /// Puts `block` in front.
    ///
    /// # Safety
    ///
    /// - `block` is valid for reads and writes of a [`Link`], and aligned for it.
    /// - Nobody else uses those bytes until the block is popped, or the list
    ///   is never used again.
    #[inline]
    pub(crate) unsafe fn push(&self, block: NonNull<u8>) {
        let link = block.cast::<Link>();
        // SAFETY: valid, aligned and ours by the caller's promise.
        unsafe { link.write(Link { next: self.head.get() }) }
        self.head.set(Some(link));
    }

    /// Takes the block in front, the last one pushed.
    #[inline]
    pub(crate) fn pop(&self) -> Option<NonNull<u8>> {
        let link = self.head.get()?;
        // SAFETY: a block in the list begins with its link.
        let Link { next } = unsafe { link.read() };
        self.head.set(next);
        Some(link.cast())
    }

    /// Takes `block`, which is the one in front.
    ///
    /// # Safety
    ///
    /// - It is the [first](Self::first).
    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    #[inline(always)]
    pub(crate) unsafe fn pop_known(&self, block: NonNull<u8>) {
        // SAFETY: a block in the list begins with its link.
        let Link { next } = unsafe { block.cast::<Link>().read() };
        self.head.set(next);
    }

    /// The same, null if the list is empty.
    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    #[inline(always)]
    pub(crate) fn front(&self) -> *mut u8 {
        self.head.get().map_or(core::ptr::null_mut(), |link| link.as_ptr().cast())
    }

    /// The block in front, the last one pushed.
    #[inline]
    pub(crate) fn first(&self) -> Option<NonNull<u8>> {
        self.head.get().map(NonNull::cast)
    }

    /// The blocks, from the front.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<u8>> {
        links(self.head.get()).map(NonNull::cast)
    }

    /// Puts `count` blocks in front that follow one another by `stride` bytes, the
    /// one at `first` before all others.
    ///
    /// # Safety
    ///
    /// - Each of them may be [pushed](Self::push).
    pub(crate) unsafe fn push_row(&self, first: NonNull<u8>, stride: usize, count: usize) {
        let Some(more) = count.checked_sub(1) else { return };
        let mut last = first;
        for _ in 0..more {
            // SAFETY: the next of them, says the caller.
            let next = unsafe { last.add(stride) };
            // SAFETY: valid, aligned and ours, says the caller.
            unsafe { last.cast().write(Link { next: Some(next.cast()) }) }
            last = next;
        }
        // SAFETY: the last of them, which may be pushed like all others, says the caller.
        unsafe { last.cast().write(Link { next: self.head.get() }) }
        self.head.set(Some(first.cast()));
    }

    /// Exchanges all blocks with those of `other`.
    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    pub(crate) fn swap(&self, other: &Self) {
        self.head.swap(&other.head);
    }

    /// Puts `front`, all of it, before the blocks that are in the list.
    ///
    /// A step for each block of `front`, unless the list is empty.
    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    pub(crate) fn prepend(&self, front: Self) {
        let Some(first) = front.head.get() else { return };
        let head = self.head.replace(Some(first));
        if head.is_some()
            && let Some(last) = links(Some(first)).last()
        {
            // SAFETY: a link of the list in front, which is ours now.
            unsafe { last.write(Link { next: head }) }
        }
    }

    /// Forgets all blocks.
    pub(crate) fn clear(&self) {
        self.head.set(None);
    }

    /// Sorts by address, the least in front: in place, `n log n`.
    pub(crate) fn sort(&self) {
        // A binary counter of runs: `runs[k]` is empty or sorted, 2^k long.
        let mut runs = [None; usize::BITS as usize];
        while let Some(block) = self.pop() {
            let mut carry = Some(block.cast::<Link>());
            // SAFETY: just popped, so it is ours and valid for a link.
            unsafe { block.cast().write(Link { next: None }) }
            for run in &mut runs {
                let Some(full) = mem::take(run) else {
                    *run = carry.take();
                    break;
                };
                carry = merge(Some(full), carry);
            }
        }
        self.head.set(runs.into_iter().fold(None, merge));
    }
}

/// The chain of links that begins with `head`, which belongs to a list.
fn links(head: Option<NonNull<Link>>) -> impl Iterator<Item = NonNull<Link>> {
    // SAFETY: a block in the list begins with its link.
    core::iter::successors(head, |link| unsafe { link.read() }.next)
}

/// Joins two sorted chains of links, both ours, into one.
fn merge(mut left: Option<NonNull<Link>>, mut right: Option<NonNull<Link>>) -> Option<NonNull<Link>> {
    let mut first = None;
    let mut last: Option<NonNull<Link>> = None;
    while let Some(least) = take_least(&mut left, &mut right) {
        match last {
            // SAFETY: a link of ours, which leads to what came after it before.
            Some(last) => unsafe { last.write(Link { next: Some(least) }) },
            None => first = Some(least),
        }
        last = Some(least);
    }
    // The last of all was the last of its chain, so it leads nowhere.
    first
}

/// Takes the lower of two first links off its chain.
fn take_least(left: &mut Option<NonNull<Link>>, right: &mut Option<NonNull<Link>>) -> Option<NonNull<Link>> {
    let from = match (*left, *right) {
        (Some(a), Some(b)) if b < a => right,
        (None, _) => right,
        _ => left,
    };
    let least = (*from)?;
    // SAFETY: a link of ours.
    *from = unsafe { least.read() }.next;
    Some(least)
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;

    /// Memory for `N` blocks of one link each, and their addresses.
    struct Blocks<const N: usize>([Link; N]);

    impl<const N: usize> Blocks<N> {
        const fn new() -> Self {
            Self([Link { next: None }; N])
        }

        fn all(&mut self) -> [NonNull<u8>; N] {
            let first = NonNull::from(&mut self.0).cast::<Link>();
            // SAFETY: inside the array.
            core::array::from_fn(|index| unsafe { first.add(index) }.cast())
        }
    }

    #[test]
    fn the_last_block_in_is_the_first_out() {
        let mut memory = Blocks::<3>::new();
        let list = FreeList::new();
        let [a, b, c] = memory.all();
        for block in [a, b, c] {
            // SAFETY: room for a link, used by nobody else.
            unsafe { list.push(block) }
        }
        assert!(!list.is_empty());
        assert_eq!(list.iter().collect::<Vec<_>>(), [c, b, a]);
        assert_eq!([list.pop(), list.pop(), list.pop(), list.pop()], [Some(c), Some(b), Some(a), None]);
        assert!(list.is_empty());
    }

    #[test]
    fn a_cleared_list_has_forgotten_its_blocks() {
        let mut memory = Blocks::<1>::new();
        let list = FreeList::new();
        let [block] = memory.all();
        // SAFETY: room for a link, used by nobody else.
        unsafe { list.push(block) }
        list.clear();
        assert_eq!(list.pop(), None);
    }

    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    #[test]
    fn lists_are_put_before_one_another_and_exchanged() {
        let list = |blocks: &[NonNull<u8>]| {
            let list = FreeList::new();
            for &block in blocks.iter().rev() {
                // SAFETY: room for a link, used by nobody else.
                unsafe { list.push(block) }
            }
            list
        };
        let mut memory = Blocks::<4>::new();
        let [a, b, c, d] = memory.all();
        for (front, back) in [(&[][..], &[c, d][..]), (&[a, b], &[]), (&[a], &[c]), (&[a, b], &[c, d])] {
            let whole = list(back);
            whole.prepend(list(front));
            assert_eq!(whole.iter().collect::<Vec<_>>(), [front, back].concat());
            let other = FreeList::new();
            assert!(other.front().is_null());
            other.swap(&whole);
            assert!(whole.is_empty());
            assert_eq!(NonNull::new(other.front()), front.first().or(back.first()).copied());
        }
    }

    #[test]
    fn sorting_puts_every_order_in_order() {
        let mut memory = Blocks::<100>::new();
        let blocks = memory.all();
        for count in 0..=100 {
            for step in [1, 3, 37, 99] {
                let list = FreeList::new();
                // Steps that share no factor with 101 visit every index once.
                let order = (1..=100).map(|i| i * step % 101 - 1).filter(|&index| index < count);
                for index in order {
                    // SAFETY: room for a link, used by nobody else.
                    unsafe { list.push(blocks[index]) }
                }
                list.sort();
                assert_eq!(list.iter().collect::<Vec<_>>(), blocks[..count]);
            }
        }
    }
}
