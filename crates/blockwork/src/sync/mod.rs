//! What threads share: the only layer that names an atomic type.
//!
//! Under `--cfg loom` the atomics are loom's, so that its models run the very
//! code that ships; on narrow targets others stand in for what is missing.

pub(crate) mod atomic;
#[cfg(feature = "std")]
pub(crate) mod interleave;
pub mod lock;
pub mod spin;

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
