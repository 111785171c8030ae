//! The clock: what is kept and not needed goes back in time.
//!
//! There is no thread that looks after it. Every so many refills a thread looks at
//! the clock, and one of them ends the round.

use super::{HEAPS, Heap, SHARED_SPANS};
use crate::{
    os::thread::milliseconds,
    sync::atomic::{AtomicU32, Ordering},
};

/// Milliseconds of a round.
const ROUND: u32 = 500;

/// When the round began.
static BEGAN: AtomicU32 = AtomicU32::new(0);

/// Ends the round if it is time, for the spans and for `heap`, of this thread.
#[cold]
#[inline(never)]
pub(super) fn look(heap: &'static Heap) {
    let now = milliseconds();
    // Relaxed: the exchange decides who ends it, and nothing hangs on it.
    let began = BEGAN.load(Ordering::Relaxed);
    HEAPS.end_round(heap, began);
    if now.wrapping_sub(began) < ROUND {
        return;
    }
    // Relaxed: as above.
    if BEGAN.compare_exchange(began, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        SHARED_SPANS.with_pool(|spans| spans.round());
    }
}
