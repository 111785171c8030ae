//! [`Plan`]: a composition with all its numbers, and the ones next to it.

use super::classes::{Cutter, Model};
use crate::replay::spec;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How the parts are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Small blocks in slabs, the rest in spans, all from one pool of spans.
    Slabs,
    /// The same, with pools that keep what they have in place of the slabs.
    Pools,
    /// Small blocks in slabs of pages, the rest from `malloc`.
    SlabsOverMalloc,
    /// Small blocks in pools over pages, the rest from `malloc`.
    PoolsOverMalloc,
    /// Freed blocks of `malloc`, kept for requests of their class.
    Memo,
    /// Everything in spans.
    Spans,
}

/// The classes of small blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Four for each doubling, up to this.
    Quad(u64),
    /// One for each doubling, up to this.
    Pow2(u64),
    /// Cut for the recording, up to this.
    Cut(u64, Model),
}

/// What a pool of spans keeps of free chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retain {
    /// What it keeps by default.
    Usual,
    /// Everything.
    All,
    /// At most a twentieth of what is in use.
    Little,
}

/// A composition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// How the parts are put together.
    pub shape: Shape,
    /// Classes of small blocks.
    pub table: Table,
    /// Bytes in a slab, or in the chunk of a pool.
    pub slab: u64,
    /// Empty slabs that are kept.
    pub keep: u64,
    /// Bytes of a pool's spans, by which they are counted.
    pub block: u64,
    /// Bytes that a pool of spans asks for at once.
    pub request: u64,
    /// What it keeps.
    pub retain: Retain,
    /// The largest span; beyond are pages. 0: all are spans.
    pub huge: u64,
    /// Whether it is for all threads: behind a lock, and without a name for what
    /// is shared, so that it can be a `static`.
    pub locked: bool,
}

/// What a field goes up and down by.
const LIMITS: [u64; 7] = [256, 512, KIB, 2 * KIB, 4 * KIB, 8 * KIB, 32 * KIB];
const SLABS: [u64; 5] = [4 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 256 * KIB];
const KEEPS: [u64; 4] = [0, 1, 4, 16];
const BLOCKS: [u64; 6] = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB];
const REQUESTS: [u64; 5] = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB];
const HUGES: [u64; 3] = [0, 128 * KIB, MIB];

impl Plan {
    /// Where to begin: each shape with classes cut for the recording, and some
    /// that serve most programs well.
    pub fn seeds(locked: bool) -> Vec<Self> {
        let usual = Self {
            shape: Shape::Slabs,
            table: Table::Cut(2 * KIB, Model::Kept),
            slab: 16 * KIB,
            keep: 1,
            block: 4 * KIB,
            request: 256 * KIB,
            retain: Retain::Usual,
            huge: 0,
            locked,
        };
        let rounding = Table::Cut(KIB, Model::Rounding);
        vec![
            usual,
            Self { table: Table::Quad(2 * KIB), ..usual },
            Self { shape: Shape::Pools, ..usual },
            Self { shape: Shape::SlabsOverMalloc, ..usual },
            Self { shape: Shape::PoolsOverMalloc, table: rounding, ..usual },
            Self { shape: Shape::Memo, table: Table::Quad(MIB), ..usual },
            Self { table: Table::Quad(8 * KIB), slab: 64 * KIB, block: 64 * KIB, request: MIB, ..usual },
            Self { shape: Shape::Pools, table: rounding, block: KIB, slab: 4 * KIB, ..usual },
            Self { shape: Shape::Spans, block: 64, ..usual },
            Self { retain: Retain::Little, keep: 0, huge: 128 * KIB, ..usual },
            Self { retain: Retain::All, keep: 16, ..usual },
        ]
    }

    /// The composition in the notation; `None` if there is none with these
    /// numbers.
    pub fn spec(&self, cutter: &Cutter) -> Option<String> {
        let Self { shape, slab, keep, block, request, huge, .. } = *self;
        let table = || self.table(cutter);
        let retain = match self.retain {
            Retain::Usual => "",
            Retain::All => ", keep all",
            Retain::Little => ", keep 0%..5%",
        };
        let spans = format!("span_pool({block}, {request}{retain}) over pages");
        let (lock, name, s) = if self.locked {
            ("locked over ", String::new(), &*spans)
        } else {
            ("", format!("let s = {spans}; "), "s")
        };
        let large = if huge == 0 { format!("else {s}") } else { format!("<={huge}: {s}, else pages") };
        let text = match shape {
            Shape::Slabs => {
                let (classes, most) = table()?;
                format!("{name}{lock}segregate(<={most}: slab({classes}, {slab}, keep {keep}) over {s}, {large})")
            }
            Shape::Pools => {
                let (classes, most) = table()?;
                format!("{name}{lock}segregate(<={most}: block_pool({classes}, chunk {slab}) over {s}, {large})")
            }
            Shape::SlabsOverMalloc => {
                let (classes, most) = table()?;
                format!("{lock}segregate(<={most}: slab({classes}, {slab}, keep {keep}) over pages, else system)")
            }
            Shape::PoolsOverMalloc => {
                let (classes, most) = table()?;
                format!("{lock}segregate(<={most}: block_pool({classes}, chunk {slab}) over pages, else system)")
            }
            Shape::Memo => format!("{lock}memo({}, limit {request}) over system", table()?.0),
            Shape::Spans if huge == 0 => format!("{lock}{spans}"),
            Shape::Spans => format!("{lock}segregate(<={huge}: {spans}, else pages)"),
        };
        spec::check(&text).ok()
    }

