//! Which block a free means, where the format says only of which kind it is.

use std::collections::VecDeque;

/// Which of several blocks of one kind is taken to be freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pairing {
    /// The one that has lived longest: right more often in most programs
    #[default]
    Oldest,
    /// The one that was allocated last
    Newest,
}

/// Live blocks by kind, and how sure it is which of them were freed.
#[derive(Debug, Default)]
pub struct Kinds {
    pairing: Pairing,
    live: Vec<Live>,
    /// Names that were used and are free.
    names: Vec<u64>,
    next: u64,
    births: u64,
    frees: u64,
    guesses: u64,
    oldest: Lifetimes,
    newest: Lifetimes,
}

/// The live blocks of a kind.
#[derive(Debug, Default)]
struct Live {
    names: VecDeque<u64>,
    /// When they began if always the oldest is freed, in that order.
    if_oldest: VecDeque<u64>,
    /// The same if always the newest is.
    if_newest: Vec<u64>,
}

impl Kinds {
    /// Without blocks.
    pub fn new(pairing: Pairing) -> Self {
        Self { pairing, ..Self::default() }
    }

    /// A block of this kind begins; its name.
    pub fn begin(&mut self, kind: usize) -> u64 {
        let name = self.names.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        self.births += 1;
        let live = self.at(kind);
        live.names.push_back(name);
        let birth = self.births;
        let live = self.at(kind);
        live.if_oldest.push_back(birth);
        live.if_newest.push(birth);
        name
    }

    /// A block of this kind ends; its name, if there is any.
    pub fn end(&mut self, kind: usize) -> Option<u64> {
        let pairing = self.pairing;
        let live = self.at(kind);
        let several = live.names.len() > 1;
        let (oldest, newest) = (live.if_oldest.pop_front()?, live.if_newest.pop()?);
        let name = match pairing {
            Pairing::Oldest => live.names.pop_front()?,
            Pairing::Newest => live.names.pop_back()?,
        };
        self.frees += 1;
        self.guesses += u64::from(several);
        self.oldest.count(self.births - oldest);
        self.newest.count(self.births - newest);
        self.names.push(name);
        Some(name)
    }

    /// Frees so far, and those of them that may have meant another block.
    pub const fn guesses(&self) -> (u64, u64) {
        (self.frees, self.guesses)
    }

    /// Half of the freed blocks lived for at most so many allocations, if always
    /// the oldest is freed, and if the newest is; to a power of two.
    pub fn median_lives(&self) -> [u64; 2] {
        [self.oldest.median(), self.newest.median()]
    }

    fn at(&mut self, kind: usize) -> &mut Live {
        if kind >= self.live.len() {
            self.live.resize_with(kind + 1, Live::default);
        }
        &mut self.live[kind]
    }
}

/// How many blocks lived how long, by powers of two.
#[derive(Debug)]
struct Lifetimes([u64; 65]);

impl Lifetimes {
    fn count(&mut self, age: u64) {
        self.0[age.checked_ilog2().map_or(0, |log2| log2 as usize + 1)] += 1;
    }

    fn median(&self) -> u64 {
        let half = self.0.iter().sum::<u64>().div_ceil(2);
        let mut sum = 0;
        let class = self.0.iter().position(|count| {
            sum += count;
            sum >= half
        });
        class.and_then(|class| 1_u64.checked_shl(u32::try_from(class).ok()?)).unwrap_or(u64::MAX)
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self([0; 65])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_or_the_newest_of_a_kind_is_freed() {
        for (pairing, expected) in [(Pairing::Oldest, [1, 2, 3]), (Pairing::Newest, [3, 2, 1])] {
            let mut kinds = Kinds::new(pairing);
            let names = [0, 0, 0].map(|kind| kinds.begin(kind));
            assert_eq!(names, [1, 2, 3]);
            assert_eq!(kinds.begin(7), 4);
            assert_eq!([0, 0, 0].map(|kind| kinds.end(kind).unwrap()), expected);
            assert_eq!((kinds.end(0), kinds.end(9)), (None, None));
            assert_eq!(kinds.guesses(), (3, 2));
        }
    }

    #[test]
    fn lives_are_told_for_either_pairing() {
        let mut kinds = Kinds::new(Pairing::Oldest);
        for _ in 0..100 {
            kinds.begin(0);
        }
        for _ in 0..100 {
            kinds.begin(0);
            kinds.end(0);
        }
        assert_eq!(kinds.median_lives(), [128, 1]);
    }
}
