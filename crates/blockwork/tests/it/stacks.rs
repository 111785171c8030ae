//! Stacks of parts, one to four high, each part in an odd configuration: drawn
//! at random, and shrunk to the shortest stack that breaks a law.
//!
//! `BLOCKWORK_STACKS=5000 BLOCKWORK_SEED=3` draws more, and others.

use core::alloc::Layout;
use std::env;

use blockwork::{
    BlockAt, BlockPool, BlockPoolConfig, Buffer, Bump, ChunkSize, Counted, Fallback, FromApi2_04, LastResort, Listed,
    Locked, Memo, MixedSlab, PerChunk, Pow2, Quad, Retain, Segregate, SizeClasses, Sizes, Slab, SlabConfig, SlabHead,
    SlabPolicy, SpanPool, SpanPoolConfig, SpinLock, Threshold, UpTo,
    math::size_class::{Classes, Initial},
    suite,
    testing::{Misaligned, Parent, Shuffled, Suite},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// One part of a stack, and how it is configured.
#[derive(Clone, Copy, Debug)]
enum Part {
    Bump { capacity: usize },
    BlockPool { size: usize, align: usize, chunk: ChunkSize },
    PerChunk { size: usize, align: usize, chunk: ChunkSize },
    Memo { limit: usize },
    MemoByClass { limit: usize },
    SpanPool { config: SpanPoolConfig },
    Slab { slot_size: usize, policy: SlabPolicy },
    MixedSlab { policy: SlabPolicy },
    SizeClasses { table: Table, policy: SlabPolicy },
    Segregate { boundary: usize, table: Table, policy: SlabPolicy },
    SegregateMemo { boundary: usize, limit: usize },
    Fallback { region: usize, size: usize, align: usize },
    LastResort { region: usize, block: usize },
    Counted,
    Locked,
    Misaligned,
    Shuffled { seed: u32 },
    ThereAndBack,
}

#[derive(Clone, Copy, Debug)]
enum Table {
    Quads,
    Powers,
    Sparse,
    One,
    QuadsAt,
    PowersAt,
    SparseAt,
}

/// Each size of it is aligned otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Sparse;

impl Sizes for Sparse {
    const SIZES: &'static [usize] = &[8, 16, 24, 104, 192, 408, 512, 1000];
    type PerSize<T: Initial> = [T; 8];
}

#[derive(Clone, Copy, Debug, Default)]
struct One;

impl Sizes for One {
    const SIZES: &'static [usize] = &[72];
    type PerSize<T: Initial> = [T; 1];
}

fn parts() -> impl Strategy<Value = Part> {
    prop_oneof![
        (0..70_000_usize).prop_map(|capacity| Part::Bump { capacity }),
        block_pools(),
        per_chunk(),
        limits().prop_map(|limit| Part::Memo { limit }),
        limits().prop_map(|limit| Part::MemoByClass { limit }),
        span_pools(),
        slabs(),
        policies(7).prop_map(|policy| Part::MixedSlab { policy }),
        (tables(), policies(12)).prop_map(|(table, policy)| Part::SizeClasses { table, policy }),
        (1..3000_usize, tables(), policies(12)).prop_map(|(boundary, table, policy)| Part::Segregate {
            boundary,
            table,
            policy
        }),
        (1..5000_usize, limits()).prop_map(|(boundary, limit)| Part::SegregateMemo { boundary, limit }),
        (0..5000_usize, 1..200_usize, 0..7).prop_map(|(region, size, log)| Part::Fallback {
            region,
            size,
            align: 1_usize << log
        }),
        (0..9000_usize, 6..9).prop_map(|(region, log)| Part::LastResort { region, block: 1_usize << log }),
        Just(Part::Counted),
        Just(Part::Locked),
        Just(Part::Misaligned),
        (0..9_u32).prop_map(|seed| Part::Shuffled { seed }),
        Just(Part::ThereAndBack),
    ]
}

fn limits() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1..100_usize, 100..20_000_usize, Just(usize::MAX)]
}

fn tables() -> impl Strategy<Value = Table> {
    prop_oneof![
        Just(Table::Quads),
        Just(Table::Powers),
        Just(Table::Sparse),
        Just(Table::One),
        Just(Table::QuadsAt),
        Just(Table::PowersAt),
        Just(Table::SparseAt),
    ]
}

