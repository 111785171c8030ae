//! A recording in two parts: one to tune on, one to check on.

use crate::trace::{Image, Kind, Op, Sink, Trace};

/// Below this, a part would say nothing: what was tuned on is checked on.
const EVENTS: usize = 4000;

/// The first and the second half of each image, or `None` of a recording that is
/// too short. The second begins with the blocks that were live then.
pub fn halves(trace: &Trace) -> Option<[Trace; 2]> {
    if trace.ops.len() < EVENTS {
        return None;
    }
    let mut parts = [0; 2].map(|_| Trace { name: trace.name.clone(), ..Trace::default() });
    let [first, second] = &mut parts;
    for image in &trace.images {
        let ops = trace.ops.get(image.ops.clone()).unwrap_or_default();
        let (before, after) = ops.split_at(ops.len() / 2);
        fill(first, image, before.iter().copied());
        fill(second, image, live(before).into_iter().chain(after.iter().copied()));
    }
    Some(parts)
}

fn fill(part: &mut Trace, image: &Image, ops: impl Iterator<Item = Op>) {
    part.image(image.path.as_bytes());
    for op in ops {
        part.op(op);
    }
}

/// Allocations of the blocks that are live after `ops`, the oldest first.
fn live(ops: &[Op]) -> Vec<Op> {
    let mut slots: Vec<Option<(usize, Op)>> = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        let slot = op.slot as usize;
        if slot >= slots.len() {
            slots.resize(slot + 1, None);
        }
        slots[slot] = match (op.kind, slots[slot]) {
            (Kind::Free, _) => None,
            (Kind::Reallocate, Some((begin, _))) => Some((begin, *op)),
            _ => Some((number, *op)),
        };
    }
    let mut live: Vec<(usize, Op)> = slots.into_iter().flatten().collect();
    live.sort_unstable_by_key(|(begin, _)| *begin);
    live.into_iter().map(|(_, op)| Op { kind: Kind::Allocate, ..op }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{
        script::Script,
        testing::{Ops, trace},
    };

    #[test]
    fn the_second_half_begins_with_what_the_first_leaves() {
        let quiet = (0..EVENTS / 2).fold(Ops::new(), |ops, _| ops.alloc(9, 1).free(9));
        let before = Ops(quiet.0.clone()).alloc(1, 10).alloc(0, 20).alloc(2, 30).free(1).realloc(0, 25);
        let after = quiet.alloc(1, 5).free(2).free(0).alloc(0, 1).alloc(2, 2);
        let whole = Ops(before.0.iter().chain(&after.0).copied().collect());
        let [first, second] = halves(&trace([whole])).unwrap();
        assert_eq!(first.ops, before.0);
        let begin = Ops::new().alloc(0, 25).alloc(2, 30);
        assert_eq!(second.ops, begin.0.into_iter().chain(after.0).collect::<Vec<_>>());
        assert_eq!(second.tally.peak_live_bytes(), 25 + 30 + 5);
        assert!(Script::new(&second).is_ok_and(|script| script.events() == second.ops.len() as u64));
    }

    #[test]
    fn images_are_split_one_by_one() {
        let image = |slot| (0..EVENTS).fold(Ops::new(), |ops, _| ops.alloc(slot, 1).free(slot));
        let [first, second] = halves(&trace([image(0), image(1)])).unwrap();
        for part in [first, second] {
            assert_eq!(part.images.iter().map(|image| image.ops.len()).collect::<Vec<_>>(), [EVENTS, EVENTS]);
        }
    }

    #[test]
    fn a_short_recording_is_not_split() {
        assert!(halves(&trace([Ops::new().alloc(0, 1)])).is_none());
    }
}
