//! Parents that fail, that serve a sibling too, that call back.

use core::{
    alloc::Layout,
    cell::{Cell, RefCell},
};

use heap::{collections::VecDeque, format, vec::Vec};

use super::{Floor, Found, Suite};
use crate::{
    alloc::Allocate as _,
    testing::{
        failing::{Failing, When},
        law::Law,
        ops::{Op, Pick},
        reentrant::Reentrant,
        session::{Held, Session, Verdict, broken},
        strict::Strict,
    },
};

/// The parent fails at each request of a workload, once and from then on.
pub(super) fn failing(suite: &Suite) -> Result<(), Found> {
    let length = if suite.options.quick { 24 } else { 50 };
    Suite::explain(suite.sample(length, 21), |operations| {
        for floor in [Floor::Exact, Floor::Coarse] {
            let (baseline, requests) = baseline(suite, floor, operations)?;
            let last = if suite.options.quick { 6 } else { 12 };
            let numbers = (0..requests.min(last)).chain((last..requests.min(60)).step_by(7));
            for number in numbers {
                fail_once(suite, floor, operations, &baseline, number)?;
                fail_from(suite, floor, operations, &baseline, number)?;
            }
        }
        Ok(())
    })
}

/// What is served when nothing fails, and how often the parent is asked.
fn baseline(suite: &Suite, floor: Floor, operations: &[Op]) -> Verdict<(Vec<bool>, usize)> {
    let strict = floor.strict();
    let parent = Failing::new(&strict, When::Never);
    let mut served = Vec::new();
    suite.over_parent(&strict, &parent, true, &mut |mut session| {
        for op in operations {
            served.push(session.step(op)?);
        }
        session.free_all()
    })?;
    Ok((served, parent.requests()))
}

/// After one failure the same operation must succeed, as it did without.
fn fail_once(suite: &Suite, floor: Floor, operations: &[Op], baseline: &[bool], number: usize) -> Verdict {
    let strict = floor.strict();
    let parent = Failing::new(&strict, When::Once(number));
    suite.over_parent(&strict, &parent, true, &mut |mut session| {
        for (op, &was_served) in operations.iter().zip(baseline) {
            let before = parent.failures();
            let served = session.step(op)?;
            if parent.failures() > before && !served && was_served && !session.step(op)? {
                return broken(
                    Law::Recovers,
                    format!("the parent failed request {number} during `{op}`, and later it was still not served"),
                );
            }
        }
        session.free_all()
    })
}

/// While the parent fails nothing breaks; after it, requests succeed again.
fn fail_from(suite: &Suite, floor: Floor, operations: &[Op], baseline: &[bool], number: usize) -> Verdict {
    let strict = floor.strict();
    let parent = Failing::new(&strict, When::From(number));
    suite.over_parent(&strict, &parent, true, &mut |mut session| {
        for op in operations {
            session.step(op)?;
        }
        session.free_all()?;
        parent.set(When::Never);
        let usable = suite.is_renewed(&mut session)?;
        let is_allocation = |op: &Op| matches!(op, Op::Allocate { layout, .. } if layout.size() != 0);
        let first = operations.iter().zip(baseline).find(|(op, was_served)| **was_served && is_allocation(op));
        match first {
            Some((op, _)) if usable && !session.step(op)? => broken(
                Law::Recovers,
                format!("the parent failed from request {number} on and then recovered, but `{op}` was not served"),
            ),
            _ => session.free_all(),
        }
    })
}

/// Two of a kind over one parent: each knows its own blocks from the other's
/// and from the parent's.
pub(super) fn ownership(suite: &Suite) -> Result<(), Found> {
    let strict = Strict::new();
    suite.over_parent(&strict, &strict, false, &mut |one| {
        suite.beside(&strict, &strict, false, &mut |other| {
            let mut held: Vec<[Option<Held>; 2]> = Vec::new();
            for size in [1, 16, 40, 64, 500, 4096, 70_000] {
                let layout = Layout::from_size_align(size, 8).unwrap_or(Layout::new::<u64>());
                held.push([one.obtain(layout, false)?, other.obtain(layout, false)?]);
                foreign(&strict, layout, [&one, &other])?;
            }
            for [first, second] in held {
                disowns(&one, second)?;
                disowns(&other, first)?;
                first.map_or(Ok(()), |held| one.give_back(held, Pick(255)))?;
                second.map_or(Ok(()), |held| other.give_back(held, Pick(1)))?;
            }
            Ok(())
        })
    })?;
    Ok(())
}

