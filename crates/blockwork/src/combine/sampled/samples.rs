//! The live samples of [`Sampled`](super::Sampled), found by address.
//!
//! ```text
//! buckets ─► [ · │ ● │ · │ ● ]      a power of two, doubled before chains grow long
//!                  ▼       ▼
//!                node    node ─► node
//! ```
//!
//! All of it is memory of the parent, which each method is given. The parent may
//! call back: it is only asked while the table is whole.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{DEPTH, Sample};
use crate::alloc::Allocate;

/// A sample and the next in its bucket.
struct Node {
    next: Cell<Link>,
    address: usize,
    size: Cell<usize>,
    sample: Sample,
}

type Link = Option<NonNull<Node>>;

/// Samples per bucket, on average, before there are more buckets.
const LOAD: usize = 2;
/// Buckets at first.
const FIRST: usize = 64;

/// A table of samples; empty and without memory at first.
pub(crate) struct Samples {
    /// Dangling while there are none.
    buckets: Cell<NonNull<Cell<Link>>>,
    /// 0, or a power of two.
    count: Cell<usize>,
    live: Cell<usize>,
}

// SAFETY: nodes and buckets are reached through this alone.
unsafe impl Send for Samples {}

impl Samples {
    pub(crate) const fn new() -> Self {
        Self { buckets: Cell::new(NonNull::dangling()), count: Cell::new(0), live: Cell::new(0) }
    }

    /// How many there are.
    #[inline]
    pub(crate) const fn live(&self) -> usize {
        self.live.get()
    }

    /// Forgets all samples and buckets, whose memory has ended with the
    /// parent's.
    pub(crate) fn abandon(&mut self) {
        *self = Self::new();
    }

    fn buckets(&self) -> &[Cell<Link>] {
        let buckets = self.buckets.get();
        // SAFETY: so many are there, initialised; a new array is only put in
        // place by `grow`, which holds no slice meanwhile.
        unsafe { core::slice::from_raw_parts(buckets.as_ptr(), self.count.get()) }
    }

    /// The bucket of an address; none while there are no buckets.
    #[inline]
    fn bucket(&self, address: usize) -> Option<&Cell<Link>> {
        let buckets = self.buckets();
        // The golden ratio spreads neighbours far apart; its top bits are the best.
        let mixed = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        buckets.get(usize::try_from(mixed).unwrap_or(0) & buckets.len().wrapping_sub(1))
    }

    /// What is known of the block at `block`.
    #[inline]
    pub(crate) fn find(&self, block: NonNull<u8>) -> Option<&Cell<usize>> {
        let address = block.addr().get();
        let mut link = self.bucket(address)?.get();
        while let Some(node) = link {
            // SAFETY: linked, so it is live.
            let node = unsafe { node.as_ref() };
            if node.address == address {
                return Some(&node.size);
            }
            link = node.next.get();
        }
        None
    }

    /// Enters a block. `false` if the parent has no memory for that.
    pub(crate) fn insert(&self, parent: &impl Allocate, block: NonNull<u8>, size: usize, sample: Sample) -> bool {
        let wanted = self.count.get().max(FIRST / 2).saturating_mul(2);
        if self.live.get() >= self.count.get().saturating_mul(LOAD) {
            // Without more buckets it takes longer, that is all.
            self.grow(parent, wanted);
        }
        if self.count.get() == 0 {
            return false;
        }
        let Ok(memory) = parent.allocate(Layout::new::<Node>()) else { return false };
        let address = block.addr().get();
        let Some(bucket) = self.bucket(address) else { return false };
        let node = memory.cast::<Node>();
        let value = Node { next: Cell::new(bucket.get()), address, size: Cell::new(size), sample };
        // SAFETY: fresh memory of this layout.
        unsafe { node.write(value) };
        bucket.set(Some(node));
        self.live.set(self.live.get().wrapping_add(1));
        true
    }

    /// Forgets a block, if it is known.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every sample was entered with.
    #[inline]
    pub(crate) unsafe fn remove(&self, parent: &impl Allocate, block: NonNull<u8>) {
        let address = block.addr().get();
        let Some(mut place) = self.bucket(address) else { return };
        while let Some(node) = place.get() {
            // SAFETY: linked, so it is live.
            let found = unsafe { node.as_ref() };
            if found.address == address {
                place.set(found.next.get());
                self.live.set(self.live.get().wrapping_sub(1));
                // SAFETY: from `parent` with this layout, and linked no more.
                unsafe { parent.deallocate(node.cast(), Layout::new::<Node>()) };
                return;
            }
            place = &found.next;
        }
    }

