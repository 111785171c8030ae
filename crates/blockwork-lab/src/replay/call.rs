//! [`Call`]: one call of one thread, and [`split`]: a recording by thread.
//!
//! ```text
//! recorded    a0 a1 b0 a2 b1 …           one order for all
//! split       ▸ a0 a1 a2 … ▸ b0 b1 …     thread by thread; ▸ says when one begins
//! ```
//!
//! A thread has to wait for others only where they had the block before: each
//! call says the how-manieth on its block it is. Slots are numbered anew, so that
//! one is not used again behind another thread's free, which would be waiting for
//! nothing.

use anyhow::ensure;

use super::step::Step;
use crate::trace::{Kind, Op};

/// One call of one thread, in twenty-four bytes of which every pattern is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Call {
    /// What is called, and which thread calls next.
    pub step: Step,
    /// Calls on its slot before.
    pub turn: u32,
    /// Calls of all threads before.
    pub at: u32,
}

/// A thread of each that calls, at once: more than that has no machine.
const THREADS_MAX: usize = 1024;

impl Call {
    /// Bytes of a call in a file.
    pub const SIZE: usize = size_of::<Self>();

    /// Begins a thread, once the call `after` is done, if there is one.
    fn begin(after: Option<Self>) -> Self {
        let slot = after.map_or(u32::MAX, |call| call.step.raw_slot());
        let (turn, at) = after.map_or((0, 0), |call| (call.turn, call.at));
        Self { step: Step::begin(slot), turn, at }
    }

    /// The call as it stands in a file of this machine.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let (step, rest) = bytes.split_at_mut(Step::SIZE);
        let (turn, at) = rest.split_at_mut(4);
        step.copy_from_slice(&self.step.to_bytes());
        turn.copy_from_slice(&self.turn.to_ne_bytes());
        at.copy_from_slice(&self.at.to_ne_bytes());
        bytes
    }
}

/// One image, thread by thread, with one more than the highest slot.
///
/// # Errors
///
/// When it has too many threads or calls.
pub fn split(ops: &[Op]) -> anyhow::Result<(Vec<Call>, usize)> {
    ensure!(u32::try_from(ops.len()).is_ok(), "threads are replayed as they were for at most 4 billion events");
    let threads = Threads::of(ops);
    let number = threads.first.len();
    ensure!(
        number <= THREADS_MAX,
        "a program of it has {number} threads; at most {THREADS_MAX} are replayed as they were, more with --threads flat"
    );
    let mut calls = vec![Call::begin(None); ops.len() + number];
    let (mut next, mut slots) = (threads.first.clone(), Slots::default());
    slots.free.resize(number, Vec::new());
    let mut former: Option<usize> = None;
    for (op, at) in ops.iter().zip(0..) {
        let thread = threads.index[usize::from(op.thread)];
        let here = usize::from(thread);
        if next[here] == threads.first[here] {
            calls[next[here]] = Call::begin(former.map(|former| calls[former]));
            next[here] += 1;
        }
        let (slot, turn) = slots.call(op, thread);
        if let Some(former) = former {
            calls[former].step.set_next(thread);
        }
        let step = Step::from(Op { slot, ..*op });
        calls[next[here]] = Call { step, turn, at };
        former = Some(next[here]);
        next[here] += 1;
    }
    Ok((calls, slots.turns.len()))
}

/// The threads of an image that call, numbered by their first calls.
#[derive(Debug)]
struct Threads {
    /// By recorded number.
    index: Vec<u16>,
    /// Where the calls of each begin, with the mark before.
    first: Vec<usize>,
}

