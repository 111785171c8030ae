//! [`Script`]: a recording made ready for replay, and [`Demand`]: what it asks
//! of any allocator.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
};

use anyhow::Context;

use super::{call::split, child::Threads, step::Step};
use crate::trace::{Kind, Op, Trace};

/// A recording as a file of [`Step`]s, with the demand of each of its images.
#[derive(Debug)]
pub struct Script {
    /// The steps. Without a name: it goes when the last process that has it open ends.
    pub file: File,
    /// By which threads.
    pub threads: Threads,
    /// One more than the highest slot.
    pub slots: usize,
    /// The program images, in order.
    pub images: Vec<Part>,
}

/// One program image: its blocks end with it.
#[derive(Debug)]
pub struct Part {
    /// Its steps in the file, or its calls.
    pub steps: Range<usize>,
    /// Its part of the recording.
    pub ops: Range<usize>,
    /// Threads that replay it.
    pub threads: usize,
    /// What it asks for.
    pub demand: Demand,
}

/// What a sequence of calls asks of any allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Calls.
    pub events: u64,
    /// Most bytes live at once, as asked for.
    pub peak_bytes: u64,
    /// The call after which they were, counted from 0.
    pub peak_event: usize,
    /// Most bytes live at once if every reallocation moves: both copies count.
    pub moving_bytes: u64,
    /// The largest block.
    pub largest: u64,
    /// The largest alignment.
    pub alignment: u64,
    /// Bytes for all blocks side by side, alignment included, none ever reused.
    pub unfreed: u64,
    /// Bytes for the most live blocks of each size, if a size never serves another.
    pub by_size: u64,
}

impl Script {
    /// Writes the script of `trace`, for one thread or for all.
    ///
    /// # Errors
    ///
    /// When there is no room for a file of sixteen bytes per event, or
    /// twenty-four; or there are too many threads.
    pub fn new(trace: &Trace, threads: Threads) -> anyhow::Result<Self> {
        let room = || format!("no room for a temporary file in {}", std::env::temp_dir().display());
        let mut to = BufWriter::with_capacity(1 << 20, tempfile::tempfile().with_context(room)?);
        let (mut images, mut written, mut slots) = (Vec::new(), 0, 0);
        for image in trace.images.iter().filter(|image| !image.ops.is_empty()) {
            let ops = trace.ops.get(image.ops.clone()).unwrap_or_default();
            let (units, callers) = match threads {
                Threads::Flat => {
                    slots = trace.slots as usize;
                    ops.iter().try_for_each(|op| to.write_all(&Step::from(*op).to_bytes())).with_context(room)?;
                    (ops.len(), 1)
                }
                Threads::Exact => {
                    let (calls, used) = split(ops)?;
                    slots = slots.max(used);
                    calls.iter().try_for_each(|call| to.write_all(&call.to_bytes())).with_context(room)?;
                    (calls.len(), calls.len() - ops.len())
                }
            };
            let steps = written..written + units;
            written = steps.end;
            images.push(Part { steps, ops: image.ops.clone(), threads: callers, demand: Demand::of(ops) });
        }
        let file = to.into_inner().map_err(io::Error::from).with_context(room)?;
        Ok(Self { file, threads, slots, images })
    }

    /// Calls in all images.
    pub fn events(&self) -> u64 {
        self.images.iter().map(|part| part.demand.events).sum()
    }
}

