//! `blockwork stats`: what a recording holds, without replaying it.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;

use crate::{
    cli::FAILED,
    stats::{Stats, write_text},
    text, trace,
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
