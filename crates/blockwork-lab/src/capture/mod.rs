//! Recording, from a command line to a file.
//!
//! ```text
//! check the program ─► create FILE ─┬─► run with the recorder ─┬─► replace FILE
//!         │                         └─► pack what it writes ───┘       │
//!         └── what cannot work is said before anything runs            └── or leave it as it is: readable
//! ```

pub mod process;
pub mod program;
mod spool;

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File, Permissions},
    io::{self, BufWriter, Seek},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

pub use self::process::End;
use self::{program::CANNOT_RUN, spool::Spool};
use crate::{
    cli,
    recorder::{self, layout::VARIABLE},
    text,
    trace::{self, Summary},
};
use indicatif::{ProgressBar, ProgressStyle};

/// Why nothing was recorded, and the code to end with.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub code: u8,
    /// The reason.
    pub message: String,
}

impl Failure {
    pub const fn new(code: u8, message: String) -> Self {
        Self { code, message }
    }

    /// The lab's own failure.
    pub const fn own(message: String) -> Self {
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
    /// How deep to look who asks for each block; 0 for not at all.
    pub stacks: u32,
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
            }
            Err(why) => {
                say("Recorded", &format!("{}, but could not pack it: {why}", self.path.display()));
                say("Next", &format!("blockwork stats {} reads it as it is", text::shell(&self.path)));
            }
        }
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        !self.reached || matches!(&self.packed, Ok((summary, _)) if summary.totals.events() == 0)
    }

    /// Says on standard error what to do with the recording.
    pub fn suggest(&self) {
        if self.packed.is_ok() && !self.is_empty() {
            say("Next", &format!("blockwork compare {}", text::shell(&self.path)));
        }
    }

    fn remarks(&self, summary: &Summary) -> Vec<(&'static str, String)> {
        let mut remarks = Vec::new();
        if let Some(image) = &summary.silent {
            remarks.push(("Nothing", format!("was allocated through malloc by {image}. {NO_EVENTS}")));
        }
        if summary.children > 0 {
            remarks.push(("Skipped", text::children(&summary.child_names, summary.children)));
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
            remarks.push(("Warning", format!("{ENDED_EARLY}: {why}")));
        }
        remarks
    }
}

/// Prints a line with its title.
fn say(title: &str, text: &str) {
    text::tell(format_args!("{title:>11} {text}"));
}

const ENDED_EARLY: &str = "recording ended before the program did";

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
    let spool = Spool::create(&path, request.force)
        .map(Arc::new)
        .map_err(|error| Failure::own(format!("cannot write {shown}: {}", explain(&error))))?;
    spool.look_for_stacks(request.stacks);
    let done = record_into(request.command, &program, &path, &spool);
    if !done.as_ref().is_ok_and(|recording| recording.reached) {
        // Nothing was recorded, so nothing is lost.
        drop(fs::remove_file(&path));
    }
    done
}

fn record_into(command: &[OsString], program: &str, path: &Path, spool: &Arc<Spool>) -> Result<Recording, Failure> {
    let absolute = fs::canonicalize(path)
        .map_err(|error| Failure::own(format!("cannot find {} again: {error}", path.display())))?;
    let beside = absolute.parent().unwrap_or(Path::new("/"));
    let library = recorder::install(recorder::RECORDER, beside)
        .map_err(|error| Failure::own(format!("cannot put the recorder where it can be loaded: {error}")))?;
    let (end, packed) = thread::scope(|scope| {
        // Packed while the program runs, so that little is left to do after it.
        let packer = scope.spawn(|| pack(spool, beside, program));
        let claimed = Arc::clone(spool);
        // Which process is the one to record is settled before it starts.
        let claim = move || claimed.claim();
        let end = process::run(command, library.path(), (VARIABLE, absolute.as_os_str()), claim);
        spool.end();
        packer.thread().unpark();
        show_progress(spool, &packer);
        let packed = packer.join().unwrap_or_else(|_| Err(io::Error::other("the packer panicked")));
        (end, packed)
    });
    let end = end.map_err(|error| Failure::new(CANNOT_RUN, format!("cannot run {program}: {error}")))?;
    let packed = match packed.and_then(|(summary, file)| place(summary, file, &absolute)) {
        Ok(packed) => Ok(packed),
        Err(error) => {
            drop(spool.trim()); // as it is, only longer than need be
            let stopped = spool.header_bytes().ok().and_then(|header| trace::stopped(&header));
            Err(stopped.map_or_else(|| error.to_string(), |why| format!("{error}; {ENDED_EARLY}: {why}")))
        }
    };
    Ok(Recording { path: path.into(), program: program.into(), end, reached: spool.committed() > 0, packed })
}

fn output_path(output: Option<&Path>, program: &str) -> PathBuf {
    output.map_or_else(|| format!("{program}.{}.bwrec", std::process::id()).into(), PathBuf::from)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "it exists; choose another name, or --force to replace it".into(),
        _ => error.to_string(),
    }
}

/// Turns the spool into a recording, in a file without a name: whatever happens,
/// nothing of it stays.
fn pack(spool: &Spool, directory: &Path, program: &str) -> io::Result<(Summary, File)> {
    let header = || spool.header_bytes();
    let output = BufWriter::new(tempfile::tempfile_in(directory)?);
    let (output, summary) = trace::pack(spool.follow(), header, output, program)?;
    Ok((summary, output.into_inner()?))
}

/// Shows how far the packer is, should that take long.
fn show_progress<T>(spool: &Spool, packer: &ScopedJoinHandle<'_, T>) {
    let patience = Duration::from_millis(500);
    let begin = Instant::now();
    let mut bar = None;
    while !packer.is_finished() {
        if begin.elapsed() > patience {
            let bar = bar.get_or_insert_with(|| {
                let style = ProgressStyle::with_template("    Packing {wide_bar} {bytes}/{total_bytes}");
                let bar = ProgressBar::new(spool.committed());
                style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
            });
            bar.set_position(spool.followed());
        }
        thread::sleep(Duration::from_millis(1));
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Puts the recording where the spool is.
fn place(summary: Summary, mut packed: File, path: &Path) -> io::Result<(Summary, u64)> {
    let mut file = tempfile::Builder::new()
        .prefix(".blockwork-")
        .permissions(Permissions::from_mode(0o666)) // less what the user's mask takes
        .tempfile_in(path.parent().unwrap_or(Path::new("/")))?;
    packed.rewind()?;
    let size = io::copy(&mut packed, file.as_file_mut())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok((summary, size))
}
