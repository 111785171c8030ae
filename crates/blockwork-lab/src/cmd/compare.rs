//! `blockwork compare`: a recording replayed through many allocators.

use std::{
    env,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::builder::TypedValueParser;
use indicatif::{ProgressBar, ProgressStyle};

use super::report as pages;
use crate::{
    cli::{FAILED, OVER},
    import::Pairing,
    replay::{
        atlas::Atlas,
        candidate::{Candidate, Kind},
        child::Threads,
        driver::marks::Touch,
        library,
        runner::{Outcome, Row, Runner},
        script::Script,
        spec,
    },
    report::{
        facts::Facts,
        json::Comparison,
        pairing::Pairings,
        table::{self, Style},
        verdict::{Limit, Verdict},
    },
    results::Results,
    shipped::{self, Shipped},
    text,
    trace::Trace,
};

/// What `compare` may be told.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The recording; without it, one that ships with the command
    pub file: Option<PathBuf>,
    /// Which of those
    #[arg(long, value_name = "NAME", value_parser = shipped::ALL.map(|shipped| shipped.program), conflicts_with = "file")]
    pub shipped: Option<String>,
    /// How to compare
    #[command(flatten)]
    pub how: How,
}

/// How to compare.
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("named").args(["with", "malloc"]).multiple(true)))]
pub struct How {
    /// Also replay through this composition, in the library's notation, or this model, such as 'buddy(grow 64k)'; may be
    /// given several times
    #[arg(long, value_name = "SPEC", value_parser = spec::check)]
    pub with: Vec<String>,
    /// Also replay through the malloc of this library, preloaded: its file, or the name of one that is known, such as
    /// jemalloc, mimalloc or tcmalloc; may be given several times
    #[arg(long, value_name = "LIBRARY", value_parser = library::check)]
    pub malloc: Vec<PathBuf>,
    /// Replay through the machine's malloc and what is named with --with and --malloc, and nothing else
    #[arg(long)]
    pub only: bool,
    /// Timed runs of each allocator; fewer if they take minutes
    #[arg(long, value_name = "N", default_value_t = RUNS, value_parser = runs())]
    pub runs: u32,
    /// Whose calls are replayed by whom
    #[arg(long, value_enum, default_value_t)]
    pub threads: Threads,
    /// What of each block the replay writes, as a program would
    #[arg(long, value_enum, default_value_t)]
    pub touch: Touch,
    /// Fill blocks whole while memory is measured, and look at every byte again: of moved, ended, and left blocks
    #[arg(long)]
    pub verify: bool,
    /// End with 98 if what is named with --with or --malloc is so much worse than the machine's malloc, as in peak=+10%
    /// or time=+5%; below zero, it has to be better
    #[arg(long, value_name = "LIMIT", requires = "named", allow_hyphen_values = true)]
    pub fail_over: Vec<Limit>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Also draw it into this file, as `report` does
    #[arg(long, value_name = "HTML")]
    pub report: Option<PathBuf>,
}

impl Default for How {
    fn default() -> Self {
        Self {
            with: Vec::new(),
            malloc: Vec::new(),
            only: false,
            runs: RUNS,
            threads: Threads::default(),
            touch: Touch::default(),
            verify: false,
            fail_over: Vec::new(),
            json: false,
            report: None,
        }
    }
}

impl How {
    /// What was asked for by name.
    fn named(&self) -> impl Iterator<Item = Candidate> {
        let libraries = self.malloc.iter().cloned().map(Candidate::Library);
        libraries.chain(self.with.iter().cloned().map(Candidate::written))
    }

    /// Through what to replay, in the order of the rows.
    fn candidates(&self) -> Vec<Candidate> {
        let mut all = if self.only { vec![Candidate::System] } else { Candidate::all() };
        for named in self.named() {
            if !all.iter().any(|row| row.is_same(&named)) {
                all.push(named);
            }
        }
        all
    }
}

/// Timed runs, unless told otherwise: enough to see their spread.
pub const RUNS: u32 = 5;

/// What `--runs` takes.
pub fn runs() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=1000)
}

