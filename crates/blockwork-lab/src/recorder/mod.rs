//! The recorder, as the lab holds it: a library in a file, and the layout of
//! what it writes.
//!
//! The file is removed when the recording ends, and locked until then. A command
//! that was killed leaves its file behind, but not the lock: the next one that
//! comes to the directory knows by that what to remove. (A file without a name
//! would need no removal; but programs that close what they inherit, or run as
//! another user or in another namespace, could not load it.)
//!
//! Its source is the folder `recorder` beside `src`, which the build script
//! compiles on its own. Its modules appear here again for tests and lints.

use std::{
    ffi::{CString, OsStr, OsString},
    fs::{self, DirEntry, File, Permissions},
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempPath;

#[cfg(all(test, recorder))]
#[path = "../../recorder/modules.rs"]
mod modules;
#[cfg(all(test, recorder))]
#[path = "../../recorder/names.rs"]
mod names;
#[cfg(all(test, recorder))]
#[path = "../../recorder/next.rs"]
mod next;
#[cfg(all(test, recorder))]
#[path = "../../recorder/sites.rs"]
mod sites;
#[cfg(all(test, recorder))]
#[path = "../../recorder/spool.rs"]
mod spool;
#[cfg(all(test, recorder))]
#[path = "../../recorder/sys.rs"]
mod sys;
#[cfg(all(test, recorder))]
mod tests;
#[cfg(all(test, recorder))]
#[path = "../../recorder/unwind.rs"]
mod unwind;
#[cfg(all(test, recorder))]
#[expect(dead_code, reason = "shared with the library, where a recording may end before the process does")]
#[path = "../../recorder/writer.rs"]
mod writer;

#[cfg(all(test, recorder))]
use std::sync::atomic;

pub use blockwork::combine::recorded::layout;
#[cfg(all(test, recorder))]
use blockwork::wire;

/// The recorder; empty where it cannot be built.
pub const RECORDER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recorder.so"));

/// The checker, which programs load in the same way; empty as well.
pub const CHECKER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/checker.so"));

/// How the library's file is called, up to a random part.
const PREFIX: &str = "blockwork-recorder-";

/// How it ends.
const SUFFIX: &str = ".so";

/// Whether programs can be recorded on this platform.
pub const AVAILABLE: bool = !RECORDER.is_empty() && !CHECKER.is_empty();

/// The library in a file, for as long as this lives.
#[derive(Debug)]
pub struct Installed {
    path: TempPath,
    /// Open for reading, with a shared lock. A recorded program never has it:
    /// it closes when the program starts.
    _lock: File,
}

impl Installed {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Puts `library` where any process can load it from, for as long as the
/// result lives. `beside` is a directory to resort to.
pub fn install(library: &[u8], beside: &Path) -> io::Result<Installed> {
    let directory = places(beside).find(|place| is_fit(place)).ok_or_else(|| {
        io::Error::other("no directory to load the recorder from: all are mounted noexec, or have a space or a colon in their names; set TMPDIR")
    })?;
    sweep(&directory);
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .permissions(Permissions::from_mode(0o755))
        .tempfile_in(directory)?;
    file.write_all(library)?;
    // Closed, so that the loader never meets a file that is open for writing.
    let path = file.into_temp_path();
    let lock = File::open(&path)?;
    // Where locks are not to be had, nobody can take the file for a stale one.
    drop(lock.lock_shared());
    Ok(Installed { path, _lock: lock })
}

/// How long a file may be without a lock: it gets one after it is written.
const YOUTH: Duration = Duration::from_secs(60);

/// Removes what commands that were killed have left in `directory`.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok).filter(is_stale) {
        // Somebody else may be faster.
        drop(fs::remove_file(entry.path()));
    }
}

/// Whether a file is a library of ours that nobody holds any more.
fn is_stale(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let ours = name.as_bytes().starts_with(PREFIX.as_bytes()) && name.as_bytes().ends_with(SUFFIX.as_bytes());
    ours && is_old_file(entry) && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
}

/// Whether it is a file, of this user, and not just about to be locked.
fn is_old_file(entry: &DirEntry) -> bool {
    // SAFETY: always allowed.
    let user = unsafe { libc::getuid() };
    entry.metadata().is_ok_and(|about| {
        let age = about.modified().ok().and_then(|then| then.elapsed().ok());
        about.is_file() && about.uid() == user && age.is_some_and(|age| age > YOUTH)
    })
}

/// Where the library may go, best first.
fn places(beside: &Path) -> impl Iterator<Item = PathBuf> {
    [std::env::temp_dir(), "/dev/shm".into(), "/var/tmp".into(), beside.into()].into_iter()
}

/// Whether the loader accepts a library in `directory`: `LD_PRELOAD` splits at
/// spaces and colons, and code may not come from everywhere.
fn is_fit(directory: &Path) -> bool {
    let bytes = directory.as_os_str().as_bytes();
    directory.is_absolute() && directory.is_dir() && !bytes.iter().any(|byte| b" :".contains(byte)) && !is_noexec(bytes)
}

fn is_noexec(directory: &[u8]) -> bool {
    let Ok(directory) = CString::new(directory) else { return true };
    // SAFETY: plain numbers, for which zero is a value.
    let mut about: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: a string with its zero, and a place of the right type.
    let result = unsafe { libc::statvfs(directory.as_ptr(), &raw mut about) };
    result != 0 || about.f_flag & libc::ST_NOEXEC != 0
}

/// The value of `LD_PRELOAD` that loads `library` before all that is asked for
/// already. First, because whoever is first gets the calls; and alone, for a
/// recorder of an outer `record` would write into the same spool.
pub fn preload(library: &Path, before: Option<OsString>) -> OsString {
    let mut value = library.as_os_str().to_owned();
    let before = before.unwrap_or_default();
    for other in before.as_bytes().split(|byte| b" :".contains(byte)) {
        if !other.is_empty() && !other.windows(PREFIX.len()).any(|part| part == PREFIX.as_bytes()) {
            value.push(":");
            value.push(OsStr::from_bytes(other));
        }
    }
    value
}
