//! [`Play`]: one replay that has not begun, on one thread or on many.

use std::{cell::RefCell, time::Duration};

use super::{
    atlas::Mapper,
    books::{Books, Gauge},
    call::Call,
    child::{Report, Task},
    curve::{Curve, POINTS},
    driver::{
        Stop, Table, Unwatched,
        clocked::{Clocked, Times},
        ensemble,
        heap::{Heap, Null},
        machine::Machine,
        mapped::Mapped,
        marks::Touch,
        replay,
    },
    step::Step,
};
use crate::models::Model;

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
    /// Events of the recording before these.
    pub first: usize,
    /// What for: also whether single calls are timed, or all of them together.
    pub task: Task,
}

impl Score<'_> {
    /// Calls, without the marks between threads.
    fn events(self) -> usize {
        match self {
            Self::Flat(steps) => steps.len(),
            Self::Exact(calls) => calls.iter().filter(|call| !call.step.is_begin()).count(),
        }
    }
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
        if self.task == Task::Map {
            return self.mapped(heap);
        }
        match self.score {
            Score::Flat(steps) if self.task == Task::Each => self.each(heap, steps),
            Score::Exact(calls) if self.task == Task::Each => self.each_of_all(|| heap, calls),
            Score::Flat(steps) => time(replay(heap, steps, Table::new(self.slots), self.touch, &mut Unwatched)),
            Score::Exact(calls) => time(ensemble::timed(|| heap, calls, self.slots, self.touch)),
        }
    }

    /// Times a heap that threads may call one at a time.
    pub fn timed_alone(self, heap: &impl Heap) -> Result<Report, Stop> {
        if self.task == Task::Map {
            return self.mapped(heap);
        }
        match self.score {
            Score::Flat(steps) if self.task == Task::Each => self.each(heap, steps),
            Score::Flat(steps) => time(replay(heap, steps, Table::new(self.slots), self.touch, &mut Unwatched)),
            Score::Exact(calls) => {
                let heap = &ensemble::locked(heap);
                if self.task == Task::Each {
                    return self.each_of_all(|| heap, calls);
                }
                time(ensemble::timed(|| heap, calls, self.slots, self.touch))
            }
        }
    }

    /// Times the null allocator, one for each thread.
    pub fn timed_null(self, largest: usize) -> Result<Report, Stop> {
        match self.score {
            Score::Flat(steps) if self.task == Task::Each => self.each(&Null::new(largest), steps),
            Score::Exact(calls) if self.task == Task::Each => self.each_of_all(|| Null::new(largest), calls),
            Score::Flat(steps) => {
                time(replay(&Null::new(largest), steps, Table::new(self.slots), self.touch, &mut Unwatched))
            }
            Score::Exact(calls) => time(ensemble::timed(|| Null::new(largest), calls, self.slots, self.touch)),
        }
    }

    /// Times single calls.
    fn each(self, heap: &impl Heap, steps: &[Step]) -> Result<Report, Stop> {
        let times = Times::new(self.score.events());
        replay(&Clocked::new(heap, &times), steps, Table::new(self.slots), self.touch, &mut Unwatched)?;
        Ok(Report::Each(times.latencies()))
    }

    /// The same by many threads, with the lock that each waits for, if there is one.
    fn each_of_all<H: Heap>(self, heap: impl Fn() -> H + Sync, calls: &[Call]) -> Result<Report, Stop> {
        let times = Times::new(self.score.events());
        ensemble::timed(|| Clocked::new(heap(), &times), calls, self.slots, self.touch)?;
        Ok(Report::Each(times.latencies()))
    }

    /// Notes the addresses that a heap gives, in recorded order.
    fn mapped(self, heap: &impl Heap) -> Result<Report, Stop> {
        let mapper = RefCell::new(Mapper::new(self.score.events()));
        let mapped = Mapped { heap, mapper: &mapper };
        let table = Table::new(self.slots);
        match self.score {
            Score::Flat(steps) => replay(&mapped, steps, table, self.touch, &mut &mapper)?,
            Score::Exact(calls) => replay(&mapped, &in_order(calls), table, self.touch, &mut &mapper)?,
        };
        Ok(Report::Map(mapper.into_inner().finish(self.first as u64)))
    }

    /// Simulates a model, in recorded order.
    pub fn simulated(self, model: Model) -> Result<Report, Stop> {
        let curve = self.curve();
        let measures = match self.score {
            Score::Flat(steps) => model.simulate(steps, self.slots, curve)?,
            Score::Exact(calls) => model.simulate(&in_order(calls), self.slots, curve)?,
        };
        Ok(Report::Measure(measures))
    }

    fn curve(&self) -> Curve {
        Curve::of(self.score.events(), self.first as u64, POINTS)
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
            Score::Exact(calls) => ensemble::watched(heap, calls, self.slots, self.touch, self.books(gauge))?,
        };
        Ok(Report::Measure(books.close(requests())))
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
                ensemble::watched(heap, calls, self.slots, self.touch, self.books(gauge))?
            }
        };
        Ok(Report::Measure(books.close(requests())))
    }

    /// Books, to be opened once all else is there: what the replay itself keeps is
    /// no candidate's.
    fn books<G: Gauge>(&self, gauge: impl FnOnce() -> G) -> impl FnOnce() -> Books<G> {
        let curve = self.curve();
        || Books::new(gauge()).drawing(curve).sampling()
    }

    fn flat<G: Gauge>(&self, heap: &impl Heap, steps: &[Step], gauge: impl FnOnce() -> G) -> Result<Books<G>, Stop> {
        let table = Table::new(self.slots);
        let mut books = self.books(gauge)();
        replay(heap, steps, table, self.touch, &mut books)?;
        Ok(books)
    }
}

/// The steps of all threads, as they were recorded.
fn in_order(calls: &[Call]) -> Vec<Step> {
    let mut calls: Vec<&Call> = calls.iter().filter(|call| !call.step.is_begin()).collect();
    calls.sort_unstable_by_key(|call| call.at);
    calls.into_iter().map(|call| call.step).collect()
}

fn time(took: Result<Duration, Stop>) -> Result<Report, Stop> {
    Ok(Report::Time(u64::try_from(took?.as_nanos()).unwrap_or(u64::MAX)))
}
