//! [`Chain`]: compositions that read from the inside out, like iterators.
//!
//! ```text
//! heap.or_else(system).counted().locked()
//! Locked<Counted<Fallback<Heap, System>>>
//! ```
//!
//! Each method takes the allocator by value and wraps it; [`shared`](Chain::shared)
//! lends it instead. No method has the name of a part's getter, because methods
//! by value win over those by reference.
//!
//! When not to use it: in a `static`, where only `const fn` can be called; nest
//! the constructors there. Both spell the same type.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, Chain};
//!
//! let (mut near, mut far) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 4096]);
//! let heap = Buffer::new(&mut near).or_else(Buffer::new(&mut far)).counted();
//!
//! heap.allocate(Layout::new::<[u8; 1000]>())?;
//! assert_eq!(heap.counts().bytes_live, 1000);
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::alloc::Layout;

#[cfg(all(feature = "std", not(loom)))]
use super::thread_cached::{CachedSizes, ThreadCached};
use super::{
    affix::Affix,
    checked::{Checked, Report},
    counted::Counted,
    fallback::Fallback,
    frozen::Frozen,
    last_resort::LastResort,
    locked::Locked,
    min_align::MinAlign,
    observed::{Event, Growth, Observed},
    on_failure::{OnFailure, Retry, Stop},
    quota::Quota,
    recorded::{Record, Recorded},
    sampled::{CaptureStack, Sampled},
    scrubbed::Scrubbed,
    segregate::{Boundary, SmallSide},
    size_classes::SizeClasses,
};
use crate::{
    alloc::{Allocate, HeadConfig, Owns, Valid},
    math::{
        amount::{Amount, Const},
        size_class::Classes,
    },
};

/// Methods that wrap an allocator in a combinator; see the [module](self).
pub trait Chain: Allocate {
    /// Counts what passes: [`Counted::new`].
    #[must_use]
    fn counted(self) -> Counted<Self>
    where
        Self: Sized,
    {
        Counted::new(self)
    }

    /// Lets at most `limit` bytes be live: [`Quota::new`].
    #[must_use]
    fn capped<L: Amount>(self, limit: L) -> Quota<Self, L>
    where
        Self: Sized,
    {
        Quota::new(self, limit)
    }

    /// Hands `recording` what passes: [`Recorded::new`].
    #[must_use]
    fn recorded<R: Record>(self, recording: R) -> Recorded<Self, R>
    where
        Self: Sized,
    {
        Recorded::new(self, recording)
    }

    /// Samples one byte in `mean` and, by `capture`, who asked for it:
    /// [`Sampled::new`].
    #[must_use]
    fn sampled<N: Amount, C: CaptureStack>(self, mean: N, capture: C) -> Sampled<Self, N, C>
    where
        Self: Sized,
    {
        Sampled::new(self, mean, capture)
    }

    /// Tells `observer` of every request: [`Observed::new`].
    #[must_use]
    fn observed<F: Fn(Event)>(self, observer: F) -> Observed<Self, F>
    where
        Self: Sized,
    {
        Observed::new(self, observer)
    }

    /// Tells `observer` how what stands above grows and shrinks:
    /// [`Observed::growth`].
    #[must_use]
    fn growth_observed<F: Fn(Event)>(self, observer: F) -> Observed<Self, F, Growth>
    where
        Self: Sized,
    {
        Observed::growth(self, observer)
    }

    /// Puts a header before and a trailer behind every block: [`Affix::new`].
    #[must_use]
    fn affixed<H: Copy, T: Copy>(self, header: H, trailer: T) -> Affix<Self, H, T>
    where
        Self: Sized,
    {
        Affix::new(self, header, trailer)
    }

    /// Aligns every block to `N` at least: [`MinAlign::new`].
    #[must_use]
    fn min_aligned<const N: usize>(self, align: Const<N>) -> MinAlign<Self, Const<N>>
    where
        Self: Sized,
    {
        MinAlign::new(self, align)
    }

    /// Serves until it is frozen: [`Frozen::new`].
    #[must_use]
    fn freezable(self) -> Frozen<Self>
    where
        Self: Sized,
    {
        Frozen::new(self)
    }

    /// Finds misused blocks and tells `report`: [`Checked::new`].
    #[must_use]
    fn checked<R: Report>(self, report: R) -> Checked<Self, R>
    where
        Self: Sized,
    {
        Checked::new(self, report)
    }

    /// Overwrites with zeroes what is freed: [`Scrubbed::new`].
    #[must_use]
    fn scrubbed(self) -> Scrubbed<Self>
    where
        Self: Sized,
    {
        Scrubbed::new(self)
    }

    /// Asks again after a failure and `callback`, `limit` times at most:
    /// [`Retry::new`].
    #[must_use]
    fn retrying<F: Fn(&Self, Layout) -> bool>(self, limit: usize, callback: F) -> OnFailure<Self, Retry<F>>
    where
        Self: Sized,
    {
        OnFailure::new(self, Retry::new(limit, callback))
    }

    /// Ends the program when there is no memory: [`OnFailure`] with [`Stop`].
    #[must_use]
    fn or_stop(self) -> OnFailure<Self, Stop>
    where
        Self: Sized,
    {
        OnFailure::new(self, Stop)
    }

    /// Lets threads share it: [`Locked::new`].
    #[must_use]
    fn locked(self) -> Locked<Self>
    where
        Self: Sized,
    {
        Locked::new(self)
    }

    /// Keeps freed blocks of `sizes` for each thread, up to `limit` bytes of each:
    /// [`ThreadCached::new`].
    #[cfg(all(feature = "std", not(loom)))]
    #[must_use]
    fn thread_cached<S: CachedSizes>(self, sizes: S, limit: usize) -> ThreadCached<Self, S>
    where
        Self: Sized,
    {
        ThreadCached::new(self, sizes, limit)
    }

