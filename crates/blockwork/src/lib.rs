//! Block allocators that compose: small parts with one contract, put together
//! like iterators.
#![no_std]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

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
mod sync;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(all(feature = "os", unix))]
pub use crate::source::pages::{PageOptions, Pages, PagesWith};
#[cfg(feature = "std")]
pub use crate::source::system::System;
pub use crate::{
    alloc::{AllocError, Allocate, Check, ConfigError, Core, Head, Owns, Reset, Valid},
    combine::{
        segregate::{Boundary, Segregate, UpTo, UpToAt, Within},
        size_classes::SizeClasses,
    },
    math::{
        amount::{Amount, Const},
        size_class::{Classes, List, Listed, Pow2, Quad},
    },
    source::{buffer::Buffer, null::Null},
    strategy::{
        block::{Block, BlockError},
        block_pool::{BlockAt, BlockOf, BlockPool, BlockPoolConfig, BlockPoolCore, BlockShape, ChunkSize},
        bump::{Bump, BumpCore, BumpMark},
        memo::{Exact, Memo, MemoCore, Rounding},
        slab::{Slab, SlabConfig, SlabCore, SlabHead, SlabPolicy},
        span_pool::{Retain, SpanPool, SpanPoolConfig, SpanPoolCore, SpanPoolStats, Threshold},
    },
};
