//! [`Atlas`]: which addresses blocks occupied, over time.
//!
//! ```text
//! address │ ▓▓▓▓▓▓░░··      ▓ full of live blocks
//!         │ ▓▓▓▓▓▓▓▓▓▓      ░ few live blocks are left
//!         │ ▓▓░░░░····      · was used, and holds none
//!         └──────────► time
//! ```
//!
//! The address space is cut into cells of one size, which doubles whenever
//! blocks have been in too many of them. Memory is taken once, before the replay.

use serde::{Deserialize, Serialize};

use super::driver::Watch;

/// Columns of time.
pub const COLUMNS: usize = 240;
/// Cells, at most.
const CELLS: usize = 192;
/// Bytes of a cell, at least.
const LEAST: u64 = 4096;

/// Addresses over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Atlas {
    /// The events of the recording that it shows.
    pub events: (u64, u64),
    /// Bytes of a cell.
    pub cell: u64,
    /// The cells that ever held anything, by address divided by their size.
    pub rows: Vec<u64>,
    /// Columns of each row.
    pub columns: usize,
    /// For each row and column [`UNTOUCHED`], [`EMPTY`], or how full the cell
    /// was: up to 255.
    pub fills: Vec<u8>,
}

/// Nothing was in this cell yet.
pub const UNTOUCHED: u8 = 0;
/// Something was in this cell, and nothing is.
pub const EMPTY: u8 = 1;

/// Draws the atlas.
#[derive(Debug)]
pub struct Mapper {
    steps: usize,
    cell: u64,
    column: usize,
    /// By address.
    cells: Vec<Cell>,
    /// Live bytes at the end of each column, by place in `cells`' `history`.
    history: Vec<u64>,
}

/// A part of the address space.
#[derive(Clone, Copy, Debug)]
struct Cell {
    number: u64,
    /// Bytes of live blocks.
    live: u64,
    /// The column in which something was there first.
    since: usize,
    /// Its row in the history.
    history: usize,
}

impl Mapper {
    /// A map of a replay of so many steps.
    pub fn new(steps: usize) -> Self {
        let mut cells = vec![Cell { number: 0, live: 1, since: 0, history: 0 }; CELLS];
        cells.clear();
        let mut history = vec![1; CELLS * COLUMNS];
        history.fill(0);
        Self { steps: steps.max(1), cell: LEAST, column: 0, cells, history }
    }

    /// A block is there now.
    pub fn took(&mut self, address: u64, size: u64) {
        let Some(last) = last(address, size) else { return };
        while !self.reach(address, last) {
            self.coarsen();
        }
        self.each(address, last, |cell, bytes| cell.live += bytes);
    }

    /// A block is there no longer.
    pub fn gave(&mut self, address: u64, size: u64) {
        let Some(last) = last(address, size) else { return };
        self.each(address, last, |cell, bytes| cell.live = cell.live.saturating_sub(bytes));
    }

    /// The map of the recording's events from `from` on.
    pub fn finish(mut self, from: u64) -> Atlas {
        self.end_column();
        let columns = self.column + 1;
        let mut fills = Vec::with_capacity(self.cells.len() * columns);
        for cell in &self.cells {
            let live = self.history.get(cell.history * COLUMNS..).unwrap_or_default();
            let fill = |(column, live): (usize, &u64)| match *live {
                0 if column < cell.since => UNTOUCHED,
                0 => EMPTY,
                live => fill(live, self.cell),
            };
            fills.extend(live.iter().take(columns).enumerate().map(fill));
        }
        Atlas {
            events: (from, from + self.steps as u64),
            cell: self.cell,
            rows: self.cells.iter().map(|cell| cell.number).collect(),
            columns,
            fills,
        }
    }

    /// Makes sure that all addresses to `last` are in cells; `false` if these
    /// would be too many.
    fn reach(&mut self, address: u64, last: u64) -> bool {
        let (first, last) = (address / self.cell, last / self.cell);
        if last - first >= CELLS as u64 {
            return false;
        }
        for number in first..=last {
            let Err(at) = self.cells.binary_search_by_key(&number, |cell| cell.number) else { continue };
            if self.cells.len() == CELLS {
                return false;
            }
            let cell = Cell { number, live: 0, since: self.column, history: self.cells.len() };
            self.cells.insert(at, cell);
        }
        true
    }

