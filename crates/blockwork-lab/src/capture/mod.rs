//! Recording, from a command line to a file.
//!
//! ```text
//! check the program ─► create FILE ─► run with the recorder ─► pack ─► replace FILE
//!         └── what cannot work is said before anything runs        └── or leave FILE as it is: readable
//! ```

mod process;
mod program;

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::ProgressBar;

pub use self::process::End;
use crate::{
    cli,
    recorder::{
        self,
        layout::{self, Header},
    },
    text,
    trace::{self, Summary},
};

/// Why nothing was recorded, and the code to end with.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub code: u8,
    /// The reason.
    pub message: String,
}

impl Failure {
    const fn new(code: u8, message: String) -> Self {
        Self { code, message }
    }

    /// The lab's own failure.
    const fn own(message: String) -> Self {
        Self::new(cli::FAILED, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What to record, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The program and its arguments.
    pub command: &'a [OsString],
    /// The file; by default one named after the program in this directory.
    pub output: Option<&'a Path>,
    /// Whether the file may exist, to be replaced.
    pub force: bool,
}

/// A program that has run, and what was recorded.
#[derive(Debug)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// What the program is called.
    pub program: String,
    /// How the program ended.
    pub end: End,
    /// Whether the recorder was ever loaded.
    pub reached: bool,
    /// What was recorded; or why the file is still a spool, which can be read
    /// as well.
    pub packed: Result<(Summary, u64), String>,
}

impl Recording {
    /// The code that `record` ends with: the program's, unless that is success
    /// and the recording is none.
    pub fn code(&self) -> u8 {
        let complete = self.reached && matches!(&self.packed, Ok((summary, _)) if summary.stopped.is_none());
        match self.end.code() {
            0 if !complete => cli::FAILED,
            code => code,
        }
    }

    /// Says on standard error what happened.
    pub fn report(&self) {
        let say = |title: &str, text: &str| eprintln!("{title:>11} {text}");
        if !matches!(self.end, End::Exited(_)) {
            say("Ended", &format!("{} {}", self.program, self.end));
        }
        if !self.reached {
            say("Nothing", &format!("was recorded: {} never loaded the recorder. {NOT_REACHED}", self.program));
            return;
        }
        match &self.packed {
            Ok((summary, size)) => {
                let events = summary.totals.events();
                say("Recorded", &format!("{}: {}", self.path.display(), amount(events, *size)));
                for (title, text) in self.remarks(summary) {
                    say(title, &text);
                }
                if events > 0 {
                    say("Next", &format!("blockwork compare {}", text::shell(&self.path)));
                }
            }
            Err(why) => {
                say("Recorded", &format!("{}, but could not pack it: {why}", self.path.display()));
                say("Next", &format!("blockwork stats {} reads it as it is", text::shell(&self.path)));
            }
        }
    }

