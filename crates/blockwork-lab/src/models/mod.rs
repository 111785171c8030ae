//! Models: allocators of the literature, as simulations.
//!
//! | [`Policy`] | a request gets | what is freed |
//! |---|---|---|
//! | best fit | the smallest free block that is large enough, of those the lowest | merges with its neighbours |
//! | address-ordered first fit | the lowest that is large enough | merges with its neighbours |
//! | LIFO first fit | the one freed last that is large enough; what is left of it keeps its place | merges with its neighbours, and comes first |
//! | binary buddy | the lowest of the smallest power of two that is large enough, halved as often as it goes | merges with its buddy |
//! | powers of two | a block of its class, from pages that serve one class for ever | waits for its class |
//!
//! They place blocks in a space of numbers and touch no memory: what they hold is
//! exact, and time they have none. Their heap grows by steps and never shrinks. A
//! block that has to grow does so in place where it can, and moves otherwise.
//!
//! They are yardsticks: Johnstone and Wilson ("The memory fragmentation problem:
//! solved?", 1998) found that the first two waste next to nothing, and what the
//! others waste. Headers, rounding and the step of growth are [parameters](Model),
//! because those, and not the policy, are what most heaps lose by.

mod buddy;
mod fits;
mod name;
mod powers;
mod simulation;
mod space;
#[cfg(test)]
mod tests;
mod treap;
#[cfg(test)]
mod walked;

use serde::{Deserialize, Serialize};

use self::{
    buddy::Buddy,
    fits::{Best, First, Lifo},
    powers::Powers,
    simulation::play,
    space::Space,
};
use crate::replay::{books::Measures, curve::Curve, driver::Stop, step::Step};

/// Who gets which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The smallest block that is large enough.
    BestFit,
    /// The lowest.
    FirstFit,
    /// The one freed last.
    FirstFitLifo,
    /// Halves of halves.
    Buddy,
    /// Pages of blocks, by class.
    PowersOfTwo,
}

impl Policy {
    /// All of them, in the order of their rows.
    pub const ALL: [Self; 5] = [Self::BestFit, Self::FirstFit, Self::FirstFitLifo, Self::Buddy, Self::PowersOfTwo];
    /// Those that every comparison has: the least that can be wasted, and what is
    /// wasted by rounding.
    pub const USUAL: [Self; 3] = [Self::BestFit, Self::Buddy, Self::PowersOfTwo];
}

/// A policy with what any heap has to decide besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Who gets which block.
    pub policy: Policy,
    /// Sizes are rounded up to multiples of this, a power of two; and it is the
    /// least power of two that is a block.
    pub align: u64,
    /// Bytes before each block.
    pub header: u64,
    /// Bytes by which the heap grows at least, and in multiples of which; or the
    /// size of a page, for powers of two.
    pub grow: u64,
}

impl Model {
    /// As a `malloc` of 64 bits would be: with headers where the policy needs them.
    pub const fn new(policy: Policy) -> Self {
        let header = match policy {
            Policy::BestFit | Policy::FirstFit | Policy::FirstFitLifo => 8,
            Policy::Buddy | Policy::PowersOfTwo => 0,
        };
        Self { policy, align: 16, header, grow: 4096 }
    }

    /// Plays `steps`, on slots below `slots`, and says what was held; in `curve`,
    /// too.
    ///
    /// # Errors
    ///
    /// The step that makes no sense, or goes beyond all addresses.
    pub fn simulate(self, steps: &[Step], slots: usize, curve: Curve) -> Result<Measures, Stop> {
        match self.policy {
            Policy::BestFit => play(Space::<Best>::new(self), self, steps, slots, curve),
            Policy::FirstFit => play(Space::<First>::new(self), self, steps, slots, curve),
            Policy::FirstFitLifo => play(Space::<Lifo>::new(self), self, steps, slots, curve),
            Policy::Buddy => play(Buddy::new(self), self, steps, slots, curve),
            Policy::PowersOfTwo => play(Powers::new(self), self, steps, slots, curve),
        }
    }
}