    /// Serves from `fallback` what this cannot: [`Fallback::new`].
    #[must_use]
    fn or_else<F: Allocate>(self, fallback: F) -> Fallback<Self, F>
    where
        Self: Owns + Sized,
    {
        Fallback::new(self, fallback)
    }

    /// Keeps a reserve for when this fails: [`LastResort::new`].
    #[must_use]
    fn last_resort<R: Owns>(self, reserve: R) -> LastResort<Self, R>
    where
        Self: Sized,
    {
        LastResort::new(self, reserve)
    }

    /// Serves the classes of `table` from memory of this: [`SizeClasses::new`],
    /// with the heads that `config` is for.
    #[must_use]
    fn size_classes<C: Classes, P: HeadConfig>(self, table: C, config: Valid<P>) -> SizeClasses<C, P::Head, Self>
    where
        Self: Sized,
    {
        SizeClasses::with_table(self, table, config)
    }

    /// Serves only what is small by `boundary`; `.or_else(large)` has to say who
    /// serves the rest: [`Segregate::new`](super::segregate::Segregate::new).
    fn up_to<T: Boundary>(self, boundary: T) -> SmallSide<T, Self>
    where
        Self: Sized,
    {
        SmallSide::new(boundary, self)
    }

    /// Lends the allocator to a chain that would otherwise keep it, so that
    /// others can stand on it as well.
    ///
    /// Not `by_ref`: std's `Allocator` has a method of that name, which a type
    /// with both traits in scope could not call.
    fn shared(&self) -> &Self {
        self
    }
}

impl<A: Allocate + ?Sized> Chain for A {}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::{
        combine::{checked::Tally, segregate::UpTo},
        math::size_class::Quad,
        source::{buffer::Buffer, system::System},
        strategy::{bump::Bump, slab::SlabPolicy},
    };

    #[test]
    fn a_chain_spells_the_type_that_nested_constructors_spell() {
        let [mut one, mut two, mut three] = [[MaybeUninit::uninit(); 8]; 3];
        let heap: Locked<Counted<LastResort<Fallback<Buffer<'_>, Buffer<'_>>, Buffer<'_>>>> = Buffer::new(&mut one)
            .or_else(Buffer::new(&mut two))
            .last_resort(Buffer::new(&mut three))
            .counted()
            .locked();
        for _ in 0..3 {
            assert!(heap.allocate(Layout::new::<[u8; 8]>()).is_ok());
        }
    }

    #[test]
    fn a_heap_of_size_classes_over_a_shared_parent_reads_as_a_chain() {
        let spans = Counted::new(System);
        let slabs = SlabPolicy { slab_size: Const::<65536>, keep: 1 }.check().unwrap();
        let heap = spans.shared().size_classes(Quad::<2048>, slabs).up_to(UpTo::<2048>).or_else(&spans).counted();
        let (small, large) = (Layout::new::<[u8; 100]>(), Layout::new::<[u8; 5000]>());
        assert!(heap.allocate(small).is_ok());
        assert_eq!(spans.counts().bytes_live, 65536);
        let block = heap.allocate(large).unwrap();
        assert_eq!(spans.counts().bytes_live, 65536 + 5000);
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(block, large) };
        drop(heap);
        assert_eq!(spans.counts().bytes_live, 0);
    }

    #[test]
    fn policies_are_chained_like_anything_else() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let tally = Tally::new();
        let buffer = Buffer::new(&mut memory);
        let heap: OnFailure<Quota<&Buffer<'_>, Const<8>>, Retry<_>> =
            buffer.shared().capped(Const::<8>).retrying(1, |quota, _| quota.used() > 8);
        let heap: Checked<Scrubbed<_>, &Tally> = heap.scrubbed().checked(&tally);
        assert!(heap.allocate(Layout::new::<[u8; 9]>()).is_err());
        let all: OnFailure<Quota<&Buffer<'_>>, Stop> = buffer.shared().capped(64).or_stop();
        assert!(all.allocate(Layout::new::<[u8; 64]>()).is_ok());
    }

    #[test]
    fn what_changes_or_hears_requests_is_chained_too() {
        let heap: Affix<MinAlign<Bump<System>, Const<64>>, u64> =
            Bump::new(System, 256).min_aligned(Const::<64>).affixed(0_u64, ());
        let heap: Observed<_, _, Growth> = heap.growth_observed(|_| {});
        let heap: Frozen<Observed<_, _>> = heap.observed(|_| {}).freezable();
        assert!(heap.allocate(Layout::new::<u8>()).is_ok());
        heap.freeze();
        assert!(heap.allocate(Layout::new::<u8>()).is_err());
    }

    #[cfg(all(feature = "std", not(loom)))]
    #[test]
    fn magazines_are_chained_too() {
        let heap: ThreadCached<Counted<System>, Quad<1024>> = System.counted().thread_cached(Quad::<1024>, 4096);
        assert_eq!(heap.granted(Layout::new::<[u8; 100]>()), 112);
    }

    #[test]
    fn a_lent_allocator_stays_with_its_owner() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let buffer = Buffer::new(&mut memory);
        let heap = buffer.shared().counted();
        assert!(heap.allocate(Layout::new::<[u8; 8]>()).is_ok());
        assert!(buffer.allocate(Layout::new::<u8>()).is_err());
    }

    #[test]
    fn a_chain_starts_at_a_trait_object_too() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let buffer = Buffer::new(&mut memory);
        let unknown: &dyn Allocate = &buffer;
        assert!(unknown.shared().counted().allocate(Layout::new::<[u8; 8]>()).is_ok());
    }
}
