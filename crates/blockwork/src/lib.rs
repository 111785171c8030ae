//! Block allocators that compose: small parts with one contract, put together
//! like iterators.
//!
//! Every part implements [`Allocate`]: five methods on `&self`, none of which
//! unwinds. A *source* makes memory from outside, a *strategy* carves what its
//! parent gives, a *combinator* decides or observes. An allocator is what you
//! get by nesting them; it is a type, and costs nothing where its parts are
//! known.
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, BlockOf, BlockPool, BlockPoolConfig, Chain, ChunkSize, Segregate, System, UpTo};
//!
//! // Up to 64 bytes from a pool, 256 blocks at a time; anything else from the system; counted.
//! let config = BlockPoolConfig { block: BlockOf::<64, 64>, chunk: ChunkSize::Blocks(256) };
//! let pool = BlockPool::try_new(System, config)?;
//! let heap = Segregate::new(UpTo::<64>, pool, System).counted();
//!
//! let layout = Layout::new::<[u8; 48]>();
//! let block = heap.allocate(layout)?;
//! assert_eq!(heap.counts().bytes_live, 64);
//! // Safe, because it was allocated above with this layout, and is not used again.
//! unsafe { heap.deallocate(block, layout) };
//! assert_eq!(heap.counts().bytes_live, 0);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Choosing a part
//!
//! | you have | take |
//! |---|---|
//! | blocks of one size, freed in any order | [`BlockPool`]; [`Slab`] if memory should go back on the way |
//! | blocks of one size that all threads take and free | [`ConcurrentBlockPool`] |
//! | blocks that all end together | [`Arena`]; [`Bump`] if their total is known |
//! | values of one type that own one another by handle or find one another by key | [`Pool`] |
//! | blocks of many small sizes | [`SizeClasses`] of slabs, behind a [`Segregate`] |
//! | blocks of pages and more | [`SpanPool`] over `Pages` |
//! | the same few sizes again and again, over a slow parent | [`Memo`] |
//! | texts that come again and again, and stay | [`Interner`] |
//! | a region of your own | [`Buffer`] |
//! | a second choice when the first is exhausted | [`Fallback`], [`LastResort`] |
//! | a question about what is live | [`Counted`] |
//! | a wish to try other allocators on what the program really asks | [`Recorded`] |
//! | a wish to know who holds the memory, in production | [`Sampled`] |
//! | a bound on what is live | [`Quota`] |
//! | a wish to hear of every request, or of all growth | [`Observed`] |
//! | a value to keep beside every block | [`Affix`] |
//! | blocks that must begin on a cache line | [`MinAlign`] |
//! | a program that must not allocate once it runs | [`Frozen`] |
//! | something to be done when memory runs out | [`OnFailure`] |
//! | secrets in memory | [`Scrubbed`] |
//! | a suspicion about who frees what, or writes where | [`Checked`] |
//! | a wish to see the instruction that writes or reads there | `Guarded` below it |
//! | more than one thread | [`Locked`]; [`ConcurrentBlockPool`] for blocks of one size |
//! | many threads that allocate much | `ThreadCached` over any of those |
//! | call paths that cannot pass an allocator | `current` |
//!
//! # Using one
//!
//! - By itself: [`Allocate`], and [`reallocate`](alloc::reallocate()).
//! - In collections: std's `Allocator` where the compiler has it, and
//!   allocator-api2 0.2 and 0.4 by feature: `Vec::new_in(&heap)`.
//! - In [`List`] and [`Slice`]: arrays that know a `static` allocator by its
//!   type, on any compiler.
//! - For a whole program: any `Sync` composition can be the
//!   `#[global_allocator]`.
//! - Behind a pointer: `&dyn Allocate`, and `&A`, `Box<A>`, `Rc<A>`, `Arc<A>` of
//!   any allocator `A`, are allocators.
//! - In a `static`: every constructor named `new` is `const`.
//!
//! # Testing one
//!
//! The feature `testing` has a harness for your allocators, too: the module of
//! that name shows how one line puts a part through every law.
//!
//! # Folders
//!
//! Modules are layers and import only downwards; users see one flat list of
//! names.
#![no_std]
#![cfg_attr(blockwork_allocator_gate, feature(allocator_api))]

#[cfg(feature = "alloc")]
extern crate alloc as heap;
#[cfg(feature = "std")]
extern crate std;

pub mod alloc;
pub mod combine;
pub mod general;
pub mod math;
mod os;
mod raw;
pub mod source;
pub mod strategy;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
pub mod typed;

