//! [`SizeClasses`]: one strategy per class of sizes, all over one parent.
//!
//! ```text
//! layout ─► class ─► heads [ 16 | 32 | 48 | 64 | 80 | … ]
//!                                  │
//!                               strategy for 48 bytes ─► parent
//! ```
//!
//! The table is a type, [`Quad`](crate::Quad), [`Pow2`](crate::Pow2) or one's
//! own [`Listed`](crate::Listed), and decides alignment as well as size: a class
//! serves what it is a multiple of. Beyond the table nothing is served; what is
//! larger belongs elsewhere, as [`Segregate`](super::segregate::Segregate) does it.
//!
//! | | |
//! |---|---|
//! | time | that of the strategy; a few shifts when the layout is not constant |
//! | space | one head per class: eight words each for slabs, six for block pools |
//! | sharing | as the strategy: slabs and block pools are single-threaded |
//! | failure | beyond the table, or when the parent has nothing to give |
//! | offers | [`Reset`] |
//!
//! Made of [slabs](crate::SlabHead), a class gives slabs back as they empty, and a
//! block finds its slab by itself. Made of [block pools](crate::BlockPoolHead) it
//! has no header and wants no large alignments, a block whose layout is constant
//! is freed in four instructions, and chunks go back at a
//! [`trim`](SizeClasses::trim).
//!
//! When not to use it: for one or two sizes, where a pool each wastes nothing;
//! and every class in use holds a slab of its own, so a program of a few hundred
//! small blocks is better off with small slabs.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Const, Quad, SizeClasses, SlabHead, SlabPolicy, System};
//!
//! const SLABS: SlabPolicy<Const<65536>> = SlabPolicy { slab_size: Const, keep: 1 };
//! let heap = SizeClasses::<Quad<2048>, SlabHead<_>, _>::try_new(System, SLABS)?;
//!
//! let layout = Layout::new::<[u8; 100]>();
//! assert_eq!(heap.granted(layout), 112);
//! let block = heap.allocate(layout)?;
//! // SAFETY: just allocated with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! assert!(heap.allocate(Layout::new::<[u8; 2049]>()).is_err());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::{alloc::Layout, fmt, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Census, Check, ConfigError, Head, Reset, Valid, empty},
    math::size_class::{Array, Classes, Initial, KnownClasses},
    os::{self, track},
};

/// A head `K` for each class of `C`, over one `A`; see the [module](self).
pub struct SizeClasses<C: Classes, K: Head, A: Allocate> {
    /// By class.
    heads: C::PerClass<K>,
    classes: C,
    config: K::Config,
    parent: A,
}

impl<C: KnownClasses, K: Head, A: Allocate> SizeClasses<C, K, A> {
    /// Serves the classes of `C` from what `parent` gives; takes nothing yet.
    ///
    /// A slab size that is part of the type and too small for the largest class
    /// does not compile. Of one that is not, the classes that do not fit are
    /// never served; [`try_new`](Self::try_new) says so.
    pub const fn new(parent: A, config: Valid<K::Config>) -> Self {
        Self::with_table(parent, C::TABLE, config)
    }

    /// As [`new`](Self::new), with `config` checked against every class first.
    ///
    /// # Errors
    ///
    /// The first rule of the configuration that does not hold.
    pub fn try_new(parent: A, config: K::Config) -> Result<Self, ConfigError> {
        Self::try_with_table(parent, C::TABLE, config)
    }
}

impl<C: Classes, K: Head, A: Allocate> SizeClasses<C, K, A> {
    /// As [`new`](Self::new), with a table that may be a value.
    pub const fn with_table(parent: A, classes: C, config: Valid<K::Config>) -> Self {
        const {
            if let Some(max) = C::KNOWN_MAX {
                assert!(max <= K::SLOT_MAX, "the largest class does not fit");
            }
        }
        Self { heads: C::PerClass::<K>::INITIAL, classes, config: config.get(), parent }
    }

    /// As [`try_new`](Self::try_new), with a table that may be a value.
    ///
    /// # Errors
    ///
    /// The first rule of the configuration that does not hold.
    pub fn try_with_table(parent: A, classes: C, config: K::Config) -> Result<Self, ConfigError> {
        K::validate(config, classes.max())?;
        Ok(Self { heads: C::PerClass::<K>::INITIAL, classes, config, parent })
    }

    /// Where the heads' memory comes from.
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// The same, changeable, for whoever has released everything.
    pub(crate) const fn parent_mut(&mut self) -> &mut A {
        &mut self.parent
    }

