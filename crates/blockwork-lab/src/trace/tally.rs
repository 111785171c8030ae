//! The few figures that every verb needs.

use super::{Kind, Op, Sink, Totals};

/// Counts, live blocks and bytes, and their peaks.
#[derive(Debug, Default)]
pub struct Tally {
    totals: Totals,
    requested_bytes: u64,
    /// The size of the block in each slot; 0 where there is none.
    sizes: Vec<u64>,
    live_blocks: u64,
    live_bytes: u64,
    peak_live_blocks: u64,
    peak_live_bytes: u64,
    threads: u64,
}

impl Tally {
    /// Calls by kind.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Bytes asked for: of allocations, and of reallocations their new sizes.
    pub const fn requested_bytes(&self) -> u64 {
        self.requested_bytes
    }

    /// Blocks of this image that have not ended.
    pub const fn live_blocks(&self) -> u64 {
        self.live_blocks
    }

    /// Bytes asked for in blocks that have not ended.
    pub const fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// The most blocks that were live at once.
    pub const fn peak_live_blocks(&self) -> u64 {
        self.peak_live_blocks
    }

    /// The most bytes that were live at once.
    pub const fn peak_live_bytes(&self) -> u64 {
        self.peak_live_bytes
    }

    /// Threads that called, in the image that had most.
    pub const fn threads(&self) -> u64 {
        self.threads
    }
}

impl Sink for Tally {
    fn image(&mut self, _path: &[u8]) {
        self.sizes.clear();
        (self.live_blocks, self.live_bytes) = (0, 0);
    }

    fn op(&mut self, op: Op) {
        self.totals.count(op.kind);
        self.threads = self.threads.max(u64::from(op.thread) + 1);
        self.requested_bytes = self.requested_bytes.saturating_add(op.size);
        let slot = op.slot as usize;
        if slot >= self.sizes.len() {
            self.sizes.resize(slot + 1, 0);
        }
        let former = std::mem::replace(&mut self.sizes[slot], op.size);
        self.live_bytes = self.live_bytes.saturating_sub(former).saturating_add(op.size);
        match op.kind {
            Kind::Allocate | Kind::AllocateZeroed => self.live_blocks += 1,
            Kind::Free => self.live_blocks -= 1,
            Kind::Reallocate => {}
        }
        self.peak_live_bytes = self.peak_live_bytes.max(self.live_bytes);
        self.peak_live_blocks = self.peak_live_blocks.max(self.live_blocks);
    }

    fn stray(&mut self, double: bool) {
        self.totals.count_stray(double);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(kind: Kind, slot: u32, size: u64, thread: u16) -> Op {
        Op { size, slot, thread, kind, align_log2: 4 }
    }

    #[test]
    fn peaks_are_of_what_is_live_at_once() {
        let mut tally = Tally::default();
        tally.image(b"first");
        tally.op(op(Kind::Allocate, 0, 100, 0));
        tally.op(op(Kind::AllocateZeroed, 1, 50, 2));
        tally.op(op(Kind::Reallocate, 0, 10, 0));
        tally.op(op(Kind::Free, 1, 0, 0));
        assert_eq!((tally.live_blocks(), tally.live_bytes()), (1, 10));
        assert_eq!((tally.peak_live_blocks(), tally.peak_live_bytes()), (2, 150));
        assert_eq!((tally.requested_bytes(), tally.threads()), (160, 3));
        assert_eq!(tally.totals().events(), 4);
    }

    #[test]
    fn blocks_end_with_their_image() {
        let mut tally = Tally::default();
        tally.op(op(Kind::Allocate, 0, 100, 0));
        tally.image(b"second");
        tally.op(op(Kind::Allocate, 0, 1, 0));
        assert_eq!((tally.live_blocks(), tally.live_bytes()), (1, 1));
        assert_eq!((tally.peak_live_blocks(), tally.peak_live_bytes()), (1, 100));
    }
}
