//! [`Op`]: what a caller can do to an allocator, as data that shrinks.
//!
//! An operation names a slot, not a block: which block it meets is settled by
//! the operations before it, whether or not they succeeded. So a sequence means
//! the same each time it runs, and any part of a sequence is a sequence.

use core::{alloc::Layout, fmt, ops::RangeInclusive};

use heap::vec::Vec;
use proptest::{
    collection, prop_oneof,
    strategy::{Just, Strategy, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::alloc::Allocate;

/// Slots of a sequence: the most blocks it can have live.
pub const SLOTS: usize = 24;

/// Picks one of the sizes that fit a block: zero is the size asked for, then
/// from the least size of its class, at 1, up to the grant, at 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick(pub u8);

impl Pick {
    /// A layout that fits a block of `part` which `asked` fits.
    #[must_use]
    pub fn layout(self, part: &dyn Allocate, asked: Layout) -> Layout {
        if self.0 == 0 || asked.size() == 0 {
            return asked;
        }
        let class = class_of(part, asked);
        let width = class.end().saturating_sub(*class.start());
        let offset = width.saturating_mul(usize::from(self.0).saturating_sub(1)).checked_div(254).unwrap_or(0);
        with_size(asked, class.start().saturating_add(offset))
    }
}

/// The sizes that are granted the same as `layout`: grants are monotone, so it
/// is one range, that ends with the grant.
pub(super) fn class_of(part: &dyn Allocate, layout: Layout) -> RangeInclusive<usize> {
    let granted = part.granted(layout);
    let (mut low, mut high) = (1, layout.size());
    while low < high {
        let middle = low.midpoint(high);
        if part.granted(with_size(layout, middle)) == granted {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    high..=granted
}

/// `layout` with another size, or `layout` itself where that is no layout.
pub(super) fn with_size(layout: Layout, size: usize) -> Layout {
    Layout::from_size_align(size, layout.align()).unwrap_or(layout)
}

/// One operation of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Frees the block in `slot`, if there is one; puts a fresh one there.
    Allocate {
        /// Where the block is kept.
        slot: usize,
        /// What is asked for.
        layout: Layout,
        /// Whether through `allocate_zeroed`.
        zeroed: bool,
    },
    /// Frees the block in `slot`.
    Free {
        /// Whose block.
        slot: usize,
        /// The size that is named.
        pick: Pick,
    },
    /// Tries to resize the block in `slot` in place.
    Resize {
        /// Whose block.
        slot: usize,
        /// The size that is named for the old layout.
        pick: Pick,
        /// The new size.
        size: usize,
    },
    /// Replaces the block in `slot` by a fresh one while both are live.
    Move {
        /// Whose block.
        slot: usize,
        /// The size that is named when the old block is freed.
        pick: Pick,
        /// What is asked for.
        layout: Layout,
    },
    /// Moves the allocator itself to another address.
    Relocate,
    /// Ends every block at once, where the allocator can.
    Reset,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Allocate { slot, layout, zeroed } => {
                let zeroed = if zeroed { " zeroed" } else { "" };
                write!(f, "[{slot}] = allocate{zeroed} {} @ {}", layout.size(), layout.align())
            }
            Self::Free { slot, pick } => write!(f, "free [{slot}]{pick}"),
            Self::Resize { slot, pick, size } => write!(f, "resize [{slot}]{pick} to {size}"),
            Self::Move { slot, pick, layout } => {
                write!(
                    f,
                    "[{slot}] = allocate {} @ {}, then free the old [{slot}]{pick}",
                    layout.size(),
                    layout.align()
                )
            }
            Self::Relocate => f.write_str("move the allocator"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            255 => f.write_str(" as its grant"),
            step => write!(f, " as size {step}/255 of its class"),
        }
    }
}

/// The requests that a sequence makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The largest size asked for, at least one.
    pub max_size: usize,
    /// The largest alignment asked for.
    pub max_align: usize,
}

impl Shape {
    /// Layouts, small ones most often, shrinking towards the smallest.
    fn layouts(self) -> impl Strategy<Value = Layout> {
        let powers = self.max_align.max(1).ilog2();
        let aligns = prop_oneof![10 => 0..=powers.min(4), 3 => 0..=powers.min(8), 1 => 0..=powers];
        (self.sizes(), aligns).prop_map(|(size, power)| layout(size, 1 << power))
    }

    /// Sizes, small ones most often, shrinking towards zero.
    fn sizes(self) -> impl Strategy<Value = usize> {
        let up_to = |limit: usize| 1..=limit.min(self.max_size.max(1));
        prop_oneof![
            1 => Just(0),
            12 => up_to(64),
            8 => up_to(1024),
            4 => up_to(16 * 1024),
            1 => up_to(self.max_size),
        ]
    }

    /// Sequences of operations that shrink.
    pub fn operations(self, length: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Op>> {
        let slots = || 0..SLOTS;
        let picks = || prop_oneof![1 => Just(0), 1 => Just(1), 1 => Just(255), 2 => 2..=254_u8].prop_map(Pick);
        let allocate = (slots(), self.layouts(), proptest::bool::weighted(0.2))
            .prop_map(|(slot, layout, zeroed)| Op::Allocate { slot, layout, zeroed });
        let free = (slots(), picks()).prop_map(|(slot, pick)| Op::Free { slot, pick });
        let resize = (slots(), picks(), self.sizes()).prop_map(|(slot, pick, size)| Op::Resize { slot, pick, size });
        let move_to =
            (slots(), picks(), self.layouts()).prop_map(|(slot, pick, layout)| Op::Move { slot, pick, layout });
        let op = prop_oneof![
            40 => allocate,
            20 => free,
            20 => resize,
            10 => move_to,
            3 => Just(Op::Relocate),
            1 => Just(Op::Reset),
        ];
        collection::vec(op, length)
    }

    /// One sequence, the same for the same arguments.
    #[must_use]
    pub fn sample(self, length: usize, seed: u64) -> Vec<Op> {
        let tree = self.operations(length..=length).new_tree(&mut runner(seed, 1));
        // Generating fails only where a strategy filters; none does.
        tree.map(|tree| tree.current()).unwrap_or_default()
    }
}

/// A layout of a size and an alignment that are known to make one.
fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap_or(Layout::new::<()>())
}

/// A runner whose cases depend on `seed` alone.
pub(super) fn runner(seed: u64, cases: u32) -> TestRunner {
    // Not ChaCha, the default: it took a quarter of a debug run.
    let mut bytes = [0x5A; 16];
    for (byte, value) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = value;
    }
    let config = Config { cases, max_shrink_iters: 4096, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Strict;

    const SHAPE: Shape = Shape { max_size: 65_536, max_align: 4096 };

    #[test]
    fn a_sequence_depends_on_its_seed_alone() {
        assert_eq!(SHAPE.sample(50, 3), SHAPE.sample(50, 3));
        assert_ne!(SHAPE.sample(50, 3), SHAPE.sample(50, 4));
    }

    #[test]
    fn a_pick_is_always_of_the_class() {
        let part = Strict::new().grain(112);
        for size in [1, 111, 112, 113, 5_000] {
            let asked = layout(size, 8);
            for pick in 0..=255 {
                assert_eq!(part.granted(Pick(pick).layout(&part, asked)), part.granted(asked));
            }
        }
    }

    #[test]
    fn the_class_of_a_size_is_the_whole_class() {
        let part = Strict::new().grain(112);
        assert_eq!(class_of(&part, layout(113, 1)), 113..=224);
        assert_eq!(class_of(&part, layout(224, 1)), 113..=224);
        assert_eq!(class_of(&part, layout(1, 1)), 1..=112);
    }
}
