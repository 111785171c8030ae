//! [`Candidate`]: the allocators of a comparison, by name.
//!
//! | candidate | kind | held is |
//! |---|---|---|
//! | the machine's `malloc` | baseline | what `malloc` says of itself |
//! | `bump` | bound: never frees | what it took from the system |

use blockwork::{Allocate, Pages, System};
use serde::{Deserialize, Serialize};

use super::{
    books::{Books, Gauge},
    child::{Job, Report, Task},
    driver::{Stop, Table, Unwatched, replay},
    heap::{Heap, NeverFreeing, Null, Through},
    malloc::{Malloc, MallocGauge},
    script::{Demand, Script},
    step::Step,
};

/// An allocator to replay through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// The machine's `malloc`.
    System,
    /// The null allocator: what a replay costs without one.
    Driver,
}

/// What a row of the comparison stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What programs have today.
    Baseline,
    /// What nobody can beat, and nobody can use.
    Bound,
    /// Made of parts.
    Composition,
}

/// The rows of a comparison, in order.
pub const ALL: [Candidate; 1] = [Candidate::System];

impl Candidate {
    /// The composition, in the notation of the library.
    pub fn spec(self, _script: &Script) -> String {
        match self {
            Self::System => "system".into(),
            Self::Driver => "none".into(),
        }
    }

    /// What its row stands for.
    pub fn kind(self) -> Kind {
        match self {
            Self::System => Kind::Baseline,
            Self::Driver => Kind::Bound,
        }
    }

    /// Bytes that it takes at least to serve this demand.
    pub fn needs(self, demand: &Demand) -> u64 {
        match self {
            Self::System => demand.moving_bytes,
            Self::Driver => demand.largest,
        }
    }

    /// Bytes that it has to be told beforehand.
    pub fn capacity(self, script: &Script) -> u64 {
        let demands = script.images.iter().map(|part| &part.demand);
        match self {
            Self::Driver => demands.map(|demand| demand.largest).max().unwrap_or(0),
            Self::System => 0,
        }
    }

    /// Does `job` on its `steps`.
    ///
    /// # Errors
    ///
    /// The step at which the candidate failed.
    pub fn run(self, job: &Job, steps: &[Step]) -> Result<Report, Stop> {
        let play = Play { steps, table: Table::new(job.slots) };
        match (self, job.task) {
            (Self::Driver, _) => play.timed(&Null::new(job.capacity as usize)),
            (Self::System, Task::Time) => play.timed(&Malloc),
            (Self::System, Task::Measure) => {
                let gauge = MallocGauge::new();
                play.measured(&Malloc, gauge, || None)
            }
        }
    }
}

struct Play<'a> {
    steps: &'a [Step],
    table: Table,
}

impl Play<'_> {
    fn timed(self, heap: &impl Heap) -> Result<Report, Stop> {
        let took = replay(heap, self.steps, self.table, &mut Unwatched)?;
        Ok(Report::Time(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn measured(self, heap: &impl Heap, gauge: impl Gauge, requests: impl Fn() -> Option<u64>) -> Result<Report, Stop> {
        let mut books = Books::new(gauge);
        replay(heap, self.steps, self.table, &mut books)?;
        Ok(Report::Measure(books.peak(), requests()))
    }
}
