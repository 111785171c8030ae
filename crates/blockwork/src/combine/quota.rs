//! [`Quota`]: a ceiling on the bytes that may be live at once.
//!
//! ```text
//! allocate(layout) ─► used + granted ≤ limit? ─ yes ─► parent.allocate(layout) ─ no ─► refund
//!                              └─────────────── no ──► Err(AllocError), parent untouched
//! ```
//!
//! | | |
//! |---|---|
//! | time | one grant, an add and a compare above the parent |
//! | space | one word per allocator, another for a limit that is a value; nothing per block |
//! | sharing | single-threaded (`Cell`): `.capped(limit).locked()` |
//! | failure | at the ceiling, or whenever the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! Bytes are counted as granted: that is what a request really takes, and it is
//! the same for every layout that fits a block, so the books balance whichever
//! comes back. A request is charged before the parent is asked and a block is
//! refunded after it has gone, so that never more than the limit is live below,
//! not even while the parent calls back.
//!
//! # A tree of quotas
//!
//! Quotas over a reference to a quota share what that one allows. A request is
//! charged to every quota on the way up or, when any of them refuses, to none.
//! Across threads, the shared one is `Locked`, and each thread has its own over a
//! reference to that.
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Quota, System};
//!
//! let program = Quota::new(System, 1000);
//! let (images, texts) = (Quota::new(&program, 800), Quota::new(&program, 800));
//!
//! let layout = Layout::new::<[u8; 600]>();
//! let image = images.allocate(layout)?;
//! assert!(texts.allocate(layout).is_err()); // 1200 for the program
//! assert_eq!((program.used(), images.used(), texts.used()), (600, 600, 0));
//! # // SAFETY: just allocated with this layout.
//! # unsafe { images.deallocate(image, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```
//!
//! When not to use it: above a strategy, to bound what that takes from the
//! system; put the quota under the strategy then. And below a fallback, which
//! serves what the quota refuses: to bound a composite, put it outermost.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, Const, Quota};
//!
//! let mut memory = [MaybeUninit::uninit(); 4096];
//! let quota = Quota::new(Buffer::new(&mut memory), Const::<1024>);
//!
//! assert!(quota.allocate(Layout::new::<[u8; 1025]>()).is_err());
//! assert!(quota.allocate(Layout::new::<[u8; 1024]>()).is_ok());
//! assert_eq!((quota.used(), quota.left()), (1024, 0));
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset},
    math::amount::Amount,
    os,
};

/// Caps the bytes that `A` may have live at once; see the [module](self).
#[derive(Debug)]
pub struct Quota<A, L: Amount = usize> {
    parent: A,
    limit: L,
    /// Sum of grants over live blocks, and over requests that the parent is
    /// being asked for. Invariant: `used <= limit`.
    used: Cell<usize>,
}

impl<A, L: Amount> Quota<A, L> {
    /// Caps `parent` at `limit` live bytes.
    pub const fn new(parent: A, limit: L) -> Self {
        Self { parent, limit, used: Cell::new(0) }
    }

