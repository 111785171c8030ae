//! What `Composition::to_rust` prints; written by its test.

pub mod c0 {
    pub const TEXT: &str = "system";

    use blockwork::System;

    /// `system`
    pub type Heap = System;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        System
    }
}

pub mod c1 {
    pub const TEXT: &str = "pages";

    use blockwork::Pages;

    /// `pages`
    pub type Heap = Pages;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Pages
    }
}

pub mod c2 {
    pub const TEXT: &str = "guarded";

    use blockwork::Guarded;

    /// `guarded`
    pub type Heap = Guarded;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Guarded::new()
    }
}

pub mod c3 {
    pub const TEXT: &str = "null";

    use blockwork::Null;

    /// `null`
    pub type Heap = Null;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Null
    }
}

pub mod c4 {
    pub const TEXT: &str = "bump(64k) over system";

    use blockwork::{Bump, System};

    /// `bump(64k) over system`
    pub type Heap = Bump<System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Bump::new(System, 65536)
    }
}

pub mod c5 {
    pub const TEXT: &str = "arena over pages";

    use blockwork::{Arena, ArenaConfig, ConfigError, Pages, Valid};

    /// `arena over pages`
    pub type Heap = Arena<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Arena::new(Pages, const { valid(ArenaConfig { span_first: 4096, span_max: 1048576, ..ArenaConfig::DEFAULT }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c6 {
    pub const TEXT: &str = "arena(8k..64k) over pages";

    use blockwork::{Arena, ArenaConfig, ConfigError, Pages, Valid};

    /// `arena(8k..64k) over pages`
    pub type Heap = Arena<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Arena::new(Pages, const { valid(ArenaConfig { span_first: 8192, span_max: 65536, ..ArenaConfig::DEFAULT }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c7 {
    pub const TEXT: &str = "block_pool(48) over system";

    use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, ConfigError, System, Valid};

    /// `block_pool(48) over system`
    pub type Heap = BlockPool<System, BlockOf<48, 16>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        BlockPool::new(System, const { valid(BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(65536) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c8 {
    pub const TEXT: &str = "block_pool(48, align 8) over system";

    use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, ConfigError, System, Valid};

    /// `block_pool(48, align 8) over system`
    pub type Heap = BlockPool<System, BlockOf<48, 8>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        BlockPool::new(System, const { valid(BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(65536) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c9 {
    pub const TEXT: &str = "block_pool(100, align 64, blocks 10) over system";

    use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, ConfigError, System, Valid};

    /// `block_pool(100, align 64, blocks 10) over system`
    pub type Heap = BlockPool<System, BlockOf<100, 64>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        BlockPool::new(System, const { valid(BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Blocks(10) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c10 {
    pub const TEXT: &str = "block_pool(4k, chunk 1M) over pages";

    use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, ConfigError, Pages, Valid};

    /// `block_pool(4k, chunk 1M) over pages`
    pub type Heap = BlockPool<Pages, BlockOf<4096, 16>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        BlockPool::new(Pages, const { valid(BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(1048576) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c11 {
    pub const TEXT: &str = "block_pool(pow2 16..1k) over pages";

    use blockwork::{BlockPoolHead, BlockPoolPolicy, ChunkSize, ConfigError, Pages, Pow2, SizeClasses, Valid};

    /// `block_pool(pow2 16..1k) over pages`
    pub type Heap = SizeClasses<Pow2<16, 1024>, BlockPoolHead, Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SizeClasses::new(Pages, const { valid(BlockPoolPolicy { chunk: ChunkSize::Bytes(65536) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c12 {
    pub const TEXT: &str = "block_pool(quad 16..4k, chunk 32k) over system";

    use blockwork::{BlockPoolHead, BlockPoolPolicy, ChunkSize, ConfigError, Quad, SizeClasses, System, Valid};

    /// `block_pool(quad 16..4k, chunk 32k) over system`
    pub type Heap = SizeClasses<Quad<4096>, BlockPoolHead, System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SizeClasses::new(System, const { valid(BlockPoolPolicy { chunk: ChunkSize::Bytes(32768) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c13 {
    pub const TEXT: &str = "block_pool(24|48|200, blocks 10) over system";

    use blockwork::{BlockPoolHead, BlockPoolPolicy, ChunkSize, ConfigError, Listed, SizeClasses, Sizes, System, Valid, math::size_class::Initial};

    /// Sizes of classes.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Sizes0;

    impl Sizes for Sizes0 {
        const SIZES: &'static [usize] = &[24, 48, 200];
        type PerSize<T: Initial> = [T; 3];
    }

    /// `block_pool(24|48|200, blocks 10) over system`
    pub type Heap = SizeClasses<Listed<Sizes0>, BlockPoolHead, System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SizeClasses::new(System, const { valid(BlockPoolPolicy { chunk: ChunkSize::Blocks(10) }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c14 {
    pub const TEXT: &str = "concurrent_block_pool(48) over system";

    use blockwork::{BlockOf, ConcurrentBlockPool, ConcurrentBlockPoolConfig, ConfigError, System, Valid};

    /// `concurrent_block_pool(48) over system`
    pub type Heap = ConcurrentBlockPool<System, BlockOf<48, 16>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        ConcurrentBlockPool::new(System, const { valid(ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: 65536 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c15 {
    pub const TEXT: &str = "concurrent_block_pool(100, align 64, chunk 4k) over pages";

    use blockwork::{BlockOf, ConcurrentBlockPool, ConcurrentBlockPoolConfig, ConfigError, Pages, Valid};

    /// `concurrent_block_pool(100, align 64, chunk 4k) over pages`
    pub type Heap = ConcurrentBlockPool<Pages, BlockOf<100, 64>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        ConcurrentBlockPool::new(Pages, const { valid(ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: 4096 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c16 {
    pub const TEXT: &str = "span_pool(64k) over pages";

    use blockwork::{ConfigError, Pages, SpanPool, SpanPoolConfig, Valid};

    /// `span_pool(64k) over pages`
    pub type Heap = SpanPool<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 65536, ..SpanPoolConfig::DEFAULT }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c17 {
    pub const TEXT: &str = "span_pool(4k, 64k) over pages";

    use blockwork::{ConfigError, Pages, SpanPool, SpanPoolConfig, Valid};

    /// `span_pool(4k, 64k) over pages`
    pub type Heap = SpanPool<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 4096, backing_request: Some(65536), ..SpanPoolConfig::DEFAULT }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c18 {
    pub const TEXT: &str = "span_pool(4k, 64k, keep all, capacity 1000) over pages";

    use blockwork::{ConfigError, Pages, Retain, SpanPool, SpanPoolConfig, Valid};

    /// `span_pool(4k, 64k, keep all, capacity 1000) over pages`
    pub type Heap = SpanPool<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 4096, backing_request: Some(65536), retain: Retain::never_release(), capacity: 1000, }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c19 {
    pub const TEXT: &str = "span_pool(4k, keep 10%..90%) over pages";

    use blockwork::{ConfigError, Pages, Retain, SpanPool, SpanPoolConfig, Threshold, Valid};

    /// `span_pool(4k, keep 10%..90%) over pages`
    pub type Heap = SpanPool<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 4096, retain: Retain::simple(Threshold::Permille { min: 100, max: 900 }), ..SpanPoolConfig::DEFAULT }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c20 {
    pub const TEXT: &str = "span_pool(4k, keep eagerly 64k..1M) over pages";

    use blockwork::{ConfigError, Pages, Retain, SpanPool, SpanPoolConfig, Threshold, Valid};

    /// `span_pool(4k, keep eagerly 64k..1M) over pages`
    pub type Heap = SpanPool<Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 4096, retain: Retain::aggressive(Threshold::Bytes { min: 65536, max: 1048576 }), ..SpanPoolConfig::DEFAULT }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c21 {
    pub const TEXT: &str = "slab(64) over pages";

    use blockwork::{ConfigError, Const, Pages, Slab, SlabConfig, Valid};

    /// `slab(64) over pages`
    pub type Heap = Slab<Pages, Const<64>, Const<65536>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Slab::new(Pages, const { valid(SlabConfig { slot_size: Const, slab_size: Const, keep: 1 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c22 {
    pub const TEXT: &str = "slab(104, 4k, keep 3) over pages";

    use blockwork::{ConfigError, Const, Pages, Slab, SlabConfig, Valid};

    /// `slab(104, 4k, keep 3) over pages`
    pub type Heap = Slab<Pages, Const<104>, Const<4096>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Slab::new(Pages, const { valid(SlabConfig { slot_size: Const, slab_size: Const, keep: 3 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c23 {
    pub const TEXT: &str = "slab(quad 16..1k) over pages";

    use blockwork::{ConfigError, Const, Pages, Quad, SizeClasses, SlabHead, SlabPolicy, Valid};

    /// `slab(quad 16..1k) over pages`
    pub type Heap = SizeClasses<Quad<1024>, SlabHead<Const<65536>>, Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SizeClasses::new(Pages, const { valid(SlabPolicy { slab_size: Const, keep: 1 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c24 {
    pub const TEXT: &str = "slab(pow2 8..4k, 16k, keep 0) over pages";

    use blockwork::{ConfigError, Const, Pages, Pow2, SizeClasses, SlabHead, SlabPolicy, Valid};

    /// `slab(pow2 8..4k, 16k, keep 0) over pages`
    pub type Heap = SizeClasses<Pow2<8, 4096>, SlabHead<Const<16384>>, Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SizeClasses::new(Pages, const { valid(SlabPolicy { slab_size: Const, keep: 0 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c25 {
    pub const TEXT: &str = "slab(24|48|200|1000, 8k) over pages";

    use blockwork::{ConfigError, Const, Listed, Pages, SizeClasses, Sizes, SlabHead, SlabPolicy, Valid, math::size_class::Initial};

    /// Sizes of classes.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Sizes0;

    impl Sizes for Sizes0 {
        const SIZES: &'static [usize] = &[24, 48, 200, 1000];
        type PerSize<T: Initial> = [T; 4];
    }

    /// `slab(24|48|200|1000, 8k) over pages`
    pub type Heap = SizeClasses<Listed<Sizes0>, SlabHead<Const<8192>>, Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        SizeClasses::new(Pages, const { valid(SlabPolicy { slab_size: Const, keep: 1 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c26 {
    pub const TEXT: &str = "mixed_slab over pages";

    use blockwork::{ConfigError, Const, MixedSlab, Pages, SlabPolicy, Valid};

    /// `mixed_slab over pages`
    pub type Heap = MixedSlab<Pages, Const<65536>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        MixedSlab::new(Pages, const { valid(SlabPolicy { slab_size: Const, keep: 1 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c27 {
    pub const TEXT: &str = "mixed_slab(16k) over pages";

    use blockwork::{ConfigError, Const, MixedSlab, Pages, SlabPolicy, Valid};

    /// `mixed_slab(16k) over pages`
    pub type Heap = MixedSlab<Pages, Const<16384>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        MixedSlab::new(Pages, const { valid(SlabPolicy { slab_size: Const, keep: 1 }.check()) })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c28 {
    pub const TEXT: &str = "memo over system";

    use blockwork::{Memo, System};

    /// `memo over system`
    pub type Heap = Memo<System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Memo::new(System, usize::MAX)
    }
}

pub mod c29 {
    pub const TEXT: &str = "memo(limit 1M) over system";

    use blockwork::{Memo, System};

    /// `memo(limit 1M) over system`
    pub type Heap = Memo<System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Memo::new(System, 1048576)
    }
}

pub mod c30 {
    pub const TEXT: &str = "memo(quad 16..1M, limit 1000) over system";

    use blockwork::{Memo, Quad, System};

    /// `memo(quad 16..1M, limit 1000) over system`
    pub type Heap = Memo<System, Quad<1048576>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Memo::by_class(System, Quad, 1000)
    }
}

pub mod c31 {
    pub const TEXT: &str = "memo(pow2 16..1k) over system";

    use blockwork::{Memo, Pow2, System};

    /// `memo(pow2 16..1k) over system`
    pub type Heap = Memo<System, Pow2<16, 1024>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Memo::by_class(System, Pow2, usize::MAX)
    }
}

pub mod c32 {
    pub const TEXT: &str = "memo(16|32|56) over system";

    use blockwork::{Listed, Memo, Sizes, System, math::size_class::Initial};

    /// Sizes of classes.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Sizes0;

    impl Sizes for Sizes0 {
        const SIZES: &'static [usize] = &[16, 32, 56];
        type PerSize<T: Initial> = [T; 3];
    }

    /// `memo(16|32|56) over system`
    pub type Heap = Memo<System, Listed<Sizes0>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Memo::by_class(System, Listed::new(), usize::MAX)
    }
}

pub mod c33 {
    pub const TEXT: &str = "thread_cached(quad 16..1k) over system";

    use blockwork::{Quad, System, ThreadCached};

    /// `thread_cached(quad 16..1k) over system`
    pub type Heap = ThreadCached<System, Quad<1024>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        ThreadCached::new(System, Quad, 65536)
    }
}

pub mod c34 {
    pub const TEXT: &str = "thread_cached(pow2 8..4k, limit 4k) over locked over span_pool(64) over pages";

    use blockwork::{ConfigError, Locked, Pages, Pow2, SpanPool, SpanPoolConfig, ThreadCached, Valid};

    /// `thread_cached(pow2 8..4k, limit 4k) over locked over span_pool(64) over pages`
    pub type Heap = ThreadCached<Locked<SpanPool<Pages>>, Pow2<8, 4096>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        ThreadCached::new(Locked::new(SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT }.check()) })), Pow2, 4096)
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c35 {
    pub const TEXT: &str = "thread_cached(16|32|104, limit 1M) over counted over system";

    use blockwork::{Counted, Listed, Sizes, System, ThreadCached, math::size_class::Initial};

    /// Sizes of classes.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Sizes0;

    impl Sizes for Sizes0 {
        const SIZES: &'static [usize] = &[16, 32, 104];
        type PerSize<T: Initial> = [T; 3];
    }

    /// `thread_cached(16|32|104, limit 1M) over counted over system`
    pub type Heap = ThreadCached<Counted<System>, Listed<Sizes0>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        ThreadCached::new(Counted::new(System), Listed::new(), 1048576)
    }
}

pub mod c36 {
    pub const TEXT: &str = "segregate(<=64: system, else pages)";

    use blockwork::{Pages, Segregate, System, UpTo};

    /// `segregate(<=64: system, else pages)`
    pub type Heap = Segregate<UpTo<64>, System, Pages>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Segregate::new(UpTo, System, Pages)
    }
}

pub mod c37 {
    pub const TEXT: &str = "segregate(<=64: slab(64) over pages, <=1k: slab(pow2 128..1k) over pages, else system)";

    use blockwork::{ConfigError, Const, Pages, Pow2, Segregate, SizeClasses, Slab, SlabConfig, SlabHead, SlabPolicy, System, UpTo, Valid};

    /// `segregate(<=64: slab(64) over pages, <=1k: slab(pow2 128..1k) over pages, else system)`
    pub type Heap = Segregate<UpTo<64>, Slab<Pages, Const<64>, Const<65536>>, Segregate<UpTo<1024>, SizeClasses<Pow2<128, 1024>, SlabHead<Const<65536>>, Pages>, System>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Segregate::new(UpTo, Slab::new(Pages, const { valid(SlabConfig { slot_size: Const, slab_size: Const, keep: 1 }.check()) }), Segregate::new(UpTo, SizeClasses::new(Pages, const { valid(SlabPolicy { slab_size: Const, keep: 1 }.check()) }), System))
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c38 {
    pub const TEXT: &str = "fallback(bump(4k) over system, system)";

    use blockwork::{Bump, Fallback, System};

    /// `fallback(bump(4k) over system, system)`
    pub type Heap = Fallback<Bump<System>, System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Fallback::new(Bump::new(System, 4096), System)
    }
}

pub mod c39 {
    pub const TEXT: &str = "last_resort(quota(1M) over system, span_pool(64) over pages)";

    use blockwork::{ConfigError, Const, LastResort, Pages, Quota, SpanPool, SpanPoolConfig, System, Valid};

    /// `last_resort(quota(1M) over system, span_pool(64) over pages)`
    pub type Heap = LastResort<Quota<System, Const<1048576>>, SpanPool<Pages>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        LastResort::new(Quota::new(System, Const), SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT }.check()) }))
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c40 {
    pub const TEXT: &str = "counted over quota(1M) over scrubbed over checked over or_stop over locked over system";

    use blockwork::{Checked, Const, Counted, Locked, OnFailure, Quota, Scrubbed, Stop, System};

    /// `counted over quota(1M) over scrubbed over checked over or_stop over locked over system`
    pub type Heap = Counted<Quota<Scrubbed<Checked<OnFailure<Locked<System>, Stop>, Stop>>, Const<1048576>>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Counted::new(Quota::new(Scrubbed::new(Checked::new(OnFailure::new(Locked::new(System), Stop), Stop)), Const))
    }
}

pub mod c41 {
    pub const TEXT: &str = "checked(fence 16) over system";

    use blockwork::{Below, Checked, Scrutiny, Stop, System, Unsited};

    /// `checked(fence 16) over system`
    pub type Heap = Checked<System, Stop>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Checked::with(System, Stop, Below, Unsited, Scrutiny { fence: 16, fill: false, quarantine: 0 })
    }
}

pub mod c42 {
    pub const TEXT: &str = "checked(fence 8, fill, quarantine 100) over arena over pages";

    use blockwork::{Arena, ArenaConfig, Below, Checked, ConfigError, Pages, Scrutiny, Stop, Unsited, Valid};

    /// `checked(fence 8, fill, quarantine 100) over arena over pages`
    pub type Heap = Checked<Arena<Pages>, Stop>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Checked::with(Arena::new(Pages, const { valid(ArenaConfig { span_first: 4096, span_max: 1048576, ..ArenaConfig::DEFAULT }.check()) }), Stop, Below, Unsited, Scrutiny { fence: 8, fill: true, quarantine: 100 })
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c43 {
    pub const TEXT: &str = "fallback(checked(fill) over quota(1M) over system, system)";

    use blockwork::{Below, Checked, Const, Fallback, Quota, Scrutiny, Stop, System, Unsited};

    /// `fallback(checked(fill) over quota(1M) over system, system)`
    pub type Heap = Fallback<Checked<Quota<System, Const<1048576>>, Stop>, System>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Fallback::new(Checked::with(Quota::new(System, Const), Stop, Below, Unsited, Scrutiny { fence: 0, fill: true, quarantine: 0 }), System)
    }
}

pub mod c44 {
    pub const TEXT: &str = "segregate(<=1M: bump(4k) over observed(growth) over system, else observed over system)";

    use blockwork::{Bump, Event, Growth, Observed, Segregate, System, UpTo, combine::observed::print};

    /// `segregate(<=1M: bump(4k) over observed(growth) over system, else observed over system)`
    pub type Heap = Segregate<UpTo<1048576>, Bump<Observed<System, fn(Event), Growth>>, Observed<System, fn(Event)>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Segregate::new(UpTo, Bump::new(Observed::growth(System, print as fn(Event)), 4096), Observed::new(System, print as fn(Event)))
    }
}

pub mod c45 {
    pub const TEXT: &str = "affix over system";

    use blockwork::{Affix, System};

    /// `affix over system`
    pub type Heap = Affix<System, usize, usize>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Affix::new(System, 0, 0)
    }
}

pub mod c46 {
    pub const TEXT: &str = "fallback(min_align(64) over bump(4k) over system, frozen over affix over system)";

    use blockwork::{Affix, Bump, Const, Fallback, Frozen, MinAlign, System};

    /// `fallback(min_align(64) over bump(4k) over system, frozen over affix over system)`
    pub type Heap = Fallback<MinAlign<Bump<System>, Const<64>>, Frozen<Affix<System, usize, usize>>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub const fn heap() -> Heap {
        Fallback::new(MinAlign::new(Bump::new(System, 4096), Const), Frozen::new(Affix::new(System, 0, 0)))
    }
}

pub mod c47 {
    pub const TEXT: &str = "let root = quota(64k) over system; segregate(<=64: quota(1k) over root, else quota(60k) over root)";

    use std::rc::Rc;
    use blockwork::{Const, Quota, Segregate, System, UpTo};

    /// `quota(64k) over system`
    pub type SharedRoot = Rc<Quota<System, Const<65536>>>;

    /// `segregate(<=64: quota(1k) over root, else quota(60k) over root)`
    pub type Heap = Segregate<UpTo<64>, Quota<SharedRoot, Const<1024>>, Quota<SharedRoot, Const<61440>>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub fn heap() -> Heap {
        let root: SharedRoot = Rc::new(Quota::new(System, Const));
        Segregate::new(UpTo, Quota::new(Rc::clone(&root), Const), Quota::new(Rc::clone(&root), Const))
    }
}

pub mod c48 {
    pub const TEXT: &str = "let s = span_pool(64k) over pages; segregate(<=32k: slab(pow2 16..32k) over s, else s)";

    use std::rc::Rc;
    use blockwork::{ConfigError, Const, Pages, Pow2, Segregate, SizeClasses, SlabHead, SlabPolicy, SpanPool, SpanPoolConfig, UpTo, Valid};

    /// `span_pool(64k) over pages`
    pub type SharedS = Rc<SpanPool<Pages>>;

    /// `segregate(<=32k: slab(pow2 16..32k) over s, else s)`
    pub type Heap = Segregate<UpTo<32768>, SizeClasses<Pow2<16, 32768>, SlabHead<Const<65536>>, SharedS>, SharedS>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub fn heap() -> Heap {
        let s: SharedS = Rc::new(SpanPool::new(Pages, const { valid(SpanPoolConfig { block: 65536, ..SpanPoolConfig::DEFAULT }.check()) }));
        Segregate::new(UpTo, SizeClasses::new(Rc::clone(&s), const { valid(SlabPolicy { slab_size: Const, keep: 1 }.check()) }), Rc::clone(&s))
    }

    /// A configuration that is checked while this compiles.
    const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {
        match checked {
            Ok(valid) => valid,
            Err(error) => panic!("{}", error.rule),
        }
    }
}

pub mod c49 {
    pub const TEXT: &str = "let a = bump(64M) over pages; let b = memo over a; fallback(counted over bump(4k) over b, segregate(<=100: a, else b))";

    use std::rc::Rc;
    use blockwork::{Bump, Counted, Fallback, Memo, Pages, Segregate, UpTo};

    /// `bump(64M) over pages`
    pub type SharedA = Rc<Bump<Pages>>;

    /// `memo over a`
    pub type SharedB = Rc<Memo<SharedA>>;

    /// `fallback(counted over bump(4k) over b, segregate(<=100: a, else b))`
    pub type Heap = Fallback<Counted<Bump<SharedB>>, Segregate<UpTo<100>, SharedA, SharedB>>;

    /// Makes a [`Heap`]; takes no memory yet.
    pub fn heap() -> Heap {
        let a: SharedA = Rc::new(Bump::new(Pages, 67108864));
        let b: SharedB = Rc::new(Memo::new(Rc::clone(&a), usize::MAX));
        Fallback::new(Counted::new(Bump::new(Rc::clone(&b), 4096)), Segregate::new(UpTo, Rc::clone(&a), Rc::clone(&b)))
    }
}

/// Calls a macro with every module.
macro_rules! every {
    ($call:ident) => { $call!(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25, c26, c27, c28, c29, c30, c31, c32, c33, c34, c35, c36, c37, c38, c39, c40, c41, c42, c43, c44, c45, c46, c47, c48, c49) };
}
pub(super) use every;
