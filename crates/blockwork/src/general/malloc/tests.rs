//! Threads that come, go, and free one another's blocks: in the library, so that
//! `ThreadSanitizer` sees them.

use std::{sync::mpsc, thread};

use heap::vec::Vec;

use super::*;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// A block with its layout, full of one byte.
struct Filled {
    block: NonNull<u8>,
    layout: Layout,
    byte: u8,
}

// SAFETY: blocks of the malloc may be freed by any thread.
unsafe impl Send for Filled {}

impl Filled {
    fn new(size: usize, align: usize, byte: u8) -> Self {
        let layout = layout(size, align);
        let block = Malloc.allocate(layout).unwrap();
        // SAFETY: a live block of that size.
        unsafe { block.write_bytes(byte, size) }
        Self { block, layout, byte }
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        // SAFETY: written when it was made.
        let bytes = unsafe { core::slice::from_raw_parts(self.block.as_ptr(), self.layout.size()) };
        // Each is its neighbour: compared at once, where a loop of a debug build takes a minute under `AddressSanitizer`.
        if let [first, rest @ ..] = bytes {
            assert!(*first == self.byte && rest == &bytes[..rest.len()], "{:?}", self.layout);
        }
        // SAFETY: allocated with this layout.
        unsafe { Malloc.deallocate(self.block, self.layout) }
    }
}

/// Numbers without a pattern.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |end| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap().checked_rem(end).unwrap()
    }
}

#[test]
fn threads_that_come_and_go_free_one_anothers_blocks() {
    const THREADS: usize = 4;
    for round in 0..4 {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Filled>()).unzip();
        thread::scope(|scope| {
            for (number, receiver) in receivers.into_iter().enumerate() {
                let senders = senders.clone();
                scope.spawn(move || {
                    let mut dice = dice((round * THREADS + number) as u64);
                    let mut held = Vec::new();
                    for step in 0..3000_u32 {
                        let most = 1 << (4 + dice(14));
                        let size = 1 + dice(most);
                        let filled = Filled::new(size, 1 << dice(8), u8::try_from(step % 251).unwrap());
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

#[test]
fn what_was_freed_elsewhere_is_found_again() {
    // Threads that only free, beside one that only allocates: without the way
    // home this takes 3 GiB.
    for _ in 0..40 {
        let blocks: Vec<_> = (0..7_500).map(|_| Filled::new(10_000, 16, 7)).collect();
        thread::spawn(move || drop(blocks)).join().unwrap();
    }
    let resident = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = resident.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(pages * Pages::page_size() < 1 << 30, "{pages} pages");
}
