//! Heaps as a program without std writes them: a `static` over memory of its
//! own, whole before the first instruction runs.

use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};

use blockwork::{
    Allocate, BlockOf, BlockPool, Buffer, Bump, Check, Const, Counted, Fallback, Locked, Memo, MixedSlab, PerChunk,
    Pow2, Quad, Retain, Segregate, SizeClasses, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, SpinLock, UpTo, Valid,
};

/// Bytes that lie alike in every image, aligned as a pool of spans asks for sixteen blocks
/// of 1024: so that as many fit.
#[repr(align(16384))]
struct Aligned<const SIZE: usize>([MaybeUninit<u8>; SIZE]);

/// A buffer of so many bytes of the program's image.
macro_rules! region {
    ($size:literal) => {{
        static mut REGION: Aligned<$size> = Aligned([MaybeUninit::uninit(); $size]);
        #[expect(static_mut_refs, reason = "the only one")]
        // SAFETY: nobody else can name it.
        Buffer::new(unsafe { &mut REGION.0 })
    }};
}

const SPANS: Valid<SpanPoolConfig> =
    match (SpanPoolConfig { block: 1024, retain: Retain::never_release(), ..SpanPoolConfig::DEFAULT }).check() {
        Ok(config) => config,
        Err(_) => panic!("the configuration is valid"),
    };
const SLABS: Valid<SlabPolicy<Const<1024>>> = match (SlabPolicy { slab_size: Const, keep: 1 }).check() {
    Ok(policy) => policy,
    Err(_) => panic!("the policy is valid"),
};
const MIXED: Valid<SlabPolicy> = match (SlabPolicy { slab_size: 2048, keep: 0 }).check() {
    Ok(policy) => policy,
    Err(_) => panic!("the policy is valid"),
};

type Spans = Locked<SpanPool<Bump<Buffer<'static>>>, SpinLock>;
/// The memory of small and large blocks alike.
static ROOT: Spans = Locked::with_lock(SpanPool::new(Bump::new_all(region!(65_536)), SPANS), SpinLock::new());

type Small = SizeClasses<Quad<512>, SlabHead<Const<1024>>, &'static Spans>;
/// Two children of one parent behind a lock of their own.
static HEAP: Locked<Counted<Segregate<UpTo<512>, Small, &'static Spans>>, SpinLock> =
    Locked::with_lock(Counted::new(Segregate::new(UpTo, SizeClasses::new(&ROOT, SLABS), &ROOT)), SpinLock::new());

type Pool = BlockPool<Buffer<'static>, BlockOf<64, 16>>;
type Recycled = Memo<MixedSlab<Bump<Buffer<'static>>>, Pow2<16, 256>>;
/// Blocks of a pool; when it is exhausted, recycled ones of any size.
static POOL: Locked<Fallback<Pool, Recycled>, SpinLock> = Locked::with_lock(
    Fallback::new(
        BlockPool::new_all(region!(4096), BlockOf),
        Memo::by_class(MixedSlab::new(Bump::new_all(region!(32_768)), MIXED), Pow2, 4096),
    ),
    SpinLock::new(),
);

/// Blocks of a pool that hands neighbours out together.
static NEIGHBOURS: Locked<BlockPool<Buffer<'static>, BlockOf<64, 16>, PerChunk>, SpinLock> =
    Locked::with_lock(BlockPool::all_with_policy(region!(8192), BlockOf, PerChunk), SpinLock::new());

/// Allocates all that there is of some sizes, each block full of its own byte,
/// and frees it again.
fn serves(heap: &(impl Allocate + Check), sizes: &[usize]) -> usize {
    let mut blocks: [Option<(NonNull<u8>, Layout)>; 600] = [None; 600];
    for (byte, (place, &size)) in (0..=u8::MAX).cycle().zip(blocks.iter_mut().zip(sizes.iter().cycle())) {
        let layout = Layout::from_size_align(size, 8).unwrap();
        let Ok(block) = heap.allocate(layout) else { break };
        // SAFETY: all that is granted is ours.
        unsafe { block.write_bytes(byte, heap.granted(layout)) };
        *place = Some((block, layout));
    }
    assert_eq!(heap.check(), Ok(()));
    for (byte, (block, layout)) in (0..=u8::MAX).cycle().zip(blocks.iter().flatten()) {
        // SAFETY: inside the block.
        let last = unsafe { block.add(layout.size().saturating_sub(1)) };
        // SAFETY: written above, and live.
        assert_eq!(unsafe { last.read() }, byte);
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(*block, *layout) };
    }
    assert_eq!(heap.check(), Ok(()));
    blocks.iter().flatten().count()
}

#[test]
fn a_composition_three_deep_is_a_static() {
    let sizes = [24, 500, 2000, 8, 100];
    let served = serves(&HEAP, &sizes);
    assert!(served > 40, "{served}");
    assert_eq!(serves(&HEAP, &sizes), served, "all of it came back");
    assert_eq!(HEAP.with_parent(|heap| heap.counts().bytes_live), 0);

    let served = serves(&POOL, &[60, 64, 9]);
    assert!(served > 100, "{served}");

    let served = serves(&NEIGHBOURS, &[60, 64, 9]);
    assert!(served > 120, "{served}");
    assert_eq!(serves(&NEIGHBOURS, &[60, 64, 9]), served, "all of it came back");
}
