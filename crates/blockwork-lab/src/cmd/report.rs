//! `blockwork report`: the pictures of a recording, in one file.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::compare::{self, How, Measured};
use crate::{
    cli::FAILED,
    page::{Chapter, Page},
    results::{Results, tuning::Tuning},
    survey::Survey,
    text,
    trace::Trace,
};

/// What `report` may be told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file needs no network and no scripts. Recordings of up to a million events are also replayed \
                        through other allocators, as `compare` does it; for longer ones that takes a while, so ask for it \
                        with --runs, or bring what `compare --json` printed with --results."
)]
pub struct Args {
    /// The recordings, a chapter each
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where to write the report [default: the first recording's name, with .html]
    #[arg(short, long, value_name = "HTML")]
    pub output: Option<PathBuf>,
    /// Replay with so many timed runs of each allocator; 0 not to replay at all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub runs: Option<u32>,
    /// Draw this, which `compare --json` printed, and do not replay; once for each recording, in their order
    #[arg(long, value_name = "JSON", conflicts_with = "runs")]
    pub results: Vec<PathBuf>,
    /// Draw this, too, which `tune --json` printed; once for each recording, in their order
    #[arg(long, value_name = "JSON")]
    pub tuned: Vec<PathBuf>,
    /// Print one JSON object: where the report is, and its size
    #[arg(long)]
    pub json: bool,
}

/// Recordings up to so many events are replayed unasked.
const SHORT: usize = 1_000_000;

/// Writes the report, and prints where it is.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let [first, ..] = args.files.as_slice() else { bail!("there is nothing to report on") };
    let output = args.output.clone().unwrap_or_else(|| beside(first));
    let results: Vec<Results> = args.results.iter().map(|path| Results::open(path)).collect::<Result<_, _>>()?;
    let tuned: Vec<Tuning> = args.tuned.iter().map(|path| Tuning::open(path)).collect::<Result<_, _>>()?;
    let mut page = Page::default();
    let mut damaged = false;
    for (number, file) in args.files.iter().enumerate() {
        let trace = open(file)?;
        if let Some(damage) = &trace.damage {
            text::tell(format_args!("blockwork: {}: {damage}; only the events before are drawn", file.display()));
            damaged = true;
        }
        let bar = busy(&format!("surveying {}", counted(&trace)));
        let survey = Survey::of(&trace);
        bar.finish_and_clear();
        let runs = args.runs.unwrap_or(if trace.ops.len() <= SHORT { compare::RUNS } else { 0 });
        let replayed = match results.get(number) {
            None if runs > 0 && args.results.is_empty() && !trace.ops.is_empty() => {
                Some(compare::measure(&trace, &How { runs, ..How::default() }, true)?)
            }
            _ => None,
        };
        let found = replayed.as_ref().map(Measured::results).transpose()?;
        let results = found.as_ref().or_else(|| results.get(number));
        let maps = replayed.as_ref().map_or(&[][..], |measured| &measured.maps);
        let (file, tuning) = (&text::shell(file), tuned.get(number));
        page.push(&Chapter { number, file, trace: &trace, survey: &survey, results, maps, tuning, runs });
    }
    let size = write(&output, &page.finish())?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &serde_json::json!({"report": output, "bytes": size}))
            .map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}  {}", output.display(), text::bytes(size))?;
        text::tell(format_args!("\nnext: xdg-open {}", text::shell(&output)));
    }
    out.flush()?;
    Ok(if damaged { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// Draws one recording and what `measured` of it into a file, and returns the file's size.
///
/// # Errors
///
/// When that cannot be written.
pub fn draw(trace: &Trace, measured: &Measured, runs: u32, output: &Path) -> anyhow::Result<u64> {
    let (survey, results) = (Survey::of(trace), measured.results()?);
    let (results, maps) = (Some(&results), measured.maps.as_slice());
    let mut page = Page::default();
    page.push(&Chapter { number: 0, file: &trace.name, trace, survey: &survey, results, maps, tuning: None, runs });
    write(output, &page.finish())
}

/// Reads a recording, as far as it goes.
///
/// # Errors
///
/// When nothing of it can be read.
pub fn open(file: &Path) -> anyhow::Result<Trace> {
    let shown = file.display();
    let trace = Trace::open(file).with_context(|| format!("cannot read {shown}"))?;
    match &trace.damage {
        Some(damage) if trace.ops.is_empty() => bail!("{shown}: {damage}"),
        _ => Ok(trace),
    }
}

fn counted(trace: &Trace) -> String {
    text::counted(trace.ops.len() as u64, "event", "events")
}

/// A sign of life on standard error, if that is a terminal.
fn busy(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// `ls.4711.bwrec` becomes `ls.4711.html`, in the directory where we are.
fn beside(file: &Path) -> PathBuf {
    let name: OsString = file.file_name().map_or_else(|| "report".into(), ToOwned::to_owned);
    Path::new(&name).with_extension("html")
}

/// Writes the report whole or not at all: a full disk leaves what was there.
pub fn write(output: &Path, page: &str) -> anyhow::Result<u64> {
    let told = || format!("cannot write {}", output.display());
    let directory = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if output.is_dir() {
        bail!("{}: it is a directory", told());
    }
    if output.exists() && !output.is_file() {
        // A device or a pipe cannot be replaced.
        File::options()
            .write(true)
            .open(output)
            .and_then(|mut file| file.write_all(page.as_bytes()))
            .with_context(told)?;
        return Ok(page.len() as u64);
    }
    let mut file = tempfile::Builder::new().prefix(".blockwork-").tempfile_in(directory).with_context(told)?;
    file.write_all(page.as_bytes()).with_context(told)?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666 & !umask());
    file.as_file().set_permissions(permissions).with_context(told)?;
    file.persist(output).map_err(|error| error.error).with_context(told)?;
    Ok(page.len() as u64)
}

/// What this process keeps others from, as the kernel says it.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    mask.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
}
