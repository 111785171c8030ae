//! Compositions that somebody wrote down, in the [`notation`](blockwork::notation) of the library.
//!
//! To be timed they are built as they are. To be measured they are built over
//! sources that count: what they hold is pages, and what `malloc` holds for them
//! once it was asked.

use std::{fmt::Display, rc::Rc};

use blockwork::{
    Counted, Guarded, Pages, System,
    notation::{Composed, Composition, Member},
};

use super::{
    books::Gauge,
    child::Report,
    counter::{Counter, requests},
    driver::{Stop, heap::Through, machine::Machine},
    play::{Play, Score},
};
use crate::models::Model;

/// The composition that `text` says, as the library prints it; or the model.
///
/// # Errors
///
/// Where it is none, and why; or why it cannot be built for one thread.
pub fn check(text: &str) -> anyhow::Result<String> {
    if let Some(model) = Model::parse(text) {
        return Ok(model?.to_string());
    }
    let composition: Composition = text.parse()?;
    composition.build()?;
    Ok(composition.to_string())
}

/// Times what `text` says. Many threads use it as it is if it is for them, and
/// behind one lock otherwise.
///
/// # Errors
///
/// The step at which it failed, as for [`measured`].
pub fn timed(text: &str, play: Play<'_>) -> Result<Report, Stop> {
    let composition: Composition = match text.parse() {
        Ok(composition) => composition,
        Err(why) => return refused(&why),
    };
    if let (Score::Exact(_), Ok(heap)) = (play.score, composition.build_sync()) {
        return play.timed(&Through(&heap));
    }
    match composition.build() {
        Ok(heap) => play.timed_alone(&Through(&heap)),
        Err(why) => refused(&why),
    }
}

/// Measures what `text` says.
pub fn measured(text: &str, play: Play<'_>) -> Result<Report, Stop> {
    let sources = Sources::new();
    match sources.build(text) {
        Ok(heap) => play.measured_alone(&Through(&heap), || sources.gauge(play), || sources.requests()),
        Err(why) => refused(&why),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among those that may fail")]
fn refused(why: &impl Display) -> Result<Report, Stop> {
    Ok(Report::Refused(why.to_string()))
}

/// The sources of a composition, counted.
#[derive(Debug)]
struct Sources {
    pages: Rc<Counted<Pages>>,
    guarded: Rc<Counted<Guarded>>,
    system: Rc<Counted<System>>,
}

impl Sources {
    /// Sources that nobody has asked yet.
    fn new() -> Self {
        Self {
            pages: Rc::new(Counted::new(Pages)),
            guarded: Rc::new(Counted::new(Guarded::new())),
            system: Rc::new(Counted::new(System)),
        }
    }

    /// Builds what `text` says over these.
    ///
    /// # Errors
    ///
    /// As for [`check`].
    fn build(&self, text: &str) -> anyhow::Result<Composed<'static>> {
        let sources: [(&str, Rc<dyn Member>); 3] = [
            ("pages", Rc::<Counted<Pages>>::clone(&self.pages)),
            ("guarded", Rc::<Counted<Guarded>>::clone(&self.guarded)),
            ("system", Rc::<Counted<System>>::clone(&self.system)),
        ];
        let composition = Composition::parse_with(text, &sources.each_ref().map(|(name, _)| *name))?;
        Ok(composition.build_over(&sources)?)
    }

    /// Blocks asked for, or made larger in place.
    fn requests(&self) -> Option<u64> {
        [requests(&self.pages), requests(&self.guarded), requests(&self.system)].into_iter().sum()
    }

    /// Reads what they have given from now on.
    fn gauge(&self, play: Play<'_>) -> impl Gauge {
        Sum {
            pages: Counter::new(&*self.pages),
            guarded: Counter::new(&*self.guarded),
            system: &self.system,
            machine: play.machine(),
        }
    }
}

/// What all sources have given together.
struct Sum<'a> {
    pages: Counter<'a, Pages>,
    guarded: Counter<'a, Guarded>,
    system: &'a Counted<System>,
    machine: Machine,
}

impl Gauge for Sum<'_> {
    fn held(&mut self, size: usize) -> u64 {
        let pages = self.pages.held(size) + self.guarded.held(size);
        match &mut self.machine {
            // What `malloc` keeps for the replay itself is no part of this.
            _ if self.system.counts().requests == 0 => pages,
            Machine::Told(gauge) => pages + gauge.held(size),
            // The pages are among what is resident.
            Machine::Resident(gauge) => gauge.held(size),
        }
    }
}
