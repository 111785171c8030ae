//! [`Powers`]: pages of blocks, each page for one power of two.

use super::{
    Model,
    simulation::{Extent, Heap},
};

/// Powers of two that an address has room for.
const ORDERS: usize = u64::BITS as usize;

/// Segregated storage by powers of two, without merging. Nothing depends on where
/// a block is: free blocks of a class are counted, and that is all.
#[derive(Debug)]
pub struct Powers {
    /// Free blocks of each power of two.
    free: [u64; ORDERS],
    held: u64,
    least: u64,
    page: u64,
    requests: u64,
}

impl Powers {
    /// Nothing taken yet.
    pub fn new(model: Model) -> Self {
        Self { free: [0; ORDERS], held: 0, least: model.align, page: model.grow, requests: 0 }
    }

    fn free_of(&mut self, len: u64) -> &mut u64 {
        &mut self.free[len.trailing_zeros() as usize % ORDERS]
    }

    fn rounded(&self, size: u64) -> Option<u64> {
        size.max(self.least).checked_next_power_of_two()
    }
}

impl Heap for Powers {
    fn allocate(&mut self, size: u64, align: u64) -> Option<Extent> {
        let len = self.rounded(size.max(align))?;
        let block = Extent { at: 0, len };
        if let Some(left) = self.free_of(len).checked_sub(1) {
            *self.free_of(len) = left;
            return Some(block);
        }
        let run = len.max(self.page);
        self.held = self.held.checked_add(run)?;
        self.requests += 1;
        *self.free_of(len) += run / len - 1;
        Some(block)
    }

    fn free(&mut self, block: Extent) {
        *self.free_of(block.len) += 1;
    }

    /// Within its class a block stays.
    fn resize(&mut self, block: Extent, size: u64) -> Option<Extent> {
        (self.rounded(size)? == block.len).then_some(block)
    }

    fn held(&self) -> u64 {
        self.held
    }

    fn requests(&self) -> u64 {
        self.requests
    }
}
