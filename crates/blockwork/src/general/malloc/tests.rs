//! Threads that come, go, and free one another's blocks: in the library, so that
//! `ThreadSanitizer` sees them.

use std::{os::unix::fs::FileExt, sync::mpsc, thread};

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

/// Of these pages, by number, those that have memory.
fn resident(pages: &[usize]) -> usize {
    let map = std::fs::File::open("/proc/self/pagemap").unwrap();
    let has_memory = |page: &&usize| {
        let mut entry = [0; 8];
        map.read_exact_at(&mut entry, (**page as u64).wrapping_mul(8)).unwrap();
        u64::from_ne_bytes(entry) >> 63 == 1
    };
    pages.iter().filter(has_memory).count()
}

#[test]
fn slabs_lose_the_memory_of_what_is_free_in_them_and_get_it_back() {
    // 64 MiB, of which one block in 64 stays: every slab has one.
    let mut blocks: Vec<_> = (0..65_536).map(|_| Filled::new(1000, 16, 9)).collect();
    let mut pages: Vec<_> = blocks.iter().map(|filled| filled.block.addr().get() / Pages::page_size()).collect();
    pages.dedup();
    assert_eq!(resident(&pages), pages.len());
    let mut number = 0_usize;
    blocks.retain(|_| {
        number += 1;
        number.is_multiple_of(64)
    });
    assert!(Malloc.trim() > 48 << 20);
    assert!(resident(&pages) < pages.len() / 2, "{} of {}", resident(&pages), pages.len());
    // Each fault brings back a strip, not more blocks than there were.
    blocks.extend((0..64_000).map(|_| Filled::new(1000, 16, 11)));
    let mut addresses: Vec<_> = blocks.iter().map(|filled| filled.block.addr()).collect();
    addresses.sort_unstable();
    assert!(addresses.windows(2).all(|pair| pair[1].get() - pair[0].get() >= 1000));
}

#[test]
fn blocks_keep_their_contents_while_holes_open_and_close_around_them() {
    let mut dice = dice(77);
    let mut held: Vec<Filled> = Vec::new();
    for step in 0..60_000_u32 {
        let most = if dice(50) == 0 { 20_000 } else { 900 };
        let size = 1 + dice(most);
        held.push(Filled::new(size, 1 << dice(6), u8::try_from(step % 251).unwrap()));
        // Up to a thousand blocks, then down to a few: so slabs are nearly empty.
        let most = if step / 3000 % 2 == 0 { 3000 } else { 60 };
        while held.len() > most {
            let freed = held.swap_remove(dice(held.len()));
            match dice(16) {
                // From a thread that owns no slab.
                0 if step % 64 == 0 => thread::spawn(move || drop(freed)).join().unwrap(),
                _ => drop(freed),
            }
        }
        if step % 997 == 0 {
            Malloc.trim();
        }
    }
}

#[test]
fn a_mapping_that_grows_is_moved_and_not_copied() {
    const SIZE: usize = 24 << 20;
    let faults = || {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, numbers) = stat.rsplit_once(") ").unwrap();
        numbers.split(' ').nth(7).unwrap().parse::<usize>().unwrap()
    };
    // Aligned to more at first, which nobody needs any more when it moves.
    for align in [16, 1 << 21] {
        let mut block = Malloc.allocate(layout(SIZE, align)).unwrap();
        // SAFETY: a live block of that size.
        unsafe { block.write_bytes(5, SIZE) }
        let before = faults();
        for size in [SIZE + 1, 4 * SIZE, 2 * SIZE, 9 * SIZE] {
            // SAFETY: live.
            block = unsafe { Malloc.reallocate(block, layout(size, 16)) }.unwrap();
            let described = Malloc.describe(block).unwrap();
            assert!((size..=2 * size).contains(&described.size()), "{size}: {described:?}");
        }
        // Copied, its pages alone would be 6,144 faults each time.
        assert!(faults() - before < 1000, "{} faults", faults() - before);
        // SAFETY: live, and so long.
        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), SIZE) };
        assert!(bytes.iter().step_by(1000).all(|&byte| byte == 5) && bytes[SIZE - 1] == 5);
        // SAFETY: live.
        unsafe { Malloc.free(block.as_ptr()) }
    }
}
