//! `blockwork compare`: a recording replayed through many allocators.

use std::{
    env,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::FAILED,
    replay::{candidate::Candidate, runner::Runner, script::Script},
    report::{
        facts::Facts,
        json::Comparison,
        table::{self, Style},
        verdict::Verdict,
    },
    text,
    trace::Trace,
};

/// What `compare` may be told.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The recording; without it, the one that ships with the command
    pub file: Option<PathBuf>,
    /// How to compare
    #[command(flatten)]
    pub how: How,
}

/// How to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct How {
    /// Timed runs of each allocator
    #[arg(long, value_name = "N", default_value_t = Self::default().runs, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Default for How {
    fn default() -> Self {
        Self { runs: 5, json: false }
    }
}

/// Compares.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(file) = &args.file else { anyhow::bail!("no recording ships yet") };
    let trace = Trace::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    compare(&trace, &args.how, &format!("blockwork stats {}", text::shell(file)))
}

/// Replays `trace` and prints what came of it; `next` is the command to try now.
///
/// # Errors
///
/// When nothing could be replayed.
pub fn compare(trace: &Trace, how: &How, next: &str) -> anyhow::Result<ExitCode> {
    match &trace.damage {
        Some(damage) if trace.ops.is_empty() => bail!("{damage}"),
        Some(damage) => {
            eprintln!("blockwork: {damage}; replaying the {} events before", text::grouped(trace.ops.len() as u64))
        }
        None => ensure!(!trace.ops.is_empty(), "the recording holds no events: there is nothing to replay"),
    }
    let script = Script::new(trace)?;
    let facts = Facts::of(trace, &script);
    let runner = Runner::new(&script, how.runs)?;
    let candidates = Candidate::all();
    let bar = progress(runner.processes(candidates.len()));
    let outcome = runner.run(&candidates, &mut |spec| {
        bar.set_message(spec.to_owned());
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    let verdict = Verdict::of(&facts, &outcome);
    let mut out = io::stdout().lock();
    if how.json {
        serde_json::to_writer_pretty(&mut out, &Comparison::new(&facts, &outcome, &verdict))
            .map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(table::render(&facts, &outcome, &verdict, style()).as_bytes())?;
        eprintln!("\nnext: {next}");
    }
    out.flush()?;
    Ok(if trace.damage.is_some() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
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
fn style() -> Style {
    let terminal = io::stdout().is_terminal();
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style { emphasis: terminal && !plain, width: terminal.then(width).flatten() }
}

/// The terminal's columns.
fn width() -> Option<u16> {
    comfy_table::Table::new().width()
}
