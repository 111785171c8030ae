//! [`Segregate`]: small requests to one allocator, large ones to another.
//!
//! ```text
//! layout ─► 0 < size ≤ boundary rounded down to the alignment? ─ yes ─► small
//!                                       └─────────────────────── no ──► large
//! ```
//!
//! The test looks at the alignment as well, because what is small but widely
//! aligned needs a large slot: a request goes to the small side when its size,
//! padded to its alignment, is within the boundary. All sizes with one grant
//! take the same side, so a block can be freed with any of them, which two more
//! rules see to: the small side grants no more than routes to it, and the large
//! side is asked for more than the boundary, whatever was asked.
//!
//! | | |
//! |---|---|
//! | time | one compare, none when the layout is constant |
//! | space | none, with a boundary in the type |
//! | sharing | as both sides |
//! | failure | when the side fails that the request belongs to; the other is not asked |
//! | passes on | [`Owns`], [`Reset`], where both sides have them; [`Relocate`] of the large side's blocks |
//!
//! When not to use it: to try one side and then the other, which is `Fallback`.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Const, Quad, Segregate, SizeClasses, SlabHead, SlabPolicy, System, UpTo};
//!
//! const SLABS: SlabPolicy<Const<65536>> = SlabPolicy { slab_size: Const, keep: 1 };
//! let small = SizeClasses::<Quad<2048>, SlabHead<_>, _>::try_new(System, SLABS)?;
//! let heap = Segregate::new(UpTo::<2048>, small, System);
//!
//! assert_eq!(heap.granted(Layout::new::<[u8; 2000]>()), 2048);
//! assert_eq!(heap.granted(Layout::new::<[u8; 2049]>()), 2049);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Relocate, Reset, can_resize, empty},
    math::{
        align::align_down,
        size_class::{Classes, last_byte},
    },
};

/// How large a request may be to count as small.
///
/// # Safety
///
/// - [`up_to`](Self::up_to) always answers the same for the same alignment,
///   for copies too.
/// - It answers the most for alignment 1.
/// - [`takes`](Self::takes) says just what follows from that.
pub unsafe trait Boundary: Clone {
    /// The largest size that is small when it has to be aligned to `align`;
    /// zero if none is.
    #[must_use]
    fn up_to(&self, align: usize) -> usize;

    /// Whether `layout` is small; size zero is not.
    ///
    /// The default asks [`up_to`](Self::up_to). Others say the same by what the
    /// small side finds out about the layout anyway.
    #[inline]
    #[must_use]
    fn takes(&self, layout: Layout) -> bool {
        // Size zero wraps to the greatest number.
        layout.size().wrapping_sub(1) < self.up_to(layout.align())
    }
}

/// Small is what takes at most `N` bytes when padded to its alignment.
///
/// [`UpTo::at`] takes the number at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpTo<const N: usize>;

/// What [`UpTo::at`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpToAt {
    size: usize,
}

impl UpTo<0> {
    /// A boundary of `size` bytes, known when the program runs.
    #[must_use]
    pub const fn at(size: usize) -> UpToAt {
        UpToAt { size }
    }
}

// SAFETY: a constant, rounded down.
unsafe impl<const N: usize> Boundary for UpTo<N> {
    #[inline]
    fn up_to(&self, align: usize) -> usize {
        UpTo::at(N).up_to(align)
    }

    #[inline]
    fn takes(&self, layout: Layout) -> bool {
        UpTo::at(N).takes(layout)
    }
}

// SAFETY: a number that never changes, rounded down.
unsafe impl Boundary for UpToAt {
    #[inline]
    fn up_to(&self, align: usize) -> usize {
        align_down(self.size, align)
    }

    #[inline]
    fn takes(&self, layout: Layout) -> bool {
        last_byte(layout) < self.size
    }
}

/// Small is what a class of `C` serves.
///
/// The same as `UpTo<{ C::MAX }>` where every multiple of an alignment is
/// followed by a class that is one, as in [`Quad`](crate::Quad) and
/// [`Pow2`](crate::Pow2); a list of sizes may leave gaps, and this knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within<C>(C);

impl<C> Within<C> {
    /// What a class of `classes` serves.
    pub const fn new(classes: C) -> Self {
        Self(classes)
    }
}

// SAFETY: a table that never changes; a class for some alignment is one for all below it.
unsafe impl<C: Classes> Boundary for Within<C> {
    #[inline]
    fn up_to(&self, align: usize) -> usize {
        self.0.max_aligned(align)
    }

