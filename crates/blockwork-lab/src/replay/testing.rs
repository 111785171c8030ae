//! Hand-made recordings.

use crate::trace::{Image, Kind, Op, Trace};

/// A list of calls, written like a chain.
#[derive(Clone, Debug, Default)]
pub struct Ops(pub Vec<Op>);

impl Ops {
    /// No calls yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `malloc`.
    pub fn alloc(self, slot: u32, size: u64) -> Self {
        self.push(slot, size, Kind::Allocate, 4)
    }

    /// `aligned_alloc`.
    pub fn aligned(self, slot: u32, size: u64, align_log2: u8) -> Self {
        self.push(slot, size, Kind::Allocate, align_log2)
    }

    /// `calloc`.
    pub fn zeroed(self, slot: u32, size: u64) -> Self {
        self.push(slot, size, Kind::AllocateZeroed, 4)
    }

    /// `realloc`.
    pub fn realloc(self, slot: u32, size: u64) -> Self {
        self.push(slot, size, Kind::Reallocate, 4)
    }

    /// `free`.
    pub fn free(self, slot: u32) -> Self {
        self.push(slot, 0, Kind::Free, 0)
    }

    fn push(mut self, slot: u32, size: u64, kind: Kind, align_log2: u8) -> Self {
        self.0.push(Op { size, slot, thread: 0, kind, align_log2 });
        self
    }
}

/// A recording of these images.
pub fn trace<const N: usize>(images: [Ops; N]) -> Trace {
    let mut trace = Trace { name: "hand-made".into(), threads: 1, ..Trace::default() };
    for Ops(ops) in images {
        trace.slots = ops.iter().map(|op| op.slot + 1).fold(trace.slots, u32::max);
        let first = trace.ops.len();
        trace.ops.extend(ops);
        trace.images.push(Image { path: "a.out".into(), ops: first..trace.ops.len() });
    }
    trace
}
