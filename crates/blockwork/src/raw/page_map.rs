//! [`PageMap`]: something about every page of the address space.
//!
//! ```text
//! address   [ … | region 16 bits | page 16 bits | 16 bits inside ]
//!                       │                │
//! regions   [ 0 | 0 | offset | 0 | … ]   │
//!             │        └─► leaf [ T | T | T | … ]      one T per page of 64 KiB
//!             └──────────► nobody [ zero … ]           never written, so never memory
//! ```
//!
//! A look-up is total: there is a `T` for every address, and it is all zero
//! where nothing was entered. So who looks up an address from elsewhere learns
//! that, and reads no foreign memory. The `T`s lie in the leaf, not behind a
//! pointer: two loads and no branch lead to one.
//!
//! A region is an *offset* from the leaf of nobody, because a static of zeroes
//! costs a program nothing, and one of 65,536 pointers half a megabyte. What is
//! reached by such an offset is another allocation than the offset is from, so
//! this is the one place that exposes provenance.
//!
//! Leaves are added, never removed. They are mapped whole, 8 MiB for a `T` of 128
//! bytes, of which the parts are memory where pages are in use.

use core::{alloc::Layout, fmt, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in a page, and its alignment.
pub(crate) const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 16;

/// Pages of a region.
const PAGES: usize = 1 << PAGES_BITS;
const PAGES_BITS: u32 = 16;

/// All regions that an address can name.
const REGIONS: usize = if usize::BITS > PAGE_BITS + PAGES_BITS { 1 << 16 } else { 1 };

/// A type of which zero bytes are a value that says "nothing here".
///
/// # Safety
///
/// - Zero bytes are a value of the type, and any number of threads may look at it.
pub(crate) unsafe trait Zeroed {}

/// A `T` for every page; see the [module](self).
#[repr(C)]
pub(crate) struct PageMap<T> {
    /// First, so that what is found needs no addition of its own.
    nobody: MaybeUninit<[T; PAGES]>,
    /// How far behind `nobody` the leaf of each region lies; wraps.
    regions: [AtomicUsize; REGIONS],
    leaves: PhantomData<*mut T>,
}

// SAFETY: regions are atomic; a `T` is reached by pointers, whose users answer
// for what they do.
unsafe impl<T> Sync for PageMap<T> {}

impl<T> fmt::Debug for PageMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageMap").finish_non_exhaustive()
    }
}

/// Where the `T` of an address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    region: u16,
    page: u16,
}

impl Place {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    const fn of(address: usize) -> Self {
        Self { region: address.wrapping_shr(PAGE_BITS + PAGES_BITS) as u16, page: (address >> PAGE_BITS) as u16 }
    }
}

impl<T: Zeroed> PageMap<T> {
    /// Nothing is anywhere. Takes no memory, in a `static`.
    pub(crate) const fn new() -> Self {
        // SAFETY: zero bytes are atomics of zero, and any bytes are a
        // `MaybeUninit`.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// What is said of the page that `address` is on.
    #[inline(always)]
    pub(crate) fn of(&'static self, address: usize) -> NonNull<T> {
        let place = Place::of(address);
        let page = (place.page as usize).wrapping_mul(size_of::<T>());
        let at = self.leaf_of(place).wrapping_add(page);
        let of = core::ptr::with_exposed_provenance_mut(at);
        // SAFETY: inside a leaf, which is not at zero.
        unsafe { NonNull::new_unchecked(of) }
    }

    /// The address of the leaf of a place.
    ///
    /// Every free does this. A load and an addition are one instruction, but the
    /// compiler does not make it of an atomic load.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    fn leaf_of(&'static self, place: Place) -> usize {
        let mut base = self.base();
        // SAFETY: there is a region for every number of 16 bits. x86-64 orders the
        // loads, as Acquire would: whoever finds a leaf finds it zeroed; pairs with
        // Release in `add`.
        unsafe {
            core::arch::asm!(
                "add {base}, qword ptr [{base} + 8*{region} + {regions}]",
                base = inout(reg) base,
                region = in(reg) place.region as usize,
                regions = const core::mem::offset_of!(Self, regions),
                options(pure, readonly, nostack),
            );
        }
        base
    }

    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    #[inline(always)]
    fn leaf_of(&'static self, place: Place) -> usize {
        // Acquire: whoever finds a leaf finds it zeroed; pairs with Release in `add`.
        self.base().wrapping_add(self.region(place).load(Ordering::Acquire))
    }

    /// The memory of a leaf.
    pub(crate) const fn leaf() -> Layout {
        Layout::new::<[T; PAGES]>()
    }

    /// Whether the page of `address` has a `T` that may be written.
    pub(crate) fn covers(&self, address: usize) -> bool {
        // Acquire: as in `of`.
        self.region(Place::of(address)).load(Ordering::Acquire) != 0
    }