impl Demand {
    /// The demand of one image.
    pub fn of(ops: &[Op]) -> Self {
        let mut demand = Self::default();
        let mut live = Live::default();
        let mut sizes: HashMap<(u64, u8), Count> = HashMap::new();
        for (event, op) in ops.iter().enumerate() {
            let old = live.take(op.slot);
            if let Some((size, align_log2)) = old {
                sizes.entry((size, align_log2)).or_default().live -= 1;
            }
            if op.kind != Kind::Free {
                let align = 1_u64 << op.align_log2;
                let start = demand.unfreed.checked_next_multiple_of(align).unwrap_or(u64::MAX);
                let end = start.saturating_add(op.size);
                demand.unfreed = end;
                demand.largest = demand.largest.max(op.size);
                demand.alignment = demand.alignment.max(align);
                live.put(op.slot, (op.size, op.align_log2));
                let count = sizes.entry((op.size, op.align_log2)).or_default();
                count.live += 1;
                count.peak = count.peak.max(count.live);
            }
            demand.events += 1;
            demand.moving_bytes = demand.moving_bytes.max(live.bytes.saturating_add(old.map_or(0, |(size, _)| size)));
            if live.bytes > demand.peak_bytes {
                demand.peak_bytes = live.bytes;
                demand.peak_event = event;
            }
        }
        // No size is above `isize::MAX`.
        let by_size = sizes.iter().map(|((size, _), count)| size.next_multiple_of(16).saturating_mul(count.peak));
        demand.by_size = by_size.fold(0, u64::saturating_add);
        demand
    }
}

/// The sizes of the blocks that are live after `event`, largest first.
pub fn live_sizes(ops: &[Op], event: usize) -> Vec<u64> {
    let mut live = Live::default();
    for op in ops.iter().take(event + 1) {
        live.take(op.slot);
        if op.kind != Kind::Free {
            live.put(op.slot, (op.size, op.align_log2));
        }
    }
    let mut sizes: Vec<u64> = live.slots.into_iter().flatten().map(|(size, _)| size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

/// Live blocks of one size.
#[derive(Debug, Default)]
struct Count {
    live: u64,
    peak: u64,
}

/// Size and alignment of the block in each slot.
#[derive(Debug, Default)]
struct Live {
    slots: Vec<Option<(u64, u8)>>,
    bytes: u64,
}

impl Live {
    fn take(&mut self, slot: u32) -> Option<(u64, u8)> {
        let taken = self.slots.get_mut(slot as usize)?.take()?;
        self.bytes = self.bytes.saturating_sub(taken.0);
        Some(taken)
    }

    fn put(&mut self, slot: u32, block: (u64, u8)) {
        let slot = slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, None);
        }
        self.slots[slot] = Some(block);
        self.bytes = self.bytes.saturating_add(block.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn the_demand_of_a_hand_made_trace_is_as_computed_by_hand() {
        // 100 @ 0..100 | 28 @ 112..140 | 200 (moved) @ 144..344 | 28 again @ 352..380
        let ops = Ops::new().alloc(0, 100).alloc(1, 28).realloc(0, 200).free(1).alloc(1, 28).free(0);
        let demand = Demand::of(&ops.0);
        assert_eq!(demand.events, 6);
        assert_eq!((demand.peak_bytes, demand.peak_event), (228, 2));
        assert_eq!(demand.moving_bytes, 328);
        assert_eq!(demand.unfreed, 380);
        assert_eq!(demand.by_size, 112 + 32 + 208);
        assert_eq!(live_sizes(&ops.0, demand.peak_event), [200, 28]);
    }

    #[test]
    fn a_demand_beyond_all_memory_is_no_overflow() {
        let huge = i64::MAX.cast_unsigned();
        let ops = (0..4).fold(Ops::new(), |ops, slot| ops.alloc(slot, huge).aligned(slot + 4, huge - 5, 21));
        let demand = Demand::of(&ops.realloc(0, huge).free(1).0);
        assert_eq!([demand.peak_bytes, demand.moving_bytes, demand.unfreed, demand.by_size], [u64::MAX; 4]);
    }

    #[test]
    fn images_are_parts_of_one_file() {
        let trace = trace([Ops::new().alloc(0, 1), Ops::new(), Ops::new().alloc(0, 2).free(0)]);
        let script = Script::new(&trace, Threads::Flat).unwrap();
        let parts: Vec<_> = script.images.iter().map(|part| part.steps.clone()).collect();
        assert_eq!(parts, [0..1, 1..3]);
        assert_eq!(script.file.metadata().unwrap().len(), 48);
        assert_eq!(script.events(), 3);
    }
}
