//! `blockwork diff`: what changed between two recordings, or two comparisons.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::bail;

use super::{compare, report};
use crate::{
    cli::FAILED,
    diff::{self, Diff},
    results::Results,
    text,
};

/// What `diff` may be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Both are recordings, or both are what `compare --json` printed.")]
pub struct Args {
    /// What was before
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// What is now
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints what changed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let names = [&args.before, &args.after].map(|path| path.display().to_string());
    let shells = [&args.before, &args.after].map(|path| text::shell(path));
    match [&args.before, &args.after].map(|path| Results::are_in(path)) {
        [true, true] => {
            let diff = diff::results(names, &Results::open(&args.before)?, &Results::open(&args.after)?);
            print(&diff, args.json, "blockwork compare --json RECORDING > NEXT.json")?;
            Ok(ExitCode::SUCCESS)
        }
        [false, false] => {
            let [before, after] = [report::open(&args.before)?, report::open(&args.after)?];
            let diff = diff::recordings(names, &before, &after);
            print(&diff, args.json, &format!("blockwork report {} {}", shells[0], shells[1]))?;
            let damaged = [(&args.before, before.damage), (&args.after, after.damage)];
            let mut code = ExitCode::SUCCESS;
            for (path, damage) in damaged {
                if let Some(damage) = damage {
                    text::tell(format_args!("blockwork: {}: {damage}; only the events before count", path.display()));
                    code = ExitCode::from(FAILED);
                }
            }
            Ok(code)
        }
        [is_first, _] => {
            let [results, recording] = if is_first { [0, 1] } else { [1, 0] };
            bail!(
                "{} is a comparison and {} is none: give two recordings, or what `compare --json` printed of both",
                names[results],
                names[recording]
            )
        }
    }
}

fn print(diff: &Diff, json: bool, next: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, diff).map_err(io::Error::from)?;
        writeln!(out)?;
        out.flush()?;
    } else {
        out.write_all(diff::render(diff, compare::style().width).as_bytes())?;
        out.flush()?;
        text::tell(format_args!("\nnext: {next}"));
    }
    Ok(())
}
