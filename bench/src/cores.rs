//! A thread and the core it runs on: staying there, and what it had of it.

use std::{mem::zeroed, time::Duration};

/// What cores pass on as a whole.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct CacheLine(pub [u8; 64]);

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

/// Two cores that this process may use.
///
/// # Panics
///
/// If there are no two.
#[must_use]
pub fn available() -> [usize; 2] {
    // SAFETY: a set of processors is plain bits, all zero an empty one.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: a set of its size; 0 is this thread.
    let status = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(status, 0, "the set can be read");
    // SAFETY: below the size of a set.
    let mut all = (0..1024).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) });
    match (all.next(), all.next()) {
        (Some(first), Some(second)) => [first, second],
        _ => panic!("two cores are needed"),
    }
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
