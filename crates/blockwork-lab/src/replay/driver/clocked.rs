//! [`Clocked`]: a heap whose single calls are timed.

use std::{
    alloc::Layout,
    cell::{Cell, RefCell},
    ptr::NonNull,
};

use rustix::time::{ClockId, clock_gettime};

use super::heap::{Heap, Resized};
use crate::replay::latency::Latencies;

/// Of longer replays, at least half as many calls are timed: enough for a percentile, and in all
/// no more time than a replay takes anyway.
const ENOUGH: usize = 1 << 20;

/// A heap with a clock before and behind each call, or behind each of a few that
/// are picked at random, so that no rhythm of the program's is picked with them.
#[derive(Debug)]
pub struct Clocked<'a, H> {
    heap: &'a H,
    times: RefCell<Vec<u64>>,
    /// Bits that have to be zero for a call to be timed.
    mask: u64,
    dice: Cell<u64>,
}

impl<'a, H> Clocked<'a, H> {
    /// Times calls of `heap`, over about `calls` of them.
    pub fn new(heap: &'a H, calls: usize) -> Self {
        let mask = (calls / ENOUGH).checked_next_power_of_two().unwrap_or(1).saturating_sub(1);
        // Touched now, so that it is not done in the middle.
        let mut times = vec![1; calls.min(2 * ENOUGH)];
        times.clear();
        Self { heap, times: RefCell::new(times), mask: mask as u64, dice: Cell::new(0x9e37_79b9_7f4a_7c15) }
    }

    /// What was seen.
    pub fn latencies(self) -> Latencies {
        Latencies::of(self.times.into_inner())
    }

    #[inline]
    fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut dice = self.dice.get();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice.set(dice);
        if dice & self.mask != 0 {
            return call();
        }
        let before = now();
        let answer = call();
        let took = now().saturating_sub(before);
        let mut times = self.times.borrow_mut();
        if times.len() < times.capacity() {
            times.push(took);
        }
        answer
    }
}

/// Nanoseconds on a clock that never goes back.
#[inline]
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec.cast_unsigned())
}

// SAFETY: every call is passed on as it is.
unsafe impl<H: Heap> Heap for Clocked<'_, H> {
    const KEEPS: bool = H::KEEPS;

    #[inline]
    fn align(layout: Layout) -> usize {
        H::align(layout)
    }

    #[inline]
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        self.time(|| self.heap.allocate(layout, zeroed))
    }

    #[inline]
    unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller promises.
        self.time(|| unsafe { self.heap.free(block, layout) });
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
        // SAFETY: as the caller promises.
        self.time(|| unsafe { self.heap.resize(block, old, new) })
    }

    #[inline]
    unsafe fn granted(&self, block: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.heap.granted(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::driver::heap::Null;

    fn calls_timed(calls: usize) -> usize {
        let heap = Null::new(8);
        let clocked = Clocked::new(&heap, calls);
        for _ in 0..calls {
            assert!(clocked.allocate(Layout::new::<u64>(), false).is_some());
        }
        clocked.times.into_inner().len()
    }

    #[test]
    fn of_few_calls_every_one_is_timed() {
        assert_eq!(calls_timed(1000), 1000);
    }

    #[test]
    fn of_many_calls_enough_are_timed() {
        let timed = calls_timed(3 * ENOUGH);
        assert!((ENOUGH / 2..=2 * ENOUGH).contains(&timed), "{timed}");
    }
}
