//! Hand-made recordings, and heaps that are wrong on purpose.

use std::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{
    driver::heap::{Heap, Resized},
    step::Step,
};
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

/// Sizes and alignments of every kind; recycled memory is dirty with marks.
pub fn everything() -> Ops {
    let mut ops = Ops::new();
    for size in [0, 1, 7, 8, 9, 16, 100, 4096, 4097, 70_000, 300_000] {
        ops = ops.alloc(0, size).zeroed(1, size).aligned(2, size, 12).aligned(3, size, 21).alloc(4, 50);
        for new in [1, 8, 9000, 0, 24, 200_000, 3] {
            ops = ops.realloc(0, new).realloc(2, new).realloc(1, new);
        }
        ops = ops.free(0).free(2).free(1).zeroed(0, size).zeroed(1, 1000).free(1).free(4).free(3).free(0);
    }
    ops.alloc(5, 10_000)
}

/// A recording of these images.
pub fn trace<const N: usize>(images: [Ops; N]) -> Trace {
    let mut trace = Trace { name: "hand-made".into(), ..Trace::default() };
    for Ops(ops) in images {
        trace.slots = ops.iter().map(|op| op.slot + 1).fold(trace.slots, u32::max);
        let first = trace.ops.len();
        trace.ops.extend(ops);
        trace.images.push(Image { path: "a.out".into(), ops: first..trace.ops.len() });
    }
    trace
}

/// The steps of these calls.
pub fn steps(ops: &Ops) -> Vec<Step> {
    ops.0.iter().copied().map(Step::from).collect()
}

/// Serves from the global allocator, in a way that is wrong as told.
#[derive(Debug)]
pub struct Broken {
    /// How.
    pub fault: Wrong,
    /// The block that was given to everybody, or freed last.
    pub last: Cell<Option<NonNull<u8>>>,
    /// Requests until one fails.
    pub left: Cell<usize>,
}

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not at all, until nothing is left.
    Failing,
    /// Everybody gets the same block.
    Overlapping,
    /// Zeroed blocks are not.
    Dirty,
    /// Blocks are aligned to eight, whatever was asked.
    Misaligned,
    /// Blocks that grow lose their bytes.
    Forgetful,
    /// Blocks that grow lose one byte.
    Holed,
}

impl Broken {
    /// Wrong in this way.
    pub fn new(fault: Wrong) -> Self {
        Self { fault, last: Cell::new(None), left: Cell::new(usize::MAX) }
    }

    /// Fails after this many requests.
    pub fn failing_after(requests: usize) -> Self {
        Self { left: Cell::new(requests), ..Self::new(Wrong::Failing) }
    }

    /// Room for any test's block, at a multiple of 8192.
    fn fresh() -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(1 << 16, 8192).ok()?;
        // SAFETY: the size is not zero. Leaked: tests are short.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
    }
}

// SAFETY: every block has 65,536 bytes, more than any test asks for; it breaks
// the contract only in ways that the driver looks for before it relies on them.
unsafe impl Heap for Broken {
    fn allocate(&self, _: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        self.left.set(self.left.get().checked_sub(1)?);
        let block = match (self.fault, self.last.get()) {
            (Wrong::Overlapping, Some(last)) => last,
            _ => Self::fresh()?,
        };
        self.last.set(Some(block));
        // SAFETY: the block is longer than that.
        let inside = |at: usize| unsafe { block.add(at) };
        match self.fault {
            Wrong::Misaligned => Some(inside(8)),
            Wrong::Dirty if zeroed => {
                // SAFETY: inside the block.
                unsafe { inside(20).write(1) }
                Some(block)
            }
            _ => Some(block),
        }
    }

    unsafe fn free(&self, _: NonNull<u8>, _: Layout) {}

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, _: Layout) -> Resized {
        if self.fault == Wrong::Holed {
            // SAFETY: inside the block.
            let middle = unsafe { block.add(old.size() / 2) };
            // SAFETY: as above.
            unsafe { middle.write(0x55) }
            return Resized::Done(block);
        }
        if self.fault == Wrong::Forgetful {
            Self::fresh().map_or(Resized::Failed, Resized::Done)
        } else {
            Resized::Refused
        }
    }

    unsafe fn granted(&self, _: NonNull<u8>, layout: Layout) -> usize {
        layout.size()
    }
}