    /// Hands out all samples with their sizes.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize, &Sample)) {
        for bucket in self.buckets() {
            let mut link = bucket.get();
            while let Some(node) = link {
                // SAFETY: linked, so it is live.
                let node = unsafe { node.as_ref() };
                each(node.size.get(), &node.sample);
                link = node.next.get();
            }
        }
    }

    /// Copies samples to the front of `room`; how many.
    pub(crate) fn copy(&self, room: &mut [Sample]) -> usize {
        let (mut places, mut copied) = (room.iter_mut(), 0_usize);
        self.for_each(|size, sample| {
            if let Some(place) = places.next() {
                *place = Sample { size, ..*sample };
                copied = copied.wrapping_add(1); // no more than the room has
            }
        });
        copied
    }

    /// Gives everything back.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every sample was entered with.
    pub(crate) unsafe fn clear(&mut self, parent: &impl Allocate) {
        for bucket in self.buckets() {
            while let Some(node) = bucket.get() {
                // SAFETY: linked, so it is live.
                bucket.set(unsafe { node.as_ref() }.next.get());
                // SAFETY: from `parent` with this layout, and linked no more.
                unsafe { parent.deallocate(node.cast(), Layout::new::<Node>()) };
            }
        }
        let (old, count) = (self.buckets.get(), self.count.get());
        self.abandon();
        // SAFETY: the caller's promise; nobody knows the array any more.
        unsafe { free_buckets(parent, old, count) };
    }

    /// Takes `count` buckets and links every node anew.
    #[cold]
    fn grow(&self, parent: &impl Allocate, count: usize) {
        let Ok(layout) = Layout::array::<Cell<Link>>(count) else { return };
        let Ok(memory) = parent.allocate(layout) else { return };
        let memory = memory.cast::<Cell<Link>>();
        for index in 0..count {
            // SAFETY: within the array.
            let place = unsafe { memory.add(index) };
            // SAFETY: fresh memory of ours.
            unsafe { place.write(Cell::new(None)) };
        }
        if self.count.get() >= count {
            // The parent called back, and that has grown the table already.
            // SAFETY: from `parent`, and nobody knows it.
            unsafe { free_buckets(parent, memory, count) };
            return;
        }
        let (old, old_count) = (self.buckets.replace(memory), self.count.replace(count));
        for index in 0..old_count {
            // SAFETY: within the old array.
            let bucket = unsafe { old.add(index) };
            // SAFETY: initialised, and ours alone by now.
            let mut link = unsafe { bucket.as_ref() }.get();
            while let Some(node) = link {
                // SAFETY: linked until now, so it is live.
                let node_ref = unsafe { node.as_ref() };
                link = node_ref.next.get();
                if let Some(bucket) = self.bucket(node_ref.address) {
                    node_ref.next.set(bucket.replace(Some(node)));
                }
            }
        }
        // SAFETY: from `parent`, and nobody knows it any more.
        unsafe { free_buckets(parent, old, old_count) };
    }

    /// Walks all chains.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let mut nodes = 0_usize;
        for bucket in self.buckets() {
            let mut link = bucket.get();
            while let Some(node) = link {
                // SAFETY: linked, so it is live.
                let node = unsafe { node.as_ref() };
                if !self.bucket(node.address).is_some_and(|home| core::ptr::eq(home, bucket)) {
                    return Err("sampled: a sample is in another's bucket");
                }
                if node.size.get() == 0 || usize::from(node.sample.depth) > DEPTH {
                    return Err("sampled: an impossible sample");
                }
                nodes = nodes.wrapping_add(1);
                link = node.next.get();
            }
        }
        if nodes == self.live.get() { Ok(()) } else { Err("sampled: the count of samples is wrong") }
    }
}

/// Gives an array of buckets back, if there is one.
///
/// # Safety
///
/// - It is from `parent`, and has `count` buckets.
unsafe fn free_buckets(parent: &impl Allocate, buckets: NonNull<Cell<Link>>, count: usize) {
    if count != 0
        && let Ok(layout) = Layout::array::<Cell<Link>>(count)
    {
        // SAFETY: the caller's promise; the layout is that of the request.
        unsafe { parent.deallocate(buckets.cast(), layout) };
    }
}