    /// Gives back what the heads keep without need.
    pub fn trim(&self) {
        for (class, head) in self.heads().enumerate() {
            // SAFETY: always this parent, this configuration, and for each head
            // the size of its class.
            unsafe { head.trim(&self.parent, self.config, self.classes.size(class)) }
        }
    }

    /// The heads, by class.
    fn heads(&self) -> impl Iterator<Item = &K> {
        self.heads.as_slice().iter().take(self.classes.count())
    }

    /// The head of `class`, if there is such a class.
    #[inline]
    fn head(&self, class: usize) -> Option<&K> {
        if class < self.classes.count() { self.heads.as_slice().get(class) } else { None }
    }

    /// Lets a head file what became of the freed `block`.
    ///
    /// # Safety
    ///
    /// - `Head::free` of `block`, which `layout` fitted, has just asked for it.
    #[cold]
    unsafe fn settle(&self, block: NonNull<u8>, layout: Layout) {
        let class = self.classes.of(layout);
        os::check(class < self.classes.count(), "freed with a layout that was never served");
        if let Some(head) = self.head(class) {
            // SAFETY: as ever; the block was served by the head of its class.
            unsafe { head.settle(&self.parent, self.config, self.classes.size(class), block) }
        }
    }

    fn release(&mut self) {
        let Self { heads, classes, config, parent } = self;
        for (class, head) in heads.as_mut_slice().iter_mut().enumerate().take(classes.count()) {
            // SAFETY: always this parent, this configuration, and for each head
            // the size of its class.
            unsafe { head.release(parent, *config, classes.size(class)) }
        }
    }
}

// SAFETY: each layout goes to the head of its class, always the same for all
// sizes of the class, whose blocks have the class's size, and its alignment,
// which is a multiple of the layout's; a head keeps the contract as long as what
// it is given is as ever; grants are the class; nothing here panics.
unsafe impl<C: Classes, K: Head, A: Allocate> Allocate for SizeClasses<C, K, A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let class = self.classes.of(layout);
        match self.head(class) {
            Some(head) => {
                let size = self.classes.size(class);
                // SAFETY: always this parent, this configuration, and for each head
                // the size of its class.
                let outcome = unsafe { head.allocate(&self.parent, self.config, size) };
                if track::ON
                    && let Ok(block) = outcome
                {
                    track::show(block, size);
                }
                outcome
            }
            None if layout.size() == 0 => Ok(empty(layout)),
            None => Err(AllocError),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        if track::ON {
            track::hide(block, self.granted(layout));
        }
        let head = || {
            let class = self.classes.of(layout);
            os::check(class < self.classes.count(), "freed with a layout that was never served");
            // SAFETY: the caller says that the layout fits a block of ours, so it
            // has a class, as it had when it was served.
            unsafe { self.heads.as_slice().get_unchecked(class) }
        };
        // SAFETY: the caller says that the block is live and ours: of the head
        // of its class.
        if unsafe { K::free(head, self.config, block) } {
            // SAFETY: `free` has just said so.
            unsafe { self.settle(block, layout) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.classes.round(layout).unwrap_or(layout.size())
    }
}

crate::alloc::bridge!([C: Classes, K: Head, A: Allocate] SizeClasses<C, K, A>);

impl<C: Classes, K: Head, A: Allocate> Drop for SizeClasses<C, K, A> {
    fn drop(&mut self) {
        self.release();
    }
}

impl<C: Classes, K: Head, A: Allocate> Reset for SizeClasses<C, K, A> {
    fn reset(&mut self) {
        self.release();
    }
}

impl<C: Classes, K: Head, A: Allocate> Census for SizeClasses<C, K, A> {
    fn blocks_out(&self) -> usize {
        let out = |(class, head): (usize, &K)| head.blocks_out(&self.parent, self.config, self.classes.size(class));
        self.heads().enumerate().map(out).sum()
    }
}

impl<C: Classes, K: Head, A: Allocate + Check> Check for SizeClasses<C, K, A> {
    fn check(&self) -> Result<(), &'static str> {
        self.heads()
            .enumerate()
            .try_for_each(|(class, head)| head.check(&self.parent, self.config, self.classes.size(class)))?;
        self.parent.check()
    }
}

