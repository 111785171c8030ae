//! [`Space`]: one growing heap whose free blocks merge, under any [`Order`] of
//! them.

use std::{collections::BTreeMap, fmt::Debug};

use super::{
    Model,
    simulation::{Extent, Heap},
};

/// In which order free blocks are looked at.
pub trait Order: Debug + Default {
    /// A block has become free: its place in the order.
    fn insert(&mut self, free: Extent) -> u64;

    /// The block at this place is free no longer.
    fn remove(&mut self, free: Extent, place: u64);

    /// The first that has at least `len` bytes.
    fn first(&self, len: u64) -> Option<u64>;

    /// Of the block at this place, only `rest` is left: its place.
    fn cut(&mut self, free: Extent, place: u64, rest: Extent) -> u64 {
        self.remove(free, place);
        self.insert(rest)
    }
}

/// A heap from 0 to where it ends now.
#[derive(Debug)]
pub struct Space<O> {
    order: O,
    /// Length and place of each free block, by address. No two touch.
    free: BTreeMap<u64, (u64, u64)>,
    end: u64,
    align: u64,
    grow: u64,
    requests: u64,
}

impl<O: Order> Space<O> {
    /// Nothing taken yet.
    pub fn new(model: Model) -> Self {
        let Model { align, grow, .. } = model;
        Self { order: O::default(), free: BTreeMap::new(), end: 0, align, grow, requests: 0 }
    }

    /// Adds a free block, with its free neighbours.
    fn release(&mut self, mut block: Extent) {
        if block.len == 0 {
            return;
        }
        if let Some((&at, &(len, _))) = self.free.range(..block.at).next_back()
            && at.saturating_add(len) == block.at
        {
            self.withdraw(at);
            block = Extent { at, len: len.saturating_add(block.len) };
        }
        if let Some(next) = self.withdraw(block.end()) {
            block.len = block.len.saturating_add(next.len);
        }
        let place = self.order.insert(block);
        self.free.insert(block.at, (block.len, place));
    }

    /// Takes the free block at this address, if there is one.
    fn withdraw(&mut self, at: u64) -> Option<Extent> {
        let (len, place) = self.free.remove(&at)?;
        let block = Extent { at, len };
        self.order.remove(block, place);
        Some(block)
    }

    /// Takes the first `len` bytes of the free block at this address.
    fn take(&mut self, at: u64, len: u64) -> Option<Extent> {
        let (whole, place) = self.free.remove(&at)?;
        let (free, taken) = (Extent { at, len: whole }, Extent { at, len });
        let rest = Extent { at: taken.end(), len: whole.saturating_sub(len) };
        if rest.len == 0 {
            self.order.remove(free, place);
        } else {
            let place = self.order.cut(free, place, rest);
            self.free.insert(rest.at, (rest.len, place));
        }
        Some(taken)
    }

    /// Grows until the last free block has `len` bytes: its address.
    fn extend(&mut self, len: u64) -> Option<u64> {
        let last = self.free.last_key_value().map(|(&at, &(len, _))| Extent { at, len });
        let tail = last.filter(|last| last.end() == self.end).map_or(0, |last| last.len);
        let more = len.saturating_sub(tail).checked_next_multiple_of(self.grow)?;
        let end = self.end.checked_add(more)?;
        self.requests += 1;
        let new = Extent { at: self.end, len: more };
        self.end = end;
        self.release(new);
        self.free.last_key_value().map(|(&at, _)| at)
    }
}

impl<O: Order> Heap for Space<O> {
    fn allocate(&mut self, size: u64, align: u64) -> Option<Extent> {
        let len = size.checked_next_multiple_of(self.align)?;
        let slack = align.saturating_sub(self.align);
        let room = len.checked_add(slack)?;
        let at = match self.order.first(room) {
            Some(at) => at,
            None => self.extend(room)?,
        };
        if slack == 0 {
            return self.take(at, len);
        }
        // Cut out of the middle; both ends are free again.
        let whole = self.withdraw(at)?;
        let block = Extent { at: at.checked_next_multiple_of(align)?, len };
        self.release(Extent { at, len: block.at - at });
        self.release(Extent { at: block.end(), len: whole.end() - block.end() });
        Some(block)
    }

    fn free(&mut self, block: Extent) {
        self.release(block);
    }

    fn resize(&mut self, block: Extent, size: u64) -> Option<Extent> {
        let len = size.checked_next_multiple_of(self.align)?;
        let resized = Extent { len, ..block };
        match len.checked_sub(block.len) {
            None => self.release(Extent { at: resized.end(), len: block.len - len }),
            Some(0) => {}
            Some(more) => {
                self.free.get(&block.end()).filter(|(room, _)| *room >= more)?;
                self.take(block.end(), more)?;
            }
        }
        Some(resized)
    }

    fn held(&self) -> u64 {
        self.end
    }

    fn requests(&self) -> u64 {
        self.requests
    }
}