    fn remarks(&self, summary: &Summary) -> Vec<(&'static str, String)> {
        let mut remarks = Vec::new();
        if summary.totals.events() == 0 {
            remarks.push(("Nothing", format!("was allocated through malloc by {}. {NO_EVENTS}", self.program)));
        }
        if summary.children > 0 {
            let children = text::counted(summary.children.into(), "child", "children");
            remarks.push(("Skipped", format!("{children}: {}", text::tally(&summary.child_names))));
        }
        if summary.totals.strays > 0 {
            let strays = text::counted(summary.totals.strays, "free", "frees");
            let double = text::counted(summary.totals.double_frees, "double free", "double frees");
            remarks.push(("Warning", format!("{strays} of what was not a live block, {double} among them")));
        }
        if summary.lost > 0 {
            let lost = text::counted(summary.lost, "call", "calls");
            remarks.push(("Warning", format!("{lost} from signal handlers could not be recorded")));
        }
        if let Some(why) = &summary.stopped {
            remarks.push(("Warning", format!("recording ended before the program did: {why}")));
        }
        remarks
    }
}

const NOT_REACHED: &str = "It, or what it called `exec` for, is set-user-id, statically linked, or cleared its \
                           environment (LD_PRELOAD)";

const NO_EVENTS: &str = "If it does allocate, it brings its own allocator. In Rust, a #[global_allocator] is one: \
                         build with std::alloc::System to record";

/// How much was recorded, in how many bytes.
fn amount(events: u64, size: u64) -> String {
    let each = size * 100 / events.max(1);
    let rate = if events == 0 { String::new() } else { format!(", {}.{:02} bytes each", each / 100, each % 100) };
    format!("{}, {}{rate}", text::counted(events, "event", "events"), text::bytes(size))
}

/// Runs a program and records it.
pub fn record(request: Request<'_>) -> Result<Recording, Failure> {
    if !recorder::AVAILABLE {
        return Err(Failure::own(
            "recording needs Linux on x86-64 with glibc; this command was built for another".into(),
        ));
    }
    let Some(typed) = request.command.first() else { return Err(Failure::own("no program to record".into())) };
    program::check(typed)?;
    let program = text::base_name(typed);
    let path = output_path(request.output, &program);
    let shown = path.display().to_string();
    let spool = create(&path, request.force)
        .map_err(|error| Failure::own(format!("cannot write {shown}: {}", explain(&error))))?;
    let done = record_into(request.command, &program, &path, &spool);
    if done.is_err() {
        // Nothing ran, so nothing is lost.
        let _ = fs::remove_file(&path);
    }
    done
}

fn record_into(command: &[OsString], program: &str, path: &Path, spool: &File) -> Result<Recording, Failure> {
    let absolute = fs::canonicalize(path)
        .map_err(|error| Failure::own(format!("cannot find {} again: {error}", path.display())))?;
    let beside = absolute.parent().unwrap_or(Path::new("/"));
    let library = recorder::install(beside)
        .map_err(|error| Failure::own(format!("cannot put the recorder where it can be loaded: {error}")))?;
    let end = process::run(command, &library, (&absolute, spool))
        .map_err(|error| Failure::new(126, format!("cannot run {program}: {error}")))?;
    let committed = number_at(spool, std::mem::offset_of!(Header, committed)).unwrap_or(0);
    let reached = committed > 0;
    let packed = pack(spool, committed, &absolute, program).map_err(|error| error.to_string());
    if !reached {
        let _ = fs::remove_file(&absolute);
    }
    Ok(Recording { path: path.into(), program: program.into(), end, reached, packed })
}

fn output_path(output: Option<&Path>, program: &str) -> PathBuf {
    output.map_or_else(|| format!("{program}.{}.bwrec", std::process::id()).into(), PathBuf::from)
}

/// Makes an empty spool.
fn create(path: &Path, force: bool) -> io::Result<File> {
    if force && fs::symlink_metadata(path).is_ok_and(|about| about.is_file()) {
        fs::remove_file(path)?;
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    let prepared = prepare(&file);
    if prepared.is_err() {
        let _ = fs::remove_file(path);
    }
    prepared.map(|()| file)
}

/// Writes the header, all of it, so that the disk has room for it.
fn prepare(file: &File) -> io::Result<()> {
    let mut header = vec![0; usize::try_from(layout::EVENTS).map_err(io::Error::other)?];
    header[..8].copy_from_slice(&layout::MAGIC);
    let version = std::mem::offset_of!(Header, version);
    header[version..version + 4].copy_from_slice(&layout::VERSION.to_ne_bytes());
    file.write_all_at(&header, 0)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "it exists; choose another name, or --force to replace it".into(),
        _ => error.to_string(),
    }
}

fn number_at(file: &File, offset: usize) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, offset as u64)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Turns the spool at `path` into a recording, which takes its place.
fn pack(mut spool: &File, committed: u64, path: &Path, program: &str) -> io::Result<(Summary, u64)> {
    // What the recorder took in advance is free for the result.
    let end = layout::EVENTS.saturating_add(committed);
    if spool.metadata()?.len() > end {
        spool.set_len(end)?;
    }
    spool.rewind()?;
    let progress = ProgressBar::new(end).with_style(style()).with_message(program.to_owned());
    progress.enable_steady_tick(Duration::from_millis(200));
    let beside = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .prefix(".blockwork-")
        .permissions(Permissions::from_mode(0o666)) // less what the user's mask takes
        .tempfile_in(beside)?;
    let input = BufReader::with_capacity(1 << 20, progress.wrap_read(spool.take(end)));
    let (mut output, summary) = trace::pack(input, BufWriter::new(&mut file), program)?;
    output.flush()?;
    drop(output);
    progress.finish_and_clear();
    let size = file.as_file().metadata()?.len();
    file.persist(path).map_err(|error| error.error)?;
    Ok((summary, size))
}

/// Shown after a moment, and only to people.
fn style() -> indicatif::ProgressStyle {
    indicatif::ProgressStyle::with_template("    Packing {msg} {wide_bar} {bytes}/{total_bytes}")
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar())
}
