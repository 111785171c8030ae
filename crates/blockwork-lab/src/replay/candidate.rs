//! [`Candidate`]: what a recording is replayed through.
//!
//! | candidate | is | what it holds is read from |
//! |---|---|---|
//! | [`System`](Candidate::System) | the machine's `malloc`, called directly | `malloc` itself |
//! | [`Library`](Candidate::Library) | another `malloc`, preloaded and called in the same way | the kernel: what is [`Resident`] |
//! | [`Composed`](Candidate::Composed) | parts of the library over pages, or over `malloc` | [`Counted`] pages, or `malloc` |
//! | [`Spec`](Candidate::Spec) | the same, as somebody wrote it down | both |
//! | [`Model`](Candidate::Model) | a simulation | itself |
//! | [`Driver`](Candidate::Driver) | no allocator | – |
//!
//! A timed composition stands on its source directly; only when it is measured
//! there is a counter between the two.

use std::path::PathBuf;

use blockwork::{Counted, Pages, System};
use serde::{Deserialize, Serialize};

use super::{
    books::Gauge,
    child::{Job, Report, Task},
    composition::{Composition, Source, Stage},
    counter::{Counter, requests},
    driver::{Stop, heap::Heap, malloc::Malloc, preloaded::Preloaded, resident::Resident},
    library,
    play::{Play, Score},
    script::{Demand, Script},
    spec,
};
use crate::models::{Model, Policy};

/// What a recording is replayed through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// The machine's `malloc`.
    System,
    /// The `malloc` of this library, which the [runner](super::runner) preloads.
    Library(PathBuf),
    /// Parts of the library.
    Composed(Composition),
    /// Parts of the library, in its notation: built when the replay begins, with
    /// an indirect call for each part that a request passes.
    Spec(String),
    /// A simulation of an allocator.
    Model(Model),
    /// The null allocator: what a replay costs without any.
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
    /// Another malloc, as it is.
    Library,
    /// Made of parts.
    Composition,
    /// Simulated: a yardstick for memory, without times.
    Model,
}

impl Candidate {
    /// The rows of a comparison, in order.
    pub fn all() -> Vec<Self> {
        let libraries = library::found().into_iter().map(Self::Library);
        let models = Policy::USUAL.map(Model::new).map(Self::Model);
        let all = [Self::System].into_iter().chain(libraries).chain(Composition::ALL.map(Self::Composed));
        all.chain(models).collect()
    }

    /// What `text` says: a model, or a composition in the library's notation;
    /// compiled, if it is one of ours.
    pub fn written(text: String) -> Self {
        // A bump that is ours frees nothing.
        let ours = || Composition::ALL.into_iter().find(|ours| *ours != Composition::Bump && ours.spec(0) == text);
        match (Model::parse(&text), ours()) {
            (Some(Ok(model)), _) => Self::Model(model),
            (_, Some(composition)) => Self::Composed(composition),
            _ if text == "system" => Self::System,
            _ => Self::Spec(text),
        }
    }

