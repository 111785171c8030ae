//! What was live when most was.

use crate::trace::{Kind, Trace};

/// A block that was live then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its bytes.
    pub size: u64,
    /// The event that gave it its size.
    pub event: usize,
}

/// The blocks that were live after `peak_event`, by slot.
pub fn at_peak(trace: &Trace, peak_event: u64) -> Vec<Held> {
    let last = usize::try_from(peak_event).unwrap_or(usize::MAX);
    let first = trace.images.iter().map(|image| image.ops.start).rfind(|first| *first <= last).unwrap_or(0);
    let mut blocks = vec![None; trace.slots as usize];
    for (event, op) in trace.ops.iter().enumerate().take(last.saturating_add(1)).skip(first) {
        if let Some(block) = blocks.get_mut(op.slot as usize) {
            *block = (op.kind != Kind::Free).then_some(Held { size: op.size, event });
        }
    }
    blocks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn the_blocks_at_the_peak_are_of_its_image() {
        let trace = trace([Ops::new().alloc(0, 1), Ops::new().alloc(1, 7).alloc(0, 9).realloc(1, 5).free(0)]);
        assert_eq!(at_peak(&trace, 2), [Held { size: 9, event: 2 }, Held { size: 7, event: 1 }]);
        assert_eq!(at_peak(&trace, 4), [Held { size: 5, event: 3 }]);
    }
}
