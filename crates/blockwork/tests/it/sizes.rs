//! What parts take beside their memory: a table, and that sources without a
//! value, and handles, add nothing to it.

use blockwork::{
    Affix, Arena, BlockAt, BlockOf, BlockPool, BlockPoolHead, Buffer, Bump, Checked, ConcurrentBlockPool, Const,
    Counted, Event, Fallback, Frozen, LastResort, Locked, Memo, MinAlign, MixedSlab, Null, Observed, OnFailure,
    PerChunk, Pow2, Quad, Quota, Recorded, Return, Sampled, Scrubbed, Segregate, SizeClasses, Slab, SlabHead, SpanPool,
    SpinLock, Stop, System, ThreadCached, Unwind, UpTo, handle,
};
#[cfg(not(blockwork_no_os))]
use blockwork::{Pages, PagesWith};

static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
handle!(
    /// One of many with a name of its own.
    struct Heap = HEAP;
);

/// Words over parents without a value, which have to be alike, and one word less
/// than over a reference.
const fn words<Source, Handle, Nothing, Lent>() -> usize {
    let size = size_of::<Source>();
    assert!(size_of::<Handle>() == size && size_of::<Nothing>() == size, "a parent without a value takes bytes");
    let align = align_of::<Lent>();
    assert!(
        size_of::<Lent>() <= size.next_multiple_of(align).saturating_add(align),
        "a reference takes more than a word"
    );
    size.div_ceil(size_of::<usize>())
}

macro_rules! table {
    ($($name:ident<$parent:ident> = $part:ty, $words:literal;)+) => {
        $(type $name<$parent> = $part;)+

        /// Name, words, and what the table says, of all parts.
        const fn rows() -> [(&'static str, usize, usize); [$($words),+].len()] {
            [$((stringify!($name), words::<$name<System>, $name<Heap>, $name<Null>, $name<&'static System>>(), $words)),+]
        }
    };
}

table! {
    BumpOver<A> = Bump<A>, 6;
    ArenaOver<A> = Arena<A>, 9;
    BlockPoolOver<A> = BlockPool<A, BlockOf<64>>, 9;
    BlockPoolAt<A> = BlockPool<A, BlockAt>, 11;
    BlockPoolPerChunk<A> = BlockPool<A, BlockOf<64>, PerChunk>, 12;
    ConcurrentOver<A> = ConcurrentBlockPool<A, BlockOf<64>>, 16;
    SpanPoolOver<A> = SpanPool<A>, 248;
    MemoOver<A> = Memo<A>, 195;
    SlabOver<A> = Slab<A, Const<48>, Const<4096>>, 9;
    MixedSlabOver<A> = MixedSlab<A>, 136;
    ClassesOfSlabs<A> = SizeClasses<Quad<1024>, SlabHead<Const<4096>>, A>, 161;
    ClassesOfPools<A> = SizeClasses<Pow2<16, 1024>, BlockPoolHead, A>, 110;
    SegregateOver<A> = Segregate<UpTo<64>, A, System>, 0;
    FallbackOver<A> = Fallback<Buffer<'static>, A>, 3;
    LastResortOver<A> = LastResort<A, Buffer<'static>>, 3;
    CountedOver<A> = Counted<A>, 7;
    QuotaOver<A> = Quota<A>, 2;
    QuotaOfTheType<A> = Quota<A, Const<1000>>, 1;
    FrozenOver<A> = Frozen<A>, 1;
    MinAlignOver<A> = MinAlign<A, Const<64>>, 0;
    AffixOver<A> = Affix<A>, 0;
    ObservedOver<A> = Observed<A, fn(Event)>, 1;
    OnFailureReturn<A> = OnFailure<A, Return>, 0;
    OnFailureStop<A> = OnFailure<A, Stop>, 0;
    ScrubbedOver<A> = Scrubbed<A>, 1;
    CheckedOver<A> = Checked<A, Stop>, 16;
    SampledNever<A> = Sampled<A, Const<0>, Unwind>, 6;
    SampledOver<A> = Sampled<A, usize, Unwind>, 7;
    RecordedNowhere<A> = Recorded<A, ()>, 0;
    LockedSpin<A> = Locked<A, SpinLock>, 1;
    ThreadCachedOver<A> = ThreadCached<A, Quad<1024>>, 2;
    ThreadCachedOfOne<A> = ThreadCached<A, BlockOf<64>>, 2;
}

#[test]
fn sources_and_handles_have_no_size_and_a_reference_has_a_word() {
    assert_eq!([size_of::<System>(), size_of::<Null>(), size_of::<Heap>()], [0; 3]);
    #[cfg(not(blockwork_no_os))]
    assert_eq!([size_of::<Pages>(), size_of::<PagesWith>().min(1)], [0, 1]);
    assert_eq!(size_of::<&System>(), size_of::<usize>());
}

#[test]
fn parents_without_a_value_add_nothing_to_any_part() {
    // That they are alike is checked where the rows are made.
    let rows = const { rows() };
    let wrong: Vec<_> =
        rows.iter().filter(|(_, words, said)| cfg!(target_pointer_width = "64") && words != said).collect();
    assert!(wrong.is_empty(), "part, words, words in the table: {wrong:?}");
}

#[test]
fn a_composition_is_the_sum_of_its_parts() {
    type Small<A> = SizeClasses<Quad<1024>, SlabHead<Const<4096>>, A>;
    type Composed = Counted<Segregate<UpTo<1024>, Small<System>, OnFailure<MinAlign<Heap, Const<64>>, Stop>>>;
    assert_eq!(size_of::<Composed>(), size_of::<Counted<System>>() + size_of::<Small<System>>());
}