impl Threads {
    fn of(ops: &[Op]) -> Self {
        let mut index = vec![u16::MAX; usize::from(u16::MAX) + 1];
        let mut counts: Vec<usize> = Vec::new();
        let mut seen = vec![false; index.len()];
        for op in ops {
            let thread = usize::from(op.thread);
            if !seen[thread] {
                seen[thread] = true;
                index[thread] = u16::try_from(counts.len()).unwrap_or(u16::MAX);
                counts.push(0);
            }
            counts[usize::from(index[thread])] += 1;
        }
        let mut sum = 0;
        let first = counts.iter().map(|count| {
            let first = sum;
            sum += count + 1;
            first
        });
        Self { first: first.collect(), index }
    }
}

/// Slots, numbered anew.
#[derive(Debug, Default)]
struct Slots {
    /// By recorded slot: the new one, and the thread that allocated.
    blocks: Vec<(u32, u16)>,
    /// By new slot: calls so far.
    turns: Vec<u32>,
    /// By thread: slots that it may use again.
    free: Vec<Vec<u32>>,
}

impl Slots {
    /// The new slot of what `op` of `thread` is about, and the calls on it before.
    fn call(&mut self, op: &Op, thread: u16) -> (u32, u32) {
        let recorded = op.slot as usize;
        if recorded >= self.blocks.len() {
            self.blocks.resize(recorded + 1, (0, 0));
        }
        let own = &mut self.free[usize::from(thread)];
        if matches!(op.kind, Kind::Allocate | Kind::AllocateZeroed) {
            let slot = own.pop().unwrap_or_else(|| {
                self.turns.push(0);
                // There are no more slots than calls.
                u32::try_from(self.turns.len() - 1).unwrap_or(u32::MAX)
            });
            self.blocks[recorded] = (slot, thread);
        }
        let (slot, owner) = self.blocks[recorded];
        if op.kind == Kind::Free && owner == thread {
            own.push(slot);
        }
        let turns = &mut self.turns[slot as usize];
        let turn = *turns;
        *turns += 1;
        (slot, turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::Ops;

    /// Slot, turn and place of each call; none where a thread begins.
    fn parts(ops: Ops) -> Vec<Option<(usize, u32, u32)>> {
        let (calls, _) = split(&ops.0).unwrap();
        calls.iter().map(|call| call.step.act().map(|_| (call.step.slot(), call.turn, call.at))).collect()
    }

    #[test]
    fn calls_are_sorted_by_thread_and_know_their_turn() {
        let ops = Ops::new().alloc(0, 10).by(1).alloc(1, 20).by(1).free(0).by(0).alloc(0, 30).by(0).free(1);
        let expected =
            [None, Some((0, 0, 0)), Some((2, 0, 3)), Some((1, 1, 4)), None, Some((1, 0, 1)), Some((0, 1, 2))];
        assert_eq!(parts(ops), expected, "slot 0 was freed by another, and is not used again");
    }

    #[test]
    fn too_many_threads_are_refused() {
        let ops = (0..1025).fold(Ops::new(), |ops, thread| ops.by(thread).alloc(0, 1).free(0));
        assert!(split(&ops.0).unwrap_err().to_string().contains("1025 threads"));
        assert!(split(&ops.0[..2048]).is_ok());
    }

    #[test]
    fn a_thread_uses_its_own_slots_again() {
        let ops = Ops::new().alloc(0, 10).free(0).alloc(0, 20).realloc(0, 30).free(0);
        let expected = [None, Some((0, 0, 0)), Some((0, 1, 1)), Some((0, 2, 2)), Some((0, 3, 3)), Some((0, 4, 4))];
        assert_eq!(parts(ops), expected);
    }

    #[test]
    fn a_thread_begins_after_the_call_before_its_first() {
        let ops = Ops::new().alloc(0, 10).realloc(0, 20).by(5).alloc(1, 20);
        let (calls, slots) = split(&ops.0).unwrap();
        assert_eq!((calls[0], slots), (Call::begin(None), 2));
        assert_eq!(calls[3], Call { step: Step::begin(0), turn: 1, at: 1 });
        assert_eq!([1, 2].map(|call: usize| calls[call].step.next()), [0, 1]);
    }
}
