//! What the parts are held against: the same work, written for one size.

pub mod around;
pub mod treiber;

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use blockwork::{Allocate, System};

/// A free list threaded through the blocks, newest first, and nothing else.
#[derive(Default)]
pub struct FreeList {
    head: Cell<Option<NonNull<Node>>>,
}

struct Node {
    next: Option<NonNull<Node>>,
}

impl FreeList {
    /// The newest block, if there is one.
    #[inline(always)]
    pub fn pop(&self) -> Option<NonNull<u8>> {
        let node = self.head.get()?;
        // SAFETY: `push` wrote a node there, and nobody has used it since.
        self.head.set(unsafe { node.as_ref() }.next);
        Some(node.cast())
    }

    /// Adds a block.
    ///
    /// # Safety
    ///
    /// - `block` has room for a pointer, is aligned for one, and nobody uses
    ///   it until it is popped.
    #[inline(always)]
    pub unsafe fn push(&self, block: NonNull<u8>) {
        let node = block.cast::<Node>();
        // SAFETY: the caller's promise.
        unsafe { node.write(Node { next: self.head.get() }) };
        self.head.set(Some(node));
    }
}

/// Bytes of a [`OneClass`] slab, and its alignment.
const SLAB_SIZE: usize = 64 << 10;

/// Slots of 64 bytes in size-aligned slabs found by mask, each with a free list
/// and a count that reaches zero when its owner wants to know: what a heap of
/// size classes does on its usual path, for one class.
pub struct OneClass {
    current: Cell<NonNull<Header>>,
}

struct Header {
    free: FreeList,
    countdown: Cell<usize>,
}

impl OneClass {
    /// One slab, all of it in the free list.
    #[expect(clippy::new_without_default, reason = "it takes memory that it never gives back")]
    pub fn new() -> Self {
        let layout = Layout::from_size_align(SLAB_SIZE, SLAB_SIZE).expect("a power of two");
        // Never freed: the process ends with the count.
        let slab = System.allocate(layout).expect("memory");
        let header = slab.cast::<Header>();
        // SAFETY: the slab begins with room for a header.
        unsafe { header.write(Header { free: FreeList::default(), countdown: Cell::new(0) }) };
        for offset in (64..SLAB_SIZE).step_by(64) {
            // SAFETY: inside the slab.
            let slot = unsafe { slab.add(offset) };
            // SAFETY: written above.
            let header = unsafe { header.as_ref() };
            // SAFETY: 64 unused bytes.
            unsafe { header.free.push(slot) };
        }
        Self { current: Cell::new(header) }
    }

    /// A slot, unless all are live.
    #[inline(always)]
    pub fn allocate(&self) -> Option<NonNull<u8>> {
        // SAFETY: valid since `new`.
        let header = unsafe { self.current.get().as_ref() };
        let slot = header.free.pop()?;
        header.countdown.set(header.countdown.get().wrapping_add(1));
        Some(slot)
    }

    /// Takes a slot back.
    ///
    /// # Safety
    ///
    /// - `slot` is live and came from this class.
    #[inline(always)]
    pub unsafe fn free(&self, slot: NonNull<u8>) {
        let offset = slot.addr().get() & (SLAB_SIZE - 1);
        // SAFETY: the slab's first byte.
        let header = unsafe { slot.sub(offset) }.cast::<Header>();
        // SAFETY: every slab begins with its header.
        let header = unsafe { header.as_ref() };
        // SAFETY: the caller gives the slot up.
        unsafe { header.free.push(slot) };
        let left = header.countdown.get().wrapping_sub(1);
        header.countdown.set(left);
        if left == 0 {
            settle();
        }
    }
}

/// What the owner of a slab does when the countdown is over.
#[cold]
#[inline(never)]
fn settle() {
    core::hint::black_box(());
}