    /// Does `change` to each cell between two addresses, with the bytes there.
    fn each(&mut self, address: u64, last: u64, change: impl Fn(&mut Cell, u64)) {
        let (size, first) = (self.cell, address / self.cell);
        let at = self.cells.partition_point(|cell| cell.number < first);
        for cell in self.cells.iter_mut().skip(at).take_while(|cell| cell.number <= last / size) {
            let start = (cell.number * size).max(address);
            let end = (cell.number * size).saturating_add(size - 1).min(last);
            change(cell, end - start + 1);
        }
    }

    /// Makes one cell of two.
    fn coarsen(&mut self) {
        self.cell *= 2;
        let mut merged: Vec<Cell> = Vec::with_capacity(CELLS);
        let mut history = vec![0; CELLS * COLUMNS];
        for cell in &self.cells {
            let number = cell.number / 2;
            if merged.last().is_none_or(|last| last.number != number) {
                merged.push(Cell { number, live: 0, since: cell.since, history: merged.len() });
            }
            let Some(into) = merged.last_mut() else { continue };
            into.live += cell.live;
            into.since = into.since.min(cell.since);
            let old = self.history.iter().skip(cell.history * COLUMNS).take(COLUMNS);
            for (sum, live) in history.iter_mut().skip(into.history * COLUMNS).zip(old) {
                *sum += live;
            }
        }
        (self.cells, self.history) = (merged, history);
    }

    fn end_column(&mut self) {
        for cell in &self.cells {
            if let Some(live) = self.history.get_mut(cell.history * COLUMNS + self.column) {
                *live = cell.live;
            }
        }
    }
}

impl Watch for &std::cell::RefCell<Mapper> {
    const THOROUGH: bool = false;

    fn took(&mut self, _: usize, _: usize) {}

    fn gave(&mut self, _: usize, _: usize) {}

    fn stepped(&mut self, step: usize) {
        let mut mapper = self.borrow_mut();
        let column = ((step + 1).saturating_mul(COLUMNS) / mapper.steps).min(COLUMNS - 1);
        while mapper.column < column {
            mapper.end_column();
            mapper.column += 1;
        }
    }
}

/// The last address of a block; `None` if it has none.
fn last(address: u64, size: u64) -> Option<u64> {
    address.checked_add(size.checked_sub(1)?)
}

/// From 2 to 255.
fn fill(live: u64, cell: u64) -> u8 {
    let share = u128::from(live.min(cell)) * 253 / u128::from(cell.max(1));
    u8::try_from(share + 2).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_cell_is_untouched_then_full_then_empty() {
        let mapper = RefCell::new(Mapper::new(3));
        let mut watch = &mapper;
        watch.stepped(0);
        mapper.borrow_mut().took(8192, 4096);
        watch.stepped(1);
        mapper.borrow_mut().gave(8192, 4096);
        watch.stepped(2);
        let atlas = mapper.into_inner().finish(100);
        assert_eq!((atlas.events, atlas.cell, atlas.rows.as_slice()), ((100, 103), 4096, [2].as_slice()));
        assert_eq!([0, 81, 239].map(|column| atlas.fills[column]), [UNTOUCHED, u8::MAX, EMPTY]);
    }

    #[test]
    fn a_block_counts_in_every_cell_that_it_is_in() {
        let mut mapper = Mapper::new(1);
        mapper.took(4000, 200);
        let atlas = mapper.finish(0);
        assert_eq!(atlas.rows, [0, 1]);
        assert_eq!(atlas.fills, [fill(96, 4096), fill(104, 4096)]);
    }

    #[test]
    fn cells_grow_until_they_suffice_and_keep_what_is_in_them() {
        let mut mapper = Mapper::new(1);
        for block in 0..1000 {
            mapper.took(block * 4096, 1024);
        }
        mapper.took(1 << 46, 300_000_000);
        mapper.gave(1 << 46, 300_000_000);
        let atlas = mapper.finish(0);
        assert!(atlas.rows.len() <= CELLS && atlas.cell >= 300_000_000 / CELLS as u64, "{}", atlas.cell);
        assert_eq!(atlas.fills.first(), Some(&fill(1024 * (atlas.cell / 4096).min(1000), atlas.cell)));
        assert_eq!(atlas.fills.last(), Some(&EMPTY));
    }
}
