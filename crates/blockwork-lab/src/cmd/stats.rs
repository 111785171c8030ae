//! `blockwork stats`: what a recording holds, without replaying it.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, anyhow};

use crate::{
    cli::FAILED,
    import::profile,
    stats::{Stats, write_text},
    text,
    trace::{self, Damage},
};

/// What `stats` may be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recording
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints what could be read; what could not is an error at the end.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let mut stats = Stats::default();
    let ending = File::open(&args.file)
        .and_then(|file| trace::read(BufReader::new(file), &mut stats))
        .with_context(|| format!("cannot read {shown}"))?;
    if let Some(Damage::Profile(_)) = ending.damage {
        return profile(args);
    }
    let report = stats.finish(ending);
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else if report.damage().is_none() || !report.is_empty() {
        write_text(&report, &mut out)?;
    }
    out.flush()?;
    match report.damage() {
        Some(damage) => {
            text::tell(format_args!("blockwork: {shown}: {damage}"));
            Ok(ExitCode::from(FAILED))
        }
        None => {
            if !args.json && !report.is_empty() {
                text::tell(format_args!("\nnext: blockwork compare {}", text::shell(&args.file)));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints the sizes of a heap profile, which is all that it holds.
fn profile(args: &Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let read = File::open(&args.file).and_then(profile::read).with_context(|| format!("cannot read {shown}"))?;
    let (tool, profile) = read.with_context(|| format!("{shown} is no profile any more"))?;
    let profile = profile.map_err(|why| anyhow!("{shown} is no heap profile of {}: {why}", tool.name()))?;
    let report = profile::Report::new(tool, profile);
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        profile::write_text(&report, &mut out)?;
        text::tell("\nnext: blockwork record -- PROGRAM ARGS, to see which allocator helps");
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