/// A block that came from the parent directly belongs to neither.
fn foreign(strict: &Strict, layout: Layout, parts: [&Session<'_, '_>; 2]) -> Verdict {
    let Ok(block) = strict.allocate(layout) else { return Ok(()) };
    let verdict = parts.into_iter().try_for_each(|part| disowns(part, Some(Held { block, layout })));
    // SAFETY: just allocated with this layout.
    unsafe { strict.deallocate(block, layout) };
    verdict
}

fn disowns(session: &Session<'_, '_>, held: Option<Held>) -> Verdict {
    match held.and_then(|Held { block, layout }| session.part().is_own(block, layout).map(|own| (own, block))) {
        Some((true, block)) => broken(Law::Ownership, format!("claims the block {block:p} of another allocator")),
        _ => Ok(()),
    }
}

/// Blocks that callbacks keep beyond their own end.
const KEPT: usize = 6;

/// The parent calls the part at every use; blocks of both sides stay intact.
pub(super) fn reentrant(suite: &Suite) -> Result<(), Found> {
    if !suite.options.reentrant {
        return Ok(());
    }
    let length = if suite.options.quick { 40 } else { 120 };
    let mut operations = suite.sample(length, 31);
    operations.retain(|op| !matches!(op, Op::Relocate | Op::Reset));
    Suite::explain(operations, |operations| {
        [Floor::Exact, Floor::Coarse].into_iter().try_for_each(|floor| called_back(suite, floor, operations))
    })
}

fn called_back(suite: &Suite, floor: Floor, operations: &[Op]) -> Verdict {
    let strict = floor.strict();
    let parent = Reentrant::new(&strict);
    suite.over_parent(&strict, &parent, false, &mut |session| {
        let caller =
            Caller { session: &session, turn: Cell::new(0), kept: RefCell::default(), verdict: Cell::new(Ok(())) };
        parent.during(&|| caller.call(), || {
            operations.iter().try_for_each(|op| session.act(op).and_then(|_| caller.verdict.replace(Ok(()))))
        })?;
        caller.kept.take().into_iter().try_for_each(|held| session.give_back(held, Pick(255)))?;
        session.free_all()
    })
}

/// What allocates from a part while the part waits for its parent.
struct Caller<'a, 's, 'p> {
    session: &'a Session<'s, 'p>,
    turn: Cell<usize>,
    kept: RefCell<VecDeque<Held>>,
    /// The first thing that went wrong.
    verdict: Cell<Verdict>,
}

impl Caller<'_, '_, '_> {
    fn call(&self) {
        let outcome = self.allocate_and_free();
        let before = self.verdict.replace(Ok(()));
        self.verdict.set(before.and(outcome));
    }

    /// Some blocks live for this call only, others stay for a few.
    fn allocate_and_free(&self) -> Verdict {
        const SIZES: [usize; 5] = [8, 1, 100, 48, 3000];
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let size = SIZES.into_iter().cycle().nth(turn.rem_euclid(SIZES.len())).unwrap_or(1);
        let layout = Layout::from_size_align(size, 1).unwrap_or(Layout::new::<u8>());
        let Some(held) = self.session.obtain(layout, turn.is_multiple_of(4))? else { return Ok(()) };
        if turn.is_multiple_of(3) {
            self.kept.borrow_mut().push_back(held);
        } else {
            self.session.give_back(held, Pick(1))?;
        }
        let oldest = if self.kept.borrow().len() > KEPT { self.kept.borrow_mut().pop_front() } else { None };
        oldest.map_or(Ok(()), |held| self.session.give_back(held, Pick(0)))
    }
}