    /// Whether the two would be one row.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Library(one), Self::Library(other)) => library::is_same(one, other),
            _ => self == other,
        }
    }

    /// Whether it takes time. A model has none.
    pub fn is_timed(&self) -> bool {
        !matches!(self, Self::Model(_))
    }

    /// The composition, in the notation of the library.
    pub fn spec(&self, script: &Script) -> String {
        match self {
            Self::System => "system".into(),
            Self::Library(path) => library::name(path),
            Self::Composed(composition) => composition.spec(self.capacity(script)),
            Self::Spec(text) => text.clone(),
            Self::Model(model) => model.to_string(),
            Self::Driver => "null".into(),
        }
    }

    /// What its row stands for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::System => Kind::Baseline,
            Self::Composed(Composition::Bump) | Self::Driver => Kind::Bound,
            Self::Library(_) => Kind::Library,
            Self::Model(_) => Kind::Model,
            Self::Composed(_) | Self::Spec(_) => Kind::Composition,
        }
    }

    /// Bytes that it takes at least to meet `demand`.
    pub fn needs(&self, demand: &Demand) -> u64 {
        match self {
            Self::System | Self::Library(_) | Self::Spec(_) => demand.moving_bytes,
            Self::Composed(composition) => composition.needs(demand),
            // No more than its books.
            Self::Model(_) => 0,
            Self::Driver => demand.largest,
        }
    }

    /// Bytes that it is told beforehand to be ready for.
    pub fn capacity(&self, script: &Script) -> u64 {
        let images = script.images.iter().map(|part| self.needs(&part.demand));
        images.max().unwrap_or(0).checked_next_multiple_of(64 << 10).unwrap_or(u64::MAX)
    }

    /// Does `job` on its `steps`.
    ///
    /// # Errors
    ///
    /// The step at which the candidate failed.
    pub fn run(&self, job: &Job, score: Score<'_>) -> Result<Report, Stop> {
        let capacity = usize::try_from(job.capacity).unwrap_or(usize::MAX);
        let play = Play { score, slots: job.slots, touch: job.touch, first: job.first, task: job.task };
        match (self, job.task) {
            (Self::Driver, _) => play.timed_null(capacity),
            (Self::Model(model), Task::Measure) => play.simulated(*model),
            (Self::Model(_), Task::Time | Task::Each | Task::Map) => {
                Ok(Report::Refused("a model takes no time".into()))
            }
            (Self::System, Task::Time | Task::Each | Task::Map) => play.timed(&Malloc),
            (Self::System, Task::Measure) => play.measured(&Malloc, || play.machine().with_headers(), || None),
            (Self::Library(path), task) => match (Preloaded::from(path), task) {
                (None, _) => Ok(Report::Refused("the loader did not take it for its malloc".into())),
                (Some(heap), Task::Time | Task::Each | Task::Map) => play.timed(&heap),
                (Some(heap), Task::Measure) => play.measured(&heap, Resident::new, || None),
            },
            (Self::Spec(text), Task::Time | Task::Each | Task::Map) => spec::timed(text, play),
            (Self::Spec(text), Task::Measure) => spec::measured(text, play),
            (Self::Composed(composition), task) => match (composition.source(), task) {
                (Source::Pages, Task::Time | Task::Each | Task::Map) => {
                    composition.stand_on(Pages, capacity, Timed(play))
                }
                (Source::System, Task::Time | Task::Each | Task::Map) => {
                    composition.stand_on(System, capacity, Timed(play))
                }
                (Source::Pages, Task::Measure) => {
                    let pages = &Counted::new(Pages);
                    let requests = || requests(pages);
                    composition.stand_on(pages, capacity, Measured { play, gauge: || Counter::new(pages), requests })
                }
                (Source::System, Task::Measure) => {
                    let system = &Counted::new(System);
                    let requests = || requests(system);
                    composition.stand_on(system, capacity, Measured { play, gauge: || play.machine(), requests })
                }
            },
        }
    }
}

/// Plays on a composition for its time.
struct Timed<'a>(Play<'a>);

impl Stage for Timed<'_> {
    fn play(self, heap: &impl Heap) -> Result<Report, Stop> {
        self.0.timed_alone(heap)
    }
}

/// Plays on a composition for what it holds.
struct Measured<'a, F, R> {
    play: Play<'a>,
    gauge: F,
    requests: R,
}

