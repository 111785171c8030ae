//! [`Clocked`]: a heap whose single calls are timed.

use std::{
    alloc::Layout,
    cell::{Cell, RefCell},
    ptr::NonNull,
    sync::{Mutex, PoisonError},
};

use rustix::time::{ClockId, clock_gettime};

use super::heap::{Heap, Resized};
use crate::replay::latency::Latencies;

/// Of longer replays, at least half as many calls are timed: enough for a percentile, and in all
/// no more time than a replay takes anyway.
const ENOUGH: usize = 1 << 20;

/// What the clocks of all threads have seen.
#[derive(Debug)]
pub struct Times {
    all: Mutex<Vec<u64>>,
    /// Bits that have to be zero for a call to be timed.
    mask: u64,
    /// Calls that a thread times at most.
    most: usize,
}

impl Times {
    /// Of about `calls` calls.
    pub fn new(calls: usize) -> Self {
        let mask = (calls / ENOUGH).checked_next_power_of_two().unwrap_or(1).saturating_sub(1);
        Self { all: Mutex::default(), mask: mask as u64, most: calls.min(2 * ENOUGH) }
    }

    /// What was seen.
    pub fn latencies(self) -> Latencies {
        Latencies::of(self.all.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A heap with a clock before and behind each call, or behind each of a few that
/// are picked at random, so that no rhythm of the program's is picked with them.
#[derive(Debug)]
pub struct Clocked<'a, H> {
    heap: H,
    times: &'a Times,
    seen: RefCell<Vec<u64>>,
    dice: Cell<u64>,
}

impl<'a, H> Clocked<'a, H> {
    /// Times calls of `heap` by one thread.
    pub fn new(heap: H, times: &'a Times) -> Self {
        // All at once, so that the heap that is timed does not have to serve it later.
        let seen = RefCell::new(Vec::with_capacity(times.most));
        Self { heap, times, seen, dice: Cell::new(0x9e37_79b9_7f4a_7c15) }
    }

    #[inline]
    fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut dice = self.dice.get();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice.set(dice);
        if dice & self.times.mask != 0 {
            return call();
        }
        let before = now();
        let answer = call();
        let took = now().saturating_sub(before);
        let mut seen = self.seen.borrow_mut();
        if seen.len() < seen.capacity() {
            seen.push(took);
        }
        answer
    }
}

impl<H> Drop for Clocked<'_, H> {
    fn drop(&mut self) {
        let mut all = self.times.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.append(self.seen.get_mut());
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
        let times = Times::new(calls);
        let clocked = Clocked::new(Null::new(8), &times);
        for _ in 0..calls {
            assert!(clocked.allocate(Layout::new::<u64>(), false).is_some());
        }
        drop(clocked);
        times.all.into_inner().unwrap().len()
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
