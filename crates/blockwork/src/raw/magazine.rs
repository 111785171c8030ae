//! [`Magazine`]: an array of pointers to blocks, filled and emptied at one end;
//! [`Depot`]: where threads exchange whole ones.
//!
//! ```text
//! Magazine  [ len | capacity | block | block | block | ·  | · ]
//!                                         pop ──┘    └── push
//! Depot     [ magazine | – | magazine | – | … ]   any thread swaps any place
//! ```
//!
//! Nothing is read from or written into the blocks: a block that another core
//! freed comes back without a miss on its first word, eight pointers to a cache
//! line.
//!
//! A depot is no list. Each place is one atomic pointer that is exchanged whole,
//! so there are no links to be read too late and no place for ABA; and it cannot
//! grow beyond its places.
//!
//! Bonwick, Adams, "Magazines and Vmem", USENIX 2001.

use core::{alloc::Layout, cell::Cell, ptr, ptr::NonNull};

use crate::sync::{
    atomic::{AtomicPtr, Ordering},
    interleave::interleave,
};

/// What a magazine can hold at most; then it is 512 bytes.
pub(crate) const ROUNDS_MAX: usize = if cfg!(loom) { 2 } else { 62 };

/// The head of a magazine, which its places follow.
///
/// Invariant: `len <= capacity`, and the first `len` places hold blocks that are
/// the magazine's.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Magazine {
    len: Cell<usize>,
    capacity: usize,
}

/// The magazine of those who have none: always empty, always full.
struct Nothing(Magazine);

// SAFETY: without room nothing is ever pushed, without blocks nothing popped, so
// nothing changes.
unsafe impl Sync for Nothing {}

static NOTHING: Nothing = Nothing(Magazine { len: Cell::new(0), capacity: 0 });

impl Magazine {
    /// A magazine that is empty and full.
    pub(crate) fn nothing() -> NonNull<Self> {
        NonNull::from(&NOTHING.0)
    }

    /// What a magazine of this `capacity` takes; it starts at a cache line, which
    /// it shares with nobody.
    pub(crate) const fn layout(capacity: usize) -> Layout {
        const { assert!(size_of::<Self>().is_multiple_of(size_of::<usize>()), "places follow the head") }
        let places = capacity.wrapping_mul(size_of::<usize>());
        let size = size_of::<Self>().wrapping_add(places).next_multiple_of(64);
        match Layout::from_size_align(size, 64) {
            Ok(layout) => layout,
            Err(_) => Layout::new::<Self>(),
        }
    }

    /// Makes an empty magazine in `memory`.
    ///
    /// # Safety
    ///
    /// - `memory` is valid for `layout(capacity)`, unused, and `capacity` is at
    ///   most [`ROUNDS_MAX`].
    pub(crate) unsafe fn init(memory: NonNull<u8>, capacity: usize) -> NonNull<Self> {
        let magazine = memory.cast::<Self>();
        // SAFETY: the memory begins with room for a head.
        unsafe { magazine.write(Self { len: Cell::new(0), capacity }) }
        magazine
    }

    pub(crate) const fn len(&self) -> usize {
        self.len.get()
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.len.get() == self.capacity
    }

    /// Takes the block that was put in last.
    ///
    /// # Safety
    ///
    /// - `this` is a magazine, of this thread alone, or [`nothing`](Self::nothing).
    #[inline]
    pub(crate) unsafe fn pop(this: NonNull<Self>) -> Option<NonNull<u8>> {
        // SAFETY: a magazine; the reference ends before it can change hands.
        let head = unsafe { this.as_ref() };
        let last = head.len.get().checked_sub(1)?;
        head.len.set(last);
        // SAFETY: below `len`.
        let place = unsafe { Self::place(this, last) };
        // SAFETY: a place below `len` holds a block.
        Some(unsafe { place.read() })
    }

    /// Puts `block` in, unless the magazine is full.
    ///
    /// # Safety
    ///
    /// - As for [`pop`](Self::pop).
    #[inline]
    pub(crate) unsafe fn push(this: NonNull<Self>, block: NonNull<u8>) -> bool {
        // SAFETY: a magazine; the reference ends before it can change hands.
        let head = unsafe { this.as_ref() };
        let len = head.len.get();
        if len == head.capacity {
            return false;
        }
        // SAFETY: below `capacity`.
        let place = unsafe { Self::place(this, len) };
        // SAFETY: a place of ours.
        unsafe { place.write(block) }
        head.len.set(len.wrapping_add(1));
        true
    }

    /// The blocks in it.
    ///
    /// # Safety
    ///
    /// - As for [`pop`](Self::pop), until the iterator is gone.
    pub(crate) unsafe fn blocks(this: NonNull<Self>) -> impl Iterator<Item = NonNull<u8>> {
        // SAFETY: a magazine.
        let len = unsafe { this.as_ref() }.len();
        (0..len).map(move |index| {
            // SAFETY: below `len`.
            let place = unsafe { Self::place(this, index) };
            // SAFETY: a place below `len` holds a block.
            unsafe { place.read() }
        })
    }

    /// # Safety
    ///
    /// - `this` is a magazine with more than `index` places.
    #[inline]
    unsafe fn place(this: NonNull<Self>, index: usize) -> NonNull<NonNull<u8>> {
        // SAFETY: places follow the head.
        let places = unsafe { this.add(1) }.cast::<NonNull<u8>>();
        // SAFETY: one of them, by the caller's promise.
        unsafe { places.add(index) }
    }
}

