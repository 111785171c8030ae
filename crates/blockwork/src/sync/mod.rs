//! What threads share: the only layer that names an atomic type.
//!
//! Under `--cfg loom` the atomics are loom's, so that its models run the very
//! code that ships.

pub mod lock;
pub mod spin;

/// The atomic types, std's or loom's.
mod atomic {
    #[cfg(not(loom))]
    pub(crate) use core::sync::atomic::{AtomicBool, Ordering};

    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
}

#[cfg(feature = "critical-section")]
pub use self::lock::CriticalSection;
pub use self::{
    lock::{DefaultLock, Lock},
    spin::SpinLock,
};
