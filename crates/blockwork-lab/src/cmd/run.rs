//! `blockwork run`: record and compare in one.

use std::{ffi::OsString, process::ExitCode};

use anyhow::bail;

/// What `run` may be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program to record, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub command: Vec<OsString>,
}

/// Records, then compares.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    bail!("no allocator to compare with yet ({args:?})")
}
