//! [`Spool`]: the file that a program records itself into.
//!
//! ```text
//! start(path) ─► header │ events, as they come, in a mapped window │ room taken in advance
//!                                                        committed ┘
//! ```
//!
//! `blockwork stats FILE` and `blockwork compare FILE` read it, at any time: an
//! event counts from the moment it is written, and what a program that is killed
//! has written, stays. Only Linux can hide memory from forked children, so only
//! there is a `Spool`.
//!
//! | | |
//! |---|---|
//! | time | off: one load and a test; on: a lock without contention and a few stores; a system call or five per 1 to 8 MiB |
//! | space | 3 to 6 bytes of file per event; 64 KiB and a window of at most 8 MiB of addresses |
//! | sharing | any thread; one lock orders the events of all |
//! | failure | disk full, file limit, lost access: the recording [stops](Spool::stopped), the program goes on |
//!
//! What happens to the process: `fork` leaves the child unrecorded, and the
//! parent's file names it; `exec` and `exit` end the recording where it is; a
//! signal handler that allocates while its own thread is writing an event loses
//! that one event, which is counted. Nothing is allocated while recording, so
//! the spool may belong to the program's `#[global_allocator]`.
//!
//! When not to use it: for two allocators one of which carves the blocks of the
//! other: blocks are told apart by their addresses, so each takes its own.
//!
//! # Example
//!
//! ```
//! use blockwork::{Recorded, Spool, System};
//!
//! #[global_allocator]
//! static HEAP: Recorded<System, Spool> = Recorded::new(System, Spool::new());
//!
//! # let directory = std::env::temp_dir().join(format!("blockwork-spool-doctest-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # let path = directory.join("own.bwrec");
//! HEAP.recording().start(&path)?;
//! let words: Vec<String> = "what is asked for is written down".split(' ').map(String::from).collect();
//! HEAP.recording().stop();
//!
//! assert_eq!(words.len(), 7);
//! assert!(std::fs::metadata(&path)?.len() > 64 << 10);
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok::<(), std::io::Error>(())
//! ```

use core::{
    fmt,
    mem::offset_of,
    ptr::{self, NonNull},
};
use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::Path,
    process,
    sync::OnceLock,
};

use heap::{ffi::CString, string::ToString as _, vec};

use super::{
    Record,
    atomic::{
        AtomicPtr,
        Ordering::{Acquire, Relaxed, Release},
    },
    layout::{HEADER, Header, MAGIC, Origin, PROCESS, Stop, VARIABLE, VERSION},
    sys::{self, Errno, File, OnFork},
    wire::Event,
    writer::{PATH_MAX, Reach, Writer},
};

/// A recording in a file; see the [module](self).
pub struct Spool {
    /// Null, unless events are wanted.
    writer: AtomicPtr<Writer<Kept>>,
    open: OnceLock<Open>,
}

/// What a spool that was started has.
struct Open {
    file: File,
    header: NonNull<Header>,
    /// On memory of its own, which a forked child finds zeroed.
    writer: NonNull<Writer<Kept>>,
}

// SAFETY: the header and the writer are shared by their own rules, and stay
// mapped as long as this lives.
unsafe impl Send for Open {}
// SAFETY: the file is a number, header and writer are shared by their own rules.
unsafe impl Sync for Open {}

/// The file by its number, which [`Open`] keeps.
struct Kept(i32);

impl Reach for Kept {
    fn file(&self) -> Result<File, Errno> {
        // SAFETY: open as long as the spool is. If the program closed it over
        // our head, this fails, or finds a file that the writer knows for
        // another's by its identity.
        unsafe { File::again(self.0) }
    }
}

impl Spool {
    /// A spool that is off until it is [started](Self::start).
    #[must_use]
    pub const fn new() -> Self {
        Self { writer: AtomicPtr::new(ptr::null_mut()), open: OnceLock::new() }
    }

    /// Records into a new file at `path` from now on. A plain file that is
    /// there is replaced.
    ///
    /// # Errors
    ///
    /// What the system says if the file cannot be made, or mapped, or the disk
    /// has no room; [`io::ErrorKind::AlreadyExists`] if this spool was started
    /// before.
    pub fn start(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.start_at(path.as_ref(), true)
    }

    /// Records into the file that the variable `BLOCKWORK_RECORD` names, `%p` in
    /// it being this process, and says whether there is one. So whoever starts
    /// the program decides. No file is replaced.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start); [`io::ErrorKind::AlreadyExists`] also if
    /// the file is there, as it is under `blockwork record`.
    pub fn start_from_env(&self) -> io::Result<bool> {
        let Some(path) = env::var_os(VARIABLE) else { return Ok(false) };
        let (mut own, mut rest) = (vec![], path.as_bytes());
        while let Some((&first, others)) = rest.split_first() {
            if let Some(behind) = rest.strip_prefix(PROCESS.as_bytes()) {
                own.extend_from_slice(process::id().to_string().as_bytes());
                rest = behind;
            } else {
                own.push(first);
                rest = others;
            }
        }
        self.start_at(Path::new(OsStr::from_bytes(&own)), false).map(|()| true)
    }

