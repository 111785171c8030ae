use core::mem::MaybeUninit;

use heap::{vec, vec::Vec};

use super::*;
use crate::{
    math::amount::Const,
    source::{buffer::Buffer, system::System},
    strategy::bump::Bump,
};

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

/// Allocates as many blocks of as many sizes, and says how far the estimate of
/// bytes and of blocks is off, relatively.
fn error(heap: &Sampled<System, usize, ()>, sizes: &[usize], count: usize) -> (f64, f64) {
    let layouts = || sizes.iter().cycle().take(count).map(|&size| bytes(size));
    let blocks: Vec<_> = layouts().map(|layout| (heap.allocate(layout).unwrap(), layout)).collect();
    let estimate = heap.estimate();
    let total: usize = layouts().map(|layout| layout.size()).sum();
    blocks.into_iter().for_each(|(block, layout)| {
        // SAFETY: live, and allocated with this layout.
        unsafe { heap.deallocate(block, layout) };
    });
    assert_eq!((heap.live_samples(), heap.missed()), (0, 0));
    (estimate.bytes / total as f64 - 1.0, estimate.blocks / count as f64 - 1.0)
}

#[test]
fn the_estimate_is_right_on_average_for_every_size() {
    // Below the mean, about it and far above it: each has a bias of its own
    // where the scale is wrong. The means of 400 trials.
    const TRIALS: u64 = 400;
    for sizes in [&[8][..], &[100], &[1000], &[1500], &[20_000], &[8, 600, 5000, 64]] {
        let (mut by_bytes, mut by_blocks) = (0.0, 0.0);
        for seed in 0..TRIALS {
            let heap = Sampled::with_seed(System, 1000, (), seed);
            let (of_bytes, of_blocks) = error(&heap, sizes, 300);
            by_bytes += of_bytes / TRIALS as f64;
            by_blocks += of_blocks / TRIALS as f64;
        }
        // A block of s bytes is noted with p = 1 − e^(−s/1000), so one trial is
        // off by √((1 − p) / 300 p), and the mean of 400 by a twentieth of that:
        // for 8 bytes 3 %, of which four times are allowed.
        let size = sizes.iter().copied().min().unwrap_or(1) as f64;
        let p = -(-size / 1000.0).exp_m1();
        let allowed = 4.0 * ((1.0 - p) / (300.0 * p)).sqrt() / 20.0 + 1e-9;
        assert!(by_blocks.abs() < allowed, "{sizes:?}: {by_blocks} {allowed}");
        assert!(by_bytes.abs() < allowed, "{sizes:?}: {by_bytes} {allowed}");
    }
}

#[test]
fn samples_are_as_many_as_one_byte_in_the_mean_says() {
    let heap = Sampled::with_seed(System, 512, (), 7);
    let blocks: Vec<_> = (0..10_000).map(|_| heap.allocate(bytes(64)).unwrap()).collect();
    // 10,000 · (1 − e^(−1/8)) = 1175, give or take 32.
    assert!((1045..1305).contains(&heap.live_samples()), "{}", heap.live_samples());
    assert_eq!(heap.check(), Ok(()));
    for block in blocks {
        // SAFETY: live, and allocated with this layout.
        unsafe { heap.deallocate(block, bytes(64)) };
    }
    assert_eq!(heap.live_samples(), 0);
}

#[test]
fn blocks_that_grow_and_shrink_in_place_keep_the_estimate_right() {
    const TRIALS: u64 = 4000;
    let mut memory = vec![MaybeUninit::<u8>::uninit(); 1 << 16];
    for path in [&[10, 500, 2000][..], &[2000, 300], &[100, 3000, 50], &[600, 700, 650]] {
        let mut blocks = 0.0;
        for seed in 0..TRIALS {
            // The books are elsewhere, so that the block stays the last one.
            let buffer = Apart(Buffer::new(&mut memory));
            let heap = Sampled::with_seed(buffer, 1000, (), seed);
            let block = heap.allocate(bytes(path[0])).unwrap();
            for step in path.windows(2) {
                // SAFETY: live, with the layout before.
                unsafe { heap.resize(block, bytes(step[0]), bytes(step[1])) }.unwrap();
            }
            blocks += heap.estimate().blocks;
        }
        let p = -(-(path[path.len() - 1] as f64) / 1000.0).exp_m1();
        let allowed = 4.0 * ((1.0 - p) / (TRIALS as f64 * p)).sqrt();
        assert!((blocks / TRIALS as f64 - 1.0).abs() < allowed, "{path:?}: {blocks} {allowed}");
    }
}

/// Bytes of one alignment from a buffer, and all else from the system.
#[derive(Debug)]
struct Apart<'a>(Buffer<'a>);

// SAFETY: both sides keep the contract, and the alignment says which has a block.
unsafe impl Allocate for Apart<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() == 1 { self.0.allocate(layout) } else { System.allocate(layout) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.align() == 1 {
            // SAFETY: the caller's promises.
            unsafe { self.0.deallocate(block, layout) }
        } else {
            // SAFETY: the caller's promises.
            unsafe { System.deallocate(block, layout) }
        }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promises; the tests resize only bytes.
        unsafe { self.0.resize(block, old, new) }
    }
}

#[test]
fn off_nothing_is_sampled() {
    let [off, known] = [0, 0].map(|_| bytes(1 << 20));
    let heap = Sampled::new(System, 0, ());
    let block = heap.allocate(off).unwrap();
    // SAFETY: live, and allocated with this layout.
    unsafe { heap.deallocate(block, off) };
    let heap = Sampled::new(System, Const::<0>, ());
    let block = heap.allocate(known).unwrap();
    assert_eq!(heap.live_samples(), 0);
    assert_eq!(heap.estimate(), Estimate::default());
    // SAFETY: live, and allocated with this layout.
    unsafe { heap.deallocate(block, known) };
}

#[test]
fn what_finds_no_memory_is_missed_and_the_block_is_served_all_the_same() {
    let mut memory = [MaybeUninit::uninit(); 64];
    let heap = Sampled::new(Buffer::new(&mut memory), 1, ());
    assert!(heap.allocate(bytes(64)).is_ok());
    assert_eq!((heap.live_samples(), heap.missed()), (0, 1));
}

#[test]
fn a_reset_ends_the_samples() {
    let mut heap = Sampled::new(Bump::new(System, 1 << 16), 1, ());
    for _ in 0..10 {
        assert!(heap.allocate(bytes(100)).is_ok());
    }
    assert_eq!(heap.live_samples(), 10);
    heap.reset();
    assert_eq!((heap.live_samples(), heap.check()), (0, Ok(())));
    assert!(heap.allocate(bytes(100)).is_ok());
    assert_eq!(heap.live_samples(), 1);
}

#[test]
fn samples_know_their_size_and_who_called() {
    let heap = Sampled::new(System, 1, Unwind);
    let block = heap.allocate(bytes(100)).unwrap();
    let mut room = [Sample::EMPTY; 3];
    assert_eq!(heap.copy_samples(&mut room), 1);
    assert_eq!((room[0].size(), room[1]), (100, Sample::EMPTY));
    assert!(cfg!(miri) || !cfg!(target_arch = "x86_64") || room[0].frames().len() > 4);
    assert_eq!(heap.copy_samples(&mut []), 0);
    // SAFETY: live, and allocated with this layout.
    unsafe { heap.deallocate(block, bytes(100)) };
}
