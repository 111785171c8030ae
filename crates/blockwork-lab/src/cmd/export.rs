//! `blockwork export`: a recording in the format of another tool.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{
    cli::FAILED,
    export::{self, Cost, Format},
    output::{self, Output},
    text,
    trace::Trace,
};

/// What `export` may be told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Columns of csv, json and parquet, one row for each block: program, image, block, resize, size, \
                        align, zeroed, birth, death, lifetime, end (free, resize, exec or exit), thread, end_thread, site, \
                        stack. Times are numbers of events. A reallocation ends a row and begins one of the same block. \
                        Call sites are there if the recording has them (record --stacks, heaptrack, mtrace)."
)]
pub struct Args {
    /// The recording, of this command or of a tool that it imports
    pub file: PathBuf,
    /// The format to write
    #[arg(long, value_name = "FORMAT")]
    pub to: Format,
    /// Where to write, `-` for standard output [default: FILE with another ending, in this directory]
    #[arg(short, long, value_name = "OUTPUT")]
    pub output: Option<PathBuf>,
    /// Replace OUTPUT if it exists
    #[arg(long)]
    pub force: bool,
    /// What folded stacks count
    #[arg(long, value_name = "WHAT", default_value = "peak")]
    pub cost: Cost,
    /// Print what was written as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Exports.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let trace = Trace::open(&args.file).with_context(|| format!("cannot read {shown}"))?;
    trace.notes.iter().for_each(|note| text::tell(format_args!("note: {note}")));
    match &trace.damage {
        Some(damage) if trace.ops.is_empty() => bail!("{shown}: {damage}"),
        None if trace.ops.is_empty() => bail!("{shown} holds no events: there is nothing to export"),
        _ => {}
    }
    let path = args.output.clone().unwrap_or_else(|| output::beside(&args.file, args.to.suffix()));
    if path == Path::new("-") {
        export::write(&trace, args.to, args.cost, BufWriter::new(io::stdout()))?;
    } else {
        let mut output = Output::create(&path, args.force)?;
        let bar = spinner(&format!("writing {}", path.display()));
        let count = export::write(&trace, args.to, args.cost, BufWriter::new(output.file()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        bar.finish_and_clear();
        report(args, &path, count, output.finish()?)?;
    }
    Ok(match &trace.damage {
        Some(damage) => {
            text::tell(format_args!("blockwork: {shown}: {damage}; only the events before were exported"));
            ExitCode::from(FAILED)
        }
        None => ExitCode::SUCCESS,
    })
}

fn report(args: &Args, path: &Path, count: u64, size: u64) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let [one, many] = args.to.unit();
    if args.json {
        let object = json!({
            "file": args.file.to_string_lossy(), "output": path.to_string_lossy(), "format": args.to.suffix(),
            "entries": count, "bytes": size,
        });
        serde_json::to_writer_pretty(&mut out, &object).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}: {}, {}", path.display(), text::counted(count, one, many), text::bytes(size))?;
        out.flush()?;
        text::tell(format_args!("\nnext: {}", args.to.next().replace("{}", &text::shell(path))));
    }
    Ok(())
}

/// Shows on standard error, if that is a terminal, that something goes on.
fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
