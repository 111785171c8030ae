//! What a spool asks of the system: a file that is mapped piece by piece, and
//! how forked children see it.
//!
//! Nothing here allocates but opening a file by a long path.

use core::{cell::Cell, ffi::CStr, ptr::NonNull, time::Duration};
use std::{fs, io::Read as _, process, thread};

use rustix::{
    fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
    fs::{self as files, FallocateFlags, Mode, OFlags},
    io as calls,
    mm::{self, Advice, MapFlags, ProtFlags},
    process::{Resource, getrlimit},
};

/// An error number of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) u16);

impl Errno {
    pub(crate) const FBIG: Self = Self::of(calls::Errno::FBIG);
    pub(crate) const NOSPC: Self = Self::of(calls::Errno::NOSPC);
    pub(crate) const DQUOT: Self = Self::of(calls::Errno::DQUOT);
    const INVAL: Self = Self::of(calls::Errno::INVAL);

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the system's are from 1 to 4095")]
    const fn of(errno: calls::Errno) -> Self {
        Self(errno.raw_os_error() as u16)
    }
}

impl From<calls::Errno> for Errno {
    fn from(errno: calls::Errno) -> Self {
        Self::of(errno)
    }
}

impl From<Errno> for std::io::Error {
    fn from(Errno(errno): Errno) -> Self {
        Self::from_raw_os_error(errno.into())
    }
}

type Result<T> = core::result::Result<T, Errno>;

/// An open file, closed when dropped.
#[derive(Debug)]
pub(crate) struct File(OwnedFd);

impl File {
    /// Makes a file where none is, to read and write.
    pub(crate) fn create(path: &CStr) -> Result<Self> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOCTTY;
        Ok(Self(files::open(path, flags, Mode::from_raw_mode(0o666))?))
    }

    /// Removes the file at `path`, if a plain one is there.
    pub(crate) fn remove(path: &CStr) {
        let plain = |about: &files::Stat| files::FileType::from_raw_mode(about.st_mode).is_file();
        if files::lstat(path).is_ok_and(|about| plain(&about)) {
            let _ = files::unlink(path);
        }
    }

    /// The number that the system knows the file by, while it is open.
    pub(crate) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Opens the file of a number once more.
    ///
    /// # Safety
    ///
    /// - The number is of a file that was kept open.
    pub(crate) unsafe fn again(number: i32) -> Result<Self> {
        // SAFETY: the caller's promise.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        Ok(Self(calls::fcntl_dupfd_cloexec(file, 0)?))
    }

    /// What tells this file from all others, device and inode; and its size.
    pub(crate) fn about(&self) -> Result<([u64; 2], u64)> {
        let stat = files::fstat(&self.0)?;
        Ok(([stat.st_dev, stat.st_ino], u64::try_from(stat.st_size).unwrap_or(0)))
    }

    /// Writes all of `bytes` at the beginning.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        while !bytes.is_empty() {
            let written = calls::pwrite(&self.0, bytes, at)?;
            if written == 0 {
                return Err(Errno::NOSPC);
            }
            bytes = bytes.get(written..).unwrap_or_default();
            at = at.saturating_add(written as u64);
        }
        Ok(())
    }

    /// Takes the disk's room for `from..to`, so that writing there never fails.
    /// `from` is at a page's beginning, and the bytes of that page that are in
    /// use do not reach its last.
    pub(crate) fn reserve(&self, from: usize, to: usize) -> Result<()> {
        let length = to.saturating_sub(from) as u64;
        loop {
            match files::fallocate(&self.0, FallocateFlags::empty(), from as u64, length) {
                Err(calls::Errno::INTR) => {}
                Err(calls::Errno::OPNOTSUPP) => return self.reserve_by_writing(from, to),
                done => return Ok(done?),
            }
        }
    }

    /// For file systems that cannot reserve: writes a zero into every page of a
    /// range that holds nothing yet.
    fn reserve_by_writing(&self, from: usize, to: usize) -> Result<()> {
        let last = page_size().wrapping_sub(1);
        for page in (from..to).step_by(page_size()) {
            calls::pwrite(&self.0, &[0], page.saturating_add(last) as u64)?;
        }
        Ok(())
    }

    /// Makes the file end at `length`.
    pub(crate) fn cut(&self, length: u64) {
        // If it stays longer, nobody reads what is there.
        let _ = files::ftruncate(&self.0, length);
    }

    /// Maps `length` bytes from `offset` on, to read and write, shared.
    pub(crate) fn map(&self, offset: usize, length: usize) -> Result<NonNull<u8>> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the system chooses a free address, so no other memory changes.
        let start = unsafe {
            mm::mmap(core::ptr::null_mut(), length, access, MapFlags::SHARED, self.0.as_fd(), offset as u64)?
        };
        NonNull::new(start.cast()).ok_or(Errno::INVAL)
    }
}

