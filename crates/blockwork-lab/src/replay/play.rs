//! [`Play`]: one replay that has not begun, on one thread or on many.

use std::time::Duration;

use super::{
    books::{Books, Gauge},
    call::Call,
    child::Report,
    driver::{
        Stop, Table, Unwatched, ensemble,
        heap::{Heap, Null},
        machine::Machine,
        marks::Touch,
        replay,
    },
    step::Step,
};

/// What is replayed.
#[derive(Clone, Copy, Debug)]
pub enum Score<'a> {
    /// All calls in one order.
    Flat(&'a [Step]),
    /// The calls of each thread.
    Exact(&'a [Call]),
}

/// A replay that has not begun.
#[derive(Clone, Copy, Debug)]
pub struct Play<'a> {
    /// What.
    pub score: Score<'a>,
    /// One more than the highest slot.
    pub slots: usize,
    /// What of each block is written and looked at.
    pub touch: Touch,
}

impl Play<'_> {
    /// A gauge of the machine's `malloc` that is right for this replay.
    pub fn machine(&self) -> Machine {
        match self.score {
            Score::Flat(_) => Machine::told(),
            Score::Exact(_) => Machine::resident(),
        }
    }

    /// Times a heap that any thread may call.
    ///
    /// # Errors
    ///
    /// The step at which it failed, as for all of these.
    pub fn timed(self, heap: &(impl Heap + Sync)) -> Result<Report, Stop> {
        match self.score {
            Score::Flat(steps) => time(replay(heap, steps, Table::new(self.slots), self.touch, &mut Unwatched)),
            Score::Exact(calls) => time(ensemble::timed(|| heap, calls, self.slots, self.touch)),
        }
    }

    /// Times a heap that threads may call one at a time.
    pub fn timed_alone(self, heap: &impl Heap) -> Result<Report, Stop> {
        match self.score {
            Score::Flat(steps) => time(replay(heap, steps, Table::new(self.slots), self.touch, &mut Unwatched)),
            Score::Exact(calls) => {
                let heap = &ensemble::locked(heap);
                time(ensemble::timed(|| heap, calls, self.slots, self.touch))
            }
        }
    }

    /// Times the null allocator, one for each thread.
    pub fn timed_null(self, largest: usize) -> Result<Report, Stop> {
        match self.score {
            Score::Flat(steps) => {
                time(replay(&Null::new(largest), steps, Table::new(self.slots), self.touch, &mut Unwatched))
            }
            Score::Exact(calls) => time(ensemble::timed(|| Null::new(largest), calls, self.slots, self.touch)),
        }
    }

    /// Measures a heap that any thread may call.
    pub fn measured<G: Gauge>(
        self,
        heap: &(impl Heap + Sync),
        gauge: impl FnOnce() -> G,
        requests: impl FnOnce() -> Option<u64>,
    ) -> Result<Report, Stop> {
        let books = match self.score {
            Score::Flat(steps) => self.flat(heap, steps, gauge)?,
            Score::Exact(calls) => ensemble::watched(heap, calls, self.slots, self.touch, || Books::new(gauge()))?,
        };
        Ok(Report::Measure(books.peak(), requests()))
    }

    /// Measures a heap that threads may call one at a time.
    pub fn measured_alone<G: Gauge>(
        self,
        heap: &impl Heap,
        gauge: impl FnOnce() -> G,
        requests: impl FnOnce() -> Option<u64>,
    ) -> Result<Report, Stop> {
        let books = match self.score {
            Score::Flat(steps) => self.flat(heap, steps, gauge)?,
            Score::Exact(calls) => {
                let heap = &ensemble::locked(heap);
                ensemble::watched(heap, calls, self.slots, self.touch, || Books::new(gauge()))?
            }
        };
        Ok(Report::Measure(books.peak(), requests()))
    }

    fn flat<G: Gauge>(&self, heap: &impl Heap, steps: &[Step], gauge: impl FnOnce() -> G) -> Result<Books<G>, Stop> {
        let table = Table::new(self.slots);
        let mut books = Books::new(gauge());
        replay(heap, steps, table, self.touch, &mut books)?;
        Ok(books)
    }
}

fn time(took: Result<Duration, Stop>) -> Result<Report, Stop> {
    Ok(Report::Time(u64::try_from(took?.as_nanos()).unwrap_or(u64::MAX)))
}