/// Slabs from `1 << least` bytes on.
fn policies(least: u32) -> impl Strategy<Value = SlabPolicy> {
    (least..least.saturating_add(5), 0..4_usize).prop_map(|(log, keep)| SlabPolicy { slab_size: 1 << log, keep })
}

fn slabs() -> impl Strategy<Value = Part> {
    (1..=56_usize, policies(9)).prop_map(|(words, policy)| Part::Slab { slot_size: words.saturating_mul(8), policy })
}

fn block_pools() -> impl Strategy<Value = Part> {
    let chunks = prop_oneof![(1..9_usize).prop_map(ChunkSize::Blocks), (2000..9000_usize).prop_map(ChunkSize::Bytes),];
    (1..700_usize, 0..9, chunks).prop_map(|(size, log, chunk)| Part::BlockPool { size, align: 1_usize << log, chunk })
}

fn per_chunk() -> impl Strategy<Value = Part> {
    let chunks = prop_oneof![(1..200_usize).prop_map(ChunkSize::Blocks), (2000..9000_usize).prop_map(ChunkSize::Bytes)];
    (1..700_usize, 0..9, chunks).prop_map(|(size, log, chunk)| Part::PerChunk { size, align: 1_usize << log, chunk })
}

fn span_pools() -> impl Strategy<Value = Part> {
    let retains = prop_oneof![
        Just(Retain::never_release()),
        (0..9000_usize, 0..9000_usize).prop_map(|(a, b)| Retain::bytes(a.min(b)..=a.max(b))),
        (0..=1000_u16, 0..=1000_u16).prop_map(|(a, b)| Retain::simple(Threshold::permille(a.min(b)..=a.max(b)))),
        (0..9000_usize, 0..9000_usize).prop_map(|(a, b)| Retain::bytes(a.min(b)..=a.max(b)).aggressively()),
        (0..=1000_u16, 0..=1000_u16).prop_map(|(a, b)| Retain::aggressive(Threshold::permille(a.min(b)..=a.max(b)))),
    ];
    let capacities = prop_oneof![2 => Just(usize::MAX), 1 => 64..3000_usize];
    (6..13_u32, 0..7_u32, retains, capacities).prop_map(|(block, times, retain, capacity)| Part::SpanPool {
        config: SpanPoolConfig {
            block: 1 << block,
            backing_request: Some(1 << block.saturating_add(times)),
            retain,
            capacity,
        },
    })
}

