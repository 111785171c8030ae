//! `blockwork import`: a recording of another tool becomes one of this command's.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::stats;
use crate::{
    cli::FAILED,
    import::{Pairing, Save},
    output::{self, Output},
    text,
    trace::{self, Damage, Ending},
};

/// What `import` may be told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads heaptrack (with --raw exactly, else approximately), mtrace of glibc and bytehound's replays, \
                        packed with zstd or gzip or not. Of heap profiles (DHAT, jemalloc, gperftools, pprof) it shows the \
                        sizes: they have no order, so they are no recordings. Every verb reads these files as they are; \
                        imported, they are smaller and read faster."
)]
pub struct Args {
    /// The file of the other tool, recognised by its content
    pub file: PathBuf,
    /// Where to write the recording [default: FILE.bwrec in this directory]
    #[arg(short, long, value_name = "OUTPUT")]
    pub output: Option<PathBuf>,
    /// Replace OUTPUT if it exists
    #[arg(long)]
    pub force: bool,
    /// Which block is freed where heaptrack left that open
    #[arg(long, value_name = "WHICH", default_value = "oldest")]
    pub pairing: Pairing,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Imports.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let read = || format!("cannot read {shown}");
    if let Some(tool) = profile(&args.file).with_context(read)? {
        if args.output.is_some() {
            bail!("{shown}: {}", Damage::Profile(tool));
        }
        return stats::run(&stats::Args { file: args.file.clone(), json: args.json });
    }
    if ours(&args.file).with_context(read)? {
        bail!("{shown} is a recording of this command already: there is nothing to import");
    }
    let path = args.output.clone().unwrap_or_else(|| output::beside(&args.file, "bwrec"));
    let mut output = Output::create(&path, args.force)?;
    let ending = convert(&args.file, output.file(), args.pairing)?;
    if let (Some(damage), 0) = (&ending.damage, ending.totals.events()) {
        bail!("{shown}: {damage}");
    }
    report(args, &path, &ending, output.finish()?)
}

/// The tool whose profile `file` is, if it is one.
fn profile(file: &Path) -> io::Result<Option<&'static str>> {
    let mut nothing = trace::Tally::default();
    let mut file = File::open(file)?;
    // A profile is recognised by its beginning, and read no further.
    match trace::read(io::Read::take(&mut file, 64 << 10), &mut nothing)?.damage {
        Some(Damage::Profile(tool)) => Ok(Some(tool)),
        _ => Ok(None),
    }
}

/// Whether `file` is what is to be written. What a program wrote of itself is not:
/// that is longer.
fn ours(file: &Path) -> io::Result<bool> {
    let mut magic = [0; 8];
    Ok(trace::fill(&mut File::open(file)?, &mut magic)? == 8 && magic == trace::MAGIC)
}

/// Reads `file` and writes it to `to`; what was read.
fn convert(file: &Path, to: &mut File, pairing: Pairing) -> anyhow::Result<Ending> {
    let shown = file.display();
    let input = File::open(file).with_context(|| format!("cannot read {shown}"))?;
    let bar = progress(input.metadata().map_or(0, |metadata| metadata.len()));
    let mut save = Save::new(BufWriter::new(&mut *to), &text::base_name(file.as_os_str()));
    let mut ending = trace::read_as(bar.wrap_read(BufReader::new(input)), &mut save, pairing)
        .with_context(|| format!("cannot read {shown}"))?;
    bar.finish_and_clear();
    let summary = ending.summary.take().unwrap_or_default();
    let (output, summary) = save.finish(summary).context("cannot write the recording")?;
    ending.summary = Some(summary);
    output.into_inner().map_err(io::IntoInnerError::into_error).context("cannot write the recording")?;
    Ok(ending)
}

/// A bar on standard error, if that is a terminal.
fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("  importing {wide_bar} {bytes}/{total_bytes}") {
        bar.set_style(style);
    }
    bar
}

fn report(args: &Args, output: &Path, ending: &Ending, size: u64) -> anyhow::Result<ExitCode> {
    let events = ending.totals.events();
    let summary = ending.summary.clone().unwrap_or_default();
    let damage = ending.damage.as_ref();
    let mut out = io::stdout().lock();
    if args.json {
        let damage = damage.map(ToString::to_string);
        let object = json!({
            "file": args.file.to_string_lossy(), "output": output.to_string_lossy(), "format": ending.format,
            "program": ending.program, "events": events, "bytes": size, "notes": summary.notes, "damage": damage,
        });
        serde_json::to_writer_pretty(&mut out, &object).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{}: {} from {}, {}",
            output.display(),
            text::counted(events, "event", "events"),
            ending.format,
            text::bytes(size)
        )?;
        summary.notes.iter().try_for_each(|note| writeln!(out, "  {note}"))?;
    }
    out.flush()?;
    match damage {
        Some(damage) => {
            text::tell(format_args!("blockwork: {}: {damage}; what came before was imported", args.file.display()));
            Ok(ExitCode::from(FAILED))
        }
        None => {
            text::tell(format_args!("\nnext: blockwork compare {}", text::shell(output)));
            Ok(ExitCode::SUCCESS)
        }
    }
}
