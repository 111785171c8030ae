//! The hardened malloc: the contract; what it ends a program for is tested with its
//! library, in the crate `blockwork-malloc`.

use core::{alloc::Layout, ptr::NonNull};
use std::{sync::mpsc, thread};

use blockwork::{Allocate, Describe, HardenedMalloc, check_allocator, send_sync};

use crate::malloc::aligned_to_more;

check_allocator!(hardened_malloc, |_| HardenedMalloc, .own_memory());

send_sync! {
    HardenedMalloc: Send, Sync;
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn every_block_is_described_as_it_was_granted_and_no_longer_when_freed() {
    for align in (0..=26).map(|log| 1_usize << log) {
        for size in (0..=25).flat_map(|log| [(1 << log) - 1, 1 << log, (1 << log) + 1]).filter(|&size| size != 0) {
            let layout = layout(size, align);
            let block = HardenedMalloc.allocate(layout).unwrap();
            let described = HardenedMalloc.describe(block).unwrap();
            assert_eq!(described.size(), HardenedMalloc.granted(layout), "{layout:?}");
            assert!(described.align() >= align, "{layout:?}");
            assert!(block.addr().get().is_multiple_of(align), "{layout:?}");
            // SAFETY: inside of the block.
            let last = unsafe { block.add(described.size() - 1) };
            // SAFETY: the last byte that is granted.
            unsafe { last.write(1) }
            // SAFETY: allocated above; what is described fits.
            unsafe { HardenedMalloc.deallocate(block, described) }
            assert_eq!(HardenedMalloc.describe(block), None, "{layout:?}");
        }
    }
}

#[test]
fn a_block_that_is_to_be_aligned_to_more_moves_if_it_must() {
    // SAFETY: live.
    let reallocate = |block, layout| unsafe { HardenedMalloc.reallocate(block, layout) }.unwrap();
    // SAFETY: live.
    aligned_to_more(&HardenedMalloc, reallocate, |block| unsafe { HardenedMalloc.free(block.as_ptr()) });
}

#[test]
fn addresses_inside_of_blocks_and_of_others_are_not_described() {
    let layout = layout(100, 16);
    let block = HardenedMalloc.allocate(layout).unwrap();
    for inside in 1..100 {
        // SAFETY: inside of the block.
        assert_eq!(HardenedMalloc.describe(unsafe { block.add(inside) }), None);
    }
    // SAFETY: allocated above.
    unsafe { HardenedMalloc.deallocate(block, layout) }
    let local = 0_u64;
    let heap = Box::new(0_u64);
    for address in [NonNull::from(&local), NonNull::from(&*heap)] {
        assert_eq!(HardenedMalloc.describe(address.cast()), None);
    }
}

#[test]
fn a_freed_block_waits_before_it_is_used_again() {
    let layout = layout(48, 16);
    // So that there is a choice.
    let held: Vec<_> = (0..100).map(|_| HardenedMalloc.allocate(layout).unwrap()).collect();
    for _ in 0..1000 {
        let block = HardenedMalloc.allocate(layout).unwrap();
        // SAFETY: allocated above.
        unsafe { HardenedMalloc.deallocate(block, layout) }
        let next = HardenedMalloc.allocate(layout).unwrap();
        assert_ne!(next, block);
        // SAFETY: allocated above.
        unsafe { HardenedMalloc.deallocate(next, layout) }
    }
    // SAFETY: allocated above.
    held.into_iter().for_each(|block| unsafe { HardenedMalloc.deallocate(block, layout) });
}

#[test]
fn new_blocks_are_in_no_order() {
    let small = layout(200, 8);
    let blocks: Vec<_> = (0..32).map(|_| HardenedMalloc.allocate(small).unwrap()).collect();
    let ascending = blocks.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((4..28).contains(&ascending), "{ascending} of 31");
    // SAFETY: allocated above.
    blocks.into_iter().for_each(|block| unsafe { HardenedMalloc.deallocate(block, small) });
}

#[test]
fn a_block_tells_nothing_of_the_one_that_was_there() {
    let layout = layout(56, 16);
    for _ in 0..300 {
        let block = HardenedMalloc.allocate(layout).unwrap();
        // SAFETY: two words of the block, which the malloc has written.
        assert_eq!(unsafe { block.cast::<[usize; 2]>().read() }, [0; 2]);
        // SAFETY: allocated above.
        unsafe { HardenedMalloc.deallocate(block, layout) }
    }
}

/// A block full of one byte.
struct Filled(NonNull<u8>, Layout, u8);

// SAFETY: blocks of the malloc may be freed by any thread.
unsafe impl Send for Filled {}

impl Filled {
    fn new(size: usize, byte: u8) -> Self {
        let layout = layout(size, 16);
        let block = HardenedMalloc.allocate(layout).unwrap();
        // SAFETY: a live block of that size.
        unsafe { block.write_bytes(byte, size) }
        Self(block, layout, byte)
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let Self(block, layout, byte) = *self;
        // SAFETY: written when it was made.
        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), layout.size()) };
        assert!(bytes.iter().all(|&found| found == byte), "{layout:?}");
        // SAFETY: allocated with this layout.
        unsafe { HardenedMalloc.deallocate(block, layout) }
    }
}

#[test]
fn threads_that_come_and_go_free_one_anothers_blocks() {
    const THREADS: usize = 4;
    for round in 0..20 {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Filled>()).unzip();
        thread::scope(|scope| {
            for (number, receiver) in receivers.into_iter().enumerate() {
                let senders = senders.clone();
                scope.spawn(move || {
                    let mut state = (round * THREADS + number) as u64;
                    let mut dice = move |end: usize| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        usize::try_from(state >> 33).unwrap() % end
                    };
                    let mut held = Vec::new();
                    for step in 0..2000_u32 {
                        let most = 1 << (4 + dice(14));
                        let filled = Filled::new(1 + dice(most), u8::try_from(step % 251).unwrap());
                        match dice(3) {
                            0 => held.push(filled),
                            // Whoever has ended already leaves it to us.
                            1 => drop(senders[dice(THREADS)].send(filled)),
                            _ => drop(filled),
                        }
                        if held.len() > 100 {
                            held.swap_remove(dice(100));
                        }
                        if step % 7 == 0 {
                            drop(receiver.try_recv());
                        }
                    }
                });
            }
            drop(senders);
        });
    }
}
