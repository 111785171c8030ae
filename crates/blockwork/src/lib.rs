//! Block allocators that compose: small parts with one contract, put together
//! like iterators.
#![no_std]
#![cfg_attr(blockwork_allocator_gate, feature(allocator_api))]

#[cfg(feature = "alloc")]
extern crate alloc as heap;
#[cfg(feature = "std")]
extern crate std;

pub mod alloc;
pub mod combine;
pub mod math;
mod os;
mod raw;
pub mod source;
pub mod strategy;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "allocator-api2-02")]
pub use crate::source::foreign::FromApi2_02;
#[cfg(feature = "allocator-api2-04")]
pub use crate::source::foreign::FromApi2_04;
#[cfg(blockwork_std_allocator)]
pub use crate::source::foreign::FromStd;
#[cfg(all(feature = "os", unix))]
pub use crate::source::pages::{PageOptions, Pages, PagesWith};
#[cfg(feature = "std")]
pub use crate::source::system::System;
#[cfg(feature = "critical-section")]
pub use crate::sync::CriticalSection;
pub use crate::{
    alloc::{AllocError, Allocate, Check, ConfigError, Core, Head, Owns, Reset, Valid},
    combine::{
        chain::Chain,
        counted::{Counted, Counts},
        fallback::Fallback,
        last_resort::LastResort,
        locked::Locked,
        recorded::wire,
        segregate::{Boundary, Segregate, UpTo, UpToAt, Within},
        size_classes::SizeClasses,
    },
    math::{
        amount::{Amount, Const},
        size_class::{Classes, List, Listed, Pow2, Quad},
    },
    source::{
        buffer::Buffer,
        foreign::{Foreign, FromGlobal},
        null::Null,
    },
    strategy::{
        block::{Block, BlockError},
        block_pool::{BlockAt, BlockOf, BlockPool, BlockPoolConfig, BlockPoolCore, BlockShape, ChunkSize},
        bump::{Bump, BumpCore, BumpMark},
        memo::{Exact, Memo, MemoCore, Rounding},
        slab::{Slab, SlabConfig, SlabCore, SlabHead, SlabPolicy},
        span_pool::{Retain, SpanPool, SpanPoolConfig, SpanPoolCore, SpanPoolStats, Threshold},
    },
    sync::{DefaultLock, Lock, SpinLock},
};