    fn start_at(&self, path: &Path, replace: bool) -> io::Result<()> {
        let already = || io::Error::new(io::ErrorKind::AlreadyExists, "a spool is started once");
        if self.open.get().is_some() {
            return Err(already());
        }
        let path = CString::new(path.as_os_str().as_bytes())?;
        let image = env::current_exe().map(|path| path.into_os_string().into_vec()).unwrap_or_default();
        let image = image.get(..image.len().min(PATH_MAX)).unwrap_or_default();
        let open = Open::create(&path, replace)?;
        // SAFETY: nobody else knows it.
        unsafe { open.writer().begin(image) };
        if !open.writer().is_on() {
            File::remove(&path);
            return Err(open.why().map_or(io::ErrorKind::Other.into(), |(_, errno)| errno.into()));
        }
        let writer = open.writer.as_ptr();
        self.open.set(open).map_err(|_| already())?;
        self.writer.store(writer, Release); // pairs with Acquire in `record`
        Ok(())
    }

    /// Ends the recording for good; the file is as long as its events then.
    /// Does nothing if there is none.
    pub fn stop(&self) {
        // Others may be writing: what they write to stays until this is dropped.
        self.writer.store(ptr::null_mut(), Relaxed);
        if let Some(open) = self.open.get()
            && let Some(end) = open.writer().finish()
        {
            open.file.cut(end);
        }
    }

    /// Whether events are written down now, in this process.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.open.get().is_some_and(|open| open.writer().is_on())
    }

    /// Why the recording ended by itself, if it did.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.open.get().and_then(Open::why).map(|(stop, _)| stop)
    }

    /// Calls of signal handlers that could not be written down.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.open.get().map_or(0, |open| open.header().lost.load(Relaxed))
    }

    /// The writer was on once, and is not: it stopped, or this is a forked child.
    #[cold]
    fn leave(&self) {
        self.writer.store(ptr::null_mut(), Relaxed);
        if let Some(open) = self.open.get()
            && !open.writer().is_stopped()
        {
            open.header().enter_child(sys::process(), sys::name());
        }
    }
}

impl Record for Spool {
    #[inline]
    fn wants(&self) -> bool {
        // Relaxed: `record` looks again.
        !self.writer.load(Relaxed).is_null()
    }

    #[inline]
    fn record(&self, event: &Event<'_>) {
        // Acquire: the writer as it began; pairs with Release in `start`.
        // SAFETY: null, or mapped as long as the spool lives.
        if let Some(writer) = unsafe { self.writer.load(Acquire).as_ref() } {
            if writer.is_on() {
                writer.append(event);
            } else {
                self.leave();
            }
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Open {
    /// Makes a spool at `path` with no events; in place of what is there, or only
    /// if nothing is.
    fn create(path: &CString, replace: bool) -> Result<Self, Errno> {
        if HEADER > sys::file_limit() {
            return Err(Errno::FBIG);
        }
        if replace {
            File::remove(path);
        }
        let file = File::create(path)?;
        let made = Self::prepare(file);
        if made.is_err() {
            File::remove(path);
        }
        made
    }

    fn prepare(file: File) -> Result<Self, Errno> {
        // All of it is written, so that the disk has room for it.
        let mut bytes = vec![0; HEADER];
        let fields: [(usize, &[u8]); 4] = [
            (0, &MAGIC),
            (offset_of!(Header, version), &VERSION.to_ne_bytes()),
            (offset_of!(Header, root), &sys::process().to_ne_bytes()),
            (offset_of!(Header, origin), &(Origin::Program as u32).to_ne_bytes()),
        ];
        for (at, field) in fields {
            if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..field.len())) {
                place.copy_from_slice(field);
            }
        }
        file.write(&bytes)?;
        let (identity, _) = file.about()?;
        let header = file.map(0, HEADER)?.cast::<Header>();
        let writer = match sys::map_anonymous(sys::page_size()) {
            Ok(page) => page.cast::<Writer<Kept>>(),
            Err(errno) => {
                // SAFETY: mapped above, and nobody else knows it.
                unsafe { sys::unmap(header.as_ptr().cast(), HEADER) };
                return Err(errno);
            }
        };
        let new = Writer::new(Kept(file.number()), header.as_ptr(), identity);
        // SAFETY: a page of our own, larger than a writer.
        unsafe { writer.write(new) };
        let open = Self { file, header, writer };
        sys::on_fork(writer.as_ptr().cast(), sys::page_size(), OnFork::Zeroed)?;
        Ok(open)
    }

    const fn header(&self) -> &Header {
        // SAFETY: mapped while this lives, aligned to a page, all bits are
        // legal, and what others write to is atomic.
        unsafe { self.header.as_ref() }
    }

    const fn writer(&self) -> &Writer<Kept> {
        // SAFETY: mapped while this lives; all fields may be zero, which is
        // what a forked child finds.
        unsafe { self.writer.as_ref() }
    }

    fn why(&self) -> Option<(Stop, Errno)> {
        let (stop, errno) = Stop::unpack(self.header().stopped.load(Relaxed))?;
        Some((stop, Errno(u16::try_from(errno).unwrap_or(0))))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: mapped while this lives; all fields may be zero.
        let writer = unsafe { self.writer.as_mut() };
        // SAFETY: nobody else knows it any more.
        unsafe { writer.unmap() };
        // SAFETY: mapped by us, and not used again.
        unsafe { sys::unmap(self.writer.as_ptr().cast(), sys::page_size()) };
        // SAFETY: mapped by us, beside the writer, and not used again.
        unsafe { sys::unmap(self.header.as_ptr().cast(), HEADER) };
    }
}
