//! [`interleave`]: where another thread would hurt most.
//!
//! A race needs a thread to stop between two certain instructions, which
//! happens once in a thousand million times. Code that is lock-free names these
//! places, and a unit test has its threads stop there at random. Elsewhere
//! nothing is left of this.

/// Between reading what a compare-exchange expects, and the compare-exchange.
#[inline(always)]
pub(crate) fn interleave() {
    #[cfg(all(test, not(any(loom, shuttle))))]
    yields::perhaps();
}

/// How many random schedules shuttle tries: `BLOCKWORK_SCHEDULES`, or many.
#[cfg(all(test, shuttle))]
pub(crate) fn schedules() -> usize {
    std::env::var("BLOCKWORK_SCHEDULES").ok().and_then(|number| number.parse().ok()).unwrap_or(2000)
}

/// Yields of the processor, at random, in threads that ask for them.
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) mod yields {
    use core::cell::Cell;
    use std::thread;

    std::thread_local! {
        /// The state of the dice; zero while nothing is to be yielded.
        static DICE: Cell<u32> = const { Cell::new(0) };
    }

    /// Runs `run` with yields in this thread, at other places for each `seed`.
    pub(crate) fn during<R>(seed: u32, run: impl FnOnce() -> R) -> R {
        DICE.set(seed.wrapping_mul(0x9E37_79B9) | 1);
        let result = run();
        DICE.set(0);
        result
    }

    /// Yields once in four times.
    pub(super) fn perhaps() {
        let mut dice = DICE.get();
        if dice != 0 {
            dice ^= dice << 13;
            dice ^= dice >> 17;
            dice ^= dice << 5;
            DICE.set(dice);
            if dice & 0b1100 == 0 {
                thread::yield_now();
            }
        }
    }
}
