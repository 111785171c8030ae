//! A composition as the `#[global_allocator]` of this very program: the test
//! harness, its threads and all collections live on it.

use core::{alloc::Layout, ptr::NonNull};
use std::{collections::HashMap, thread};

use blockwork::{AllocError, Allocate, Counted, Fallback, LastResort, Locked, Null, Owns, System};

#[global_allocator]
static HEAP: Heap = Locked::new(Counted::new(LastResort::new(
    Counted::new(Sparing(Fallback::new(Null, System))),
    Counted::new(Reserve(System)),
)));

type Heap = Locked<Counted<LastResort<Counted<Sparing<Fallback<Null, System>>>, Counted<Reserve>>>>;

/// The alignment that only the reserve serves.
const RARE: usize = 1 << 16;

/// Grants whole multiples of 16 bytes, and leaves what is rarely asked for to
/// the reserve.
struct Sparing<A>(A);

impl<A> Sparing<A> {
    /// The one place where this layer changes a layout.
    fn inner(layout: Layout) -> Layout {
        Layout::from_size_align(layout.size().next_multiple_of(16), layout.align()).unwrap_or(layout)
    }
}

// SAFETY: asks `A` for what it grants, or refuses; rounding up to a constant is
// pure, monotone and idempotent.
unsafe impl<A: Allocate> Allocate for Sparing<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() == RARE { Err(AllocError) } else { self.0.allocate(Self::inner(layout)) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: `block` was asked of `A` with this very layout.
        unsafe { self.0.deallocate(block, Self::inner(layout)) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(Self::inner(layout))
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: `block` was asked of `A` with this very layout.
        unsafe { self.0.resize(block, Self::inner(old), Self::inner(new)) }
    }
}

/// Serves one alignment, and knows its blocks by it.
struct Reserve(System);

// SAFETY: forwards to the system's allocator, or refuses.
unsafe impl Allocate for Reserve {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() == RARE { self.0.allocate(layout) } else { Err(AllocError) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise `System` asks for.
        unsafe { self.0.deallocate(block, layout) }
    }
}

// SAFETY: in this program all blocks of that alignment are from here.
unsafe impl Owns for Reserve {
    fn owns(&self, _: NonNull<u8>, layout: Layout) -> bool {
        layout.align() == RARE
    }
}

#[repr(align(65536))]
#[derive(Clone)]
struct Rare(u8);

#[test]
fn collections_of_many_threads_live_on_the_composition() {
    let sums: Vec<usize> = (0..4_usize)
        .map(|start| {
            thread::spawn(move || {
                let mut map = HashMap::new();
                for number in start..start + 2000 {
                    map.insert(number.to_string(), vec![number; number % 17 + 1]);
                }
                map.retain(|_, numbers| numbers.len() > 3);
                let mut numbers: Vec<usize> = map.into_values().flatten().collect();
                numbers.sort_unstable();
                numbers.shrink_to_fit();
                numbers.iter().sum()
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    let expected = |start: usize| {
        let long = (start..start + 2000).filter(|number| number % 17 + 1 > 3);
        long.map(|number| number * (number % 17 + 1)).sum::<usize>()
    };
    assert_eq!(sums, [expected(0), expected(1), expected(2), expected(3)]);
}

#[test]
fn every_block_of_the_program_is_on_the_books() {
    let (before, after, inside) = {
        let before = HEAP.with_parent(Counted::counts);
        let kept = vec![1_u8; 1_000_000];
        let after = HEAP.with_parent(Counted::counts);
        (before, after, kept.len())
    };
    assert!(after.requests > before.requests);
    assert!(after.bytes_peak >= inside);
    assert!(HEAP.with_parent(|heap| heap.parent().primary().counts().blocks_live) > 0);
}

#[test]
fn reallocation_crosses_the_sides_and_zeroed_means_zero() {
    // Only this test asks for the rare alignment.
    let reserve = || HEAP.with_parent(|heap| heap.parent().reserve().counts().blocks_live);
    let mut rare = vec![Rare(1)];
    for number in 2..6 {
        rare.push(Rare(number));
    }
    assert_eq!(reserve(), 1);
    assert!(rare.iter().map(|rare| rare.0).eq(1..6));
    assert!(rare.iter().all(|rare| core::ptr::from_ref(rare).addr().is_multiple_of(RARE)));
    drop(rare);
    assert_eq!(reserve(), 0);

    let zeroes = vec![0_u64; 10_000];
    assert!(zeroes.iter().all(|&zero| zero == 0));
}

#[test]
fn what_cannot_be_had_is_null() {
    let mut vec: Vec<u8> = Vec::new();
    assert!(vec.try_reserve_exact(isize::MAX as usize).is_err());
    vec.extend([1, 2, 3]);
    assert!(vec.try_reserve_exact(isize::MAX as usize - 3).is_err());
    assert_eq!(vec, [1, 2, 3]);
}