/// The laws, for this part over any other.
fn suite_of(part: Part) -> Suite {
    let name = &format!("{part:?}");
    match part {
        Part::Bump { capacity } => suite!(name, |parent| Bump::new(parent, capacity), .owns_spans().region()),
        Part::BlockPool { size, align, chunk } => {
            let config = BlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk };
            suite!(name, |parent| BlockPool::try_new(parent, config).unwrap(), .owns_spans().max_size(size).max_align(align))
        }
        Part::PerChunk { size, align, chunk } => {
            let config = BlockPoolConfig { block: BlockAt::new(size, align).unwrap(), chunk };
            suite!(name, |parent| BlockPool::try_with_policy(parent, config, PerChunk).unwrap(), .owns_spans().max_size(size).max_align(align))
        }
        Part::Memo { limit } => suite!(name, |parent| Memo::new(parent, limit), .retains(limit)),
        Part::MemoByClass { limit } => {
            suite!(name, |parent| Memo::by_class(parent, Listed::<Sparse>::default(), limit), .retains(limit))
        }
        Part::SpanPool { config } => {
            suite!(name, |parent| SpanPool::try_new(parent, config).unwrap(), .owns_spans())
        }
        Part::Slab { slot_size, policy: SlabPolicy { slab_size, keep } } => {
            let config = SlabConfig { slot_size, slab_size, keep };
            suite!(name, |parent| Slab::try_new(parent, config).unwrap(), .owns_spans().max_size(slot_size).max_align(8))
        }
        Part::MixedSlab { policy } => suite!(name, |parent| MixedSlab::try_new(parent, policy).unwrap(), .owns_spans()),
        Part::SizeClasses { table, policy } => match table {
            Table::Quads => suite_of_classes(name, Quad::<1024>, policy),
            Table::Powers => suite_of_classes(name, Pow2::<8, 2048>, policy),
            Table::Sparse => suite_of_classes(name, Listed::<Sparse>::new(), policy),
            Table::One => suite_of_classes(name, Listed::<One>::new(), policy),
            Table::QuadsAt => suite_of_classes(name, Quad::at(1024).unwrap(), policy),
            Table::PowersAt => suite_of_classes(name, Pow2::at(8, 2048).unwrap(), policy),
            Table::SparseAt => suite_of_classes(name, Listed::at(Sparse::SIZES).unwrap(), policy),
        },
        Part::Segregate { boundary, table, policy } => match table {
            Table::Quads => suite_of_sides(name, boundary, Quad::<1024>, policy),
            Table::Powers => suite_of_sides(name, boundary, Pow2::<8, 2048>, policy),
            Table::Sparse => suite_of_sides(name, boundary, Listed::<Sparse>::new(), policy),
            Table::One => suite_of_sides(name, boundary, Listed::<One>::new(), policy),
            Table::QuadsAt => suite_of_sides(name, boundary, Quad::at(1024).unwrap(), policy),
            Table::PowersAt => suite_of_sides(name, boundary, Pow2::at(8, 2048).unwrap(), policy),
            Table::SparseAt => suite_of_sides(name, boundary, Listed::at(Sparse::SIZES).unwrap(), policy),
        },
        Part::SegregateMemo { boundary, limit } => {
            suite!(name, |parent| Segregate::new(UpTo::at(boundary), Memo::new(parent, limit), Counted::new(parent)))
        }
        Part::Fallback { region, size, align } => {
            let block = BlockAt::new(size, align).unwrap();
            suite!(name, |parent| Fallback::new(BlockPool::new_all(buffer(parent, region), block), parent), .region())
        }
        Part::LastResort { region, block } => {
            let config = SpanPoolConfig { block, backing_request: Some(block), ..SpanPoolConfig::DEFAULT };
            suite!(name, |parent| {
                let reserve = SpanPool::try_new(Bump::new_all(buffer(parent, region)), config).unwrap();
                LastResort::new(parent, reserve)
            }, .region())
        }
        Part::Counted => suite!(name, |parent| Counted::new(parent), .retains(0)),
        Part::Locked => suite!(name, |parent| Locked::with_lock(parent, SpinLock::new()), .retains(0).not_reentrant()),
        Part::Misaligned => suite!(name, |parent| Misaligned::new(parent), .retains(0)),
        Part::Shuffled { seed } => suite!(name, |parent| Shuffled::new(parent, seed), .retains(0).irregular()),
        Part::ThereAndBack => suite!(name, |parent| FromApi2_04::new(Counted::new(parent)), .retains(0)),
    }
}

fn suite_of_classes<C: Classes>(name: &str, table: C, policy: SlabPolicy) -> Suite {
    let max = table.max();
    suite!(name, |parent| SizeClasses::<C, SlabHead<usize>, _>::try_with_table(parent, table.clone(), policy).unwrap(), .owns_spans().max_size(max))
}

fn suite_of_sides<C: Classes>(name: &str, boundary: usize, table: C, policy: SlabPolicy) -> Suite {
    suite!(name, |parent| {
        let small = SizeClasses::<C, SlabHead<usize>, _>::try_with_table(parent, table.clone(), policy).unwrap();
        Segregate::new(UpTo::at(boundary), small, parent)
    })
}

fn buffer(parent: Parent<'_>, size: usize) -> Buffer<'_> {
    Buffer::new(parent.region(Layout::from_size_align(size, 1).unwrap()))
}

/// A number that the environment may name.
fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn every_stack_keeps_the_laws() {
    let cases = number("BLOCKWORK_STACKS", 40).try_into().unwrap();
    let mut seed = [0xA5; 16];
    seed[..8].copy_from_slice(&number("BLOCKWORK_SEED", 0).to_le_bytes());
    let config = Config { cases, max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &seed));
    let outcome = runner.run(&prop::collection::vec(parts(), 1..=4), |stack| {
        let stacked = stack.into_iter().map(suite_of).reduce(|below, above| above.over(&below));
        stacked.map_or(Ok(()), |suite| suite.try_run()).map_err(|failure| TestCaseError::fail(failure.to_string()))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