    #[inline]
    fn takes(&self, layout: Layout) -> bool {
        self.0.of(layout) < self.0.count()
    }
}

/// Sends small requests to `S` and large ones to `L`; see the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Segregate<T, S, L> {
    boundary: T,
    small: S,
    large: L,
}

impl<T, S, L> Segregate<T, S, L> {
    /// Sends what is small by `boundary` to `small`, and the rest to `large`.
    ///
    /// `small` has to serve all that is small for requests not to fail.
    pub const fn new(boundary: T, small: S, large: L) -> Self {
        Self { boundary, small, large }
    }

    /// What serves the small requests.
    #[must_use]
    pub const fn small(&self) -> &S {
        &self.small
    }

    /// What serves the large requests.
    #[must_use]
    pub const fn large(&self) -> &L {
        &self.large
    }
}

/// A [`Segregate`] that has no large side yet.
#[derive(Clone, Copy, Debug)]
#[must_use = "it allocates nothing before `or_else` gives it a large side"]
pub struct SmallSide<T, S> {
    boundary: T,
    small: S,
}

impl<T, S> SmallSide<T, S> {
    /// Sends to `small` what is small by `boundary`.
    pub const fn new(boundary: T, small: S) -> Self {
        Self { boundary, small }
    }

    /// Sends the rest to `large`.
    pub fn or_else<L>(self, large: L) -> Segregate<T, S, L> {
        Segregate::new(self.boundary, self.small, large)
    }
}

impl<T: Boundary, S, L> Segregate<T, S, L> {
    /// What the large side is asked for: more than the boundary, so that the
    /// block is still large when all that is known of it is its size.
    #[inline]
    fn inner_large(&self, layout: Layout) -> Result<Layout, AllocError> {
        let boundary = self.boundary.up_to(1);
        if layout.size() > boundary {
            return Ok(layout);
        }
        Layout::from_size_align(boundary.saturating_add(1), layout.align()).map_err(|_| AllocError)
    }
}

// SAFETY: which side a layout takes is the same for all sizes of a class: on
// the small side grants are clamped to what takes it, and on the large side they
// are above everything that does not. So each side gets back what it gave, with
// a layout of the class it was asked for; nothing here panics.
unsafe impl<T: Boundary, S: Allocate, L: Allocate> Allocate for Segregate<T, S, L> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if self.boundary.takes(layout) {
            self.small.allocate(layout)
        } else if layout.size() == 0 {
            Ok(empty(layout))
        } else {
            self.large.allocate(self.inner_large(layout)?)
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if self.boundary.takes(layout) {
            // SAFETY: small layouts of a class are of one class there, too.
            unsafe { self.small.deallocate(block, layout) }
        } else if layout.size() != 0
            && let Ok(inner) = self.inner_large(layout)
        {
            // SAFETY: what the large side was asked for, or of the same class.
            unsafe { self.large.deallocate(block, inner) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        if self.boundary.takes(layout) {
            self.small.granted(layout).min(self.boundary.up_to(layout.align()))
        } else if layout.size() == 0 {
            0
        } else {
            self.inner_large(layout).map_or(layout.size(), |inner| self.large.granted(inner))
        }
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        match (self.boundary.takes(old), self.boundary.takes(new)) {
            // SAFETY: the small side gave it; `old` is of the class it was asked for.
            (true, true) => unsafe { self.small.resize(block, old, new) },
            (false, false) => {
                let (old, new) = (self.inner_large(old)?, self.inner_large(new)?);
                // SAFETY: as above, for the large side.
                unsafe { self.large.resize(block, old, new) }
            }
            _ => Err(AllocError),
        }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if self.boundary.takes(layout) {
            self.small.allocate_zeroed(layout)
        } else if layout.size() == 0 {
            Ok(empty(layout))
        } else {
            self.large.allocate_zeroed(self.inner_large(layout)?)
        }
    }
}

crate::alloc::bridge!([T: Boundary, S: Allocate, L: Allocate] Segregate<T, S, L>);

// SAFETY: a block of ours was given by the side that its layout takes, and that
// side's answer is exact.
unsafe impl<T: Boundary, S: Owns, L: Owns> Owns for Segregate<T, S, L> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        if self.boundary.takes(layout) {
            self.small.owns(block, layout)
        } else {
            self.inner_large(layout).is_ok_and(|inner| self.large.owns(block, inner))
        }
    }
}

