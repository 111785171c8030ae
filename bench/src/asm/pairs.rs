//! The pairs: a composition, and the same by hand.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use bench::by_hand::{
    FreeList, OneClass,
    around::{Affixed, Closing},
};
use blockwork::{
    Affix, Allocate, Arena, BlockOf, BlockPool, BlockPoolHead, Buffer, Bump, Chain, Const, Counted, Event, Fallback,
    Frozen, LastResort, MinAlign, OnFailure, Pages, Pow2, Quad, Sampled, Segregate, SizeClasses, SlabHead, Stop,
    System, Unwind, UpTo,
};

use crate::by_hand::{Backed, Books, ByHand, Cursor, Live, Others, Region, allocate_dynamic, free_dynamic};

/// What is asked for, but where it is a word.
pub(crate) const BLOCK: Layout = Layout::new::<[u64; 8]>();
const WORD: Layout = Layout::new::<u64>();

/// A composition, and the same by hand.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    /// Instructions that the composition may take at most, the return among them.
    pub(crate) bar: Option<usize>,
    /// How many more than by hand it may take.
    pub(crate) more: usize,
    pub(crate) composed: *const (),
    pub(crate) by_hand: *const (),
}

extern "C" fn allocate<A: Allocate>(heap: &A) -> Option<NonNull<u8>> {
    heap.allocate(BLOCK).ok()
}

unsafe extern "C" fn free<A: Allocate>(heap: &A, block: NonNull<u8>) {
    // SAFETY: nobody calls this.
    unsafe { heap.deallocate(block, BLOCK) }
}

extern "C" fn allocate_word<A: Allocate>(heap: &A) -> Option<NonNull<u8>> {
    heap.allocate(WORD).ok()
}

unsafe extern "C" fn free_word<A: Allocate>(heap: &A, block: NonNull<u8>) {
    // SAFETY: nobody calls this.
    unsafe { heap.deallocate(block, WORD) }
}

#[expect(improper_ctypes_definitions, reason = "two words, which nobody outside of this program is given")]
extern "C" fn allocate_dyn(heap: &dyn Allocate) -> Option<NonNull<u8>> {
    heap.allocate(BLOCK).ok()
}

#[expect(improper_ctypes_definitions, reason = "two words, which nobody outside of this program is given")]
unsafe extern "C" fn free_dyn(heap: &dyn Allocate, block: NonNull<u8>) {
    // SAFETY: nobody calls this.
    unsafe { heap.deallocate(block, BLOCK) }
}

extern "C" fn allocate_by_hand<H: ByHand>(heap: &H) -> Option<NonNull<u8>> {
    heap.allocate()
}

unsafe extern "C" fn free_by_hand<H: ByHand>(heap: &H, block: NonNull<u8>) {
    // SAFETY: nobody calls this.
    unsafe { heap.free(block) }
}

type Pool = BlockPool<System, BlockOf<64>>;
/// Blocks with room for a word on either side.
type WidePool = BlockPool<System, BlockOf<80>>;
type PoolIn<'a> = BlockPool<Buffer<'a>, BlockOf<64>>;
/// The composition of the project's promise: free lists by size class beside pages.
type Exact = Segregate<UpTo<1024>, SizeClasses<Pow2<16, 1024>, BlockPoolHead, Pages>, Pages>;
type Slabs = Segregate<UpTo<2048>, SizeClasses<Quad<2048>, SlabHead<Const<65536>>, System>, System>;
/// Five parts that each add nothing while there is memory.
type Deep = OnFailure<MinAlign<Segregate<UpTo<64>, Sampled<Pool, Const<0>, Unwind>, System>, Const<8>>, Stop>;

