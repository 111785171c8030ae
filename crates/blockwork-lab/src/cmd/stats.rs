//! `blockwork stats`: what a recording holds, without replaying it.

use std::{path::PathBuf, process::ExitCode};

use crate::trace::Trace;

/// What `stats` may be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recording
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let trace = Trace::open(&args.file)?;
    println!("{trace:?}");
    Ok(ExitCode::SUCCESS)
}
