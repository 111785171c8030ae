//! The recorder, as the lab holds it: a library in a file, and the layout of
//! what it writes.
//!
//! Its source is the folder `recorder` beside `src`, which the build script
//! compiles on its own. Its modules appear here again for tests and lints.

use std::{
    ffi::{CString, OsStr, OsString},
    fs::Permissions,
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempPath;

#[cfg_attr(not(test), expect(dead_code, reason = "shared with the recorder, which writes what is read here"))]
#[path = "../../recorder/layout.rs"]
pub mod layout;

#[cfg(all(test, recorder))]
#[path = "../../recorder/names.rs"]
mod names;
#[cfg(all(test, recorder))]
#[path = "../../recorder/next.rs"]
mod next;
#[cfg(all(test, recorder))]
#[path = "../../recorder/spool.rs"]
mod spool;
#[cfg(all(test, recorder))]
#[path = "../../recorder/sys.rs"]
mod sys;
#[cfg(all(test, recorder))]
mod tests;
#[cfg(all(test, recorder))]
use blockwork::wire;

/// The library; empty where it cannot be built.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recorder.so"));

/// How the library's file is called, up to a random part.
const PREFIX: &str = "blockwork-recorder-";

/// Whether programs can be recorded on this platform.
pub const AVAILABLE: bool = !LIBRARY.is_empty();

/// Puts the library where any process can load it from, for as long as the
/// result lives. `beside` is a directory to resort to.
pub fn install(beside: &Path) -> io::Result<TempPath> {
    let directory = places(beside).find(|place| is_fit(place)).ok_or_else(|| {
        io::Error::other("no directory to load the recorder from: all are mounted noexec, or have a space or a colon in their names; set TMPDIR")
    })?;
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(".so")
        .permissions(Permissions::from_mode(0o755))
        .tempfile_in(directory)?;
    file.write_all(LIBRARY)?;
    // Closed, so that the loader never meets a file that is open for writing.
    Ok(file.into_temp_path())
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