/// How many magazines, or whatever `T` is, a depot holds.
pub(crate) const PLACES: usize = if cfg!(loom) { 2 } else { 16 };

/// Places for a few `T` on their way from one thread to another.
///
/// Invariant: a pointer in a place is the depot's, which gives it to one taker.
#[derive(Debug)]
pub(crate) struct Depot<T> {
    places: [AtomicPtr<T>; PLACES],
}

impl<T> Depot<T> {
    /// All places are free.
    pub(crate) fn new() -> Self {
        Self { places: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())) }
    }

    /// Leaves `it` here; `false` when every place is taken, and it is still the
    /// caller's.
    pub(crate) fn put(&self, it: NonNull<T>) -> bool {
        self.places.iter().any(|place| {
            // Relaxed: a hint, so that a place in use is not written to.
            place.load(Ordering::Relaxed).is_null()
                // Release: publishes what is behind the pointer; pairs with
                // Acquire in `take`. Relaxed: who is refused has seen nothing.
                && place.compare_exchange(ptr::null_mut(), it.as_ptr(), Ordering::Release, Ordering::Relaxed).is_ok()
        })
    }

    /// Takes one of those that are here.
    pub(crate) fn take(&self) -> Option<NonNull<T>> {
        self.places.iter().find_map(|place| {
            // Relaxed: a hint; the exchange decides.
            if place.load(Ordering::Relaxed).is_null() {
                return None;
            }
            interleave();
            // Acquire: sees what is behind the pointer; pairs with Release in `put`.
            NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire))
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use heap::vec::Vec;

    use super::*;

    /// Room for a magazine of so many.
    #[repr(align(64))]
    struct Room([usize; 8]);

    fn block(address: usize) -> NonNull<u8> {
        NonNull::without_provenance(core::num::NonZero::new(address).unwrap_or(core::num::NonZero::<usize>::MAX))
    }

    #[test]
    fn a_magazine_gives_the_last_block_first_and_refuses_one_too_many() {
        let mut room = Room([0; 8]);
        assert_eq!(Magazine::layout(6), Layout::for_value(&room));
        // SAFETY: room for six.
        let magazine = unsafe { Magazine::init(NonNull::from(&mut room.0).cast(), 6) };
        for address in 1..=6 {
            // SAFETY: ours.
            assert!(unsafe { Magazine::push(magazine, block(address)) });
        }
        // SAFETY: ours.
        assert!(unsafe { !Magazine::push(magazine, block(7)) });
        // SAFETY: ours.
        assert_eq!(unsafe { Magazine::blocks(magazine) }.collect::<Vec<_>>(), (1..=6).map(block).collect::<Vec<_>>());
        // SAFETY: ours.
        let popped: Vec<_> = core::iter::from_fn(|| unsafe { Magazine::pop(magazine) }).collect();
        assert_eq!(popped, (1..=6).rev().map(block).collect::<Vec<_>>());
    }

    #[test]
    fn the_magazine_of_nothing_gives_and_takes_nothing() {
        let nothing = Magazine::nothing();
        // SAFETY: the magazine of nothing.
        assert_eq!(unsafe { Magazine::pop(nothing) }, None);
        // SAFETY: the magazine of nothing.
        assert!(unsafe { !Magazine::push(nothing, block(8)) });
    }

    #[test]
    fn a_depot_gives_back_what_it_took_and_refuses_one_too_many() {
        let depot = Depot::new();
        for address in 1..=PLACES {
            assert!(depot.put(block(address)));
        }
        assert!(!depot.put(block(99)));
        let mut taken: Vec<_> = core::iter::from_fn(|| depot.take()).collect();
        taken.sort_unstable();
        assert_eq!(taken, (1..=PLACES).map(block).collect::<Vec<_>>());
    }
}

#[cfg(all(test, loom))]
mod models {
    use heap::boxed::Box;

    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    fn put(depot: &Depot<UnsafeCell<u32>>, value: u32) {
        let it = Box::leak(Box::new(UnsafeCell::new(0)));
        // SAFETY: loom tells if another thread reads it at the same time.
        it.with_mut(|place| unsafe { *place = value });
        assert!(depot.put(NonNull::from(it)));
    }

    fn take(depot: &Depot<UnsafeCell<u32>>) -> u32 {
        depot.take().map_or(0, |it| {
            // SAFETY: leaked by `put`, and taken by nobody else.
            let it = unsafe { Box::from_raw(it.as_ptr()) };
            // SAFETY: loom tells if it is still being written.
            it.with(|value| unsafe { *value })
        })
    }

    #[test]
    fn what_is_put_is_taken_once_and_whole() {
        loom::model(|| {
            let depot = Arc::new(Depot::new());
            let others = [1, 2].map(|value| {
                let depot = Arc::clone(&depot);
                thread::spawn(move || {
                    put(&depot, value);
                    take(&depot)
                })
            });
            let mut sum = take(&depot);
            sum += others.map(|other| other.join().unwrap()).iter().sum::<u32>();
            sum += take(&depot) + take(&depot);
            assert_eq!(sum, 3);
        });
    }
}
