//! Operations on compositions, and on the parts that know their blocks or can be
//! reset; the conformance harness looks at every step.
//!
//! ```text
//! bytes ─► what stands there, how its parent fails, operations ─► Suite::replay
//! ```

use core::alloc::Layout;
use std::rc::Rc;

use arbitrary::{Result, Unstructured};
use blockwork::{
    Arena, ArenaConfig, Buffer, Bump, Checked, Counted, Fallback, Frozen, Heap, LastResort, Memo, MinAlign, Quota,
    Retain, Scrubbed, Segregate, SpanPool, SpanPoolConfig, Stop, Threshold, UpTo,
    notation::Composition,
    suite,
    testing::{Failing, Op, Parent, Pick, SLOTS, Suite, When},
};

use self::text::Writer;

pub(crate) mod text;

/// The longest sequence: what is wrong with a part shows sooner, and longer ones take long.
const OPERATIONS: usize = 120;

/// Plays what the bytes say.
///
/// # Panics
///
/// A law is broken.
pub fn run(bytes: &[u8]) {
    run_with(bytes, |suite| suite);
}

/// Plays it with what `alter` makes of the suite.
///
/// # Panics
///
/// A law is broken.
pub fn run_with(bytes: &[u8], alter: impl FnOnce(Suite) -> Suite) {
    // What is missing at the end is zeroes.
    let _enough = play(&mut Unstructured::new(bytes), alter);
}

fn play(u: &mut Unstructured<'_>, alter: impl FnOnce(Suite) -> Suite) -> Result<()> {
    let subject = if u.ratio(1, 4)? { part(u)? } else { composition(u)? };
    let Some(suite) = subject else { return Ok(()) };
    let suite = alter(over_failing(suite, when(u)?));
    let mut operations = Vec::new();
    while !u.is_empty() && operations.len() < OPERATIONS {
        operations.push(operation(u)?);
    }
    check(&suite, &operations);
    Ok(())
}

/// Plays `operations`.
///
/// # Panics
///
/// A law is broken.
pub fn check(suite: &Suite, operations: &[Op]) {
    if let Err(violation) = suite.replay(operations) {
        let operations: String = operations.iter().map(|op| format!("\n    {op}")).collect();
        panic!("`{}` breaks {violation}\n  after:{operations}", suite.name());
    }
}

/// A composition that is written down, if what is written is one.
fn composition(u: &mut Unstructured<'_>) -> Result<Option<Suite>> {
    let mut writer = Writer::default();
    writer.write(u)?;
    Ok(composed(&writer.text))
}

/// The composition in `text` over the harness' parent, if it is one.
#[must_use]
pub fn composed(text: &str) -> Option<Suite> {
    let composition = Composition::parse_with(text, &["parent"]).ok()?;
    let own_memory = text.contains("pages") || text.contains("guarded");
    let suite = suite!(text, |parent| {
        let parent: Rc<dyn blockwork::notation::Member + '_> = Rc::new(Quota::new(parent, LIMIT));
        composition.build_over(&[("parent", parent)]).unwrap_or_else(|error| panic!("{composition}: {error}"))
    });
    Some(if own_memory { suite.own_memory() } else { suite })
}

/// What a composition gets of the harness' parent at most: blocks are filled and compared
/// to their last byte.
const LIMIT: usize = 4 << 20;

/// What stands over the harness' parent refuses when `when` says so.
///
/// The layer is there in any case: with it the harness does not ask that a refused
/// request leaves what the parent holds as it was, which is true of a part, and not
/// of a composition whose first child has taken memory before its second one fails.
fn over_failing(suite: Suite, when: When) -> Suite {
    suite.over(&suite!("failing", |parent| Failing::new(parent, when), .irregular()))
}

/// When requests fail.
pub(crate) fn when(u: &mut Unstructured<'_>) -> Result<When> {
    Ok(match u.int_in_range(0..=7)? {
        0 => When::Once(u.int_in_range(0..=40)?),
        1 => When::From(u.int_in_range(0..=40)?),
        2 => When::Every(u.int_in_range(2..=8)?),
        _ => When::Never,
    })
}