impl<G: Gauge, F: FnOnce() -> G, R: FnOnce() -> Option<u64>> Stage for Measured<'_, F, R> {
    fn play(self, heap: &impl Heap) -> Result<Report, Stop> {
        self.play.measured_alone(heap, self.gauge, self.requests)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use blockwork::notation;

    use super::*;
    use crate::replay::{
        books::{Measures, Moment},
        child::Threads,
        driver::{
            heap::{NeverFreeing, Through},
            marks::Touch,
        },
        testing::{Ops, everything, steps, trace},
    };

    /// Runs a candidate in this process.
    fn run(candidate: &Candidate, task: Task, ops: &Ops) -> Result<Report, Stop> {
        let script = Script::new(&trace([ops.clone()]), Threads::Flat).unwrap();
        let job = Job {
            candidate: candidate.clone(),
            task,
            steps: (0, ops.0.len()),
            first: 0,
            slots: script.slots,
            capacity: candidate.capacity(&script),
            threads: Threads::Flat,
            touch: Touch::default(),
            memory: 0,
            seconds: 0,
            parent: 0,
        };
        candidate.run(&job, Score::Flat(&steps(ops)))
    }

    fn measure(candidate: &Candidate, ops: &Ops) -> (Moment, Option<u64>) {
        let Measures { peak, requests, .. } = measures(run(candidate, Task::Measure, ops));
        (peak, requests)
    }

    /// What has to be the same whenever the same is measured.
    fn measures(report: Result<Report, Stop>) -> Measures {
        match report {
            Ok(Report::Measure(measures)) => Measures { resident: None, faults: None, ..measures },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_candidate_serves_every_size_and_alignment() {
        let here = |candidate: &Candidate| candidate.kind() != Kind::Library;
        for candidate in
            Candidate::all().into_iter().filter(here).filter(Candidate::is_timed).chain([Candidate::Driver])
        {
            let timed = run(&candidate, Task::Time, &everything());
            assert!(matches!(timed, Ok(Report::Time(1..))), "{candidate:?}: {timed:?}");
        }
        for candidate in Candidate::all().into_iter().filter(here) {
            let (peak, requests) = measure(&candidate, &everything());
            assert!(peak.granted >= peak.asked, "{candidate:?}");
            // Other tests share this process and its `malloc`: when most is held may be theirs to say.
            let is_alone = !matches!(candidate, Candidate::System | Candidate::Composed(Composition::Memo));
            assert!((peak.held >= peak.granted && peak.asked > 300_000) || !is_alone, "{candidate:?}");
            assert_eq!(requests.is_some(), candidate != Candidate::System, "{candidate:?}");
        }
    }

    #[test]
    fn a_composition_does_what_is_written_in_its_row() {
        let ops = Ops::new().alloc(0, 100).alloc(1, 28).realloc(0, 200).alloc(2, 5000).alloc(3, 100_000).free(1);
        let ops = ops.alloc(4, 2000).free(0).alloc(5, 300).free(3).alloc(6, 70_000).realloc(2, 9000).alloc(7, 64);
        let script = Script::new(&trace([ops.clone()]), Threads::Flat).unwrap();
        for composition in Composition::ALL {
            let candidate = Candidate::Composed(composition);
            let text = candidate.spec(&script);
            let over_source = text.replace("pages", "source").replace("system", "source");
            let written = notation::Composition::parse_with(&over_source, &["source"]).unwrap();
            let steps = steps(&ops);
            let play = Play {
                score: Score::Flat(&steps),
                slots: script.slots,
                touch: Touch::default(),
                first: 0,
                task: Task::Measure,
            };

            let pages = Rc::new(Counted::new(Pages));
            let heap = written.build_over(&[("source", pages.clone())]).unwrap();
            let (gauge, count) = (|| Counter::new(&*pages), || requests(&pages));
            let measured = Measured { play, gauge, requests: count };
            let as_written = match composition {
                Composition::Bump => measured.play(&NeverFreeing(&heap)),
                _ => measured.play(&Through(&heap)),
            };

            let pages = &Counted::new(Pages);
            let (gauge, count) = (|| Counter::new(pages), || requests(pages));
            let capacity = usize::try_from(candidate.capacity(&script)).unwrap();
            let as_compiled = composition.stand_on(pages, capacity, Measured { play, gauge, requests: count });
            assert_eq!(measures(as_written), measures(as_compiled), "{text}");
        }
    }

    #[test]
    fn a_bump_holds_what_was_ever_asked_for() {
        // 0..100, 112..140, and 144..344 for what had to move.
        let ops = Ops::new().alloc(0, 100).alloc(1, 28).realloc(0, 200).free(1).free(0);
        let (peak, requests) = measure(&Candidate::Composed(Composition::Bump), &ops);
        // While the block moves it is there twice.
        assert_eq!(peak, Moment { held: 64 << 10, metadata: None, granted: 328, asked: 328 });
        assert_eq!(requests, Some(1));
    }

    #[test]
    fn a_span_pool_rounds_to_its_blocks() {
        let ops = Ops::new().alloc(0, 100).alloc(1, 65).alloc(2, 64).free(0).free(1);
        let (peak, requests) = measure(&Candidate::Composed(Composition::Spans), &ops);
        assert_eq!((peak.asked, peak.granted), (229, 320));
        assert_eq!((peak.internal_waste(), peak.external_waste()), (91, peak.held - 320));
        // One chunk; the books of 4096 blocks take two words each.
        assert!((256 << 10..512 << 10).contains(&peak.held), "{}", peak.held);
        assert!(peak.held.is_multiple_of(4096));
        assert!(requests.is_some_and(|requests| (2..=4).contains(&requests)), "{requests:?}");
    }

    #[test]
    fn what_somebody_writes_down_does_what_the_same_does_compiled() {
        let ops = Ops::new().alloc(0, 100).alloc(1, 28).realloc(0, 200).alloc(2, 5000).alloc(3, 100_000).free(1);
        let ops = ops.alloc(4, 2000).free(0).alloc(5, 300).free(3).alloc(6, 70_000).realloc(2, 9000);
        for composition in [Composition::Slabs, Composition::Spans, Composition::FineHeap, Composition::CoarseHeap] {
            let written = Candidate::Spec(composition.spec(0));
            assert_eq!(measure(&written, &ops), measure(&Candidate::Composed(composition), &ops), "{written:?}");
            assert!(matches!(run(&written, Task::Time, &ops), Ok(Report::Time(1..))), "{written:?}");
        }
    }

    #[test]
    fn what_is_compiled_already_is_taken_as_it_is() {
        for composition in Composition::ALL {
            let is_ours = Candidate::written(composition.spec(64)) == Candidate::Composed(composition);
            assert_eq!(is_ours, composition != Composition::Bump, "{composition:?}");
        }
        assert_eq!(Candidate::written("system".into()), Candidate::System);
    }

    #[test]
    fn what_malloc_holds_counts_once_it_is_asked() {
        let text = "segregate(<=1k: slab(quad 16..1k, 16k) over pages, else system)";
        let (peak, requests) = measure(&Candidate::Spec(text.into()), &Ops::new().alloc(0, 100));
        assert_eq!((peak, requests), (Moment { held: 16 << 10, metadata: None, granted: 112, asked: 100 }, Some(1)));
        let (peak, requests) = measure(&Candidate::Spec(text.into()), &Ops::new().alloc(0, 100).alloc(1, 300_000));
        assert_eq!((peak.asked, requests), (300_100, Some(2)));
    }

    #[test]
    fn what_is_no_composition_says_why() {
        for (text, why) in [("nothing over pages", "`nothing` is no part"), ("block_pool(48) over", "expected a part")]
        {
            for task in [Task::Time, Task::Measure] {
                let report = run(&Candidate::Spec(text.into()), task, &everything());
                assert!(matches!(&report, Ok(Report::Refused(said)) if said.contains(why)), "{report:?}");
            }
        }
    }

    #[test]
    fn a_library_that_is_not_preloaded_is_not_taken_for_the_machines_malloc() {
        let report = run(&Candidate::Library("/absent.so".into()), Task::Time, &everything());
        assert!(matches!(&report, Ok(Report::Refused(_))), "{report:?}");
    }

    #[test]
    fn memory_held_for_a_moment_counts() {
        let source = Counted::new(System);
        let mut gauge = Counter::new(&source);
        let layout = std::alloc::Layout::new::<[u8; 100]>();
        let block = blockwork::Allocate::allocate(&source, layout).unwrap();
        // SAFETY: allocated above with this layout, and not used again.
        unsafe { blockwork::Allocate::deallocate(&source, block, layout) };
        assert_eq!([gauge.held(1), gauge.held(1)], [100, 0]);
    }
}
