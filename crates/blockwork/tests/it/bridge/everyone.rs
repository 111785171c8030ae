//! Every public allocator has its line of `bridge!`.

use core::alloc::GlobalAlloc;

use blockwork::{
    Allocate, Arena, ArenaScope, Beside, BlockOf, BlockPool, Buffer, Bump, Checked, Const, Counted, Fallback,
    FromApi2_02, FromApi2_04, FromGlobal, Ignore, LastResort, Locked, Memo, MixedSlab, Null, OnFailure, Pages,
    PagesWith, Quad, Quota, Scrubbed, Segregate, SizeClasses, Slab, SlabHead, SpanPool, SpinLock, Stop, System,
    ThreadCached, UpTo, current,
    testing::{Failing, Misaligned, Reentrant, Shuffled, Strict},
};

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

/// Compiling is the test.
const _: () = {
    speaks::<System>();
    speaks::<Pages>();
    speaks::<PagesWith>();
    speaks::<Buffer<'_>>();
    speaks::<Null>();
    speaks::<FromGlobal<&System>>();
    speaks::<FromApi2_02<System>>();
    speaks::<FromApi2_04<System>>();
    speaks::<Bump<System>>();
    speaks::<Arena<System>>();
    speaks::<ArenaScope<'_, System>>();
    speaks::<BlockPool<System, BlockOf<16>>>();
    speaks::<Memo<System>>();
    speaks::<SpanPool<System>>();
    speaks::<Slab<System>>();
    speaks::<MixedSlab<System>>();
    speaks::<SizeClasses<Quad<128>, SlabHead<usize>, System>>();
    speaks::<Segregate<UpTo<64>, System, System>>();
    speaks::<Counted<System>>();
    speaks::<Quota<System, Const<64>>>();
    speaks::<OnFailure<System, Stop>>();
    speaks::<Scrubbed<System>>();
    speaks::<Checked<System>>();
    speaks::<Checked<System, Ignore, Beside<System>>>();
    speaks::<Fallback<Null, System>>();
    speaks::<LastResort<System, Null>>();
    speaks::<current::Handle>();
    speaks::<current::SyncHandle>();
    speaks::<current::Scoped<'_>>();
    speaks::<Locked<System>>();
    speaks::<Locked<System, SpinLock>>();
    speaks::<ThreadCached<System, Quad<128>>>();
    speaks::<ThreadCached<System, BlockOf<64>>>();
    speaks::<Failing<System>>();
    speaks::<Misaligned<System>>();
    speaks::<Reentrant<System>>();
    speaks::<Shuffled<System>>();
    speaks::<Strict>();
    speaks::<dyn Allocate>();
    speaks::<dyn Allocate + Send>();
    speaks::<dyn Allocate + Send + Sync>();
};
