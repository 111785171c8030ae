//! `blockwork verify`: the real program with a composition, against the prediction.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::compare;
use crate::{
    replay::spec,
    text,
    trace::Trace,
    verify::{self, Request, Verification, report},
};

/// What `verify` may be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "The program runs several times, without input, and its output is thrown away.\n\
                        Ends with 1 if the prediction did not hold; 125, 126 and 127 are as for `record`.")]
pub struct Args {
    /// The recording that the composition was compared or tuned on
    pub file: PathBuf,
    /// The composition, in the library's notation
    #[arg(long, value_name = "SPEC", value_parser = spec::check)]
    pub with: String,
    /// Runs of the program and of the replay, each
    #[arg(long, value_name = "N", default_value_t = compare::RUNS, value_parser = compare::runs())]
    pub runs: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The program that was recorded, and its arguments
    #[arg(required = true, last = true, value_names = ["PROGRAM", "ARGS"])]
    pub command: Vec<OsString>,
}

/// The prediction did not hold.
const DID_NOT_HOLD: u8 = 1;

/// Verifies.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let trace = Trace::open(&args.file).with_context(|| format!("cannot read {shown}"))?;
    match &trace.damage {
        Some(damage) => bail!("{shown}: {damage}; what is missing cannot be predicted"),
        None if trace.ops.is_empty() => bail!("{shown} holds no events: there is nothing to predict"),
        None => {}
    }
    let bar = progress(args.runs, trace.images.len());
    let request = Request { trace: &trace, spec: &args.with, command: &args.command, runs: args.runs };
    let done = verify::verify(request, &mut |what| {
        bar.set_message(what.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let done = done?;
    print(args, &done)?;
    Ok(if done.held() { ExitCode::SUCCESS } else { ExitCode::from(DID_NOT_HOLD) })
}

fn print(args: &Args, done: &Verification) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report::Json::new(done)).map_err(io::Error::from)?;
        writeln!(out)?;
        out.flush()?;
        return Ok(());
    }
    out.write_all(report::render(done, compare::style()).as_bytes())?;
    out.flush()?;
    let file = text::shell(&args.file);
    text::tell(if done.held() {
        format!("\nnext: blockwork tune {file} --emit rust")
    } else {
        format!("\nnext: blockwork compare {file}")
    });
    Ok(())
}

/// A bar on standard error, if that is a terminal.
fn progress(runs: u32, images: usize) -> ProgressBar {
    let replays = (3 + 5 * u64::from(runs)) * images as u64;
    let bar = ProgressBar::new(replays + 2 * (u64::from(runs) + 1));
    if let Ok(style) = ProgressStyle::with_template("  verifying {bar:30} {pos}/{len}  {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
