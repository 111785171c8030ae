//! The end of a thread, and the fork of a process.

use core::{ffi::c_void, ptr};

use crate::sync::atomic::{AtomicU32, Ordering};

/// Calls a function when a thread ends that asked for it.
#[derive(Debug)]
pub(crate) struct AtExit {
    /// The key plus one; zero while there is none.
    key: AtomicU32,
}

impl AtExit {
    pub(crate) const fn new() -> Self {
        Self { key: AtomicU32::new(0) }
    }

    /// Has `leave` called; false if the system has no keys left, or there is one.
    pub(crate) fn create(&self, leave: unsafe extern "C" fn(*mut c_void)) -> bool {
        let mut key = 0;
        // SAFETY: `key` may be written.
        if unsafe { libc::pthread_key_create(&raw mut key, Some(leave)) } != 0 {
            return false;
        }
        // Release: the key is one before anyone sees it; pairs with Acquire in `watch`.
        self.key.store(key.wrapping_add(1), Ordering::Release);
        true
    }

    /// Has the function called with `what`, not null, when this thread ends.
    ///
    /// False without a key, or without memory for it: the thread's heap is not taken
    /// over by another then, nothing worse.
    pub(crate) fn watch(&self, what: *const c_void) -> bool {
        // Acquire: pairs with Release in `create`.
        match self.key.load(Ordering::Acquire).checked_sub(1) {
            // SAFETY: a key that was created.
            Some(key) => unsafe { libc::pthread_setspecific(key, what) == 0 },
            None => false,
        }
    }

    /// Whether there is a key.
    pub(crate) fn can_watch(&self) -> bool {
        // Relaxed: a hint.
        self.key.load(Ordering::Relaxed) != 0
    }

    /// What the function is called with when this thread ends; null if it is not.
    #[inline]
    pub(crate) fn watched(&self) -> *mut c_void {
        // Acquire: pairs with Release in `create`.
        match self.key.load(Ordering::Acquire).checked_sub(1) {
            // SAFETY: a key that was created.
            Some(key) => unsafe { libc::pthread_getspecific(key) },
            None => ptr::null_mut(),
        }
    }
}

/// Has these called around every fork: before it, and after it in either process.
pub(crate) fn at_fork(before: unsafe extern "C" fn(), after: unsafe extern "C" fn()) {
    // SAFETY: functions that may be called at any fork.
    let _status = unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
}

/// Writes the return addresses of who called to the front of `frames`, the nearest
/// first, and says how many.
///
/// By the unwinder that the C library finds: the first call may allocate.
#[cfg(target_env = "gnu")]
pub(crate) fn callers(frames: &mut [usize]) -> usize {
    let most = core::ffi::c_int::try_from(frames.len()).unwrap_or(core::ffi::c_int::MAX);
    // SAFETY: so many addresses may be written.
    let count = unsafe { libc::backtrace(frames.as_mut_ptr().cast(), most) };
    usize::try_from(count).unwrap_or(0)
}

/// Nobody: this C library does not know.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn callers(_: &mut [usize]) -> usize {
    0
}

/// Lets another thread run.
pub(crate) fn pause() {
    // SAFETY: always may be called.
    let _status = unsafe { libc::sched_yield() };
}

/// Milliseconds since some moment, to within a few; wraps.
pub(crate) fn milliseconds() -> u32 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` may be written. There is such a clock, and it touches no `errno`.
    let _status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "wraps")]
    let (seconds, part) = (now.tv_sec as u32, (now.tv_nsec / 1_000_000) as u32);
    seconds.wrapping_mul(1000).wrapping_add(part)
}

/// Writes `bytes` to the standard error.
pub(crate) fn print(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: `bytes` may be read.
        let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written).ok().and_then(|written| bytes.get(written..)) {
            Some(rest) if written != 0 => bytes = rest,
            _ => return,
        }
    }
}

/// Ends the process.
pub(crate) fn abort() -> ! {
    // SAFETY: always may be called.
    unsafe { libc::abort() }
}
