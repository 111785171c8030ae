//! [`Totals`] of blocks that have something in common.

use std::{collections::HashMap, hash::Hash, io};

use super::life::lives;
use crate::trace::{Kind, Trace};

/// Figures of some blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All of them.
    pub blocks: u64,
    /// Their sizes.
    pub bytes: u64,
    /// How many events they live through, in all.
    pub lifetime: u64,
    /// Those that are live now.
    live: [u64; 2],
    /// Blocks and bytes when most bytes of these were live.
    pub most: [u64; 2],
    /// Blocks and bytes when most bytes of all were live.
    pub peak: [u64; 2],
    /// Blocks and bytes that were never freed.
    pub left: [u64; 2],
}

/// What is known of a whole recording.
#[derive(Debug)]
pub struct Gathered<K> {
    /// By what they have in common, in order of first appearance.
    pub totals: Vec<(K, Totals)>,
    /// The event after which most bytes were live.
    pub peak_event: u64,
    /// Events in all.
    pub events: u64,
}

/// Gathers the blocks of `trace` by what `key` makes of stack and size.
///
/// # Errors
///
/// None.
pub fn gather<K: Copy + Eq + Hash>(trace: &Trace, key: impl Fn(u32, u64) -> K) -> io::Result<Gathered<K>> {
    let peak_event = peak(trace);
    let mut numbers: HashMap<K, usize> = HashMap::new();
    let mut totals: Vec<(K, Totals)> = Vec::new();
    let mut slots: Vec<Option<(usize, u64)>> = Vec::new();
    for image in &trace.images {
        let Some(ops) = trace.ops.get(image.ops.clone()) else { continue };
        slots.clear();
        totals.iter_mut().for_each(|(_, totals)| totals.live = [0; 2]);
        for (event, op) in image.ops.clone().zip(ops) {
            let slot = op.slot as usize;
            if slot >= slots.len() {
                slots.resize(slot + 1, None);
            }
            if let Some((number, size)) = slots[slot].take() {
                totals[number].1.end(size);
            }
            if op.kind != Kind::Free {
                let key = key(trace.sites.of(event), op.size);
                let next = totals.len();
                let number = *numbers.entry(key).or_insert(next);
                if number == next {
                    totals.push((key, Totals::default()));
                }
                totals[number].1.begin(op.size);
                slots[slot] = Some((number, op.size));
            }
            if event == peak_event {
                totals.iter_mut().for_each(|(_, totals)| totals.peak = totals.live);
            }
        }
    }
    totals.iter_mut().for_each(|(_, totals)| totals.left = totals.live);
    let events = trace.ops.len() as u64;
    lives(trace, |life| {
        if let Some(&number) = numbers.get(&key(life.stack, life.size)) {
            totals[number].1.lifetime += life.death.unwrap_or(events) - life.birth;
        }
        Ok(())
    })?;
    Ok(Gathered { totals, peak_event: peak_event as u64, events })
}

/// The event after which most bytes are live.
fn peak(trace: &Trace) -> usize {
    let (mut peak, mut most) = (0, 0);
    walk_live(trace, |event, live, _| {
        if live > most {
            (peak, most) = (event, live);
        }
    });
    peak
}

/// Tells of the live bytes after each event, and of the bytes that came and went
/// up to there.
pub fn walk_live(trace: &Trace, mut each: impl FnMut(usize, u64, u64)) {
    let mut sizes: Vec<u64> = Vec::new();
    let mut turnover = 0_u64;
    for image in &trace.images {
        let Some(ops) = trace.ops.get(image.ops.clone()) else { continue };
        sizes.clear();
        let mut live = 0_u64;
        for (event, op) in image.ops.clone().zip(ops) {
            let slot = op.slot as usize;
            if slot >= sizes.len() {
                sizes.resize(slot + 1, 0);
            }
            let former = std::mem::replace(&mut sizes[slot], op.size);
            live = live.saturating_sub(former).saturating_add(op.size);
            turnover = turnover.saturating_add(former).saturating_add(op.size);
            each(event, live, turnover);
        }
    }
}

impl Totals {
    fn begin(&mut self, size: u64) {
        self.blocks += 1;
        self.bytes = self.bytes.saturating_add(size);
        self.live = [self.live[0] + 1, self.live[1].saturating_add(size)];
        if self.live[1] > self.most[1] || self.most[0] == 0 {
            self.most = self.live;
        }
    }

    const fn end(&mut self, size: u64) {
        self.live = [self.live[0].saturating_sub(1), self.live[1].saturating_sub(size)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn totals_are_as_computed_by_hand() {
        // live: 100, 128, 228, 200, 205, 5 | 7
        let first = Ops::new().alloc(0, 100).alloc(1, 28).realloc(0, 200).free(1).alloc(1, 5).free(0);
        let trace = trace([first, Ops::new().alloc(0, 7)]);
        let gathered = gather(&trace, |_, size| size >= 100).unwrap();
        assert_eq!((gathered.peak_event, gathered.events), (2, 7));
        let [(true, large), (false, small)] = gathered.totals[..] else { panic!("{gathered:?}") };
        let expected =
            Totals { blocks: 2, bytes: 300, lifetime: 2 + 3, most: [1, 200], peak: [1, 200], ..Totals::default() };
        assert_eq!(large, expected);
        assert_eq!((small.blocks, small.bytes, small.lifetime), (3, 40, 2 + 2 + 1));
        assert_eq!((small.most, small.peak, small.left), ([1, 28], [1, 28], [1, 7]));
    }
}
