//! The candidates: they grow from nothing, as one does who does not know how many there will be.

use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};

use bench::fine::{Fine, fine};
use blockwork::{
    Allocate, Arena, ArenaConfig, BlockAt, BlockPool, BlockPoolConfig, ChunkSize, ConcurrentBlockPool,
    ConcurrentBlockPoolConfig, Heap, Pool, PoolKey, Quad, Segregate, SizeClasses, Slab, SlabConfig, SlabHead,
    SlabPolicy, SpanPool, SpanPoolConfig, UpTo,
};
use slotmap::{DefaultKey, DenseSlotMap, SlotMap};

use super::{counting::Parent, measure::Hold};
use crate::peers::global::{Malloc, Named};

/// One of our parts.
pub(super) struct Part<A>(A);

/// Makes a part for blocks of a size.
pub(super) trait For: Allocate {
    fn size(size: usize) -> Self;
}

impl<A: For> Hold for Part<A> {
    fn new(size: usize) -> Self {
        Self(A::size(size))
    }

    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.allocate(layout).expect("memory")
    }
}

fn block(size: usize) -> BlockAt {
    BlockAt::new(size, 1).expect("a good size")
}

/// Room for some blocks: a page at least.
fn slab(size: usize) -> usize {
    (size * 32).next_power_of_two().max(4096)
}

impl For for BlockPool<Parent, BlockAt> {
    fn size(size: usize) -> Self {
        let chunk = ChunkSize::Blocks((1024 / size).max(16));
        Self::try_new(Parent, BlockPoolConfig { block: block(size), chunk }).expect("a good configuration")
    }
}

impl For for ConcurrentBlockPool<Parent, BlockAt> {
    fn size(size: usize) -> Self {
        let config = ConcurrentBlockPoolConfig { block: block(size), chunk_size: slab(size) };
        Self::try_new(Parent, config).expect("a good configuration")
    }
}

impl For for Slab<Parent> {
    fn size(size: usize) -> Self {
        let config = SlabConfig { slot_size: size, slab_size: slab(size), keep: 1 };
        Self::try_new(Parent, config).expect("a good configuration")
    }
}

/// Classes of slabs, and spans for what is larger.
pub(super) type Classes = Segregate<UpTo<2048>, SizeClasses<Quad<2048>, SlabHead<usize>, Parent>, SpanPool<Parent>>;

impl For for Classes {
    fn size(_size: usize) -> Self {
        let slabs = SlabPolicy { slab_size: 16 << 10, keep: 1 };
        let small = SizeClasses::try_new(Parent, slabs).expect("a good configuration");
        Self::new(UpTo, small, For::size(1024))
    }
}

impl For for Fine<Parent> {
    fn size(_size: usize) -> Self {
        fine(Parent)
    }
}

impl For for SpanPool<Parent> {
    fn size(size: usize) -> Self {
        let config = SpanPoolConfig { block: size.next_power_of_two().max(64), ..SpanPoolConfig::DEFAULT };
        Self::try_new(Parent, config).expect("a good configuration")
    }
}

impl For for Heap<Parent> {
    fn size(_size: usize) -> Self {
        Self::new(Parent)
    }
}

impl For for Arena<Parent> {
    fn size(_size: usize) -> Self {
        Self::try_new(Parent, ArenaConfig::DEFAULT).expect("a good configuration")
    }
}

impl<G: Named> Hold for Malloc<G> {
    fn new(_size: usize) -> Self {
        Self::NEW
    }

    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.allocate(layout)
    }
}

impl Hold for bumpalo::Bump {
    fn new(_size: usize) -> Self {
        Self::new()
    }

    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.alloc_layout(layout)
    }
}

impl Hold for bump_scope::Bump {
    fn new(_size: usize) -> Self {
        Self::new()
    }

    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        use bump_scope::traits::BumpAllocatorTyped as _;
        self.allocate_layout(layout)
    }
}

/// A value of so many bytes that nobody has written, aligned as most values are.
#[repr(C, align(8))]
pub(super) struct Bytes<const SIZE: usize>(MaybeUninit<[u8; SIZE]>);

impl<const SIZE: usize> Bytes<SIZE> {
    fn uninit() -> Self {
        Self(MaybeUninit::uninit())
    }
}

/// Where a value lies.
fn at<const SIZE: usize>(value: &mut Bytes<SIZE>) -> NonNull<u8> {
    NonNull::from(value).cast()
}

/// Writes down who stores values of a size that is known when compiled.
macro_rules! stores {
    ($($(#[$meta:meta])* $name:ident($store:ty) = $new:expr, $take:expr;)+) => {
        $($(#[$meta])*
        pub(super) struct $name<const SIZE: usize>($store);

        impl<const SIZE: usize> Hold for $name<SIZE> {
            fn new(_size: usize) -> Self {
                Self($new)
            }

            fn take(&mut self, _layout: Layout) -> NonNull<u8> {
                let take: fn(&mut $store) -> NonNull<u8> = $take;
                take(&mut self.0)
            }
        })+
    };
}

stores! {
    /// slab.
    InSlab(slab::Slab<Bytes<SIZE>>) = slab::Slab::new(), |slab| {
        let key = slab.insert(Bytes::uninit());
        at(&mut slab[key])
    };
    /// slotmap.
    InSlotMap(SlotMap<DefaultKey, Bytes<SIZE>>) = SlotMap::new(), |map| {
        let key = map.insert(Bytes::uninit());
        at(&mut map[key])
    };
    /// slotmap's other one.
    InDenseSlotMap(DenseSlotMap<DefaultKey, Bytes<SIZE>>) = DenseSlotMap::new(), |map| {
        let key = map.insert(Bytes::uninit());
        at(&mut map[key])
    };
    /// typed-arena.
    InTypedArena(typed_arena::Arena<Bytes<SIZE>>) = typed_arena::Arena::new(), |arena| at(arena.alloc(Bytes::uninit()));
    /// Ours, by key.
    InPool(Pool<Bytes<SIZE>, Parent>) = Pool::new(Parent), |pool| {
        let key: PoolKey<Bytes<SIZE>> = pool.insert(Bytes::uninit());
        at(pool.get_mut(key).expect("inserted above"))
    };
}
