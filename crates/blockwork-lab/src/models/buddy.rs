//! [`Buddy`]: blocks of powers of two, at multiples of their size.

use std::collections::BTreeSet;

use super::{
    Model,
    simulation::{Extent, Heap},
};

/// Powers of two that an address has room for.
const ORDERS: usize = u64::BITS as usize;

/// A binary buddy system.
#[derive(Debug)]
pub struct Buddy {
    /// Free blocks of each power of two.
    free: [BTreeSet<u64>; ORDERS],
    end: u64,
    least: u64,
    grow: u64,
    requests: u64,
}

impl Buddy {
    /// Nothing taken yet.
    pub fn new(model: Model) -> Self {
        let grow = model.grow.max(model.align).checked_next_power_of_two().unwrap_or(model.align);
        Self { free: [const { BTreeSet::new() }; ORDERS], end: 0, least: model.align, grow, requests: 0 }
    }

    /// Adds a free block, with its buddy if that is free, and so on.
    fn release(&mut self, Extent { mut at, mut len }: Extent) {
        while self.free_of(len).remove(&(at ^ len)) {
            at &= !len;
            len *= 2;
        }
        self.free_of(len).insert(at);
    }

    /// Free blocks of this power of two.
    fn free_of(&mut self, len: u64) -> &mut BTreeSet<u64> {
        &mut self.free[len.trailing_zeros() as usize % ORDERS]
    }

    /// Splits off the lowest block of `len` bytes.
    fn take(&mut self, len: u64) -> Option<Extent> {
        let order = len.trailing_zeros() as usize;
        let (of, at) = (order..ORDERS).find_map(|of| Some((of, self.free[of].pop_first()?)))?;
        for half in order..of {
            self.free[half].insert(at + (1 << half));
        }
        Some(Extent { at, len })
    }

    /// Grows by a block of `len` bytes, or a step if that is more; what is left
    /// out before it, since it has to be aligned, is free.
    fn extend(&mut self, len: u64) -> Option<()> {
        let len = len.max(self.grow);
        let start = self.end.checked_next_multiple_of(len)?;
        let end = start.checked_add(len)?;
        while self.end < start {
            let gap = 1 << self.end.trailing_zeros();
            let block = Extent { at: self.end, len: gap };
            self.end = block.end();
            self.release(block);
        }
        self.end = end;
        self.requests += 1;
        self.release(Extent { at: start, len });
        Some(())
    }

    fn rounded(&self, size: u64) -> Option<u64> {
        // The upper half of all addresses is out of reach.
        size.max(self.least).checked_next_power_of_two().filter(|len| *len < 1 << 63)
    }
}

impl Heap for Buddy {
    fn allocate(&mut self, size: u64, align: u64) -> Option<Extent> {
        let len = self.rounded(size.max(align))?;
        if let Some(block) = self.take(len) {
            return Some(block);
        }
        self.extend(len)?;
        self.take(len)
    }

    fn free(&mut self, block: Extent) {
        self.release(block);
    }

    /// Gives back halves; to grow, a block moves.
    fn resize(&mut self, mut block: Extent, size: u64) -> Option<Extent> {
        let len = self.rounded(size)?;
        if len > block.len {
            return None;
        }
        while block.len > len {
            block.len /= 2;
            self.release(Extent { at: block.end(), len: block.len });
        }
        Some(block)
    }

    fn held(&self) -> u64 {
        self.end
    }

    fn requests(&self) -> u64 {
        self.requests
    }
}