/// Compares.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.file {
        return self::file(file, &args.how);
    }
    let wanted = |shipped: &&Shipped| args.shipped.as_deref().is_none_or(|name| name == shipped.program);
    let shipped = shipped::ALL.iter().find(wanted).context("no recording of that name ships")?;
    text::tell(format_args!("A recording that ships with this command: {}.\n", shipped.about));
    compare(&Trace::load(shipped.bytes)?, &args.how, "blockwork run -- PROGRAM ARGS")
}

/// Replays the recording at `path`, and prints what came of it.
///
/// # Errors
///
/// When it cannot be read, or nothing can be replayed.
pub fn file(path: &Path, how: &How) -> anyhow::Result<ExitCode> {
    let shown = path.display();
    let trace = Trace::open(path).with_context(|| format!("cannot read {shown}"))?;
    trace.notes.iter().for_each(|note| text::tell(format_args!("note: {note}")));
    let damage = trace.damage.as_ref();
    let code = match damage {
        Some(damage) if trace.ops.is_empty() => bail!("{shown}: {damage}"),
        None if trace.ops.is_empty() => bail!("{shown} holds no events: there is nothing to replay"),
        _ => compare_sure(path, &trace, how, &format!("blockwork tune {}", text::shell(path)))?,
    };
    Ok(match damage {
        Some(damage) => {
            text::tell(format_args!("blockwork: {shown}: {damage}; only the events before were replayed"));
            ExitCode::from(FAILED)
        }
        None => code,
    })
}

/// Replays `trace`, and if it leaves open what was freed, the other way to read the
/// file at `path`, too.
fn compare_sure(path: &Path, trace: &Trace, how: &How, next: &str) -> anyhow::Result<ExitCode> {
    if !trace.approximate {
        return compare(trace, how, next);
    }
    let other = Trace::open_as(path, Pairing::Newest)?;
    compare_with(trace, Some(&other), how, next)
}

/// What a recording holds, what candidates did with it, and what follows.
#[derive(Debug)]
pub struct Measured {
    facts: Facts,
    outcome: Outcome,
    verdict: Verdict,
    /// Which addresses some candidates gave, with the numbers of their rows.
    pub maps: Vec<(usize, Atlas)>,
    /// The candidates that were asked for by name.
    named: Vec<String>,
    /// What a recording lacks.
    notes: Vec<String>,
    /// What is held if other blocks were freed, where that is open.
    pairings: Option<Pairings>,
}

impl Measured {
    /// The same as `--json` prints it.
    ///
    /// # Errors
    ///
    /// None, as long as what is printed can be read.
    pub fn results(&self) -> anyhow::Result<Results> {
        Ok(serde_json::from_value(serde_json::to_value(self.json())?)?)
    }

    fn json(&self) -> Comparison<'_> {
        Comparison::new(&self.facts, &self.outcome, &self.verdict).about(&self.notes, self.pairings.as_ref())
    }
}

/// How many candidates are mapped.
const MAPS: usize = 4;

/// Replays `trace`; with `maps`, also notes which addresses the most telling candidates give.
///
/// # Errors
///
/// When nothing could be replayed.
pub fn measure(trace: &Trace, how: &How, maps: bool) -> anyhow::Result<Measured> {
    let script = Script::new(trace, how.threads)?;
    let facts = Facts::of(trace, &script);
    let mut runner = Runner::new(&script, how.runs)?;
    (runner.touch, runner.verify) = (how.touch, how.verify);
    let candidates = how.candidates();
    let bar = progress(runner.processes(candidates.len()) + if maps { MAPS as u64 } else { 0 });
    let mut tell = |spec: &str| {
        bar.set_message(spec.to_owned());
        bar.inc(1);
    };
    let outcome = runner.run(&candidates, &mut tell)?;
    let verdict = Verdict::of(&facts, &outcome);
    let mapped = if maps { telling(&outcome, &verdict) } else { Vec::new() };
    let map = |row: usize| Some((row, runner.map(candidates.get(row)?, &mut tell).ok()?));
    let maps = mapped.into_iter().filter_map(map).collect();
    bar.finish_and_clear();
    // By the name of its row, which another name of the same file may have made.
    let is_named = |row: &&Candidate| how.named().any(|named| named.is_same(row));
    let named = candidates.iter().filter(is_named).map(|candidate| candidate.spec(&script)).collect();
    Ok(Measured { facts, outcome, verdict, maps, named, notes: trace.notes.clone(), pairings: None })
}