#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
pub use crate::combine::decommit::Decommit;
#[cfg(feature = "std")]
pub use crate::combine::thread_cached::{CachedSizes, ThreadCached};
pub use crate::general::heap::Heap;
#[cfg(feature = "alloc")]
pub use crate::math::size_class::ListedAt;
#[cfg(feature = "allocator-api2-02")]
pub use crate::source::foreign::FromApi2_02;
#[cfg(feature = "allocator-api2-04")]
pub use crate::source::foreign::FromApi2_04;
#[cfg(blockwork_std_allocator)]
pub use crate::source::foreign::FromStd;
#[cfg(feature = "alloc")]
pub use crate::source::foreign::Registered;
#[cfg(all(feature = "os", unix, not(any(loom, blockwork_no_os))))]
pub use crate::source::guarded::Guarded;
#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
pub use crate::source::pages::{PageOptions, Pages, PagesWith};
#[cfg(feature = "critical-section")]
pub use crate::sync::CriticalSection;
pub use crate::{
    alloc::{
        AllocError, Allocate, Census, Check, ConfigError, Core, Describe, Head, HeadConfig, Owns, Purge, Relocate,
        Reset, Valid,
    },
    combine::{
        affix::Affix,
        chain::Chain,
        checked::{
            Below, Beside, BlockInfo, BooksMemory, CallSites, Callers, Checked, Damage, DamageKind, Finding, Ignore,
            LiveBlocks, Log, Misuse, MisuseKind, Operation, Report, Scrutiny, Site, Stack, Stacks, Tally, Unsited,
        },
        counted::{Counted, Counts},
        fallback::Fallback,
        frozen::Frozen,
        last_resort::LastResort,
        locked::Locked,
        min_align::MinAlign,
        observed::{Event, Growth, Observed, Requests},
        on_failure::{OnFailure, Remedy, Retry, Return, Stop},
        quota::Quota,
        recorded::{Record, Recorded, wire},
        sampled::{CaptureStack, Sampled, Unwind},
        scrubbed::Scrubbed,
        segregate::{Boundary, Segregate, SmallSide, UpTo, UpToAt, Within},
        size_classes::SizeClasses,
    },
    math::{
        amount::{Amount, Const},
        size_class::{Classes, KnownClasses, Listed, Pow2, Pow2At, Quad, QuadAt, Sizes},
    },
    source::{
        buffer::Buffer,
        foreign::{Foreign, FromGlobal},
        null::Null,
    },
    strategy::{
        arena::{
            Arena, ArenaBox, ArenaConfig, ArenaCore, ArenaIntoIter, ArenaMark, ArenaScope, ArenaString, ArenaVec,
            Region,
        },
        block::{Block, BlockError, HeadedBlock},
        block_pool::{
            BlockAt, BlockOf, BlockPool, BlockPoolConfig, BlockPoolCore, BlockPoolHead, BlockPoolPolicy, BlockShape,
            ChunkSize, FreePolicy, Lifo, PerChunk,
        },
        bump::{Bump, BumpCore, BumpMark},
        concurrent_block_pool::{
            ConcurrentBlockPool, ConcurrentBlockPoolConfig, ConcurrentBlockPoolCore, Growing, InBuffer,
        },
        memo::{Exact, Memo, MemoCore, Rounding},
        slab::{MixedSlab, MixedSlabCore, Slab, SlabConfig, SlabCore, SlabHead, SlabPolicy},
        span_pool::{Retain, SpanPool, SpanPoolConfig, SpanPoolCore, SpanPoolStats, Threshold},
    },
    sync::{DefaultLock, Lock, SpinLock},
    typed::{
        handle::Handle,
        interner::{Interned, Interner, Symbol},
        list::List,
        pool::{Pool, PoolBox, PoolDrain, PoolIter, PoolIterMut, PoolKey, PoolRef},
        slice::{Sentinel, Slice, Terminated, Zero},
    },
};
#[cfg(feature = "std")]
pub use crate::{
    combine::{
        checked::{Backtraces, Print},
        current,
    },
    source::system::System,
};
#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
pub use crate::{
    general::malloc::{Malloc, MallocClass, MallocOptions, MallocStats, OnMisuse, hardened::HardenedMalloc},
    os::futex::FutexLock,
    strategy::thread_heaps::{
        heap_pool::{HeapPool, PooledHeap, SlabClasses},
        per_thread::PerThread,
    },
};

#[cfg(all(feature = "std", feature = "os", target_os = "linux", not(any(loom, blockwork_no_os))))]
pub use crate::combine::recorded::spool::Spool;
#[cfg(all(feature = "notation", not(loom)))]
pub use crate::general::notation;

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "std", feature = "os", not(blockwork_no_os)))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
