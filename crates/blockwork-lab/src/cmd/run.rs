//! `blockwork run`: record and compare in one.

use std::process::ExitCode;

use super::{
    compare::{self, How},
    record::What,
};
use crate::{cli::FAILED, text};

/// What `run` may be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "The recording stays, for `stats` and `compare`. Ends as `record` does if the program fails.")]
pub struct Args {
    /// Timed runs of each allocator; fewer if they take minutes
    #[arg(long, value_name = "N", default_value_t = compare::RUNS, value_parser = compare::runs())]
    pub runs: u32,
    /// What to record
    #[command(flatten)]
    pub what: What,
}

/// Records, then compares what was recorded, also of a program that failed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recording = args.what.record()?;
    recording.report();
    let code = recording.code();
    if recording.is_empty() {
        return Ok(ExitCode::from(if code == 0 { FAILED } else { code }));
    }
    text::tell("");
    let compared = compare::file(&recording.path, &How { runs: args.runs, json: false })?;
    Ok(if code == 0 { compared } else { ExitCode::from(code) })
}
