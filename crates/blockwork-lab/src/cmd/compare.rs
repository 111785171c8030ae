//! `blockwork compare`: a recording replayed through many allocators.

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;

/// What `compare` may be told.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// The recording; without it, the one that ships with the command
    pub file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Compares.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    bail!("no allocator to compare with yet ({args:?})")
}
