//! Random numbers that are the same in every run.

/// Numbers that look random, and are the same in every run.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same numbers for each `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// What the next numbers come from, for loops in another language.
    pub fn state(&mut self) -> &mut u64 {
        &mut self.0
    }

    /// A number below `below`.
    #[inline(always)]
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * below as u64) >> 32) as usize
    }

    /// Brings `items` into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.roll(end + 1));
        }
    }

    /// The numbers below `n` in some order.
    #[must_use]
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}