fn operation(u: &mut Unstructured<'_>) -> Result<Op> {
    let slot = u.int_in_range(0..=SLOTS - 1)?;
    Ok(match u.int_in_range(0..=15)? {
        0..=5 => Op::Allocate { slot, layout: layout(u)?, zeroed: u.ratio(1, 4)? },
        6..=8 => Op::Free { slot, pick: Pick(u.arbitrary()?) },
        9..=11 => Op::Resize { slot, pick: Pick(u.arbitrary()?), size: size(u)? },
        12..=13 => Op::Move { slot, pick: Pick(u.arbitrary()?), layout: layout(u)? },
        14 => Op::Relocate,
        _ => Op::Reset,
    })
}

fn layout(u: &mut Unstructured<'_>) -> Result<Layout> {
    let shift: u32 = u.int_in_range(0..=15)?;
    let align = 1_usize << if shift > 12 { u.int_in_range(0..=20)? } else { shift.min(7) };
    Ok(Layout::from_size_align(size(u)?, align).unwrap_or(Layout::new::<u64>()))
}

/// Sizes: none between what may well be served and what cannot be.
fn size(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u.int_in_range(0..=15)? {
        0..=6 => u.int_in_range(0..=255)?,
        7..=10 => u.int_in_range(0..=5000)?,
        11..=12 => u.int_in_range(0..=70_000)?,
        // A power of two, or beside one.
        13..=14 => (1_usize << u.int_in_range(0..=16)?).wrapping_add(u.int_in_range(0..=2)?).saturating_sub(1),
        _ => (isize::MAX as usize).wrapping_shr(u.int_in_range(0..=12)?).saturating_sub(u.int_in_range(0..=40)?),
    })
}

/// One of the parts that offer more than the notation shows.
fn part(u: &mut Unstructured<'_>) -> Result<Option<Suite>> {
    let capacity = *u.choose(&[0, 100, 1024, 16 << 10, 100_000])?;
    let number = u.int_in_range(0..=15)?;
    Ok(Some(match number {
        0 => suite!("bump", |parent| Bump::new(parent, capacity)),
        1 => suite!("arena", |parent| Arena::try_new(parent, ArenaConfig::DEFAULT).unwrap_or_else(|_| unreachable!())),
        2 => suite!("span_pool", |parent| spans(parent, 64, SIMPLE)),
        3 => suite!("span_pool, aggressive", |parent| spans(parent, 256, AGGRESSIVE)),
        4 => suite!("buffer", |parent| buffer(parent, capacity)),
        5 => suite!("heap", |parent| Heap::new(parent)),
        6 => suite!("memo over span_pool", |parent| Memo::new(spans(parent, 64, SIMPLE), capacity)),
        7 => suite!("counted over bump", |parent| Counted::new(Bump::new(parent, capacity))),
        8 => suite!("quota over span_pool", |parent| Quota::new(spans(parent, 64, AGGRESSIVE), capacity)),
        9 => suite!("fallback", |parent| Fallback::new(Bump::new(parent, capacity), spans(parent, 64, SIMPLE))),
        10 => suite!("last_resort", |parent| LastResort::new(
            spans(parent, 64, SIMPLE),
            Bump::new_all(buffer(parent, capacity))
        )),
        11 => suite!("segregate", |parent| Segregate::new(
            UpTo::<256>,
            spans(parent, 64, SIMPLE),
            spans(parent, 4096, AGGRESSIVE)
        )),
        12 => suite!("min_align over bump", |parent| MinAlign::try_new(Bump::new(parent, capacity), 64)
            .unwrap_or_else(|_| unreachable!())),
        13 => suite!("frozen over scrubbed over span_pool", |parent| Frozen::new(Scrubbed::new(spans(
            parent, 64, SIMPLE
        )))),
        14 => suite!("checked", |parent| Checked::new(parent, Stop)),
        _ => suite!("checked over bump", |parent| Checked::new(Bump::new(parent, capacity), Stop)),
    }))
}

const SIMPLE: Retain = Retain::simple(Threshold::bytes(0..=32_768));
const AGGRESSIVE: Retain = Retain::aggressive(Threshold::percent(25..=50));

fn spans(parent: Parent<'_>, block: usize, retain: Retain) -> SpanPool<Parent<'_>> {
    let config = SpanPoolConfig { block, backing_request: Some(block * 16), retain, ..SpanPoolConfig::DEFAULT };
    SpanPool::try_new(parent, config).unwrap_or_else(|error| unreachable!("{error}"))
}

fn buffer(parent: Parent<'_>, capacity: usize) -> Buffer<'_> {
    Buffer::new(parent.region(Layout::from_size_align(capacity.max(1), 8).unwrap_or(Layout::new::<u64>())))
}
