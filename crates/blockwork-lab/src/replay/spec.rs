//! Compositions that somebody wrote down, in the notation of the library.
//!
//! To be timed they are built as they are. To be measured they are built over
//! sources that count: what they hold is pages, and what `malloc` holds for them
//! once it was asked.

use std::rc::Rc;

use anyhow::anyhow;
use blockwork::{
    Counted, Guarded, Pages, System,
    notation::{Composed, Composition, Member},
};

use super::{
    books::Gauge,
    counter::{Counter, requests},
    driver::malloc::MallocGauge,
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

/// Builds what `text` says.
///
/// # Errors
///
/// As for [`check`].
pub fn build(text: &str) -> anyhow::Result<Composed<'static>> {
    Ok(text.parse::<Composition>()?.build()?)
}

/// The sources of a composition, counted.
#[derive(Debug)]
pub struct Sources {
    pages: Rc<Counted<Pages>>,
    guarded: Rc<Counted<Guarded>>,
    system: Rc<Counted<System>>,
}

impl Sources {
    /// Sources that nobody has asked yet.
    pub fn new() -> Self {
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
    pub fn build(&self, text: &str) -> anyhow::Result<Composed<'static>> {
        let sources: [(&str, Rc<dyn Member>); 3] = [
            ("pages", Rc::<Counted<Pages>>::clone(&self.pages)),
            ("guarded", Rc::<Counted<Guarded>>::clone(&self.guarded)),
            ("system", Rc::<Counted<System>>::clone(&self.system)),
        ];
        let composition = Composition::parse_with(text, &sources.each_ref().map(|(name, _)| *name))?;
        composition.build_over(&sources).map_err(|error| anyhow!(error))
    }

    /// Blocks asked for, or made larger in place.
    pub fn requests(&self) -> Option<u64> {
        [requests(&self.pages), requests(&self.guarded), requests(&self.system)].into_iter().sum()
    }

    /// Reads what they have given from now on.
    pub fn gauge(&self) -> impl Gauge {
        Sum {
            pages: Counter::new(&*self.pages),
            guarded: Counter::new(&*self.guarded),
            system: &self.system,
            malloc: MallocGauge::new(),
        }
    }
}

/// What all sources have given together.
struct Sum<'a> {
    pages: Counter<'a, Pages>,
    guarded: Counter<'a, Guarded>,
    system: &'a Counted<System>,
    malloc: MallocGauge,
}

impl Gauge for Sum<'_> {
    fn held(&mut self, size: usize) -> u64 {
        let pages = self.pages.held(size) + self.guarded.held(size);
        // What `malloc` keeps for the replay itself is no part of this.
        let is_asked = self.system.counts().requests > 0;
        pages + if is_asked { self.malloc.held(size) } else { 0 }
    }
}