impl<C: Classes, K: Head + fmt::Debug, A: Allocate + fmt::Debug> fmt::Debug for SizeClasses<C, K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { heads, classes, config: _, parent } = self;
        f.debug_struct("SizeClasses")
            .field("classes", classes)
            .field("heads", &heads.as_slice())
            .field("parent", parent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::{
        math::{
            amount::Const,
            size_class::{Listed, Pow2, Quad, Sizes},
        },
        source::null::Null,
        strategy::{
            block_pool::{BlockPoolHead, BlockPoolPolicy, ChunkSize},
            ledger::Ledger,
            slab::{SlabHead, SlabPolicy},
        },
    };

    #[derive(Clone, Copy, Debug, Default)]
    struct Nodes;

    impl Sizes for Nodes {
        const SIZES: &'static [usize] = &[24, 48, 200, 1000];
        type PerSize<T: Initial> = [T; 4];
    }

    const SLABS: SlabPolicy<Const<4096>> = SlabPolicy { slab_size: Const, keep: 1 };

    type Small<'a, C> = SizeClasses<C, SlabHead<Const<4096>>, &'a Ledger>;

    fn small<C: KnownClasses>(parent: &Ledger) -> Small<'_, C> {
        SizeClasses::try_new(parent, SLABS).unwrap()
    }

    /// Every size up to thrice `max` with every alignment up to 8192.
    fn grid(max: usize) -> impl Iterator<Item = Layout> {
        (0..14).flat_map(move |log| {
            (0..=max.wrapping_mul(3)).map(move |size| Layout::from_size_align(size, 1 << log).unwrap())
        })
    }

    fn grants_lawfully<C: KnownClasses>() {
        let (parent, classes) = (Ledger::new(), C::TABLE);
        let heap = small::<C>(&parent);
        let mut last = Layout::new::<()>();
        let mut last_grant = 0;
        for layout in grid(classes.max()) {
            let grant = heap.granted(layout);
            assert!(grant >= layout.size() && (grant == 0) == (layout.size() == 0));
            let class = classes.of(layout);
            assert_eq!(grant, if class < classes.count() { classes.size(class) } else { layout.size() }, "{layout:?}");
            let whole = Layout::from_size_align(grant, layout.align()).unwrap();
            assert_eq!(heap.granted(whole), grant, "idempotent: {layout:?}");
            assert!(last.align() != layout.align() || last_grant <= grant, "monotone: {layout:?}");
            assert!(class >= classes.count() || classes.of(whole) == class, "one class: {layout:?}");
            (last, last_grant) = (layout, grant);
        }
    }

    #[test]
    fn grants_keep_the_laws_for_every_size_and_alignment() {
        grants_lawfully::<Quad<1024>>();
        grants_lawfully::<Pow2<8, 2048>>();
        grants_lawfully::<Listed<Nodes>>();
    }

    fn serves_aligned<C: KnownClasses>() {
        let (parent, classes) = (Ledger::new(), C::TABLE);
        let heap = small::<C>(&parent);
        for layout in grid(classes.max()) {
            let served = heap.allocate(layout);
            let serves = layout.size() == 0 || classes.of(layout) < classes.count();
            assert_eq!(served.is_ok(), serves, "{layout:?}");
            if let Ok(block) = served {
                assert!(block.addr().get().is_multiple_of(layout.align()), "{layout:?}");
                let whole = Layout::from_size_align(heap.granted(layout), layout.align()).unwrap();
                // SAFETY: as many bytes are granted.
                unsafe { block.write_bytes(0xA5, whole.size()) };
                // SAFETY: just allocated; the whole grant is of its class.
                unsafe { heap.deallocate(block, whole) };
            }
        }
        assert_eq!(heap.check(), Ok(()));
    }

    #[test]
    fn whatever_a_class_is_a_multiple_of_is_served_aligned() {
        serves_aligned::<Quad<1024>>();
        serves_aligned::<Pow2<8, 2048>>();
        serves_aligned::<Listed<Nodes>>();
    }

    #[test]
    fn sizes_beyond_the_table_are_errors() {
        let parent = Ledger::new();
        let heap = small::<Quad<1024>>(&parent);
        for size in [1025, 4096, isize::MAX as usize] {
            let layout = Layout::from_size_align(size, 1).unwrap();
            assert_eq!((heap.allocate(layout), heap.granted(layout)), (Err(AllocError), size));
        }
        assert_eq!(parent.requests(), 0);
    }

    #[test]
    fn slabs_too_small_for_the_largest_class_are_refused() {
        let parent = Ledger::new();
        let slabs = SlabPolicy { slab_size: 1024, keep: 1 };
        let refused = SizeClasses::<Quad<1024>, SlabHead<usize>, _>::try_new(&parent, slabs);
        assert_eq!(refused.unwrap_err().field, "SlabPolicy::slab_size");
        let unchecked = SizeClasses::<Quad<1024>, SlabHead<usize>, _>::new(&parent, slabs.check().unwrap());
        assert_eq!(unchecked.allocate(Layout::new::<[u8; 1024]>()), Err(AllocError));
        assert!(unchecked.allocate(Layout::new::<[u8; 896]>()).is_ok());
    }

    #[test]
    fn dropping_gives_back_full_slabs_of_every_class() {
        let parent = Ledger::new();
        let heap = small::<Quad<1024>>(&parent);
        for size in 1..=1024 {
            for _ in 0..20 {
                heap.allocate(Layout::from_size_align(size, 1).unwrap()).unwrap();
            }
        }
        assert_eq!(heap.check(), Ok(()));
        drop(heap);
        assert_eq!(parent.blocks(), 0);
    }

    #[test]
    fn trimming_gives_back_the_empty_slabs_of_every_class() {
        let parent = Ledger::new();
        let mut heap = small::<Quad<1024>>(&parent);
        let layouts = (1..=1024).step_by(8).map(|size| Layout::from_size_align(size, 1).unwrap());
        let blocks: Vec<_> = layouts.map(|layout| (heap.allocate(layout).unwrap(), layout)).collect();
        for &(block, layout) in &blocks {
            // SAFETY: allocated with this layout, freed once.
            unsafe { heap.deallocate(block, layout) };
        }
        assert_eq!(parent.blocks(), 20);
        heap.trim();
        assert_eq!((parent.blocks(), heap.check()), (0, Ok(())));
        heap.allocate(Layout::new::<u64>()).unwrap();
        heap.reset();
        assert_eq!((parent.blocks(), heap.check()), (0, Ok(())));
    }

    #[test]
    fn every_request_of_the_parent_may_fail() {
        for served in 0..20 {
            let parent = Ledger::new();
            let heap = small::<Quad<1024>>(&parent);
            parent.fail_after(served);
            let classes = (0..20).map(|class| Quad::<1024>.size(class));
            let count =
                classes.filter(|&size| heap.allocate(Layout::from_size_align(size, 16).unwrap()).is_ok()).count();
            assert_eq!((count, heap.check()), (served, Ok(())));
        }
    }

    #[test]
    fn pools_of_a_class_give_their_free_chunks_back_and_keep_the_others() {
        let parent = Ledger::new();
        let pools = BlockPoolPolicy { chunk: ChunkSize::Blocks(4) };
        let mut heap = SizeClasses::<Quad<1024>, BlockPoolHead, _>::try_new(&parent, pools).unwrap();
        let layouts = (1..=1024).step_by(8).map(|size| Layout::from_size_align(size, 1).unwrap());
        let kept: Vec<_> = layouts.clone().map(|layout| heap.allocate(layout).unwrap()).collect();
        let blocks: Vec<_> = layouts.map(|layout| (heap.allocate(layout).unwrap(), layout)).collect();
        let chunks = parent.blocks();
        for &(block, layout) in blocks.iter().rev() {
            // SAFETY: allocated with this layout, freed once.
            unsafe { heap.deallocate(block, layout) };
        }
        heap.trim();
        assert_eq!((kept.len(), heap.check()), (128, Ok(())));
        assert!((20..chunks).contains(&parent.blocks()));
        heap.reset();
        assert_eq!((parent.blocks(), heap.check()), (0, Ok(())));
    }

    #[test]
    fn chunks_too_small_for_the_largest_class_are_refused() {
        let parent = Ledger::new();
        let pools = BlockPoolPolicy { chunk: ChunkSize::Bytes(1024) };
        let refused = SizeClasses::<Pow2<16, 1024>, BlockPoolHead, _>::try_new(&parent, pools);
        assert_eq!(refused.unwrap_err().field, "BlockPoolConfig::chunk");
        let unchecked = SizeClasses::<Pow2<16, 1024>, BlockPoolHead, _>::new(&parent, pools.check().unwrap());
        assert_eq!(unchecked.allocate(Layout::new::<[u8; 1024]>()), Err(AllocError));
        assert!(unchecked.allocate(Layout::new::<[u8; 512]>()).is_ok());
    }

    #[test]
    fn a_static_one_needs_no_code_to_start() {
        let heap: SizeClasses<Pow2<16, 1024>, SlabHead<Const<65536>>, _> = const {
            match (SlabPolicy { slab_size: Const::<65536>, keep: 1 }).check() {
                Ok(config) => SizeClasses::new(Null, config),
                Err(_) => panic!("the classes fit"),
            }
        };
        assert_eq!(heap.allocate(Layout::new::<u64>()), Err(AllocError));
    }
}