// SAFETY: a block of the large side that remains one.
unsafe impl<T: Boundary, S: Allocate, L: Relocate> Relocate for Segregate<T, S, L> {
    unsafe fn relocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        let is_large = |layout: Layout| layout.size() != 0 && !self.boundary.takes(layout);
        if !is_large(old) || !is_large(new) {
            return Err(AllocError);
        }
        // SAFETY: the caller's promise; what the large side was asked for, or of the
        // same class.
        unsafe { self.large.relocate(block, self.inner_large(old)?, self.inner_large(new)?) }
    }
}

impl<T, S: Reset, L: Reset> Reset for Segregate<T, S, L> {
    fn reset(&mut self) {
        self.small.reset();
        self.large.reset();
    }
}

impl<T, S: Check, L: Check> Check for Segregate<T, S, L> {
    fn check(&self) -> Result<(), &'static str> {
        self.small.check()?;
        self.large.check()
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::{
        math::size_class::{Initial, Listed, Pow2, Sizes},
        source::buffer::Buffer,
        strategy::ledger::Ledger,
    };

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Every size up to thrice `max` with every alignment up to 8192.
    fn grid(max: usize) -> impl Iterator<Item = Layout> {
        (0..14).flat_map(move |log| (0..=max.wrapping_mul(3)).map(move |size| layout(size, 1 << log)))
    }

    /// Goes through the grid and compares grants and routes with the laws, with
    /// sides of these grains.
    fn keeps_the_laws(boundary: impl Boundary, max: usize, small: usize, large: usize) {
        let heap = Segregate::new(boundary, Ledger::with_grain(small), Ledger::with_grain(large));
        let mut last = layout(0, 1);
        let mut last_grant = 0;
        for layout in grid(max) {
            let grant = heap.granted(layout);
            assert!(grant >= layout.size() && (grant == 0) == (layout.size() == 0), "{layout:?}");
            let whole = Layout::from_size_align(grant, layout.align()).unwrap();
            assert_eq!(heap.granted(whole), grant, "idempotent: {layout:?}");
            assert!(last.align() != layout.align() || last_grant <= grant, "monotone: {layout:?}");
            assert_eq!(heap.boundary.takes(whole), heap.boundary.takes(layout), "one route: {layout:?}");
            let side = |sides: &Segregate<_, Ledger, Ledger>| (sides.small.blocks(), sides.large.blocks());
            let block = heap.allocate(layout).unwrap();
            let expected = usize::from(layout.size() != 0);
            assert_eq!(side(&heap), if heap.boundary.takes(layout) { (expected, 0) } else { (0, expected) });
            // SAFETY: just allocated; the whole grant is of its class.
            unsafe { heap.deallocate(block, whole) };
            assert_eq!(side(&heap), (0, 0));
            (last, last_grant) = (layout, grant);
        }
    }

    #[test]
    fn routes_and_grants_keep_the_laws_for_every_size_and_alignment() {
        keeps_the_laws(UpTo::<1024>, 1024, 1, 1);
        keeps_the_laws(UpTo::at(1000), 1000, 112, 1);
        keeps_the_laws(UpTo::at(1000), 1000, 16, 4096);
        keeps_the_laws(UpTo::<100>, 100, 48, 100);
        keeps_the_laws(Within::new(Pow2::<16, 512>), 512, 1, 64);
        keeps_the_laws(UpTo::at(0), 64, 1, 1);
    }

    #[derive(Clone, Copy, Debug, Default)]
    struct Gaps;

    impl Sizes for Gaps {
        const SIZES: &'static [usize] = &[16, 48, 200];
        type PerSize<T: Initial> = [T; 3];
    }

    #[test]
    fn a_table_with_gaps_sends_away_what_it_cannot_align() {
        keeps_the_laws(Within::new(Listed::<Gaps>::new()), 200, 1, 1);
        let heap = Segregate::new(Within::new(Listed::<Gaps>::new()), Ledger::new(), Ledger::new());
        assert!(heap.boundary.takes(layout(200, 8)));
        assert!(heap.boundary.takes(layout(48, 16)));
        assert!(!heap.boundary.takes(layout(49, 16)));
        assert!(!heap.boundary.takes(layout(16, 32)));
    }

    #[test]
    fn boundaries_in_types_and_in_values_agree() {
        let (typed, valued) = (UpTo::<1000>, UpTo::at(1000));
        for align in (0..usize::BITS).map(|log| 1 << log) {
            assert_eq!(typed.up_to(align), valued.up_to(align));
            for size in (0..=3000).filter(|size| Layout::from_size_align(*size, align).is_ok()) {
                let layout = layout(size, align);
                let is_small = size != 0 && size <= valued.up_to(align);
                assert_eq!((typed.takes(layout), valued.takes(layout)), (is_small, is_small), "{layout:?}");
            }
        }
        assert_eq!(size_of::<Segregate<UpTo<1000>, (), ()>>(), 0);
    }

