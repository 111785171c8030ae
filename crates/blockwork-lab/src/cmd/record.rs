//! `blockwork record`: a program's allocations, as they happen, into a file.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::bail;

/// What `record` may be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write the recording [default: PROGRAM.PID.bwrec]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(long)]
    pub force: bool,
    /// The program to record, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub command: Vec<OsString>,
}

/// Records.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    bail!("no recorder yet ({args:?})")
}
