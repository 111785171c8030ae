//! [`Histogram`]: which sizes a recording asks for, and how many blocks of each
//! are live at which moments.

use std::collections::BTreeMap;

use crate::trace::{Kind, Op, Trace};

/// The largest size that is counted: no table of classes goes further.
pub const LARGEST: u64 = 32 << 10;

/// Sizes above this many are counted in steps of a 64th.
const SIZES: usize = 512;

/// Moments at which live blocks are counted, beside the peak.
const MOMENTS: usize = 64;

/// Small sizes, ascending, rounded up to multiples of the alignment that blocks
/// have at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The sizes.
    pub sizes: Vec<u64>,
    /// How often each was asked for.
    pub requests: Vec<u64>,
    /// Bytes that were really asked for with it, at the peak.
    pub asked: Vec<u64>,
    /// Live blocks of each size: first when most bytes were live, then at moments
    /// spread over the recording.
    pub moments: Vec<Vec<u64>>,
}

impl Histogram {
    /// Counts.
    pub fn of(trace: &Trace) -> Self {
        let steps = Steps::of(trace);
        let mut histogram = Self { requests: vec![0; steps.sizes.len()], ..Self::default() };
        let every = (trace.ops.len() / MOMENTS).max(1);
        let mut peak = (0, Vec::new(), Vec::new());
        for image in &trace.images {
            let mut live = Live::new(steps.sizes.len());
            for (number, op) in trace.ops.get(image.ops.clone()).unwrap_or_default().iter().enumerate() {
                live.apply(*op, &steps);
                if let (Some(step), false) = (steps.find(*op), op.kind == Kind::Free) {
                    histogram.requests[step] += 1;
                }
                if (number + 1).is_multiple_of(every) && live.bytes * 8 > live.most {
                    histogram.moments.push(live.blocks.clone());
                }
                live.most = live.most.max(live.bytes);
                // Copying at each of many small steps up would take for ever.
                if live.bytes > peak.0 + peak.0 / 256 {
                    peak = (live.bytes, live.blocks.clone(), live.asked.clone());
                }
            }
        }
        let (_, blocks, asked) = peak;
        histogram.asked = asked;
        histogram.asked.resize(steps.sizes.len(), 0);
        histogram.moments.insert(0, blocks);
        for moment in &mut histogram.moments {
            moment.resize(steps.sizes.len(), 0);
        }
        histogram.sizes = steps.sizes;
        histogram
    }

    /// Live blocks of each size when most bytes were live.
    pub fn peak(&self) -> &[u64] {
        self.moments.first().map_or(&[], Vec::as_slice)
    }
}

/// Sizes as they are counted.
struct Steps {
    /// Every block is aligned to this at least, so sizes are its multiples.
    unit: u64,
    /// Whether there are so many sizes that they are counted in steps.
    coarse: bool,
    sizes: Vec<u64>,
}

impl Steps {
    fn of(trace: &Trace) -> Self {
        let plain = trace.ops.iter().filter(|op| op.kind != Kind::Free && op.align_log2 >= 4).count();
        // Where one block in a hundred needs more, all classes serve all blocks.
        let unit = if plain * 100 > trace.ops.len() { 16 } else { 8 };
        let mut steps = Self { unit, coarse: false, sizes: Vec::new() };
        steps.collect(trace);
        if steps.sizes.len() > SIZES {
            steps.coarse = true;
            steps.collect(trace);
        }
        steps
    }

    fn collect(&mut self, trace: &Trace) {
        let requests = trace.ops.iter().filter(|op| op.kind != Kind::Free);
        let sizes: BTreeMap<u64, ()> = requests.filter_map(|op| Some((self.size(*op)?, ()))).collect();
        self.sizes = sizes.into_keys().collect();
    }

    /// The size that a call is counted as.
    fn size(&self, op: Op) -> Option<u64> {
        let align = (1_u64 << op.align_log2).max(self.unit);
        let size = op.size.max(1).checked_next_multiple_of(align)?;
        let step = if self.coarse { (size.next_power_of_two() / 64).max(self.unit) } else { self.unit };
        size.checked_next_multiple_of(step).filter(|size| *size <= LARGEST)
    }

    fn find(&self, op: Op) -> Option<usize> {
        self.sizes.binary_search(&self.size(op)?).ok()
    }
}

/// What is live, block by block.
struct Live {
    /// Size and step of the block in each slot.
    slots: Vec<Option<(u64, Option<usize>)>>,
    blocks: Vec<u64>,
    asked: Vec<u64>,
    bytes: u64,
    most: u64,
}

impl Live {
    fn new(steps: usize) -> Self {
        Self { slots: Vec::new(), blocks: vec![0; steps], asked: vec![0; steps], bytes: 0, most: 0 }
    }

    fn apply(&mut self, op: Op, steps: &Steps) {
        let slot = op.slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, None);
        }
        if let Some((size, step)) = self.slots[slot].take() {
            self.bytes = self.bytes.saturating_sub(size);
            if let Some(step) = step {
                self.blocks[step] -= 1;
                self.asked[step] -= size;
            }
        }
        if op.kind != Kind::Free {
            let step = steps.find(op);
            self.bytes = self.bytes.saturating_add(op.size);
            if let Some(step) = step {
                self.blocks[step] += 1;
                self.asked[step] += op.size;
            }
            self.slots[slot] = Some((op.size, step));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn sizes_are_counted_by_their_alignment_at_the_peak() {
        let ops = Ops::new().alloc(0, 20).alloc(1, 32).alloc(2, 100).free(0).alloc(3, 40_000).aligned(4, 70, 6);
        let histogram = Histogram::of(&trace([ops.free(3)]));
        assert_eq!(histogram.sizes, [32, 112, 128]);
        assert_eq!(histogram.requests, [2, 1, 1]);
        assert_eq!(histogram.peak(), [1, 1, 0], "the last 70 bytes are no new peak to speak of");
        assert_eq!(histogram.asked, [32, 100, 0]);
    }

    #[test]
    fn blocks_end_with_their_image() {
        let images = [Ops::new().alloc(0, 64).alloc(1, 64), Ops::new().alloc(0, 64).realloc(0, 160)];
        let histogram = Histogram::of(&trace(images));
        assert_eq!((histogram.sizes.as_slice(), histogram.peak()), ([64, 160].as_slice(), [0, 1].as_slice()));
    }

    #[test]
    fn very_many_sizes_are_counted_in_steps() {
        let ops = (1..2000).fold(Ops::new(), |ops, size| ops.alloc(size, u64::from(size) * 16));
        let histogram = Histogram::of(&trace([ops]));
        assert!(histogram.sizes.len() <= SIZES, "{}", histogram.sizes.len());
        assert_eq!(
            (histogram.sizes.first(), histogram.sizes.last()),
            (Some(&16), Some(&(1999 * 16_u64).next_multiple_of(512)))
        );
        assert_eq!(histogram.requests.iter().sum::<u64>(), 1999);
    }
}
