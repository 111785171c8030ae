//! [`Suite`]: every law, over one part or a stack of parts.

use core::{fmt, panic::AssertUnwindSafe};
use std::panic::catch_unwind;

use heap::{
    borrow::ToOwned,
    boxed::Box,
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    law::{Failure, Law, Violation},
    ops::{Op, Shape},
    session::{Ground, Layer, Session, Verdict, broken, stack, words},
    shuffled::Shuffled,
    strict::Strict,
    subject::{Parent, Part, Subject},
};

mod edges;
mod grid;
mod parents;
mod workloads;

/// What is known of a part before it is tested.
#[derive(Clone, Copy, Debug)]
struct Options {
    owns_spans: bool,
    region: bool,
    own_memory: bool,
    reentrant: bool,
    eager: bool,
    irregular: bool,
    retains: Option<usize>,
    shape: Shape,
    cases: u32,
    seed: u64,
    /// Whether what the lowest parent holds is what the uppermost part took.
    direct: bool,
    /// Whether a part below the uppermost one is a region, which no reset reaches.
    over_region: bool,
    /// A smaller workload, for one stack among hundreds.
    quick: bool,
}

/// All laws, ready to be run over a part.
///
/// The harness is compiled once, over `dyn Subject`; each suite only adds the
/// part itself. See the [module](super) for an example.
#[derive(Clone)]
pub struct Suite {
    name: String,
    /// The parts, the lowest one first.
    layers: Vec<Rc<Layer>>,
    options: Options,
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("name", &self.name).field("options", &self.options).finish_non_exhaustive()
    }
}

/// Random sequences of a part alone.
const CASES: u32 = if cfg!(miri) { 3 } else { 36 };

/// What a scenario found, and the operations that lead there.
struct Found {
    violation: Violation,
    operations: Vec<Op>,
}

impl From<Violation> for Found {
    fn from(violation: Violation) -> Self {
        Self { violation, operations: Vec::new() }
    }
}

type Scenario = fn(&Suite) -> Result<(), Found>;

/// Every scenario, the ones that explain themselves best first.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("grants", edges::grants),
    ("empty blocks", edges::empties),
    ("random operations", workloads::random),
    ("impossible requests", edges::impossible),
    ("grid of sizes and alignments", grid::grid),
    ("grants in use", edges::grants_in_use),
    ("drop with live blocks", workloads::outstanding),
    ("rounds of one workload", workloads::rounds),
    ("failing parent", parents::failing),
    ("two over one parent", parents::ownership),
    ("parent that calls back", parents::reentrant),
];

/// What lies under the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    /// Grants what is asked and never resizes.
    Exact,
    /// Grants multiples of 112 bytes, and resizes a little.
    Coarse,
    /// Hands blocks out in odd order.
    Shuffled,
}

impl Floor {
    const ALL: [Self; 3] = [Self::Exact, Self::Coarse, Self::Shuffled];

    fn strict(self) -> Strict {
        match self {
            Self::Exact | Self::Shuffled => Strict::new(),
            Self::Coarse => Strict::new().grain(112).room(256),
        }
    }
}

/// What a scenario does with a part.
type Body<'b> = &'b mut dyn for<'s, 'p> FnMut(Session<'s, 'p>) -> Verdict;

impl Options {
    /// Whether the part gives back at once what is given back to it.
    fn passes_on(self) -> bool {
        self.retains == Some(0) && !self.owns_spans && !self.irregular
    }
}

