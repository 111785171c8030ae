//! The spool while it is being written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    mem::offset_of,
    os::{fd::AsRawFd, unix::fs::FileExt},
    path::Path,
    ptr::{self, NonNull},
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::Duration,
};

use crate::recorder::layout::{self, HEADER, Header};

/// A file that a recorder appends to, its header mapped.
#[derive(Debug)]
pub struct Spool {
    file: File,
    header: NonNull<Header>,
    /// Whether the recorder has gone.
    over: AtomicBool,
    /// Bytes of events that the follower has read.
    followed: AtomicU64,
}

// SAFETY: the header is made of atomics and of fields that nobody writes, and
// stays mapped while this lives.
unsafe impl Send for Spool {}
// SAFETY: as above.
unsafe impl Sync for Spool {}

impl Spool {
    /// Makes an empty spool. Nothing may be there, or with `replace` no more
    /// than a plain file.
    pub fn create(path: &Path, replace: bool) -> io::Result<Self> {
        if replace && fs::symlink_metadata(path).is_ok_and(|about| about.is_file()) {
            fs::remove_file(path)?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let spool = Self::prepare(file);
        if spool.is_err() {
            drop(fs::remove_file(path));
        }
        spool
    }

    fn prepare(file: File) -> io::Result<Self> {
        // All of it is written, so that the disk has room for it.
        let mut bytes = vec![0; HEADER];
        let version = offset_of!(Header, version);
        bytes[..layout::MAGIC.len()].copy_from_slice(&layout::MAGIC);
        bytes[version..version + 4].copy_from_slice(&layout::VERSION.to_ne_bytes());
        file.write_all_at(&bytes, 0)?;
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: the system chooses a free address, so no other memory changes.
        let address = unsafe { libc::mmap(ptr::null_mut(), HEADER, access, shared, file.as_raw_fd(), 0) };
        match NonNull::new(address) {
            Some(header) if address != libc::MAP_FAILED => {
                Ok(Self { file, header: header.cast(), over: AtomicBool::new(false), followed: AtomicU64::new(0) })
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    const fn header(&self) -> &Header {
        // SAFETY: mapped while this lives, aligned to a page, and all bits are
        // legal.
        unsafe { self.header.as_ref() }
    }

    /// Makes this process the one to record. May be called between `fork` and
    /// `exec`.
    pub fn claim(&self) {
        self.header().root.store(std::process::id(), Relaxed); // `exec` orders it
    }

    /// Has the recorder look who asks for each block, so deep.
    pub fn look_for_stacks(&self, depth: u32) {
        self.header().stacks.store(depth, Relaxed); // `exec` orders it
    }

    /// Bytes of events so far.
    pub fn committed(&self) -> u64 {
        self.header().committed.load(Acquire) // pairs with Release in the recorder
    }

    /// The header as it is now.
    pub fn header_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; HEADER];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Says that no more events will come. Who waits for some should be
    /// unparked.
    pub fn end(&self) {
        self.over.store(true, Release); // pairs with Acquire in `read`
    }

    /// Gives back what the recorder took of the disk in advance.
    pub fn trim(&self) -> io::Result<()> {
        let end = layout::EVENTS.saturating_add(self.committed());
        if self.file.metadata()?.len() > end { self.file.set_len(end) } else { Ok(()) }
    }

    /// The events, as they come, until the spool ends. For one reader.
    pub const fn follow(&self) -> Follow<'_> {
        Follow { spool: self }
    }

    /// Bytes of events that were followed so far.
    pub fn followed(&self) -> u64 {
        self.followed.load(Relaxed)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // SAFETY: mapped by us with this length; no reference outlives us.
        unsafe { libc::munmap(self.header.as_ptr().cast(), HEADER) };
    }
}

/// Reads the events of a spool that is being written.
#[derive(Debug)]
pub struct Follow<'a> {
    spool: &'a Spool,
}

impl Read for Follow<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            // Looked at first: what is committed by then is all there will be.
            let over = self.spool.over.load(Acquire);
            let at = self.spool.followed();
            let there = self.spool.committed().saturating_sub(at);
            if there > 0 {
                let length = bytes.len().min(usize::try_from(there).unwrap_or(usize::MAX));
                let read = self.spool.file.read_at(&mut bytes[..length], layout::EVENTS.saturating_add(at))?;
                if read == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut while it was written"));
                }
                self.spool.followed.store(at + read as u64, Relaxed); // for display, and for us
                return Ok(read);
            }
            if over {
                return Ok(0);
            }
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_gets_all_that_was_committed_before_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::create(&directory.path().join("spool"), false).unwrap();
        spool.file.write_all_at(b"abcdef", layout::EVENTS).unwrap();
        thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let mut text = String::new();
                spool.follow().read_to_string(&mut text).map(|_| text)
            });
            spool.header().committed.store(3, Release);
            thread::sleep(Duration::from_millis(5));
            spool.header().committed.store(5, Release);
            spool.end();
            follower.thread().unpark();
            assert_eq!(follower.join().unwrap().unwrap(), "abcde");
        });
        spool.trim().unwrap();
        assert_eq!(spool.file.metadata().unwrap().len(), layout::EVENTS + 5);
    }

    #[test]
    fn a_spool_that_someone_cuts_is_an_error_and_not_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::create(&directory.path().join("spool"), false).unwrap();
        spool.header().committed.store(3, Release);
        spool.end();
        let error = spool.follow().read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn only_plain_files_are_replaced_and_only_when_asked_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool");
        fs::write(&path, "precious").unwrap();
        assert_eq!(Spool::create(&path, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert!(Spool::create(&path, true).is_ok());
        assert!(Spool::create(directory.path(), true).is_err());
    }
}