/// Bytes in a page: a power of two.
pub(crate) fn page_size() -> usize {
    super::memory::page_size()
}

/// Maps zeroed memory of our own.
pub(crate) fn map_anonymous(length: usize) -> Result<NonNull<u8>> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the system chooses a free address, so no other memory changes.
    let start = unsafe { mm::mmap_anonymous(core::ptr::null_mut(), length, access, MapFlags::PRIVATE)? };
    NonNull::new(start.cast()).ok_or(Errno::INVAL)
}

/// Gives a mapping back.
///
/// # Safety
///
/// - `start` and `length` are of [`File::map`] or [`map_anonymous`], and nobody
///   uses the memory any more.
pub(crate) unsafe fn unmap(start: *mut u8, length: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { mm::munmap(start.cast(), length) };
}

/// How a forked child sees a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnFork {
    /// Not at all.
    Absent,
    /// Full of zeroes; only for anonymous memory.
    Zeroed,
}

/// Chooses how forked children see a mapping.
pub(crate) fn on_fork(start: *mut u8, length: usize, how: OnFork) -> Result<()> {
    let advice = match how {
        OnFork::Absent => Advice::LinuxDontFork,
        OnFork::Zeroed => Advice::LinuxWipeOnFork,
    };
    // SAFETY: neither choice changes what this process sees.
    unsafe { mm::madvise(start.cast(), length, advice)? }
    Ok(())
}

/// The size that this process may give to a file.
pub(crate) fn file_limit() -> usize {
    getrlimit(Resource::Fsize).current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// This process.
pub(crate) fn process() -> u32 {
    process::id()
}

/// What the system calls this program: 15 bytes and a zero.
pub(crate) fn name() -> [u32; 4] {
    let mut bytes = [0; 16];
    let read = fs::File::open("/proc/self/comm").and_then(|mut file| file.read(&mut bytes)).unwrap_or(0);
    let (words, _) = bytes.as_chunks::<4>();
    let mut name = [0; 4];
    for (word, bytes) in name.iter_mut().zip(words) {
        *word = u32::from_ne_bytes(bytes.map(|byte| if byte == b'\n' { 0 } else { byte }));
    }
    if read == 0 { [0; 4] } else { name }
}

/// Lets other threads run.
pub(crate) fn give_way() {
    thread::yield_now();
}

/// Sleeps for a tenth of a millisecond.
pub(crate) fn sleep() {
    thread::sleep(Duration::from_micros(100));
}

std::thread_local! {
    /// Constant and without a destructor: using it allocates nothing, at any
    /// time of a thread's life.
    static SLOT: Cell<u32> = const { Cell::new(0) };
}

/// What this thread has put into its slot; 0 at first.
#[inline]
pub(crate) fn thread_slot() -> u32 {
    SLOT.get()
}

/// Fills the slot of this thread.
pub(crate) fn set_thread_slot(value: u32) {
    SLOT.set(value);
}
