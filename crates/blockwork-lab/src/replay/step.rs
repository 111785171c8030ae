//! [`Step`]: one call of the program, in the form that a replay can map and run.

use std::alloc::Layout;

use crate::trace::{Kind, Op};

/// One call, in sixteen bytes of which every pattern is valid, so that a file
/// of them can be mapped and read in place.
///
/// ```text
/// | size: u64 | slot: u32 | next thread: 16 bits · align_log2: 8 · kind: 8 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Step {
    size: u64,
    slot: u32,
    what: u32,
}

/// What a step does, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A block of this layout begins, perhaps zeroed.
    Allocate(Layout, bool),
    /// The block becomes one of this layout, and may move.
    Reallocate(Layout),
    /// The block ends.
    Free,
}

const ALLOCATE: u32 = 0;
const ALLOCATE_ZEROED: u32 = 1;
const FREE: u32 = 2;
const REALLOCATE: u32 = 3;
const BEGIN: u32 = 4;

impl Step {
    /// Bytes of a step in a file.
    pub const SIZE: usize = size_of::<Self>();

    /// No step of a recording: a thread begins, after the last step on `slot`.
    pub fn begin(slot: u32) -> Self {
        Self { size: 0, slot, what: BEGIN }
    }

    /// Whether a thread begins here.
    pub fn is_begin(self) -> bool {
        self.what & 0xff == BEGIN
    }

    /// The slot of the block that the step is about.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// The same as it stands in a file.
    pub fn raw_slot(self) -> u32 {
        self.slot
    }

    /// The thread whose step is the next; of a step that says so.
    pub fn next(self) -> u16 {
        (self.what >> 16) as u16
    }

    /// Says whose step is the next.
    pub fn set_next(&mut self, thread: u16) {
        self.what = self.what & 0xffff | u32::from(thread) << 16;
    }

    /// What to do; `None` for a pattern that means nothing.
    pub fn act(self) -> Option<Act> {
        match self.what & 0xff {
            ALLOCATE => Some(Act::Allocate(self.layout()?, false)),
            ALLOCATE_ZEROED => Some(Act::Allocate(self.layout()?, true)),
            REALLOCATE => Some(Act::Reallocate(self.layout()?)),
            FREE => Some(Act::Free),
            _ => None,
        }
    }

    /// The step as it stands in a file of this machine.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let (size, rest) = bytes.split_at_mut(8);
        let (slot, what) = rest.split_at_mut(4);
        size.copy_from_slice(&self.size.to_ne_bytes());
        slot.copy_from_slice(&self.slot.to_ne_bytes());
        what.copy_from_slice(&self.what.to_ne_bytes());
        bytes
    }

    fn layout(self) -> Option<Layout> {
        let align = 1_usize.checked_shl(self.what >> 8 & 0xff)?;
        Layout::from_size_align(usize::try_from(self.size).ok()?, align).ok()
    }
}

impl From<Op> for Step {
    fn from(op: Op) -> Self {
        let kind = match op.kind {
            Kind::Allocate => ALLOCATE,
            Kind::AllocateZeroed => ALLOCATE_ZEROED,
            Kind::Free => FREE,
            Kind::Reallocate => REALLOCATE,
        };
        Self { size: op.size, slot: op.slot, what: kind | (u32::from(op.align_log2) << 8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_what_the_call_said() {
        let op = Op { size: 40, slot: 7, thread: 3, kind: Kind::AllocateZeroed, align_log2: 12 };
        let step = Step::from(op);
        assert_eq!(step.slot(), 7);
        assert_eq!(step.act(), Some(Act::Allocate(Layout::from_size_align(40, 4096).unwrap(), true)));
    }

    #[test]
    fn whose_step_is_next_is_no_part_of_what_it_does() {
        let op = Op { size: 40, slot: 7, thread: 3, kind: Kind::Reallocate, align_log2: 4 };
        let mut step = Step::from(op);
        let act = step.act();
        step.set_next(u16::MAX);
        step.set_next(517);
        assert_eq!((step.next(), step.act()), (517, act));
        assert!(Step::begin(3).is_begin() && Step::begin(3).act().is_none());
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused() {
        assert_eq!(Step { size: 1, slot: 0, what: 9 }.act(), None);
        assert_eq!(Step { size: 1, slot: 0, what: ALLOCATE | 64 << 8 }.act(), None);
        assert_eq!(Step { size: u64::MAX, slot: 0, what: ALLOCATE }.act(), None);
    }
}
