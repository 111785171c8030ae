//! Every part that serves memory under every container that takes an allocator,
//! over std's memory and over bumpalo's.

use core::mem::MaybeUninit;

use allocator_api2_02::{boxed::Box as Box02, vec::Vec as Vec02};
use allocator_api2_04::{boxed::Box as Box04, vec::Vec as Vec04};
use blockwork::{
    Affix, Allocate, Arena, BlockOf, BlockPool, BlockPoolConfig, BlockPoolHead, BlockPoolPolicy, Buffer, Bump, Chain,
    Check, Checked, ChunkSize, ConcurrentBlockPool, ConcurrentBlockPoolConfig, Const, Counted, Fallback, FromApi2_02,
    Frozen, LastResort, Locked, Memo, MinAlign, MixedSlab, Observed, OnFailure, PerChunk, Pow2, Quad, Quota, Sampled,
    Scrubbed, Segregate, SizeClasses, Slab, SlabConfig, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, SpinLock, Stop,
    System, ThreadCached, Unwind, UpTo,
};
use hashbrown::{DefaultHashBuilder, HashMap};

/// More than any container here asks for at once.
const LARGE: usize = 16 << 10;

/// What every container speaks.
trait Speaks: Allocate + Check + allocator_api2_02::alloc::Allocator + allocator_api2_04::alloc::Allocator {}
impl<A: Allocate + Check + allocator_api2_02::alloc::Allocator + allocator_api2_04::alloc::Allocator> Speaks for A {}

#[cfg(blockwork_std_allocator)]
trait SpeaksStd: Speaks + core::alloc::Allocator {}
#[cfg(blockwork_std_allocator)]
impl<A: Speaks + core::alloc::Allocator> SpeaksStd for A {}
#[cfg(not(blockwork_std_allocator))]
use Speaks as SpeaksStd;

/// Fills each container, all of them at once, and lets them go in another order.
fn serves<A: SpeaksStd>(part: &str, heap: &A) {
    let (mut vec_02, mut vec_04) = (Vec02::new_in(heap), Vec04::new_in(heap));
    let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), heap);
    let (boxed_02, boxed_04) = (Box02::new_in([7_u64; 9], heap), Box04::new_in([8_u64; 9], heap));
    #[cfg(blockwork_std_allocator)]
    let (mut vec, mut queue, boxed) =
        (Vec::new_in(heap), alloc::collections::VecDeque::new_in(heap), Box::new_in([9_u64; 9], heap));
    for number in 0..300_u32 {
        vec_02.push(number);
        vec_04.push(number);
        map.insert(number, number);
        #[cfg(blockwork_std_allocator)]
        {
            vec.push(number);
            queue.push_front(number);
        }
    }
    map.retain(|number, _| number % 3 == 0);
    map.shrink_to_fit();
    vec_02.truncate(7);
    vec_02.shrink_to_fit();
    assert!(vec_02.iter().copied().eq(0..7) && vec_04.iter().copied().eq(0..300), "{part}: vectors");
    assert!((0..300).all(|number| map.contains_key(&number) == (number % 3 == 0)), "{part}: map");
    assert_eq!((*boxed_02, *boxed_04), ([7; 9], [8; 9]), "{part}: boxes");
    #[cfg(blockwork_std_allocator)]
    {
        assert!(vec.iter().copied().eq(0..300) && queue.iter().copied().rev().eq(0..300), "{part}: std's");
        assert_eq!(*boxed, [9; 9], "{part}: std's box");
        drop((vec, queue, boxed));
    }
    assert_eq!(heap.check(), Ok(()), "{part}: books while containers live");
    drop((vec_02, boxed_04, map, boxed_02, vec_04));
    assert_eq!(heap.check(), Ok(()), "{part}: books");
}

/// Runs each part.
macro_rules! serve_all {
    ($($name:literal: $part:expr,)+) => {
        $(serves($name, &$part);)+
    };
}

/// A test of each part over what `$make` makes, which may refer to a `$keep` of bumpalo.
macro_rules! over {
    ($test:ident, |$parent:ident, $keep:ident| $make:expr) => {
        #[test]
        fn $test() {
            let mut memory = [MaybeUninit::uninit(); 64];
            let mut more = [MaybeUninit::uninit(); 64];
            let $keep = bumpalo::Bump::new();
            macro_rules! $parent {
                () => {
                    $make
                };
            }
            let block = BlockOf::<LARGE, 16>;
            let pool = BlockPoolConfig { block, chunk: ChunkSize::Blocks(4) };
            let slabs = SlabPolicy { slab_size: LARGE, keep: 1 };
            let pools = BlockPoolPolicy { chunk: ChunkSize::Bytes(LARGE) };
            let slots = SlabConfig { slot_size: LARGE, slab_size: 8 * LARGE, keep: 1 };
            let concurrent = ConcurrentBlockPoolConfig { block, chunk_size: 8 * LARGE };
            let classes = SizeClasses::<Quad<2048>, SlabHead<_>, _>::try_new($parent!(), slabs).unwrap();
            serve_all! {
                "the parent alone": $parent!(),
                "bump": Bump::new($parent!(), 16 * LARGE),
                "arena": Arena::with_defaults($parent!()),
                "block pool": BlockPool::try_new($parent!(), pool).unwrap(),
                "block pool per chunk": BlockPool::try_with_policy($parent!(), pool, PerChunk).unwrap(),
                "concurrent block pool": ConcurrentBlockPool::try_new($parent!(), concurrent).unwrap(),
                "span pool": SpanPool::try_new($parent!(), SpanPoolConfig::DEFAULT).unwrap(),
                "memo": Memo::new($parent!(), LARGE),
                "slab": Slab::try_new($parent!(), slots).unwrap(),
                "mixed slab": MixedSlab::try_new($parent!(), slabs).unwrap(),
                "size classes of slabs": Segregate::new(UpTo::<2048>, classes, $parent!()),
                "size classes of pools": Segregate::new(
                    UpTo::<1024>,
                    SizeClasses::<Pow2<16, 1024>, BlockPoolHead, _>::try_new($parent!(), pools).unwrap(),
                    $parent!(),
                ),
                "fallback": Fallback::new(Bump::new_all(Buffer::new(&mut memory)), $parent!()),
                "last resort": LastResort::new($parent!(), Bump::new_all(Buffer::new(&mut more))),
                "counted": Counted::new($parent!()),
                "quota": Quota::new($parent!(), 16 * LARGE),
                "affix": Affix::new($parent!(), 1_u64, 2_u64),
                "min align": MinAlign::new($parent!(), Const::<64>),
                "frozen": Frozen::new($parent!()),
                "observed": Observed::new($parent!(), |_| {}),
                "on failure": OnFailure::new($parent!(), Stop),
                "scrubbed": Scrubbed::new($parent!()),
                "checked": Checked::new($parent!(), Stop),
                "recorded nowhere": $parent!().recorded(()),
                "sampled": Sampled::new($parent!(), 4096, Unwind),
                "locked": Locked::with_lock($parent!(), SpinLock::new()),
                "thread cached": ThreadCached::new(Locked::new($parent!()), Quad::<2048>, LARGE),
            }
        }
    };
}

over!(every_part_over_std_s_memory_serves_every_container, |parent, _bump| System);
over!(every_part_over_bumpalo_serves_every_container, |parent, bump| FromApi2_02::new(&bump));
