//! [`Survey`]: everything that the pictures of a recording show, from one look
//! at its events.
//!
//! ```text
//! events ─► columns of time ─► live bytes and blocks, size × time
//!        ─► blocks ──────────► lifetime × size, threads, sizes
//! ```

mod classes;
mod peak;

use std::collections::HashMap;

pub use self::{
    classes::{AGES, SIZES, age_class, age_label, size_class, size_label},
    peak::at_peak,
};
use crate::{
    draw::heat::Heat,
    trace::{Kind, Op, Trace},
};

/// Columns of time in all pictures.
pub const COLUMNS: usize = 240;

/// Threads that have a row of their own; the last is for all others.
pub const THREADS: usize = 24;

/// What the pictures show.
#[derive(Debug)]
pub struct Survey {
    /// Calls.
    pub events: u64,
    /// One for each column of time, if there are so many events.
    pub columns: Vec<Column>,
    /// Requests, by time and class of [`SIZES`].
    pub asked: Heat,
    /// Bytes live at the end of a column, by the same.
    pub live: Heat,
    /// Blocks by age at their end, of [`AGES`], and by class of size. The last
    /// column is for those that were never freed.
    pub ages: Heat,
    /// Requests by size.
    pub sizes: HashMap<u64, u64>,
    /// Requests by thread.
    pub by_thread: Vec<ByThread>,
    /// Blocks by the thread that asked for them (row) and the one that freed them.
    pub freed: Heat,
    /// The first event of each image but the first, and the image's path.
    pub images: Vec<(u64, String)>,
    /// The event after which most bytes were live.
    pub peak_event: u64,
    /// How many bytes were.
    pub peak_bytes: u64,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Events from the beginning to its end.
    pub end: u64,
    /// The most bytes that were live at once.
    pub most_bytes: u64,
    /// The most blocks.
    pub most_blocks: u64,
}

/// What one thread did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByThread {
    /// Blocks and new sizes that it asked for.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks that it freed.
    pub frees: u64,
}

/// A live block.
#[derive(Clone, Copy, Debug)]
struct Live {
    size: u64,
    /// Allocations up to its own.
    birth: u64,
    thread: u16,
    class: u8,
}

/// Looks at everything.
struct Eye {
    survey: Survey,
    blocks: Vec<Option<Live>>,
    allocations: u64,
    live_bytes: u64,
    live_blocks: u64,
    /// Bytes live by class.
    by_class: Vec<u64>,
    /// Requests for sizes below its length.
    small: Vec<u64>,
    column: usize,
}

impl Survey {
    /// Surveys `trace`.
    pub fn of(trace: &Trace) -> Self {
        let events = trace.ops.len();
        let columns = COLUMNS.min(events.max(1));
        let mut eye = Eye {
            survey: Self {
                events: events as u64,
                columns: vec![Column::default(); columns],
                asked: Heat::new(columns, SIZES.len()),
                live: Heat::new(columns, SIZES.len()),
                ages: Heat::new(AGES + 1, SIZES.len()),
                sizes: HashMap::new(),
                by_thread: Vec::new(),
                freed: Heat::new(THREADS, THREADS),
                images: Vec::new(),
                peak_event: 0,
                peak_bytes: 0,
            },
            blocks: vec![None; trace.slots as usize],
            allocations: 0,
            live_bytes: 0,
            live_blocks: 0,
            by_class: vec![0; SIZES.len()],
            small: vec![0; 4096],
            column: 0,
        };
        for image in &trace.images {
            if image.ops.start > 0 {
                eye.end_image();
                eye.survey.images.push((image.ops.start as u64, image.path.clone()));
            }
            for (event, op) in (image.ops.start..).zip(trace.ops.get(image.ops.clone()).unwrap_or_default()) {
                let column = event * columns / events;
                if column != eye.column {
                    eye.end_column(event as u64);
                    eye.column = column;
                }
                eye.look(event as u64, *op);
            }
        }
        eye.end_column(events as u64);
        eye.end_image();
        eye.survey.sizes.extend((0..).zip(eye.small).filter(|(_, requests)| *requests > 0));
        eye.survey
    }

    /// The events that columns end at; the pictures' axis of time.
    pub fn points(&self, of: impl Fn(&Column) -> u64) -> Vec<(f64, f64)> {
        self.columns.iter().map(|column| (column.end as f64, of(column) as f64)).collect()
    }
}

