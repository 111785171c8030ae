//! `blockwork tune`: the composition that serves a recording best, as code.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};

use super::compare;
use crate::{
    cli::FAILED,
    shipped, text,
    trace::Trace,
    tune::{self, Goal, Request, Tuning, report},
};

/// What `tune` may be told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is recommended helps on both parts, beyond what runs differ by. Where nothing does, that \
                        is said, with the reason, and `--emit` prints `system`."
)]
pub struct Args {
    /// The recording
    #[arg(required_unless_present = "shipped")]
    pub file: Option<PathBuf>,
    /// In its place, a recording that ships with the command
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(shipped::ALL.map(|shipped| shipped.program)), conflicts_with = "file")]
    pub shipped: Option<String>,
    /// How long to look, in seconds or as 90s, 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub budget: Duration,
    /// What to look for
    #[arg(long, value_enum, default_value_t)]
    pub goal: Goal,
    /// Classes of small blocks, at most
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=64).map(usize::from))]
    pub classes: usize,
    /// Tune on all of FILE, and check on this recording
    #[arg(long, value_name = "OTHER")]
    pub check: Option<PathBuf>,
    /// Look for a heap for all threads, behind a lock, that can be a `#[global_allocator]`
    #[arg(long)]
    pub locked: bool,
    /// Print only what is recommended, as Rust or in the notation
    #[arg(long, value_enum, conflicts_with = "json")]
    pub emit: Option<Emit>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// As what to print a composition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Emit {
    /// A type and a function, to paste
    Rust,
    /// The notation, for `--with`
    Spec,
}

/// `60s`, `5m`, `1500ms`, `60`.
fn duration(said: &str) -> Result<Duration, String> {
    let digits = said.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &said[digits.len()..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("`{unit}` is no unit of time: ms, s, m, h")),
    };
    let number: f64 = digits.parse().map_err(|_| "a number of seconds, as in 60s".to_owned())?;
    if number > 0.0 && number * unit <= 86_400.0 {
        Ok(Duration::from_secs_f64(number * unit))
    } else {
        Err("more than nothing, and a day at most".into())
    }
}

/// Tunes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (trace, shown, path) = match (&args.file, &args.shipped) {
        (Some(file), _) => (open(file)?, file.display().to_string(), text::shell(file)),
        (None, shipped) => {
            let wanted = shipped.as_deref().unwrap_or_default();
            let shipped = shipped::ALL.iter().find(|known| known.program == wanted);
            let shipped = shipped.context("no recording of that name ships")?;
            (Trace::load(shipped.bytes)?, wanted.to_owned(), "FILE".into())
        }
    };
    let other = args.check.as_deref().map(open).transpose()?;
    let bar = progress(millis(args.budget));
    let request = Request {
        trace: &trace,
        check: other.as_ref(),
        budget: args.budget,
        goal: args.goal,
        classes: args.classes,
        locked: args.locked,
    };
    let tuning = tune::tune(request, &mut |spec, spent| {
        bar.set_message(spec.to_owned());
        // At the end of its time, a replay is not cut off.
        bar.set_position(millis(spent.min(args.budget)));
    });
    bar.finish_and_clear();
    print(args, &tuning?, &path)?;
    let damaged = trace.damage.as_ref().map(|damage| (shown, damage));
    let other_shown = args.check.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let other = other.as_ref().and_then(|other| Some((other_shown, other.damage.as_ref()?)));
    for (shown, damage) in damaged.iter().chain(&other) {
        text::tell(format_args!("blockwork: {shown}: {damage}; only the events before were replayed"));
    }
    Ok(if damaged.is_some() || other.is_some() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// A recording that holds something.
fn open(path: &Path) -> anyhow::Result<Trace> {
    let shown = path.display();
    let trace = Trace::open(path).with_context(|| format!("cannot read {shown}"))?;
    match &trace.damage {
        Some(damage) if trace.ops.is_empty() => bail!("{shown}: {damage}"),
        None if trace.ops.is_empty() => bail!("{shown} holds no events: there is nothing to tune"),
        _ => Ok(trace),
    }
}

fn print(args: &Args, tuning: &Tuning, path: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(emit) = args.emit {
        match emit {
            Emit::Rust => out.write_all(tuning.rust()?.as_bytes())?,
            Emit::Spec => writeln!(out, "{}", tuning.spec())?,
        }
        out.flush()?;
        text::tell(report::verdict(tuning));
    } else if args.json {
        serde_json::to_writer_pretty(&mut out, &report::Json::new(tuning)).map_err(io::Error::from)?;
        writeln!(out)?;
        out.flush()?;
        return Ok(());
    } else {
        out.write_all(report::render(tuning, compare::style()).as_bytes())?;
        out.flush()?;
    }
    if tuning.choice.best().is_some() {
        text::tell(format_args!("\nnext: blockwork verify {path} --with '{}' -- PROGRAM ARGS", tuning.spec()));
    } else {
        text::tell(format_args!("\nnext: blockwork stats {path}"));
    }
    Ok(())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A bar on standard error, if that is a terminal: how much of the time is spent.
fn progress(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) = ProgressStyle::with_template("  tuning {bar:30} {percent} %  {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        let millis = |said: &str| duration(said).map(|time| time.as_millis());
        assert_eq!(["60", "1.5s", "2m", "250ms"].map(millis), [Ok(60_000), Ok(1500), Ok(120_000), Ok(250)]);
        for wrong in ["", "s", "0", "-5", "5y", "1e9h", "nan"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
