//! What threads share: the only layer that names an atomic type.
//!
//! Under `--cfg loom` the atomics are loom's, so that its models run the very
//! code that ships.

pub mod lock;
pub mod spin;

/// The atomic types, std's or loom's.
pub(crate) mod atomic {
    #[cfg(not(loom))]
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
}

/// Keeps the compiler from moving memory accesses across; costs nothing else.
#[inline]
pub(crate) fn compiler_fence() {
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}

#[cfg(feature = "critical-section")]
pub use self::lock::CriticalSection;
pub use self::{
    lock::{DefaultLock, Lock},
    spin::SpinLock,
};
