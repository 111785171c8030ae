//! `blockwork run`: record and compare in one; or run checked.

use std::{path::Path, process::ExitCode};

use anyhow::bail;

use super::{
    compare::{self, How},
    record::What,
};
use crate::{checked, cli::FAILED, text};

/// What `run` may be told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The recording stays, for `stats` and `compare`, and its pictures beside it, PROGRAM.PID.html. Ends as `record` does if the program fails.\n\
                        With --checked, ends with 99 if the program succeeds and something was found."
)]
pub struct Args {
    /// Timed runs of each allocator; fewer if they take minutes
    #[arg(long, value_name = "N", default_value_t = compare::RUNS, value_parser = compare::runs())]
    pub runs: u32,
    /// Do not draw what was found out into a file beside the recording
    #[arg(long)]
    pub no_report: bool,
    /// Record nothing, but find what is done wrong: double, foreign and wrong frees, overruns, writes after a free
    #[arg(long, conflicts_with_all = ["runs", "no_report", "output", "force", "stacks", "follow"])]
    pub checked: bool,
    /// Look for leaks, too: blocks that nothing points to at the end
    #[arg(long, requires = "checked")]
    pub leaks: bool,
    /// End the program (SIGABRT) at the first finding
    #[arg(long, requires = "checked")]
    pub stop: bool,
    /// Print the findings as one JSON object on standard error, behind the program's own lines
    #[arg(long, requires = "checked")]
    pub json: bool,
    /// What to record
    #[command(flatten)]
    pub what: What,
}

/// Records, then compares what was recorded, also of a program that failed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.checked {
        let how = checked::How { stop: args.stop, leaks: args.leaks };
        let report = checked::run(&args.what.command, how)?;
        report.print(args.json)?;
        return Ok(ExitCode::from(report.code()));
    }
    let beside = |recording: &Path| (!args.no_report).then(|| recording.with_extension("html"));
    if let Some(page) = args.what.output.as_deref().and_then(beside).filter(|page| page.exists() && !args.what.force) {
        bail!("cannot write {}: it exists; --force replaces it", page.display());
    }
    let recording = args.what.record()?;
    recording.report();
    let code = recording.code();
    if recording.is_empty() {
        return Ok(ExitCode::from(if code == 0 { FAILED } else { code }));
    }
    text::tell("");
    let compared =
        compare::file(&recording.path, &How { runs: args.runs, report: beside(&recording.path), ..How::default() })?;
    Ok(if code == 0 { compared } else { ExitCode::from(code) })
}
