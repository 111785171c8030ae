//! The atomic types: the processor's, or what stands in for them.
//!
//! | target | small types | `AtomicU64` |
//! |---|---|---|
//! | most | core's | core's |
//! | no 64-bit compare-exchange, or `--cfg blockwork_no_cas64` | core's | a number behind a lock |
//! | any, feature `portable-atomic` | of that crate | of that crate |
//! | any, `--cfg loom` | loom's | loom's |
//!
//! Each has `load`, `store`, `swap`, `compare_exchange`, `compare_exchange_weak`
//! and `fetch_add` under the same names. Only loom's cannot be made in `const`.

#[cfg(any(
    all(test, not(loom)),
    not(any(loom, feature = "portable-atomic", all(target_has_atomic = "64", not(blockwork_no_cas64))))
))]
mod locked;

#[cfg(not(any(loom, feature = "portable-atomic")))]
use core::sync::atomic as given;

#[cfg(loom)]
use loom::sync::atomic as given;
#[cfg(all(feature = "portable-atomic", not(loom)))]
use portable_atomic as given;

#[cfg(any(loom, feature = "portable-atomic", all(target_has_atomic = "64", not(blockwork_no_cas64))))]
#[expect(unused_imports, reason = "no part needs 64 bits at once yet")]
pub(crate) use self::given::AtomicU64;
pub(crate) use self::given::{AtomicBool, Ordering};
#[cfg(feature = "std")]
pub(crate) use self::given::{AtomicPtr, AtomicUsize};
#[cfg(not(any(loom, feature = "portable-atomic", all(target_has_atomic = "64", not(blockwork_no_cas64)))))]
#[expect(unused_imports, reason = "no part needs 64 bits at once yet")]
pub(crate) use self::locked::AtomicU64;

#[cfg(not(any(loom, feature = "portable-atomic", target_has_atomic = "8")))]
compile_error!("this target has no compare-exchange: turn on the feature `portable-atomic`, and tell that crate how");