    /// The classes in the notation, and the largest.
    fn table(&self, cutter: &Cutter) -> Option<(String, u64)> {
        match self.table {
            Table::Quad(largest) => Some((format!("quad 16..{largest}"), largest)),
            Table::Pow2(largest) => Some((format!("pow2 16..{largest}"), largest)),
            Table::Cut(..) => {
                let cuts = self.cuts(cutter);
                let list: Vec<String> = cuts.iter().map(u64::to_string).collect();
                Some((list.join("|"), *cuts.last()?))
            }
        }
    }

    /// The classes that were cut for the recording.
    pub fn cuts(&self, cutter: &Cutter) -> Vec<u64> {
        let slab = if matches!(self.shape, Shape::Memo) { 0 } else { self.slab };
        match (self.table, self.shape) {
            (_, Shape::Spans) => Vec::new(),
            (Table::Cut(largest, model), _) => cutter.cuts(largest, slab, model),
            (Table::Quad(_) | Table::Pow2(_), _) => Vec::new(),
        }
    }

    /// The plans that differ in one number by one step.
    pub fn neighbours(&self) -> Vec<Self> {
        let mut plans = Vec::new();
        let small = !matches!(self.shape, Shape::Spans);
        let spans = matches!(self.shape, Shape::Slabs | Shape::Pools | Shape::Spans);
        let slabs = matches!(self.shape, Shape::Slabs | Shape::SlabsOverMalloc);
        if small {
            plans.extend(self.table.neighbours().map(|table| Self { table, ..*self }));
        }
        if small && self.shape != Shape::Memo {
            plans.extend(beside(&SLABS, self.slab).map(|slab| Self { slab, ..*self }));
        }
        if slabs {
            plans.extend(beside(&KEEPS, self.keep).map(|keep| Self { keep, ..*self }));
        }
        if spans || self.shape == Shape::Memo {
            plans.extend(beside(&REQUESTS, self.request).map(|request| Self { request, ..*self }));
        }
        if spans {
            plans.extend(beside(&BLOCKS, self.block).map(|block| Self { block, ..*self }));
            plans.extend(beside(&HUGES, self.huge).map(|huge| Self { huge, ..*self }));
            let retains = [Retain::Usual, Retain::All, Retain::Little].into_iter();
            plans.extend(retains.filter(|retain| *retain != self.retain).map(|retain| Self { retain, ..*self }));
        }
        plans
    }
}

impl Table {
    fn neighbours(self) -> impl Iterator<Item = Self> {
        let limit = match self {
            Self::Quad(limit) | Self::Pow2(limit) | Self::Cut(limit, _) => limit,
        };
        let other = |model| if model == Model::Kept { Model::Rounding } else { Model::Kept };
        let small = limit.min(32 * KIB);
        let kinds = match self {
            Self::Quad(_) => vec![Self::Cut(small, Model::Kept), Self::Pow2(small)],
            Self::Pow2(_) => vec![Self::Quad(limit)],
            Self::Cut(_, model) => vec![Self::Cut(limit, other(model)), Self::Quad(limit)],
        };
        let limits = beside(&LIMITS, limit).map(move |limit| match self {
            Self::Quad(_) => Self::Quad(limit),
            Self::Pow2(_) => Self::Pow2(limit),
            Self::Cut(_, model) => Self::Cut(limit, model),
        });
        limits.chain(kinds)
    }
}

