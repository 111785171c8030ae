//! Line marks, and the holes between them.
//!
//! ```text
//! line     0   1   2   3   4   5   6   7   8   9
//! marked   ■           ■
//! usable           ■           ■   ■   ■   ■   ■
//!                  hole                     hole, found first from above
//! ```
//!
//! Objects are small or large against a line. A small one marks only the line
//! it starts in, though it may end in the next. So the line after a marked one
//! counts as marked: that costs half a hole at times, and marking is one write.

use core::cell::Cell;

/// Bytes in a line.
pub(crate) const LINE: usize = 128;

/// Lines in a block: 256, but for the two that its header takes.
pub(crate) const LINES: usize = 254;

/// Bytes in the lines of a block.
pub(crate) const CAPACITY: usize = LINES * LINE;

/// Which lines of a block hold something that lives.
pub(crate) struct LineMarks([Cell<bool>; LINES]);

/// Free bytes `limit..cursor` of a block, which are handed out from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) cursor: usize,
    pub(crate) limit: usize,
}

impl LineMarks {
    pub(crate) const fn new() -> Self {
        Self([const { Cell::new(false) }; LINES])
    }

    /// Says of all lines whether they are marked.
    pub(crate) fn set_all(&self, marked: bool) {
        self.0.iter().for_each(|line| line.set(marked));
    }

    /// Marks the lines of an object that starts `start` bytes into the first
    /// and is `size` bytes long, more than none.
    pub(crate) fn mark(&self, start: usize, size: usize) {
        let first = start / LINE;
        let last = if size <= LINE { first } else { start.wrapping_add(size).wrapping_sub(1) / LINE };
        let lines = self.0.get(first..=last).unwrap_or_default();
        lines.iter().for_each(|line| line.set(true));
    }

    /// Whether nothing lives here.
    pub(crate) fn is_clear(&self) -> bool {
        !self.0.iter().any(Cell::get)
    }

    /// The next hole below `from`, a multiple of the line, that has room for
    /// `size` bytes.
    pub(crate) fn find_hole(&self, from: usize, size: usize) -> Option<Hole> {
        let mut cursor = from;
        while cursor > 0 {
            let limit = self.bottom(cursor);
            if limit < cursor && cursor.wrapping_sub(limit) >= size {
                return Some(Hole { cursor, limit });
            }
            // What stopped the run is no part of another.
            cursor = limit.saturating_sub(LINE);
        }
        None
    }

    /// How far down the usable lines right below `cursor` go.
    fn bottom(&self, cursor: usize) -> usize {
        let below = (0..cursor / LINE).rev();
        let run = below.take_while(|&line| self.is_usable(line)).count();
        cursor.wrapping_sub(run.wrapping_mul(LINE))
    }

    /// Neither this line nor the one before is marked.
    fn is_usable(&self, line: usize) -> bool {
        let near = self.0.get(line.saturating_sub(1)..=line).unwrap_or_default();
        !near.iter().any(Cell::get)
    }
}
