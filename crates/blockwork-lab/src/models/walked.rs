//! The fits once more, by a walk along a list; and what holds of every heap.

use std::collections::BTreeMap;

use super::{
    Model, Policy,
    buddy::Buddy,
    fits::{Best, First, Lifo},
    simulation::{Extent, Heap},
    space::Space,
};

const MODEL: Model = Model { policy: Policy::BestFit, align: 8, header: 0, grow: 256 };

/// Free blocks, the one freed last first.
#[derive(Debug, Default)]
struct List {
    free: Vec<Extent>,
    end: u64,
}

impl List {
    fn allocate(&mut self, policy: Policy, size: u64) -> Extent {
        let len = size.next_multiple_of(MODEL.align);
        let fitting = self.free.iter().enumerate().filter(|(_, free)| free.len >= len);
        let place = match policy {
            Policy::BestFit => fitting.min_by_key(|(_, free)| (free.len, free.at)),
            Policy::FirstFit => fitting.min_by_key(|(_, free)| free.at),
            _ => fitting.min_by_key(|(place, _)| *place),
        };
        let Some((place, &free)) = place else {
            let tail = self.free.iter().find(|free| free.end() == self.end).map_or(0, |tail| tail.len);
            let new = Extent { at: self.end, len: (len - tail).next_multiple_of(MODEL.grow) };
            self.end = new.end();
            self.release(new);
            return self.allocate(policy, size);
        };
        self.free[place] = Extent { at: free.at + len, len: free.len - len };
        self.free.retain(|free| free.len > 0);
        Extent { at: free.at, len }
    }

    fn release(&mut self, mut block: Extent) {
        while let Some(place) = self.free.iter().position(|free| free.end() == block.at || free.at == block.end()) {
            let other = self.free.remove(place);
            block = Extent { at: other.at.min(block.at), len: other.len + block.len };
        }
        self.free.insert(0, block);
    }
}

/// Numbers as good as random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Small ones more often.
    fn size(&mut self) -> u64 {
        let bits = self.below(9);
        self.below(1 << (bits + 1)) + 1
    }
}

#[track_caller]
fn walk_along(policy: Policy, mut heap: impl Heap) {
    let (mut list, mut live, mut dice) = (List::default(), Vec::new(), Dice(7));
    for _ in 0..10_000 {
        if dice.below(100) < 52 || live.is_empty() {
            let size = dice.size();
            let block = heap.allocate(size, 1);
            assert_eq!(block, Some(list.allocate(policy, size)));
            live.extend(block);
        } else {
            let block = live.swap_remove(usize::try_from(dice.below(live.len() as u64)).unwrap());
            heap.free(block);
            list.release(block);
        }
        assert_eq!(heap.held(), list.end);
    }
}

#[test]
fn the_fits_choose_as_a_walk_along_all_free_blocks_does() {
    walk_along(Policy::BestFit, Space::<Best>::new(MODEL));
    walk_along(Policy::FirstFit, Space::<First>::new(MODEL));
    walk_along(Policy::FirstFitLifo, Space::<Lifo>::new(MODEL));
}

/// Allocates, frees and resizes, with alignments.
#[track_caller]
fn mix(mut heap: impl Heap) {
    let (mut live, mut dice) = (BTreeMap::new(), Dice(3));
    for _ in 0..10_000 {
        let picked = live.keys().nth(usize::try_from(dice.below(live.len().max(1) as u64)).unwrap()).copied();
        let (size, align) = (dice.size(), 1 << dice.below(8));
        let block = match (dice.below(100), picked) {
            (0..50, _) | (_, None) => heap.allocate(size, align).inspect(|block| assert_eq!(block.at % align, 0)),
            (50..80, Some(at)) => {
                heap.free(Extent { at, len: live.remove(&at).unwrap() });
                None
            }
            (_, Some(at)) => {
                let old = Extent { at, len: live[&at] };
                heap.resize(old, size).inspect(|_| assert_eq!(live.remove(&at), Some(old.len)))
            }
        };
        if let Some(block) = block {
            assert!(block.len >= size && block.end() <= heap.held());
            assert!(live.range(..block.end()).next_back().is_none_or(|(at, len)| at + len <= block.at));
            live.insert(block.at, block.len);
        }
    }
}

#[test]
fn blocks_are_aligned_and_never_overlap() {
    mix(Space::<Best>::new(MODEL));
    mix(Space::<First>::new(MODEL));
    mix(Space::<Lifo>::new(MODEL));
    mix(Buddy::new(MODEL));
}
