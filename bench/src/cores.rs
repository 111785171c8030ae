//! A thread and the core it runs on: staying there, and what it had of it.

use std::{mem::zeroed, time::Duration};

/// Keeps this thread on `core`.
///
/// # Panics
///
/// If the core cannot be had.
pub fn pin(core: usize) {
    // SAFETY: a set of processors is plain bits, all zero an empty one.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: writes one bit of the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: a valid set of its size; 0 is this thread.
    let status = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(status, 0, "core {core} cannot be had");
}

/// What this thread has had of a core, in user and in system mode: other
/// programs that run meanwhile are not in it.
///
/// # Panics
///
/// If the system has no such clock.
#[must_use]
pub fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` may be written.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "every thread has a clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