/// Replays `trace` and prints what came of it; `next` is the command to try now.
/// Fails over what is beyond a limit.
///
/// # Errors
///
/// When nothing could be replayed.
pub fn compare(trace: &Trace, how: &How, next: &str) -> anyhow::Result<ExitCode> {
    compare_with(trace, None, how, next)
}

/// The same; `other` is what `trace` would be if other blocks had been freed.
fn compare_with(trace: &Trace, other: Option<&Trace>, how: &How, next: &str) -> anyhow::Result<ExitCode> {
    let mut measured = measure(trace, how, how.report.is_some())?;
    let other = other.map(|other| other_outcome(other, how)).transpose()?;
    measured.pairings = other.map(|other| Pairings::new(&measured.outcome, &other));
    let mut out = io::stdout().lock();
    if how.json {
        serde_json::to_writer_pretty(&mut out, &measured.json()).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        let Measured { facts, outcome, verdict, pairings, .. } = &measured;
        out.write_all(table::render(facts, outcome, verdict, style()).as_bytes())?;
        if let Some(pairings) = pairings {
            out.write_all(pairings.render().as_bytes())?;
        }
    }
    out.flush()?;
    if let Some(page) = &how.report {
        let size = pages::draw(trace, &measured, how.runs, page)?;
        text::tell(format_args!("\nWrote {}  {}", page.display(), text::bytes(size)));
    }
    if !how.json {
        text::tell(format_args!("\nnext: {next}"));
    }
    let Measured { outcome, named, .. } = &measured;
    let exceeded = how.fail_over.iter().flat_map(|limit| limit.exceeded(outcome, |row| named.contains(&row.spec)));
    let mut code = ExitCode::SUCCESS;
    for line in exceeded {
        text::tell(format_args!("blockwork: {line}"));
        code = ExitCode::from(OVER);
    }
    Ok(code)
}

/// What the candidates hold in a recording, not how long they take.
fn other_outcome(trace: &Trace, how: &How) -> anyhow::Result<Outcome> {
    let script = Script::new(trace, how.threads)?;
    let mut runner = Runner::new(&script, 0)?;
    (runner.touch, runner.verify) = (how.touch, how.verify);
    let candidates = how.candidates();
    let bar = progress(runner.processes(candidates.len()));
    let outcome = runner.run(&candidates, &mut |spec| {
        bar.set_message(spec.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    outcome
}

/// The rows whose addresses say most: the one to beat, the one to use, and those
/// that hold least.
fn telling(outcome: &Outcome, verdict: &Verdict) -> Vec<usize> {
    let rows = outcome.rows.iter().enumerate().filter(|(_, row)| !matches!(row.kind, Kind::Bound | Kind::Model));
    let held = |row: &Row| row.result.as_ref().map_or(u64::MAX, |figures| figures.peak.held);
    let mut rows: Vec<_> = rows.filter(|(_, row)| row.result.is_ok()).collect();
    rows.sort_by_key(|(_, row)| (row.kind != Kind::Baseline, verdict.best.as_ref() != Some(&row.spec), held(row)));
    let mut rows: Vec<usize> = rows.iter().take(MAPS).map(|(row, _)| *row).collect();
    rows.sort_unstable();
    rows
}

/// A bar on standard error, if that is a terminal.
fn progress(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) = ProgressStyle::with_template("  replaying {bar:30} {pos}/{len}  {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// What standard output is fit for.
pub fn style() -> Style {
    let terminal = io::stdout().is_terminal();
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let told = || env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0);
    let width = if terminal { comfy_table::Table::new().width() } else { told() };
    Style { emphasis: terminal && !plain, width: width.unwrap_or(READABLE) }
}

/// Columns where there is no terminal, and `COLUMNS` does not say.
const READABLE: u16 = 100;
