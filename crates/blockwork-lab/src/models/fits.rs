//! The orders of the fits.

use std::collections::BTreeSet;

use super::{simulation::Extent, space::Order, treap::Treap};

/// By size, then by address.
#[derive(Debug, Default)]
pub struct Best(BTreeSet<(u64, u64)>);

impl Order for Best {
    fn insert(&mut self, free: Extent) -> u64 {
        self.0.insert((free.len, free.at));
        0
    }

    fn remove(&mut self, free: Extent, _: u64) {
        self.0.remove(&(free.len, free.at));
    }

    fn first(&self, len: u64) -> Option<u64> {
        self.0.range((len, 0)..).next().map(|(_, at)| *at)
    }
}

/// By address.
#[derive(Debug, Default)]
pub struct First(Treap);

impl Order for First {
    fn insert(&mut self, free: Extent) -> u64 {
        self.0.insert(free.at, free);
        free.at
    }

    fn remove(&mut self, _: Extent, place: u64) {
        self.0.remove(place);
    }

    fn first(&self, len: u64) -> Option<u64> {
        self.0.first(len).map(|free| free.at)
    }
}

/// What was freed last comes first; what is left of a block stays in its place.
#[derive(Debug, Default)]
pub struct Lifo {
    list: Treap,
    freed: u64,
}

impl Order for Lifo {
    fn insert(&mut self, free: Extent) -> u64 {
        self.freed += 1;
        let place = u64::MAX - self.freed;
        self.list.insert(place, free);
        place
    }

    fn remove(&mut self, _: Extent, place: u64) {
        self.list.remove(place);
    }

    fn first(&self, len: u64) -> Option<u64> {
        self.list.first(len).map(|free| free.at)
    }

    fn cut(&mut self, _: Extent, place: u64, rest: Extent) -> u64 {
        self.list.remove(place);
        self.list.insert(place, rest);
        place
    }
}