impl Suite {
    /// A suite for the part that `make` puts over a parent; `name` is for
    /// messages. Box the part with [`subject!`](crate::subject).
    #[must_use]
    pub fn new(name: &str, make: impl for<'a> Fn(Parent<'a>) -> Box<dyn Subject + 'a> + 'static) -> Self {
        let options = Options {
            owns_spans: false,
            region: false,
            own_memory: false,
            reentrant: true,
            eager: false,
            irregular: false,
            retains: None,
            shape: Shape { max_size: 64 * 1024, max_align: 4096 },
            cases: CASES,
            seed: seed(),
            direct: true,
            over_region: false,
            quick: cfg!(miri),
        };
        Self { name: name.to_owned(), layers: [Rc::new(make) as Rc<Layer>].to_vec(), options }
    }

    /// A suite for this part over the part of `below`: smaller, because there
    /// are many pairs.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let (top, bottom) = (self.options, below.options);
        let options = Options {
            // Blocks from elsewhere do not end with the part below.
            owns_spans: top.owns_spans || (bottom.owns_spans && !top.own_memory),
            region: top.region,
            own_memory: top.own_memory || bottom.own_memory,
            reentrant: top.reentrant && bottom.reentrant,
            eager: top.eager || bottom.eager,
            irregular: top.irregular || bottom.irregular,
            retains: if top.retains == Some(0) { bottom.retains } else { None },
            shape: Shape {
                max_size: top.shape.max_size.min(bottom.shape.max_size),
                max_align: top.shape.max_align.min(bottom.shape.max_align),
            },
            cases: 6,
            seed: top.seed,
            direct: bottom.direct && bottom.passes_on(),
            over_region: bottom.region || bottom.over_region,
            quick: true,
        };
        let layers = below.layers.iter().chain(&self.layers).cloned().collect();
        Self { name: format!("{} over {}", self.name, below.name), layers, options }
    }

    /// The part knows its spans: dropped with live blocks, it leaves nothing.
    #[must_use]
    pub const fn owns_spans(mut self) -> Self {
        self.options.owns_spans = true;
        self
    }

    /// Freed bytes may be lost until a reset: a workload that is repeated
    /// reaches a fixed point only with a reset between.
    #[must_use]
    pub const fn region(mut self) -> Self {
        self.options.region = true;
        self
    }

    /// Blocks may lie outside of the parent's memory: the part is a source, or
    /// contains one.
    #[must_use]
    pub const fn own_memory(mut self) -> Self {
        self.options.own_memory = true;
        self
    }

    /// The part must not be called by its own parent, as with a lock.
    #[must_use]
    pub const fn not_reentrant(mut self) -> Self {
        self.options.reentrant = false;
        self
    }

    /// The part asks its parent for memory before anybody asks the part.
    #[must_use]
    pub const fn eager(mut self) -> Self {
        self.options.eager = true;
        self
    }

    /// How much the part holds depends on chance, so that a repeated workload
    /// has no fixed point.
    #[must_use]
    pub const fn irregular(mut self) -> Self {
        self.options.irregular = true;
        self
    }

    /// With no block live, the part holds at most `bytes` of its parent's.
    #[must_use]
    pub const fn retains(mut self, bytes: usize) -> Self {
        self.options.retains = Some(bytes);
        self
    }

    /// Random workloads ask for at most `size` bytes (64 KiB unless set). The
    /// grid goes further, and accepts refusals.
    #[must_use]
    pub const fn max_size(mut self, size: usize) -> Self {
        self.options.shape.max_size = size;
        self
    }

    /// Random workloads ask for at most `align` (4096 unless set).
    #[must_use]
    pub const fn max_align(mut self, align: usize) -> Self {
        self.options.shape.max_align = align;
        self
    }

    /// How many random sequences are tried (36 unless set; 6 for a pair).
    #[must_use]
    pub const fn cases(mut self, cases: u32) -> Self {
        self.options.cases = cases;
        self
    }

    /// Other random cases than those of seed 0, or of the one in the environment
    /// variable `BLOCKWORK_SEED`.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs all scenarios.
    ///
    /// # Panics
    ///
    /// The part broke a law; the message says which one, and how.
    #[expect(clippy::panic, reason = "this is how a test fails")]
    #[track_caller]
    pub fn run(&self) {
        if let Err(failure) = self.try_run() {
            panic!("{failure}");
        }
    }

    /// Runs all scenarios up to the first that fails.
    ///
    /// # Errors
    ///
    /// The law that was broken, and the shortest way there that was found.
    pub fn try_run(&self) -> Result<(), Failure> {
        for &(scenario, run) in SCENARIOS {
            self.announce(scenario);
            let outcome = match catch_unwind(AssertUnwindSafe(|| run(self))) {
                Ok(outcome) => outcome,
                Err(panic) => Err(unwound(&*panic).into()),
            };
            outcome.map_err(|Found { violation, operations }| Failure {
                part: self.name.clone(),
                scenario,
                violation,
                operations,
            })?;
        }
        Ok(())
    }

    /// Runs these operations, then frees every block and drops the part: for a
    /// sequence that once failed, or that a fuzzer made.
    ///
    /// # Errors
    ///
    /// The law that was broken.
    pub fn replay(&self, operations: &[Op]) -> Result<(), Violation> {
        let play = |floor| match catch_unwind(AssertUnwindSafe(|| self.play(floor, operations))) {
            Ok(verdict) => verdict,
            Err(panic) => Err(unwound(&*panic)),
        };
        Floor::ALL.into_iter().try_for_each(play)
    }

    /// Runs `attempt` on `operations`; if it fails, leaves operations out for as
    /// long as the same law stays broken.
    fn explain(operations: Vec<Op>, attempt: impl Fn(&[Op]) -> Verdict) -> Result<(), Found> {
        let Err(mut violation) = attempt(&operations) else { return Ok(()) };
        let mut shortest = operations;
        let mut chunk = shortest.len();
        while chunk > 0 {
            let mut at = 0;
            while at < shortest.len() {
                let mut shorter = shortest.clone();
                shorter.drain(at..at.saturating_add(chunk).min(shortest.len()));
                match catch_unwind(AssertUnwindSafe(|| attempt(&shorter))) {
                    Ok(Err(same)) if same.law == violation.law => (shortest, violation) = (shorter, same),
                    _ => at = at.saturating_add(chunk),
                }
            }
            chunk = chunk.div_euclid(2);
        }
        Err(Found { violation, operations: shortest })
    }

    /// Names what runs next, in case it ends the process: a test that is
    /// killed says nothing itself (`--nocapture` shows the last line).
    #[expect(clippy::print_stdout, reason = "shown by the test harness when a test fails")]
    fn announce(&self, scenario: &str) {
        std::println!("conformance: {}: {scenario}", self.name);
    }

    /// The random sequence of this number.
    fn sample(&self, length: usize, number: u64) -> Vec<Op> {
        self.options.shape.sample(length, self.seed_of(number))
    }

    const fn seed_of(&self, number: u64) -> u64 {
        self.options.seed.wrapping_mul(1000).wrapping_add(number)
    }

    /// Whether a reset makes the part as good as new, or nothing is ever lost.
    fn is_renewed(&self, session: &mut Session<'_, '_>) -> Verdict<bool> {
        Ok(!self.options.over_region && (!self.options.region || session.reset()?))
    }

    /// Performs `operations` over `floor`, and frees what is live in the end.
    fn play(&self, floor: Floor, operations: &[Op]) -> Verdict {
        self.on(floor, &mut |mut session| {
            for op in operations {
                session.step(op)?;
            }
            session.free_all()
        })
    }

    /// Gives `body` a fresh part over `floor`, with nobody beside it; in the
    /// end the parent must hold nothing.
    fn on(&self, floor: Floor, body: Body<'_>) -> Verdict {
        let strict = floor.strict();
        match floor {
            Floor::Exact | Floor::Coarse => self.over_parent(&strict, &strict, true, body),
            Floor::Shuffled => self.over_parent(&strict, &Shuffled::new(&strict, 1), false, body),
        }
    }

    /// As [`on`](Self::on), over a `parent` that stands on `strict`; `alone`
    /// says that what `strict` holds is what the part took.
    fn over_parent(&self, strict: &Strict, parent: &dyn Part, alone: bool, body: Body<'_>) -> Verdict {
        self.beside(strict, parent, alone, body)?;
        match strict.any_live() {
            None => faultless(strict),
            Some(layout) => broken(
                Law::Balance,
                format!(
                    "dropped, but the parent still holds {} blocks, {} bytes; one was asked for as {}",
                    strict.live_blocks(),
                    strict.live_bytes(),
                    words(layout)
                ),
            ),
        }
    }

    /// As [`over_parent`](Self::over_parent), but others may hold memory of
    /// `strict` in the end.
    fn beside(&self, strict: &Strict, parent: &dyn Part, alone: bool, body: Body<'_>) -> Verdict {
        let regions = Strict::new();
        let ground = Ground {
            strict,
            regions: &regions,
            own_memory: self.options.own_memory,
            alone: alone && self.options.direct,
        };
        let before = strict.requests();
        stack(&self.layers, Parent::new(parent, &regions), &mut |part| {
            if !self.options.eager && strict.requests() != before {
                return broken(Law::Serves, "a new part has asked its parent for memory".into());
            }
            body(Session::new(part, ground))
        })?;
        faultless(&regions)
    }
}

