//! The atomic types: the processor's, or what stands in for them.
//!
//! | target | small types | `AtomicU64` |
//! |---|---|---|
//! | most | core's | core's |
//! | no 64-bit compare-exchange, or `--cfg blockwork_no_cas64` | core's | a number behind a lock |
//! | any, feature `portable-atomic` | of that crate | of that crate |
//! | any, `--cfg loom` | loom's | loom's |
//! | any, `--cfg shuttle` | shuttle's | shuttle's |
//!
//! Each has `load`, `store`, `compare_exchange` and `compare_exchange_weak` under the
//! same names. Only loom's cannot be made in `const`.

#[cfg(any(
    all(test, not(any(loom, shuttle))),
    not(any(loom, shuttle, feature = "portable-atomic", all(target_has_atomic = "64", not(blockwork_no_cas64))))
))]
mod locked;

#[cfg(not(any(loom, shuttle, feature = "portable-atomic")))]
use core::sync::atomic as given;

#[cfg(loom)]
use loom::sync::atomic as given;
#[cfg(all(feature = "portable-atomic", not(any(loom, shuttle))))]
use portable_atomic as given;
#[cfg(shuttle)]
use shuttle::sync::atomic as given;

#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
pub(crate) use self::given::AtomicU8;
#[cfg(any(loom, shuttle, feature = "portable-atomic", all(target_has_atomic = "64", not(blockwork_no_cas64))))]
pub(crate) use self::given::AtomicU64;
#[cfg(any(feature = "std", feature = "malloc", test))]
pub(crate) use self::given::AtomicUsize;
pub(crate) use self::given::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
#[cfg(not(any(
    loom,
    shuttle,
    feature = "portable-atomic",
    all(target_has_atomic = "64", not(blockwork_no_cas64))
)))]
pub(crate) use self::locked::AtomicU64;

#[cfg(not(any(loom, shuttle, feature = "portable-atomic", target_has_atomic = "8")))]
compile_error!("this target has no compare-exchange: turn on the feature `portable-atomic`, and tell that crate how");

/// The processor's own, whatever stands in for them elsewhere: for memory whose
/// shape others know, such as that of a mapped file.
#[cfg(target_has_atomic = "64")]
pub(crate) mod mapped {
    #[cfg(all(feature = "std", feature = "os", target_os = "linux", not(any(loom, blockwork_no_os))))]
    pub(crate) use core::sync::atomic::AtomicPtr;
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}