    #[test]
    fn what_is_small_but_widely_aligned_is_large() {
        let heap = Segregate::new(UpTo::<1024>, Ledger::new(), Ledger::new());
        let wide = layout(16, 2048);
        let block = heap.allocate(wide).unwrap();
        assert_eq!(heap.large.layouts(), [layout(1025, 2048)]);
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(block, wide) };
    }

    #[test]
    fn a_large_block_is_large_by_its_size_alone() {
        let heap = Segregate::new(UpTo::<8192>, Ledger::new(), Ledger::with_grain(4096));
        let grant = heap.granted(layout(16, 16384));
        assert!(!heap.boundary.takes(layout(grant, 1)), "{grant}");
    }

    #[test]
    fn an_empty_request_asks_nobody() {
        let heap = Segregate::new(UpTo::<64>, Ledger::new(), Ledger::new());
        let block = heap.allocate(layout(0, 32)).unwrap();
        assert_eq!(block.addr().get(), 32);
        // SAFETY: an empty block of this allocator.
        unsafe { heap.deallocate(block, layout(0, 32)) };
        assert!(heap.allocate_zeroed(layout(0, 32)).is_ok());
        assert_eq!((heap.small.requests(), heap.large.requests()), (0, 0));
    }

    #[test]
    fn a_block_is_resized_on_its_side_and_never_across() {
        let heap = Segregate::new(UpTo::<64>, Ledger::with_grain(32), Ledger::with_grain(128));
        let small = heap.allocate(layout(33, 1)).unwrap();
        // SAFETY: just allocated with this layout; refused, so unchanged.
        assert_eq!(unsafe { heap.resize(small, layout(33, 1), layout(65, 1)) }, Err(AllocError));
        // SAFETY: as above.
        assert_eq!(unsafe { heap.resize(small, layout(33, 1), layout(60, 1)) }, Ok(()));
        // SAFETY: just resized to this layout.
        unsafe { heap.deallocate(small, layout(60, 1)) };
        let large = heap.allocate(layout(65, 1)).unwrap();
        // SAFETY: just allocated with this layout; refused, so unchanged.
        assert_eq!(unsafe { heap.resize(large, layout(65, 1), layout(64, 1)) }, Err(AllocError));
        // SAFETY: as above.
        assert_eq!(unsafe { heap.resize(large, layout(65, 1), layout(100, 1)) }, Ok(()));
        // SAFETY: just resized to this layout.
        unsafe { heap.deallocate(large, layout(100, 1)) };
    }

    #[test]
    fn a_side_that_fails_is_not_helped_by_the_other() {
        let heap = Segregate::new(UpTo::<64>, Ledger::new(), Ledger::new());
        heap.small.fail_after(0);
        assert_eq!(heap.allocate(layout(64, 1)), Err(AllocError));
        assert_eq!(heap.large.requests(), 0);
    }

    #[test]
    fn no_boundary_is_too_large_and_no_size_overflows() {
        for boundary in [usize::MAX, isize::MAX as usize, isize::MAX as usize - 1] {
            let heap = Segregate::new(UpTo::at(boundary), Ledger::new(), Ledger::new());
            let most = layout(isize::MAX as usize, 1);
            assert_eq!(heap.granted(most), most.size());
            heap.small.fail_after(0);
            heap.large.fail_after(0);
            assert_eq!(heap.allocate(most), Err(AllocError));
            assert_eq!(heap.allocate(layout(8, 1 << 62)), Err(AllocError));
        }
    }

    #[test]
    fn the_side_that_gave_a_block_owns_it() {
        let (mut near, mut far) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 128]);
        let mut heap = Segregate::new(UpTo::<64>, Buffer::new(&mut near), Buffer::new(&mut far));
        let small = heap.allocate(layout(64, 1)).unwrap();
        let large = heap.allocate(layout(65, 1)).unwrap();
        assert!(heap.owns(small, layout(64, 1)) && heap.owns(large, layout(65, 1)));
        assert!(!heap.owns(small, layout(65, 1)) && !heap.owns(large, layout(64, 1)));
        heap.reset();
        assert_eq!(heap.allocate(layout(64, 1)), Ok(small));
        assert_eq!(heap.check(), Ok(()));
    }
}