/// The seed that the environment names.
fn seed() -> u64 {
    std::env::var("BLOCKWORK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Looks at every guard and freed byte of `strict`.
fn faultless(strict: &Strict) -> Verdict {
    match strict.faults().first() {
        None => Ok(()),
        Some(fault) => broken(Law::Layouts, format!("its parent saw that it {fault}")),
    }
}

/// The violation that a panic is.
fn unwound(panic: &(dyn core::any::Any + Send)) -> Violation {
    let message = panic.downcast_ref::<&str>().map(ToString::to_string);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Violation::new(Law::Unwinds, message.unwrap_or_else(|| "with a message that is no text".into()))
}

/// All ordered pairs: each part of `suites` over each, itself included.
pub fn pairs(suites: &[Suite]) -> impl Iterator<Item = Suite> {
    suites.iter().flat_map(move |top| suites.iter().map(move |below| top.over(below)))
}

/// The [`Suite`](crate::testing::Suite) of a part; what follows the part are
/// the suite's options.
///
/// ```
/// use blockwork::{suite, testing::Misaligned};
///
/// suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)).run();
/// ```
#[macro_export]
macro_rules! suite {
    ($name:expr, |$parent:pat_param| $part:expr $(, $($options:tt)*)?) => {
        $crate::testing::Suite::new($name, move |$parent| $crate::subject!($part)) $($($options)*)?
    };
}

/// Makes a test that runs a part through every law; what follows the part are
/// the options of its [`Suite`](crate::testing::Suite).
///
/// ```
/// use blockwork::{check_allocator, testing::{Failing, When}};
///
/// check_allocator!(failing, |parent| Failing::new(parent, When::Never), .retains(0));
/// ```
#[macro_export]
macro_rules! check_allocator {
    ($(#[$meta:meta])* $name:ident, |$parent:pat_param| $part:expr $(, $($options:tt)*)?) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            $crate::suite!(stringify!($name), |$parent| $part $(, $($options)*)?).run();
        }
    };
}

/// Makes two tests for each part of a list: alone, and over each part of the
/// list. Options stand in brackets; the suites are those of `every_suite()`.
///
/// ```
/// use blockwork::{check_allocators, testing::{Misaligned, Shuffled}};
///
/// check_allocators! {
///     misaligned: |parent| Misaligned::new(parent), [.retains(0)];
///     shuffled: |parent| Shuffled::new(parent, 1), [.retains(0).irregular()];
/// }
/// ```
#[macro_export]
macro_rules! check_allocators {
    ($($(#[$when:meta])* $name:ident: |$parent:pat_param| $part:expr $(, [$($options:tt)*])?;)*) => {
        /// A suite for each part of the list.
        #[cfg(test)]
        fn every_suite() -> impl Iterator<Item = $crate::testing::Suite> {
            [$($(#[$when])* $crate::suite!(stringify!($name), |$parent| $part $(, $($options)*)?)),*].into_iter()
        }

        $($(#[$when])*
        #[cfg(test)]
        mod $name {
            #[test]
            fn alone() {
                super::every_suite().filter(|suite| suite.name() == stringify!($name)).for_each(|suite| suite.run());
            }

            #[test]
            fn over_each() {
                let this = super::every_suite().filter(|suite| suite.name() == stringify!($name));
                this.for_each(|suite| super::every_suite().for_each(|below| suite.over(&below).run()));
            }
        })*
    };
}
