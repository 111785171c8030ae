//! Many operations in a row: random ones, repeated ones, unfinished ones.

use core::{alloc::Layout, cell::RefCell};

use heap::{format, string::ToString, vec::Vec};
use proptest::test_runner::{TestCaseError, TestError};

use super::{Floor, Found, Suite};
use crate::testing::{
    law::{Law, Violation},
    ops::{Op, runner},
    session::{Verdict, broken},
};

/// Random sequences over each floor; the first that fails is shrunk.
pub(super) fn random(suite: &Suite) -> Result<(), Found> {
    let longest = if suite.options.quick { 40 } else { 100 };
    let cases = suite.options.cases.div_ceil(3);
    for (floor, seed) in Floor::ALL.into_iter().zip(1..) {
        // proptest keeps a reason in words; the law itself is kept here.
        let last: RefCell<Option<Violation>> = RefCell::new(None);
        let outcome =
            runner(suite.seed_of(seed), cases).run(&suite.options.shape.operations(1..=longest), |operations| {
                suite.play_and_settle(floor, &operations).map_err(|violation| {
                    let reason = violation.to_string();
                    last.replace(Some(violation));
                    TestCaseError::fail(reason)
                })
            });
        let unwound = |reason: &dyn ToString| Violation::new(Law::Unwinds, reason.to_string());
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, operations)) => {
                let violation = suite.replay(&operations).err().or_else(|| last.take());
                let violation = violation.unwrap_or_else(|| unwound(&reason));
                return Err(Found { violation, operations });
            }
            Err(TestError::Abort(reason)) => return Err(unwound(&reason).into()),
        }
    }
    Ok(())
}

impl Suite {
    /// As [`play`](Self::play); then the part holds no more than it may.
    fn play_and_settle(&self, floor: Floor, operations: &[Op]) -> Verdict {
        let strict = floor.strict();
        let Some(most) = self.options.retains.filter(|_| floor != Floor::Shuffled) else {
            return self.play(floor, operations);
        };
        self.over_parent(&strict, &strict, true, &mut |mut session| {
            for op in operations {
                session.step(op)?;
            }
            session.free_all()?;
            let held = strict.live_bytes();
            if held <= most {
                Ok(())
            } else {
                broken(Law::Balance, format!("with no block live it holds {held} bytes, more than {most}"))
            }
        })
    }
}

/// A part that knows its spans gives them all back when it is dropped, full
/// ones too.
pub(super) fn outstanding(suite: &Suite) -> Result<(), Found> {
    if !suite.options.owns_spans {
        return Ok(());
    }
    for (floor, seed) in Floor::ALL.into_iter().zip(1..) {
        Suite::explain(suite.sample(60, seed), |operations| {
            suite.on(floor, &mut |mut session| {
                for op in operations {
                    session.step(op)?;
                }
                Ok(())
            })
        })?;
    }
    for size in [8, 64, 1000, 5000].map(|size: usize| size.min(suite.options.shape.max_size.max(1))) {
        let layout = Layout::from_size_align(size, 1).unwrap_or(Layout::new::<u8>());
        suite.on(Floor::Coarse, &mut |session| {
            for _ in 0..150 {
                if session.obtain(layout, false)?.is_none() {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Rounds after which growth is looked for, again and again: what a part may
/// keep fills up over many rounds, what it loses grows without end.
const ROUNDS: [usize; 4] = [12, 24, 48, 96];

/// The same operations over and over: the parent's share stops growing, and
/// the part does not serve less.
pub(super) fn rounds(suite: &Suite) -> Result<(), Found> {
    let length = if suite.options.quick { 40 } else { 80 };
    for (floor, seed) in [Floor::Exact, Floor::Coarse].into_iter().zip(11..) {
        let mut operations = suite.sample(length, seed);
        operations.retain(|op| *op != Op::Reset);
        Suite::explain(operations, |operations| repeat(suite, floor, operations))?;
    }
    Ok(())
}

fn repeat(suite: &Suite, floor: Floor, operations: &[Op]) -> Verdict {
    if suite.options.irregular {
        return Ok(());
    }
    let strict = floor.strict();
    suite.over_parent(&strict, &strict, true, &mut |mut session| {
        let (mut peaks, mut served) = (Vec::new(), Vec::new());
        let mut verdict = Ok(());
        for rounds in ROUNDS {
            while peaks.len() < rounds {
                strict.mark();
                let before = session.served();
                for op in operations {
                    session.step(op)?;
                }
                session.free_all()?;
                if !suite.is_renewed(&mut session)? {
                    return Ok(());
                }
                peaks.push(strict.peak_bytes());
                served.push(session.served().saturating_sub(before));
            }
            verdict = settled(&peaks, &served);
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    })
}

/// Whether the later half of the rounds took no more, and served no less, than
/// the earlier half.
fn settled(peaks: &[usize], served: &[usize]) -> Verdict {
    let (early, late) = peaks.split_at(peaks.len().div_euclid(2));
    if late.iter().max() > early.iter().max() {
        return broken(Law::Settles, format!("the parent's bytes at the peak of each round: {peaks:?}"));
    }
    let (early, late) = served.split_at(served.len().div_euclid(2));
    if late.iter().min() < early.iter().min() {
        return broken(Law::Settles, format!("requests served in each round: {served:?}"));
    }
    Ok(())
}