macro_rules! pair {
    ($what:literal, $composed:ident::<$heap:ty>, $by_hand:ty $(, bar $bar:expr)? $(, more $more:expr)?) => {
        pair!(@ $what, $composed::<$heap> as *const (), $by_hand, $composed $(, bar $bar)? $(, more $more)?)
    };
    (@ $what:literal, $composed:expr, $by_hand:ty, allocate_word $($rest:tt)*) => {
        pair!(# $what, $composed, allocate_by_hand::<$by_hand> as *const () $($rest)*)
    };
    (@ $what:literal, $composed:expr, $by_hand:ty, free_word $($rest:tt)*) => {
        pair!(# $what, $composed, free_by_hand::<$by_hand> as *const () $($rest)*)
    };
    (@ $what:literal, $composed:expr, $by_hand:ty, allocate $($rest:tt)*) => {
        pair!(# $what, $composed, allocate_by_hand::<$by_hand> as *const () $($rest)*)
    };
    (@ $what:literal, $composed:expr, $by_hand:ty, free $($rest:tt)*) => {
        pair!(# $what, $composed, free_by_hand::<$by_hand> as *const () $($rest)*)
    };
    (# $what:literal, $composed:expr, $by_hand:expr $(, bar $bar:expr)? $(, more $more:expr)?) => {
        Pair {
            name: $what,
            bar: [$($bar,)?].first().copied(),
            more: 0 $(+ $more)?,
            composed: $composed,
            by_hand: $by_hand,
        }
    };
}

/// A pool and a count of its live blocks, as its users would write it.
fn observed<A: Allocate>(_of: fn() -> A) -> [*const (); 2] {
    [allocate::<A> as *const (), free::<A> as *const ()]
}

fn live_pool() -> impl Allocate {
    let live = Cell::new(0_usize);
    Pool::new(System, const { config() }).observed(move |event| match event {
        Event::Allocated { .. } => live.set(live.get().wrapping_add(1)),
        Event::Freed { .. } => live.set(live.get().wrapping_sub(1)),
        _ => {}
    })
}

const fn config() -> blockwork::Valid<blockwork::BlockPoolConfig<BlockOf<64>>> {
    let config = blockwork::BlockPoolConfig { block: BlockOf::<64>, chunk: blockwork::ChunkSize::Blocks(64) };
    match config.check() {
        Ok(config) => config,
        Err(_) => panic!("a good configuration"),
    }
}

pub(crate) fn pairs() -> Vec<Pair> {
    let [allocate_live, free_live] = observed(live_pool);
    vec![
        pair!("size classes of pools beside pages: a word, freed", free_word::<Exact>, FreeList, bar 4),
        pair!("size classes of pools beside pages: a word", allocate_word::<Exact>, FreeList),
        pair!("size classes of slabs beside another: freed", free::<Slabs>, OneClass),
        pair!("size classes of slabs beside another", allocate::<Slabs>, OneClass),
        pair!("block pool: freed", free::<Pool>, FreeList),
        pair!("block pool", allocate::<Pool>, FreeList),
        pair!("block pool, lent: freed", free::<&Pool>, Lent<FreeList>),
        pair!("block pool, lent", allocate::<&Pool>, Lent<FreeList>),
        pair!("five parts deep: freed", free::<Deep>, FreeList),
        pair!("five parts deep", allocate::<Deep>, Backed<FreeList>),
        pair!("bump: a word", allocate_word::<Bump<System>>, Cursor),
        pair!("arena: a word", allocate_word::<Arena<System>>, Cursor),
        pair!("fallback behind a pool: freed", free::<Fallback<PoolIn<'_>, System>>, Region<Others>),
        pair!("fallback behind a pool", allocate::<Fallback<PoolIn<'_>, System>>, Region<Others>),
        pair!("last resort behind a pool: freed", free::<LastResort<Pool, PoolIn<'_>>>, Region<FreeList>),
        pair!("last resort behind a pool", allocate::<LastResort<Pool, PoolIn<'_>>>, Region<FreeList>),
        pair!("pool with a word on either side: freed", free::<Affix<WidePool, u64, u64>>, Affixed<64>),
        // A copy from register to register, because there are two ways to the return.
        pair!("pool with a word on either side", allocate::<Affix<WidePool, u64, u64>>, Affixed<64>, more 1),
        pair!("pool that can be frozen: freed", free::<Frozen<Pool>>, Closing),
        pair!(# "a pool and a live count: freed", free_live, free_by_hand::<Live<FreeList>> as *const ()),
        pair!(# "a pool and a live count", allocate_live, allocate_by_hand::<Live<FreeList>> as *const ()),
        pair!("counted pool: freed", free::<Counted<Pool>>, Books<FreeList>),
        pair!("counted pool", allocate::<Counted<Pool>>, Books<FreeList>),
        pair!(# "behind dyn: freed", free_dyn as *const (), free_dynamic as *const ()),
        pair!(# "behind dyn", allocate_dyn as *const (), allocate_dynamic as *const ()),
    ]
}

/// What lies elsewhere.
struct Lent<T: 'static>(&'static T);

impl<T: ByHand> ByHand for Lent<T> {
    #[inline(always)]
    fn allocate(&self) -> Option<NonNull<u8>> {
        self.0.allocate()
    }

    #[inline(always)]
    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.0.free(block) }
    }
}
