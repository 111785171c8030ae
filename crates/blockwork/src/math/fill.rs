//! [`Fill`]: how full a slab is, in six steps; and where its slots lie.
//!
//! ```text
//! Empty   Low        Half         High           Brim      Full
//! 0       1 … ¼      … ½          … ⅞            … all-1   all
//! ```
//!
//! A slab changes its step only after many frees, so that sorting slabs by
//! step costs little; and the last eighth is a step of its own because a slab
//! with a few free slots is a poor one to allocate from: soon it is full again.

use super::align::{align_down, align_up};

/// How many of a slab's slots are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fill {
    /// None.
    Empty,
    /// Some, at most a quarter.
    Low,
    /// More, at most half.
    Half,
    /// More, at most seven eighths.
    High,
    /// More, but not all.
    Brim,
    /// All.
    Full,
}

impl Fill {
    /// The step of a slab with `live` of `capacity` slots live.
    #[must_use]
    pub const fn of(live: usize, capacity: usize) -> Self {
        if live == 0 {
            Self::Empty
        } else if live >= capacity {
            Self::Full
        } else if live > Self::Brim.floor(capacity) {
            Self::Brim
        } else if live > Self::High.floor(capacity) {
            Self::High
        } else if live > Self::Half.floor(capacity) {
            Self::Half
        } else {
            Self::Low
        }
    }

    /// The live count at which a slab of this step has left it for a lower one:
    /// below all counts of the step. An empty slab leaves for none.
    #[must_use]
    pub const fn floor(self, capacity: usize) -> usize {
        match self {
            Self::Empty | Self::Low => 0,
            Self::Half => capacity / 4,
            Self::High => capacity / 2,
            Self::Brim => capacity.saturating_sub(capacity / 8),
            Self::Full => capacity.saturating_sub(1),
        }
    }
}

/// The alignment that slots of `slot` bytes back to back can all have: the
/// largest power of two that divides `slot`. Zero for zero.
///
/// What one block of that size needs is [`natural_align`](super::align::natural_align).
#[inline]
#[must_use]
pub const fn slot_align(slot: usize) -> usize {
    slot & slot.wrapping_neg()
}

/// Where the first slot lies in a slab that begins with `header` bytes: the
/// first multiple of the slot's [alignment](slot_align).
///
/// In a slab whose size is a power of two this costs no slot, because what is
/// left behind the last slot was at least as much.
#[inline]
#[must_use]
pub const fn first_slot(header: usize, slot: usize) -> usize {
    match align_up(header, slot_align(slot)) {
        Some(first) => first,
        None => align_down(usize::MAX, slot_align(slot)),
    }
}

/// How many slots of `slot` bytes a slab of `slab` bytes has behind a header
/// of `header` bytes.
#[must_use]
pub const fn slots(slab: usize, header: usize, slot: usize) -> usize {
    match slab.saturating_sub(first_slot(header, slot)).checked_div(slot) {
        Some(slots) => slots,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_above_the_floor_of_its_step_and_one_lower_is_below() {
        for capacity in 1..300 {
            for live in 1..=capacity {
                let fill = Fill::of(live, capacity);
                let floor = fill.floor(capacity);
                assert!(floor < live);
                assert!(Fill::of(floor, capacity) < fill);
                for between in floor + 1..=live {
                    assert_eq!(Fill::of(between, capacity), fill);
                }
            }
        }
    }

    #[test]
    fn steps_end_at_a_quarter_a_half_and_seven_eighths() {
        assert_eq!([Fill::Half, Fill::High, Fill::Brim].map(|step| step.floor(80)), [20, 40, 70]);
    }

    #[test]
    fn more_live_is_never_a_lower_step() {
        for capacity in 1..300 {
            assert!((0..=capacity).map(|live| Fill::of(live, capacity)).is_sorted());
            assert_eq!(Fill::of(0, capacity), Fill::Empty);
            assert_eq!(Fill::of(capacity, capacity), Fill::Full);
        }
    }

    #[test]
    fn the_alignment_of_a_slot_is_the_largest_power_that_divides_it() {
        for slot in 1..5000_usize {
            let align = slot_align(slot);
            assert!(align.is_power_of_two() && slot.is_multiple_of(align) && !slot.is_multiple_of(2 * align));
        }
        assert_eq!(slot_align(0), 0);
    }

    #[test]
    fn aligning_the_first_slot_costs_none() {
        for slab in (7..=16).map(|log| 1 << log) {
            for slot in (8..=slab).step_by(8) {
                let (first, header) = (first_slot(64, slot), 64);
                assert!(first >= header && first.is_multiple_of(slot_align(slot)));
                assert_eq!(slots(slab, header, slot), (slab - header) / slot, "{slab} / {slot}");
            }
        }
    }

    #[test]
    fn absurd_slots_have_no_room() {
        for slot in [0, usize::MAX, 1 << (usize::BITS - 1), usize::MAX - 7] {
            assert_eq!(slots(1 << 16, 64, slot), 0);
        }
    }
}
