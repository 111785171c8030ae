//! `blockwork record`: a program's allocations, as they happen, into a file.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use crate::capture::{self, Failure, Recording, Request};

/// What `record` may be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Ends with the program's own exit code: 128 and the signal's number if it was killed, 127 if \
                        it is not found, 126 if it cannot be run, 125 if it succeeds and recording fails.\n\
                        A program that calls exec is recorded on; its children are not.")]
pub struct Args {
    /// What to record
    #[command(flatten)]
    pub what: What,
}

/// What to record, and where to.
#[derive(Debug, clap::Args)]
pub struct What {
    /// Where to write the recording [default: PROGRAM.PID.bwrec, PID being that of `blockwork`]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(long)]
    pub force: bool,
    /// Record who asks for each block: the innermost N calls, with their functions and lines
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "24",
          value_parser = clap::value_parser!(u32).range(1..=128))]
    pub stacks: Option<u32>,
    /// The program to record, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_names = ["PROGRAM", "ARGS"])]
    pub command: Vec<OsString>,
}

impl What {
    /// Records it.
    ///
    /// # Errors
    ///
    /// When nothing could be recorded.
    pub fn record(&self) -> Result<Recording, Failure> {
        capture::record(Request {
            command: &self.command,
            output: self.output.as_deref(),
            force: self.force,
            stacks: self.stacks.unwrap_or(0),
        })
    }
}

/// Records.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recording = args.what.record()?;
    recording.report();
    recording.suggest();
    Ok(ExitCode::from(recording.code()))
}