impl Eye {
    fn look(&mut self, event: u64, op: Op) {
        let slot = op.slot as usize;
        let old = self.blocks.get_mut(slot).and_then(Option::take);
        let thread = usize::from(op.thread).min(THREADS - 1);
        if thread >= self.survey.by_thread.len() {
            self.survey.by_thread.resize(thread + 1, ByThread::default());
        }
        let by_thread = &mut self.survey.by_thread[thread];
        if let Some(old) = old {
            self.live_bytes -= old.size;
            self.by_class[usize::from(old.class)] -= old.size;
        }
        if op.kind == Kind::Free {
            by_thread.frees += 1;
            self.live_blocks -= 1;
            if let Some(old) = old {
                let owner = usize::from(old.thread).min(THREADS - 1);
                count(self.survey.freed.cell(thread, owner));
                count(self.survey.ages.cell(age_class(self.allocations - old.birth), usize::from(old.class)));
            }
        } else {
            by_thread.requests += 1;
            by_thread.bytes = by_thread.bytes.saturating_add(op.size);
            let class = size_class(op.size);
            count(self.survey.asked.cell(self.column, usize::from(class)));
            let known = usize::try_from(op.size).ok().and_then(|size| self.small.get_mut(size));
            match known {
                Some(requests) => *requests += 1,
                None => *self.survey.sizes.entry(op.size).or_default() += 1,
            }
            if old.is_none() {
                self.allocations += 1;
                self.live_blocks += 1;
            }
            let (birth, thread) = old.map_or((self.allocations, op.thread), |old| (old.birth, old.thread));
            self.blocks[slot] = Some(Live { size: op.size, birth, thread, class });
            self.live_bytes = self.live_bytes.saturating_add(op.size);
            self.by_class[usize::from(class)] += op.size;
        }
        let column = &mut self.survey.columns[self.column];
        column.most_bytes = column.most_bytes.max(self.live_bytes);
        column.most_blocks = column.most_blocks.max(self.live_blocks);
        if self.live_bytes > self.survey.peak_bytes {
            (self.survey.peak_event, self.survey.peak_bytes) = (event, self.live_bytes);
        }
    }

    fn end_column(&mut self, end: u64) {
        if let Some(column) = self.survey.columns.get_mut(self.column) {
            column.end = end;
        }
        for (row, bytes) in self.by_class.iter().enumerate() {
            if let Some(cell) = self.survey.live.cell(self.column, row) {
                *cell = *bytes as f64;
            }
        }
    }

    /// Blocks that are live at the end of an image were never freed.
    fn end_image(&mut self) {
        for live in self.blocks.iter_mut().filter_map(Option::take) {
            count(self.survey.ages.cell(AGES, usize::from(live.class)));
        }
        (self.live_bytes, self.live_blocks) = (0, 0);
        self.by_class.fill(0);
    }
}

fn count(cell: Option<&mut f64>) {
    if let Some(cell) = cell {
        *cell += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn what_is_live_is_followed_in_time() {
        let ops = Ops::new().alloc(0, 100).alloc(1, 50).realloc(0, 10).free(1);
        let survey = Survey::of(&trace([ops]));
        let most: Vec<_> = survey.columns.iter().map(|column| (column.end, column.most_bytes)).collect();
        assert_eq!(most, [(1, 100), (2, 150), (3, 60), (4, 10)]);
        assert_eq!((survey.peak_event, survey.peak_bytes), (1, 150));
        let row = usize::from(size_class(10));
        assert_eq!(survey.live.cells[row * 4..][..4], [0.0, 0.0, 10.0, 10.0]);
        assert_eq!(survey.sizes, [(100, 1), (50, 1), (10, 1)].into());
    }

    #[test]
    fn blocks_end_at_an_age_or_with_their_image() {
        let trace = trace([Ops::new().alloc(0, 8).alloc(1, 8).free(0), Ops::new().alloc(0, 100)]);
        let survey = Survey::of(&trace);
        let at = |age: usize, size| survey.ages.cells[usize::from(size_class(size)) * (AGES + 1) + age];
        assert_eq!([at(age_class(1), 8), at(AGES, 8), at(AGES, 100)], [1.0, 1.0, 1.0]);
        assert_eq!(survey.images, [(3, "a.out".into())]);
        assert_eq!(survey.peak_bytes, 100);
    }

    #[test]
    fn who_freed_whose_block_is_counted() {
        let mut trace = trace([Ops::new().alloc(0, 8).free(0).alloc(1, 1)]);
        trace.ops[1].thread = 1;
        trace.ops[2].thread = 300;
        let survey = Survey::of(&trace);
        assert_eq!(survey.freed.cells.iter().sum::<f64>(), 1.0);
        assert_eq!(survey.freed.cells[1], 1.0);
        assert_eq!(survey.by_thread.len(), THREADS);
    }

    #[test]
    fn of_nothing_there_is_a_survey() {
        assert_eq!(Survey::of(&trace([])).columns.len(), 1);
    }
}