    /// Bytes live now, as granted.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used.get()
    }

    /// The most bytes that may be live.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.get()
    }

    /// Bytes that may still be taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.limit().saturating_sub(self.used())
    }

    /// What is capped.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Takes `bytes` from what is left, if there are as many.
    #[inline]
    fn charge(&self, bytes: usize) -> Result<(), AllocError> {
        let used = self.used().checked_add(bytes).filter(|&used| used <= self.limit()).ok_or(AllocError)?;
        self.used.set(used);
        Ok(())
    }

    /// Gives back `bytes` that were charged.
    #[inline]
    fn refund(&self, bytes: usize) {
        os::check(bytes <= self.used(), "freed more bytes than were live");
        self.used.set(self.used().wrapping_sub(bytes));
    }

    /// Charges `bytes` while `request` runs, and for good if it succeeds.
    #[inline]
    fn charged<T>(&self, bytes: usize, request: impl FnOnce() -> Result<T, AllocError>) -> Result<T, AllocError> {
        self.charge(bytes)?;
        let outcome = request();
        if outcome.is_err() {
            self.refund(bytes);
        }
        outcome
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged, so they are valid,
// aligned and disjoint because `A`'s are; nothing here panics.
unsafe impl<A: Allocate, L: Amount> Allocate for Quota<A, L> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.charged(self.parent.granted(layout), || self.parent.allocate(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: from `A` (we never make blocks); the caller gives a layout
        // that fits it.
        unsafe { self.parent.deallocate(block, layout) }
        self.refund(self.parent.granted(layout));
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        let (before, after) = (self.parent.granted(old), self.parent.granted(new));
        self.charged(after.saturating_sub(before), || {
            // SAFETY: from `A` (we never make blocks); the caller says `old` fits it.
            unsafe { self.parent.resize(block, old, new) }
        })?;
        self.refund(before.saturating_sub(after));
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.charged(self.parent.granted(layout), || self.parent.allocate_zeroed(layout))
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns, L: Amount> Owns for Quota<A, L> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Reset, L: Amount> Reset for Quota<A, L> {
    fn reset(&mut self) {
        self.parent.reset();
        self.used.set(0);
    }
}

impl<A: Check, L: Amount> Check for Quota<A, L> {
    fn check(&self) -> Result<(), &'static str> {
        if self.used() > self.limit() {
            return Err("quota: more is used than the limit allows");
        }
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate, L: Amount] Quota<A, L>);

#[cfg(test)]
mod tests {
    use core::{array, mem::MaybeUninit};
    use heap::vec::Vec;

    use super::*;
    use crate::{
        alloc::reallocate,
        combine::{counted::Counted, testers::Rounding},
        math::amount::Const,
        source::{buffer::Buffer, null::Null, system::System},
        testing::Reentrant,
    };

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn the_ceiling_is_inclusive() {
        let mut memory = [MaybeUninit::uninit(); 65];
        let quota = Quota::new(Buffer::new(&mut memory), 64);
        assert_eq!(quota.allocate(bytes(65)), Err(AllocError));
        assert_eq!(quota.allocate_zeroed(bytes(65)), Err(AllocError));
        assert!(quota.allocate(bytes(64)).is_ok());
        assert_eq!((quota.used(), quota.left()), (64, 0));
    }

    #[test]
    fn a_limit_of_the_type_takes_no_space_and_holds_alike() {
        assert_eq!(size_of::<Quota<System, Const<8>>>(), size_of::<usize>());
        let mut memory = [MaybeUninit::uninit(); 64];
        let quota = Quota::new(Buffer::new(&mut memory), Const::<8>);
        assert_eq!(quota.limit(), 8);
        assert_eq!(quota.allocate(bytes(9)), Err(AllocError));
        assert!(quota.allocate(bytes(8)).is_ok());
    }

    #[test]
    fn a_refused_request_leaves_the_parent_untouched() {
        let parent = Counted::new(System);
        let quota = Quota::new(&parent, 8);
        assert_eq!(quota.allocate(bytes(9)), Err(AllocError));
        assert_eq!(quota.allocate_zeroed(bytes(9)), Err(AllocError));
        assert_eq!((parent.counts().requests, quota.used()), (0, 0));
    }

    #[test]
    fn a_request_that_the_parent_refuses_is_refunded() {
        let quota = Quota::new(Null, 8);
        assert_eq!(quota.allocate(bytes(8)), Err(AllocError));
        assert_eq!(quota.used(), 0);
        assert_eq!(quota.allocate_zeroed(bytes(8)), Err(AllocError));
        assert_eq!(quota.used(), 0);
    }

    #[test]
    fn freeing_gives_the_bytes_back() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let quota = Quota::new(Buffer::new(&mut memory), 64);
        let block = quota.allocate(bytes(40)).unwrap();
        assert_eq!((quota.used(), quota.left()), (40, 24));
        // SAFETY: just allocated with this layout, not freed before.
        unsafe { quota.deallocate(block, bytes(40)) };
        assert_eq!(quota.used(), 0);
    }

    #[test]
    fn a_resize_is_charged_or_refunded_by_the_difference() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let quota = Quota::new(Buffer::new(&mut memory), 32);
        let block = quota.allocate(bytes(16)).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { quota.resize(block, bytes(16), bytes(33)) }, Err(AllocError));
        assert_eq!(quota.used(), 16);
        // SAFETY: as above, since the resize was refused.
        assert_eq!(unsafe { quota.resize(block, bytes(16), bytes(32)) }, Ok(()));
        assert_eq!(quota.used(), 32);
        // SAFETY: resized to this layout.
        assert_eq!(unsafe { quota.resize(block, bytes(32), bytes(5)) }, Ok(()));
        assert_eq!(quota.used(), 5);
    }

    #[test]
    fn a_resize_that_the_parent_refuses_changes_nothing() {
        let mut memory = [MaybeUninit::uninit(); 16];
        let quota = Quota::new(Buffer::new(&mut memory), 64);
        let block = quota.allocate(bytes(16)).unwrap();
        for new in [bytes(17), bytes(0), Layout::from_size_align(8, 2).unwrap()] {
            // SAFETY: allocated with this layout, and resized to no other.
            assert_eq!(unsafe { quota.resize(block, bytes(16), new) }, Err(AllocError));
            assert_eq!(quota.used(), 16);
        }
    }

    #[test]
    fn any_layout_that_fits_balances_the_books() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let quota = Quota::new(Rounding(Buffer::new(&mut memory)), 64);
        let block = quota.allocate(bytes(5)).unwrap();
        assert_eq!(quota.used(), 16);
        // SAFETY: just allocated; this layout is of the same class.
        unsafe { quota.deallocate(block, bytes(12)) };
        assert_eq!(quota.used(), 0);
    }

    #[test]
    fn a_full_quota_serves_what_takes_nothing() {
        let quota = Quota::new(System, 0);
        let block = quota.allocate(bytes(0)).unwrap();
        // SAFETY: an empty block.
        unsafe { quota.deallocate(block, bytes(0)) };
        assert_eq!((quota.used(), quota.check()), (0, Ok(())));
    }

    #[test]
    fn a_reset_empties_the_books() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut quota = Quota::new(Buffer::new(&mut memory), 8);
        assert!(quota.allocate(bytes(8)).is_ok());
        quota.reset();
        assert_eq!(quota.used(), 0);
        assert!(quota.allocate(bytes(8)).is_ok());
    }

    #[test]
    fn no_sum_of_grants_overflows() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let quota = Quota::new(Buffer::new(&mut memory), usize::MAX);
        assert!(quota.allocate(bytes(1)).is_ok());
        assert!(quota.allocate(bytes(isize::MAX as usize)).is_err());
        assert_eq!(quota.used(), 1);
    }

    #[test]
    fn a_parent_that_calls_back_cannot_get_more_than_the_limit() {
        let parent = Reentrant::new(System);
        let quota = Quota::new(&parent, 100);
        let asked = Cell::new(0);
        let ask = || {
            asked.update(|asked| asked + 1);
            assert_eq!(quota.used(), 50, "charged before the parent is asked, refunded after it has the block");
            assert_eq!(quota.allocate(bytes(60)), Err(AllocError));
            let block = quota.allocate(bytes(30)).unwrap();
            // SAFETY: just allocated with this layout.
            unsafe { quota.deallocate(block, bytes(30)) };
        };
        let block = parent.during(&ask, || quota.allocate(bytes(50))).unwrap();
        // SAFETY: just allocated with this layout.
        parent.during(&ask, || unsafe { quota.deallocate(block, bytes(50)) });
        assert_eq!((asked.get(), quota.used()), (2, 0));
    }

    /// Blocks that a node of the tree holds.
    type Held = Vec<(NonNull<u8>, Layout)>;

    #[test]
    fn a_request_is_charged_to_every_ancestor_or_to_none() {
        // root 1000 ─┬─ left 600 ─┬─ twig 300
        //            │            └─ bud 400
        //            └─ right 700
        let system = Counted::new(Rounding(System));
        let root = Quota::new(&system, 1000);
        let (left, right) = (Quota::new(&root, 600), Quota::new(&root, 700));
        let (twig, bud) = (Quota::new(&left, 300), Quota::new(&left, 400));
        let nodes: [&dyn Allocate; 5] = [&root, &left, &right, &twig, &bud];
        let held: [Held; 5] = random_traffic(nodes, |held| {
            let own: [usize; 5] =
                array::from_fn(|node| held[node].iter().map(|&(_, layout)| layout.size().next_multiple_of(16)).sum());
            let under_left = own[1] + own[3] + own[4];
            assert_eq!((twig.used(), bud.used(), left.used()), (own[3], own[4], under_left));
            assert_eq!((right.used(), root.used()), (own[2], own[0] + own[2] + under_left));
            assert_eq!(system.counts().bytes_live, root.used());
            assert_eq!((twig.check(), bud.check(), right.check()), (Ok(()), Ok(()), Ok(())));
        });
        assert!(system.counts().requests > 1000);
        for (node, held) in nodes.into_iter().zip(held) {
            for (block, layout) in held {
                // SAFETY: live, of this node.
                unsafe { node.deallocate(block, layout) };
            }
        }
        assert_eq!([&root].map(Quota::used), [0]);
        assert_eq!([&left, &right].map(Quota::used), [0; 2]);
        assert_eq!([&twig, &bud].map(Quota::used), [0; 2]);
    }

    /// Random operations on the nodes; `audit` sees what they hold after each.
    /// Many must have been refused.
    fn random_traffic(nodes: [&dyn Allocate; 5], audit: impl Fn(&[Held; 5])) -> [Held; 5] {
        let mut held: [Held; 5] = Default::default();
        let mut random = 1_usize;
        let mut outcomes = Vec::new();
        for _ in 0..4000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [node, action, size] = [random >> 40, random >> 50, random >> 33].map(|bits| bits % 150);
            let (node, action, layout) = (node % 5, action % 3, bytes(size.max(1)));
            match held[node].pop() {
                Some((block, old)) if action == 0 => {
                    // SAFETY: live, of this node, with this layout.
                    unsafe { nodes[node].deallocate(block, old) };
                }
                Some((block, old)) if action == 1 => {
                    // SAFETY: live, of this node, with this layout.
                    let moved = unsafe { reallocate(nodes[node], block, old, layout) };
                    outcomes.push(moved.is_ok());
                    held[node].push(moved.map_or((block, old), |moved| (moved, layout)));
                }
                other => {
                    held[node].extend(other);
                    let block = nodes[node].allocate(layout);
                    outcomes.push(block.is_ok());
                    held[node].extend(block.map(|block| (block, layout)));
                }
            }
            audit(&held);
        }
        let refused = outcomes.iter().filter(|&&served| !served).count();
        assert!((100..outcomes.len() / 2).contains(&refused), "{refused} of {}", outcomes.len());
        held
    }
}
