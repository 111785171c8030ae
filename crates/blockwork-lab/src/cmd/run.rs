//! `blockwork run`: record and compare in one.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use super::compare::{self, How};
use crate::{
    capture::{self, Request},
    cli::FAILED,
    text,
};

/// What `run` may be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "The recording stays, for `stats` and `compare`. Ends as `record` does if the program fails.")]
pub struct Args {
    /// Where to write the recording [default: PROGRAM.PID.bwrec, PID being that of `run`]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(long)]
    pub force: bool,
    /// Timed runs of each allocator; fewer if they take minutes
    #[arg(long, value_name = "N", default_value_t = compare::RUNS, value_parser = compare::runs())]
    pub runs: u32,
    /// The program to record, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_names = ["PROGRAM", "ARGS"])]
    pub command: Vec<OsString>,
}

/// Records, then compares what was recorded, also of a program that failed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let request = Request { command: &args.command, output: args.output.as_deref(), force: args.force };
    let recording = capture::record(request)?;
    recording.report();
    let code = recording.code();
    if recording.is_empty() {
        return Ok(ExitCode::from(if code == 0 { FAILED } else { code }));
    }
    text::tell("");
    let compared = compare::file(&recording.path, &How { runs: args.runs, json: false })?;
    Ok(if code == 0 { compared } else { ExitCode::from(code) })
}
