//! [`Facts`]: what a report says of a recording before anything is replayed.

use crate::{
    replay::script::{Script, live_sizes},
    trace::Trace,
};

/// What was recorded, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What was recorded.
    pub name: String,
    /// Calls.
    pub events: u64,
    /// Bytes asked for by all allocations and reallocations.
    pub requested_bytes: u64,
    /// Most blocks live at once.
    pub peak_live_blocks: u64,
    /// Most bytes live at once.
    pub peak_live_bytes: u64,
    /// Threads that called.
    pub threads: u64,
    /// The sizes of the blocks that were live when most bytes were, largest first.
    pub peak_sizes: Vec<u64>,
}

impl Facts {
    /// The facts of a recording. Peaks are those of the image that has them: no
    /// block outlives its image.
    pub fn of(trace: &Trace, script: &Script) -> Self {
        let worst = script.images.iter().max_by_key(|part| part.demand.peak_bytes);
        let sizes = worst.and_then(|part| {
            let ops = trace.ops.get(part.ops.clone())?;
            Some(live_sizes(ops, part.demand.peak_event))
        });
        Self {
            name: trace.name.clone(),
            events: script.events(),
            requested_bytes: trace.tally.requested_bytes(),
            peak_live_blocks: trace.tally.peak_live_blocks(),
            peak_live_bytes: trace.tally.peak_live_bytes(),
            threads: trace.tally.threads(),
            peak_sizes: sizes.unwrap_or_default(),
        }
    }
}
