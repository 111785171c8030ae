//! Every public allocator has its line of `bridge!`, and every one that has books
//! can walk them.

use core::alloc::GlobalAlloc;

use blockwork::{
    Affix, Allocate, Arena, ArenaScope, Beside, BlockOf, BlockPool, Buffer, Bump, Check, Checked, ConcurrentBlockPool,
    Const, Counted, Event, Fallback, FromApi2_02, FromApi2_04, FromGlobal, Frozen, Growth, Heap, Ignore, LastResort,
    Locked, Memo, MinAlign, MixedSlab, Null, Observed, OnFailure, PerChunk, Quad, Quota, Recorded, Sampled, Scrubbed,
    Segregate, SizeClasses, Slab, SlabHead, SpanPool, SpinLock, Stop, System, ThreadCached, UpTo, current,
    testing::{Audited, Failing, Misaligned, Reentrant, Shuffled, Strict},
};
#[cfg(not(blockwork_no_os))]
use blockwork::{Guarded, Pages, PagesWith};

/// What each of them speaks, where std's trait can be implemented.
#[cfg(blockwork_std_allocator)]
trait Polyglot: OldPolyglot + core::alloc::Allocator {}
#[cfg(blockwork_std_allocator)]
impl<A: OldPolyglot + core::alloc::Allocator + ?Sized> Polyglot for A {}

/// What each of them speaks.
#[cfg(not(blockwork_std_allocator))]
use OldPolyglot as Polyglot;

trait OldPolyglot:
    Allocate + GlobalAlloc + allocator_api2_02::alloc::Allocator + allocator_api2_04::alloc::Allocator
{
}
impl<A> OldPolyglot for A where
    A: Allocate + GlobalAlloc + allocator_api2_02::alloc::Allocator + allocator_api2_04::alloc::Allocator + ?Sized
{
}

const fn speaks<A: Polyglot + ?Sized>() {}

/// The harness and `Audited` walk the books after every operation, of all but
/// handles to an allocator that is not known.
const fn keeps_books<A: Polyglot + Check>() {}

#[cfg(not(blockwork_no_os))]
const _: () = {
    keeps_books::<Pages>();
    keeps_books::<PagesWith>();
    keeps_books::<Guarded>();
};

/// Compiling is the test.
const _: () = {
    keeps_books::<System>();
    keeps_books::<Buffer<'_>>();
    keeps_books::<Null>();
    keeps_books::<FromGlobal<&System>>();
    keeps_books::<FromApi2_02<System>>();
    keeps_books::<FromApi2_04<System>>();
    keeps_books::<Bump<System>>();
    keeps_books::<Arena<System>>();
    keeps_books::<ArenaScope<'_, System>>();
    keeps_books::<BlockPool<System, BlockOf<16>>>();
    keeps_books::<BlockPool<System, BlockOf<16>, PerChunk>>();
    keeps_books::<ConcurrentBlockPool<System, BlockOf<16>>>();
    keeps_books::<Memo<System>>();
    keeps_books::<SpanPool<System>>();
    keeps_books::<Slab<System>>();
    keeps_books::<MixedSlab<System>>();
    keeps_books::<SizeClasses<Quad<128>, SlabHead<usize>, System>>();
    keeps_books::<Segregate<UpTo<64>, System, System>>();
    keeps_books::<Heap<System>>();
    keeps_books::<Counted<System>>();
    keeps_books::<Recorded<System, ()>>();
    keeps_books::<Sampled<System>>();
    keeps_books::<Sampled<System, Const<0>, ()>>();
    keeps_books::<Quota<System, Const<64>>>();
    keeps_books::<Affix<System, u64, u64>>();
    keeps_books::<MinAlign<System, Const<64>>>();
    keeps_books::<Frozen<System>>();
    keeps_books::<Observed<System, fn(Event)>>();
    keeps_books::<Observed<System, fn(Event), Growth>>();
    keeps_books::<OnFailure<System, Stop>>();
    keeps_books::<Scrubbed<System>>();
    keeps_books::<Checked<System>>();
    keeps_books::<Checked<System, Ignore, Beside<System>>>();
    keeps_books::<Fallback<Null, System>>();
    keeps_books::<LastResort<System, Null>>();
    speaks::<current::Handle>();
    speaks::<current::SyncHandle>();
    speaks::<current::Scoped<'_>>();
    keeps_books::<Locked<System>>();
    keeps_books::<Locked<System, SpinLock>>();
    keeps_books::<ThreadCached<System, Quad<128>>>();
    keeps_books::<ThreadCached<System, BlockOf<64>>>();
    keeps_books::<Audited<System>>();
    keeps_books::<Failing<System>>();
    keeps_books::<Misaligned<System>>();
    keeps_books::<Reentrant<System>>();
    keeps_books::<Shuffled<System>>();
    keeps_books::<Strict>();
    speaks::<dyn Allocate>();
    speaks::<dyn Allocate + Send>();
    speaks::<dyn Allocate + Send + Sync>();
};
