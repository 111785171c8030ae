//! Children that are recorded as well: each has a spool of its own, which
//! becomes a recording when the child has ended.
//!
//! ```text
//! FILE's header: children 71, 72, 73 ─► FILE.71: ended, packed ── FILE.72: runs, stays as it is ── 73: none
//! ```

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{pack, place, spool::Spool};
use crate::{recorder::layout::PROCESS, trace::Summary};

/// How long children may take to end when their parent has.
const PATIENCE: Duration = Duration::from_millis(500);

/// The children of a recorded process.
#[derive(Debug, Default)]
pub struct Family {
    /// Those that were recorded, in the order they ended.
    pub recorded: Vec<Child>,
    /// The spools of those that had not ended.
    pub running: Vec<PathBuf>,
    /// The names of those that were not recorded.
    pub skipped: Vec<String>,
    done: HashSet<u32>,
}

/// A child that was recorded.
#[derive(Debug)]
pub struct Child {
    /// The file.
    pub path: PathBuf,
    /// What the program is called.
    pub program: String,
    /// What was recorded; or why the file is still a spool.
    pub packed: Result<(Summary, u64), String>,
}

impl Family {
    /// Packs what children leave at `template` until `over`, and a moment
    /// beyond.
    pub fn follow(root: &Spool, template: &Path, over: &AtomicBool) -> Self {
        let mut family = Self::default();
        let mut end = None;
        loop {
            let was_over = over.load(Relaxed);
            family.sweep(root, template);
            if was_over {
                let end = end.get_or_insert_with(|| Instant::now() + PATIENCE);
                if family.running.is_empty() || Instant::now() >= *end {
                    return family;
                }
            }
            thread::park_timeout(Duration::from_millis(if was_over { 20 } else { 200 }));
        }
    }

    /// Looks at every child once.
    fn sweep(&mut self, root: &Spool, template: &Path) {
        self.running.clear();
        self.skipped.clear();
        for (process, program) in root.children() {
            if self.done.contains(&process) {
                continue;
            }
            let path = of_process(template, process);
            match Spool::left(&path, process) {
                Ok(Some(spool)) if is_running(process, spool.began()) => self.running.push(path),
                Ok(Some(spool)) => {
                    self.done.insert(process);
                    let packed = finish(&spool, &path, &program).map_err(|error| error.to_string());
                    self.recorded.push(Child { path, program, packed });
                }
                Ok(None) | Err(_) => self.skipped.push(program),
            }
        }
    }
}

fn finish(spool: &Spool, path: &Path, program: &str) -> io::Result<(Summary, u64)> {
    let (summary, file) = pack(spool, path.parent().unwrap_or(Path::new("/")), program)?;
    place(summary, file, path)
}

/// Whether a process is there and has not ended, and is the one that began then.
fn is_running(process: u32, began: u64) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{process}/stat")) else { return false };
    // The second field is a name in brackets, with whatever in it.
    let name = stat.iter().rposition(|&byte| byte == b')').map_or(0, |at| at + 2);
    let fields: Vec<_> = stat.get(name..).unwrap_or_default().split(|&byte| byte == b' ').collect();
    let ended = matches!(fields.first(), Some(&(b"Z" | b"X")));
    let then = fields.get(19).and_then(|field| str::from_utf8(field).ok()?.parse().ok());
    !ended && then == Some(began)
}

/// `path` with the number of a process where its file name says so.
pub fn of_process(path: &Path, process: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    path.with_file_name(replaced(name, process.to_string().as_bytes()))
}

fn replaced(name: &[u8], digits: &[u8]) -> OsString {
    let (mut out, mut rest) = (Vec::new(), name);
    while let [first, others @ ..] = rest {
        if let Some(behind) = rest.strip_prefix(PROCESS.as_bytes()) {
            out.extend_from_slice(digits);
            rest = behind;
        } else {
            out.push(*first);
            rest = others;
        }
    }
    OsString::from_vec(out)
}

/// Whether a text says where the number of a process goes.
pub fn has_process(text: &OsStr) -> bool {
    text.as_bytes().windows(PROCESS.len()).any(|part| part == PROCESS.as_bytes())
}

/// The template of the children's files beside `path`.
pub fn template(path: &Path) -> PathBuf {
    if path.file_name().is_some_and(has_process) {
        return path.into();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(PROCESS);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_named_beside_their_parent() {
        assert_eq!(template(Path::new("/a/b.bwrec")), Path::new("/a/b.%p.bwrec"));
        assert_eq!(template(Path::new("b")), Path::new("b.%p"));
        assert_eq!(template(Path::new("b-%p.x")), Path::new("b-%p.x"));
        assert_eq!(of_process(Path::new("/%p/b-%p.x%p"), 17), Path::new("/%p/b-17.x17"));
        assert!(has_process(OsStr::new("a%pb")) && !has_process(OsStr::new("a%")));
    }

    #[test]
    fn a_process_runs_if_it_began_when_it_is_said_to_have() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let began = stat.rsplit(')').next().unwrap().split(' ').nth(20).unwrap().parse().unwrap();
        assert!(is_running(std::process::id(), began));
        assert!(!is_running(std::process::id(), began + 1));
        assert!(!is_running(0, 0));
    }
}
