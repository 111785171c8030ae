//! What threads share: the only layer that names an atomic type.
//!
//! Under `--cfg loom` the atomics are loom's, and under `--cfg shuttle`
//! shuttle's, so that their models run the very code that ships; on narrow
//! targets others stand in for what is missing.

pub(crate) mod atomic;
pub(crate) mod interleave;
pub mod lock;
pub mod spin;

/// A function that is `const`, but for loom, whose atomics no constant can hold.
macro_rules! const_unless_loom {
    ($(#[$attribute:meta])* $visible:vis fn $($function:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attribute])*
        $visible const fn $($function)*

        #[cfg(loom)]
        $(#[$attribute])*
        $visible fn $($function)*
    };
}
pub(crate) use const_unless_loom;

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
