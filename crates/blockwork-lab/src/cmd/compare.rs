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

use crate::{
    cli::{FAILED, OVER},
    import::Pairing,
    replay::{
        candidate::Candidate,
        child::Threads,
        driver::marks::Touch,
        library,
        runner::{Outcome, Runner},
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
            if !all.contains(&named) {
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
        _ => compare_sure(path, &trace, how, &format!("blockwork stats {}", text::shell(path)))?,
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
    let script = Script::new(trace, how.threads)?;
    let facts = Facts::of(trace, &script);
    let mut runner = Runner::new(&script, how.runs)?;
    (runner.touch, runner.verify) = (how.touch, how.verify);
    let candidates = how.candidates();
    let bar = progress(runner.processes(candidates.len()));
    let outcome = runner.run(&candidates, &mut |spec| {
        bar.set_message(spec.to_owned());
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    let pairings = other.map(|other| other_outcome(other, how)).transpose()?;
    let pairings = pairings.map(|other| Pairings::new(&outcome, &other));
    let verdict = Verdict::of(&facts, &outcome);
    let mut out = io::stdout().lock();
    if how.json {
        let comparison = Comparison::new(&facts, &outcome, &verdict).about(&trace.notes, pairings.as_ref());
        serde_json::to_writer_pretty(&mut out, &comparison).map_err(io::Error::from)?;
        writeln!(out)?;
        out.flush()?;
    } else {
        out.write_all(table::render(&facts, &outcome, &verdict, style()).as_bytes())?;
        if let Some(pairings) = &pairings {
            out.write_all(pairings.render().as_bytes())?;
        }
        out.flush()?;
        text::tell(format_args!("\nnext: {next}"));
    }
    let named: Vec<String> = how.named().map(|candidate| candidate.spec(&script)).collect();
    let exceeded = how.fail_over.iter().flat_map(|limit| limit.exceeded(&outcome, |row| named.contains(&row.spec)));
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