    /// Adds a leaf for the region of `address`; false if another thread was faster.
    ///
    /// # Safety
    ///
    /// - `memory` is zeroed, of the layout [`leaf`](Self::leaf), and stays as long
    ///   as the program runs.
    pub(crate) unsafe fn add(&'static self, address: usize, memory: NonNull<u8>) -> bool {
        let leaf = memory.as_ptr().expose_provenance();
        let offset = leaf.wrapping_sub(self.base());
        let region = self.region(Place::of(address));
        // Release: publishes the zeroes; pairs with Acquire in `of`. Relaxed: who
        // was slower looks again.
        region.compare_exchange(0, offset, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Calls `look` with every `T` that may have been written.
    pub(crate) fn for_each(&'static self, mut look: impl FnMut(NonNull<T>)) {
        for region in &self.regions {
            // Acquire: as in `of`.
            let offset = region.load(Ordering::Acquire);
            if offset == 0 {
                continue;
            }
            let leaf = self.base().wrapping_add(offset);
            for page in 0..PAGES {
                let at = leaf.wrapping_add(page.wrapping_mul(size_of::<T>()));
                // SAFETY: inside a leaf, which is not at zero.
                look(unsafe { NonNull::new_unchecked(core::ptr::with_exposed_provenance_mut(at)) });
            }
        }
    }

    /// Takes all leaves out of the map, which then has nothing anywhere.
    ///
    /// Nobody uses what they hold any more.
    pub(crate) fn take_leaves(&self) -> impl Iterator<Item = NonNull<u8>> {
        let base = core::ptr::from_ref(self).expose_provenance();
        self.regions.iter().filter_map(move |region| {
            // Acquire: as in `of`.
            let offset = region.swap(0, Ordering::Acquire);
            if offset == 0 {
                return None;
            }
            NonNull::new(core::ptr::with_exposed_provenance_mut(base.wrapping_add(offset)))
        })
    }

    #[inline(always)]
    fn region(&self, place: Place) -> &AtomicUsize {
        let index = if REGIONS == 1 { 0 } else { place.region as usize };
        // SAFETY: there is a region for every number of 16 bits, or only one.
        unsafe { self.regions.get_unchecked(index) }
    }

    /// The address of the map, through which the leaf of nobody may be read.
    #[inline(always)]
    fn base(&'static self) -> usize {
        core::ptr::from_ref(self).expose_provenance()
    }
}

#[cfg(test)]
mod tests {
    use heap::alloc::{alloc_zeroed, dealloc};

    use super::*;
    use crate::sync::atomic::AtomicU32;

    struct Entry(AtomicU32);
    // SAFETY: an atomic of zero.
    unsafe impl Zeroed for Entry {}

    fn entry(map: &'static PageMap<Entry>, address: usize) -> &'static AtomicU32 {
        // SAFETY: entries live as long as the map, and are atomics.
        &unsafe { map.of(address).as_ref() }.0
    }

    #[test]
    fn every_address_has_an_entry_of_zero() {
        static MAP: PageMap<Entry> = PageMap::new();
        for shift in 0..usize::BITS {
            for address in [1_usize << shift, (1 << shift) - 1, usize::MAX >> shift, !(usize::MAX >> shift)] {
                assert_eq!(entry(&MAP, address).load(Ordering::Relaxed), 0);
                assert!(!MAP.covers(address));
            }
        }
    }

    #[test]
    fn an_entry_is_that_of_its_page_alone() {
        static MAP: PageMap<Entry> = PageMap::new();
        const HERE: usize = 0x7fff_1234_0000 & usize::MAX;
        let layout = PageMap::<Entry>::leaf();
        // SAFETY: not of size zero.
        let [leaf, second] = [(); 2].map(|()| NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap());
        // The map has but its distance, which leak checkers take for a leak.
        static LEAF: AtomicUsize = AtomicUsize::new(0);
        LEAF.store(leaf.addr().get(), Ordering::Relaxed);
        // SAFETY: zeroed, of that layout, and never freed.
        assert!(unsafe { MAP.add(HERE, leaf) });
        // SAFETY: as above; freed only because it was not taken.
        assert!(!unsafe { MAP.add(HERE, second) }, "there is one already");
        // SAFETY: allocated above, and not taken.
        unsafe { dealloc(second.as_ptr(), layout) }
        assert!(MAP.covers(HERE));
        entry(&MAP, HERE).store(7, Ordering::Relaxed);
        for (address, expected) in
            [(HERE, 7), (HERE + PAGE - 1, 7), (HERE - 1, 0), (HERE + PAGE, 0), (HERE ^ 1 << 33, 0)]
        {
            assert_eq!(entry(&MAP, address).load(Ordering::Relaxed), expected, "{address:#x}");
        }
        let (mut entries, mut sum) = (0, 0);
        MAP.for_each(|entry| {
            entries += 1;
            // SAFETY: entries live as long as the map, and are atomics.
            sum += unsafe { entry.as_ref() }.0.load(Ordering::Relaxed);
        });
        assert_eq!((entries, sum), (PAGES, 7));
    }
}