/// The steps before and after `value`, which need be none itself.
fn beside(steps: &[u64], value: u64) -> impl Iterator<Item = u64> {
    let below = steps.iter().rev().find(|step| **step < value);
    let above = steps.iter().find(|step| **step > value);
    below.into_iter().chain(above).copied().collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tune::histogram::Histogram;

    fn cutter() -> Cutter {
        let sizes = vec![16, 48, 64, 112, 800, 5000];
        let moments = vec![vec![9, 200, 30, 70, 5, 1]];
        let asked = vec![100, 9000, 1800, 7000, 3900, 5000];
        Cutter::new(Histogram { requests: moments[0].clone(), sizes, asked, moments }, 4)
    }

    #[test]
    fn seeds_are_compositions() {
        let cutter = cutter();
        for seed in Plan::seeds(false) {
            assert!(seed.spec(&cutter).is_some(), "{seed:?}");
        }
        for seed in Plan::seeds(true) {
            let text = seed.spec(&cutter).unwrap();
            let composition: blockwork::notation::Composition = text.parse().unwrap();
            assert!(composition.build_sync().is_ok() && composition.to_rust().contains("pub const fn heap"), "{text}");
        }
        let text = Plan::seeds(false)[0].spec(&cutter).unwrap();
        assert!(text.starts_with("let s = span_pool(4k, 256k) over pages; segregate(<=800: slab("), "{text}");
    }

    /// Compiles `source` with one of the builds of the library that are beside
    /// this test, and says what the compiler says of the last.
    fn compiles(source: &str) -> Result<(), String> {
        let bench = tempfile::tempdir().unwrap();
        let (text, out) = (bench.path().join("plans.rs"), bench.path().join("plans.rmeta"));
        std::fs::write(&text, source).unwrap();
        let here = std::env::current_exe().unwrap();
        let place = here.parent().unwrap();
        let mut why = "no build of the library is here".to_owned();
        for file in std::fs::read_dir(place).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy();
            if !name.starts_with("libblockwork-") || !name.ends_with(".rlib") {
                continue;
            }
            let mut rustc = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            rustc.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "-o"]).arg(&out).arg(&text);
            rustc.arg("--extern").arg(format!("blockwork={}", file.display())).arg("-L").arg(place);
            match rustc.output() {
                Ok(done) if done.status.success() => return Ok(()),
                Ok(done) => why = String::from_utf8_lossy(&done.stderr).into_owned(),
                Err(error) => {
                    eprintln!("skipped: rustc: {error}");
                    return Ok(());
                }
            }
        }
        Err(why)
    }

    #[test]
    fn every_plan_is_rust_that_compiles() {
        let cutter = cutter();
        let plans = [false, true].into_iter().flat_map(Plan::seeds);
        let plans: HashSet<Plan> = plans.flat_map(|seed| seed.neighbours().into_iter().chain([seed])).collect();
        let texts: HashSet<String> = plans.iter().filter_map(|plan| plan.spec(&cutter)).collect();
        let module = |(number, text): (usize, &String)| {
            let rust = text.parse::<blockwork::notation::Composition>().unwrap().to_rust();
            let global = if text.contains("locked") { "static ALL: Heap = heap();" } else { "" };
            format!("pub mod plan{number} {{ {rust}\n{global} }}\n")
        };
        assert!(texts.len() > 100);
        assert_eq!(compiles(&texts.iter().enumerate().map(module).collect::<String>()), Ok(()));
    }

    #[test]
    fn a_step_changes_one_number() {
        for seed in Plan::seeds(false) {
            let next = seed.neighbours();
            assert!(next.len() > 3 && next.iter().collect::<HashSet<_>>().len() == next.len(), "{seed:?}");
            for plan in next {
                let Plan { shape, table, slab, keep, block, request, retain, huge, locked } = plan;
                let same = [
                    shape == seed.shape,
                    table == seed.table,
                    slab == seed.slab,
                    keep == seed.keep,
                    block == seed.block,
                    request == seed.request,
                    retain == seed.retain,
                    huge == seed.huge,
                    locked == seed.locked,
                ];
                assert_eq!(same.iter().filter(|same| !**same).count(), 1, "{seed:?}, {plan:?}");
            }
        }
    }

    #[test]
    fn steps_lead_from_one_end_to_the_other() {
        let mut plan = Plan { slab: SLABS[0], ..Plan::seeds(false)[0] };
        for slab in &SLABS[1..] {
            plan = plan.neighbours().into_iter().find(|next| next.slab > plan.slab).unwrap();
            assert_eq!(plan.slab, *slab);
        }
        assert!(!plan.neighbours().iter().any(|next| next.slab > plan.slab));
    }

    #[test]
    fn where_nothing_is_small_there_are_no_classes() {
        let nothing = Cutter::new(Histogram::default(), 4);
        let plan = Plan::seeds(false)[0];
        assert_eq!((plan.spec(&nothing), plan.cuts(&nothing)), (None, Vec::new()));
    }

    #[test]
    fn one_class_alone_is_a_pool_of_that_size() {
        let one = Histogram { sizes: vec![24], requests: vec![1], asked: vec![24], moments: vec![vec![1]] };
        let plan = Plan { shape: Shape::PoolsOverMalloc, ..Plan::seeds(false)[0] };
        let text = plan.spec(&Cutter::new(one, 4));
        assert!(text.is_some_and(|text| text.starts_with("segregate(<=24: block_pool(24")));
    }
}
